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
use super::panels::{Line, Panels, ZERO, panels};
use super::products::Product;
use super::simd::Simd;
use std::array::from_fn;
use std::ops::Range;

/// The number of rows whose sums are computed side by side: a single chain would wait for each addition. In
/// WebAssembly a row has four chains.
const ROWS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// The number of panels that are computed side by side with AVX-512: they share the places and values of a row,
/// and the branches for the rows of a place. Other instruction sets compute one panel, for want of registers.
pub(super) const SIDE: usize = 4;

/// The number of inputs of the runs that are multiplied together, unless a single run has more. Their weights
/// and sums of weights stay in the L1 cache with the rows' sums.
const GROUP_INPUTS: usize = 96;

/// Returns the number of lines of [`CodedRows::table`].
pub(super) fn table_lines(layout: &Layout) -> usize {
    let longest = layout.one_hot.iter().chain(&layout.piecewise).map(Range::len).max();
    SIDE * (longest.unwrap_or(0).max(GROUP_INPUTS) + 1)
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
        let all = panels(self.outputs);
        let inputs = coded.inputs(layout, scale.is_some());
        let mut panel = 0;
        while panel < all {
            if S::PANELS == 2 && panel + SIDE <= all {
                self.forward_coded_panels::<S, SIDE>(
                    s,
                    &inputs,
                    parameters,
                    panel,
                    (output, rows),
                    &mut table,
                );
                panel += SIDE;
            } else {
                self.forward_coded_panels::<S, 1>(s, &inputs, parameters, panel, (output, rows), &mut table);
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
        (output, rows): (&mut Panels, usize),
        table: &mut [Line],
    ) {
        let layout = inputs.layout;
        let weight: [&[Line]; PANELS] = from_fn(
            #[inline(always)]
            |at| &parameters[self.weight.start + (panel + at) * self.inputs..][..self.inputs],
        );
        let stride = output.capacity();
        let mut lines = output.panels_mut(panel..panel + PANELS, rows).chunks_mut(stride);
        let mut output: [&mut [Line]; PANELS] = from_fn(
            #[inline(always)]
            |_| &mut lines.next().unwrap_or_default()[..rows],
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
            each_row(s, &mut output, &Categories { inputs, first: group.start, runs, table: &table });
        }
        for group in groups(&layout.piecewise) {
            let runs = &layout.piecewise[group.clone()];
            pieces(s, runs, inputs.highest, &weight, &mut table);
            each_row(s, &mut output, &Pieces { inputs, first: group.start, runs, table: &table, weight });
        }
        if !layout.plain.is_empty() {
            each_row(s, &mut output, &Plain { inputs, weight });
        }
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
    table: &'a [&'a mut [Line]; PANELS],
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
    table: &'a [&'a mut [Line]; PANELS],
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
