//! Instructions that every CPU has: plain Rust, which the compiler vectorizes as far as the target's baseline
//! allows.
//!
//! Among the shipped targets, only x86-64 CPUs without AVX2 and FMA take this path. There each lane of a
//! multiply-add is a library call, so inlining the operations gains nothing. Inlined, the operations were a
//! third of the addon.

use super::{Instructions, Simd};
use crate::engine::bfloat16::NoPairs;
use crate::engine::panels::{LANES, Line};

/// The token of the portable path.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

#[inline(always)]
fn map(a: [f32; LANES], f: impl Fn(f32) -> f32) -> [f32; LANES] {
    a.map(f)
}

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

impl Simd for Portable {
    type V = [f32; LANES];
    const INSTRUCTIONS: Instructions = Instructions::Portable;
    const TILE: usize = 6;
    const PANELS: usize = 1;
    type Pairs = NoPairs;

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        closure()
    }

    #[inline(never)]
    fn formula<R>(self, formula: impl FnOnce() -> R) -> R {
        formula()
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Self::V {
        line.0
    }

    #[inline(always)]
    fn store(self, value: Self::V, line: &mut Line) {
        line.0 = value;
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; LANES]
    }

    #[inline(never)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }

    #[inline(never)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }

    #[inline(never)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }

    #[inline(never)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }

    #[inline(never)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(never)]
    fn sqrt(self, value: Self::V) -> Self::V {
        map(value, f32::sqrt)
    }

    #[inline(never)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|lane| if a[lane] > b[lane] { yes[lane] } else { no[lane] })
    }

    #[inline(never)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(never)]
    fn round(self, value: Self::V) -> Self::V {
        map(value, f32::round_ties_even)
    }

    #[inline(never)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        map(exponent, |exponent| f32::from_bits(((exponent as i32 + 127) << 23) as u32))
    }

    #[inline(never)]
    fn sum(self, value: Self::V) -> f32 {
        let eight: [f32; 8] = std::array::from_fn(|lane| value[lane] + value[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}
