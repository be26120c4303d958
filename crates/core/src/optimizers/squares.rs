//! Optimizers that divide the gradient by the square root of a sum or average of its squares so far.

use super::{DecayRate, Optimizer, Rule, mean, mean_of_squares, weight_decay, with_decay};
use crate::engine::functions::snap;
use crate::engine::{StepFactors, Update, simd::Simd};
use crate::errors::Result;
use crate::options::{BELOW_1, EPSILON, Options};

/// Creates RMSprop from its options.
pub fn build_rmsprop<S: Simd>(options: &Options<'_>) -> Result<Box<dyn Update<S>>> {
    let (rho, momentum) = (DecayRate::new(options, "rho")?, options.number("momentum", BELOW_1)?);
    let epsilon = options.number("epsilon", EPSILON)?;
    let weight_decay = weight_decay(options)?;
    let rmsprop = Settings { rho, momentum, epsilon, weight_decay };
    Ok(match (options.boolean("centered")?, momentum == 0.0) {
        (false, true) => Box::new(Rule(Rmsprop::<false, false>(rmsprop))),
        (false, false) => Box::new(Rule(Rmsprop::<false, true>(rmsprop))),
        (true, true) => Box::new(Rule(Rmsprop::<true, false>(rmsprop))),
        (true, false) => Box::new(Rule(Rmsprop::<true, true>(rmsprop))),
    })
}

#[derive(Clone, Copy)]
struct Settings {
    rho: DecayRate,
    momentum: f32,
    epsilon: f32,
    weight_decay: f32,
}

/// RMSprop (Hinton, 2012), as in PyTorch, with the learning rate η: g ← g + λ w; v ← ρ v + (1 - ρ) g²;
/// d = g / (√v + ε); w ← w - η d. With MOMENTUM μ instead: b ← μ b + d; w ← w - η b.
///
/// With CENTERED (Graves, 2013), v - m² replaces v, where m ← m + (1 - ρ)(g - m). The state contains this
/// difference itself, as s ← ρ (s + (1 - ρ)(g - m)²) with the old m. It is the same value, but rounding
/// cannot make it negative, as it could the difference of two large numbers. State below 1e-30 becomes zero.
#[derive(Clone, Copy)]
pub struct Rmsprop<const CENTERED: bool, const MOMENTUM: bool>(Settings);

impl<const CENTERED: bool, const MOMENTUM: bool> Optimizer for Rmsprop<CENTERED, MOMENTUM> {
    const SLOTS: usize = 1 + CENTERED as usize + MOMENTUM as usize;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V {
        let Settings { rho, momentum, epsilon, weight_decay } = self.0;
        let gradient = with_decay(s, weight_decay, weight, gradient);
        if CENTERED {
            let difference = s.sub(gradient, slots[1]);
            let square = s.mul(s.splat(rho.added), s.mul(difference, difference));
            slots[0] = snap(s, s.mul(s.splat(rho.kept), s.add(slots[0], square)));
            slots[1] = mean(s, rho, slots[1], gradient);
        } else {
            slots[0] = mean_of_squares(s, rho, slots[0], gradient);
        }
        let mut direction = s.div(gradient, s.add(s.sqrt(slots[0]), s.splat(epsilon)));
        if MOMENTUM {
            let velocity = &mut slots[1 + CENTERED as usize];
            direction = snap(s, s.mul_add(s.splat(momentum), *velocity, direction));
            *velocity = direction;
        }
        s.mul_add(s.splat(-factors.learning_rate), direction, weight)
    }
}

/// Adagrad (Duchi, Hazan and Singer, 2011), as in PyTorch, with the learning rate η and the initial value a:
/// g ← g + λ w; z ← z + g²; w ← w - η g / (√(a + z) + ε); z below 1e-30 becomes zero
#[derive(Clone, Copy)]
pub struct Adagrad {
    /// a
    pub initial: f32,
    /// ε
    pub epsilon: f32,
    /// λ
    pub weight_decay: f32,
}

impl Optimizer for Adagrad {
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
        let gradient = with_decay(s, self.weight_decay, weight, gradient);
        slots[0] = snap(s, s.mul_add(gradient, gradient, slots[0]));
        let root = s.sqrt(s.add(s.splat(self.initial), slots[0]));
        let direction = s.div(gradient, s.add(root, s.splat(self.epsilon)));
        s.mul_add(s.splat(-factors.learning_rate), direction, weight)
    }
}

/// Adadelta (Zeiler, 2012), as in PyTorch, with the learning rate η: g ← g + λ w; v ← ρ v + (1 - ρ) g²;
/// d = √((u + ε) / (v + ε)) g; u ← ρ u + (1 - ρ) d²; w ← w - η d; u and v below 1e-30 become zero
#[derive(Clone, Copy)]
pub struct Adadelta {
    /// ρ
    pub rho: DecayRate,
    /// ε
    pub epsilon: f32,
    /// λ
    pub weight_decay: f32,
}

impl Optimizer for Adadelta {
    const SLOTS: usize = 2;

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
        let epsilon = s.splat(self.epsilon);
        slots[0] = mean_of_squares(s, self.rho, slots[0], gradient);
        let ratio = s.div(s.add(slots[1], epsilon), s.add(slots[0], epsilon));
        let direction = s.mul(s.sqrt(ratio), gradient);
        slots[1] = mean_of_squares(s, self.rho, slots[1], direction);
        s.mul_add(s.splat(-factors.learning_rate), direction, weight)
    }
}
