//! Lion, whose steps use only the sign of an average of the gradients.

use super::{DecayRate, Optimizer, mean, with_decay};
use crate::engine::functions::snap;
use crate::engine::{StepFactors, simd::Simd};

/// Lion (Chen et al., 2023), with the learning rate η: w ← w - η (sign(β₁ m + (1 - β₁) g) + λ w);
/// m ← m + (1 - β₂)(g - m). The operand of the sign counts as zero below 1e-30, and m below 1e-30 becomes
/// zero.
#[derive(Clone, Copy)]
pub struct Lion {
    /// β₁
    pub beta1: DecayRate,
    /// β₂
    pub beta2: DecayRate,
    /// λ
    pub weight_decay: f32,
}

impl Optimizer for Lion {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V {
        let share = s.mul(s.splat(self.beta1.added), gradient);
        let direction = sign(s, snap(s, s.mul_add(s.splat(self.beta1.kept), slots[0], share)));
        slots[0] = mean(s, self.beta2, slots[0], gradient);
        let direction = with_decay(s, self.weight_decay, weight, direction);
        s.mul_add(s.splat(-factors.learning_rate), direction, weight)
    }
}

/// Returns 1 above zero, -1 below, else the value itself: zero or NaN.
#[inline(always)]
fn sign<S: Simd>(s: S, value: S::V) -> S::V {
    let zero = s.splat(0.0);
    let not_above = s.select_greater(zero, value, s.splat(-1.0), value);
    s.select_greater(value, zero, s.splat(1.0), not_above)
}
