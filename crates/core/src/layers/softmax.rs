//! softmax: y = exp(x) / sum(exp(x)), for each row

use super::LayerOperation;
use crate::engine::RowFunction;
use crate::engine::panels::Panels;
use crate::engine::rows::{exponential, largest};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &[];

/// Creates one function of a row.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    Options::new("softmax", values, OPTIONS)?;
    Ok(vec![LayerOperation::Row(Box::new(Softmax))])
}

/// softmax(x)_i = exp(x_i - m) / sum_k exp(x_k - m), where m is the largest value of the row. If g is the
/// gradient with respect to the output y, the gradient with respect to the input is
/// y_i (g_i - sum_k g_k y_k).
struct Softmax;

impl Softmax {
    #[inline(always)]
    fn value<S: Simd>(s: S, values: &mut Panels, row: usize) {
        let most = s.splat(largest(s, values, row));
        let mut sums = s.splat(0.0);
        for panel in 0..values.count() {
            let mask = s.load(&values.mask(panel));
            let line = &mut values.panel_mut(panel, row + 1)[row];
            let value = exponential(s, s.load(line), most, mask);
            sums = s.add(sums, value);
            s.store(value, line);
        }
        let sum = s.splat(s.sum(sums));
        for panel in 0..values.count() {
            let line = &mut values.panel_mut(panel, row + 1)[row];
            s.store(s.div(s.load(line), sum), line);
        }
    }

    #[inline(always)]
    fn gradient<S: Simd>(s: S, gradient: &mut Panels, output: &Panels, row: usize) {
        let mut sums = s.splat(0.0);
        for panel in 0..output.count() {
            let value = s.load(&output.panel(panel, row + 1)[row]);
            sums = s.mul_add(s.load(&gradient.panel(panel, row + 1)[row]), value, sums);
        }
        let mean = s.splat(s.sum(sums));
        for panel in 0..output.count() {
            let value = s.load(&output.panel(panel, row + 1)[row]);
            let line = &mut gradient.panel_mut(panel, row + 1)[row];
            s.store(s.mul(value, s.sub(s.load(line), mean)), line);
        }
    }
}

impl<S: Simd> RowFunction<S> for Softmax {
    fn forward(&self, s: S, values: &mut Panels, rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    Self::value(s, values, row);
                }
            },
        );
    }

    fn backward(&self, s: S, gradient: &mut Panels, _input: &Panels, output: &Panels, rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    Self::gradient(s, gradient, output, row);
                }
            },
        );
    }
}
