//! layerNorm: y = w (x - mean) / √(variance + ε) + b, over the features of a row

use super::Operation;
use crate::engine::RowFunction;
use crate::engine::panels::Panels;
use crate::engine::rows::{load, sum};
use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["epsilon"];

/// A function of a row, then w and b.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<Operation<S>>> {
    let epsilon = Options::new("layerNorm", values, OPTIONS)?.number("epsilon")?;
    ensure!(
        (f32::MIN_POSITIVE..).contains(&epsilon),
        "layerNorm: epsilon must be above 0, received {epsilon}"
    );
    Ok(vec![Operation::Row(Box::new(Normalise { epsilon })), Operation::Scale])
}

/// x̂ = (x - m) r with m the row's mean and r = 1 / √(v + ε), v the mean of (x - m)². From the gradient g of
/// x̂, that of x is r (g - mean(g) - x̂ mean(g x̂)).
struct Normalise {
    epsilon: f32,
}

impl Normalise {
    /// The mean m of a row, and r.
    #[inline(always)]
    fn figures<S: Simd>(&self, s: S, values: &Panels, row: usize) -> (S::V, S::V) {
        let count = s.splat(values.features() as f32);
        let sum_of_values = sum(
            s,
            values.count(),
            #[inline(always)]
            |panel| load(s, values, panel, row),
        );
        let mean = s.div(sum_of_values, count);
        let squares = sum(
            s,
            values.count(),
            #[inline(always)]
            |panel| {
                let difference = s.sub(load(s, values, panel, row), mean);
                s.mul(s.mul(difference, difference), s.load(&values.mask(panel)))
            },
        );
        let variance = s.add(s.div(squares, count), s.splat(self.epsilon));
        (mean, s.div(s.splat(1.0), s.sqrt(variance)))
    }

    #[inline(always)]
    fn value<S: Simd>(&self, s: S, values: &mut Panels, row: usize) {
        let (mean, rate) = self.figures(s, values, row);
        for panel in 0..values.count() {
            let rate = s.mul(rate, s.load(&values.mask(panel)));
            let line = &mut values.panel_mut(panel, row + 1)[row];
            s.store(s.mul(s.sub(s.load(line), mean), rate), line);
        }
    }

    #[inline(always)]
    fn gradient<S: Simd>(&self, s: S, gradient: &mut Panels, input: &Panels, output: &Panels, row: usize) {
        let count = s.splat(input.features() as f32);
        let (_, rate) = self.figures(s, input, row);
        let sums = sum(
            s,
            input.count(),
            #[inline(always)]
            |panel| load(s, gradient, panel, row),
        );
        let products = sum(
            s,
            input.count(),
            #[inline(always)]
            |panel| s.mul(load(s, gradient, panel, row), load(s, output, panel, row)),
        );
        let (mean, share) = (s.div(sums, count), s.div(products, count));
        for panel in 0..input.count() {
            let rate = s.mul(rate, s.load(&input.mask(panel)));
            let value = load(s, output, panel, row);
            let line = &mut gradient.panel_mut(panel, row + 1)[row];
            let rest = s.sub(s.sub(s.load(line), mean), s.mul(value, share));
            s.store(s.mul(rest, rate), line);
        }
    }
}

impl<S: Simd> RowFunction<S> for Normalise {
    fn forward(&self, s: S, values: &mut Panels, rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    self.value(s, values, row);
                }
            },
        );
    }

    fn backward(&self, s: S, gradient: &mut Panels, input: &Panels, output: &Panels, rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for row in 0..rows {
                    self.gradient(s, gradient, input, output, row);
                }
            },
        );
    }
}
