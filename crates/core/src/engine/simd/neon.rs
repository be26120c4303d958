//! 64-bit ARM with NEON: a line is four registers of four lanes.

use super::{Instructions, Simd};
use crate::engine::bfloat16::NoPairs;
use crate::engine::panels::{LANES, Line};
use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

/// The token of NEON. It exists only on a CPU that has NEON, as every 64-bit ARM application processor does.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    /// Returns the token if the CPU has NEON.
    pub fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("neon").then_some(Neon(()))
    }
}

#[target_feature(enable = "neon")]
fn run_with_neon<R>(closure: impl FnOnce() -> R) -> R {
    closure()
}

/// The number of lanes in a register.
const QUARTER: usize = 4;

/// Applies an instruction to all quarters. The instruction touches registers only.
macro_rules! quarters {
    ($instruction:ident, $($operand:expr),+) => {
        // SAFETY: the token exists only on a CPU with NEON; the instruction touches registers only.
        unsafe {
            [
                $instruction($($operand[0]),+),
                $instruction($($operand[1]),+),
                $instruction($($operand[2]),+),
                $instruction($($operand[3]),+),
            ]
        }
    };
}

impl Simd for Neon {
    type V = [float32x4_t; 4];
    const INSTRUCTIONS: Instructions = Instructions::Neon;
    /// 6 lines take 24 of the 32 registers. A line of weights takes four more, broadcasts the rest. 24 chains
    /// hide a latency of 4 cycles on up to six ports. This is reasoned, not yet measured on any ARM CPU.
    const TILE: usize = 6;
    const PANELS: usize = 1;
    type Pairs = NoPairs;

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        // SAFETY: the token exists only on a CPU with NEON.
        unsafe { run_with_neon(closure) }
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Self::V {
        let lanes = line.0.as_ptr();
        // SAFETY: a line is 16 floats.
        unsafe {
            [vld1q_f32(lanes), vld1q_f32(lanes.add(4)), vld1q_f32(lanes.add(8)), vld1q_f32(lanes.add(12))]
        }
    }

    #[inline(always)]
    fn store(self, value: Self::V, line: &mut Line) {
        let lanes = line.0.as_mut_ptr();
        // SAFETY: a line is 16 floats.
        unsafe {
            vst1q_f32(lanes, value[0]);
            vst1q_f32(lanes.add(4), value[1]);
            vst1q_f32(lanes.add(8), value[2]);
            vst1q_f32(lanes.add(12), value[3]);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        // SAFETY: the token exists only on a CPU with NEON.
        let lanes = unsafe { vdupq_n_f32(value) };
        [lanes; 4]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(vaddq_f32, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(vsubq_f32, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(vmulq_f32, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        quarters!(vdivq_f32, a, b)
    }

    /// The instruction adds to its first operand.
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        quarters!(vfmaq_f32, c, a, b)
    }

    #[inline(always)]
    fn sqrt(self, value: Self::V) -> Self::V {
        quarters!(vsqrtq_f32, value)
    }

    #[inline(always)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        let greater = quarters!(vcgtq_f32, a, b);
        quarters!(vbslq_f32, greater, yes, no)
    }

    /// Does not use the maximum instruction: it returns NaN if one operand is NaN, and +0 for zeros of both
    /// signs.
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        self.select_greater(a, b, a, b)
    }

    #[inline(always)]
    fn round(self, value: Self::V) -> Self::V {
        quarters!(vrndnq_f32, value)
    }

    #[inline(always)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        exponent.map(
            #[inline(always)]
            |exponent| {
                // SAFETY: the token exists only on a CPU with NEON; the instructions touch registers only.
                unsafe {
                    let biased = vaddq_s32(vcvtq_s32_f32(exponent), vdupq_n_s32(127));
                    vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
                }
            },
        )
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
                        unsafe { vld1q_f32(lanes.as_ptr()) }
                    },
                );
                for (column, value) in transpose_four(block).into_iter().enumerate() {
                    let lanes = &mut result[columns + column].0[rows..][..QUARTER];
                    // SAFETY: four floats, a quarter of a line.
                    unsafe { vst1q_f32(lanes.as_mut_ptr(), value) }
                }
            }
        }
    }

    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        // SAFETY: the token exists only on a CPU with NEON; the instructions touch registers only.
        unsafe {
            let four = vaddq_f32(vaddq_f32(value[0], value[2]), vaddq_f32(value[1], value[3]));
            let two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>(two) + vget_lane_f32::<1>(two)
        }
    }
}

/// Transposes: lane i of register j becomes lane j of register i.
#[inline(always)]
fn transpose_four(rows: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: called by the token's operation only, on a CPU with NEON; the instructions touch registers
    // only.
    unsafe {
        // Lanes 0 and 2 of two rows alternate, as do lanes 1 and 3.
        let even = [vtrn1q_f32(rows[0], rows[1]), vtrn1q_f32(rows[2], rows[3])].map(pairs);
        let odd = [vtrn2q_f32(rows[0], rows[1]), vtrn2q_f32(rows[2], rows[3])].map(pairs);
        [
            vreinterpretq_f32_f64(vtrn1q_f64(even[0], even[1])),
            vreinterpretq_f32_f64(vtrn1q_f64(odd[0], odd[1])),
            vreinterpretq_f32_f64(vtrn2q_f64(even[0], even[1])),
            vreinterpretq_f32_f64(vtrn2q_f64(odd[0], odd[1])),
        ]
    }
}

/// Reinterprets two lanes as one, for instructions that move them together.
#[inline(always)]
fn pairs(lanes: float32x4_t) -> float64x2_t {
    // SAFETY: called by the token's operation only, on a CPU with NEON; nothing is done to the register.
    unsafe { vreinterpretq_f64_f32(lanes) }
}
