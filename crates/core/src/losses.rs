//! The table of losses: options → the loss and the gradient of a row.

pub mod binary;
pub mod categorical;
pub mod elementwise;
pub mod probabilities;

use crate::engine::panels::{Line, Panels, ZERO};
use crate::engine::{Formula, RowLoss, simd::Simd};
use crate::errors::Result;
use crate::options::{ABOVE_0, BETWEEN_0_AND_1, FROM_0_TO_1};
use binary::{BinaryFromLogits, BinaryFromProbabilities};
use categorical::{Labels, Shares};
use elementwise::{Hinge, Huber, LogCosh, MeanAbsoluteError, Poisson, Quantile};
use probabilities::Smoothing;

crate::table! {
    "loss" as RowLoss;
    "binaryCrossentropy" ["fromLogits", "labelSmoothing"] => |options| {
        let smoothing = Smoothing::new(options.double("labelSmoothing", FROM_0_TO_1)?);
        match options.boolean("fromLogits")? {
            true => Box::new(Elementwise(BinaryFromLogits(smoothing))),
            false => Box::new(Elementwise(BinaryFromProbabilities(smoothing))),
        }
    },
    "categoricalCrossentropy" ["fromLogits", "labelSmoothing"] => |options| {
        categorical::build(&options, Shares)?
    },
    "hinge" [] => |options| Box::new(Elementwise(Hinge)),
    "huber" ["delta"] => |options| Box::new(Elementwise(Huber { delta: options.number("delta", ABOVE_0)? })),
    "logCosh" [] => |options| Box::new(Elementwise(LogCosh)),
    "meanAbsoluteError" [] => |options| Box::new(Elementwise(MeanAbsoluteError)),
    "meanSquaredError" [] => |options| Box::new(Elementwise(MeanSquaredError)),
    "poisson" [] => |options| Box::new(Elementwise(Poisson)),
    "quantile" ["quantile"] => |options| {
        Box::new(Elementwise(Quantile::new(options.double("quantile", BETWEEN_0_AND_1)?)))
    },
    "sparseCategoricalCrossentropy" ["fromLogits", "labelSmoothing"] => |options| {
        categorical::build(&options, Labels)?
    },
}

/// An elementwise loss: a function of prediction and target, whose mean over the outputs is the loss of a
/// row.
pub trait Loss: Copy + Send + Sync + 'static {
    /// Returns the loss of one output.
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V;
    /// Returns its derivative with respect to the prediction.
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V;
    /// See [`RowLoss::check`].
    fn check(self, _targets: &[f32], _outputs: usize) -> Result<()> {
        Ok(())
    }
    /// See [`RowLoss::check_after`].
    fn check_after(self, _layer: &str) -> Result<()> {
        Ok(())
    }
    /// See [`RowLoss::absorb`].
    fn absorb<S: Simd>(self, _layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        None
    }
}

/// (p - t)²; its derivative is 2 (p - t)
#[derive(Clone, Copy)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let difference = s.sub(prediction, target);
        s.mul(difference, difference)
    }

    #[inline(always)]
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V {
        let difference = s.sub(prediction, target);
        s.add(difference, difference)
    }
}

/// Implements the engine's trait for any elementwise loss.
struct Elementwise<L>(L);

impl<L: Loss> Elementwise<L> {
    #[inline(always)]
    fn value<S: Simd>(&self, s: S, prediction: S::V, target: S::V) -> S::V {
        s.formula(
            #[inline(always)]
            || self.0.value(s, prediction, target),
        )
    }

    #[inline(always)]
    fn gradient<S: Simd>(&self, s: S, prediction: S::V, target: S::V) -> S::V {
        s.formula(
            #[inline(always)]
            || self.0.gradient(s, prediction, target),
        )
    }

    /// Computes the losses of the rows, panel by panel. Calls `each` with the panel, the row, the prediction,
    /// the target and the mask, which is 1 in the lanes that contain an output.
    #[inline(always)]
    fn rows<S: Simd>(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        mut each: impl FnMut(usize, usize, S::V, S::V, S::V),
    ) {
        let (outputs, count) = (prediction.features(), losses.len());
        for panel in 0..prediction.count() {
            let mask = s.load(&prediction.mask(panel));
            let lines = (prediction.panel(panel, count), target.panel(panel, count));
            let (eights, rest) = losses.as_chunks_mut::<8>();
            let first = 8 * eights.len();
            for (index, losses) in eights.iter_mut().enumerate() {
                self.some_rows(s, lines, mask, (panel, 8 * index), losses, &mut each);
            }
            for (index, loss) in rest.iter_mut().enumerate() {
                let losses = std::array::from_mut(loss);
                self.some_rows(s, lines, mask, (panel, first + index), losses, &mut each);
            }
        }
        // A division takes as long as the rest of the work for a row, so one output skips it.
        if outputs > 1 {
            for (row, loss) in losses.iter_mut().enumerate() {
                *loss /= outputs as f32;
                if !loss.is_finite() {
                    *loss = self.mean(s, prediction, target, row);
                }
            }
        }
    }

    /// Returns the mean over the outputs of a row whose sum overflows.
    fn mean<S: Simd>(&self, s: S, prediction: &Panels, target: &Panels, row: usize) -> f32 {
        let mut mean = 0.0;
        for panel in 0..prediction.count() {
            let mut values = ZERO;
            s.run(
                #[inline(always)]
                || {
                    let lines = (&prediction.panel(panel, row + 1)[row], &target.panel(panel, row + 1)[row]);
                    s.store(self.value(s, s.load(lines.0), s.load(lines.1)), &mut values);
                },
            );
            let mask = prediction.mask(panel);
            let values = values
                .0
                .iter()
                .zip(mask.0)
                .map(|(value, mask)| value * (mask / prediction.features() as f32));
            mean += values.sum::<f32>();
        }
        mean
    }

    /// Adds one panel to the losses of `ROWS` rows from `first`. One tree of additions sums the lanes of all
    /// of them.
    #[inline(always)]
    fn some_rows<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        (predictions, targets): (&[Line], &[Line]),
        mask: S::V,
        (panel, first): (usize, usize),
        losses: &mut [f32; ROWS],
        each: &mut impl FnMut(usize, usize, S::V, S::V, S::V),
    ) {
        let mut values = [s.splat(0.0); ROWS];
        for (row, value) in values.iter_mut().enumerate() {
            let (prediction, target) = (s.load(&predictions[first + row]), s.load(&targets[first + row]));
            *value = s.mul(self.value(s, prediction, target), mask);
            each(panel, first + row, prediction, target, mask);
        }
        let mut sums = ZERO;
        s.store(s.sums(values), &mut sums);
        for (loss, sum) in losses.iter_mut().zip(sums.0) {
            *loss = if panel == 0 { sum } else { *loss + sum };
        }
    }
}

impl<S: Simd, L: Loss> RowLoss<S> for Elementwise<L> {
    fn check(&self, targets: &[f32], outputs: usize) -> Result<()> {
        self.0.check(targets, outputs)
    }

    fn check_after(&self, layer: &str) -> Result<()> {
        self.0.check_after(layer)
    }

    fn absorb(&self, layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        self.0.absorb(layer)
    }

    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]) {
        s.run(
            #[inline(always)]
            || {
                self.rows(
                    s,
                    prediction,
                    target,
                    losses,
                    #[inline(always)]
                    |_, _, _, _, _| {},
                )
            },
        );
    }

    fn gradients(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        scale: f32,
        gradient: &mut Panels,
    ) {
        let scale = scale / prediction.features() as f32;
        let rows = losses.len();
        s.run(
            #[inline(always)]
            || {
                let scale = s.splat(scale);
                self.rows(
                    s,
                    prediction,
                    target,
                    losses,
                    #[inline(always)]
                    |panel, row, prediction, target, mask| {
                        let value = s.mul(self.gradient(s, prediction, target), s.mul(mask, scale));
                        s.store(value, &mut gradient.panel_mut(panel, rows)[row]);
                    },
                );
            },
        );
    }

    fn formula(&self) -> Formula {
        Formula::Elementwise
    }

    fn column(
        &self,
        s: S,
        prediction: &Line,
        target: &Line,
        losses: &mut Line,
        scale: f32,
        gradient: &mut Line,
    ) {
        s.run(
            #[inline(always)]
            || {
                let (prediction, target) = (s.load(prediction), s.load(target));
                s.store(self.value(s, prediction, target), losses);
                s.store(s.mul(self.gradient(s, prediction, target), s.splat(scale)), gradient);
            },
        );
    }
}
