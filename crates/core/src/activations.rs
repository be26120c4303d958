//! The table of activations: options → value(input) and derivative(input, output), elementwise.

use crate::engine::functions::{clamp, erf, exp, log_one_plus, logistic, rectified, rectified_slope, tanh};
use crate::engine::{Epilogue, Formula, panels::Line, simd::Simd};
use crate::options::AT_LEAST_0;

crate::table! {
    "activation" as Epilogue;
    "elu" ["alpha"] => |options| {
        Box::new(Elementwise(Elu { alpha: options.number("alpha", AT_LEAST_0)?, scale: 1.0 }))
    },
    "gelu" ["approximate"] => |options| match options.one_of("approximate", &["none", "tanh"])? {
        "none" => Box::new(Elementwise(Gelu)),
        _ => Box::new(Elementwise(ApproximateGelu)),
    },
    "hardSigmoid" [] => |options| Box::new(Elementwise(HardSigmoid)),
    "leakyRelu" ["alpha"] => |options| {
        Box::new(Elementwise(LeakyRelu { alpha: options.number("alpha", AT_LEAST_0)? }))
    },
    "linear" [] => |options| Box::new(Elementwise(Linear)),
    "mish" [] => |options| Box::new(Elementwise(Mish)),
    "relu" [] => |options| Box::new(Elementwise(Relu)),
    "relu6" [] => |options| Box::new(Elementwise(Relu6)),
    "selu" [] => |options| Box::new(Elementwise(SELU)),
    "sigmoid" [] => |options| Box::new(Elementwise(Sigmoid)),
    "silu" [] => |options| Box::new(Elementwise(Silu)),
    "softplus" [] => |options| Box::new(Elementwise(Softplus)),
    "softsign" [] => |options| Box::new(Elementwise(Softsign)),
    "tanh" [] => |options| Box::new(Elementwise(Tanh)),
}

/// A function of one value and its derivative, lane by lane.
pub trait Activation: Copy + Send + Sync + 'static {
    /// Whether the derivative needs the input. If so, a training computes it along with the value, and keeps
    /// it until the backward pass. If not, it is computed in the backward pass, and `derivative` receives the
    /// output twice.
    const READS_INPUT: bool = false;
    /// See [`Epilogue::formula`].
    const FORMULA: Formula = Formula::Other;
    /// Returns the value at `input`.
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V;
    /// Returns the derivative at `input`, where the value is `output`.
    fn derivative<S: Simd>(self, s: S, input: S::V, output: S::V) -> S::V;
}

/// linear(x) = x; linear'(x) = 1
#[derive(Clone, Copy)]
pub struct Linear;

impl Activation for Linear {
    #[inline(always)]
    fn value<S: Simd>(self, _s: S, input: S::V) -> S::V {
        input
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, _output: S::V) -> S::V {
        s.splat(1.0)
    }
}

/// relu(x) = x above 0, else 0; relu'(x) = 1 above 0, else 0
#[derive(Clone, Copy)]
pub struct Relu;

impl Activation for Relu {
    const FORMULA: Formula = Formula::Rectifier;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        rectified(s, input)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        rectified_slope(s, output)
    }
}

/// leakyRelu(x) = x above 0, else α x
#[derive(Clone, Copy)]
pub struct LeakyRelu {
    alpha: f32,
}

impl Activation for LeakyRelu {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        s.select_greater(input, s.splat(0.0), input, s.mul(s.splat(self.alpha), input))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        s.select_greater(input, s.splat(0.0), s.splat(1.0), s.splat(self.alpha))
    }
}

/// silu(x) = x sigmoid(x); silu'(x) = sigmoid(x) (1 + x (1 - sigmoid(x)))
#[derive(Clone, Copy)]
pub struct Silu;

impl Activation for Silu {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        s.mul(input, logistic(s, input))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        let (one, share) = (s.splat(1.0), logistic(s, input));
        s.mul(share, s.mul_add(input, s.sub(one, share), one))
    }
}

/// sigmoid(x) = 1 / (1 + exp(-x)); sigmoid'(x) = sigmoid(x) (1 - sigmoid(x))
#[derive(Clone, Copy)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        logistic(s, input)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        s.mul(output, s.sub(s.splat(1.0), output))
    }
}

/// tanh'(x) = 1 - tanh(x)²
#[derive(Clone, Copy)]
pub struct Tanh;

impl Activation for Tanh {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        tanh(s, input)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        s.sub(s.splat(1.0), s.mul(output, output))
    }
}

/// Returns `inside` where low < x < high, else 0.
#[inline(always)]
fn between<S: Simd>(s: S, x: S::V, low: f32, high: f32, inside: f32) -> S::V {
    let zero = s.splat(0.0);
    let above = s.select_greater(x, s.splat(low), s.splat(inside), zero);
    s.select_greater(s.splat(high), x, above, zero)
}

/// relu6(x) = x between 0 and 6, 0 below, 6 above; its derivative is 1 between, else 0
#[derive(Clone, Copy)]
pub struct Relu6;

impl Activation for Relu6 {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        clamp(s, input, 0.0, 6.0)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        between(s, output, 0.0, 6.0, 1.0)
    }
}

/// elu(x) = λ x above 0, else λ α (exp(x) - 1); its derivative is λ above 0, else elu(x) + λ α. λ is 1 except
/// for selu.
#[derive(Clone, Copy)]
pub struct Elu {
    alpha: f32,
    scale: f32,
}

/// selu: elu with the factors that preserve a mean of 0 and a variance of 1 (Klambauer et al., 2017).
const SELU: Elu = Elu { alpha: 1.673_263_2, scale: 1.050_701 };

impl Activation for Elu {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        let below = s.mul(s.splat(self.alpha), s.sub(exp(s, input), s.splat(1.0)));
        s.mul(s.splat(self.scale), s.select_greater(input, s.splat(0.0), input, below))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, output: S::V) -> S::V {
        let below = s.add(output, s.splat(self.scale * self.alpha));
        s.select_greater(input, s.splat(0.0), s.splat(self.scale), below)
    }
}

/// hardSigmoid(x) = x / 6 + 1 / 2, from 0 to 1; its derivative is 1 / 6 between, else 0
#[derive(Clone, Copy)]
pub struct HardSigmoid;

impl Activation for HardSigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        clamp(s, s.mul_add(input, s.splat(1.0 / 6.0), s.splat(0.5)), 0.0, 1.0)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        between(s, output, 0.0, 1.0, 1.0 / 6.0)
    }
}

/// softplus(x) = log(1 + exp(x)) = max(0, x) + log(1 + exp(-|x|)); its derivative is sigmoid(x)
#[derive(Clone, Copy)]
pub struct Softplus;

impl Activation for Softplus {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        let zero = s.splat(0.0);
        let negative = s.sub(zero, input);
        let decay = exp(s, s.select_greater(input, negative, negative, input));
        s.add(s.max(zero, input), log_one_plus(s, decay))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        logistic(s, input)
    }
}

/// mish(x) = x t with t = tanh(softplus(x)); mish'(x) = t + x sigmoid(x) (1 - t²)
///
/// With e = exp(x), t = 1 - q and q = 2 / (e² + 2 e + 2). As q becomes 1 for small e, t is (e² + 2 e) q / 2 there.
/// The second term of the derivative is x (e + e²) q². So both functions take one exp and one division.
#[derive(Clone, Copy)]
pub struct Mish;

impl Mish {
    /// Returns x, but not below the range of exp, x between both ends, then e, q and t. Above the upper end t
    /// is 1.
    #[inline(always)]
    fn parts<S: Simd>(s: S, x: S::V) -> [S::V; 5] {
        let (one, two, half) = (s.splat(1.0), s.splat(2.0), s.splat(0.5));
        // In this order of arguments NaN stays NaN.
        let bounded = s.max(s.splat(-88.0), x);
        let near = s.min(s.splat(20.0), bounded);
        let e = exp(s, near);
        let rest = s.mul_add(e, e, s.add(e, e));
        let q = s.div(two, s.add(rest, two));
        let share = s.select_greater(rest, two, s.sub(one, q), s.mul(s.mul(rest, half), q));
        [bounded, near, e, q, share]
    }
}

impl Activation for Mish {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        let [bounded, .., share] = Self::parts(s, input);
        s.mul(bounded, share)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        let [_, near, e, q, share] = Self::parts(s, input);
        let slope = s.mul(s.mul(s.mul_add(e, e, e), q), q);
        s.mul_add(near, slope, share)
    }
}

/// softsign(x) = x / (1 + |x|); softsign'(x) = (1 - |softsign(x)|)²
#[derive(Clone, Copy)]
pub struct Softsign;

impl Activation for Softsign {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        let magnitude = s.max(s.sub(s.splat(0.0), input), input);
        s.div(input, s.add(s.splat(1.0), magnitude))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        let magnitude = s.max(s.sub(s.splat(0.0), output), output);
        let rest = s.sub(s.splat(1.0), magnitude);
        s.mul(rest, rest)
    }
}

/// Below -14 and above 14, gelu's derivative is 0 or 1. There its formula would multiply infinity by zero. At
/// the ends themselves, the density is 0.
const GELU_END: f32 = 14.0;

/// gelu(x) = x Φ(x) with Φ(x) = (1 + erf(x / sqrt(2))) / 2; gelu'(x) = Φ(x) + x exp(-x² / 2) / sqrt(2 π)
#[derive(Clone, Copy)]
pub struct Gelu;

/// Returns Φ(x), the cumulative distribution function of the normal distribution.
#[inline(always)]
fn normal_cdf<S: Simd>(s: S, x: S::V) -> S::V {
    let half = s.splat(0.5);
    s.mul_add(half, erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2))), half)
}

impl Activation for Gelu {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        s.mul(input, normal_cdf(s, input))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        const DENSITY_AT_0: f32 = 0.398_942_3;
        let near = clamp(s, input, -GELU_END, GELU_END);
        let decay = exp(s, s.mul(s.mul(s.splat(-0.5), near), near));
        s.mul_add(s.mul(s.splat(DENSITY_AT_0), near), decay, normal_cdf(s, input))
    }
}

/// gelu(x) = x (1 + tanh(u)) / 2 with u = sqrt(2 / π) (x + 0.044715 x³); with t = tanh(u), gelu'(x) =
/// (1 + t) / 2 + x / 2 (1 - t²) sqrt(2 / π) (1 + 3 0.044715 x²)
#[derive(Clone, Copy)]
pub struct ApproximateGelu;

/// sqrt(2 / π)
const RATE: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

impl ApproximateGelu {
    /// Returns t.
    #[inline(always)]
    fn share<S: Simd>(s: S, x: S::V) -> S::V {
        let inner = s.mul_add(s.splat(CUBIC), s.mul(x, x), s.splat(1.0));
        tanh(s, s.mul(s.mul(s.splat(RATE), x), inner))
    }
}

impl Activation for ApproximateGelu {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        let (one, half) = (s.splat(1.0), s.splat(0.5));
        s.mul(s.mul(half, input), s.add(one, Self::share(s, input)))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        let (one, half) = (s.splat(1.0), s.splat(0.5));
        let near = clamp(s, input, -GELU_END, GELU_END);
        let (scaled, square) = (s.mul(s.splat(RATE), near), s.mul(near, near));
        let share = Self::share(s, input);
        let slope = s.mul(scaled, s.mul_add(s.splat(3.0 * CUBIC), square, one));
        let rest = s.sub(one, s.mul(share, share));
        s.mul(half, s.mul_add(slope, rest, s.add(one, share)))
    }
}

/// Implements the engine's trait for any activation.
struct Elementwise<A>(A);

impl<S: Simd, A: Activation> Epilogue<S> for Elementwise<A> {
    fn keeps_derivative(&self) -> bool {
        A::READS_INPUT
    }

    fn formula(&self) -> Formula {
        A::FORMULA
    }

    fn forward(&self, s: S, tile: &mut [Line]) {
        s.run(
            #[inline(always)]
            || {
                for line in tile {
                    s.store(self.0.value(s, s.load(line)), line);
                }
            },
        );
    }

    fn forward_with_derivative(&self, s: S, tile: &mut [Line], derivatives: &mut [Line]) {
        if !A::READS_INPUT {
            unreachable!("this derivative is a function of the output");
        }
        s.run(
            #[inline(always)]
            || {
                for (line, derivative) in tile.iter_mut().zip(derivatives) {
                    // The compiler computes only once what both formulas contain.
                    let input = s.load(line);
                    let output = self.0.value(s, input);
                    s.store(self.0.derivative(s, input, output), derivative);
                    s.store(output, line);
                }
            },
        );
    }

    fn backward(&self, s: S, gradient: &mut [Line], output: &[Line]) {
        if A::READS_INPUT {
            unreachable!("this derivative was kept");
        }
        s.run(
            #[inline(always)]
            || {
                for (gradient, output) in gradient.iter_mut().zip(output) {
                    let output = s.load(output);
                    let derivative = self.0.derivative(s, output, output);
                    s.store(s.mul(s.load(gradient), derivative), gradient);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::panels::{LANES, ZERO};
    use crate::engine::simd::{Instructions, WithSimd, dispatch};

    /// Returns the values and the derivatives of a function that keeps them.
    struct Evaluate<A>(A, Line);

    impl<A: Activation> WithSimd for Evaluate<A> {
        type Output = [Line; 2];

        fn with<S: Simd>(self, s: S) -> [Line; 2] {
            let [mut value, mut derivative] = [self.1, ZERO];
            let (values, derivatives) =
                (std::slice::from_mut(&mut value), std::slice::from_mut(&mut derivative));
            Elementwise(self.0).forward_with_derivative(s, values, derivatives);
            [value, derivative]
        }
    }

    /// Returns mish(x) and mish'(x) in 64 bits.
    fn exact(x: f64) -> (f64, f64) {
        let share = x.exp().ln_1p().tanh();
        (x * share, share + x / (1.0 + (-x).exp()) * (1.0 - share * share))
    }

    /// Returns the size of a unit in the last place of a float.
    fn unit(value: f64) -> f64 {
        let value = (value.abs() as f32).max(f32::MIN_POSITIVE);
        f64::from(f32::from_bits(value.to_bits() + 1) - value)
    }

    #[test]
    fn mish_and_its_derivative_are_within_a_few_units_of_the_last_place() {
        for start in (-1_392_000..=480_000).step_by(LANES) {
            let line = Line(std::array::from_fn(|lane| (start + lane as i32) as f32 / 16_000.0));
            let [values, derivatives] = dispatch(Instructions::Portable, Evaluate(Mish, line));
            for ((x, value), derivative) in line.0.into_iter().zip(values.0).zip(derivatives.0) {
                let (exact_value, exact_derivative) = exact(f64::from(x));
                let error = (f64::from(value) - exact_value).abs() / unit(exact_value);
                assert!(error < 4.5, "mish({x}) = {value}, expected {exact_value}: {error} units");
                let error = (f64::from(derivative) - exact_derivative).abs();
                assert!(error < 1.5e-7, "mish'({x}) = {derivative}, expected {exact_derivative}: {error}");
            }
        }
    }

    #[test]
    fn mish_is_finite_and_its_derivative_is_0_or_1_far_from_0() {
        for instructions in Instructions::available() {
            let at = |x: f32| dispatch(instructions, Evaluate(Mish, Line([x; LANES]))).map(|line| line.0[3]);
            for x in [-89.0, -1e4, f32::MIN] {
                assert_eq!(at(x), [0.0, 0.0], "{instructions:?}, {x}");
            }
            for x in [20.0, 1e4, f32::MAX, f32::INFINITY] {
                assert_eq!(at(x), [x, 1.0], "{instructions:?}, {x}");
            }
            assert!(at(f32::NAN).iter().all(|value| value.is_nan()), "{instructions:?}");
        }
    }
}
