//! The third product of a dense layer: the gradients of its parameters, tile by tile into the sink.

use super::panels::{LANES, Line, Panels, panels};
use super::products::{FEW_ROWS, Form, Product, with_few};
use super::simd::Simd;
use super::sink::{BLOCK_LINES, Block, Sink};
use super::tiles::{few_outer_sums, outer_sums};

impl Product {
    /// The gradients of W and b, the sums of gradient ⊗ input and of gradient over the rows, into `sink`;
    /// `scratch` has [`SCRATCH_LINES`] lines.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is read, what is written, and the scratch between them"
    )]
    #[inline(always)]
    pub fn parameter_gradient<S: Simd>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        scratch: &mut [Line],
        parameters: &mut [Line],
        sink: &mut Sink<'_, S>,
        rows: usize,
    ) {
        if rows <= FEW_ROWS {
            with_few!(rows, self.few_rows_gradient::<S, _>(s, input, gradient, scratch, parameters, sink));
        } else {
            self.gradient_of::<S, 0>(s, input, gradient, scratch, parameters, sink, rows);
        }
    }

    #[inline(never)]
    fn few_rows_gradient<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        scratch: &mut [Line],
        parameters: &mut [Line],
        sink: &mut Sink<'_, S>,
    ) {
        s.run(
            #[inline(always)]
            || self.gradient_of::<S, ROWS>(s, input, gradient, scratch, parameters, sink, ROWS),
        );
    }

    /// `FEW` is the number of rows where the compiler is to know it, else 0.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "what is read, what is written, and the scratch between them"
    )]
    fn gradient_of<S: Simd, const FEW: usize>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        scratch: &mut [Line],
        parameters: &mut [Line],
        sink: &mut Sink<'_, S>,
        rows: usize,
    ) {
        let start = self.weight.start;
        let (first, second) = scratch.split_at_mut(BLOCK_LINES);
        let mut block = Block::new(start, first);
        if self.form == Form::Narrow {
            for panel in 0..panels(self.inputs) {
                let tile = block.next(s, parameters, sink, self.outputs);
                sums::<S, FEW>(s, gradient.panel(0, rows), input.panel(panel, rows), tile);
            }
        } else {
            let count = panels(self.outputs);
            // Few inputs make tiles of few lines: they are collected over the panels, so that one call
            // takes them all.
            let pairs = if FEW == 0 && S::PANELS == 2 && self.inputs >= LANES { count / 2 } else { 0 };
            let mut other = Block::new(start, &mut second[..BLOCK_LINES]);
            for pair in 0..pairs {
                let panel = 2 * pair;
                block.restart(s, parameters, sink, start + panel * self.inputs);
                other.restart(s, parameters, sink, start + (panel + 1) * self.inputs);
                let lines = [gradient.panel(panel, rows), gradient.panel(panel + 1, rows)];
                for input_panel in 0..panels(self.inputs) {
                    let count = (self.inputs - input_panel * LANES).min(LANES);
                    let tiles =
                        [block.next(s, parameters, sink, count), other.next(s, parameters, sink, count)];
                    outer_sums(s, input.panel(input_panel, rows), lines, tiles);
                }
            }
            other.flush(s, parameters, sink);
            block.restart(s, parameters, sink, start + 2 * pairs * self.inputs);
            for panel in 2 * pairs..count {
                for input_panel in 0..panels(self.inputs) {
                    let count = (self.inputs - input_panel * LANES).min(LANES);
                    let tile = block.next(s, parameters, sink, count);
                    sums::<S, FEW>(s, input.panel(input_panel, rows), gradient.panel(panel, rows), tile);
                }
            }
        }
        if self.bias.is_some() {
            for panel in 0..panels(self.outputs) {
                sum_rows(s, gradient.panel(panel, rows), &mut block.next(s, parameters, sink, 1)[0]);
            }
        }
        block.flush(s, parameters, sink);
    }
}

/// One tile of [`outer_sums`], inlined where the number of rows is known.
#[inline(always)]
fn sums<S: Simd, const FEW: usize>(s: S, scalars: &[Line], lines: &[Line], tile: &mut [Line]) {
    if FEW == 0 {
        outer_sums(s, scalars, [lines], [tile]);
    } else if let (Some(scalars), Some(lines)) = (scalars.first_chunk::<FEW>(), lines.first_chunk::<FEW>()) {
        few_outer_sums(s, scalars, lines, tile);
    }
}

#[inline(always)]
fn sum_rows<S: Simd>(s: S, lines: &[Line], result: &mut Line) {
    let mut sum = s.splat(0.0);
    for line in lines {
        sum = s.add(sum, s.load(line));
    }
    s.store(sum, result);
}
