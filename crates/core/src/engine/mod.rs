//! What makes the arithmetic fast: lines of 16 lanes, panels of lines, the products over them.
//!
//! Nothing here knows an activation, a loss, an optimizer or a layer by name. The engine sees a product, an
//! elementwise [`Epilogue`] behind it, a [`RowFunction`], [`Noise`], a [`RowLoss`] at the end, and the
//! [`Update`] of a finished gradient.
//!
//! One order of summation holds everywhere, so that tiles and instruction sets cannot change a bit: a chain
//! of fused multiply-adds in increasing index. Only the batch is cut, every [`CHUNK_ROWS`] rows; the
//! chunks' gradients are added in order.

pub mod epilogue;
pub mod functions;
pub mod gradient_target;
pub mod gradients;
pub mod huge_pages;
pub mod lookup;
pub mod noise;
pub mod one_hidden_layer;
pub mod panels;
pub mod peak;
pub mod products;
pub mod rows;
pub mod scale;
pub mod scoped_threads;
pub mod simd;
pub mod small_batch;
pub mod standardize;
pub mod thread_tuner;
pub(crate) mod tiles;

use crate::errors::Result;
use panels::{Line, Panels};
use simd::Simd;

/// Rows that go through forward and backward together. Larger batches are cut here and only here: a
/// constant, since it is part of the order of summation and so of the bits. 512 rows of one panel are 32
/// KB, the size of an L1 cache.
pub const CHUNK_ROWS: usize = 512;

/// The formulas that loops may have inlined. An entry of a table states what it is; what follows from that is
/// decided in [`crate::ways`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// [`functions::rectified`] with its derivative.
    Rectifier,
    /// [`functions::descended`], without state.
    Descent,
    /// A loss that is a mean over outputs.
    Elementwise,
    /// Any other: it is called.
    Other,
}

/// What is done to the finished tiles of a product, and undone on the way back.
pub trait Epilogue<S: Simd>: Send + Sync {
    /// Whether `backward` reads the values before the epilogue; only then are they kept.
    fn reads_input(&self) -> bool;
    /// What its formula is, as far as loops know formulas.
    fn formula(&self) -> Formula;
    /// Replaces each value by its function.
    fn forward(&self, s: S, tile: &mut [Line]);
    /// Multiplies the gradient by the derivative. `input` is empty unless `reads_input`.
    fn backward(&self, s: S, gradient: &mut [Line], input: &[Line], output: &[Line]);
}

/// A function of whole rows, with as many outputs as inputs. It sees all panels of its rows; lanes beyond
/// the features are zero before, and have to be after.
pub trait RowFunction<S: Simd>: Send + Sync {
    /// Replaces each of the first rows by its function.
    fn forward(&self, s: S, values: &mut Panels, rows: usize);
    /// Replaces the gradients with respect to the outputs of the first rows by those with respect to their
    /// inputs.
    fn backward(&self, s: S, gradient: &mut Panels, input: &Panels, output: &Panels, rows: usize);
}

/// Noise in training: a function of a value and a draw. A layer with it passes values on as they are
/// wherever nothing is trained.
pub trait Noise<S: Simd>: Send + Sync {
    /// Replaces the values by noisy ones. Each lane has a draw, uniform between 0 and 1.
    fn forward(&self, s: S, values: &mut [Line], draws: &[Line]);
    /// Replaces the gradients with respect to the noisy values by those with respect to the values, from the
    /// same draws.
    fn backward(&self, s: S, gradient: &mut [Line], draws: &[Line]);
}

/// A loss, which looks at whole rows.
pub trait RowLoss<S: Simd>: Send + Sync {
    /// Values in a row of targets, for a network with so many outputs.
    fn targets(&self, outputs: usize) -> usize {
        outputs
    }
    /// Refuses targets, row after row, that are none for this loss.
    fn check(&self, _targets: &[f32], _outputs: usize) -> Result<()> {
        Ok(())
    }
    /// Refuses a last layer of this name, if its predictions are none for this loss.
    fn check_after(&self, _layer: &str) -> Result<()> {
        Ok(())
    }
    /// What this loss is together with a last layer of this name, as a loss of what goes into that layer.
    fn absorb(&self, _layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        None
    }
    /// Writes the loss of each of the first rows, averaged over outputs where the loss is elementwise.
    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]);
    /// The same, and writes the gradients of those losses with respect to the prediction, times `scale`.
    fn gradients(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        scale: f32,
        gradient: &mut Panels,
    );
    /// What its formula is, as far as loops know formulas.
    fn formula(&self) -> Formula {
        Formula::Other
    }
    /// `gradients` for up to 16 rows of a network with one output, a lane for each row. Called only where
    /// `formula` is [`Formula::Elementwise`].
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

/// What an optimizer computes once a step, for all parameters: its learning rate, and factors of its own.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// What the direction is multiplied by.
    pub learning_rate: f32,
    /// What else the rule needs.
    pub factors: [f32; 2],
}

/// Powers of two bases to the number of the step, as Adam's corrections need them, and a product of as many
/// factors.
///
/// b^t = b^(64 ⌊t / 64⌋) · b^(t mod 64): a function of t alone, of which the first factor is kept from step
/// to step, and all that the second can be. Where they are computed from the start they take as long as a step
/// of a small network.
#[derive(Clone, Copy, Debug)]
pub struct Powers {
    block: Option<u64>,
    high: [f64; 2],
    low: [[f64; 2]; POWERS as usize],
    factors: u64,
    product: f64,
}

/// Steps over which the first factor of a power stays the same.
const POWERS: u64 = 64;

impl Default for Powers {
    fn default() -> Self {
        Powers { block: None, high: [0.0; 2], low: [[0.0; 2]; POWERS as usize], factors: 0, product: 0.0 }
    }
}

impl Powers {
    /// The bases, always the same ones, to the power of `exponent`.
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

    /// The product of the factors 1 to `count`, which are always the same ones, from 0 to 1 each.
    ///
    /// Always multiplied in that order, so that it is a function of `count` alone, and kept from step to
    /// step. Below 1e-20, where 1 - p is 1, it is zero, and needs no more factors.
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

/// base to the power of a whole number, by squaring: `powi` leaves the order of its products open.
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
/// In one place and not three arguments: two of their words would not fit the registers, and are then copied
/// together, which waits for what came before.
pub struct Finished<'a> {
    /// The parameters.
    pub weight: &'a mut [Line],
    /// Their gradients.
    pub gradient: &'a [Line],
    /// Their state: a line's slots beside each other.
    pub slots: &'a mut [Line],
}

/// An optimizer's rule for some lines of parameters.
pub trait Update<S: Simd>: Send + Sync {
    /// Values of state for each parameter.
    fn slots(&self) -> usize;
    /// What its formula is, as far as loops know formulas.
    fn formula(&self) -> Formula;
    /// What is the same for all parameters in this step; steps count from 1 over the model's life.
    fn now(&self, learning_rate: f64, step: u64, powers: &mut Powers) -> Now;
    /// Updates lines of parameters.
    fn tile(&self, s: S, now: &Now, lines: &mut Finished<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_has_the_same_bits_from_wherever_it_goes_on() {
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
    fn a_product_that_has_come_to_nothing_is_zero_and_can_begin_again() {
        let mut powers = Powers::default();
        assert_eq!(powers.product(1000, |_| 0.5), 0.0);
        assert_eq!(powers.product(u64::MAX, |_| unreachable!()), 0.0);
        assert_eq!(powers.product(2, |_| 0.5), 0.25);
    }
}
