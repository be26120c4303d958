//! The table of optimizers: (options) → slots and step. The learning rate belongs to the run.

use crate::engine::functions::snap;
use crate::engine::{Now, Powers, Update, panels::Line, panels::ZERO, simd::Simd};

crate::table! {
    "optimizer" as Update;
    "adam" ["beta1", "beta2", "epsilon", "weightDecay", "amsgrad"] => |options| {
        let (beta1, beta2) = (options.number("beta1")?, options.number("beta2")?);
        let (epsilon, weight_decay) = (options.number("epsilon")?, options.number("weightDecay")?);
        let adam = Adam { beta1, beta2, epsilon, weight_decay };
        match options.boolean("amsgrad")? {
            false => Box::new(Rule(adam)),
            true => Box::new(Rule(AmsGrad(adam))),
        }
    },
    "sgd" ["momentum", "nesterov", "weightDecay"] => |options| {
        let weight_decay = options.number("weightDecay")?;
        let (momentum, nesterov) = (options.number("momentum")?, options.boolean("nesterov")?);
        match momentum == 0.0 {
            true => Box::new(Rule(Sgd { weight_decay })),
            false => Box::new(Rule(SgdMomentum { momentum, nesterov, weight_decay })),
        }
    },
}

/// The most slots that an optimizer has.
const MOST_SLOTS: usize = 3;

/// The step of one parameter, lane-wise.
pub trait Optimizer: Copy + Send + Sync + 'static {
    /// Values of state for each parameter, zero at the start.
    const SLOTS: usize;
    /// What is the same for all parameters in this step, the first being step 1.
    fn now(self, learning_rate: f64, _step: u64, _powers: &mut Powers) -> Now {
        Now { learning_rate: learning_rate as f32, factors: [0.0; 2] }
    }
    /// The new weight; `slots` holds the state and takes the new one.
    fn step<S: Simd>(self, s: S, now: &Now, weight: S::V, gradient: S::V, slots: &mut [S::V]) -> S::V;
}

/// w ← w - η (g + λ w)
#[derive(Clone, Copy)]
pub struct Sgd {
    weight_decay: f32,
}

impl Optimizer for Sgd {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn step<S: Simd>(self, s: S, now: &Now, weight: S::V, gradient: S::V, _slots: &mut [S::V]) -> S::V {
        let gradient = s.mul_add(s.splat(self.weight_decay), weight, gradient);
        s.mul_add(s.splat(-now.learning_rate), gradient, weight)
    }
}

/// v ← μ v + g + λ w; w ← w - η v, or with Nesterov's momentum w ← w - η (g + λ w + μ v)
///
/// As PyTorch defines it: the learning rate multiplies the velocity and is no part of it. A velocity below
/// 1e-30 becomes zero, as the moments of Adam do: that of a dead unit would decay into denormal numbers.
#[derive(Clone, Copy)]
pub struct SgdMomentum {
    momentum: f32,
    nesterov: bool,
    weight_decay: f32,
}

impl Optimizer for SgdMomentum {
    const SLOTS: usize = 1;

    #[inline(always)]
    fn step<S: Simd>(self, s: S, now: &Now, weight: S::V, gradient: S::V, slots: &mut [S::V]) -> S::V {
        let momentum = s.splat(self.momentum);
        let gradient = s.mul_add(s.splat(self.weight_decay), weight, gradient);
        let velocity = snap(s, s.mul_add(momentum, slots[0], gradient));
        slots[0] = velocity;
        let direction = if self.nesterov { s.mul_add(momentum, velocity, gradient) } else { velocity };
        s.mul_add(s.splat(-now.learning_rate), direction, weight)
    }
}

/// Adam (Kingma and Ba, 2015), with L2 decay as PyTorch has it, η the learning rate and t the step:
/// g ← g + λ w; m ← m + (1 - β₁)(g - m); v ← β₂ v + (1 - β₂) g²;
/// w ← w - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε); m and v below 1e-30 become zero
#[derive(Clone, Copy)]
pub struct Adam {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
}

impl Adam {
    fn now(self, learning_rate: f64, step: u64, powers: &mut Powers) -> Now {
        let powers = powers.of([self.beta1, self.beta2].map(f64::from), step);
        let [correction1, correction2] = powers.map(|power| 1.0 - power);
        Now {
            learning_rate: (learning_rate / correction1) as f32,
            factors: [(1.0 / correction2.sqrt()) as f32, 0.0],
        }
    }

    /// Updates both moments.
    #[inline(always)]
    fn moments<S: Simd>(self, s: S, weight: S::V, gradient: S::V, slots: &mut [S::V]) {
        let gradient = s.mul_add(s.splat(self.weight_decay), weight, gradient);
        let (first, second) = (slots[0], slots[1]);
        slots[0] = snap(s, s.mul_add(s.splat(1.0 - self.beta1), s.sub(gradient, first), first));
        // Not v + (1 - β₂)(g² - v), which loses a g² that is small beside v.
        let square = s.mul(s.splat(1.0 - self.beta2), s.mul(gradient, gradient));
        slots[1] = snap(s, s.mul_add(s.splat(self.beta2), second, square));
    }

    #[inline(always)]
    fn weight<S: Simd>(self, s: S, now: &Now, weight: S::V, first: S::V, second: S::V) -> S::V {
        let deviation = s.mul_add(s.sqrt(second), s.splat(now.factors[0]), s.splat(self.epsilon));
        s.mul_add(s.splat(-now.learning_rate), s.div(first, deviation), weight)
    }
}

impl Optimizer for Adam {
    const SLOTS: usize = 2;

    fn now(self, learning_rate: f64, step: u64, powers: &mut Powers) -> Now {
        Adam::now(self, learning_rate, step, powers)
    }

    #[inline(always)]
    fn step<S: Simd>(self, s: S, now: &Now, weight: S::V, gradient: S::V, slots: &mut [S::V]) -> S::V {
        self.moments(s, weight, gradient, slots);
        self.weight(s, now, weight, slots[0], slots[1])
    }
}

/// Adam whose second moment is the largest so far (Reddi et al., 2018).
#[derive(Clone, Copy)]
pub struct AmsGrad(Adam);

impl Optimizer for AmsGrad {
    const SLOTS: usize = 3;

    fn now(self, learning_rate: f64, step: u64, powers: &mut Powers) -> Now {
        self.0.now(learning_rate, step, powers)
    }

    #[inline(always)]
    fn step<S: Simd>(self, s: S, now: &Now, weight: S::V, gradient: S::V, slots: &mut [S::V]) -> S::V {
        self.0.moments(s, weight, gradient, slots);
        // In this order NaN in the second moment stays.
        slots[2] = s.max(slots[2], slots[1]);
        self.0.weight(s, now, weight, slots[0], slots[2])
    }
}

/// Any optimizer as the engine sees it.
struct Rule<O>(O);

impl<S: Simd, O: Optimizer> Update<S> for Rule<O> {
    fn slots(&self) -> usize {
        O::SLOTS
    }

    fn now(&self, learning_rate: f64, step: u64, powers: &mut Powers) -> Now {
        self.0.now(learning_rate, step, powers)
    }

    fn tile(&self, s: S, now: &Now, weight: &mut [Line], gradient: &[Line], slots: &mut [Line]) {
        s.run(
            #[inline(always)]
            || {
                for (index, (weight, gradient)) in weight.iter_mut().zip(gradient).enumerate() {
                    let mut state = [s.load(&ZERO); MOST_SLOTS];
                    let lines = &mut slots[index * O::SLOTS..][..O::SLOTS];
                    for (state, line) in state.iter_mut().zip(&*lines) {
                        *state = s.load(line);
                    }
                    let value = self.0.step(s, now, s.load(weight), s.load(gradient), &mut state);
                    s.store(value, weight);
                    for (state, line) in state.iter().zip(lines) {
                        s.store(*state, line);
                    }
                }
            },
        );
    }
}
