//! What cross-entropies have in common: targets that are probabilities, and predictions that are clipped.

use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;

/// The smallest probability that a cross-entropy takes the logarithm of: the power of two next to 1e-7.
pub const SMALLEST: f32 = f32::EPSILON;

/// What `labelSmoothing` ε makes of a target t: (1 - ε) t + ε / classes.
#[derive(Clone, Copy)]
pub struct Smoothing {
    /// 1 - ε, which is rounded last.
    pub kept: f32,
    /// ε
    pub spread: f32,
}

impl Smoothing {
    /// Smoothing by ε.
    pub fn new(smoothing: f64) -> Self {
        Smoothing { kept: (1.0 - smoothing) as f32, spread: smoothing as f32 }
    }

    /// The target, smoothed.
    #[inline(always)]
    pub fn apply<S: Simd>(self, s: S, target: S::V, classes: usize) -> S::V {
        s.mul_add(target, s.splat(self.kept), s.splat(self.spread / classes as f32))
    }
}

/// Refuses to take what the last layer makes probabilities for logits.
pub fn check_logits(layer: &str, maker: &str) -> Result<()> {
    ensure!(layer != maker, "fromLogits must be false after the last layer, {maker}, received true");
    Ok(())
}

/// Refuses targets that are not from 0 to 1.
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

/// The slope where the prediction is from [`SMALLEST`] to `high`, and 0 where it is clipped.
#[inline(always)]
pub fn within<S: Simd>(s: S, prediction: S::V, high: f32, slope: S::V) -> S::V {
    let zero = s.splat(0.0);
    let slope = s.select_greater(s.splat(SMALLEST), prediction, zero, slope);
    s.select_greater(prediction, s.splat(high), zero, slope)
}
