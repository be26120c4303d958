//! Products in bfloat16. A training step may round the factors of wide products to bfloat16, which has the
//! exponent of a 32-bit float and 8 bits of its mantissa. The sums stay those of `products.rs`: chains of
//! 32-bit fused multiply-adds in increasing index.
//!
//! CPUs with AVX512-BF16 multiply and add two terms of a sum with one instruction, whose results are those of
//! two fused multiply-adds, except that it takes denormal numbers as zero. Therefore factors below 2^-56 and
//! sums that begin below 2^-102 are zero for all instruction sets: all other products and sums are multiples
//! of 2^-126, and none of them is denormal. No sum begins with -0 either, so that none becomes -0, and terms
//! of zeros change nothing.

use super::epilogue::PanelEpilogue;
use super::gradients::{ParameterGradients, Shards};
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::products::{Product, multiply_group, pieces};
use super::simd::Simd;
use std::ops::Range;

/// The smallest factor that is not rounded to zero, 2^-56.
const SMALLEST_FACTOR: u32 = (127 - 56) << 23;

/// The smallest number that a sum may begin with, 2^-102.
const SMALLEST_START: f32 = f32::from_bits((127 - 102) << 23);

/// The bits of infinity. Those of NaN are above.
const INFINITY: u32 = 0x7F80_0000;

/// Rounds to the nearest bfloat16, and halves to the even one. Magnitudes below 2^-56 become 0.
#[inline(always)]
pub fn round(value: f32) -> f32 {
    let bits = value.to_bits();
    let magnitude = bits & !(1 << 31);
    let nearest = (bits.wrapping_add(0x7FFF + (bits >> 16 & 1))) & 0xFFFF_0000;
    let nearest = if magnitude > INFINITY { bits & 0xFFFF_0000 | 0x0040_0000 } else { nearest };
    f32::from_bits(if magnitude < SMALLEST_FACTOR { 0 } else { nearest })
}

/// How a product multiplies: how many terms of a sum a lane of its factors holds, and how they are added.
pub trait Multiplier<S: Simd>: Copy + Send + Sync + 'static {
    /// The number of consecutive terms of a sum that a lane holds.
    const TERMS: usize;

    /// The most sums that a tile has per panel, at most 14.
    const MOST_SUMS: usize;

    /// Calls the closure with the instructions enabled, as [`Simd::run`] does.
    fn run<R>(self, s: S, closure: impl FnOnce() -> R) -> R;

    /// Returns the sum plus the products of the terms in the lanes, each multiplied and added with one
    /// rounding, in order.
    fn multiply_add(self, s: S, a: S::V, b: S::V, sum: S::V) -> S::V;
}

/// A multiplier with its factors in bfloat16.
pub trait Rounding<S: Simd>: Multiplier<S> {
    /// Rounds `first` and, if a lane holds two terms, `second`. Lane i holds those of lane i.
    fn join_lines(self, s: S, lines: [&Line; 2], result: &mut Line);

    /// Rounds `first` and, if a lane holds two terms, `second`. The lanes hold consecutive values of both.
    fn join_lanes(self, s: S, lines: [&Line; 2], result: &mut Line);
}

/// One 32-bit term in each lane. Rounded terms are floats, too.
#[derive(Clone, Copy, Debug)]
pub struct Single;

impl<S: Simd> Multiplier<S> for Single {
    const TERMS: usize = 1;
    const MOST_SUMS: usize = 14;

    #[inline(always)]
    fn run<R>(self, s: S, closure: impl FnOnce() -> R) -> R {
        s.run(closure)
    }

    #[inline(always)]
    fn multiply_add(self, s: S, a: S::V, b: S::V, sum: S::V) -> S::V {
        s.mul_add(a, b, sum)
    }
}

impl<S: Simd> Rounding<S> for Single {
    #[inline(always)]
    fn join_lines(self, _: S, [first, _]: [&Line; 2], result: &mut Line) {
        for (result, value) in result.0.iter_mut().zip(first.0) {
            *result = round(value);
        }
    }

    #[inline(always)]
    fn join_lanes(self, s: S, lines: [&Line; 2], result: &mut Line) {
        self.join_lines(s, lines, result);
    }
}

/// The multiplier of pairs for instruction sets that have none. There is no value of this type.
#[derive(Clone, Copy, Debug)]
pub enum NoPairs {}

impl<S: Simd> Multiplier<S> for NoPairs {
    const TERMS: usize = 2;
    const MOST_SUMS: usize = 1;

    fn run<R>(self, _: S, _: impl FnOnce() -> R) -> R {
        match self {}
    }

    fn multiply_add(self, _: S, _: S::V, _: S::V, _: S::V) -> S::V {
        match self {}
    }
}

impl<S: Simd> Rounding<S> for NoPairs {
    fn join_lines(self, _: S, _: [&Line; 2], _: &mut Line) {
        match self {}
    }

    fn join_lanes(self, _: S, _: [&Line; 2], _: &mut Line) {
        match self {}
    }
}

/// The precision of the factors of wide products in training steps.
#[derive(Clone, Copy, Debug)]
pub enum Precision<S: Simd> {
    /// 32-bit floats.
    Float32,
    /// bfloat16, multiplied in pairs if the CPU can.
    Bfloat16(Option<S::Pairs>),
}

impl<S: Simd> Precision<S> {
    /// Returns the precision of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "float32" => Some(Precision::Float32),
            "bfloat16" => Some(Precision::Bfloat16(S::pairs())),
            _ => None,
        }
    }

    /// Returns the number of consecutive terms of a sum that a lane of a factor holds.
    pub fn terms(&self) -> usize {
        if matches!(self, Precision::Bfloat16(Some(_))) { 2 } else { 1 }
    }
}

/// Evaluates an expression with the rounding of a CPU, given its pairs or `None`.
macro_rules! with_rounding {
    ($pairs:expr, $rounding:ident => $value:expr) => {
        match $pairs {
            Some($rounding) => $value,
            None => {
                let $rounding = $crate::engine::bfloat16::Single;
                $value
            }
        }
    };
}
pub(crate) use with_rounding;

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
        RoundedOperands { rows: rounded, weights }: RoundedOperands<'_>,
        mut epilogue: impl PanelEpilogue<S>,
        rows: usize,
    ) {
        rounding.run(
            s,
            #[inline(always)]
            || {
                round_rows(s, rounding, input, rows, rounded);
                let count = panels(self.outputs);
                let (first, second) = weights.split_at_mut(weights.len() / 2);
                for piece in pieces(self.inputs.div_ceil(R::TERMS)) {
                    let terms = piece.start * R::TERMS..(piece.end * R::TERMS).min(self.inputs);
                    for panel in (0..count).step_by(S::PANELS) {
                        let group = panel..(panel + S::PANELS).min(count);
                        let mut start = [ZERO; 2];
                        let halves = [&mut *first, &mut *second];
                        for (next, lines) in halves.into_iter().enumerate().take(S::PANELS) {
                            if next < group.len() {
                                let panel = panel + next;
                                round_lines(s, rounding, self.lines(parameters, panel, terms.clone()), lines);
                                start[next] = start_of(s, self.bias_line(parameters, panel));
                            }
                        }
                        let lines = [&first[..piece.len()], &second[..piece.len()]];
                        let stride = output.capacity();
                        let target = output.panels_mut(group.clone(), rows);
                        let start = start.each_ref();
                        multiply_group(
                            (s, rounding),
                            lines,
                            start,
                            &piece,
                            rounded,
                            group.len(),
                            target,
                            stride,
                            rows,
                        );
                        if terms.end == self.inputs {
                            epilogue.apply(s, output, group, rows);
                        }
                    }
                }
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
        RoundedOperands { rows: rounded, weights }: RoundedOperands<'_>,
        mut epilogue: impl PanelEpilogue<S>,
        (rows, needed): (usize, Range<usize>),
    ) {
        rounding.run(
            s,
            #[inline(always)]
            || {
                round_rows(s, rounding, gradient, rows, rounded);
                let length = self.outputs.div_ceil(R::TERMS);
                let (first, second) = weights.split_at_mut(weights.len() / 2);
                for piece in pieces(length) {
                    for panel in needed.clone().step_by(S::PANELS) {
                        let group = panel..(panel + S::PANELS).min(needed.end);
                        self.transpose_rounded(s, rounding, parameters, panel, &piece, first);
                        if S::PANELS == 2 && group.len() == 2 {
                            self.transpose_rounded(s, rounding, parameters, panel + 1, &piece, second);
                        }
                        let lines = [&first[..piece.len()], &second[..piece.len()]];
                        let stride = input_gradient.capacity();
                        let target = input_gradient.panels_mut(group.clone(), rows);
                        multiply_group(
                            (s, rounding),
                            lines,
                            [&ZERO; 2],
                            &piece,
                            rounded,
                            group.len(),
                            target,
                            stride,
                            rows,
                        );
                        if piece.end == length {
                            epilogue.apply(s, input_gradient, group, rows);
                        }
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds by the definition, in doubles.
    fn defined(value: f32) -> f32 {
        if value.abs() < 2.0_f32.powi(-56) {
            return 0.0;
        }
        if !value.is_finite() {
            return value;
        }
        let unit = f64::from(value).abs().log2().floor().exp2() / 128.0;
        ((f64::from(value) / unit).round_ties_even() * unit) as f32
    }

    #[test]
    fn rounding_is_to_the_nearest_value_of_eight_bits_and_to_even_ones() {
        for bits in (0..u32::MAX).step_by(9973).chain((0x3F80_0000..0x3F84_0000).step_by(0x1000)) {
            let value = f32::from_bits(bits);
            let (result, expected) = (round(value), defined(value));
            if value.is_nan() {
                assert!(result.is_nan(), "{bits:x}");
            } else if expected.abs() >= 3.3961775e38 {
                assert!(result.is_infinite() && result.is_sign_positive() == value.is_sign_positive());
            } else {
                assert_eq!(result.to_bits(), expected.to_bits(), "{bits:x}");
            }
        }
        assert!(round(f32::from_bits(0x7FFF_FFFF)).is_nan() && round(f32::from_bits(0xFFFF_FFFF)).is_nan());
        assert_eq!(round(f32::INFINITY), f32::INFINITY);
        assert_eq!(round(-0.0).to_bits(), 0);
    }
}
