//! Products in bfloat16. A training step may round the factors of wide products to bfloat16, which has the
//! exponent of a 32-bit float and 8 bits of its mantissa. The sums stay those of `products.rs`: chains of
//! 32-bit fused multiply-adds in increasing index.
//!
//! CPUs with AVX512-BF16 multiply and add two terms of a sum with one instruction, whose results are those of
//! two fused multiply-adds, except that it takes denormal numbers as zero. Therefore factors below 2^-56 and
//! sums that begin below 2^-102 are zero for all instruction sets: all other products and sums are multiples
//! of 2^-126, and none of them is denormal. No sum begins with -0 either, so that none becomes -0, and terms
//! of zeros change nothing.

use super::panels::Line;
use super::simd::Simd;

/// The smallest factor that is not rounded to zero, 2^-56.
const SMALLEST_FACTOR: u32 = (127 - 56) << 23;

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

/// The multiplier of pairs for instruction sets that have none. The type has no values.
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
