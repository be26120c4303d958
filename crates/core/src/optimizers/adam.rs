//! Adam and its variants. They keep an average of the gradients and an average of the gradients' magnitudes.
//! Averages below 1e-30 become zero.

use super::{DecayRate, Optimizer, Rule, mean, mean_of_squares, weight_decay, with_decay};
use crate::engine::functions::snap;
use crate::engine::{Powers, StepFactors, Update, power, simd::Simd};
use crate::errors::Result;
use crate::options::{AT_LEAST_0, EPSILON, Options};

/// Creates Adam, or AdamW if the weight decay is DECOUPLED.
pub fn build<S: Simd, const DECOUPLED: bool>(options: &Options<'_>) -> Result<Box<dyn Update<S>>> {
    let weight_decay = weight_decay(options)?;
    let moments = Moments::new(options)?;
    Ok(match options.boolean("amsgrad")? {
        false => Box::new(Rule(Adam::<DECOUPLED, false> { moments, weight_decay })),
        true => Box::new(Rule(Adam::<DECOUPLED, true> { moments, weight_decay })),
    })
}

/// The moments of Adam: m ← m + (1 - β₁)(g - m); v ← β₂ v + (1 - β₂) g²
#[derive(Clone, Copy)]
struct Moments {
    beta1: DecayRate,
    beta2: DecayRate,
    epsilon: f32,
}

impl Moments {
    fn new(options: &Options<'_>) -> Result<Self> {
        let (beta1, beta2) = (DecayRate::new(options, "beta1")?, DecayRate::new(options, "beta2")?);
        Ok(Moments { beta1, beta2, epsilon: options.number("epsilon", EPSILON)? })
    }

    /// Updates the first two slots, m and v.
    #[inline(always)]
    fn update<S: Simd>(self, s: S, gradient: S::V, slots: &mut [S::V]) {
        slots[0] = mean(s, self.beta1, slots[0], gradient);
        slots[1] = mean_of_squares(s, self.beta2, slots[1], gradient);
    }

    /// Returns √v c + ε.
    #[inline(always)]
    fn denominator<S: Simd>(self, s: S, second: S::V, correction: f32) -> S::V {
        s.mul_add(s.sqrt(second), s.splat(correction), s.splat(self.epsilon))
    }
}

/// Adam (Kingma and Ba, 2015), as in PyTorch, with the learning rate η and the step t:
/// g ← g + λ w; m ← m + (1 - β₁)(g - m); v ← β₂ v + (1 - β₂) g²;
/// w ← w - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
///
/// With DECOUPLED (Loshchilov and Hutter, 2019), w ← w - η λ w comes first and replaces g ← g + λ w. With
/// AMSGRAD (Reddi et al., 2018), the largest v so far replaces v.
#[derive(Clone, Copy)]
pub struct Adam<const DECOUPLED: bool, const AMSGRAD: bool> {
    moments: Moments,
    weight_decay: f32,
}

impl<const DECOUPLED: bool, const AMSGRAD: bool> Optimizer for Adam<DECOUPLED, AMSGRAD> {
    const SLOTS: usize = if AMSGRAD { 3 } else { 2 };

    fn step_factors(self, learning_rate: f64, step: u64, powers: &mut Powers) -> StepFactors {
        let Moments { beta1, beta2, .. } = self.moments;
        let powers = powers.of([beta1.beta, beta2.beta], step);
        let [correction1, correction2] = powers.map(|power| 1.0 - power);
        let taken = -learning_rate * f64::from(self.weight_decay);
        StepFactors {
            learning_rate: (learning_rate / correction1) as f32,
            extra: [(1.0 / correction2.sqrt()) as f32, taken as f32],
        }
    }

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V {
        let (weight, gradient) = match DECOUPLED {
            true => (s.mul_add(s.splat(factors.extra[1]), weight, weight), gradient),
            false => (weight, with_decay(s, self.weight_decay, weight, gradient)),
        };
        self.moments.update(s, gradient, slots);
        let second = if AMSGRAD {
            // In this order of arguments a NaN in the second moment stays NaN.
            slots[2] = s.max(slots[2], slots[1]);
            slots[2]
        } else {
            slots[1]
        };
        let denominator = self.moments.denominator(s, second, factors.extra[0]);
        s.mul_add(s.splat(-factors.learning_rate), s.div(slots[0], denominator), weight)
    }
}

/// Adam with Nesterov's momentum (Dozat, 2016), as in PyTorch, with the learning rate η and the step t:
/// g ← g + λ w; μₜ = β₁ (1 - 0.96^(t ψ) / 2); m and v as Adam's;
/// w ← w - η (μₜ₊₁ m / (1 - μ₁ ⋯ μₜ₊₁) + (1 - μₜ) g / (1 - μ₁ ⋯ μₜ)) / (√v / √(1 - β₂ᵗ) + ε)
#[derive(Clone, Copy)]
pub struct Nadam {
    moments: Moments,
    weight_decay: f32,
    /// 0.96^ψ
    decay: f64,
}

impl Nadam {
    /// Creates Nadam from its options.
    pub fn new(options: &Options<'_>) -> Result<Self> {
        let decay = power_of_096(options.double("momentumDecay", AT_LEAST_0)?);
        let moments = Moments::new(options)?;
        Ok(Nadam { moments, weight_decay: weight_decay(options)?, decay })
    }
}

impl Optimizer for Nadam {
    const SLOTS: usize = 2;

    fn step_factors(self, learning_rate: f64, step: u64, powers: &mut Powers) -> StepFactors {
        let (beta1, beta2) = (self.moments.beta1.beta, self.moments.beta2.beta);
        let momentum = |decay: f64| beta1 * (1.0 - 0.5 * decay);
        let [second, decay] = powers.of([beta2, self.decay], step);
        let (current, next) = (momentum(decay), momentum(decay * self.decay));
        let product = powers.product(step, |step| momentum(power(self.decay, step)));
        let rate = learning_rate * (1.0 - current) / (1.0 - product);
        StepFactors {
            learning_rate: (learning_rate * next / (1.0 - product * next)) as f32,
            extra: [(1.0 / (1.0 - second).sqrt()) as f32, rate as f32],
        }
    }

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V {
        let gradient = with_decay(s, self.weight_decay, weight, gradient);
        self.moments.update(s, gradient, slots);
        let denominator = self.moments.denominator(s, slots[1], factors.extra[0]);
        let part = s.mul(s.splat(factors.extra[1]), gradient);
        let direction = s.mul_add(s.splat(factors.learning_rate), slots[0], part);
        s.sub(weight, s.div(direction, denominator))
    }
}

/// Returns 0.96 to a power of at least 0 without the C library. Halves x until -1/2 ≤ x ≤ 0, computes e^x as
/// a series, and squares the result once for each halving.
fn power_of_096(exponent: f64) -> f64 {
    const LN_096: f64 = -0.040_821_994_520_255_166;
    let (mut x, mut halvings) = (exponent * LN_096, 0);
    while x < -0.5 {
        x *= 0.5;
        halvings += 1;
    }
    let series = (1..=15).rev().fold(1.0, |sum, n| 1.0 + x / f64::from(n) * sum);
    (0..halvings).fold(series, |value, _| value * value)
}

/// Adamax (Kingma and Ba, 2015): Adam with a decaying maximum of |g| instead of the average of g². As in
/// PyTorch, with the learning rate η and the step t:
/// g ← g + λ w; m ← m + (1 - β₁)(g - m); u ← max(β₂ u, |g| + ε); w ← w - η / (1 - β₁ᵗ) · m / u
#[derive(Clone, Copy)]
pub struct Adamax {
    moments: Moments,
    weight_decay: f32,
}

impl Adamax {
    /// Creates Adamax from its options.
    pub fn new(options: &Options<'_>) -> Result<Self> {
        Ok(Adamax { moments: Moments::new(options)?, weight_decay: weight_decay(options)? })
    }
}

impl Optimizer for Adamax {
    const SLOTS: usize = 2;

    fn step_factors(self, learning_rate: f64, step: u64, powers: &mut Powers) -> StepFactors {
        let [first, _] = powers.of([self.moments.beta1.beta, 0.0], step);
        StepFactors { learning_rate: (learning_rate / (1.0 - first)) as f32, extra: [0.0; 2] }
    }

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V {
        let Moments { beta1, beta2, epsilon } = self.moments;
        let gradient = with_decay(s, self.weight_decay, weight, gradient);
        slots[0] = mean(s, beta1, slots[0], gradient);
        let size = s.add(s.max(gradient, s.sub(s.splat(0.0), gradient)), s.splat(epsilon));
        // In this order of arguments a NaN in the gradient stays NaN.
        slots[1] = snap(s, s.max(s.mul(s.splat(beta2.kept), slots[1]), size));
        s.mul_add(s.splat(-factors.learning_rate), s.div(slots[0], slots[1]), weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_096_are_those_of_the_c_library() {
        for exponent in [0.0, 1e-9, 0.004, 0.5, 1.0, 12.0, 13.0, 100.0, 5000.0, 1e30] {
            let (actual, expected) = (power_of_096(exponent), 0.96_f64.powf(exponent));
            assert!((actual - expected).abs() <= 1e-12 * expected, "0.96^{exponent}: {actual}, {expected}");
        }
    }
}
