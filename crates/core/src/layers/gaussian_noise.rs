//! gaussianNoise: y = x + stddev n, n normal, in training

use super::LayerOperation;
use crate::engine::Noise;
use crate::engine::functions::normal_quantile;
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{AT_LEAST_0, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["stddev"];

/// Creates noise that is added to the values.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let stddev = Options::new("gaussianNoise", values, OPTIONS)?.number("stddev", AT_LEAST_0)?;
    Ok(vec![LayerOperation::Noise(Box::new(GaussianNoise { stddev }))])
}

/// y = x + d q(u) with q the quantile function of the normal distribution and u the draw.
struct GaussianNoise {
    stddev: f32,
}

impl<S: Simd> Noise<S> for GaussianNoise {
    fn forward(&self, s: S, values: &[Line], draws: &[Line], noisy: &mut [Line]) {
        s.run(
            #[inline(always)]
            || {
                let stddev = s.splat(self.stddev);
                for ((value, draw), noisy) in values.iter().zip(draws).zip(noisy) {
                    let normal = normal_quantile(s, s.load(draw));
                    s.store(s.mul_add(stddev, normal, s.load(value)), noisy);
                }
            },
        );
    }

    /// The derivative is 1.
    fn backward(&self, _s: S, gradient: &[Line], _draws: &[Line], result: &mut [Line]) {
        result.copy_from_slice(gradient);
    }
}
