//! The products of a dense layer with factors in bfloat16: the factors are rounded, and multiplied by the tiles of
//! 32-bit products.

use super::bfloat16::Rounding;
use super::epilogue::PanelEpilogue;
use super::gradients::{ParameterGradients, Shards};
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::products::{Product, multiply_group, pieces};
use super::simd::Simd;
use std::ops::Range;

/// The smallest number that a sum may begin with, 2^-102.
const SMALLEST_START: f32 = f32::from_bits((127 - 102) << 23);

/// Rounds lines. Each line of the result holds consecutive lines, and zeros after the last.
#[inline(never)]
fn round_lines<S: Simd, R: Rounding<S>>(s: S, rounding: R, lines: &[Line], result: &mut [Line]) {
    rounding.run(
        s,
        #[inline(always)]
        || {
            if R::TERMS == 1 {
                for (line, result) in lines.iter().zip(result) {
                    rounding.join_lines(s, [line, &ZERO], result);
                }
                return;
            }
            let (pairs, rest) = lines.as_chunks::<2>();
            let (whole, last) = result.split_at_mut(pairs.len());
            for ([first, second], result) in pairs.iter().zip(whole) {
                rounding.join_lines(s, [first, second], result);
            }
            if let ([line], [result, ..]) = (rest, last) {
                rounding.join_lines(s, [line, &ZERO], result);
            }
        },
    );
}

/// Rounds the rows of `values` for a sum over their features: the lanes hold consecutive features.
fn round_rows<S: Simd, R: Rounding<S>>(s: S, rounding: R, values: &Panels, rows: usize, result: &mut Panels) {
    if R::TERMS == 1 {
        return round_columns(s, rounding, values, rows, result);
    }
    rounding.run(
        s,
        #[inline(always)]
        || {
            for panel in 0..values.count().div_ceil(2) {
                let first = values.panel(panel * 2, rows);
                let result = result.panel_mut(panel, rows);
                if panel * 2 + 1 < values.count() {
                    let second = values.panel(panel * 2 + 1, rows);
                    for ((first, second), result) in first.iter().zip(second).zip(result) {
                        rounding.join_lanes(s, [first, second], result);
                    }
                } else {
                    for (first, result) in first.iter().zip(result) {
                        rounding.join_lanes(s, [first, &ZERO], result);
                    }
                }
            }
        },
    );
}

/// Rounds the rows of `values` for a sum over rows: the lines hold consecutive rows.
#[inline(never)]
pub fn round_columns<S: Simd, R: Rounding<S>>(
    s: S,
    rounding: R,
    values: &Panels,
    rows: usize,
    result: &mut Panels,
) {
    for panel in 0..values.count() {
        let result = result.panel_mut(panel, rows.div_ceil(R::TERMS));
        round_lines(s, rounding, values.panel(panel, rows), result);
    }
}

/// Returns the line that a sum begins with, with zeros for values below 2^-102.
#[inline(always)]
fn start_of<S: Simd>(s: S, line: &Line) -> Line {
    let (value, zero) = (s.load(line), s.splat(0.0));
    let mut start = ZERO;
    let magnitude = s.max(value, s.sub(zero, value));
    s.store(s.select_greater(s.splat(SMALLEST_START), magnitude, zero, value), &mut start);
    start
}

/// Where the rounded factors of one product are: the rows, and lines of weights.
pub struct RoundedOperands<'a> {
    /// The rows of the input or of the gradient.
    pub rows: &'a mut Panels,
    /// Scratch of [`Product::scratch_lines`] lines.
    pub weights: &'a mut [Line],
}

/// Multiplies rounded rows of `length` terms by the weights of some panels, then applies the epilogue.
/// `weights` writes a piece of a panel's weights, rounded, and `start` returns the line that the sums of a panel
/// begin with.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "inlined; what is read, how, and where to write")]
fn multiply_rounded<S: Simd, R: Rounding<S>>(
    (s, rounding): (S, R),
    length: usize,
    weights: impl Fn(usize, &Range<usize>, &mut [Line]),
    start: impl Fn(usize) -> Line,
    operands: RoundedOperands<'_>,
    (output, panels): (&mut Panels, Range<usize>),
    mut epilogue: impl PanelEpilogue<S>,
    rows: usize,
) {
    let length = length.div_ceil(R::TERMS);
    let (first, second) = operands.weights.split_at_mut(operands.weights.len() / 2);
    for piece in pieces(length) {
        for panel in panels.clone().step_by(S::PANELS) {
            let group = panel..(panel + S::PANELS).min(panels.end);
            let mut starts = [ZERO; 2];
            for ((panel, lines), line) in group.clone().zip([&mut *first, &mut *second]).zip(&mut starts) {
                weights(panel, &piece, lines);
                *line = start(panel);
            }
            let lines = [&first[..piece.len()], &second[..piece.len()]];
            let stride = output.capacity();
            let target = output.panels_mut(group.clone(), rows);
            multiply_group(
                (s, rounding),
                lines,
                starts.each_ref(),
                &piece,
                operands.rows,
                group.len(),
                target,
                stride,
                rows,
            );
            if piece.end == length {
                epilogue.apply(s, output, group, rows);
            }
        }
    }
}

impl Product {
    /// As `forward`, for a wide product with rounded factors.
    #[expect(clippy::too_many_arguments, reason = "those of `forward`")]
    #[inline(never)]
    pub fn forward_rounded<S: Simd, R: Rounding<S>>(
        &self,
        s: S,
        rounding: R,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        operands: RoundedOperands<'_>,
        epilogue: impl PanelEpilogue<S>,
        rows: usize,
    ) {
        rounding.run(
            s,
            #[inline(always)]
            || {
                round_rows(s, rounding, input, rows, operands.rows);
                multiply_rounded(
                    (s, rounding),
                    self.inputs,
                    #[inline(always)]
                    |panel, piece, lines| {
                        let terms = piece.start * R::TERMS..(piece.end * R::TERMS).min(self.inputs);
                        round_lines(s, rounding, self.lines(parameters, panel, terms), lines);
                    },
                    #[inline(always)]
                    |panel| start_of(s, self.bias_line(parameters, panel)),
                    operands,
                    (output, 0..panels(self.outputs)),
                    epilogue,
                    rows,
                );
            },
        );
    }

    /// As `input_gradient`, for a wide product with rounded factors.
    #[expect(clippy::too_many_arguments, reason = "those of `input_gradient`")]
    #[inline(never)]
    pub fn input_gradient_rounded<S: Simd, R: Rounding<S>>(
        &self,
        s: S,
        rounding: R,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
        operands: RoundedOperands<'_>,
        epilogue: impl PanelEpilogue<S>,
        (rows, needed): (usize, Range<usize>),
    ) {
        rounding.run(
            s,
            #[inline(always)]
            || {
                round_rows(s, rounding, gradient, rows, operands.rows);
                multiply_rounded(
                    (s, rounding),
                    self.outputs,
                    #[inline(always)]
                    |panel, piece, lines| {
                        self.transpose_rounded(s, rounding, parameters, panel, piece, lines);
                    },
                    #[inline(always)]
                    |_| ZERO,
                    operands,
                    (input_gradient, needed),
                    epilogue,
                    rows,
                );
            },
        );
    }

    /// Transposes weights as `transpose` does, and rounds them. `piece` counts lines of the result.
    #[inline(always)]
    fn transpose_rounded<S: Simd, R: Rounding<S>>(
        &self,
        s: S,
        rounding: R,
        parameters: &[Line],
        panel: usize,
        piece: &Range<usize>,
        result: &mut [Line],
    ) {
        let outputs = piece.start * R::TERMS..(piece.end * R::TERMS).min(self.outputs);
        let mut block = [ZERO; LANES];
        for (place, first) in outputs.step_by(LANES).enumerate() {
            self.transpose(s, parameters, panel, &(first..first + LANES), &mut block);
            let lines = LANES / R::TERMS;
            round_lines(s, rounding, &block, &mut result[place * lines..][..lines]);
        }
    }

    /// Computes the gradient of W, for a wide product, from rows that [`round_columns`] has rounded.
    #[inline(never)]
    pub fn weight_gradient_rounded<'a, S: Simd, R: Rounding<S>>(
        &self,
        rounding: R,
        gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>,
    ) {
        let s = gradients.s;
        rounding.run(
            s,
            #[inline(always)]
            || self.weight_gradient(rounding, gradients),
        );
    }
}
