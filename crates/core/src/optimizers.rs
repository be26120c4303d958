//! The table of optimizers: (options) → slots and step. The learning rate belongs to the run.

use crate::engine::{Now, Update, panels::Line, panels::ZERO, simd::Simd};

crate::table! {
    "optimizer" as Update;
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
/// As PyTorch defines it: the learning rate multiplies the velocity and is no part of it.
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
        let velocity = s.mul_add(momentum, slots[0], gradient);
        slots[0] = velocity;
        let direction = if self.nesterov { s.mul_add(momentum, velocity, gradient) } else { velocity };
        s.mul_add(s.splat(-now.learning_rate), direction, weight)
    }
}

/// Any optimizer as the engine sees it.
struct Rule<O>(O);

impl<S: Simd, O: Optimizer> Update<S> for Rule<O> {
    fn slots(&self) -> usize {
        O::SLOTS
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
