//! dropout: in training y = 0 with probability `rate`, else x / (1 - rate)

use super::LayerOperation;
use crate::engine::Noise;
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{BELOW_1, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["rate"];

/// Creates noise that sets values to 0.
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
    fn forward(&self, s: S, values: &[Line], draws: &[Line], noisy: &mut [Line]) {
        s.run(
            #[inline(always)]
            || {
                let (rate, scale, zero) = (s.splat(self.rate), s.splat(self.scale), s.splat(0.0));
                for ((value, draw), noisy) in values.iter().zip(draws).zip(noisy) {
                    // A product with 0, so that infinity and NaN become NaN instead of 0.
                    let factor = s.select_greater(rate, s.load(draw), zero, scale);
                    s.store(s.mul(s.load(value), factor), noisy);
                }
            },
        );
    }

    /// The derivative is the factor of the forward pass.
    fn backward(&self, s: S, gradient: &[Line], draws: &[Line], result: &mut [Line]) {
        self.forward(s, gradient, draws, result);
    }
}
