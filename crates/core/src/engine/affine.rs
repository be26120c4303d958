//! y = w x + b or y = w x, computed per feature, and the gradients of w and b.

use super::gradient_target::Block;
use super::gradients::{ParameterGradients, Shards, bias_gradient, within};
use super::panels::{Line, Panels, ZERO};
use super::simd::Simd;
use std::ops::Range;

/// The place of the parameters: a line per panel.
#[derive(Clone, Debug)]
pub struct Affine {
    /// The lines of w.
    pub weight: Range<usize>,
    /// The lines of b, which follow those of w, if there is a b.
    pub bias: Option<Range<usize>>,
}

impl Affine {
    /// Computes output = w input + b. Without a bias, b is 0.
    pub fn forward<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..output.count() {
                    let weight = s.load(&parameters[self.weight.start + panel]);
                    let bias = self.bias.as_ref().map_or(&ZERO, |bias| &parameters[bias.start + panel]);
                    let bias = s.load(bias);
                    let lines = output.panel_mut(panel, rows).iter_mut().zip(input.panel(panel, rows));
                    for (line, value) in lines {
                        s.store(s.mul_add(weight, s.load(value), bias), line);
                    }
                }
            },
        );
    }

    /// Computes result = w gradient.
    pub fn backward<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        result: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..result.count() {
                    let weight = s.load(&parameters[self.weight.start + panel]);
                    let lines = result.panel_mut(panel, rows).iter_mut().zip(gradient.panel(panel, rows));
                    for (line, value) in lines {
                        s.store(s.mul(weight, s.load(value)), line);
                    }
                }
            },
        );
    }

    /// Computes the gradients of the parameters. The gradient of w is the sum over the rows of gradient times
    /// input, and the gradient of b is the sum of the gradient. Each sum is one chain from zero.
    #[inline(always)]
    pub fn parameter_gradient<'a, S: Simd>(&self, gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>) {
        let ParameterGradients { s, shards, lines, scratch, target } = gradients;
        let weights = within(lines, &self.weight);
        let mut block = Block::new(self.weight.start + weights.start, scratch);
        for panel in weights {
            let result = &mut block.next(s, target, 1)[0];
            let mut sum = s.splat(0.0);
            for shard in shards.clone() {
                for (gradient, input) in shard.gradient(panel).iter().zip(shard.input(panel)) {
                    sum = s.mul_add(s.load(gradient), s.load(input), sum);
                }
            }
            s.store(sum, result);
        }
        if let Some(bias) = &self.bias {
            bias_gradient(s, shards, (lines, bias), &mut block, target);
        }
        block.flush(s, target);
    }
}
