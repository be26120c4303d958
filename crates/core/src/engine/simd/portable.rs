//! What every CPU has: plain Rust, which the compiler vectorises as far as the target's baseline allows.

use super::{Instructions, Simd};
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

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        closure()
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

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }

    // On x86-64 this path serves CPUs without FMA, where every lane is a call: inlining sixteen of them
    // into each of the tiles' hundreds of multiply-adds would only take minutes to compile.
    #[cfg_attr(target_arch = "x86_64", inline(never))]
    #[cfg_attr(not(target_arch = "x86_64"), inline(always))]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn sqrt(self, value: Self::V) -> Self::V {
        map(value, f32::sqrt)
    }

    #[inline(always)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|lane| if a[lane] > b[lane] { yes[lane] } else { no[lane] })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn round(self, value: Self::V) -> Self::V {
        map(value, f32::round_ties_even)
    }

    #[inline(always)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        map(exponent, |exponent| f32::from_bits(((exponent as i32 + 127) << 23) as u32))
    }

    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        let eight: [f32; 8] = std::array::from_fn(|lane| value[lane] + value[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}
