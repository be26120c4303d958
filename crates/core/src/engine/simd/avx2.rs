//! x86-64 with AVX2 and FMA: a line is two registers of eight lanes.

use super::{Instructions, MANTISSA, ONE, Simd};
use crate::engine::bfloat16::NoPairs;
use crate::engine::panels::Line;
use std::arch::x86_64::*;

/// The token of AVX2 with FMA. It exists only on a CPU that has both.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// Returns the token if the CPU has AVX2 and FMA.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

#[target_feature(enable = "avx2,fma")]
fn run_with_avx2<R>(closure: impl FnOnce() -> R) -> R {
    closure()
}

/// Applies a two-operand instruction to both halves.
macro_rules! both {
    ($instruction:ident, $($operand:expr),+) => {
        // SAFETY: the token exists only on a CPU with AVX2 and FMA; the instruction touches registers only.
        unsafe { ($instruction($($operand.0),+), $instruction($($operand.1),+)) }
    };
}

impl Simd for Avx2 {
    type V = (__m256, __m256);
    const INSTRUCTIONS: Instructions = Instructions::Avx2;
    /// 6 lines take 12 of the 16 registers. A line of weights and a broadcast take three more.
    const TILE: usize = 6;
    const PANELS: usize = 1;
    type Pairs = NoPairs;

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        // SAFETY: the token exists only on a CPU with AVX2 and FMA.
        unsafe { run_with_avx2(closure) }
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Self::V {
        let lanes = line.0.as_ptr();
        // SAFETY: a line is 16 floats at an address that is a multiple of 64.
        unsafe { (_mm256_load_ps(lanes), _mm256_load_ps(lanes.add(8))) }
    }

    #[inline(always)]
    fn store(self, value: Self::V, line: &mut Line) {
        let lanes = line.0.as_mut_ptr();
        // SAFETY: a line is 16 floats at an address that is a multiple of 64.
        unsafe {
            _mm256_store_ps(lanes, value.0);
            _mm256_store_ps(lanes.add(8), value.1);
        }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX2.
        let lanes = unsafe { _mm256_set1_ps(value) };
        (lanes, lanes)
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_div_ps, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        both!(_mm256_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, value: Self::V) -> Self::V {
        both!(_mm256_sqrt_ps, value)
    }

    #[inline(always)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX2; the instructions touch registers only.
        unsafe {
            let low = _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(a.0, b.0));
            let high = _mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_GT_OQ>(a.1, b.1));
            (low, high)
        }
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        both!(_mm256_min_ps, a, b)
    }

    #[inline(always)]
    fn round(self, value: Self::V) -> Self::V {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: the token exists only on a CPU with AVX2; the instruction touches registers only.
        unsafe { (_mm256_round_ps::<NEAREST>(value.0), _mm256_round_ps::<NEAREST>(value.1)) }
    }

    #[inline(always)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        #[inline(always)]
        fn half(exponent: __m256) -> __m256 {
            // SAFETY: called by the token's operation only; the instructions touch registers only.
            unsafe {
                let biased = _mm256_add_epi32(_mm256_cvttps_epi32(exponent), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            }
        }
        (half(exponent.0), half(exponent.1))
    }

    #[inline(always)]
    fn transpose(self, lines: &[Line; 16], result: &mut [Line; 16]) {
        for rows in [0, 8] {
            for columns in [0, 8] {
                let block = std::array::from_fn(
                    #[inline(always)]
                    |row| {
                        let lanes = &lines[rows + row].0[columns..][..8];
                        // SAFETY: eight floats, half of a line, at an address that is a multiple of 32.
                        unsafe { _mm256_load_ps(lanes.as_ptr()) }
                    },
                );
                for (column, value) in transpose_eight(block).into_iter().enumerate() {
                    let lanes = &mut result[columns + column].0[rows..][..8];
                    // SAFETY: eight floats, half of a line, at an address that is a multiple of 32.
                    unsafe { _mm256_store_ps(lanes.as_mut_ptr(), value) }
                }
            }
        }
    }

    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        // SAFETY: the token exists only on a CPU with AVX2; the instructions touch registers only.
        unsafe {
            let eight = _mm256_add_ps(value.0, value.1);
            sum_eight(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight))
        }
    }

    #[inline(always)]
    fn lanes<const COUNT: usize>(self, values: [f32; COUNT]) -> Self::V {
        (eight_lanes(values), self.splat(0.0).1)
    }

    #[inline(always)]
    fn sums<const COUNT: usize>(self, values: [Self::V; COUNT]) -> Self::V {
        let mut eights = [self.splat(0.0).0; 8];
        for (eight, value) in eights.iter_mut().zip(values) {
            // SAFETY: the token exists only on a CPU with AVX2; the instruction touches registers only.
            *eight = unsafe { _mm256_add_ps(value.0, value.1) };
        }
        // SAFETY: the token exists only on a CPU with AVX2.
        let sums = unsafe { sums_of_eight::<COUNT>(eights) };
        (sums, sums)
    }

    #[inline(always)]
    fn largest(self, value: Self::V) -> f32 {
        // SAFETY: the token exists only on a CPU with AVX2; the instructions touch registers only.
        unsafe {
            let eight = _mm256_max_ps(value.0, value.1);
            largest_of_eight(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight))
        }
    }

    #[inline(always)]
    fn exponent(self, value: Self::V) -> Self::V {
        #[inline(always)]
        fn half(value: __m256) -> __m256 {
            // SAFETY: called by the token's operation only; the instructions touch registers only.
            unsafe {
                let biased = _mm256_srli_epi32::<23>(_mm256_castps_si256(value));
                _mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)))
            }
        }
        (half(value.0), half(value.1))
    }

    #[inline(always)]
    fn mantissa(self, value: Self::V) -> Self::V {
        #[inline(always)]
        fn half(value: __m256) -> __m256 {
            // SAFETY: called by the token's operation only; the instructions touch registers only.
            unsafe {
                let mantissa =
                    _mm256_and_si256(_mm256_castps_si256(value), _mm256_set1_epi32(MANTISSA as i32));
                _mm256_castsi256_ps(_mm256_or_si256(mantissa, _mm256_set1_epi32(ONE as i32)))
            }
        }
        (half(value.0), half(value.1))
    }
}

/// Transposes: lane i of register j becomes lane j of register i.
#[inline(always)]
fn transpose_eight(rows: [__m256; 8]) -> [__m256; 8] {
    let (mut pairs, mut fours, mut columns) = (rows, rows, rows);
    // SAFETY: called by the token's operation only, on a CPU with AVX2; the instructions touch registers
    // only.
    unsafe {
        for row in (0..8).step_by(2) {
            pairs[row] = _mm256_unpacklo_ps(rows[row], rows[row + 1]);
            pairs[row + 1] = _mm256_unpackhi_ps(rows[row], rows[row + 1]);
        }
        for row in (0..8).step_by(4) {
            for half in 0..2 {
                let (a, b) = (pairs[row + half], pairs[row + half + 2]);
                fours[row + 2 * half] = _mm256_shuffle_ps::<0x44>(a, b);
                fours[row + 2 * half + 1] = _mm256_shuffle_ps::<0xEE>(a, b);
            }
        }
        for column in 0..4 {
            columns[column] = _mm256_permute2f128_ps::<0x20>(fours[column], fours[column + 4]);
            columns[column + 4] = _mm256_permute2f128_ps::<0x31>(fours[column], fours[column + 4]);
        }
    }
    columns
}

/// Returns a register whose first lanes are the values; the other lanes are zero. The register is built from
/// registers. A load of a line that was stored in pieces would wait until the pieces are in the cache.
#[inline(always)]
pub(super) fn eight_lanes<const COUNT: usize>(values: [f32; COUNT]) -> __m256 {
    let mut lanes = [0.0; 8];
    lanes[..COUNT].copy_from_slice(&values);
    let [a, b, c, d, e, f, g, h] = lanes;
    // SAFETY: called by the tokens' operations only, on a CPU with AVX; the instructions touch registers only.
    unsafe { _mm256_setr_ps(a, b, c, d, e, f, g, h) }
}

/// Returns the sums of the first `COUNT` values: lane i is the sum of value i, in the order of `sum_eight`.
///
/// # Safety
///
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn sums_of_eight<const COUNT: usize>(values: [__m256; 8]) -> __m256 {
    // SAFETY: the CPU has AVX2; the instructions touch registers only.
    unsafe {
        // The lower half holds sums of value i, the upper half sums of value i + 4.
        let mut fours = [values[0]; 4];
        for index in 0..COUNT.min(4) {
            let (a, b) = (values[index], values[index + 4]);
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            fours[index] = _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b));
        }
        let mut twos = [fours[0]; 2];
        for index in 0..COUNT.div_ceil(2).min(2) {
            let (a, b) = (fours[2 * index], fours[2 * index + 1]);
            twos[index] = _mm256_add_ps(_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xEE>(a, b));
        }
        let [a, b] = twos;
        _mm256_add_ps(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xDD>(a, b))
    }
}

/// Returns the largest lane: the last three levels of the tree of maxima.
#[inline(always)]
pub(super) fn largest_of_eight(low: __m128, high: __m128) -> f32 {
    // SAFETY: SSE2 belongs to every x86-64 CPU; the instructions touch registers only.
    unsafe {
        let four = _mm_max_ps(low, high);
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// Returns the sum of the lanes: the last three levels of the fixed tree.
#[inline(always)]
pub(super) fn sum_eight(low: __m128, high: __m128) -> f32 {
    // SAFETY: SSE2 belongs to every x86-64 CPU; the instructions touch registers only.
    unsafe {
        let four = _mm_add_ps(low, high);
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}
