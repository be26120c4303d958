//! exp, log, tanh, erf, the logistic function and normal quantiles, computed lane by lane. They consist of
//! exactly rounded operations only, so every machine and every instruction set gives the same bits. A
//! training step calls no exp, log or tanh of a library.
//!
//! `tests/sweep.rs` measures the errors of exp, tanh, erf and the logistic function over all 2^32 inputs.

use super::simd::Simd;

#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::V, coefficients: [f32; N]) -> S::V {
    let mut value = s.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        value = s.mul_add(value, x, s.splat(coefficient));
    }
    value
}

/// A unit for values whose squares overflow: 2^-100. The squares of their products with it do not overflow.
/// Multiplication by a power of two changes no digit.
pub const SMALL_UNIT: f32 = f32::from_bits(27 << 23);

/// Returns w - η g, a step of gradient descent.
#[inline(always)]
pub fn descended<S: Simd>(s: S, rate: f32, weight: S::V, gradient: S::V) -> S::V {
    s.mul_add(s.splat(-rate), gradient, weight)
}

/// Returns x above 0, else 0.
#[inline(always)]
pub fn rectified<S: Simd>(s: S, x: S::V) -> S::V {
    // In this order of the operands NaN stays NaN and does not become 0.
    s.max(s.splat(0.0), x)
}

/// Returns the derivative of `rectified` at the output `value`: 1 above 0, else 0.
#[inline(always)]
pub fn rectified_slope<S: Simd>(s: S, value: S::V) -> S::V {
    let zero = s.splat(0.0);
    s.select_greater(value, zero, s.splat(1.0), zero)
}

/// Returns the nearest value from `low` to `high`. NaN stays NaN.
#[inline(always)]
pub fn clamp<S: Simd>(s: S, x: S::V, low: f32, high: f32) -> S::V {
    // In this order of arguments NaN stays NaN.
    s.min(s.splat(high), s.max(s.splat(low), x))
}

/// Returns zero where |x| is below 1e-30, else x. NaN stays NaN. State that decays towards zero would
/// otherwise end in denormal numbers, which CPUs add many times slower. So close to zero the change makes no
/// difference to any weight.
#[inline(always)]
pub fn snap<S: Simd>(s: S, x: S::V) -> S::V {
    let zero = s.splat(0.0);
    let magnitude = s.max(x, s.sub(zero, x));
    s.select_greater(s.splat(1e-30), magnitude, zero, x)
}

/// The exponential of any smaller number is 0, because it would be nearly denormal. It must not be a small
/// number: the gradient of a saturated unit is a product with it, and inputs may be as large as it is small.
const LOWEST_EXPONENT: f32 = -87.33;

/// Returns exp(x) for x from -87.33 to 88.37. Below that range it returns 0, and above it the value at its
/// end, so the result is neither infinite nor denormal. NaN stays NaN.
///
/// With n = round(x / ln 2) and r = x - n ln 2, where ln 2 is split into two parts, exp(x) = 2^n (1 + r + r^2
/// p(r)). The coefficients of p are those of expf in Moshier's Cephes library.
///
/// Over all inputs in the range the error is at most 1.02 units in the last place, and the result never
/// decreases.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    exp_to(s, x, 88.37)
}

#[inline(always)]
fn exp_to<S: Simd>(s: S, exponent: S::V, high: f32) -> S::V {
    s.formula(
        #[inline(always)]
        || {
            let x = clamp(s, exponent, LOWEST_EXPONENT, high);
            let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
            let r = s.mul_add(n, s.splat(-0.693_359_4), x);
            let r = s.mul_add(n, s.splat(2.121_944_4e-4), r);
            let p = polynomial(
                s,
                r,
                [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5],
            );
            let value = s.mul(s.add(s.mul_add(s.mul(r, r), p, r), s.splat(1.0)), s.power_of_two(n));
            s.select_greater(s.splat(LOWEST_EXPONENT), exponent, s.splat(0.0), value)
        },
    )
}

/// Returns the natural logarithm of x, within two units in the last place from the smallest normal number up.
/// Below that number, at zero and for negative numbers, it returns the value at that number. Infinity stays
/// infinity, NaN stays NaN.
///
/// With x = m 2^e and m from sqrt(1/2) to sqrt(2), log(x) = e ln 2 + log(1 + r), r = m - 1, where log(1 + r)
/// = r - r^2 / 2 + r^3 p(r) and ln 2 is split into two parts. The coefficients of p are those of logf in
/// Moshier's Cephes library.
#[inline(always)]
pub fn log<S: Simd>(s: S, x: S::V) -> S::V {
    s.formula(
        #[inline(always)]
        || {
            let smallest = s.splat(f32::MIN_POSITIVE);
            let normal = s.select_greater(smallest, x, smallest, x);
            let (m, e) = (s.mantissa(normal), s.exponent(normal));
            let one = s.splat(1.0);
            let root = s.splat(std::f32::consts::SQRT_2);
            let e = s.select_greater(m, root, s.add(e, one), e);
            let r = s.sub(s.select_greater(m, root, s.mul(m, s.splat(0.5)), m), one);
            let p = polynomial(
                s,
                r,
                [
                    7.037_683_6e-2,
                    -1.151_461e-1,
                    1.167_699_9e-1,
                    -1.242_014_1e-1,
                    1.424_932_3e-1,
                    -1.666_805_8e-1,
                    2.000_071_5e-1,
                    -2.499_999_4e-1,
                    3.333_333e-1,
                ],
            );
            let square = s.mul(r, r);
            let tail = s.mul_add(s.mul(square, r), p, s.mul(e, s.splat(-2.121_944_4e-4)));
            let tail = s.mul_add(s.splat(-0.5), square, tail);
            let value = s.mul_add(e, s.splat(0.693_359_4), s.add(r, tail));
            // Infinity and NaN have no mantissa and exponent.
            s.select_greater(s.splat(f32::INFINITY), x, value, x)
        },
    )
}

/// Returns log(1 + x) for x from 0 to 1. The part of a small x that 1 + x loses is added afterwards, because
/// log(1 + d) is about d.
#[inline(always)]
pub fn log_one_plus<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let sum = s.add(one, x);
    s.add(log(s, sum), s.sub(x, s.sub(sum, one)))
}

/// Returns 1 / (1 + exp(-x)) for x from -87.33 up. Below that it returns 0, as [`exp`] does. NaN stays NaN.
///
/// Over all inputs in the range the error is at most 2.49 units in the last place, and the result never
/// decreases.
#[inline(always)]
pub fn logistic<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let value = s.div(one, s.add(one, exp_to(s, s.sub(s.splat(0.0), x), -LOWEST_EXPONENT)));
    s.select_greater(s.splat(LOWEST_EXPONENT), x, s.splat(0.0), value)
}

/// Returns tanh(x), from -1 to 1. NaN stays NaN.
///
/// The rational function x p(x^2) / q(x^2), with p and q of degree 4, was fitted to tanh up to 9 with the
/// least relative error, 2.1e-8. Beyond 9, p and q stay constant, so the quotient grows with x and reaches
/// the bound of 1. Both p and q begin with 1, so small x are returned unchanged. The code computes with -x
/// and -x^2, because a maximum takes one instruction, but a minimum that keeps NaN takes two.
///
/// Over all inputs the error is at most 5.04 units in the last place, which is 3.1e-7. The error is that
/// large just below 1, where a value may also be up to 9 units smaller than the value of a smaller input.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    s.formula(
        #[inline(always)]
        || {
            const FITTED: f32 = 9.0;
            let (reversed, least) = (s.splat(-1.0), s.splat(-1.0));
            let opposite = s.mul(x, reversed);
            let square = s.max(s.splat(-FITTED * FITTED), s.mul(opposite, x));
            let numerator =
                polynomial(s, square, [1.342_015_1e-8, -2.066_159e-5, 3.499_019_7e-3, -1.338_400_4e-1, 1.0]);
            let denominator = polynomial(
                s,
                square,
                [7.804_887_3e-7, -3.291_073_7e-4, 2.589_030_8e-2, -4.671_732_2e-1, 1.0],
            );
            let quotient = s.div(s.mul(opposite, numerator), denominator);
            s.max(least, s.mul(s.max(least, quotient), reversed))
        },
    )
}

/// Returns the error function, erf(x) = 2 / sqrt(π) times the integral of exp(-t^2) from 0 to x. It is from
/// -1 to 1. NaN stays NaN.
///
/// A rational function like that of tanh, with p and q of degree 5, was fitted with the least relative error,
/// 1.9e-8, up to 3.92, where the nearest float becomes 1. Beyond 3.92, p and q stay constant.
///
/// Over all inputs the error is at most 5.95 units in the last place, which is 3.6e-7. The error is that
/// large just below 1, where a value may also be up to 10 units smaller than the value of a smaller input.
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::V) -> S::V {
    s.formula(
        #[inline(always)]
        || {
            const FITTED: f32 = 3.92;
            let (reversed, least) = (s.splat(-1.0), s.splat(-1.0));
            let opposite = s.mul(x, reversed);
            let square = s.max(s.splat(-FITTED * FITTED), s.mul(opposite, x));
            let numerator = polynomial(
                s,
                square,
                [
                    -2.050_079_3e-6,
                    2.848_660_5e-4,
                    -3.765_157e-3,
                    5.274_728e-2,
                    -1.903_966_5e-1,
                    std::f32::consts::FRAC_2_SQRT_PI,
                ],
            );
            let denominator = polynomial(
                s,
                square,
                [-3.809_076_2e-5, 1.162_412_3e-3, -1.496_829_8e-2, 1.141_049_2e-1, -5.020_674e-1, 1.0],
            );
            let quotient = s.div(s.mul(opposite, numerator), denominator);
            s.max(least, s.mul(s.max(least, quotient), reversed))
        },
    )
}

/// Returns the quantile of the standard normal distribution for u from 2^-24 to 1 - 2^-24: the value that a
/// normal number is below with probability u.
///
/// It is sqrt(2) times the inverse of the error function at x = 2 u - 1. That inverse is x p(w) with w =
/// -log(1 - x²), where p is one polynomial in w for w below 5, and another one in sqrt(w) above. The
/// coefficients are Giles' for 32 bits ("Approximating the erfinv function", GPU Computing Gems, 2012).
///
/// In samples the error is at most 4e-7 of the value.
#[inline(always)]
pub fn normal_quantile<S: Simd>(s: S, u: S::V) -> S::V {
    let one = s.splat(1.0);
    let x = s.mul_add(s.splat(2.0), u, s.splat(-1.0));
    let w = s.sub(s.splat(0.0), log(s, s.mul(s.sub(one, x), s.add(one, x))));
    let central = polynomial(
        s,
        s.sub(w, s.splat(2.5)),
        [
            2.810_226_4e-8,
            3.432_739_4e-7,
            -3.523_387_7e-6,
            -4.391_506_5e-6,
            2.185_808_7e-4,
            -1.253_725e-3,
            -4.177_681_6e-3,
            2.466_407_3e-1,
            1.501_409_4,
        ],
    );
    let tail = polynomial(
        s,
        s.sub(s.sqrt(w), s.splat(3.0)),
        [
            -2.002_142_6e-4,
            1.009_505_6e-4,
            1.349_343_2e-3,
            -3.673_428_4e-3,
            5.739_507_7e-3,
            -7.622_461_3e-3,
            9.438_870_5e-3,
            1.001_674,
            2.832_976_8,
        ],
    );
    let p = s.select_greater(s.splat(5.0), w, central, tail);
    s.mul(s.splat(std::f32::consts::SQRT_2), s.mul(p, x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::panels::{LANES, Line, ZERO};
    use crate::engine::simd::{Instructions, WithSimd, dispatch};

    type Function = fn(f32) -> f64;

    struct Evaluate(Line);

    impl WithSimd for Evaluate {
        type Output = [Line; 6];
        fn with<S: Simd>(self, s: S) -> [Line; 6] {
            let mut lines = [ZERO; 6];
            s.run(
                #[inline(always)]
                || {
                    let x = s.load(&self.0);
                    s.store(exp(s, x), &mut lines[0]);
                    s.store(logistic(s, x), &mut lines[1]);
                    s.store(tanh(s, x), &mut lines[2]);
                    s.store(log(s, x), &mut lines[3]);
                    s.store(log_one_plus(s, clamp(s, x, 0.0, 1.0)), &mut lines[4]);
                    s.store(erf(s, x), &mut lines[5]);
                },
            );
            lines
        }
    }

    /// Computes erf in 64 bits: exp(-x^2) 2 / sqrt(π) (x + 2 x^3 / 3 + 4 x^5 / (3 5) + …). All terms have the
    /// same sign.
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

    const SMALLEST: f64 = f32::MIN_POSITIVE as f64;

    /// Returns values from the smallest to the largest normal number, 2000 per octave, and values close to 1.
    fn positive_samples() -> impl Iterator<Item = Line> {
        let bits = (f32::MIN_POSITIVE.to_bits()..=f32::MAX.to_bits()).step_by(4194);
        let one = 1.0_f32.to_bits();
        let values: Vec<f32> = bits.chain(one - 5000..one + 5000).map(f32::from_bits).collect();
        (0..values.len() / LANES)
            .map(move |line| Line(std::array::from_fn(|lane| values[line * LANES + lane])))
    }

    fn samples() -> impl Iterator<Item = Line> {
        let values = (-400_000..=400_000).map(|step| step as f32 * 2.0e-4);
        let values: Vec<f32> = values.chain([1e-30, -1e-30, 1e-8, 0.0]).collect();
        (0..values.len() / LANES)
            .map(move |line| Line(std::array::from_fn(|lane| values[line * LANES + lane])))
    }

    #[test]
    fn functions_are_within_a_few_units_of_the_last_place() {
        type Reference = (usize, &'static str, Function, f64, fn(f32) -> bool);
        let references: [Reference; 6] = [
            (0, "exp", |x| f64::from(x).exp(), 2.0, |x| x.abs() <= 80.0),
            (1, "logistic", |x| 1.0 / (1.0 + (-f64::from(x)).exp()), 4.0, |x| x.abs() <= 80.0),
            (2, "tanh", |x| f64::from(x).tanh(), 6.0, |_| true),
            (3, "log", |x| f64::from(x).max(SMALLEST).ln(), 2.0, |_| true),
            (4, "log_one_plus", |x| f64::from(x).ln_1p(), 2.0, |x| (0.0..=1.0).contains(&x)),
            (5, "erf", |x| exact_erf(f64::from(x)), 7.0, |_| true),
        ];
        for line in samples().chain(positive_samples()) {
            let results = dispatch(Instructions::Portable, Evaluate(line));
            for (index, name, reference, bound, is_in_range) in &references {
                let result = results[*index];
                for (x, value) in line.0.iter().zip(result.0).filter(|(x, _)| is_in_range(**x)) {
                    let exact = reference(*x);
                    let unit = (exact.abs() * f64::from(f32::EPSILON)).max(f64::from(f32::MIN_POSITIVE));
                    let error = (f64::from(value) - exact).abs() / unit;
                    assert!(error <= *bound, "{name}({x}) = {value}, expected {exact}: {error} units");
                }
            }
        }
    }

    #[test]
    fn functions_give_the_same_bits_on_every_instruction_set() {
        let ends = [f32::INFINITY, f32::NEG_INFINITY].map(|end| Line([end; 16]));
        for line in samples().step_by(7).chain(positive_samples().step_by(7)).chain(ends) {
            let expected = dispatch(Instructions::Portable, Evaluate(line));
            for instructions in Instructions::available() {
                assert_eq!(dispatch(instructions, Evaluate(line)), expected, "{instructions:?}");
            }
        }
    }

    #[test]
    fn functions_give_the_ends_and_the_middle_of_their_range() {
        let tiny = f32::from_bits(1);
        let at = |x: f32| {
            let lines = Instructions::available()
                .into_iter()
                .map(|instructions| dispatch(instructions, Evaluate(Line([x; LANES]))).map(|line| line.0[0]));
            lines.collect::<Vec<_>>()
        };
        for x in [0.0, -0.0, tiny, -tiny, 1e-40, -1e-40, f32::MIN_POSITIVE, -1e-9] {
            for [exp, logistic, tanh, ..] in at(x) {
                assert_eq!((exp, logistic, tanh.to_bits()), (1.0, 0.5, x.to_bits()), "{x:e}");
            }
        }
        for x in [-f32::INFINITY, f32::MIN, -1e3] {
            for [exp, logistic, tanh, .., erf] in at(x) {
                assert_eq!((exp, logistic, tanh, erf), (0.0, 0.0, -1.0, -1.0));
            }
        }
        for [exp, logistic, ..] in at(LOWEST_EXPONENT) {
            assert!(exp.is_normal() && exp < 1.2e-38 && logistic.is_normal() && logistic < 1.2e-38);
        }
        for x in [f32::INFINITY, f32::MAX, 1e3] {
            for [exp, logistic, tanh, .., erf] in at(x) {
                assert!(exp.is_finite() && exp > 2.3e38);
                assert_eq!((logistic, tanh, erf), (1.0, 1.0, 1.0));
            }
        }
    }

    #[test]
    fn log_keeps_infinity_and_stays_finite_at_and_below_zero() {
        for instructions in Instructions::available() {
            let log = |x: f32| dispatch(instructions, Evaluate(Line([x; 16])))[3].0[5];
            assert_eq!((log(f32::INFINITY), log(1.0)), (f32::INFINITY, 0.0));
            for x in [0.0, -0.0, -1.0, 1e-45, f32::NEG_INFINITY] {
                assert_eq!(log(x), log(f32::MIN_POSITIVE), "{instructions:?}, {x}");
            }
        }
    }

    struct Quantile(Line);

    impl WithSimd for Quantile {
        type Output = Line;
        fn with<S: Simd>(self, s: S) -> Line {
            let mut line = ZERO;
            s.run(
                #[inline(always)]
                || s.store(normal_quantile(s, s.load(&self.0)), &mut line),
            );
            line
        }
    }

    /// Returns the normal distribution function: the integral of the density by Simpson's rule.
    fn distribution(x: f64) -> f64 {
        let (density, steps) = (|x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt(), 2000);
        let step = x / f64::from(steps);
        let weight = |index: i32| f64::from(if index == 0 || index == steps { 1 } else { 2 + index % 2 * 2 });
        let sum: f64 = (0..=steps).map(|index| weight(index) * density(f64::from(index) * step)).sum();
        0.5 + sum * step / 3.0
    }

    #[test]
    fn normal_quantiles_are_those_of_the_distribution_on_every_instruction_set() {
        let ends = [0, 1, 2, 100, 5000, (1 << 22) - 1, 1 << 22, (1 << 23) - 3, (1 << 23) - 2, (1 << 23) - 1];
        for k in ends.into_iter().chain((0..1 << 23).step_by(9973)) {
            let u = (2 * k + 1) as f32 / 16_777_216.0;
            let quantiles = Instructions::available()
                .into_iter()
                .map(|instructions| dispatch(instructions, Quantile(Line([u; LANES]))).0[0]);
            let quantiles: Vec<_> = quantiles.collect();
            assert!(quantiles.iter().all(|value| value.to_bits() == quantiles[0].to_bits()), "{u}");
            let x = f64::from(quantiles[0]);
            let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
            let error = (distribution(x) - f64::from(u)).abs();
            assert!(error <= 4e-7 * x.abs() * density + 1e-12, "{u}: {x}, off by {error}");
        }
    }

    struct Clamp(Line);

    impl WithSimd for Clamp {
        type Output = Line;
        fn with<S: Simd>(self, s: S) -> Line {
            let mut line = ZERO;
            s.run(
                #[inline(always)]
                || s.store(clamp(s, s.load(&self.0), 0.0, 6.0), &mut line),
            );
            line
        }
    }

    #[test]
    fn a_clamp_keeps_the_sign_of_zero_and_nan_on_every_instruction_set() {
        let cases = [(-1.0, 0.0), (-0.0, -0.0), (0.0, 0.0), (2.5, 2.5), (6.0, 6.0), (7.0, 6.0)];
        for instructions in Instructions::available() {
            let at = |x: f32| dispatch(instructions, Clamp(Line([x; LANES]))).0[9];
            for (x, expected) in cases {
                assert_eq!(at(x).to_bits(), f32::to_bits(expected), "{instructions:?}, {x}");
            }
            assert_eq!((at(f32::INFINITY), at(f32::NEG_INFINITY)), (6.0, 0.0), "{instructions:?}");
            assert!(at(f32::NAN).is_nan(), "{instructions:?}");
        }
    }

    #[test]
    fn functions_pass_nan_on() {
        for instructions in Instructions::available() {
            for result in dispatch(instructions, Evaluate(Line([f32::NAN; 16]))) {
                assert!(result.0.iter().all(|value| value.is_nan()), "{instructions:?}");
            }
        }
    }
}
