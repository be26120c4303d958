//! exp, the logistic function, tanh, erf and the rounding to bfloat16 over all 2^32 inputs, against
//! references.
//!
//! These tests take minutes, so they are run when the functions change and are ignored otherwise: `cargo test
//! --release -p myelin-core --test sweep -- --ignored --nocapture --test-threads 1`

use myelin_core::engine::bfloat16::{Rounding, Single, round};
use myelin_core::engine::functions::{erf, exp, logistic, tanh};
use myelin_core::engine::panels::{LANES, Line, ZERO};
use myelin_core::engine::simd::{Instructions, Simd, WithSimd, dispatch};

#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Logistic,
    Tanh,
    Erf,
}

use Function::{Erf, Exp, Logistic, Tanh};

/// Replaces each value of the lines by the function's value.
struct Evaluate<'a>(Function, &'a mut [Line]);

impl WithSimd for Evaluate<'_> {
    type Output = ();

    fn with<S: Simd>(self, s: S) {
        let Evaluate(function, lines) = self;
        s.run(
            #[inline(always)]
            || match function {
                Exp => lines.iter_mut().for_each(
                    #[inline(always)]
                    |line| s.store(exp(s, s.load(line)), line),
                ),
                Logistic => lines.iter_mut().for_each(
                    #[inline(always)]
                    |line| s.store(logistic(s, s.load(line)), line),
                ),
                Tanh => lines.iter_mut().for_each(
                    #[inline(always)]
                    |line| s.store(tanh(s, s.load(line)), line),
                ),
                Erf => lines.iter_mut().for_each(
                    #[inline(always)]
                    |line| s.store(erf(s, s.load(line)), line),
                ),
            },
        );
    }
}

impl Function {
    fn reference(self, x: f64) -> f64 {
        match self {
            Exp => x.exp(),
            Logistic => 1.0 / (1.0 + (-x).exp()),
            Tanh => x.tanh(),
            Erf => exact_erf(x),
        }
    }

    /// Returns the range in which the function is computed. Below it, the function is 0. Above it, the
    /// function keeps the value at the end.
    fn range(self) -> (f32, f32) {
        match self {
            Exp => (-87.33, 88.37),
            Logistic => (-87.33, f32::MAX),
            Tanh | Erf => (-f32::MAX, f32::MAX),
        }
    }

    fn at(self, instructions: Instructions, x: f32) -> f32 {
        let mut line = [Line([x; LANES])];
        dispatch(instructions, Evaluate(self, &mut line));
        line[0].0[0]
    }
}

/// Computes exp(-x^2) 2 / sqrt(π) (x + 2 x^3 / 3 + 4 x^5 / (3 5) + …). All terms have the same sign.
fn exact_erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut odd) = (x, 0.0, 1.0);
    while sum + term != sum {
        sum += term;
        odd += 2.0;
        term *= 2.0 * x * x / odd;
    }
    sum * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
}

/// The number of lines evaluated in one call.
const LINES: usize = 256;

/// Calls `visit` with every bit pattern from `first` to `last` and its function value, in increasing order.
fn sweep(
    function: Function,
    instructions: Instructions,
    (first, last): (u32, u32),
    mut visit: impl FnMut(f32, f32),
) {
    let (mut lines, step) = ([ZERO; LINES], (LINES * LANES) as u64);
    let (first, last) = (u64::from(first), u64::from(last));
    for start in (first..=last).step_by(step as usize) {
        let value = |index: usize| f32::from_bits((start + index as u64).min(last) as u32);
        for (index, line) in lines.iter_mut().enumerate() {
            *line = Line(std::array::from_fn(|lane| value(index * LANES + lane)));
        }
        dispatch(instructions, Evaluate(function, &mut lines));
        let count = step.min(last - start + 1) as usize;
        for (index, result) in lines.iter().flat_map(|line| line.0).take(count).enumerate() {
            visit(value(index), result);
        }
    }
}

fn fastest() -> Instructions {
    Instructions::choose(None).unwrap()
}

/// Returns the distance to the next larger 32-bit number.
fn unit(exact: f64) -> f64 {
    let exponent = (exact.abs().to_bits() >> 52).max(1023 - 126);
    f64::from_bits((exponent - 23) << 52)
}

const NEGATIVE: u32 = 1 << 31;
const INFINITY: u32 = 0x7F80_0000;

/// The largest error and the largest step in the wrong direction, in units in the last place.
#[derive(Debug, Default)]
struct Found {
    error: f64,
    error_at: f32,
    absolute: f64,
    back: f64,
    back_at: f32,
}

/// Examines all finite and infinite inputs of one sign. The functions increase, so away from zero the values
/// of positive inputs rise and those of negative inputs fall.
fn examine(function: Function, sign: u32, found: &mut Found) {
    let (low, high) = function.range();
    let highest = function.at(fastest(), high);
    let direction = if sign == 0 { 1.0 } else { -1.0 };
    let mut farthest = -f64::INFINITY;
    sweep(function, fastest(), (sign, sign | INFINITY), |x, value| {
        let wide = f64::from(value);
        if x < low || x > high {
            assert_eq!(value, if x < low { 0.0 } else { highest }, "{function:?}({x})");
        } else {
            let exact = function.reference(f64::from(x));
            let error = (wide - exact).abs() / unit(exact);
            found.absolute = found.absolute.max((wide - exact).abs());
            if error > found.error || error.is_nan() {
                (found.error, found.error_at) = (error, x);
            }
        }
        assert!(!matches!(function, Tanh | Erf) || value.abs() <= 1.0, "{function:?}({x}) = {value}");
        let back = (farthest - direction * wide) / unit(wide);
        if back > found.back {
            (found.back, found.back_at) = (back, x);
        }
        farthest = farthest.max(direction * wide);
    });
}

fn check(function: Function, error: f64, back: f64) {
    let mut found = Found::default();
    examine(function, 0, &mut found);
    examine(function, NEGATIVE, &mut found);
    println!("{function:?}: {found:?}");
    assert!(found.error <= error && found.back <= back, "{function:?}: {found:?}, allowed {error}, {back}");
    for sign in [0, NEGATIVE] {
        sweep(function, fastest(), (sign | (INFINITY + 1), sign | (NEGATIVE - 1)), |x, value| {
            assert!(x.is_nan() && value.is_nan(), "{function:?}({:x})", x.to_bits());
        });
    }
}

#[test]
#[ignore = "all 2^32 inputs: a minute in release mode"]
fn exp_has_the_documented_error() {
    check(Exp, 1.02, 0.0);
}

#[test]
#[ignore = "all 2^32 inputs: a minute in release mode"]
fn logistic_has_the_documented_error() {
    check(Logistic, 2.49, 0.0);
}

#[test]
#[ignore = "all 2^32 inputs: two minutes in release mode"]
fn tanh_has_the_documented_error() {
    check(Tanh, 5.04, 9.0);
}

#[test]
#[ignore = "all 2^32 inputs: two minutes in release mode"]
fn erf_has_the_documented_error() {
    check(Erf, 5.95, 10.0);
}

#[test]
#[ignore = "all 2^32 inputs on every instruction set: some ten minutes in release mode"]
fn every_instruction_set_gives_the_same_bits() {
    for function in [Exp, Logistic, Tanh, Erf] {
        for start in (0..=u32::MAX).step_by(LINES * LANES) {
            let value = |index: usize| f32::from_bits(start + index as u32);
            let line = |line: usize| Line(std::array::from_fn(|lane| value(line * LANES + lane)));
            let results = Instructions::available().into_iter().map(|instructions| {
                let mut lines: [Line; LINES] = std::array::from_fn(line);
                dispatch(instructions, Evaluate(function, &mut lines));
                lines
            });
            let results: Vec<_> = results.collect();
            let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            for other in &results[1..] {
                let mut pairs = other.iter().zip(&results[0]).flat_map(|(a, b)| a.0.into_iter().zip(b.0));
                let differing = pairs.position(|(a, b)| !same(a, b));
                assert_eq!(differing.map(value), None, "{function:?}");
            }
        }
    }
}

/// Rounds lines, alone and in pairs with themselves if the CPU has pairs.
struct Round<'a>(&'a [Line], &'a mut [Line], &'a mut [Line]);

impl WithSimd for Round<'_> {
    type Output = bool;

    fn with<S: Simd>(self, s: S) -> bool {
        fn all<S: Simd, R: Rounding<S>>(s: S, rounding: R, lines: &[Line], results: &mut [Line]) {
            rounding.run(
                s,
                #[inline(always)]
                || {
                    for (line, result) in lines.iter().zip(results) {
                        rounding.join_lines(s, [line, line], result);
                    }
                },
            );
        }
        all(s, Single, self.0, self.1);
        S::pairs().inspect(|pairs| all(s, *pairs, self.0, self.2)).is_some()
    }
}

/// Rounds by comparing the distances to the neighbors.
fn nearest(value: f32) -> f32 {
    let low = f32::from_bits(value.to_bits() & 0xFFFF_0000);
    let high = f32::from_bits((value.to_bits() & 0xFFFF_0000).wrapping_add(0x1_0000));
    // Infinity takes the place of the power of two above the largest number.
    let place =
        |at: f32| if at.is_infinite() { f64::from(at.signum()) * 128_f64.exp2() } else { f64::from(at) };
    let distance = |at: f32| (place(at) - f64::from(value)).abs();
    match value {
        _ if value.abs() < 2.0_f32.powi(-56) => 0.0,
        _ if !value.is_finite() => value,
        _ if distance(low) < distance(high) => low,
        _ if distance(low) > distance(high) => high,
        _ if low.to_bits() & 0x1_0000 == 0 => low,
        _ => high,
    }
}

#[test]
#[ignore = "all 2^32 inputs: a minute or two in release mode"]
fn rounding_is_to_the_nearest_bfloat16_on_every_instruction_set() {
    let mut results = vec![[ZERO; LINES]; 2];
    for start in (0..=u32::MAX).step_by(LINES * LANES) {
        let value = |index: usize| f32::from_bits(start + index as u32);
        let lines: [Line; LINES] =
            std::array::from_fn(|line| Line(std::array::from_fn(|lane| value(line * LANES + lane))));
        for instructions in Instructions::available() {
            let [single, pairs] = &mut results[..] else { unreachable!("two were made") };
            let has_pairs = dispatch(instructions, Round(&lines, single, pairs));
            for index in 0..LINES * LANES {
                let (line, lane, value) = (index / LANES, index % LANES, value(index));
                let (rounded, expected) = (single[line].0[lane], nearest(value));
                if value.is_nan() {
                    assert!(rounded.is_nan() && round(value).is_nan(), "{value}");
                } else {
                    assert_eq!(rounded.to_bits(), expected.to_bits(), "{value:e}, {instructions:?}");
                    assert_eq!(round(value).to_bits(), expected.to_bits(), "{value:e}");
                }
                if has_pairs {
                    let pair = pairs[line].0[lane].to_bits();
                    assert_eq!(pair >> 16, pair & 0xFFFF, "{value:e}");
                    let rounded = f32::from_bits(pair & 0xFFFF_0000);
                    let same = rounded.to_bits() == expected.to_bits() || value.is_nan() && rounded.is_nan();
                    assert!(same, "{value:e}, {instructions:?}");
                }
            }
        }
    }
}
