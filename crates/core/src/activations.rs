//! The table of activations: (options) → value(input), derivative(input, output), elementwise.

use crate::engine::functions::{logistic, tanh};
use crate::engine::{Epilogue, panels::Line, simd::Simd};

crate::table! {
    "activation" as Epilogue;
    "leakyRelu" ["alpha"] => |options| Box::new(Elementwise(LeakyRelu { alpha: options.number("alpha")? })),
    "relu" [] => |options| Box::new(Elementwise(Relu)),
    "sigmoid" [] => |options| Box::new(Elementwise(Sigmoid)),
    "silu" [] => |options| Box::new(Elementwise(Silu)),
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
