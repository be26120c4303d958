//! Code that all cross-entropies share: targets that are probabilities, and clipped predictions.

use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;

/// The smallest probability whose logarithm a cross-entropy takes: 2^-23, the power of two nearest to 1e-7.
pub const SMALLEST: f32 = f32::EPSILON;

/// Label smoothing by ε: a target t becomes (1 - ε) t + ε / classes.
#[derive(Clone, Copy)]
pub struct Smoothing {
    /// 1 - ε, computed before it is rounded to 32 bits.
    pub kept: f32,
    /// ε
    pub spread: f32,
}

impl Smoothing {
    /// Creates label smoothing by ε.
    pub fn new(smoothing: f64) -> Self {
        Smoothing { kept: (1.0 - smoothing) as f32, spread: smoothing as f32 }
    }

    /// Returns the smoothed target.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, target: S::V, classes: usize) -> S::V {
        s.mul_add(target, s.splat(self.kept), s.splat(self.spread / classes as f32))
    }
}

/// Returns an error if the last layer is `activation`, whose outputs are probabilities and not logits.
pub fn check_logits(layer: &str, activation: &str) -> Result<()> {
    ensure!(
        layer != activation,
        "fromLogits must be false after the last layer, {activation}, received true"
    );
    Ok(())
}

/// Returns an error if a target is not from 0 to 1.
pub fn check_probabilities(targets: &[f32], outputs: usize) -> Result<()> {
    for (at, target) in targets.iter().enumerate() {
        let (row, column) = (at / outputs, at % outputs);
        ensure!(
            (0.0..=1.0).contains(target),
            "y: row {row}, column {column}: expected a target from 0 to 1, received {target}"
        );
    }
    Ok(())
}

/// Returns the slope where the prediction is from [`SMALLEST`] to `high`, and 0 where it is clipped.
#[inline(always)]
pub fn within<S: Simd>(s: S, prediction: S::V, high: f32, slope: S::V) -> S::V {
    let zero = s.splat(0.0);
    let slope = s.select_greater(s.splat(SMALLEST), prediction, zero, slope);
    s.select_greater(prediction, s.splat(high), zero, slope)
}
