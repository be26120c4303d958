//! The table of activations: (options) → value(input), derivative(input, output), elementwise.

use crate::engine::functions::{clamp, exp, log_one_plus, logistic, tanh};
use crate::engine::{Epilogue, panels::Line, simd::Simd};

crate::table! {
    "activation" as Epilogue;
    "elu" ["alpha"] => |options| Box::new(Elementwise(Elu { alpha: options.number("alpha")?, scale: 1.0 })),
    "hardSigmoid" [] => |options| Box::new(Elementwise(HardSigmoid)),
    "leakyRelu" ["alpha"] => |options| Box::new(Elementwise(LeakyRelu { alpha: options.number("alpha")? })),
    "mish" [] => |options| Box::new(Elementwise(Mish)),
    "relu" [] => |options| Box::new(Elementwise(Relu)),
    "relu6" [] => |options| Box::new(Elementwise(Relu6)),
    "selu" [] => |options| Box::new(Elementwise(SELU)),
    "sigmoid" [] => |options| Box::new(Elementwise(Sigmoid)),
    "silu" [] => |options| Box::new(Elementwise(Silu)),
    "softplus" [] => |options| Box::new(Elementwise(Softplus)),
    "tanh" [] => |options| Box::new(Elementwise(Tanh)),
}

/// A function of one value, and its derivative, lane-wise.
pub trait Activation: Copy + Send + Sync + 'static {
    /// Whether the derivative needs the input; otherwise only the output is kept, and `input` is the output.
    const READS_INPUT: bool = false;
    /// The value at `input`.
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V;
    /// The derivative at `input`, where the value is `output`.
    fn derivative<S: Simd>(self, s: S, input: S::V, output: S::V) -> S::V;
}

/// relu(x) = x above 0, else 0; relu'(x) = 1 above 0, else 0
#[derive(Clone, Copy)]
pub struct Relu;

impl Activation for Relu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        // In this order NaN stays NaN and is not hidden as 0.
        s.max(s.splat(0.0), input)
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, _input: S::V, output: S::V) -> S::V {
        let zero = s.splat(0.0);
        s.select_greater(output, zero, s.splat(1.0), zero)
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

/// `inside` where low < x < high, else 0.
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

/// elu(x) = λ x above 0, else λ α (exp(x) - 1); its derivative is λ above 0, else elu(x) + λ α. λ is 1 but
/// for selu.
#[derive(Clone, Copy)]
pub struct Elu {
    alpha: f32,
    scale: f32,
}

/// selu: the factors with which activations of mean 0 and variance 1 stay so (Klambauer et al., 2017).
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
#[derive(Clone, Copy)]
pub struct Mish;

impl Activation for Mish {
    const READS_INPUT: bool = true;

    #[inline(always)]
    fn value<S: Simd>(self, s: S, input: S::V) -> S::V {
        s.mul(input, tanh(s, Softplus.value(s, input)))
    }

    #[inline(always)]
    fn derivative<S: Simd>(self, s: S, input: S::V, _output: S::V) -> S::V {
        let share = tanh(s, Softplus.value(s, input));
        let rest = s.sub(s.splat(1.0), s.mul(share, share));
        s.mul_add(s.mul(input, logistic(s, input)), rest, share)
    }
}

/// Any activation as the engine sees it.
struct Elementwise<A>(A);

impl<S: Simd, A: Activation> Epilogue<S> for Elementwise<A> {
    fn reads_input(&self) -> bool {
        A::READS_INPUT
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

    fn backward(&self, s: S, gradient: &mut [Line], input: &[Line], output: &[Line]) {
        let input = if A::READS_INPUT { input } else { output };
        s.run(
            #[inline(always)]
            || {
                for ((gradient, input), output) in gradient.iter_mut().zip(input).zip(output) {
                    let derivative = self.0.derivative(s, s.load(input), s.load(output));
                    s.store(s.mul(s.load(gradient), derivative), gradient);
                }
            },
        );
    }
}
