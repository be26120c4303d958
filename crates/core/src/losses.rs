//! The table of losses: (options) → value and gradient of a row.

use crate::engine::panels::{Line, Panels, ZERO};
use crate::engine::{RowLoss, simd::Simd};

crate::table! {
    "loss" as RowLoss;
    "meanSquaredError" [] => |options| Box::new(Elementwise(MeanSquaredError)),
}

/// A loss that is a mean over the outputs of a function of prediction and target.
pub trait Loss: Copy + Send + Sync + 'static {
    /// The loss of one output.
    fn value<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V;
    /// Its derivative by the prediction.
    fn gradient<S: Simd>(self, s: S, prediction: S::V, target: S::V) -> S::V;
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

/// Any elementwise loss as the engine sees it.
struct Elementwise<L>(L);

/// The lines of a panel pair with a mask that is 1 in the lanes that hold an output.
#[inline(always)]
fn mask(outputs: usize, panel: usize) -> Line {
    let mut mask = ZERO;
    let lanes = (outputs - panel * mask.0.len()).min(mask.0.len());
    mask.0[..lanes].fill(1.0);
    mask
}

impl<S: Simd, L: Loss> RowLoss<S> for Elementwise<L> {
    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]) {
        let outputs = prediction.features();
        losses.fill(0.0);
        s.run(
            #[inline(always)]
            || {
                for panel in 0..prediction.count() {
                    let mask = s.load(&mask(outputs, panel));
                    let lines = prediction.panel(panel).iter().zip(target.panel(panel));
                    for ((prediction, target), loss) in lines.zip(&mut *losses) {
                        let value = self.0.value(s, s.load(prediction), s.load(target));
                        *loss += s.sum(s.mul(value, mask));
                    }
                }
                for loss in losses {
                    *loss /= outputs as f32;
                }
            },
        );
    }

    fn gradients(&self, s: S, prediction: &Panels, target: &Panels, scale: f32, gradient: &mut Panels) {
        let outputs = prediction.features();
        s.run(
            #[inline(always)]
            || {
                let scale = s.splat(scale / outputs as f32);
                for panel in 0..prediction.count() {
                    let scale = s.mul(s.load(&mask(outputs, panel)), scale);
                    let lines = prediction.panel(panel).iter().zip(target.panel(panel));
                    for ((prediction, target), gradient) in lines.zip(gradient.panel_mut(panel)) {
                        let value = self.0.gradient(s, s.load(prediction), s.load(target));
                        s.store(s.mul(value, scale), gradient);
                    }
                }
            },
        );
    }
}
