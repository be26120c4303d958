//! The product of inputs that are codes: the weights of a category are one line, and those of a number in
//! piecewise-linear form are a sum of lines, which is made once for all rows, and one line times a value.
//!
//! The sums have one fixed order: the bias, the one-hot runs, the piecewise-linear runs, the plain inputs. It
//! is not that of the product of all inputs, so the results differ from it by rounding.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::affine::Affine;
use super::coded_rows::{CodedInputs, CodedRows};
use super::codes::Layout;
use super::epilogue::PanelEpilogue;
use super::gradient_target::GradientTarget;
use super::gradients::within;
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::products::Product;
use super::simd::Simd;
use std::array::from_fn;
use std::ops::Range;

/// The number of rows whose sums are computed side by side: a single chain would wait for each addition. In
/// WebAssembly a row has four chains.
const ROWS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// The number of plain inputs whose gradients are computed side by side.
const PLAIN: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// The number of inputs of the runs that are multiplied together, unless a single run has more. Their weights
/// and sums of weights, of two panels, stay in the L1 cache with the rows' sums.
const GROUP_INPUTS: usize = 96;

/// Returns the number of lines of [`CodedRows::table`].
pub fn table_lines(layout: &Layout) -> usize {
    let longest = layout.one_hot.iter().chain(&layout.piecewise).map(Range::len).max();
    2 * (longest.unwrap_or(0).max(GROUP_INPUTS) + 1)
}

/// Returns the number of lines of scratch that [`Product::coded_gradient`] needs.
pub fn scratch_lines(layout: &Layout) -> usize {
    2 * layout.inputs
}

/// Divides runs into groups of about [`GROUP_INPUTS`] inputs.
fn groups(runs: &[Range<usize>]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = runs.get(start)?.len();
        let fits = |&(_, inputs): &(usize, usize)| inputs <= GROUP_INPUTS;
        let sums = runs[start + 1..].iter().scan(first, |sum, run| {
            *sum += run.len();
            Some(*sum)
        });
        let end = start + 1 + sums.enumerate().take_while(fits).count();
        Some(std::mem::replace(&mut start, end)..end)
    })
}

impl Product {
    /// Computes output = W input + b from codes, then applies the epilogue. With a scale, the input is
    /// multiplied by it first.
    #[inline(always)]
    pub fn forward_coded<S: Simd>(
        &self,
        s: S,
        (layout, coded): (&Layout, &mut CodedRows),
        scale: Option<&Affine>,
        parameters: &[Line],
        (output, rows): (&mut Panels, usize),
        mut epilogue: impl PanelEpilogue<S>,
    ) {
        coded.scale(layout, scale.map(|scale| &parameters[scale.weight.clone()]), rows);
        let mut table = std::mem::take(&mut coded.table);
        let (all, stride) = (panels(self.outputs), output.capacity());
        let inputs = coded.inputs(layout, scale.is_some());
        let mut panel = 0;
        while panel < all {
            if S::PANELS == 2 && panel + 2 <= all {
                let (first, second) =
                    output.lines_mut(panel * stride..(panel + 2) * stride).split_at_mut(stride);
                let output = [&mut first[..rows], &mut second[..rows]];
                self.forward_coded_panels(s, &inputs, parameters, panel, output, &mut table);
                panel += 2;
            } else {
                let output = [output.panel_mut(panel, rows)];
                self.forward_coded_panels(s, &inputs, parameters, panel, output, &mut table);
                panel += 1;
            }
        }
        coded.table = table;
        epilogue.apply(s, output, 0..all, rows);
    }

    /// Computes some panels of the output.
    #[inline(always)]
    fn forward_coded_panels<S: Simd, const PANELS: usize>(
        &self,
        s: S,
        inputs: &CodedInputs<'_>,
        parameters: &[Line],
        panel: usize,
        mut output: [&mut [Line]; PANELS],
        table: &mut [Line],
    ) {
        let layout = inputs.layout;
        let weight: [&[Line]; PANELS] = from_fn(
            #[inline(always)]
            |at| &parameters[self.weight.start + (panel + at) * self.inputs..][..self.inputs],
        );
        for at in 0..PANELS {
            output[at].fill(*self.bias_line(parameters, panel + at));
        }
        let size = table.len() / PANELS;
        let mut tables = table.chunks_exact_mut(size);
        let mut table: [&mut [Line]; PANELS] = from_fn(
            #[inline(always)]
            |_| tables.next().unwrap_or_default(),
        );
        for group in groups(&layout.one_hot) {
            let runs = &layout.one_hot[group.clone()];
            categories(s, runs, inputs.highest, &weight, &mut table);
            let table = table.each_ref().map(
                #[inline(always)]
                |table| &**table,
            );
            each_row(s, &mut output, &Categories { inputs, first: group.start, runs, table });
        }
        for group in groups(&layout.piecewise) {
            let runs = &layout.piecewise[group.clone()];
            pieces(s, runs, inputs.highest, &weight, &mut table);
            let table = table.each_ref().map(
                #[inline(always)]
                |table| &**table,
            );
            each_row(s, &mut output, &Pieces { inputs, first: group.start, runs, table, weight });
        }
        if !layout.plain.is_empty() {
            each_row(s, &mut output, &Plain { inputs, weight });
        }
    }

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
        let (first, second) = scratch[..2 * self.inputs].split_at_mut(self.inputs);
        while panel < end {
            let start = self.weight.start + panel * self.inputs;
            if S::PANELS == 2 && panel + 2 <= end {
                gradient(s, layout, shards.clone(), panel, [&mut *first, &mut *second]);
                target.take(s, start, first);
                target.take(s, start + self.inputs, second);
                panel += 2;
            } else {
                gradient(s, layout, shards.clone(), panel, [&mut *first]);
                target.take(s, start, first);
                panel += 1;
            }
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

/// Computes what each input of one-hot runs adds: its weights times its highest value.
#[inline(always)]
fn categories<S: Simd, const PANELS: usize>(
    s: S,
    runs: &[Range<usize>],
    highest: &[f32],
    weight: &[&[Line]; PANELS],
    table: &mut [&mut [Line]; PANELS],
) {
    let mut at = 0;
    for input in runs.iter().cloned().flatten() {
        let highest = s.splat(highest[input]);
        for panel in 0..PANELS {
            s.store(s.mul(highest, s.load(&weight[panel][input])), &mut table[panel][at]);
        }
        at += 1;
    }
    // For rows without a category.
    for panel in 0..PANELS {
        table[panel][at] = ZERO;
    }
}

/// Computes what each place in piecewise-linear runs adds: the sum, over the inputs before it, of weights
/// times highest values.
#[inline(always)]
fn pieces<S: Simd, const PANELS: usize>(
    s: S,
    runs: &[Range<usize>],
    highest: &[f32],
    weight: &[&[Line]; PANELS],
    table: &mut [&mut [Line]; PANELS],
) {
    let mut at = 0;
    for run in runs {
        let mut sums = [s.splat(0.0); PANELS];
        for input in run.clone() {
            let highest = s.splat(highest[input]);
            for panel in 0..PANELS {
                s.store(sums[panel], &mut table[panel][at]);
                sums[panel] = s.mul_add(highest, s.load(&weight[panel][input]), sums[panel]);
            }
            at += 1;
        }
    }
}

/// What some of the inputs add to the sums of rows.
trait Addends<S: Simd, const PANELS: usize> {
    fn add<const ROWS: usize>(&self, s: S, first: usize, sums: &mut [[S::V; PANELS]; ROWS]);
}

/// Adds to the lines of all rows, several rows at a time.
#[inline(always)]
fn each_row<S: Simd, const PANELS: usize>(
    s: S,
    output: &mut [&mut [Line]; PANELS],
    addends: &impl Addends<S, PANELS>,
) {
    let rows = output[0].len();
    let blocks = rows / ROWS * ROWS;
    for first in (0..blocks).step_by(ROWS) {
        add_to::<S, PANELS, ROWS>(s, output, first, addends);
    }
    if ROWS > 1 {
        for first in blocks..rows {
            add_to::<S, PANELS, 1>(s, output, first, addends);
        }
    }
}

#[inline(always)]
fn add_to<S: Simd, const PANELS: usize, const ROWS: usize>(
    s: S,
    output: &mut [&mut [Line]; PANELS],
    first: usize,
    addends: &impl Addends<S, PANELS>,
) {
    let mut sums = [[s.splat(0.0); PANELS]; ROWS];
    for panel in 0..PANELS {
        let lines = &output[panel][first..][..ROWS];
        for row in 0..ROWS {
            sums[row][panel] = s.load(&lines[row]);
        }
    }
    addends.add(s, first, &mut sums);
    for panel in 0..PANELS {
        let lines = &mut output[panel][first..][..ROWS];
        for row in 0..ROWS {
            s.store(sums[row][panel], &mut lines[row]);
        }
    }
}

/// One-hot runs: for each row the line of its category.
struct Categories<'a, const PANELS: usize> {
    inputs: &'a CodedInputs<'a>,
    /// The number of the first run among the places.
    first: usize,
    runs: &'a [Range<usize>],
    table: [&'a [Line]; PANELS],
}

impl<S: Simd, const PANELS: usize> Addends<S, PANELS> for Categories<'_, PANELS> {
    #[inline(always)]
    fn add<const ROWS: usize>(&self, s: S, first: usize, sums: &mut [[S::V; PANELS]; ROWS]) {
        let places: [&[u16]; ROWS] = from_fn(
            #[inline(always)]
            |row| &self.inputs.places(first + row)[self.first..][..self.runs.len()],
        );
        let none: usize = self.runs.iter().map(Range::len).sum();
        let mut before = 0;
        for (number, run) in self.runs.iter().enumerate() {
            for row in 0..ROWS {
                // Without a category the place is beyond all inputs, and the line is that of zeros.
                let at = (usize::from(places[row][number]) - run.start + before).min(none);
                for panel in 0..PANELS {
                    sums[row][panel] = s.add(sums[row][panel], s.load(&self.table[panel][at]));
                }
            }
            before += run.len();
        }
    }
}

/// Piecewise-linear runs: for each row the sum before its place, and the weights at the place times the value.
struct Pieces<'a, const PANELS: usize> {
    inputs: &'a CodedInputs<'a>,
    /// The number of the first run among the piecewise-linear ones.
    first: usize,
    runs: &'a [Range<usize>],
    table: [&'a [Line]; PANELS],
    weight: [&'a [Line]; PANELS],
}

impl<S: Simd, const PANELS: usize> Addends<S, PANELS> for Pieces<'_, PANELS> {
    #[inline(always)]
    fn add<const ROWS: usize>(&self, s: S, first: usize, sums: &mut [[S::V; PANELS]; ROWS]) {
        let (count, one_hot) = (self.runs.len(), self.inputs.layout.one_hot.len());
        let places: [&[u16]; ROWS] = from_fn(
            #[inline(always)]
            |row| &self.inputs.places(first + row)[one_hot + self.first..][..count],
        );
        let values: [&[f32]; ROWS] = from_fn(
            #[inline(always)]
            |row| &self.inputs.values(first + row)[self.first..][..count],
        );
        let mut before = 0;
        for (number, run) in self.runs.iter().enumerate() {
            for row in 0..ROWS {
                let place = usize::from(places[row][number]);
                let (at, value) = (place - run.start + before, s.splat(values[row][number]));
                for panel in 0..PANELS {
                    let sum = s.add(sums[row][panel], s.load(&self.table[panel][at]));
                    sums[row][panel] = s.mul_add(value, s.load(&self.weight[panel][place]), sum);
                }
            }
            before += run.len();
        }
    }
}

/// Inputs in no run: for each row the weights times the value.
struct Plain<'a, const PANELS: usize> {
    inputs: &'a CodedInputs<'a>,
    weight: [&'a [Line]; PANELS],
}

impl<S: Simd, const PANELS: usize> Addends<S, PANELS> for Plain<'_, PANELS> {
    #[inline(always)]
    fn add<const ROWS: usize>(&self, s: S, first: usize, sums: &mut [[S::V; PANELS]; ROWS]) {
        let Layout { piecewise, plain, .. } = self.inputs.layout;
        let values: [&[f32]; ROWS] = from_fn(
            #[inline(always)]
            |row| &self.inputs.values(first + row)[piecewise.len()..],
        );
        for (number, &input) in plain.iter().enumerate() {
            for panel in 0..PANELS {
                let line = s.load(&self.weight[panel][input]);
                for row in 0..ROWS {
                    sums[row][panel] = s.mul_add(s.splat(values[row][number]), line, sums[row][panel]);
                }
            }
        }
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
