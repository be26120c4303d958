//! Elementwise functions after a product. They are applied to the lines that the product has just written,
//! while the lines are in the cache.

use super::Epilogue;
use super::panels::Panels;
use super::simd::Simd;
use std::ops::Range;

/// Applies an elementwise function to panels of a product's output.
pub trait PanelEpilogue<S: Simd> {
    /// Applies the function to these panels of `target`.
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize);
}

/// Forward: keeps the values that the derivative will read, then applies the function.
pub struct Apply<'a, S: Simd> {
    /// The function, if there is one.
    pub epilogue: Option<&'a dyn Epilogue<S>>,
    /// Where to keep the values before the function.
    pub kept: Option<&'a mut Panels>,
}

impl<S: Simd> PanelEpilogue<S> for Apply<'_, S> {
    #[inline(always)]
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize) {
        let Some(epilogue) = self.epilogue else { return };
        for run in target.runs(panels.clone(), rows) {
            if let Some(kept) = &mut self.kept {
                kept.lines_mut(run.clone()).copy_from_slice(target.lines(run.clone()));
            }
            epilogue.forward(s, target.lines_mut(run));
        }
        target.clear_padding(panels, rows);
    }
}

/// Backward: multiplies the gradient by the derivative of the function.
pub struct Differentiate<'a, S: Simd> {
    /// The function, if there is one.
    pub epilogue: Option<&'a dyn Epilogue<S>>,
    /// The values before the function, if they were kept.
    pub input: Option<&'a Panels>,
    /// The values after the function.
    pub output: &'a Panels,
}

impl<S: Simd> PanelEpilogue<S> for Differentiate<'_, S> {
    #[inline(always)]
    fn apply(&mut self, s: S, target: &mut Panels, panels: Range<usize>, rows: usize) {
        let Some(epilogue) = self.epilogue else { return };
        for run in target.runs(panels, rows) {
            let input = self.input.map_or(
                &[][..],
                #[inline(always)]
                |input| input.lines(run.clone()),
            );
            epilogue.backward(s, target.lines_mut(run.clone()), input, self.output.lines(run));
        }
    }
}
