//! The gradients of the weights of a product whose inputs are codes.
//!
//! The rows of each run are sorted by their places, so that the sums of a place stay in registers. A sum adds
//! its rows in increasing order.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::affine::Affine;
use super::coded::SIDE;
use super::coded_rows::CodedRows;
use super::codes::Layout;
use super::gradient_target::GradientTarget;
use super::gradients::within;
use super::panels::{LANES, Line, Panels, panels};
use super::products::Product;
use super::simd::Simd;
use std::array::from_fn;
use std::ops::Range;

/// The number of plain inputs whose gradients are computed side by side.
const PLAIN: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// Returns the number of lines of scratch that [`Product::coded_gradient`] needs.
pub fn scratch_lines(layout: &Layout) -> usize {
    SIDE * layout.inputs
}

impl Product {
    /// Computes the gradients of W in these lines, which hold whole panels: the gradients with respect to the
    /// input before the scale, if there is one. Needs [`scratch_lines`] of scratch, and sorted rows.
    #[inline(always)]
    pub fn coded_gradient<'a, S: Simd>(
        &self,
        s: S,
        layout: &Layout,
        shards: impl Iterator<Item = CodedShard<'a>> + Clone,
        lines: &Range<usize>,
        scratch: &mut [Line],
        target: &mut GradientTarget<'_, S>,
    ) {
        let weights = within(lines, &self.weight);
        let (mut panel, end) = (weights.start / self.inputs, weights.end / self.inputs);
        while panel < end {
            let lines = (&mut *scratch, &mut *target);
            if S::PANELS == 2 && panel + SIDE <= end {
                self.coded_gradient_of_panels::<S, SIDE>(s, layout, shards.clone(), panel, lines);
                panel += SIDE;
            } else {
                self.coded_gradient_of_panels::<S, 1>(s, layout, shards.clone(), panel, lines);
                panel += 1;
            }
        }
    }

    #[inline(always)]
    fn coded_gradient_of_panels<'a, S: Simd, const PANELS: usize>(
        &self,
        s: S,
        layout: &Layout,
        shards: impl Iterator<Item = CodedShard<'a>> + Clone,
        panel: usize,
        (scratch, target): (&mut [Line], &mut GradientTarget<'_, S>),
    ) {
        let mut lines = scratch.chunks_exact_mut(self.inputs);
        let result: [&mut [Line]; PANELS] = from_fn(
            #[inline(always)]
            |_| lines.next().unwrap_or_default(),
        );
        gradient(s, layout, shards, panel, result);
        for (at, lines) in scratch.chunks_exact_mut(self.inputs).enumerate().take(PANELS) {
            target.take(s, self.weight.start + (panel + at) * self.inputs, lines);
        }
    }

    /// Completes the gradients of a product after a scale, given those with respect to the unscaled input: the
    /// gradient of a scale is the sum over the outputs of weight times gradient, and the gradient of a weight
    /// is multiplied by its scale.
    pub fn finish_scaled<S: Simd>(&self, s: S, scale: &Affine, parameters: &[Line], gradient: &mut [Line]) {
        s.run(
            #[inline(always)]
            || {
                for input in 0..self.inputs {
                    let (line, lane) = (scale.weight.start + input / LANES, input % LANES);
                    let factor = s.splat(parameters[line].0[lane]);
                    let mut sum = s.splat(0.0);
                    for panel in 0..panels(self.outputs) {
                        let at = self.weight.start + panel * self.inputs + input;
                        let slope = s.load(&gradient[at]);
                        sum = s.mul_add(s.load(&parameters[at]), slope, sum);
                        s.store(s.mul(slope, factor), &mut gradient[at]);
                    }
                    gradient[line].0[lane] = s.sum(sum);
                }
            },
        );
    }
}

/// The rows of one thread, for the gradients of the parameters.
#[derive(Clone, Copy)]
pub struct CodedShard<'a> {
    /// Their codes, sorted.
    pub coded: &'a CodedRows,
    /// The gradient of the product's output.
    pub gradient: &'a Panels,
    /// The number of rows.
    pub rows: usize,
}

impl CodedShard<'_> {
    /// Returns the gradients of some panels of the output.
    #[inline(always)]
    fn slopes<const PANELS: usize>(&self, panel: usize) -> [&[Line]; PANELS] {
        from_fn(
            #[inline(always)]
            |at| self.gradient.panel(panel + at, self.rows),
        )
    }
}

/// Computes the gradients of the weights of some panels, beginning with `panel`.
#[inline(always)]
fn gradient<'a, S: Simd, const PANELS: usize>(
    s: S,
    layout: &Layout,
    shards: impl Iterator<Item = CodedShard<'a>> + Clone,
    panel: usize,
    result: [&mut [Line]; PANELS],
) {
    let zero = [s.splat(0.0); PANELS];
    for (number, run) in layout.one_hot.iter().enumerate() {
        for input in run.clone() {
            let mut sums = zero;
            for shard in shards.clone() {
                let slopes = shard.slopes::<PANELS>(panel);
                for &(row, _) in shard.coded.at(number, run, input) {
                    for at in 0..PANELS {
                        sums[at] = s.add(sums[at], s.load(&slopes[at][usize::from(row)]));
                    }
                }
            }
            let highest = s.splat(layout.highest[input]);
            for at in 0..PANELS {
                s.store(s.mul(highest, sums[at]), &mut result[at][input]);
            }
        }
    }
    for (number, run) in layout.piecewise.iter().enumerate() {
        // The sums over the rows whose place is after an input.
        let mut after = zero;
        for input in run.clone().rev() {
            // Those over the rows whose place it is, and of their values times slopes.
            let (mut own, mut sums) = (zero, zero);
            for shard in shards.clone() {
                let slopes = shard.slopes::<PANELS>(panel);
                for &(row, value) in shard.coded.at(layout.one_hot.len() + number, run, input) {
                    let value = s.splat(value);
                    for at in 0..PANELS {
                        let slope = s.load(&slopes[at][usize::from(row)]);
                        own[at] = s.add(own[at], slope);
                        sums[at] = s.mul_add(value, slope, sums[at]);
                    }
                }
            }
            let highest = s.splat(layout.highest[input]);
            for at in 0..PANELS {
                s.store(s.mul_add(highest, after[at], sums[at]), &mut result[at][input]);
                after[at] = s.add(after[at], own[at]);
            }
        }
    }
    let (blocks, rest) = layout.plain.as_chunks::<PLAIN>();
    let first = layout.piecewise.len();
    let mut result = result;
    for (block, inputs) in blocks.iter().enumerate() {
        plain_gradient(s, layout, shards.clone(), panel, (first + block * PLAIN, inputs), &mut result);
    }
    let first = first + blocks.len() * PLAIN;
    for (number, &input) in rest.iter().enumerate() {
        plain_gradient(s, layout, shards.clone(), panel, (first + number, &[input]), &mut result);
    }
}

/// Computes the gradients of the weights of plain inputs, whose values begin with number `first` of a row.
#[inline(always)]
fn plain_gradient<'a, S: Simd, const PANELS: usize, const COUNT: usize>(
    s: S,
    layout: &Layout,
    shards: impl Iterator<Item = CodedShard<'a>>,
    panel: usize,
    (first, inputs): (usize, &[usize; COUNT]),
    result: &mut [&mut [Line]; PANELS],
) {
    let mut sums = [[s.splat(0.0); PANELS]; COUNT];
    for shard in shards {
        let slopes = shard.slopes::<PANELS>(panel);
        for row in 0..shard.rows {
            let values = &shard.coded.values(layout, row)[first..][..COUNT];
            for number in 0..COUNT {
                let value = s.splat(values[number]);
                for at in 0..PANELS {
                    let slope = s.load(&slopes[at][row]);
                    sums[number][at] = s.mul_add(value, slope, sums[number][at]);
                }
            }
        }
    }
    for (sums, &input) in sums.iter().zip(inputs) {
        for at in 0..PANELS {
            s.store(sums[at], &mut result[at][input]);
        }
    }
}
