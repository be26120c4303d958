//! Elementwise losses: functions of one prediction p and its target t.

use super::Loss;
use crate::engine::functions::{clamp, exp, log, log_one_plus, tanh};
use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;

#[inline(always)]
fn absolute<S: Simd>(s: S, value: S::V) -> S::V {
    s.max(s.sub(s.splat(0.0), value), value)
}

/// Returns (a - b) / 2, which never overflows.
#[inline(always)]
fn half_difference<S: Simd>(s: S, a: S::V, b: S::V) -> S::V {
    s.mul_add(a, s.splat(0.5), s.mul(b, s.splat(-0.5)))
}

/// Returns `below` where a < b, `above` where a > b, else 0.
#[inline(always)]
fn by_order<S: Simd>(s: S, a: S::V, b: S::V, below: f32, above: f32) -> S::V {
    let rest = s.select_greater(a, b, s.splat(above), s.splat(0.0));
    s.select_greater(b, a, s.splat(below), rest)
}

/// |p - t|; its derivative is the sign of p - t
#[derive(Clone, Copy)]
pub struct MeanAbsoluteError;

impl Loss for MeanAbsoluteError {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        absolute(s, s.sub(prediction, target))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        by_order(s, prediction, target, -1.0, 1.0)
    }
}

/// With d = p - t: d² / 2 where |d| ≤ δ, else δ (|d| - δ / 2); its derivative is d, clamped to [-δ, δ]
#[derive(Clone, Copy)]
pub struct Huber {
    /// δ, above 0.
    pub delta: f32,
}

impl Loss for Huber {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let half = absolute(s, half_difference(s, prediction, target));
        let (distance, twice) = (s.add(half, half), s.splat(self.delta + self.delta));
        let square = s.mul(distance, half);
        let line = s.mul(twice, s.sub(half, s.splat(self.delta / 4.0)));
        s.select_greater(distance, s.splat(self.delta), line, square)
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        clamp(s, s.sub(prediction, target), -self.delta, self.delta)
    }
}

/// log(cosh(d)) = |d| + log(1 + exp(-2 |d|)) - log 2 with d = p - t; its derivative is tanh(d)
#[derive(Clone, Copy)]
pub struct LogCosh;

impl Loss for LogCosh {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let distance = absolute(s, s.sub(prediction, target));
        let decay = exp(s, s.mul(distance, s.splat(-2.0)));
        s.sub(s.add(distance, log_one_plus(s, decay)), s.splat(std::f32::consts::LN_2))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        tanh(s, s.sub(prediction, target))
    }
}

/// q (t - p) where p is below t, else (1 - q) (p - t); its derivative is -q below, 1 - q above, 0 at t
#[derive(Clone, Copy)]
pub struct Quantile {
    /// q, above 0 and below 1.
    below: f32,
    /// 1 - q, computed before it is rounded to 32 bits.
    above: f32,
}

impl Quantile {
    /// Creates the loss for a quantile.
    pub fn new(quantile: f64) -> Self {
        Quantile { below: quantile as f32, above: (1.0 - quantile) as f32 }
    }
}

impl Loss for Quantile {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let half = half_difference(s, prediction, target);
        let below = s.mul(s.splat(-2.0 * self.below), half);
        let above = s.mul(s.splat(2.0 * self.above), half);
        s.select_greater(target, prediction, below, above)
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        by_order(s, prediction, target, -self.below, self.above)
    }
}

/// p - t log(p) for t of at least 0; its derivative is 1 - t / p. Below p = 2^-23, the tangent at that point
/// replaces the logarithm.
#[derive(Clone, Copy)]
pub struct Poisson;

/// Returns max(p, 2^-23). NaN stays NaN.
#[inline(always)]
fn rate<S: Simd>(s: S, prediction: S::V) -> S::V {
    s.max(s.splat(f32::EPSILON), prediction)
}

impl Loss for Poisson {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        // Multiplied by the target before the division: the tangent itself may overflow.
        let rate = rate(s, prediction);
        let tangent = s.div(s.mul(target, s.sub(prediction, rate)), rate);
        s.sub(prediction, s.mul_add(target, log(s, rate), tangent))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        s.sub(s.splat(1.0), s.div(target, rate(s, prediction)))
    }

    fn check(self, targets: &[f32], outputs: usize) -> Result<()> {
        check_each(targets, outputs, |target| target >= 0.0 && target.is_finite(), "of at least 0")
    }
}

/// max(0, 1 - t p) for t of -1 or 1; its derivative is -t where t p is below 1, else 0
#[derive(Clone, Copy)]
pub struct Hinge;

impl Loss for Hinge {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        // In this order of arguments NaN stays NaN.
        s.max(s.splat(0.0), s.sub(s.splat(1.0), s.mul(target, prediction)))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let zero = s.splat(0.0);
        s.select_greater(s.splat(1.0), s.mul(target, prediction), s.sub(zero, target), zero)
    }

    fn check(self, targets: &[f32], outputs: usize) -> Result<()> {
        check_each(targets, outputs, |target| target.abs() == 1.0, "of -1 or 1")
    }
}

/// Returns an error for the first target that is not valid.
fn check_each(targets: &[f32], outputs: usize, is_right: impl Fn(f32) -> bool, expected: &str) -> Result<()> {
    for (at, &target) in targets.iter().enumerate() {
        let (row, column) = (at / outputs, at % outputs);
        ensure!(
            is_right(target),
            "y: row {row}, column {column}: expected a target {expected}, received {target}"
        );
    }
    Ok(())
}
