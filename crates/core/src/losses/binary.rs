//! binaryCrossentropy: the mean over the outputs of -t log(p) - (1 - t) log(1 - p)

use super::probabilities::{SMALLEST, Smoothing, check_logits, check_probabilities, within};
use super::{Elementwise, Loss};
use crate::engine::functions::{clamp, exp, log, log_one_plus};
use crate::engine::{RowLoss, simd::Simd};
use crate::errors::Result;

/// With logits z: max(z, 0) - z t + log(1 + exp(-|z|)); its derivative is sigmoid(z) - t.
#[derive(Clone, Copy)]
pub struct BinaryFromLogits(pub Smoothing);

/// Returns exp(-|z|).
#[inline(always)]
fn decay<S: Simd>(s: S, logit: S::V) -> S::V {
    let negative = s.sub(s.splat(0.0), logit);
    exp(s, s.select_greater(logit, negative, negative, logit))
}

impl Loss for BinaryFromLogits {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, logit: S::V, target: S::V) -> S::V {
        let target = self.0.apply(s, target, 2);
        let linear = s.sub(s.max(s.splat(0.0), logit), s.mul(logit, target));
        s.add(linear, log_one_plus(s, decay(s, logit)))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, logit: S::V, target: S::V) -> S::V {
        // sigmoid(z) from the same exponential as the value: 1 / (1 + exp(-z)) for z ≥ 0, else
        // exp(z) / (1 + exp(z)).
        let (one, decay) = (s.splat(1.0), decay(s, logit));
        let part = s.select_greater(s.splat(0.0), logit, decay, one);
        s.sub(s.div(part, s.add(one, decay)), self.0.apply(s, target, 2))
    }

    fn check_after(self, layer: &str) -> Result<()> {
        check_logits(layer, "sigmoid")
    }

    fn check(self, targets: &[f32], outputs: usize) -> Result<()> {
        check_probabilities(targets, outputs)
    }
}

/// With probabilities p, clipped: -t log(p) - (1 - t) log(1 - p); its derivative is (p - t) / (p (1 - p)),
/// and 0 where p is clipped.
#[derive(Clone, Copy)]
pub struct BinaryFromProbabilities(pub Smoothing);

impl Loss for BinaryFromProbabilities {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let (one, target) = (s.splat(1.0), self.0.apply(s, target, 2));
        let probability = clamp(s, prediction, SMALLEST, 1.0 - SMALLEST);
        let right = s.mul(target, log(s, probability));
        let wrong = s.mul(s.sub(one, target), log(s, s.sub(one, probability)));
        s.sub(s.splat(0.0), s.add(right, wrong))
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let probability = clamp(s, prediction, SMALLEST, 1.0 - SMALLEST);
        let variance = s.mul(probability, s.sub(s.splat(1.0), probability));
        let slope = s.div(s.sub(probability, self.0.apply(s, target, 2)), variance);
        within(s, prediction, 1.0 - SMALLEST, slope)
    }

    fn check(self, targets: &[f32], outputs: usize) -> Result<()> {
        check_probabilities(targets, outputs)
    }

    fn absorb<S: Simd>(self, layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        (layer == "sigmoid").then(|| Box::new(Elementwise(BinaryFromLogits(self.0))) as _)
    }
}
