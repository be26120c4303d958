//! Rows of a batch, and the values that they have in each operation.

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::huge_pages::{filled, reserve};
use crate::engine::panels::{Line, Panels, panels, zeros};
use crate::engine::products::SCRATCH_LINES;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::operations::{Moment, Operation};
use crate::program::Plan;
use std::ops::Range;

/// Activations and their gradients for up to so many rows, those that one thread takes of a chunk.
pub(crate) struct Workspace {
    capacity: usize,
    /// The first of the rows at hand, counted from the batch's first.
    pub(crate) from: usize,
    /// How many there are.
    pub(crate) rows: usize,
    /// Set in training, where there is noise.
    pub(crate) moment: Option<Moment>,
    pub(crate) input: Panels,
    pub(crate) target: Panels,
    /// A operation's values before its epilogue, where the derivative reads them.
    pub(crate) kept: Vec<Option<Panels>>,
    pub(crate) outputs: Vec<Panels>,
    pub(crate) gradients: Vec<Panels>,
    pub(crate) scratch: Vec<Line>,
    pub(crate) losses: Vec<f32>,
    /// What the losses of the rows at hand and their gradients are multiplied by; empty for 1.
    pub(crate) weights: Vec<f32>,
    /// The gradient of all parameters over these rows, where whole chunks are shared out.
    pub(crate) partial: Vec<Line>,
}

impl Workspace {
    pub(crate) fn new<S: Simd>(plan: &Plan<S>, capacity: usize, backward: bool) -> Result<Self> {
        let outputs = || plan.operations.iter().map(|operation| Panels::new(operation.outputs, capacity));
        let kept = plan.operations.iter().map(|operation| {
            let reads = operation.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
            (backward && reads).then(|| Panels::new(operation.outputs, capacity)).transpose()
        });
        let mut weights = Vec::new();
        reserve(&mut weights, capacity)?;
        Ok(Workspace {
            capacity,
            from: 0,
            rows: 0,
            moment: None,
            input: Panels::new(plan.inputs, capacity)?,
            target: Panels::new(plan.loss.targets(plan.outputs()), capacity)?,
            kept: kept.collect::<Result<_>>()?,
            outputs: outputs().collect::<Result<_>>()?,
            gradients: if backward { outputs().collect::<Result<_>>()? } else { Vec::new() },
            scratch: if backward { zeros(Some(SCRATCH_LINES))? } else { Vec::new() },
            losses: filled(0.0, capacity)?,
            weights,
            partial: Vec::new(),
        })
    }

    /// The bytes that each row takes in training.
    pub(crate) fn row_bytes<S: Simd>(plan: &Plan<S>) -> usize {
        let kept = |operation: &Operation<S>| {
            operation.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input())
        };
        let operations = plan
            .operations
            .iter()
            .map(|operation| panels(operation.outputs) * (2 + usize::from(kept(operation))));
        let ends = panels(plan.inputs) + panels(plan.loss.targets(plan.outputs()));
        operations.fold(ends, usize::saturating_add).saturating_mul(size_of::<Line>())
    }

    /// Makes room for so many rows, or for as many as go through together; what it held is gone.
    pub(crate) fn reserve<S: Simd>(&mut self, plan: &Plan<S>, rows: usize, backward: bool) -> Result<()> {
        let rows = rows.min(if backward { plan.chunk_rows() } else { CHUNK_ROWS });
        if self.capacity < rows {
            *self = Workspace::new(plan, rows, backward)?;
        }
        Ok(())
    }

    /// Takes so many rows of the batch from `from`.
    pub(crate) fn take(&mut self, from: usize, rows: usize) {
        (self.from, self.rows) = (from, rows);
    }

    /// What goes into an operation, and the gradient of what comes out of it.
    #[inline(always)]
    pub(crate) fn around(&self, operation: usize) -> (&Panels, &Panels) {
        let input = if operation == 0 { &self.input } else { &self.outputs[operation - 1] };
        (input, &self.gradients[operation])
    }

    /// Adds the losses of the first rows.
    pub(crate) fn add_losses(&self, sum: f64, rows: usize) -> f64 {
        self.losses[..rows].iter().fold(sum, |sum, &loss| sum + f64::from(loss))
    }
}

/// Rows of a dataset, in a given order or as they stand.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub data: &'a Dataset<'a>,
    pub order: Option<&'a [u32]>,
    pub start: usize,
    pub rows: usize,
    /// The batches whose mean gradient an update takes, this one among them.
    pub of: u64,
    /// What noise follows from, in training.
    pub moment: Option<Moment>,
}

impl Batch<'_> {
    /// What the gradient of a row's loss is multiplied by.
    pub(crate) fn scale(&self) -> f32 {
        (1.0 / (self.rows as f64 * self.of as f64)) as f32
    }

    /// The rows that go through together: at most so many.
    pub(crate) fn chunks(&self, most: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows).step_by(most).map(move |from| from..from.saturating_add(most).min(rows))
    }

    pub(crate) fn gather(&self, workspace: &mut Workspace, from: usize, rows: usize) {
        self.gather_inputs(&mut workspace.input, from..from + rows);
        self.gather_targets(workspace, from..from + rows);
    }

    /// The inputs of all rows, where the compiler knows how many there are: a column for each input.
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

    /// The targets of all rows, of data with one a row.
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

    /// The row of the data that is so far from the batch's first.
    #[inline(always)]
    pub(crate) fn source(&self, row: usize) -> usize {
        let place = self.start + row;
        self.order.map_or(place, |order| order[place] as usize)
    }

    pub(crate) fn gather_inputs(&self, input: &mut Panels, rows: Range<usize>) {
        gather(input, rows, (self.data.inputs_of_all(), self.order, self.start));
    }

    /// Targets, and weights where there are any.
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

/// Writes rows of a batch, counted from its first, which is at `start` of `order` or of `all`.
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
