//! Batches of rows, and the buffers with the values of their rows in each operation.

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::coded_rows::CodedRows;
use crate::engine::codes::Codes;
use crate::engine::gradients::Shard;
use crate::engine::huge_pages::{filled, reserve};
use crate::engine::panels::{Line, Panels, panels, zeros};
use crate::engine::products::{Form, Product};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::operations::{Moment, Operation};
use crate::plan::Plan;
use std::ops::Range;

/// The fewest lines of scratch. They also collect finished gradients.
const FEWEST_SCRATCH_LINES: usize = 256;

/// The activations and gradients of the rows that one thread processes together: its rows of a chunk.
pub(crate) struct Workspace {
    /// The most rows that fit.
    capacity: usize,
    /// The index of the first current row in the batch.
    pub(crate) from: usize,
    /// The number of current rows.
    pub(crate) rows: usize,
    /// Set in training only; there is no noise elsewhere.
    pub(crate) moment: Option<Moment>,
    pub(crate) input: Panels,
    /// The input as codes, if the batch has them.
    pub(crate) coded: CodedRows,
    pub(crate) target: Panels,
    /// The derivatives of each operation's epilogue, if it keeps them.
    pub(crate) derivatives: Vec<Option<Panels>>,
    /// The draws of each operation with noise.
    pub(crate) draws: Vec<Option<Panels>>,
    pub(crate) outputs: Vec<Panels>,
    pub(crate) gradients: Vec<Panels>,
    pub(crate) scratch: Vec<Line>,
    pub(crate) losses: Vec<f32>,
    /// The weights of the current rows; empty if the dataset has none.
    pub(crate) weights: Vec<f32>,
    /// The gradient of all parameters over these rows, if each thread takes whole chunks.
    pub(crate) partial: Vec<Line>,
    /// The factors in bfloat16, in training only.
    pub(crate) rounded: Rounded,
}

/// The rounded factors of wide products.
#[derive(Default)]
pub(crate) struct Rounded {
    /// The rows of the product that is computed.
    pub(crate) rows: Panels,
    /// The input of each operation and the gradient of its output, for the gradient of its weights, if it has
    /// any in training. Their lines hold as many consecutive rows as those of [`Precision`] hold terms.
    pub(crate) columns: Vec<Option<[Panels; 2]>>,
}

impl Rounded {
    fn new<S: Simd>(plan: &Plan<S>, capacity: usize) -> Result<Self> {
        let terms = plan.precision.terms();
        let wide = |operation: &Operation<S>| {
            let product = operation.product().filter(|product| product.form == Form::Wide);
            product.map(|product| (product.inputs, product.outputs))
        };
        let sizes = plan.operations.iter().filter_map(wide);
        let widest = sizes.fold(0, |widest, (inputs, outputs)| widest.max(inputs).max(outputs));
        let columns = plan.operations.iter().map(|operation| {
            let Some((inputs, outputs)) = wide(operation).filter(|_| operation.trainable) else {
                return Ok(None);
            };
            let columns = |features: usize| Panels::new(features, capacity.div_ceil(terms));
            Ok(Some([columns(inputs)?, columns(outputs)?]))
        });
        Ok(Rounded {
            rows: Panels::new(widest.div_ceil(terms), capacity)?,
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Returns the most lines that each row takes.
    fn row_lines<S: Simd>(plan: &Plan<S>) -> usize {
        let products = plan.operations.iter().filter_map(Operation::product);
        let sizes = products.map(|product| [panels(product.inputs), panels(product.outputs)]);
        let (mut widest, mut all) = (0, 0_usize);
        for size in sizes.flatten() {
            widest = widest.max(size);
            all = all.saturating_add(size);
        }
        if plan.rounds() { all.saturating_add(widest) } else { 0 }
    }

    /// Returns the columns of an operation as a shard of rows.
    pub(crate) fn shard(&self, operation: usize, lines: usize) -> Option<Shard<'_>> {
        let [input, gradient] = self.columns[operation].as_ref()?;
        Some(Shard { input, first: 0, gradient, rows: lines })
    }
}

impl Workspace {
    pub(crate) fn new<S: Simd>(plan: &Plan<S>, capacity: usize, backward: bool) -> Result<Self> {
        let outputs = || plan.operations.iter().map(|operation| Panels::new(operation.outputs, capacity));
        let those = |has: fn(&Operation<S>) -> bool| {
            plan.operations.iter().map(move |operation| {
                (backward && has(operation)).then(|| Panels::new(operation.outputs, capacity)).transpose()
            })
        };
        let products = plan.operations.iter().filter_map(Operation::product);
        let scratch_lines = |product: &Product| product.scratch_lines(plan.rounds());
        let scratch = products.map(scratch_lines).fold(FEWEST_SCRATCH_LINES, usize::max);
        let mut weights = Vec::new();
        reserve(&mut weights, capacity)?;
        Ok(Workspace {
            capacity,
            from: 0,
            rows: 0,
            moment: None,
            input: Panels::new(plan.inputs, capacity)?,
            coded: CodedRows::default(),
            target: Panels::new(plan.loss.targets(plan.outputs()), capacity)?,
            derivatives: those(Operation::keeps_derivative).collect::<Result<_>>()?,
            draws: those(Operation::has_noise).collect::<Result<_>>()?,
            outputs: outputs().collect::<Result<_>>()?,
            gradients: if backward { outputs().collect::<Result<_>>()? } else { Vec::new() },
            scratch: if backward { zeros(Some(scratch))? } else { Vec::new() },
            losses: filled(0.0, capacity)?,
            weights,
            partial: Vec::new(),
            rounded: if backward && plan.rounds() {
                Rounded::new(plan, capacity)?
            } else {
                Rounded::default()
            },
        })
    }

    /// Returns the bytes that each row takes in training.
    pub(crate) fn row_bytes<S: Simd>(plan: &Plan<S>) -> usize {
        let arrays = |operation: &Operation<S>| {
            2 + usize::from(operation.keeps_derivative()) + usize::from(operation.has_noise())
        };
        let operations =
            plan.operations.iter().map(|operation| panels(operation.outputs) * arrays(operation));
        let ends = panels(plan.inputs) + panels(plan.loss.targets(plan.outputs()));
        let ends = ends.saturating_add(Rounded::row_lines(plan));
        operations.fold(ends, usize::saturating_add).saturating_mul(size_of::<Line>())
    }

    /// Makes room for up to `rows` rows, but no more than go through the operations together. Discards the
    /// current values if the buffers have to grow.
    pub(crate) fn reserve<S: Simd>(&mut self, plan: &Plan<S>, rows: usize, backward: bool) -> Result<()> {
        let rows = rows.min(if backward { plan.chunk_rows() } else { CHUNK_ROWS });
        if self.capacity < rows {
            *self = Workspace::new(plan, rows, backward)?;
        }
        Ok(())
    }

    /// Sets which rows of the batch are the current ones.
    pub(crate) fn take(&mut self, from: usize, rows: usize) {
        (self.from, self.rows) = (from, rows);
    }

    /// Returns the input of an operation and the gradient with respect to its output.
    #[inline(always)]
    pub(crate) fn around(&self, operation: usize) -> (&Panels, &Panels) {
        let input = if operation == 0 { &self.input } else { &self.outputs[operation - 1] };
        (input, &self.gradients[operation])
    }

    /// Returns `sum` plus the losses of the first rows.
    pub(crate) fn add_losses(&self, sum: f64, rows: usize) -> f64 {
        self.losses[..rows].iter().fold(sum, |sum, &loss| sum + f64::from(loss))
    }
}

/// A range of rows of a dataset, in a given order or in the order of the dataset.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub data: &'a Dataset<'a>,
    pub order: Option<&'a [u32]>,
    pub start: usize,
    pub rows: usize,
    /// The number of batches, including this one, over which an update averages the gradient.
    pub of: u64,
    /// What determines the noise; set in training only.
    pub moment: Option<Moment>,
    /// The inputs of the dataset as codes, if the first product takes them.
    pub codes: Option<&'a Codes>,
}

impl Batch<'_> {
    /// Returns the factor of each row's gradient: 1 / rows in all batches of the update.
    pub(crate) fn scale(&self) -> f32 {
        (1.0 / (self.rows as f64 * self.of as f64)) as f32
    }

    /// Divides the rows into chunks of at most `most` rows.
    pub(crate) fn chunks(&self, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows).step_by(most).map(move |from| from..from.saturating_add(most).min(rows))
    }

    pub(crate) fn gather(&self, workspace: &mut Workspace, from: usize, rows: usize) {
        match self.codes {
            Some(codes) => workspace.coded.gather(codes, (from..from + rows).map(|row| self.source(row))),
            None => self.gather_inputs(&mut workspace.input, from..from + rows),
        }
        self.gather_targets(workspace, from..from + rows);
    }

    /// Copies the inputs of all rows into columns, one for each input. `ROWS` is the number of rows.
    #[inline(always)]
    pub(crate) fn small_batch_inputs<const ROWS: usize>(&self, columns: &mut [[f32; ROWS]]) {
        let (all, width) = (self.data.inputs_of_all(), columns.len());
        let mut rows = [&[][..]; ROWS];
        if let Some(order) = self.order {
            for (row, &source) in rows.iter_mut().zip(&order[self.start..][..ROWS]) {
                *row = &all[source as usize * width..][..width];
            }
        } else {
            let mut rest = &all[self.start * width..];
            for row in &mut rows {
                (*row, rest) = rest.split_at(width);
            }
        }
        for (input, column) in columns.iter_mut().enumerate() {
            for (value, row) in column.iter_mut().zip(rows) {
                *value = row[input];
            }
        }
    }

    /// Returns the targets of all rows, for data with one target in each row.
    #[inline(always)]
    pub(crate) fn small_batch_targets<const ROWS: usize>(&self) -> [f32; ROWS] {
        let (all, mut targets) = (self.data.targets(), [0.0; ROWS]);
        if let Some(order) = self.order {
            for (target, &source) in targets.iter_mut().zip(&order[self.start..][..ROWS]) {
                *target = all[source as usize];
            }
        } else {
            targets.copy_from_slice(&all[self.start..][..ROWS]);
        }
        targets
    }

    /// Writes one value for each of the rows, a lane each, to the index of the row in the dataset.
    #[inline(always)]
    pub(crate) fn write_column<const ROWS: usize>(&self, column: &Line, all: &mut [f32]) {
        if let Some(order) = self.order {
            for (value, &source) in column.0[..ROWS].iter().zip(&order[self.start..][..ROWS]) {
                all[source as usize] = *value;
            }
        } else {
            all[self.start..][..ROWS].copy_from_slice(&column.0[..ROWS]);
        }
    }

    /// Returns the index in the dataset of a row of this batch.
    #[inline(always)]
    pub(crate) fn source(&self, row: usize) -> usize {
        let place = self.start + row;
        self.order.map_or(place, |order| order[place] as usize)
    }

    pub(crate) fn gather_inputs(&self, input: &mut Panels, rows: Range<usize>) {
        gather(input, rows, (self.data.inputs_of_all(), self.order, self.start));
    }

    /// Copies the targets, and the weights if the dataset has any.
    pub(crate) fn gather_targets(&self, workspace: &mut Workspace, rows: Range<usize>) {
        gather(&mut workspace.target, rows.clone(), (self.data.targets(), self.order, self.start));
        if let Some(weights) = self.data.weights() {
            workspace.weights.clear();
            workspace.weights.extend(rows.map(|from| weights[self.source(from)]));
        } else if !workspace.weights.is_empty() {
            workspace.weights.clear();
        }
    }
}

/// Copies a range of a batch's rows into panels. The batch begins at `start`, in `order` if there is one,
/// else in `all`.
fn gather(panels: &mut Panels, rows: Range<usize>, (all, order, start): (&[f32], Option<&[u32]>, usize)) {
    let (width, places) = (panels.features(), start + rows.start..start + rows.end);
    match order {
        None => panels.set_rows(&all[places.start * width..places.end * width]),
        Some(order) => {
            for (row, &source) in order[places].iter().enumerate() {
                panels.set_row(row, &all[source as usize * width..][..width]);
            }
        }
    }
}
