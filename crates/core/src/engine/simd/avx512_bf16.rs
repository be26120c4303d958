//! x86-64 with AVX512-BF16: a multiply-add of two terms in each lane.

use super::Simd;
use super::avx512::Avx512;
use crate::engine::bfloat16::{Multiplier, Rounding, round};
use crate::engine::panels::{LANES, Line, ZERO};
use std::arch::x86_64::*;
use std::sync::OnceLock;

/// The token of AVX512-BF16. It exists only on a CPU that has it, and whose instruction gives the bits of two
/// multiply-adds.
///
/// The instruction multiplies the upper halves of a lane first. They hold the first term.
#[derive(Clone, Copy, Debug)]
pub struct Avx512Bf16(());

impl Avx512Bf16 {
    /// Returns the token if the CPU has AVX512-BF16 and AVX-512BW.
    pub fn detect() -> Option<Self> {
        static HAS: OnceLock<bool> = OnceLock::new();
        let has = || {
            is_x86_feature_detected!("avx512bf16")
                && is_x86_feature_detected!("avx512bw")
                && Avx512::detect().is_some_and(|s| Avx512Bf16(()).agrees(s))
        };
        HAS.get_or_init(has).then_some(Avx512Bf16(()))
    }

    /// Returns whether rounding and multiplying give the bits of their definition for some numbers.
    #[inline(never)]
    fn agrees(self, s: Avx512) -> bool {
        let mut state = 1_u32;
        // Of both signs, and of magnitudes from 2^-20 to 2^11.
        let mut line = || {
            Line(std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from_bits((state & 0x8FFF_FFFF) + 0x3580_0000)
            }))
        };
        (0..32).all(|_| {
            let [a, b, c, d, sum] = std::array::from_fn(|_| line());
            let [mut first, mut second, mut result] = [ZERO; 3];
            self.run(
                s,
                #[inline(always)]
                || {
                    self.join_lines(s, [&a, &b], &mut first);
                    self.join_lines(s, [&c, &d], &mut second);
                    let value = self.multiply_add(s, s.load(&first), s.load(&second), s.load(&sum));
                    s.store(value, &mut result);
                },
            );
            (0..LANES).all(|lane| {
                let product = |x: &Line, y: &Line, sum: f32| round(x.0[lane]).mul_add(round(y.0[lane]), sum);
                let expected = product(&b, &d, product(&a, &c, sum.0[lane]));
                expected.to_bits() == result.0[lane].to_bits()
            })
        })
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn run_with_bf16<R>(closure: impl FnOnce() -> R) -> R {
    closure()
}

/// Returns the values, with zeros for magnitudes below 2^-56. NaN stays.
#[inline(always)]
fn without_small(value: __m512) -> __m512 {
    // SAFETY: called by the token's operations only; the instructions touch registers only.
    unsafe {
        let small = _mm512_set1_ps(f32::from_bits((127 - 56) << 23));
        let keeps = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(_mm512_abs_ps(value), small);
        _mm512_maskz_mov_ps(keeps, value)
    }
}

/// Returns 32 rounded values: those of `first` in the lower 16 words, those of `second` in the upper ones.
#[inline(always)]
fn rounded(s: Avx512, [first, second]: [&Line; 2]) -> __m512i {
    let (first, second) = (without_small(s.load(first)), without_small(s.load(second)));
    // SAFETY: called by the token's operations only. The instruction touches registers only, and both types
    // are 64 bytes without invalid values.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first)) }
}

/// Word 2 l is the word 16 + l, and word 2 l + 1 is the word l.
static ALTERNATE: [u16; 32] = {
    let mut words = [0; 32];
    let mut lane = 0;
    while lane < LANES {
        words[2 * lane] = (LANES + lane) as u16;
        words[2 * lane + 1] = lane as u16;
        lane += 1;
    }
    words
};

impl Multiplier<Avx512> for Avx512Bf16 {
    const TERMS: usize = 2;
    /// Enough for the latency of the instruction. More take memory.
    const MOST_SUMS: usize = 8;

    #[inline(always)]
    fn run<R>(self, _: Avx512, closure: impl FnOnce() -> R) -> R {
        // SAFETY: the token exists only on a CPU with these instructions.
        unsafe { run_with_bf16(closure) }
    }

    #[inline(always)]
    fn multiply_add(self, _: Avx512, a: __m512, b: __m512, sum: __m512) -> __m512 {
        // SAFETY: the token exists only on a CPU with AVX512-BF16. The instruction touches registers only,
        // and both types are 64 bytes without invalid values.
        unsafe {
            let [a, b] = [a, b].map(
                #[inline(always)]
                |lanes| std::mem::transmute::<__m512, __m512bh>(lanes),
            );
            _mm512_dpbf16_ps(sum, a, b)
        }
    }
}

impl Rounding<Avx512> for Avx512Bf16 {
    #[inline(always)]
    fn join_lines(self, s: Avx512, lines: [&Line; 2], result: &mut Line) {
        // SAFETY: the token exists only on a CPU with AVX-512BW; the index is 64 bytes.
        let joined = unsafe {
            let index = _mm512_loadu_si512(ALTERNATE.as_ptr().cast());
            _mm512_castsi512_ps(_mm512_permutexvar_epi16(index, rounded(s, lines)))
        };
        s.store(joined, result);
    }

    #[inline(always)]
    fn join_lanes(self, s: Avx512, lines: [&Line; 2], result: &mut Line) {
        // SAFETY: the token exists only on a CPU with AVX-512F; the instruction touches registers only.
        let joined = unsafe { _mm512_castsi512_ps(_mm512_rol_epi32::<16>(rounded(s, lines))) };
        s.store(joined, result);
    }
}
