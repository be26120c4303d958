//! The network: one mini-batch forward, loss, backward, update.

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::gradients::Slab;
use crate::engine::panels::{Line, Panels, ZERO};
use crate::engine::products::{Form, Product, SCRATCH_LINES};
use crate::engine::simd::Simd;
use crate::engine::sink::{Sink, Target, Updates};
use crate::errors::Result;
use crate::layers::Operation;
use crate::program::Plan;
use crate::stages::{Body, Moment, Rows, Stage};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Activations and their gradients for up to so many rows, those that one thread takes of a chunk.
pub(crate) struct Workspace {
    capacity: usize,
    /// The first of the rows at hand, counted from the batch's first.
    pub(crate) from: usize,
    /// How many there are.
    pub(crate) rows: usize,
    /// Set in training, where there is noise.
    moment: Option<Moment>,
    pub(crate) input: Panels,
    target: Panels,
    /// A stage's values before its epilogue, where the derivative reads them.
    kept: Vec<Option<Panels>>,
    pub(crate) outputs: Vec<Panels>,
    gradients: Vec<Panels>,
    scratch: Vec<Line>,
    losses: Vec<f32>,
    /// The gradient of all parameters over these rows, where whole chunks are shared out.
    pub(crate) partial: Vec<Line>,
}

impl Workspace {
    pub(crate) fn new<S: Simd>(plan: &Plan<S>, capacity: usize, backward: bool) -> Result<Self> {
        let outputs = || plan.stages.iter().map(|stage| Panels::new(stage.outputs, capacity));
        let kept = plan.stages.iter().map(|stage| {
            let reads = stage.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
            (backward && reads).then(|| Panels::new(stage.outputs, capacity)).transpose()
        });
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
            scratch: if backward { vec![ZERO; SCRATCH_LINES] } else { Vec::new() },
            losses: vec![0.0; capacity],
            partial: Vec::new(),
        })
    }

    /// Makes room for so many rows, or for as many as go through together; what it held is gone.
    pub(crate) fn reserve<S: Simd>(&mut self, plan: &Plan<S>, rows: usize, backward: bool) -> Result<()> {
        let rows = rows.min(CHUNK_ROWS);
        if self.capacity < rows {
            *self = Workspace::new(plan, rows, backward)?;
        }
        Ok(())
    }

    /// Takes so many rows of the batch from `from`.
    pub(crate) fn take(&mut self, from: usize, rows: usize) {
        (self.from, self.rows) = (from, rows);
    }

    /// What goes into a stage, and the gradient of what comes out of it.
    #[inline(always)]
    fn around(&self, stage: usize) -> (&Panels, &Panels) {
        let input = if stage == 0 { &self.input } else { &self.outputs[stage - 1] };
        (input, &self.gradients[stage])
    }

    /// Adds the losses of the first rows.
    pub(crate) fn add_losses(&self, sum: f64, rows: usize) -> f64 {
        self.losses[..rows].iter().fold(sum, |sum, &loss| sum + f64::from(loss))
    }
}

impl<S: Simd> Plan<S> {
    /// `FEW` is the number of rows where the compiler is to know it, else 0.
    #[inline(always)]
    pub(crate) fn forward<const FEW: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
    ) {
        self.forward_from::<FEW>(s, 0, parameters, workspace, rows);
    }

    /// The same from a stage on.
    #[inline(always)]
    fn forward_from<const FEW: usize>(
        &self,
        s: S,
        first: usize,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
    ) {
        let at = Rows { from: workspace.from, rows, moment: workspace.moment };
        for (index, stage) in self.stages.iter().enumerate().skip(first) {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = stage.epilogue.as_deref();
            let mut apply = Apply { epilogue, kept: workspace.kept[index].as_mut() };
            match &stage.body {
                Body::Product(product) => {
                    product.forward::<S, FEW>(s, parameters, input, output, apply, rows)
                }
                body => {
                    body.forward(s, parameters, (before, input), output, at);
                    let panels = 0..output.count();
                    apply.finish(s, output, panels, rows);
                }
            }
        }
    }

    /// Takes predictions, in place, through what the loss has absorbed.
    pub(crate) fn apply_absorbed(&self, s: S, values: &mut Panels, rows: usize) {
        match &self.absorbed {
            Some(Operation::Elementwise(epilogue)) => {
                let panels = 0..values.count();
                Apply { epilogue: Some(&**epilogue), kept: None }.finish(s, values, panels, rows);
            }
            Some(Operation::Row(row)) => row.forward(s, values, rows),
            _ => {}
        }
    }

    /// The losses of the first rows, whose predictions the workspace holds.
    pub(crate) fn losses(&self, s: S, workspace: &Workspace, losses: &mut [f32]) {
        self.loss.values(s, &workspace.outputs[self.stages.len() - 1], &workspace.target, losses);
    }

    /// What follows when the gradient of a stage's output is there.
    #[inline(always)]
    fn differentiate<'a>(
        &'a self,
        index: usize,
        kept: &'a [Option<Panels>],
        outputs: &'a [Panels],
    ) -> Differentiate<'a, S> {
        let epilogue = self.stages[index].epilogue.as_deref();
        Differentiate { epilogue, input: kept[index].as_ref(), output: &outputs[index] }
    }

    /// Fills the losses of the rows and goes from them back to the gradient of the first output that
    /// parameters in training make.
    /// `scale` is what a row's gradient is multiplied by: one over the rows of the batch.
    #[inline(always)]
    fn backward<const FEW: usize>(&self, s: S, parameters: &[Line], workspace: &mut Workspace, scale: f32) {
        let at = Rows { from: workspace.from, rows: workspace.rows, moment: workspace.moment };
        let Workspace { rows, target, kept, outputs, gradients, scratch, losses, .. } = workspace;
        let rows = *rows;
        let last = self.stages.len() - 1;
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        let panels = 0..gradients[last].count();
        self.differentiate(last, kept, outputs).finish(s, &mut gradients[last], panels, rows);
        for index in (self.first_trained + 1..=last).rev() {
            let (before, after) = gradients.split_at_mut(index);
            let (result, gradient) = (&mut before[index - 1], &after[0]);
            let mut finish = self.differentiate(index - 1, kept, outputs);
            match &self.stages[index].body {
                Body::Product(product) => {
                    product.input_gradient::<S, FEW>(s, parameters, gradient, result, scratch, finish, rows);
                }
                body => {
                    let values = (&outputs[index - 1], &outputs[index]);
                    body.backward(s, parameters, values, (index, after), result, at);
                    let panels = 0..result.count();
                    finish.finish(s, result, panels, rows);
                }
            }
        }
    }

    /// One thread's rows of the batch: forward, loss, and back to the gradients of all products' outputs.
    pub(crate) fn pass(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        let (from, rows) = (workspace.from, workspace.rows);
        let scale = batch.scale();
        workspace.moment = batch.moment;
        batch.gather(workspace, from, rows);
        s.run(
            #[inline(always)]
            || {
                self.forward::<0>(s, parameters, workspace, rows);
                self.backward::<0>(s, parameters, workspace, scale);
            },
        );
    }

    /// A step of a tiny network over few rows, on one thread: all in one function, from the rows to the
    /// update. `gradient` has room for all parameters.
    #[inline(never)]
    pub(crate) fn tiny_step<const ROWS: usize>(
        &self,
        s: S,
        workspace: &mut Workspace,
        batch: Batch<'_>,
        updates: &mut Updates<'_, S>,
        gradient: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                let scale = (1.0 / ROWS as f64) as f32;
                workspace.rows = ROWS;
                batch.gather(workspace, 0, ROWS);
                self.forward::<ROWS>(s, updates.parameters, workspace, ROWS);
                self.backward::<ROWS>(s, updates.parameters, workspace, scale);
                for (index, stage) in self.stages.iter().enumerate() {
                    let Some(product) = stage.product().filter(|_| stage.trainable) else { continue };
                    let (input, after) = workspace.around(index);
                    product.parameter_gradient_few::<S, ROWS>(s, input, after, gradient);
                }
                for lines in self.trained(0..self.lines) {
                    updates.apply(s, lines.start, &gradient[lines]);
                }
            },
        );
    }

    /// The same where the product of the first stage is done, for all rows of the chunk from `start`.
    pub(crate) fn pass_from_product(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (product, start): (&Panels, usize),
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        let scale = batch.scale();
        workspace.moment = batch.moment;
        batch.gather_targets(&mut workspace.target, from..from + rows);
        s.run(
            #[inline(always)]
            || {
                let output = &mut workspace.outputs[0];
                for panel in 0..output.count() {
                    let done = &product.panel(panel, from - start + rows)[from - start..];
                    output.panel_mut(panel, rows).copy_from_slice(done);
                }
                let epilogue = self.stages[0].epilogue.as_deref();
                let panels = 0..output.count();
                Apply { epilogue, kept: workspace.kept[0].as_mut() }.finish(s, output, panels, rows);
                self.forward_from::<0>(s, 1, parameters, workspace, rows);
                self.backward::<0>(s, parameters, workspace, scale);
            },
        );
    }

    /// The gradients of the parameter lines in `lines`, over the rows of all workspaces, into the sink.
    /// `input` is that of all rows of the chunk and where it starts, if the thread has it.
    pub(crate) fn parameter_gradients(
        &self,
        s: S,
        slabs: &[Workspace],
        input: Option<(&Panels, usize)>,
        lines: Range<usize>,
        mut sink: Sink<'_, S>,
        block: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                for (index, stage) in self.stages.iter().enumerate().rev() {
                    if !stage.trainable {
                        continue;
                    }
                    let slabs = slabs.iter().map(
                        #[inline(always)]
                        |slab| {
                            let (own, gradient) = slab.around(index);
                            let (input, first) = match input {
                                Some((input, start)) if index == 0 => (input, slab.from - start),
                                _ => (own, 0),
                            };
                            Slab { input, first, gradient, rows: slab.rows }
                        },
                    );
                    stage.body.parameter_gradient(s, slabs, &lines, block, &mut sink);
                }
            },
        );
    }

    /// A whole chunk on one thread: its gradient into `partial`.
    pub(crate) fn pass_apart(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        self.pass(s, parameters, workspace, batch);
        let mut partial = std::mem::take(&mut workspace.partial);
        let mut block = std::mem::take(&mut workspace.scratch);
        let sink = Sink { first: 0, target: Target::Write(&mut partial) };
        let slab = std::slice::from_ref(workspace);
        self.parameter_gradients(s, slab, None, 0..self.lines, sink, &mut block);
        (workspace.partial, workspace.scratch) = (partial, block);
    }

    /// Where the lines of all parameters are cut so that each of so many threads has about as much to do.
    /// With `whole`, the first product's are cut between panels.
    pub(crate) fn cuts(&self, threads: usize, whole: bool) -> Vec<usize> {
        let products = || self.stages.iter().filter_map(Stage::product).enumerate();
        let cut = |thread: usize| {
            let wanted = self.lines * thread / threads;
            products().fold(wanted, |wanted, (index, product)| product.cut(wanted, whole && index == 0))
        };
        (0..=threads).map(cut).collect()
    }

    /// The first product, if it is wide, begins the network and has nearly all parameters: then most of what
    /// threads that share out rows would send each other is its weights.
    pub(crate) fn large_first(&self) -> Option<&Product> {
        let product = self.stages[0].product()?;
        let large = product.weight.len() * 10 >= self.lines * 9;
        (large && product.form == Form::Wide).then_some(product)
    }
}

/// Rows of a dataset, in a given order or as they stand.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub data: &'a Dataset,
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
    fn scale(&self) -> f32 {
        (1.0 / (self.rows as f64 * self.of as f64)) as f32
    }

    /// The rows that go through together.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows).step_by(CHUNK_ROWS).map(move |from| from..(from + CHUNK_ROWS).min(rows))
    }

    pub(crate) fn gather(&self, workspace: &mut Workspace, from: usize, rows: usize) {
        self.gather_inputs(&mut workspace.input, from..from + rows);
        self.gather_targets(&mut workspace.target, from..from + rows);
    }

    /// The row of the data that is so far from the batch's first.
    fn source(&self, row: usize) -> usize {
        let place = self.start + row;
        self.order.map_or(place, |order| order[place] as usize)
    }

    pub(crate) fn gather_inputs(&self, input: &mut Panels, rows: Range<usize>) {
        for (row, from) in rows.enumerate() {
            input.set_row(row, self.data.x(self.source(from)));
        }
    }

    fn gather_targets(&self, target: &mut Panels, rows: Range<usize>) {
        for (row, from) in rows.enumerate() {
            target.set_row(row, self.data.y(self.source(from)));
        }
    }
}
