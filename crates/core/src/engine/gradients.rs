//! The third product of a dense layer: the gradients of its parameters, computed tile by tile into the
//! target.

use super::bfloat16::{Multiplier, Single};
use super::gradient_target::{Block, GradientTarget};
use super::panels::{LANES, Line, Panels, panels};
use super::products::{Form, Product};
use super::simd::Simd;
use super::tiles::{Outer, add_lines, outer_sums};
use std::ops::Range;

/// The rows of one thread: the input of a product, and the gradient of its output.
#[derive(Clone, Copy)]
pub struct Shard<'a> {
    /// The product's input.
    pub input: &'a Panels,
    /// The index of the shard's first row in the input.
    pub first: usize,
    /// The gradient of the product's output.
    pub gradient: &'a Panels,
    /// The number of rows.
    pub rows: usize,
}

/// Shards of rows in order. The iterator is cloned, so that each tile can go through the shards again.
pub trait Shards<'a>: Iterator<Item = Shard<'a>> + Clone {}

impl<'a, I: Iterator<Item = Shard<'a>> + Clone> Shards<'a> for I {}

impl<'a> Shard<'a> {
    /// Returns the rows of a panel of the input.
    #[inline(always)]
    pub(super) fn input(&self, panel: usize) -> &'a [Line] {
        &self.input.panel(panel, self.first + self.rows)[self.first..]
    }

    /// Returns the rows of a panel of the gradient.
    #[inline(always)]
    pub(super) fn gradient(&self, panel: usize) -> &'a [Line] {
        self.gradient.panel(panel, self.rows)
    }
}

/// The inputs and the target of an operation's parameter gradients.
pub struct ParameterGradients<'c, 't, S: Simd, I> {
    /// The instruction set.
    pub s: S,
    /// The rows, in order.
    pub shards: I,
    /// The parameter lines whose gradients are wanted. The range is cut only where [`Product::cut`] allows.
    pub lines: &'c Range<usize>,
    /// Scratch of [`target_lines`](super::gradient_target::target_lines) lines, in which finished lines wait.
    pub scratch: &'c mut [Line],
    /// Where the gradients go.
    pub target: &'c mut GradientTarget<'t, S>,
}

/// Returns the part of `lines` that is in `range`, relative to the start of `range`.
#[inline(always)]
pub(super) fn within(lines: &Range<usize>, range: &Range<usize>) -> Range<usize> {
    let start = lines.start.clamp(range.start, range.end);
    let end = lines.end.clamp(start, range.end);
    start - range.start..end - range.start
}

impl Product {
    /// Computes the gradients of W and b: the sums over the rows of gradient ⊗ input, and of the gradient.
    #[inline(always)]
    pub fn parameter_gradient<'a, S: Simd>(&self, gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>) {
        let ParameterGradients { s, shards, lines, scratch, target } = gradients;
        let (first, second) = scratch.split_at_mut(scratch.len() / 2);
        let weights = within(lines, &self.weight);
        let mut block = Block::new(self.weight.start + weights.start, first);
        if self.form == Form::Narrow {
            for panel in weights.start / self.outputs..weights.end / self.outputs {
                let tile = block.next(s, target, self.outputs);
                let outer = shards.clone().map(
                    #[inline(always)]
                    |shard| (shard.gradient(0), [shard.input(panel)]),
                );
                tile_over((s, Single), outer, [tile]);
            }
        } else {
            self.wide_weights((s, Single), shards.clone(), weights, &mut block, second, target);
        }
        if let Some(bias) = &self.bias {
            bias_gradient(s, shards, (lines, bias), &mut block, target);
        }
        block.flush(s, target);
    }

    /// Computes the gradient of W, for a wide product.
    #[inline(always)]
    pub(super) fn weight_gradient<'a, S: Simd, M: Multiplier<S>>(
        &self,
        multiplier: M,
        gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>,
    ) {
        let ParameterGradients { s, shards, lines, scratch, target } = gradients;
        let (first, second) = scratch.split_at_mut(scratch.len() / 2);
        let weights = within(lines, &self.weight);
        let mut block = Block::new(self.weight.start + weights.start, first);
        self.wide_weights((s, multiplier), shards, weights, &mut block, second, target);
        block.flush(s, target);
    }

    /// Computes the gradients of these lines of W. Two whole panels are computed side by side, so that each
    /// line of the input is read once for both.
    #[inline(always)]
    fn wide_weights<'a, S: Simd, M: Multiplier<S>>(
        &self,
        (s, multiplier): (S, M),
        shards: impl Shards<'a>,
        weights: Range<usize>,
        block: &mut Block<'_>,
        scratch: &mut [Line],
        target: &mut GradientTarget<'_, S>,
    ) {
        let (start, inputs) = (self.weight.start, self.inputs);
        let mut other = Block::new(0, scratch);
        // Few inputs make tiles of few lines. The block collects them over the panels, so that one call
        // passes them all on.
        let pairs = S::PANELS == 2 && inputs >= LANES;
        let mut panel = if weights.start == 0 { 0 } else { weights.start / inputs };
        let mut at = weights.start;
        while at < weights.end {
            let first = at - panel * inputs;
            block.seek(s, target, start + at);
            if pairs && first == 0 && weights.end - at >= 2 * inputs {
                other.seek(s, target, start + at + inputs);
                for input_panel in 0..panels(inputs) {
                    let count = (inputs - input_panel * LANES).min(LANES);
                    let tiles = [block.next(s, target, count), other.next(s, target, count)];
                    let outer = shards.clone().map(
                        #[inline(always)]
                        |shard| {
                            let gradient = [panel, panel + 1].map(
                                #[inline(always)]
                                |panel| shard.gradient(panel),
                            );
                            (shard.input(input_panel), gradient)
                        },
                    );
                    tile_over((s, multiplier), outer, tiles);
                }
                panel += 2;
            } else {
                let end = (weights.end - panel * inputs).min(inputs);
                for input_panel in first / LANES..panels(end) {
                    let count = (inputs - input_panel * LANES).min(LANES);
                    let tile = block.next(s, target, count);
                    let outer = shards.clone().map(
                        #[inline(always)]
                        |shard| {
                            let gradient = shard.gradient(panel);
                            (shard.input(input_panel), [gradient])
                        },
                    );
                    tile_over((s, multiplier), outer, [tile]);
                }
                panel += 1;
            }
            at = (panel * inputs).min(weights.end);
        }
        other.flush(s, target);
    }

    /// Returns the cut nearest to `wanted` at which the lines of this product may be divided between two
    /// threads. A cut is at the end of a tile. It is at the end of a pair of panels if one is near, and at
    /// the end of a panel if the panels must stay `whole`.
    pub fn cut(&self, wanted: usize, whole: bool) -> usize {
        let weights = self.weight.len();
        let Some(wanted) = wanted.checked_sub(self.weight.start).filter(|wanted| *wanted < weights) else {
            return wanted;
        };
        let round = |step: usize| (wanted + step / 2) / step * step;
        if self.form == Form::Narrow {
            return self.weight.start + round(self.outputs).min(weights);
        }
        let pair = round(2 * self.inputs).min(weights);
        if pair.abs_diff(wanted) * PAIR_WORTH <= weights {
            return self.weight.start + pair;
        }
        if whole {
            return self.weight.start + round(self.inputs).min(weights);
        }
        let panel = wanted / self.inputs * self.inputs;
        let within_panel = wanted - panel;
        let tile = ((within_panel + LANES / 2) / LANES * LANES).min(self.inputs);
        self.weight.start + panel + tile
    }
}

/// A cut moves by up to 1 / `PAIR_WORTH` of a product's lines to keep a pair of panels whole, because two
/// panels side by side take less time than one after the other.
const PAIR_WORTH: usize = 16;

/// The number of shards that go through a tile in one call. During a call the tile's sums stay in registers.
const SHARDS: usize = 4;

/// Computes one tile over all shards.
#[inline(always)]
fn tile_over<'a, S: Simd, M: Multiplier<S>, const PANELS: usize>(
    by: (S, M),
    mut shards: impl Iterator<Item = Outer<'a, PANELS>>,
    mut tiles: [&mut [Line]; PANELS],
) {
    let mut add = false;
    loop {
        let mut some: [Outer<'a, PANELS>; SHARDS] = [(&[], [&[]; PANELS]); SHARDS];
        let mut count = 0;
        while count < SHARDS
            && let Some(shard) = shards.next()
        {
            some[count] = shard;
            count += 1;
        }
        if count == 0 {
            return;
        }
        let tiles = tiles.each_mut().map(
            #[inline(always)]
            |tile| &mut **tile,
        );
        outer_sums(by, &some[..count], tiles, add);
        add = true;
    }
}

/// Computes the gradients of the biases that are among `lines`: the sums of the gradient over the rows, a
/// line per panel.
#[inline(always)]
pub(super) fn bias_gradient<'a, S: Simd>(
    s: S,
    shards: impl Shards<'a>,
    (lines, bias): (&Range<usize>, &Range<usize>),
    block: &mut Block<'_>,
    target: &mut GradientTarget<'_, S>,
) {
    let biases = within(lines, bias);
    block.seek(s, target, bias.start + biases.start);
    let mut panel = biases.start;
    while panel < biases.end {
        // Panels are summed side by side if possible: a single chain of sums waits for each addition.
        if panel + SIDE_BY_SIDE <= biases.end {
            bias_lines::<S, SIDE_BY_SIDE>(s, shards.clone(), panel, block.next(s, target, SIDE_BY_SIDE));
            panel += SIDE_BY_SIDE;
        } else if panel + 2 <= biases.end {
            bias_lines::<S, 2>(s, shards.clone(), panel, block.next(s, target, 2));
            panel += 2;
        } else {
            bias_lines::<S, 1>(s, shards.clone(), panel, block.next(s, target, 1));
            panel += 1;
        }
    }
}

/// The number of bias panels whose gradients are summed side by side.
const SIDE_BY_SIDE: usize = 4;

#[inline(always)]
fn bias_lines<'a, S: Simd, const PANELS: usize>(
    s: S,
    shards: impl Shards<'a>,
    first: usize,
    results: &mut [Line],
) {
    let mut sums = [s.splat(0.0); PANELS];
    for shard in shards {
        let panels = std::array::from_fn(
            #[inline(always)]
            |panel| shard.gradient(first + panel),
        );
        add_lines(s, panels, &mut sums);
    }
    for (sum, result) in sums.into_iter().zip(results) {
        s.store(sum, result);
    }
}
