//! The table of optimizers: options → slots and step. The learning rate is an option of the run.

pub mod adam;
pub mod lion;
pub mod squares;

use crate::engine::functions::{descended, snap};
use crate::engine::{FinishedLines, Formula, Powers, StepFactors, Update, panels::ZERO, simd::Simd};
use crate::errors::Result;
use crate::options::{AT_LEAST_0, BELOW_1, EPSILON, Options};
use adam::{Adamax, Nadam};
use lion::Lion;
use serde_json::{Map, Value};
use squares::{Adadelta, Adagrad};

crate::table! {
    "optimizer" as Update;
    "adadelta" ["rho", "epsilon", "weightDecay", "decayBiases"] => |options| {
        let (rho, epsilon) = (DecayRate::new(&options, "rho")?, options.number("epsilon", EPSILON)?);
        Box::new(Rule(Adadelta { rho, epsilon, weight_decay: weight_decay(&options)? }))
    },
    "adagrad" ["initialAccumulatorValue", "epsilon", "weightDecay", "decayBiases"] => |options| {
        let initial = options.number("initialAccumulatorValue", AT_LEAST_0)?;
        let epsilon = options.number("epsilon", EPSILON)?;
        Box::new(Rule(Adagrad { initial, epsilon, weight_decay: weight_decay(&options)? }))
    },
    "adam" ["beta1", "beta2", "epsilon", "weightDecay", "decayBiases", "amsgrad"] => |options| {
        adam::build::<S, false>(&options)?
    },
    "adamW" ["beta1", "beta2", "epsilon", "weightDecay", "decayBiases", "amsgrad"] => |options| {
        adam::build::<S, true>(&options)?
    },
    "adamax" ["beta1", "beta2", "epsilon", "weightDecay", "decayBiases"] => |options| {
        Box::new(Rule(Adamax::new(&options)?))
    },
    "lion" ["beta1", "beta2", "weightDecay", "decayBiases"] => |options| {
        let (beta1, beta2) = (DecayRate::new(&options, "beta1")?, DecayRate::new(&options, "beta2")?);
        Box::new(Rule(Lion { beta1, beta2, weight_decay: weight_decay(&options)? }))
    },
    "nadam" ["beta1", "beta2", "epsilon", "weightDecay", "decayBiases", "momentumDecay"] => |options| {
        Box::new(Rule(Nadam::new(&options)?))
    },
    "rmsprop" ["rho", "momentum", "centered", "epsilon", "weightDecay", "decayBiases"] => |options| {
        squares::build_rmsprop(&options)?
    },
    "sgd" ["momentum", "nesterov", "weightDecay", "decayBiases"] => |options| {
        let weight_decay = weight_decay(&options)?;
        let (momentum, nesterov) = (options.number("momentum", BELOW_1)?, options.boolean("nesterov")?);
        match momentum == 0.0 {
            true => Box::new(Rule(Sgd { weight_decay })),
            false => Box::new(Rule(SgdMomentum { momentum, nesterov, weight_decay })),
        }
    },
}

/// Returns λ. Whether biases decay is not the concern of a rule: see [`without_decay`].
fn weight_decay(options: &Options<'_>) -> Result<f32> {
    options.boolean("decayBiases")?;
    options.number("weightDecay", AT_LEAST_0)
}

/// Creates the optimizer of this name without weight decay, if it has weight decay for matrices only.
pub fn without_decay<S: Simd>(name: &str, values: &Map<String, Value>) -> Result<Option<Box<dyn Update<S>>>> {
    let decays = values.get("weightDecay").and_then(Value::as_f64) != Some(0.0);
    if !decays || values.get("decayBiases") != Some(&Value::Bool(false)) {
        return Ok(None);
    }
    let mut values = values.clone();
    values.insert("weightDecay".to_string(), Value::from(0));
    build(name, &values).map(Some)
}

/// The largest number of slots of any optimizer.
const MOST_SLOTS: usize = 3;

/// The update rule of one parameter, computed lane by lane.
pub trait Optimizer: Copy + Send + Sync + 'static {
    /// The number of values of state for each parameter. They are zero before the first step.
    const SLOTS: usize;
    /// Computes the values that are the same for all parameters in this step. The first step is step 1.
    fn step_factors(self, learning_rate: f64, _step: u64, _powers: &mut Powers) -> StepFactors {
        StepFactors { learning_rate: learning_rate as f32, extra: [0.0; 2] }
    }
    /// See [`Update::formula`].
    fn formula(self) -> Formula {
        Formula::Other
    }
    /// Returns the new weight and updates the state in `slots`.
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        slots: &mut [S::V],
    ) -> S::V;
}

/// Returns g + λ w: the gradient with weight decay.
#[inline(always)]
fn with_decay<S: Simd>(s: S, weight_decay: f32, weight: S::V, gradient: S::V) -> S::V {
    s.mul_add(s.splat(weight_decay), weight, gradient)
}

/// The decay rate β of a moving average. 1 - β is computed before it is rounded to 32 bits, as in PyTorch:
/// near 1, 1 less the rounded β is a different number.
#[derive(Clone, Copy)]
pub struct DecayRate {
    /// β, unrounded.
    beta: f64,
    /// β, the weight of the average so far.
    kept: f32,
    /// 1 - β, the weight of the new value.
    added: f32,
}

impl DecayRate {
    /// Reads the option of this name.
    fn new(options: &Options<'_>, name: &str) -> Result<Self> {
        let beta = options.double(name, BELOW_1)?;
        Ok(DecayRate { beta, kept: beta as f32, added: (1.0 - beta) as f32 })
    }
}

/// Returns the average of squares v ← ρ v + (1 - ρ) g², or zero where it is below 1e-30. The form
/// v + (1 - ρ) (g² - v) would lose a g² that is small compared with v.
#[inline(always)]
fn mean_of_squares<S: Simd>(s: S, rho: DecayRate, mean: S::V, value: S::V) -> S::V {
    let square = s.mul(s.splat(rho.added), s.mul(value, value));
    snap(s, s.mul_add(s.splat(rho.kept), mean, square))
}

/// Returns the average m ← m + (1 - β)(g - m), or zero where it is below 1e-30.
#[inline(always)]
fn mean<S: Simd>(s: S, beta: DecayRate, mean: S::V, value: S::V) -> S::V {
    snap(s, s.mul_add(s.splat(beta.added), s.sub(value, mean), mean))
}

/// w ← w - η (g + λ w)
#[derive(Clone, Copy)]
pub struct Sgd {
    weight_decay: f32,
}

impl Optimizer for Sgd {
    const SLOTS: usize = 0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        s: S,
        factors: &StepFactors,
        weight: S::V,
        gradient: S::V,
        _slots: &mut [S::V],
    ) -> S::V {
        // Without decay the result is the gradient, or a zero of the other sign, which does not change the
        // weight.
        let gradient = with_decay(s, self.weight_decay, weight, gradient);
        descended(s, factors.learning_rate, weight, gradient)
    }

    fn formula(self) -> Formula {
        if self.weight_decay == 0.0 { Formula::Descent } else { Formula::Other }
    }
}

/// v ← μ v + g + λ w; w ← w - η v, or with Nesterov's momentum w ← w - η (g + λ w + μ v)
///
/// As in PyTorch, the velocity does not include the learning rate. A velocity below 1e-30 becomes zero, like
/// all optimizer state: otherwise the velocity of a dead unit would decay into denormal numbers.
#[derive(Clone, Copy)]
pub struct SgdMomentum {
    momentum: f32,
    nesterov: bool,
    weight_decay: f32,
}

impl Optimizer for SgdMomentum {
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
        let momentum = s.splat(self.momentum);
        let gradient = s.mul_add(s.splat(self.weight_decay), weight, gradient);
        let velocity = snap(s, s.mul_add(momentum, slots[0], gradient));
        slots[0] = velocity;
        let direction = if self.nesterov { s.mul_add(momentum, velocity, gradient) } else { velocity };
        s.mul_add(s.splat(-factors.learning_rate), direction, weight)
    }
}

/// Implements the engine's trait for any optimizer.
struct Rule<O>(O);

impl<S: Simd, O: Optimizer> Update<S> for Rule<O> {
    fn slots(&self) -> usize {
        O::SLOTS
    }

    fn formula(&self) -> Formula {
        self.0.formula()
    }

    fn step_factors(&self, learning_rate: f64, step: u64, powers: &mut Powers) -> StepFactors {
        self.0.step_factors(learning_rate, step, powers)
    }

    fn tile(&self, s: S, factors: &StepFactors, lines: &mut FinishedLines<'_>) {
        s.run(
            #[inline(always)]
            || {
                // Copies: stores to the weights cannot change them, so the compiler computes constants only
                // once.
                let (rule, factors) = (self.0, *factors);
                let FinishedLines { weight, gradient, slots } = lines;
                for (index, (weight, gradient)) in weight.iter_mut().zip(*gradient).enumerate() {
                    let mut state = [s.load(&ZERO); MOST_SLOTS];
                    let lines = &mut slots[index * O::SLOTS..][..O::SLOTS];
                    for (state, line) in state.iter_mut().zip(&*lines) {
                        *state = s.load(line);
                    }
                    let value = rule.step(s, &factors, s.load(weight), s.load(gradient), &mut state);
                    s.store(value, weight);
                    for (state, line) in state.iter().zip(lines) {
                        s.store(*state, line);
                    }
                }
            },
        );
    }
}
