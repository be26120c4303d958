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
use super::codes::{Codes, Layout};
use super::epilogue::PanelEpilogue;
use super::gradient_target::GradientTarget;
use super::gradients::within;
use super::huge_pages::filled;
use super::panels::{LANES, Line, Panels, ZERO, panels, zeros};
use super::products::Product;
use super::simd::Simd;
use crate::errors::Result;
use std::ops::Range;

/// The number of rows whose sums are computed side by side: a single chain would wait for each addition. In
/// WebAssembly a row has four chains.
const ROWS: usize = if cfg!(target_arch = "wasm32") { 1 } else { 4 };

/// The codes of the rows that one thread processes together.
#[derive(Debug, Default)]
pub struct CodedRows {
    places: Vec<u16>,
    values: Vec<f32>,
    /// The values times the scales of their inputs, if a scale comes before the product.
    scaled: Vec<f32>,
    /// The lines of [`Product::table`], and the highest values times the scales of their inputs.
    table: Vec<Line>,
    highest: Vec<f32>,
}

impl CodedRows {
    /// Makes room for `rows` rows.
    pub fn reserve(&mut self, layout: &Layout, rows: usize) -> Result<()> {
        if self.places.len() < rows * layout.places() || self.values.len() < rows * layout.values() {
            self.places = filled(0, rows * layout.places())?;
            self.values = filled(0.0, rows * layout.values())?;
            self.scaled = filled(0.0, rows * layout.values())?;
        }
        if self.highest.len() < layout.inputs {
            self.table = zeros(Some(layout.inputs + 1))?;
            self.highest = filled(0.0, layout.inputs)?;
        }
        Ok(())
    }

    /// Copies the codes of these rows.
    pub fn gather(&mut self, codes: &Codes, rows: impl Iterator<Item = usize>) {
        let (places, values) = (codes.layout.places(), codes.layout.values());
        for (at, row) in rows.enumerate() {
            self.places[at * places..][..places].copy_from_slice(codes.places(row));
            self.values[at * values..][..values].copy_from_slice(codes.values(row));
        }
    }

    /// Multiplies the values of `rows` rows, and the highest values, by the scales of their inputs.
    fn scale(&mut self, layout: &Layout, scale: Option<&[Line]>, rows: usize) {
        let of = |input: usize| scale.map_or(1.0, |lines| lines[input / LANES].0[input % LANES]);
        for (input, (scaled, highest)) in self.highest.iter_mut().zip(&layout.highest).enumerate() {
            *scaled = highest * of(input);
        }
        let pieces = layout.piecewise.len();
        for row in 0..rows {
            let places = &self.places[row * layout.places()..][layout.one_hot.len()..];
            let values = &self.values[row * layout.values()..][..layout.values()];
            let scaled = &mut self.scaled[row * layout.values()..][..values.len()];
            for ((scaled, value), &place) in scaled.iter_mut().zip(&values[..pieces]).zip(places) {
                *scaled = value * of(usize::from(place));
            }
            for ((scaled, value), &input) in
                scaled[pieces..].iter_mut().zip(&values[pieces..]).zip(&layout.plain)
            {
                *scaled = value * of(input);
            }
        }
    }
}

/// Returns the number of lines of scratch that [`Product::coded_gradient`] needs.
pub fn scratch_lines(layout: &Layout) -> usize {
    2 * layout.inputs
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
        for panel in 0..panels(self.outputs) {
            let weight = &parameters[self.weight.start + panel * self.inputs..][..self.inputs];
            table(s, layout, &coded.highest, weight, &mut coded.table);
            let bias = s.load(self.bias_line(parameters, panel));
            let lines = output.panel_mut(panel, rows);
            let (blocks, rest) = lines.as_chunks_mut::<ROWS>();
            for (block, lines) in blocks.iter_mut().enumerate() {
                coded_rows(s, layout, coded, weight, bias, block * ROWS, lines);
            }
            if ROWS > 1 {
                let first = rows - rest.len();
                for (row, line) in rest.iter_mut().enumerate() {
                    coded_rows(s, layout, coded, weight, bias, first + row, std::array::from_mut(line));
                }
            }
        }
        epilogue.apply(s, output, 0..panels(self.outputs), rows);
    }

    /// Computes the gradients of W in these lines, which hold whole panels: the gradients with respect to the
    /// input before the scale, if there is one. Needs [`scratch_lines`] of scratch.
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
        let (at_places, before) = scratch.split_at_mut(self.inputs);
        for panel in weights.start / self.inputs..weights.end / self.inputs {
            at_places.fill(ZERO);
            for run in &layout.piecewise {
                before[run.clone()].fill(ZERO);
            }
            for shard in shards.clone() {
                add_rows(s, layout, shard, panel, at_places, before);
            }
            finish(s, layout, at_places, before);
            target.take(s, self.weight.start + panel * self.inputs, at_places);
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
    /// Their codes.
    pub coded: &'a CodedRows,
    /// The gradient of the product's output.
    pub gradient: &'a Panels,
    /// The number of rows.
    pub rows: usize,
}

/// Computes what each place adds: for an input of a one-hot run its weight times its highest value, for one of
/// a piecewise-linear run the sum of these products over the inputs before it.
#[inline(always)]
fn table<S: Simd>(s: S, layout: &Layout, highest: &[f32], weight: &[Line], table: &mut [Line]) {
    for run in &layout.one_hot {
        for input in run.clone() {
            s.store(s.mul(s.splat(highest[input]), s.load(&weight[input])), &mut table[input]);
        }
    }
    for run in &layout.piecewise {
        let mut sum = s.splat(0.0);
        for input in run.clone() {
            s.store(sum, &mut table[input]);
            sum = s.mul_add(s.splat(highest[input]), s.load(&weight[input]), sum);
        }
    }
    table[layout.inputs] = ZERO;
}

#[inline(always)]
fn coded_rows<S: Simd, const COUNT: usize>(
    s: S,
    layout: &Layout,
    coded: &CodedRows,
    weight: &[Line],
    bias: S::V,
    first: usize,
    output: &mut [Line; COUNT],
) {
    let (one_hot, pieces) = (layout.one_hot.len(), layout.piecewise.len());
    let places: [&[u16]; COUNT] = std::array::from_fn(
        #[inline(always)]
        |row| &coded.places[(first + row) * layout.places()..][..one_hot + pieces],
    );
    let values: [&[f32]; COUNT] = std::array::from_fn(
        #[inline(always)]
        |row| &coded.scaled[(first + row) * layout.values()..][..pieces + layout.plain.len()],
    );
    let mut sums = [bias; COUNT];
    for run in 0..one_hot {
        for row in 0..COUNT {
            let line = s.load(&coded.table[usize::from(places[row][run])]);
            sums[row] = s.add(sums[row], line);
        }
    }
    for run in 0..pieces {
        for row in 0..COUNT {
            let place = usize::from(places[row][one_hot + run]);
            let before = s.add(sums[row], s.load(&coded.table[place]));
            sums[row] = s.mul_add(s.splat(values[row][run]), s.load(&weight[place]), before);
        }
    }
    for (number, &input) in layout.plain.iter().enumerate() {
        let line = s.load(&weight[input]);
        for row in 0..COUNT {
            sums[row] = s.mul_add(s.splat(values[row][pieces + number]), line, sums[row]);
        }
    }
    for row in 0..COUNT {
        s.store(sums[row], &mut output[row]);
    }
}

/// Adds the gradient of each row's output to the lines of its places. A line of `at_places` gets the gradient
/// of a category, or the gradient times the value at the place; one of `before` gets the gradient of the rows
/// whose place it is.
#[inline(always)]
fn add_rows<S: Simd>(
    s: S,
    layout: &Layout,
    CodedShard { coded, gradient, rows }: CodedShard<'_>,
    panel: usize,
    at_places: &mut [Line],
    before: &mut [Line],
) {
    let (one_hot, pieces) = (layout.one_hot.len(), layout.piecewise.len());
    let lines = gradient.panel(panel, rows).iter();
    for (row, line) in lines.enumerate() {
        let slope = s.load(line);
        let places = &coded.places[row * layout.places()..][..one_hot + pieces];
        let values = &coded.values[row * layout.values()..][..pieces + layout.plain.len()];
        let (categories, places) = places.split_at(one_hot);
        let (at, plain) = values.split_at(pieces);
        for &place in categories {
            // The place of a row without a category is beyond the inputs.
            if let Some(sum) = at_places.get_mut(usize::from(place)) {
                s.store(s.add(s.load(sum), slope), sum);
            }
        }
        for (&place, &value) in places.iter().zip(at) {
            let place = usize::from(place);
            let sum = &mut before[place];
            s.store(s.add(s.load(sum), slope), sum);
            let sum = &mut at_places[place];
            s.store(s.mul_add(s.splat(value), slope, s.load(sum)), sum);
        }
        for (&input, &value) in layout.plain.iter().zip(plain) {
            let sum = &mut at_places[input];
            s.store(s.mul_add(s.splat(value), slope, s.load(sum)), sum);
        }
    }
}

/// Turns the sums into gradients of the weights.
#[inline(always)]
fn finish<S: Simd>(s: S, layout: &Layout, at_places: &mut [Line], before: &[Line]) {
    for run in &layout.one_hot {
        for input in run.clone() {
            let line = &mut at_places[input];
            s.store(s.mul(s.splat(layout.highest[input]), s.load(line)), line);
        }
    }
    for run in &layout.piecewise {
        // The sum over the rows whose place is after an input.
        let mut after = s.splat(0.0);
        for input in run.clone().rev() {
            let line = &mut at_places[input];
            s.store(s.mul_add(s.splat(layout.highest[input]), after, s.load(line)), line);
            after = s.add(after, s.load(&before[input]));
        }
    }
}
