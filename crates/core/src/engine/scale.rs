//! y = w x + b, feature by feature, and the gradients of its parameters.

use super::gradients::{Slabs, bias_gradient, within};
use super::panels::{Line, Panels};
use super::simd::Simd;
use super::sink::{Block, Sink};
use std::ops::Range;

/// Where the parameters lie: a line a panel.
#[derive(Clone, Debug)]
pub struct Scale {
    /// The lines of w.
    pub weight: Range<usize>,
    /// The lines of b, which follow those of w.
    pub bias: Range<usize>,
}

impl Scale {
    /// output = w input + b
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
                    let bias = s.load(&parameters[self.bias.start + panel]);
                    let lines = output.panel_mut(panel, rows).iter_mut().zip(input.panel(panel, rows));
                    for (line, value) in lines {
                        s.store(s.mul_add(weight, s.load(value), bias), line);
                    }
                }
            },
        );
    }

    /// result = w gradient
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

    /// The gradients of the parameter lines in `lines`, into `sink`: of w the sum of gradient times input
    /// over the rows, of b that of the gradient, each one chain from zero.
    #[inline(always)]
    pub fn parameter_gradient<'a, S: Simd>(
        &self,
        s: S,
        slabs: impl Slabs<'a>,
        lines: &Range<usize>,
        scratch: &mut [Line],
        sink: &mut Sink<'_, S>,
    ) {
        let weights = within(lines, &self.weight);
        let mut block = Block::new(self.weight.start + weights.start, scratch);
        for panel in weights {
            let result = &mut block.next(s, sink, 1)[0];
            let mut sum = s.splat(0.0);
            for slab in slabs.clone() {
                for (gradient, input) in slab.gradient(panel).iter().zip(slab.input(panel)) {
                    sum = s.mul_add(s.load(gradient), s.load(input), sum);
                }
            }
            s.store(sum, result);
        }
        bias_gradient(s, slabs, (lines, &self.bias), &mut block, sink);
        block.flush(s, sink);
    }
}
