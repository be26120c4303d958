//! x86-64 with AVX-512F: a line is one register.

use super::avx2::{eight_lanes, largest_of_eight, sum_eight, sums_of_eight};
use super::avx512_bf16::Avx512Bf16;
use super::{Instructions, MANTISSA, ONE, Simd};
use crate::engine::panels::Line;
use std::arch::x86_64::*;

/// The token of AVX-512F. It exists only on a CPU that has it.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl Avx512 {
    /// Returns the token if the CPU has AVX-512F.
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Avx512(()))
    }
}

#[target_feature(enable = "avx512f")]
fn run_with_avx512<R>(closure: impl FnOnce() -> R) -> R {
    closure()
}

/// Applies an instruction that touches registers only.
macro_rules! lanes {
    ($instruction:path, $($operand:expr),+) => {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instruction touches registers only.
        unsafe { $instruction($($operand),+) }
    };
}

impl Simd for Avx512 {
    type V = __m512;
    const INSTRUCTIONS: Instructions = Instructions::Avx512;
    /// 8 rows by 2 panels. 12 rows fit into the 32 registers, too, and are no faster.
    const TILE: usize = 16;
    const PANELS: usize = 2;
    type Pairs = Avx512Bf16;

    fn pairs() -> Option<Avx512Bf16> {
        Avx512Bf16::detect()
    }

    #[inline(always)]
    fn run<R>(self, closure: impl FnOnce() -> R) -> R {
        // SAFETY: the token exists only on a CPU with AVX-512F.
        unsafe { run_with_avx512(closure) }
    }

    #[inline(always)]
    fn load(self, line: &Line) -> Self::V {
        // SAFETY: a line is 16 floats at an address that is a multiple of 64.
        unsafe { _mm512_load_ps(line.0.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, value: Self::V, line: &mut Line) {
        // SAFETY: a line is 16 floats at an address that is a multiple of 64.
        unsafe { _mm512_store_ps(line.0.as_mut_ptr(), value) }
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        lanes!(_mm512_set1_ps, value)
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_add_ps, a, b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_sub_ps, a, b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_mul_ps, a, b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_div_ps, a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        lanes!(_mm512_fmadd_ps, a, b, c)
    }

    #[inline(always)]
    fn sqrt(self, value: Self::V) -> Self::V {
        lanes!(_mm512_sqrt_ps, value)
    }

    #[inline(always)]
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        let greater = lanes!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>, a, b);
        lanes!(_mm512_mask_blend_ps, greater, no, yes)
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_max_ps, a, b)
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        lanes!(_mm512_min_ps, a, b)
    }

    #[inline(always)]
    fn round(self, value: Self::V) -> Self::V {
        lanes!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>, value)
    }

    #[inline(always)]
    fn power_of_two(self, exponent: Self::V) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
        unsafe {
            let biased = _mm512_add_epi32(_mm512_cvttps_epi32(exponent), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        }
    }

    #[inline(always)]
    fn transpose(self, lines: &[Line; 16], result: &mut [Line; 16]) {
        let rows: [__m512; 16] = std::array::from_fn(
            #[inline(always)]
            |row| self.load(&lines[row]),
        );
        // First pairs of values, then groups of four: quarter l of register 4 j + k holds column 4 l + k of
        // rows 4 j to 4 j + 3.
        let mut pairs = rows;
        for row in (0..16).step_by(2) {
            pairs[row] = lanes!(_mm512_unpacklo_ps, rows[row], rows[row + 1]);
            pairs[row + 1] = lanes!(_mm512_unpackhi_ps, rows[row], rows[row + 1]);
        }
        let mut fours = rows;
        for row in (0..16).step_by(4) {
            for half in 0..2 {
                // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers
                // only.
                unsafe {
                    let (a, b) =
                        (_mm512_castps_pd(pairs[row + half]), _mm512_castps_pd(pairs[row + half + 2]));
                    fours[row + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                    fours[row + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
                }
            }
        }
        for column in 0..4 {
            // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
            let (even, odd) = unsafe {
                let [a, b, c, d] = [fours[column], fours[column + 4], fours[column + 8], fours[column + 12]];
                (
                    (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)),
                    (_mm512_shuffle_f32x4::<0xDD>(a, b), _mm512_shuffle_f32x4::<0xDD>(c, d)),
                )
            };
            self.store(lanes!(_mm512_shuffle_f32x4::<0x88>, even.0, even.1), &mut result[column]);
            self.store(lanes!(_mm512_shuffle_f32x4::<0x88>, odd.0, odd.1), &mut result[column + 4]);
            self.store(lanes!(_mm512_shuffle_f32x4::<0xDD>, even.0, even.1), &mut result[column + 8]);
            self.store(lanes!(_mm512_shuffle_f32x4::<0xDD>, odd.0, odd.1), &mut result[column + 12]);
        }
    }

    #[inline(always)]
    fn sum(self, value: Self::V) -> f32 {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
        unsafe {
            let [a, b, c, d] = quarters(value);
            sum_eight(_mm_add_ps(a, c), _mm_add_ps(b, d))
        }
    }

    #[inline(always)]
    fn lanes<const COUNT: usize>(self, values: [f32; COUNT]) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instruction touches registers only.
        unsafe { _mm512_zextps256_ps512(eight_lanes(values)) }
    }

    #[inline(always)]
    fn sums<const COUNT: usize>(self, values: [Self::V; COUNT]) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX-512F, which has AVX2; the instructions touch registers
        // only.
        unsafe {
            let mut eights = [_mm256_setzero_ps(); 8];
            for (eight, value) in eights.iter_mut().zip(values) {
                let upper = _mm512_castpd_ps(_mm512_castpd256_pd512(_mm512_extractf64x4_pd::<1>(
                    _mm512_castps_pd(value),
                )));
                *eight = _mm256_add_ps(_mm512_castps512_ps256(value), _mm512_castps512_ps256(upper));
            }
            _mm512_zextps256_ps512(sums_of_eight::<COUNT>(eights))
        }
    }

    #[inline(always)]
    fn largest(self, value: Self::V) -> f32 {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
        unsafe {
            let [a, b, c, d] = quarters(value);
            largest_of_eight(_mm_max_ps(a, c), _mm_max_ps(b, d))
        }
    }

    #[inline(always)]
    fn exponent(self, value: Self::V) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
        unsafe {
            let biased = _mm512_srli_epi32::<23>(_mm512_castps_si512(value));
            _mm512_cvtepi32_ps(_mm512_sub_epi32(biased, _mm512_set1_epi32(127)))
        }
    }

    #[inline(always)]
    fn mantissa(self, value: Self::V) -> Self::V {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instructions touch registers only.
        unsafe {
            let mantissa = _mm512_and_si512(_mm512_castps_si512(value), _mm512_set1_epi32(MANTISSA as i32));
            _mm512_castsi512_ps(_mm512_or_si512(mantissa, _mm512_set1_epi32(ONE as i32)))
        }
    }
}

/// Returns the four quarters of the lanes.
#[inline(always)]
fn quarters(value: __m512) -> [__m128; 4] {
    // SAFETY: called by the token's operations only, on a CPU with AVX-512F; the instructions touch registers
    // only.
    unsafe {
        [
            _mm512_extractf32x4_ps::<0>(value),
            _mm512_extractf32x4_ps::<1>(value),
            _mm512_extractf32x4_ps::<2>(value),
            _mm512_extractf32x4_ps::<3>(value),
        ]
    }
}
