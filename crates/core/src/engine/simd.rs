//! One trait of vector operations on 16 lanes, and a token for each instruction set.
//!
//! A token exists only on a CPU that has its instructions, so its operations are safe to call wherever there
//! is a token. The `unsafe` code of vector operations is in the tokens' files only.

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(target_arch = "x86_64")]
pub mod avx512_bf16;
#[cfg(target_arch = "aarch64")]
pub mod neon;
#[cfg(not(target_arch = "wasm32"))]
pub mod portable;
#[cfg(target_arch = "wasm32")]
pub mod wasm;

/// The token that every CPU of this target has. WebAssembly has no other, which keeps its module small.
#[cfg(not(target_arch = "wasm32"))]
pub type Baseline = portable::Portable;
/// The token that every CPU of this target has. WebAssembly has no other, which keeps its module small.
#[cfg(target_arch = "wasm32")]
pub type Baseline = wasm::Wasm;

#[cfg(not(target_arch = "wasm32"))]
const BASELINE: Baseline = portable::Portable;
#[cfg(target_arch = "wasm32")]
const BASELINE: Baseline = wasm::Wasm;

use super::bfloat16::Rounding;
use super::panels::{Line, ZERO};
use crate::errors::{Error, Result};

/// The mantissa bits of a float, and the bits of 1.
const MANTISSA: u32 = 0x007F_FFFF;
const ONE: u32 = 0x3F80_0000;

/// Operations on 16 lanes of 32-bit floats. Every operation rounds once, as IEEE 754 requires, so all
/// instruction sets give the same bits.
pub trait Simd: Copy + Send + Sync + 'static {
    /// 16 lanes.
    type V: Copy;
    /// The instruction set, which `MYELIN_INSTRUCTIONS` can select by name.
    const INSTRUCTIONS: Instructions;
    /// The number of lines that a tile keeps in registers.
    const TILE: usize;

    /// The number of output panels that a tile covers: two where there are enough registers.
    const PANELS: usize;

    /// The multiplier of pairs in bfloat16, or [`NoPairs`](super::bfloat16::NoPairs).
    type Pairs: Rounding<Self>;

    /// Returns the multiplier of pairs if the CPU has it.
    fn pairs() -> Option<Self::Pairs> {
        None
    }

    /// Calls the closure with the instruction set enabled. The closure and everything it calls must be
    /// inlined. Code that is not inlined is compiled without these instructions.
    fn run<R>(self, closure: impl FnOnce() -> R) -> R;

    /// Calls a formula. Formulas are inlined, unless inlining makes the code large and no faster.
    #[inline(always)]
    fn formula<R>(self, formula: impl FnOnce() -> R) -> R {
        formula()
    }

    /// Returns the lanes of a line.
    fn load(self, line: &Line) -> Self::V;
    /// Writes the lanes to a line.
    fn store(self, value: Self::V, line: &mut Line);
    /// Returns the same value in every lane.
    fn splat(self, value: f32) -> Self::V;
    /// a + b
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a / b
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// a b + c, rounded once
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Returns the square root.
    fn sqrt(self, value: Self::V) -> Self::V;
    /// Returns `yes` where a > b, else `no`. A comparison with NaN is false.
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// Returns a where a > b, else b. The result is b if either of them is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// Returns a where a < b, else b. The result is b if either of them is NaN.
    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        self.select_greater(b, a, a, b)
    }
    /// Rounds to the nearest whole number, and halves to the even one.
    fn round(self, value: Self::V) -> Self::V;
    /// Returns 2 to the power of whole numbers from -126 to 127.
    fn power_of_two(self, exponent: Self::V) -> Self::V;
    /// Transposes: lane i of line j becomes lane j of line i.
    #[inline(always)]
    fn transpose(self, lines: &[Line; 16], result: &mut [Line; 16]) {
        for (lane, line) in result.iter_mut().enumerate() {
            for (value, source) in line.0.iter_mut().zip(lines) {
                *value = source.0[lane];
            }
        }
    }
    /// Returns the sum of all lanes, added in one fixed tree: first lanes i and i + 8, then lanes 4, 2 and 1
    /// apart.
    fn sum(self, value: Self::V) -> f32;
    /// Returns a vector whose first lanes are the values, at most 8. The other lanes are zero.
    #[inline(always)]
    fn lanes<const COUNT: usize>(self, values: [f32; COUNT]) -> Self::V {
        let mut line = ZERO;
        line.0[..COUNT].copy_from_slice(&values);
        self.load(&line)
    }
    /// Returns the sums of up to 8 values. Lane i is the sum of all lanes of value i, in the order of `sum`.
    /// Lanes beyond the values are unspecified.
    #[inline(always)]
    fn sums<const COUNT: usize>(self, values: [Self::V; COUNT]) -> Self::V {
        let mut line = ZERO;
        for (lane, value) in line.0.iter_mut().zip(values) {
            *lane = self.sum(value);
        }
        self.load(&line)
    }
    /// Returns the largest lane, compared in the tree of `sum`. If a lane is NaN, the result is one of the
    /// lanes.
    #[inline(always)]
    fn largest(self, value: Self::V) -> f32 {
        let mut line = ZERO;
        self.store(value, &mut line);
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                let (a, b) = (line.0[lane], line.0[lane + half]);
                line.0[lane] = if a > b { a } else { b };
            }
        }
        line.0[0]
    }
    /// Returns the exponent e of x = m 2^e with 1 ≤ m < 2, for positive normal numbers.
    #[inline(always)]
    fn exponent(self, value: Self::V) -> Self::V {
        let mut line = ZERO;
        self.store(value, &mut line);
        for lane in &mut line.0 {
            *lane = ((lane.to_bits() >> 23) as i32 - 127) as f32;
        }
        self.load(&line)
    }
    /// Returns the mantissa m of x = m 2^e with 1 ≤ m < 2, for positive normal numbers.
    #[inline(always)]
    fn mantissa(self, value: Self::V) -> Self::V {
        let mut line = ZERO;
        self.store(value, &mut line);
        for lane in &mut line.0 {
            *lane = f32::from_bits(lane.to_bits() & MANTISSA | ONE);
        }
        self.load(&line)
    }
}

/// The instruction sets that the products are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// Instructions that every CPU has.
    Portable,
    /// WebAssembly with 128-bit SIMD, in modules for it.
    Wasm,
    /// 64-bit ARM with NEON.
    Neon,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F.
    Avx512,
}

impl Instructions {
    /// All instruction sets, the fastest last.
    pub const ALL: [Instructions; 5] = [
        Instructions::Portable,
        Instructions::Wasm,
        Instructions::Neon,
        Instructions::Avx2,
        Instructions::Avx512,
    ];

    /// Returns the name that selects the instruction set.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Portable => "portable",
            Instructions::Wasm => "wasm",
            Instructions::Neon => "neon",
            Instructions::Avx2 => "avx2",
            Instructions::Avx512 => "avx512",
        }
    }

    /// Returns the instruction sets of this CPU, the fastest last.
    pub fn available() -> Vec<Instructions> {
        Self::ALL.into_iter().filter(|instructions| instructions.is_available()).collect()
    }

    fn is_available(self) -> bool {
        match self {
            Instructions::Portable => cfg!(not(target_arch = "wasm32")),
            Instructions::Wasm => cfg!(target_arch = "wasm32"),
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => neon::Neon::detect().is_some(),
            #[cfg(not(target_arch = "aarch64"))]
            Instructions::Neon => false,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => avx512::Avx512::detect().is_some(),
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx2 | Instructions::Avx512 => false,
        }
    }

    /// Returns the instruction set of this name. Without a name, returns the fastest that the CPU has.
    pub fn choose(name: Option<&str>) -> Result<Instructions> {
        let available = Self::available();
        match name {
            None => Ok(available[available.len() - 1]),
            Some(name) => available.iter().copied().find(|entry| entry.name() == name).ok_or_else(|| {
                let names: Vec<_> = available.iter().map(|entry| entry.name()).collect();
                Error::new(format!("instructions: this CPU has {}, received \"{name}\"", names.join(", ")))
            }),
        }
    }
}

/// Work that is generic over the token.
pub trait WithSimd {
    /// The result of the work.
    type Output;
    /// Does the work with the token of the chosen instruction set.
    fn with<S: Simd>(self, s: S) -> Self::Output;
}

/// Does `work` with the token of `instructions`. If the CPU lacks them, uses the token that every CPU has.
pub fn dispatch<W: WithSimd>(instructions: Instructions, work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if instructions == Instructions::Avx512
            && let Some(s) = avx512::Avx512::detect()
        {
            return work.with(s);
        }
        if instructions == Instructions::Avx2
            && let Some(s) = avx2::Avx2::detect()
        {
            return work.with(s);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if instructions == Instructions::Neon
        && let Some(s) = neon::Neon::detect()
    {
        return work.with(s);
    }
    let _ = instructions;
    work.with(BASELINE)
}

/// Returns whether products in bfloat16 are faster with these instructions on this CPU than those of 32-bit
/// floats.
pub fn multiplies_bfloat16(instructions: Instructions) -> bool {
    struct HasPairs;
    impl WithSimd for HasPairs {
        type Output = bool;
        fn with<S: Simd>(self, _: S) -> bool {
            S::pairs().is_some()
        }
    }
    dispatch(instructions, HasPairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::panels::ZERO;

    struct Transpose([Line; 16]);

    impl WithSimd for Transpose {
        type Output = [Line; 16];

        fn with<S: Simd>(self, s: S) -> [Line; 16] {
            let mut result = [ZERO; 16];
            s.run(
                #[inline(always)]
                || s.transpose(&self.0, &mut result),
            );
            result
        }
    }

    struct Parts(Line);

    impl WithSimd for Parts {
        type Output = (f32, Line, Line);

        fn with<S: Simd>(self, s: S) -> (f32, Line, Line) {
            let [mut exponent, mut mantissa] = [ZERO; 2];
            let mut largest = 0.0;
            s.run(
                #[inline(always)]
                || {
                    let value = s.load(&self.0);
                    largest = s.largest(value);
                    s.store(s.exponent(value), &mut exponent);
                    s.store(s.mantissa(value), &mut mantissa);
                },
            );
            (largest, exponent, mantissa)
        }
    }

    #[test]
    fn a_number_is_its_mantissa_times_two_to_its_exponent_on_every_instruction_set() {
        let samples =
            [f32::MIN_POSITIVE, 1e-30, 0.1, 0.999_999_94, 1.0, 1.5, 1.999_999_9, 2.0, 3e10, f32::MAX];
        for (place, sample) in samples.into_iter().enumerate() {
            let line = Line(std::array::from_fn(|lane| if lane == place { sample } else { 1e-38 }));
            for instructions in Instructions::available() {
                let (largest, exponent, mantissa) = dispatch(instructions, Parts(line));
                let (exponent, mantissa) = (exponent.0[place], mantissa.0[place]);
                assert!((1.0..2.0).contains(&mantissa), "{instructions:?}: {sample} has mantissa {mantissa}");
                assert_eq!(f64::from(mantissa) * f64::from(exponent).exp2(), f64::from(sample));
                assert_eq!(largest, sample.max(1e-38), "{instructions:?}");
            }
        }
    }

    struct Columns<const COUNT: usize>([Line; COUNT]);

    impl<const COUNT: usize> WithSimd for Columns<COUNT> {
        type Output = (Vec<f32>, Line, Line);

        fn with<S: Simd>(self, s: S) -> Self::Output {
            let mut alone = Vec::new();
            let [mut sums, mut lanes] = [ZERO; 2];
            s.run(
                #[inline(always)]
                || {
                    let values = self.0.each_ref().map(
                        #[inline(always)]
                        |line| s.load(line),
                    );
                    alone.extend(values.iter().map(
                        #[inline(always)]
                        |&value| s.sum(value),
                    ));
                    s.store(s.sums(values), &mut sums);
                    s.store(s.lanes(self.0.each_ref().map(|line| line.0[3])), &mut lanes);
                },
            );
            (alone, sums, lanes)
        }
    }

    fn check_columns<const COUNT: usize>() {
        let value = |line: usize, lane: usize| 1.1_f32.powi((17 * line + 5 * lane) as i32 % 90) - 30.0;
        let lines = std::array::from_fn(|line| Line(std::array::from_fn(|lane| value(line, lane))));
        for instructions in Instructions::available() {
            let (alone, sums, lanes) = dispatch(instructions, Columns::<COUNT>(lines));
            assert_eq!(alone, sums.0[..COUNT], "{instructions:?}, {COUNT} sums");
            let expected: Vec<f32> = lines.iter().map(|line| line.0[3]).collect();
            assert_eq!(expected, lanes.0[..COUNT], "{instructions:?}, {COUNT} lanes");
            assert_eq!(&lanes.0[COUNT..], &ZERO.0[COUNT..], "{instructions:?}, beyond {COUNT} lanes");
        }
    }

    #[test]
    fn sums_side_by_side_equal_single_sums_and_lanes_keep_their_order_on_every_instruction_set() {
        check_columns::<1>();
        check_columns::<2>();
        check_columns::<3>();
        check_columns::<4>();
        check_columns::<5>();
        check_columns::<6>();
        check_columns::<7>();
        check_columns::<8>();
    }

    #[test]
    fn the_largest_lane_is_found_wherever_it_is() {
        for place in 0..16 {
            let line =
                Line(std::array::from_fn(|lane| if lane == place { -1.0 } else { -3.0 - lane as f32 }));
            for instructions in Instructions::available() {
                assert_eq!(dispatch(instructions, Parts(line)).0, -1.0, "{instructions:?}, lane {place}");
            }
        }
    }

    #[test]
    fn transpose_exchanges_lanes_and_lines_on_every_instruction_set() {
        let lines = std::array::from_fn(|line| Line(std::array::from_fn(|lane| (16 * line + lane) as f32)));
        for instructions in Instructions::available() {
            let result = dispatch(instructions, Transpose(lines));
            for (line, values) in result.iter().enumerate() {
                let expected = std::array::from_fn(|lane| (16 * lane + line) as f32);
                assert_eq!(values.0, expected, "{instructions:?}, line {line}");
            }
        }
    }
}
