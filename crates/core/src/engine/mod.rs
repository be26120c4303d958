//! Fast arithmetic: lines of 16 lanes, panels of lines, and the products over them.
//!
//! The engine knows no activation, loss, optimizer or layer by name. It sees a product, the elementwise
//! [`Epilogue`] that follows it, a [`RowFunction`], [`Noise`], a [`RowLoss`] at the end, and the [`Update`]
//! that consumes a finished gradient.
//!
//! Every sum has one fixed order: a chain of fused multiply-adds in increasing index. Tiles and instruction
//! sets therefore cannot change a bit. Only the batch is cut, every [`CHUNK_ROWS`] rows, and the gradients of
//! the chunks are added in order.

pub mod affine;
pub mod bfloat16;
pub mod clock;
pub mod coded;
pub mod coded_gradient;
pub mod coded_rows;
pub mod codes;
pub mod epilogue;
pub mod functions;
pub mod gradient_target;
pub mod gradients;
pub mod groups;
pub mod huge_pages;
pub mod lookup;
pub mod noise;
pub mod one_hidden_layer;
pub mod panels;
pub mod peak;
pub mod products;
pub mod rounded_products;
pub mod rows;
pub mod scoped_threads;
pub mod simd;
pub mod small_batch;
pub mod standardize;
pub mod thread_tuner;
pub(crate) mod tiles;

use crate::errors::Result;
use panels::{Line, Panels};
use simd::Simd;

/// The number of rows that go forward and backward together. Larger batches are cut here and nowhere else. It
/// is a constant because it is part of the order of summation, and so of the bits. 512 rows of one panel are
/// 32 KB, the size of an L1 cache.
pub const CHUNK_ROWS: usize = 512;

/// The formulas that loops may inline. Each table entry names its formula; [`crate::ways`] decides what
/// follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// [`functions::rectified`] with its derivative.
    Rectifier,
    /// [`functions::descended`], an update without state.
    Descent,
    /// A loss that is a mean over the outputs.
    Elementwise,
    /// Any other formula. Loops call it.
    Other,
}

/// The elementwise function that follows a product. It is applied to finished tiles and differentiated on the
/// way back.
pub trait Epilogue<S: Simd>: Send + Sync {
    /// Returns whether the derivative is a function of the values before the epilogue. A training then computes
    /// it in the forward pass and keeps it.
    fn keeps_derivative(&self) -> bool;
    /// Returns the formula, as far as loops know formulas.
    fn formula(&self) -> Formula;
    /// Applies the function to each value.
    fn forward(&self, s: S, tile: &mut [Line]);
    /// Applies the function to each value, and writes the derivatives. Only if `keeps_derivative`.
    fn forward_with_derivative(&self, s: S, tile: &mut [Line], derivatives: &mut [Line]);
    /// Multiplies the gradient by the derivative, which is a function of the output. Only unless
    /// `keeps_derivative`.
    fn backward(&self, s: S, gradient: &mut [Line], output: &[Line]);
}

/// A function of whole rows with as many outputs as inputs. It receives all panels of its rows. Lanes beyond
/// the features are zero before the call and must be zero after it.
pub trait RowFunction<S: Simd>: Send + Sync {
    /// Applies the function to the first `rows` rows.
    fn forward(&self, s: S, values: &mut Panels, rows: usize);
    /// Replaces the gradients of the outputs of the first `rows` rows by the gradients of their inputs.
    fn backward(&self, s: S, gradient: &mut Panels, input: &Panels, output: &Panels, rows: usize);
}

/// Noise during training: a function of a value and a random draw. Outside training, a layer with noise
/// passes its values on unchanged.
pub trait Noise<S: Simd>: Send + Sync {
    /// Writes the values with noise. Each lane has its own draw, uniform between 0 and 1.
    fn forward(&self, s: S, values: &[Line], draws: &[Line], noisy: &mut [Line]);
    /// Writes the gradients of the values, from those of the noisy values. The draws are those of `forward`.
    fn backward(&self, s: S, gradient: &[Line], draws: &[Line], result: &mut [Line]);
}

/// A loss over whole rows.
pub trait RowLoss<S: Simd>: Send + Sync {
    /// Returns the number of values in a row of targets, for a network with `outputs` outputs.
    fn targets(&self, outputs: usize) -> usize {
        outputs
    }
    /// Checks targets, row after row, and refuses those that this loss cannot use.
    fn check(&self, _targets: &[f32], _outputs: usize) -> Result<()> {
        Ok(())
    }
    /// Refuses a last layer of this name if this loss cannot use its predictions.
    fn check_after(&self, _layer: &str) -> Result<()> {
        Ok(())
    }
    /// Returns this loss combined with a last layer of this name, as a loss of that layer's input.
    fn absorb(&self, _layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        None
    }
    /// Writes the loss of each row, averaged over outputs where the loss is elementwise.
    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]);
    /// Writes the same losses, and their gradients with respect to the prediction, times `scale`.
    fn gradients(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        scale: f32,
        gradient: &mut Panels,
    );
    /// Returns the formula, as far as loops know formulas.
    fn formula(&self) -> Formula {
        Formula::Other
    }
    /// Does the work of `gradients` for up to 16 rows of a network with one output, one lane per row. Called
    /// only if `formula` is [`Formula::Elementwise`].
    fn column(
        &self,
        _s: S,
        _prediction: &Line,
        _target: &Line,
        _losses: &mut Line,
        _scale: f32,
        _gradient: &mut Line,
    ) {
        unreachable!("a loss with columns is elementwise");
    }
}

/// The values that an optimizer computes once a step, for all parameters.
#[derive(Clone, Copy, Debug)]
pub struct StepFactors {
    /// The factor of the direction.
    pub learning_rate: f32,
    /// Further factors that the rule needs.
    pub extra: [f32; 2],
}

/// Caches the powers of two bases to the step number, as Adam's bias corrections need them, and a product
/// with one factor per step.
///
/// b^t = b^(64 ⌊t / 64⌋) · b^(t mod 64). Both factors are functions of t alone. The first one is kept from
/// step to step; the second has 64 possible values, and all of them are kept. Computing both from scratch
/// would take as long as a step of a small network.
#[derive(Clone, Copy, Debug)]
pub struct Powers {
    block: Option<u64>,
    high: [f64; 2],
    low: [[f64; 2]; POWERS as usize],
    factors: u64,
    product: f64,
}

/// The number of steps over which the first factor of a power stays the same.
const POWERS: u64 = 64;

impl Default for Powers {
    fn default() -> Self {
        Powers { block: None, high: [0.0; 2], low: [[0.0; 2]; POWERS as usize], factors: 0, product: 0.0 }
    }
}

impl Powers {
    /// Returns the bases to the power of `exponent`. The bases must be the same in every call.
    pub fn of(&mut self, bases: [f64; 2], exponent: u64) -> [f64; 2] {
        let block = exponent / POWERS;
        if self.block != Some(block) {
            if self.block.is_none() {
                self.low = std::array::from_fn(|exponent| bases.map(|base| power(base, exponent as u64)));
            }
            self.block = Some(block);
            self.high = bases.map(|base| power(power(base, POWERS), block));
        }
        let low = self.low[(exponent % POWERS) as usize];
        [self.high[0] * low[0], self.high[1] * low[1]]
    }

    /// Returns the product of the factors 1 to `count`. Each factor is between 0 and 1 and must be the same
    /// in every call.
    ///
    /// The factors are always multiplied in that order, so the product is a function of `count` alone. It is
    /// kept from step to step. Below 1e-20, where 1 - p is 1, the product becomes zero and needs no further
    /// factors.
    pub fn product(&mut self, count: u64, factor: impl Fn(u64) -> f64) -> f64 {
        if self.factors == 0 || count < self.factors {
            (self.factors, self.product) = (0, 1.0);
        }
        while self.factors < count && self.product > 0.0 {
            self.factors += 1;
            let product = self.product * factor(self.factors);
            self.product = if product < 1e-20 { 0.0 } else { product };
        }
        self.product
    }
}

/// Returns `base` to the power of a whole number, by squaring. The order of the products of `powi` is
/// unspecified.
pub fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        result *= if exponent % 2 == 1 { square } else { 1.0 };
        square *= square;
        exponent /= 2;
    }
    result
}

/// Lines of parameters whose gradients are finished.
///
/// One struct instead of three arguments: two words of separate arguments would not fit into registers. They
/// would be copied together, and that copy would wait for earlier stores.
pub struct FinishedLines<'a> {
    /// The parameters.
    pub weight: &'a mut [Line],
    /// The gradients of the parameters.
    pub gradient: &'a [Line],
    /// The state of the parameters: the slots of a line are next to each other.
    pub slots: &'a mut [Line],
}

/// An optimizer's rule for lines of parameters.
pub trait Update<S: Simd>: Send + Sync {
    /// Returns the number of state values per parameter.
    fn slots(&self) -> usize;
    /// Returns the formula, as far as loops know formulas.
    fn formula(&self) -> Formula;
    /// Returns the values that are the same for all parameters in this step. Steps count from 1 over the
    /// model's life.
    fn step_factors(&self, learning_rate: f64, step: u64, powers: &mut Powers) -> StepFactors;
    /// Updates lines of parameters.
    fn tile(&self, s: S, factors: &StepFactors, lines: &mut FinishedLines<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_same_bits_from_any_start() {
        let factor = |index: u64| 1.0 - 0.4 / index as f64;
        let from_one = |count| Powers::default().product(count, factor);
        let mut kept = Powers::default();
        for count in [1, 2, 3, 3, 10, 11, 500, 4, 0, 7] {
            assert_eq!(kept.product(count, factor).to_bits(), from_one(count).to_bits(), "{count} factors");
        }
        assert_eq!(from_one(0), 1.0);
        assert_eq!(from_one(2), 0.6 * 0.8);
    }

    #[test]
    fn a_product_that_has_become_zero_can_restart() {
        let mut powers = Powers::default();
        assert_eq!(powers.product(1000, |_| 0.5), 0.0);
        assert_eq!(powers.product(u64::MAX, |_| unreachable!()), 0.0);
        assert_eq!(powers.product(2, |_| 0.5), 0.25);
    }
}
