//! Elementwise functions after a product. They are applied to the lines that the product has just written,
//! while the lines are in the cache.

use super::Epilogue;
use super::panels::{Line, Panels};
use super::simd::Simd;
use std::ops::Range;

/// Applies an elementwise function to panels of a product's output.
pub trait PanelEpilogue<S: Simd> {
    /// Applies the function to these panels of `target`.
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize);
}

/// Forward: applies the function, and computes the derivatives that are kept.
pub struct Apply<'a, S: Simd> {
    /// The function, if there is one.
    pub epilogue: Option<&'a dyn Epilogue<S>>,
    /// Where to keep the derivatives, in a training, of a function that
    /// [`keeps_derivative`](Epilogue::keeps_derivative).
    pub derivatives: Option<&'a mut Panels>,
}

impl<S: Simd> PanelEpilogue<S> for Apply<'_, S> {
    #[inline(always)]
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize) {
        let Some(epilogue) = self.epilogue else { return };
        for run in target.runs(panels.clone(), rows) {
            let lines = target.lines_mut(run.clone());
            match &mut self.derivatives {
                Some(derivatives) => epilogue.forward_with_derivative(s, lines, derivatives.lines_mut(run)),
                None => epilogue.forward(s, lines),
            }
        }
        target.clear_padding(panels, rows);
    }
}

/// Backward: multiplies the gradient by the derivative of the function.
pub struct Differentiate<'a, S: Simd> {
    /// The function, if there is one.
    pub epilogue: Option<&'a dyn Epilogue<S>>,
    /// The derivatives, if they were kept.
    pub derivatives: Option<&'a Panels>,
    /// The values after the function.
    pub output: &'a Panels,
}

impl<S: Simd> PanelEpilogue<S> for Differentiate<'_, S> {
    #[inline(always)]
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize) {
        let Some(epilogue) = self.epilogue else { return };
        for run in target.runs(panels, rows) {
            let gradient = target.lines_mut(run.clone());
            match self.derivatives {
                Some(derivatives) => multiply_lines(s, gradient, derivatives.lines(run)),
                None => epilogue.backward(s, gradient, self.output.lines(run)),
            }
        }
    }
}

/// Multiplies gradients by the derivatives that were kept.
#[inline(never)]
pub fn multiply_lines<S: Simd>(s: S, gradient: &mut [Line], derivatives: &[Line]) {
    s.run(
        #[inline(always)]
        || {
            for (gradient, derivative) in gradient.iter_mut().zip(derivatives) {
                s.store(s.mul(s.load(gradient), s.load(derivative)), gradient);
            }
        },
    );
}
