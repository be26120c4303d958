//! The network: one mini-batch forward, loss, backward, update.

use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::gradients::Slab;
use crate::engine::panels::{Line, Panels};
use crate::engine::products::{Form, Product};
use crate::engine::simd::Simd;
use crate::engine::sink::{Sink, Target};
use crate::engine::standardise::Figures;
use crate::engine::team::Team;
use crate::layers::Operation;
use crate::program::Plan;
use crate::stages::{Body, Rows, Stage};
use crate::workspace::{Batch, Workspace};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.forward_stages::<FEW>(s, 0..self.stages.len(), parameters, workspace, rows, None);
    }

    /// The same through some of the stages.
    #[inline(always)]
    fn forward_stages<const FEW: usize>(
        &self,
        s: S,
        stages: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        figures: Option<&[Figures]>,
    ) {
        let at = Rows { from: workspace.from, rows, moment: workspace.moment, figures };
        for (index, stage) in self.stages.iter().enumerate().take(stages.end).skip(stages.start) {
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

    /// Takes the predictions of the first rows through what the loss has absorbed, and writes each to its
    /// place among the rows of `output`. The workspace's own are gone then.
    pub(crate) fn hand_out(
        &self,
        s: S,
        workspace: &mut Workspace,
        rows: usize,
        output: &mut [f32],
        place: impl Fn(usize) -> usize,
    ) {
        let width = self.outputs();
        let values = &mut workspace.outputs[self.stages.len() - 1];
        self.apply_absorbed(s, values, rows);
        for row in 0..rows {
            values.row(row, &mut output[place(row) * width..][..width]);
        }
    }

    /// The same for predictions that a step made, whose places are those of the rows in the data.
    pub(crate) fn hand_out_step(
        &self,
        s: S,
        workspace: &mut Workspace,
        batch: Batch<'_>,
        output: &mut [f32],
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        self.hand_out(s, workspace, rows, output, |row| batch.source(from + row));
    }

    /// The losses of the first rows, whose predictions the workspace holds.
    pub(crate) fn losses(&self, s: S, workspace: &Workspace, losses: &mut [f32]) {
        self.loss.values(s, &workspace.outputs[self.stages.len() - 1], &workspace.target, losses);
        weigh_losses(losses, &workspace.weights);
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
    pub(crate) fn backward<const FEW: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        scale: f32,
    ) {
        self.backward_loss(s, workspace, scale);
        let stages = self.first_trained + 1..self.stages.len();
        self.backward_stages::<FEW>(s, stages, parameters, workspace, None);
    }

    /// Fills the losses of the rows, and the gradient of the last stage's output.
    #[inline(always)]
    fn backward_loss(&self, s: S, workspace: &mut Workspace, scale: f32) {
        let Workspace { rows, target, kept, outputs, gradients, losses, weights, .. } = workspace;
        let (rows, last) = (*rows, self.stages.len() - 1);
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        if !weights.is_empty() {
            weigh_losses(losses, weights);
            weigh_gradients(s, &mut gradients[last], weights);
        }
        let panels = 0..gradients[last].count();
        self.differentiate(last, kept, outputs).finish(s, &mut gradients[last], panels, rows);
    }

    /// From the gradient of the output of the last of some stages, none of which is the first of all, to that
    /// of the input of the first of them.
    #[inline(always)]
    fn backward_stages<const FEW: usize>(
        &self,
        s: S,
        stages: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        figures: Option<&[Figures]>,
    ) {
        let at = Rows { from: workspace.from, rows: workspace.rows, moment: workspace.moment, figures };
        let Workspace { rows, kept, outputs, gradients, scratch, .. } = workspace;
        let rows = *rows;
        for index in stages.rev() {
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
        self.forward_segment(s, parameters, workspace, batch, (0..self.stages.len(), None));
        let stages = self.first_trained + 1..self.stages.len();
        self.backward_segment(s, parameters, workspace, batch, (stages, None));
    }

    /// The rows of a workspace forward through some stages. Compiled once, for any number of rows.
    #[inline(never)]
    pub(crate) fn forward_rows(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        (stages, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        s.run(
            #[inline(always)]
            || self.forward_stages::<0>(s, stages, parameters, workspace, rows, figures),
        );
    }

    /// One thread's rows of the batch forward through some stages, the first time from the rows of the data.
    pub(crate) fn forward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (stages, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        if stages.start == 0 {
            workspace.moment = batch.moment;
            batch.gather(workspace, from, rows);
        }
        self.forward_rows(s, parameters, workspace, rows, (stages, figures));
    }

    /// One thread's rows of the batch back through some stages, the first time from their losses.
    #[inline(never)]
    pub(crate) fn backward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (stages, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        let scale = batch.scale();
        s.run(
            #[inline(always)]
            || {
                if stages.end == self.stages.len() {
                    self.backward_loss(s, workspace, scale);
                }
                self.backward_stages::<0>(s, stages, parameters, workspace, figures);
            },
        );
    }

    /// What `pass` does, for all threads, where stages need figures of all rows: the threads meet at each of
    /// them, forward and on the way back.
    pub(crate) fn pass_in_segments(
        &self,
        s: S,
        team: &mut Team<'_>,
        parameters: &mut [Line],
        workspaces: &mut [Workspace],
        figures: &mut [Figures],
        batch: Batch<'_>,
    ) {
        let mut start = 0;
        for (number, &stage) in self.standardised.iter().enumerate() {
            let segment = |slab: &mut Workspace| {
                self.forward_segment(s, parameters, slab, batch, (start..stage, Some(figures)));
            };
            team.each(workspaces, segment);
            let inputs = workspaces.iter().map(|slab| (slab.around(stage).0, slab.rows));
            let standardise = self.stages[stage].standardise();
            standardise.measure(s, inputs, &mut figures[number], batch.rows);
            if batch.moment.is_some() {
                standardise.follow(s, &figures[number], parameters, batch.rows);
            }
            start = stage;
        }
        let mut end = self.stages.len();
        let last = |slab: &mut Workspace| {
            self.forward_segment(s, parameters, slab, batch, (start..end, Some(figures)));
        };
        team.each(workspaces, last);
        for (number, &stage) in self.standardised.iter().enumerate().rev() {
            if stage <= self.first_trained {
                break;
            }
            let segment = |slab: &mut Workspace| {
                self.backward_segment(s, parameters, slab, batch, (stage + 1..end, Some(figures)));
            };
            team.each(workspaces, segment);
            let outputs =
                workspaces.iter().map(|slab| (slab.around(stage).1, &slab.outputs[stage], slab.rows));
            self.stages[stage].standardise().measure_gradient(s, outputs, &mut figures[number], batch.rows);
            end = stage + 1;
        }
        let segment = |slab: &mut Workspace| {
            self.backward_segment(s, parameters, slab, batch, (self.first_trained + 1..end, Some(figures)));
        };
        team.each(workspaces, segment);
    }

    /// What `pass` does where the product of the first stage is done, for all rows of the chunk from `start`.
    pub(crate) fn pass_from_product(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (product, start): (&Panels, usize),
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        workspace.moment = batch.moment;
        batch.gather_targets(workspace, from..from + rows);
        let output = &mut workspace.outputs[0];
        for panel in 0..output.count() {
            let done = &product.panel(panel, from - start + rows)[from - start..];
            output.panel_mut(panel, rows).copy_from_slice(done);
        }
        let epilogue = self.stages[0].epilogue.as_deref();
        let panels = 0..output.count();
        Apply { epilogue, kept: workspace.kept[0].as_mut() }.finish(s, output, panels, rows);
        self.forward_rows(s, parameters, workspace, rows, (1..self.stages.len(), None));
        let stages = self.first_trained + 1..self.stages.len();
        self.backward_segment(s, parameters, workspace, batch, (stages, None));
    }

    /// The gradients of the parameter lines in `lines`, over the rows of all workspaces, into the sink.
    /// `input` is that of all rows of the chunk and where it starts, if the thread has it.
    #[inline(never)]
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
        let product = self.stages[0].product().filter(|_| self.standardised.is_empty())?;
        let large = product.weight.len() * 10 >= self.lines * 9;
        (large && product.form == Form::Wide).then_some(product)
    }
}

/// Multiplies the loss of each row by its weight.
fn weigh_losses(losses: &mut [f32], weights: &[f32]) {
    for (loss, weight) in losses.iter_mut().zip(weights) {
        *loss *= weight;
    }
}

/// Multiplies the gradient of each row's loss by the row's weight.
fn weigh_gradients<S: Simd>(s: S, gradient: &mut Panels, weights: &[f32]) {
    s.run(
        #[inline(always)]
        || {
            for panel in 0..gradient.count() {
                let lines = gradient.panel_mut(panel, weights.len());
                for (line, weight) in lines.iter_mut().zip(weights) {
                    s.store(s.mul(s.load(line), s.splat(*weight)), line);
                }
            }
        },
    );
}
