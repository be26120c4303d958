//! WebAssembly with 128-bit SIMD: a line is four registers of four lanes.
//!
//! A host that has relaxed SIMD may fuse its multiply-add. [`is_fused`] tells whether it does.

use super::{Instructions, MANTISSA, ONE, Simd};
use crate::engine::bfloat16::NoPairs;
use crate::engine::panels::{LANES, Line};
use std::arch::wasm32::*;

/// The token of WebAssembly. A host that lacks the instructions refuses the whole module.
#[derive(Clone, Copy, Debug)]
pub struct Wasm;

/// The number of lanes in a register.
const QUARTER: usize = 4;

/// Applies an instruction to all quarters.
macro_rules! quarters {
    ($instruction:path, $($operand:expr),+) => {
        [
            $instruction($($operand[0]),+),
            $instruction($($operand[1]),+),
            $instruction($($operand[2]),+),
            $instruction($($operand[3]),+),
        ]
    };
}

/// Returns a b + c. In this form it rounds twice; `scripts/wasm.js` replaces its body by the relaxed
/// multiply-add, in the module for hosts that have it, and then inlines it everywhere.
///
/// The compiler must not know of relaxed SIMD: for maxima it would choose the relaxed instruction, whose result
/// for NaN and for zeros of both signs depends on the host. It must not inline this function either.
#[allow(improper_ctypes_definitions, reason = "only Rust calls it")]
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

/// Returns `a` where a > b, else `b`. The instruction returns its first operand unless that is less.
#[inline(always)]
fn larger(a: v128, b: v128) -> v128 {
    f32x4_pmax(b, a)
}

/// Returns `a` where a < b, else `b`. The instruction returns its first operand unless that is greater.
#[inline(always)]
fn smaller(a: v128, b: v128) -> v128 {
    f32x4_pmin(b, a)
}

/// Returns whether a multiply-add rounds once. Then all results equal those of the other instruction sets,
/// bit for bit.
pub fn is_fused() -> bool {
    // (1 + ε)(1 - ε) - 1 is -ε². If the product is rounded to 1 first, the result is 0. The black box keeps
    // the compiler from computing it.
    let [above, below] = std::hint::black_box([1.0 + f32::EPSILON, 1.0 - f32::EPSILON]);
    let result = multiply_add(f32x4_splat(above), f32x4_splat(below), f32x4_splat(-1.0));
    [
        f32x4_extract_lane::<0>(result),
        f32x4_extract_lane::<1>(result),
        f32x4_extract_lane::<2>(result),
        f32x4_extract_lane::<3>(result),
    ]
    .iter()
    .all(|&lane| lane == -f32::EPSILON * f32::EPSILON)
}

impl Simd for Wasm {
    type V = [v128; 4];
    const INSTRUCTIONS: Instructions = Instructions::Wasm;
    /// 2 lines take 8 of the 16 registers that an x64 CPU has here, of which V8 keeps one; a line of weights takes
    /// 4 and a broadcast one. With 3 lines V8 spills, and wide products take 1.4 times as long; with 4, 1.7 times.
    const TILE: usize = 2;
    const PANELS: usize = 1;
    type Pairs = NoPairs;

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        closure()
    }

    /// A formula is some tens of instructions for each quarter, and is part of many loops.
    #[inline(never)]
    fn formula<R>(self, formula: impl FnOnce() -> R) -> R {
        formula()
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Self::V {
        let lanes: *const v128 = line.0.as_ptr().cast();
        // SAFETY: a line is 16 floats.
        unsafe {
            [v128_load(lanes), v128_load(lanes.add(1)), v128_load(lanes.add(2)), v128_load(lanes.add(3))]
        }
    }

    #[inline(always)]
    fn store(self, value: Self::V, line: &mut Line) {
        let lanes: *mut v128 = line.0.as_mut_ptr().cast();
        // SAFETY: a line is 16 floats.
        unsafe {
            v128_store(lanes, value[0]);
            v128_store(lanes.add(1), value[1]);
            v128_store(lanes.add(2), value[2]);
            v128_store(lanes.add(3), value[3]);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [f32x4_splat(value); 4]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(f32x4_add, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(f32x4_sub, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(f32x4_mul, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(f32x4_div, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        quarters!(multiply_add, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, value: Self::V) -> Self::V {
        quarters!(f32x4_sqrt, value)
    }

    #[inline(always)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        let greater = quarters!(f32x4_gt, a, b);
        quarters!(v128_bitselect, yes, no, greater)
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(larger, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(smaller, a, b)
    }

    #[inline(always)]
    fn round(self, value: Self::V) -> Self::V {
        quarters!(f32x4_nearest, value)
    }

    /// The lowest bits of 2^23 + n are those of n, and an exponent is stored as n + 127. The shift drops all
    /// others.
    #[inline(always)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        let biased = self.add(exponent, self.splat(8_388_608.0 + 127.0));
        quarters!(shift_to_exponent, biased)
    }

    #[inline(always)]
    fn transpose(self, lines: &[Line; 16], result: &mut [Line; 16]) {
        for rows in (0..LANES).step_by(QUARTER) {
            for columns in (0..LANES).step_by(QUARTER) {
                let block = std::array::from_fn(
                    #[inline(always)]
                    |row| {
                        let lanes = &lines[rows + row].0[columns..][..QUARTER];
                        // SAFETY: four floats, a quarter of a line.
                        unsafe { v128_load(lanes.as_ptr().cast()) }
                    },
                );
                for (column, value) in transpose_four(block).into_iter().enumerate() {
                    let lanes = &mut result[columns + column].0[rows..][..QUARTER];
                    // SAFETY: four floats, a quarter of a line.
                    unsafe { v128_store(lanes.as_mut_ptr().cast(), value) }
                }
            }
        }
    }

    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        let four = fold(value);
        let two = f32x4_add(four, i32x4_shuffle::<2, 3, 0, 1>(four, four));
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }

    #[inline(always)]
    fn lanes<const COUNT: usize>(self, values: [f32; COUNT]) -> Self::V {
        std::array::from_fn(
            #[inline(always)]
            |quarter| match 4 * quarter {
                first if first < COUNT => f32x4(
                    values[first],
                    lane(&values, first + 1),
                    lane(&values, first + 2),
                    lane(&values, first + 3),
                ),
                _ => f32x4_splat(0.0),
            },
        )
    }

    /// Adds the lanes of four values side by side.
    #[inline(always)]
    fn sums<const COUNT: usize>(self, values: [Self::V; COUNT]) -> Self::V {
        std::array::from_fn(
            #[inline(always)]
            |quarter| match 4 * quarter {
                first if first < COUNT => {
                    let lanes = transpose_four([
                        fold(values[first]),
                        fold_of(&values, first + 1),
                        fold_of(&values, first + 2),
                        fold_of(&values, first + 3),
                    ]);
                    f32x4_add(f32x4_add(lanes[0], lanes[2]), f32x4_add(lanes[1], lanes[3]))
                }
                _ => f32x4_splat(0.0),
            },
        )
    }

    #[inline(always)]
    fn largest(self, value: Self::V) -> f32 {
        let four = larger(larger(value[0], value[2]), larger(value[1], value[3]));
        let two = larger(four, i32x4_shuffle::<2, 3, 0, 1>(four, four));
        f32x4_extract_lane::<0>(larger(two, i32x4_shuffle::<1, 0, 3, 2>(two, two)))
    }

    #[inline(always)]
    fn exponent(self, value: Self::V) -> Self::V {
        quarters!(exponent, value)
    }

    #[inline(always)]
    fn mantissa(self, value: Self::V) -> Self::V {
        quarters!(mantissa, value)
    }
}

#[inline(always)]
fn shift_to_exponent(biased: v128) -> v128 {
    i32x4_shl(biased, 23)
}

#[inline(always)]
fn exponent(value: v128) -> v128 {
    f32x4_convert_i32x4(i32x4_sub(u32x4_shr(value, 23), i32x4_splat(127)))
}

#[inline(always)]
fn mantissa(value: v128) -> v128 {
    v128_or(v128_and(value, u32x4_splat(MANTISSA)), u32x4_splat(ONE))
}

/// Adds lanes i and i + 8, then lanes 4 apart.
#[inline(always)]
fn fold(value: [v128; 4]) -> v128 {
    f32x4_add(f32x4_add(value[0], value[2]), f32x4_add(value[1], value[3]))
}

/// Returns `fold` of a value, or zeros if there is no such value.
#[inline(always)]
fn fold_of<const COUNT: usize>(values: &[[v128; 4]; COUNT], index: usize) -> v128 {
    if index < COUNT { fold(values[index]) } else { f32x4_splat(0.0) }
}

/// Returns a value, or zero if there is no such value.
#[inline(always)]
fn lane<const COUNT: usize>(values: &[f32; COUNT], index: usize) -> f32 {
    if index < COUNT { values[index] } else { 0.0 }
}

/// Transposes: lane i of register j becomes lane j of register i.
#[inline(always)]
fn transpose_four(rows: [v128; 4]) -> [v128; 4] {
    let low = [i32x4_shuffle::<0, 4, 1, 5>(rows[0], rows[1]), i32x4_shuffle::<0, 4, 1, 5>(rows[2], rows[3])];
    let high = [i32x4_shuffle::<2, 6, 3, 7>(rows[0], rows[1]), i32x4_shuffle::<2, 6, 3, 7>(rows[2], rows[3])];
    [
        i64x2_shuffle::<0, 2>(low[0], low[1]),
        i64x2_shuffle::<1, 3>(low[0], low[1]),
        i64x2_shuffle::<0, 2>(high[0], high[1]),
        i64x2_shuffle::<1, 3>(high[0], high[1]),
    ]
}
