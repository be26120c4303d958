//! Two products of a dense layer, each in two forms. The product for the parameters' gradients is in
//! `gradients.rs`.
//!
//! *Wide* (8 outputs or more): the lanes run along the outputs, and each sum is one chain of multiply-adds
//! over the contraction. *Narrow* (1 to 7 outputs): the lanes run along the inputs, and 16 partial sums are
//! added in one fixed tree. The form depends only on the number of outputs, never on the batch, the machine
//! or the thread.

use super::bfloat16::{Multiplier, Single};
use super::epilogue::PanelEpilogue;
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::simd::Simd;
use super::small_batch::SMALL_BATCH_INPUTS;
use super::tiles::{Dots, Factors, dot, multiply, multiply_tile, spread};
use std::ops::Range;

/// The most terms of a sum that a product adds at a time. A block of weights of 784 lines by two panels is
/// 100 KB: a tile reads it from the L2 cache, in less time than its multiply-adds take, and writes its sums once.
/// With blocks that stay in the L1 cache, sums are written and read again more often, which takes longer.
const CONTRACTION: usize = 784;

/// The direction of a product's lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Along the outputs.
    Wide,
    /// Along the inputs.
    Narrow,
}

/// y = W x + b, and the place of its parameters.
#[derive(Clone, Debug)]
pub struct Product {
    /// The number of values in a row of x.
    pub inputs: usize,
    /// The number of values in a row of y.
    pub outputs: usize,
    /// The direction of the lanes.
    pub form: Form,
    /// The lines of W.
    pub weight: Range<usize>,
    /// The lines of b, which follow those of W. `None` without a bias.
    pub bias: Option<Range<usize>>,
}

/// Cuts the contraction into pieces of about the same length.
#[inline(always)]
pub(super) fn pieces(length: usize) -> impl Iterator<Item = Range<usize>> {
    // A division takes longer than a small product, and one piece needs none.
    let size = if length <= CONTRACTION {
        CONTRACTION
    } else {
        length.div_ceil(length.div_ceil(CONTRACTION)).next_multiple_of(LANES)
    };
    (0..length).step_by(size).map(
        #[inline(always)]
        move |start| start..(start + size).min(length),
    )
}

/// The number of panels computed side by side for one row. A single chain of sums would wait for each
/// multiply-add. Six chains fit the registers of every instruction set but WebAssembly, where a chain is four.
const ONE_ROW_PANELS: usize = if cfg!(target_arch = "wasm32") { 2 } else { 6 };

/// The number of output lines to which one call applies the epilogue. With fewer, the calls take noticeable
/// time; more lines do not stay in the L1 cache.
const FINISHED_LINES: usize = 256;

impl Product {
    /// Returns the form for `outputs` outputs.
    pub fn form(outputs: usize) -> Form {
        if outputs < 8 { Form::Narrow } else { Form::Wide }
    }

    /// Returns the number of lines of the weights, or `None` if it overflows.
    pub fn weight_lines(inputs: usize, outputs: usize) -> Option<usize> {
        match Self::form(outputs) {
            Form::Wide => panels(outputs).checked_mul(inputs),
            Form::Narrow => panels(inputs).checked_mul(outputs),
        }
    }

    /// Returns the number of scratch lines that the input gradient needs, and the forward product if it `rounds`
    /// its factors.
    pub fn scratch_lines(&self, rounds: bool) -> usize {
        let longest = if rounds { self.outputs.max(self.inputs) } else { self.outputs };
        if self.form == Form::Wide { 2 * panels(longest.min(CONTRACTION)) * LANES } else { 0 }
    }

    /// Returns the line, counted from the first weight, and the lane of W[output][input].
    pub fn place(&self, output: usize, input: usize) -> (usize, usize) {
        match self.form {
            Form::Wide => (output / LANES * self.inputs + input, output % LANES),
            Form::Narrow => (input / LANES * self.outputs + output, input % LANES),
        }
    }

    /// Returns the weights from the inputs of `contraction` to the outputs of a panel, for a wide product.
    #[inline(always)]
    pub(super) fn lines<'a>(
        &self,
        parameters: &'a [Line],
        panel: usize,
        contraction: Range<usize>,
    ) -> &'a [Line] {
        &parameters[self.weight.start + panel * self.inputs..][contraction]
    }

    /// Returns the biases of a panel.
    #[inline(always)]
    pub(super) fn bias_line<'a>(&self, parameters: &'a [Line], panel: usize) -> &'a Line {
        match &self.bias {
            Some(bias) => &parameters[bias.start + panel],
            None => &ZERO,
        }
    }

    /// Computes output = W input + b, then applies the epilogue. `KNOWN_ROWS` is the number of rows if the
    /// compiler should know it, else 0.
    #[inline(always)]
    pub fn forward<S: Simd, const KNOWN_ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        mut epilogue: impl PanelEpilogue<S>,
        rows: usize,
    ) {
        let count = panels(self.outputs);
        if KNOWN_ROWS == 0 {
            self.forward_many(s, parameters, input, output, epilogue, rows);
        } else if self.form == Form::Narrow || self.inputs <= SMALL_BATCH_INPUTS {
            self.forward_small_batch::<S, KNOWN_ROWS>(s, parameters, input, output);
            epilogue.apply(s, output, 0..count, KNOWN_ROWS);
        } else {
            self.forward_apart(s, parameters, input, output, epilogue, KNOWN_ROWS);
        }
    }

    /// Never inlined: the code would be repeated for each known number of rows.
    #[inline(never)]
    fn forward_apart<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        epilogue: impl PanelEpilogue<S>,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || self.forward_many(s, parameters, input, output, epilogue, rows),
        );
    }

    #[inline(always)]
    fn forward_many<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        mut epilogue: impl PanelEpilogue<S>,
        rows: usize,
    ) {
        let count = panels(self.outputs);
        if self.form == Form::Wide && rows == 1 && count >= ONE_ROW_PANELS {
            self.forward_one(s, parameters, input, output);
        } else if self.form == Form::Narrow {
            let weight = &parameters[self.weight.clone()];
            let bias = self.bias_line(parameters, 0);
            let dots = Dots { weight, outputs: self.outputs, bias, input };
            dot(s, dots, output.panel_mut(0, rows), rows);
        } else {
            for piece in pieces(self.inputs) {
                for panel in (0..count).step_by(S::PANELS) {
                    let group = panel..(panel + S::PANELS).min(count);
                    let stride = output.capacity();
                    let target = output.panels_mut(group.clone(), rows);
                    self.forward_group(s, parameters, input, &piece, &group, target, stride, rows);
                    if piece.end == self.inputs && count * rows > FINISHED_LINES {
                        epilogue.apply(s, output, group, rows);
                    }
                }
            }
        }
        if self.form == Form::Narrow || count * rows <= FINISHED_LINES {
            epilogue.apply(s, output, 0..count, rows);
        }
    }

    /// Computes some panels of a wide product's output. The panels are `stride` lines apart in `output`, and
    /// the first one begins at its start.
    #[expect(clippy::too_many_arguments, reason = "what is read and written, and which part of it")]
    #[inline(always)]
    pub fn forward_panels<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut [Line],
        stride: usize,
        panels: Range<usize>,
        rows: usize,
    ) {
        for piece in pieces(self.inputs) {
            for panel in panels.clone().step_by(S::PANELS) {
                let group = panel..(panel + S::PANELS).min(panels.end);
                let lines = (group.len() - 1) * stride + rows;
                let target = &mut output[(panel - panels.start) * stride..][..lines];
                self.forward_group(s, parameters, input, &piece, &group, target, stride, rows);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "inlined; the arguments are the loop's own variables")]
    #[inline(always)]
    fn forward_group<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        piece: &Range<usize>,
        group: &Range<usize>,
        target: &mut [Line],
        stride: usize,
        rows: usize,
    ) {
        let ends = [group.start, group.end - 1];
        let lines = ends.map(
            #[inline(always)]
            |panel| self.lines(parameters, panel, piece.clone()),
        );
        let start = ends.map(
            #[inline(always)]
            |panel| self.bias_line(parameters, panel),
        );
        multiply_group((s, Single), lines, start, piece, input, group.len(), target, stride, rows);
    }

    /// Computes a wide product for one row, as in a prediction. Groups of panels are computed side by side,
    /// with one chain of sums per panel.
    #[inline(never)]
    fn forward_one<S: Simd>(&self, s: S, parameters: &[Line], input: &Panels, output: &mut Panels) {
        s.run(
            #[inline(always)]
            || {
                let count = panels(self.outputs);
                let whole = count / ONE_ROW_PANELS * ONE_ROW_PANELS;
                let stride = output.capacity();
                for panel in (0..whole).step_by(ONE_ROW_PANELS) {
                    let lines = std::array::from_fn(
                        #[inline(always)]
                        |next| self.lines(parameters, panel + next, 0..self.inputs),
                    );
                    let start = Some(std::array::from_fn(
                        #[inline(always)]
                        |next| self.bias_line(parameters, panel + next),
                    ));
                    let factors = Factors { lines, start, input, first_panel: 0 };
                    let target = output.panels_mut(panel..panel + ONE_ROW_PANELS, 1);
                    multiply_tile::<S, 1, ONE_ROW_PANELS, _>((s, Single), factors, target, stride, 0, 1);
                }
                for panel in whole..count {
                    let lines = [self.lines(parameters, panel, 0..self.inputs)];
                    let start = Some([self.bias_line(parameters, panel)]);
                    let factors = Factors { lines, start, input, first_panel: 0 };
                    multiply_tile::<S, 1, 1, _>(
                        (s, Single),
                        factors,
                        output.panel_mut(panel, 1),
                        stride,
                        0,
                        1,
                    );
                }
            },
        );
    }

    /// Computes input_gradient = Wᵀ gradient, then applies the epilogue. A wide product for any number of
    /// rows computes the panels `needed` only. `KNOWN_ROWS` is as in `forward`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is read, what is written, and the scratch between them"
    )]
    #[inline(always)]
    pub fn input_gradient<S: Simd, const KNOWN_ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
        scratch: &mut [Line],
        mut epilogue: impl PanelEpilogue<S>,
        (rows, needed): (usize, Range<usize>),
    ) {
        if KNOWN_ROWS == 0 {
            self.input_gradient_many(
                s,
                parameters,
                gradient,
                input_gradient,
                scratch,
                epilogue,
                (rows, needed),
            );
        } else if self.form == Form::Narrow {
            self.input_gradient_small_batch::<S, KNOWN_ROWS>(s, parameters, gradient, input_gradient);
            let panels = 0..input_gradient.count();
            epilogue.apply(s, input_gradient, panels, KNOWN_ROWS);
        } else {
            let all = (KNOWN_ROWS, 0..panels(self.inputs));
            self.input_gradient_apart(s, parameters, gradient, input_gradient, scratch, epilogue, all);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "those of `input_gradient`")]
    #[inline(never)]
    fn input_gradient_apart<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
        scratch: &mut [Line],
        epilogue: impl PanelEpilogue<S>,
        extent: (usize, Range<usize>),
    ) {
        s.run(
            #[inline(always)]
            || self.input_gradient_many(s, parameters, gradient, input_gradient, scratch, epilogue, extent),
        );
    }

    #[expect(clippy::too_many_arguments, reason = "those of `input_gradient`")]
    #[inline(always)]
    fn input_gradient_many<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
        scratch: &mut [Line],
        mut epilogue: impl PanelEpilogue<S>,
        (rows, needed): (usize, Range<usize>),
    ) {
        let needed = if self.form == Form::Narrow { 0..panels(self.inputs) } else { needed };
        let count = needed.len();
        if self.form == Form::Narrow {
            let weight = &parameters[self.weight.clone()];
            spread(s, weight, self.outputs, gradient.panel(0, rows), input_gradient);
        } else {
            let (first, second) = scratch.split_at_mut(scratch.len() / 2);
            for piece in pieces(self.outputs) {
                for panel in needed.clone().step_by(S::PANELS) {
                    let group = panel..(panel + S::PANELS).min(needed.end);
                    self.transpose(s, parameters, panel, &piece, first);
                    if group.len() > 1 {
                        self.transpose(s, parameters, panel + 1, &piece, second);
                    }
                    let lines = [&first[..piece.len()], &second[..piece.len()]];
                    let stride = input_gradient.capacity();
                    let target = input_gradient.panels_mut(group.clone(), rows);
                    multiply_group(
                        (s, Single),
                        lines,
                        [&ZERO; 2],
                        &piece,
                        gradient,
                        group.len(),
                        target,
                        stride,
                        rows,
                    );
                    if piece.end == self.outputs && count * rows > FINISHED_LINES {
                        epilogue.apply(s, input_gradient, group, rows);
                    }
                }
            }
        }
        if self.form == Form::Narrow || count * rows <= FINISHED_LINES {
            epilogue.apply(s, input_gradient, needed, rows);
        }
    }

    /// Transposes weights: lane i of line o becomes W[piece.start + o][16 panel + i], zero beyond the inputs.
    #[inline(always)]
    pub(super) fn transpose<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        panel: usize,
        piece: &Range<usize>,
        transposed: &mut [Line],
    ) {
        let first = panel * LANES;
        let count = (self.inputs - first).min(LANES);
        for (block, result) in
            transposed[..piece.len().next_multiple_of(LANES)].chunks_exact_mut(LANES).enumerate()
        {
            let output_panel = piece.start / LANES + block;
            let source = &parameters[self.weight.start + output_panel * self.inputs + first..][..count];
            let Some(result) = result.first_chunk_mut::<LANES>() else { return };
            if let Some(source) = source.first_chunk::<LANES>() {
                s.transpose(source, result);
            } else {
                let mut padded = [ZERO; LANES];
                padded[..count].copy_from_slice(source);
                s.transpose(&padded, result);
            }
        }
    }
}

/// Computes one or two panels of output for a piece of the contraction. The first piece starts from `start`,
/// the others from the values in the output. The second entries of `lines` and `start` are used only if the
/// group has two panels.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "inlined; the arguments are the loop's own variables")]
pub(super) fn multiply_group<S: Simd, M: Multiplier<S>>(
    by: (S, M),
    lines: [&[Line]; 2],
    start: [&Line; 2],
    piece: &Range<usize>,
    input: &Panels,
    panels: usize,
    target: &mut [Line],
    stride: usize,
    rows: usize,
) {
    let first = piece.start == 0;
    let first_panel = piece.start / LANES;
    // `S::PANELS` is a constant, so instruction sets without two-panel tiles do not compile them.
    if S::PANELS == 2 && panels == 2 {
        let factors = Factors { lines, start: first.then_some(start), input, first_panel };
        multiply(by, factors, target, stride, rows);
    } else {
        let start = first.then_some([start[0]]);
        multiply(by, Factors { lines: [lines[0]], start, input, first_panel }, target, stride, rows);
    }
}
