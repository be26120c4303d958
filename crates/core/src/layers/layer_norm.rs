//! layerNorm: y = w (x - mean) / √(variance + ε) + b, with the mean and variance over the features of a row

use super::{LayerOperation, learning_rate_factor};
use crate::engine::RowFunction;
use crate::engine::functions::SMALL_UNIT;
use crate::engine::panels::Panels;
use crate::engine::rows::{load, sum};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{EPSILON, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["epsilon", "learningRateFactor"];

/// Creates two operations: a function of a row, then w and b.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let options = Options::new("layerNorm", values, OPTIONS)?;
    let (epsilon, learning_rate_factor) =
        (options.number("epsilon", EPSILON)?, learning_rate_factor(&options)?);
    let scale = LayerOperation::Affine { bias: true, learning_rate_factor };
    Ok(vec![LayerOperation::Row(Box::new(Normalize { epsilon })), scale])
}

/// x̂ = (x - m) r, where m is the mean of the row, v the mean of (x - m)², and r = 1 / √(v + ε). If g is the
/// gradient with respect to x̂, the gradient with respect to x is r (g - mean(g) - x̂ mean(g x̂)).
struct Normalize {
    epsilon: f32,
}

/// The statistics of a row. They are those of x · unit - shift, where the shift is the first value of the
/// row. Without the shift, a large common offset of the values would hide their differences.
struct RowStatistics<V> {
    unit: V,
    shift: V,
    /// The mean of x · unit - shift.
    mean: V,
    /// 1 / √(v + ε) in that unit.
    rate: V,
}

impl<V: Copy> RowStatistics<V> {
    /// Returns x · unit - shift - mean.
    #[inline(always)]
    fn difference<S: Simd<V = V>>(&self, s: S, value: V) -> V {
        s.sub(s.mul_add(value, self.unit, self.shift), self.mean)
    }
}

impl Normalize {
    #[inline(always)]
    fn statistics<S: Simd>(&self, s: S, values: &Panels, row: usize) -> RowStatistics<S::V> {
        let (statistics, squares) = self.statistics_in(s, values, row, 1.0);
        if squares.is_finite() { statistics } else { self.statistics_in(s, values, row, SMALL_UNIT).0 }
    }

    /// Returns the statistics in a unit, and the sum of the squared differences from the mean.
    #[inline(always)]
    fn statistics_in<S: Simd>(
        &self,
        s: S,
        values: &Panels,
        row: usize,
        unit: f32,
    ) -> (RowStatistics<S::V>, f32) {
        let count = values.features() as f32;
        let (first, zero) = (values.panel(0, row + 1)[row].0[0], s.splat(0.0));
        let mut statistics =
            RowStatistics { unit: s.splat(unit), shift: s.splat(-first * unit), mean: zero, rate: zero };
        let total = sum(
            s,
            values.count(),
            #[inline(always)]
            |panel| s.mul(statistics.difference(s, load(s, values, panel, row)), s.load(&values.mask(panel))),
        );
        statistics.mean = s.splat(total / count);
        let squares = sum(
            s,
            values.count(),
            #[inline(always)]
            |panel| {
                let difference = statistics.difference(s, load(s, values, panel, row));
                // 0 in the lanes after the last feature: the squares there might overflow.
                let difference = s.mul(difference, s.load(&values.mask(panel)));
                s.mul(difference, difference)
            },
        );
        statistics.rate = s.splat(1.0 / (squares / count + self.epsilon * unit * unit).sqrt());
        (statistics, squares)
    }

    #[inline(always)]
    fn value<S: Simd>(&self, s: S, values: &mut Panels, row: usize) {
        let statistics = self.statistics(s, values, row);
        for panel in 0..values.count() {
            let rate = s.mul(statistics.rate, s.load(&values.mask(panel)));
            let line = &mut values.panel_mut(panel, row + 1)[row];
            s.store(s.mul(statistics.difference(s, s.load(line)), rate), line);
        }
    }

    #[inline(always)]
    fn gradient<S: Simd>(&self, s: S, gradient: &mut Panels, input: &Panels, output: &Panels, row: usize) {
        let count = input.features() as f32;
        let RowStatistics { unit, rate, .. } = self.statistics(s, input, row);
        let rate = s.mul(rate, unit);
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
        let (mean, share) = (s.splat(sums / count), s.splat(products / count));
        for panel in 0..input.count() {
            let rate = s.mul(rate, s.load(&input.mask(panel)));
            let value = load(s, output, panel, row);
            let line = &mut gradient.panel_mut(panel, row + 1)[row];
            let rest = s.sub(s.sub(s.load(line), mean), s.mul(value, share));
            s.store(s.mul(rest, rate), line);
        }
    }
}

impl<S: Simd> RowFunction<S> for Normalize {
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
