//! dropout: y = x / (1 - rate) or 0, by chance, in training

use super::LayerOperation;
use crate::engine::Noise;
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{BELOW_1, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["rate"];

/// Noise that leaves values out.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let rate = Options::new("dropout", values, OPTIONS)?.number("rate", BELOW_1)?;
    Ok(vec![LayerOperation::Noise(Box::new(Dropout { rate, scale: 1.0 / (1.0 - rate) }))])
}

/// y = 0 where the draw is below the rate, else x / (1 - rate).
struct Dropout {
    rate: f32,
    scale: f32,
}

impl<S: Simd> Noise<S> for Dropout {
    fn forward(&self, s: S, values: &mut [Line], draws: &[Line]) {
        s.run(
            #[inline(always)]
            || {
                let (rate, scale, zero) = (s.splat(self.rate), s.splat(self.scale), s.splat(0.0));
                for (value, draw) in values.iter_mut().zip(draws) {
                    // A product, so that infinity and NaN are not hidden.
                    let factor = s.select_greater(rate, s.load(draw), zero, scale);
                    s.store(s.mul(s.load(value), factor), value);
                }
            },
        );
    }

    /// The derivative is the factor: the gradient is treated as the values were.
    fn backward(&self, s: S, gradient: &mut [Line], draws: &[Line]) {
        self.forward(s, gradient, draws);
    }
}
