//! The network: one mini-batch forward, loss, backward, update.

use crate::engine::epilogue::{Apply, Differentiate, PanelEpilogue};
use crate::engine::gradient_target::GradientTarget;
use crate::engine::gradients::{ParameterGradients, Shard};
use crate::engine::panels::{Line, Panels};
use crate::engine::simd::Simd;
use crate::engine::standardize::Figures;
use crate::layers::LayerOperation;
use crate::operations::{BatchRange, Kind, Operation};
use crate::program::Plan;
use crate::workspace::{Batch, Workspace};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Simd> Plan<S> {
    /// Takes rows through all operations. `KNOWN_ROWS` is the number of rows where the compiler knows it, else 0.
    #[inline(always)]
    pub(crate) fn forward<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
    ) {
        self.forward_operations::<KNOWN_ROWS>(s, 0..self.operations.len(), parameters, workspace, rows, None);
    }

    /// Takes rows through some of the operations.
    #[inline(always)]
    fn forward_operations<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        operations: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        figures: Option<&[Figures]>,
    ) {
        let at = BatchRange { from: workspace.from, rows, moment: workspace.moment, figures };
        for (index, operation) in
            self.operations.iter().enumerate().take(operations.end).skip(operations.start)
        {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = operation.epilogue.as_deref();
            let mut apply = Apply { epilogue, kept: workspace.kept[index].as_mut() };
            match &operation.kind {
                Kind::Product(product) => {
                    product.forward::<S, KNOWN_ROWS>(s, parameters, input, output, apply, rows)
                }
                kind => {
                    kind.forward(s, parameters, (before, input), output, at);
                    let panels = 0..output.count();
                    apply.apply(s, output, panels, rows);
                }
            }
        }
    }

    /// Takes predictions, in place, through what the loss has absorbed.
    pub(crate) fn apply_absorbed(&self, s: S, values: &mut Panels, rows: usize) {
        match &self.absorbed {
            Some(LayerOperation::Elementwise(epilogue)) => {
                let panels = 0..values.count();
                Apply { epilogue: Some(&**epilogue), kept: None }.apply(s, values, panels, rows);
            }
            Some(LayerOperation::Row(row)) => row.forward(s, values, rows),
            _ => {}
        }
    }

    /// Takes the predictions of the first rows through what the loss has absorbed, and writes each to its
    /// place among the rows of `output`. The workspace no longer has them.
    pub(crate) fn hand_out(
        &self,
        s: S,
        workspace: &mut Workspace,
        rows: usize,
        output: &mut [f32],
        place: impl Fn(usize) -> usize,
    ) {
        let width = self.outputs();
        let values = &mut workspace.outputs[self.operations.len() - 1];
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
        self.loss.values(s, &workspace.outputs[self.operations.len() - 1], &workspace.target, losses);
        weigh_losses(losses, &workspace.weights);
    }

    /// The derivative of the function behind an operation, for the gradient of its output.
    #[inline(always)]
    fn differentiate<'a>(
        &'a self,
        index: usize,
        kept: &'a [Option<Panels>],
        outputs: &'a [Panels],
    ) -> Differentiate<'a, S> {
        let epilogue = self.operations[index].epilogue.as_deref();
        Differentiate { epilogue, input: kept[index].as_ref(), output: &outputs[index] }
    }

    /// Fills the losses of the rows and goes from them back to the gradient of the first output that
    /// parameters in training make.
    /// `scale` is what a row's gradient is multiplied by: one over the rows of the batch.
    #[inline(always)]
    pub(crate) fn backward<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        scale: f32,
    ) {
        self.backward_loss(s, workspace, scale);
        let operations = self.first_trained + 1..self.operations.len();
        self.backward_operations::<KNOWN_ROWS>(s, operations, parameters, workspace, None);
    }

    /// Fills the losses of the rows, and the gradient of the last operation's output.
    #[inline(always)]
    fn backward_loss(&self, s: S, workspace: &mut Workspace, scale: f32) {
        let Workspace { rows, target, kept, outputs, gradients, losses, weights, .. } = workspace;
        let (rows, last) = (*rows, self.operations.len() - 1);
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        if !weights.is_empty() {
            weigh_losses(losses, weights);
            weigh_gradients(s, &mut gradients[last], weights);
        }
        let panels = 0..gradients[last].count();
        self.differentiate(last, kept, outputs).apply(s, &mut gradients[last], panels, rows);
    }

    /// From the gradient of the output of the last of some operations, none of which is the first of all, to that
    /// of the input of the first of them.
    #[inline(always)]
    fn backward_operations<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        operations: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        figures: Option<&[Figures]>,
    ) {
        let at = BatchRange { from: workspace.from, rows: workspace.rows, moment: workspace.moment, figures };
        let Workspace { rows, kept, outputs, gradients, scratch, .. } = workspace;
        let rows = *rows;
        for index in operations.rev() {
            let (before, after) = gradients.split_at_mut(index);
            let (result, gradient) = (&mut before[index - 1], &after[0]);
            let mut epilogue = self.differentiate(index - 1, kept, outputs);
            match &self.operations[index].kind {
                Kind::Product(product) => {
                    product.input_gradient::<S, KNOWN_ROWS>(
                        s, parameters, gradient, result, scratch, epilogue, rows,
                    );
                }
                kind => {
                    let values = (&outputs[index - 1], &outputs[index]);
                    kind.backward(s, parameters, values, (index, after), result, at);
                    let panels = 0..result.count();
                    epilogue.apply(s, result, panels, rows);
                }
            }
        }
    }

    /// One thread's rows of the batch: forward, loss, and back to the gradients of all products' outputs.
    pub(crate) fn pass(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        self.forward_segment(s, parameters, workspace, batch, (0..self.operations.len(), None));
        let operations = self.first_trained + 1..self.operations.len();
        self.backward_segment(s, parameters, workspace, batch, (operations, None));
    }

    /// The rows of a workspace forward through some operations. Compiled once, for any number of rows.
    #[inline(never)]
    pub(crate) fn forward_rows(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        (operations, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        s.run(
            #[inline(always)]
            || self.forward_operations::<0>(s, operations, parameters, workspace, rows, figures),
        );
    }

    /// One thread's rows of the batch forward through some operations, the first time from the rows of the data.
    pub(crate) fn forward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (operations, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        if operations.start == 0 {
            workspace.moment = batch.moment;
            batch.gather(workspace, from, rows);
        }
        self.forward_rows(s, parameters, workspace, rows, (operations, figures));
    }

    /// One thread's rows of the batch back through some operations, the first time from their losses.
    #[inline(never)]
    pub(crate) fn backward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (operations, figures): (Range<usize>, Option<&[Figures]>),
    ) {
        let scale = batch.scale();
        s.run(
            #[inline(always)]
            || {
                if operations.end == self.operations.len() {
                    self.backward_loss(s, workspace, scale);
                }
                self.backward_operations::<0>(s, operations, parameters, workspace, figures);
            },
        );
    }

    /// The gradients of the parameter lines in `lines`, over the rows of all workspaces, into the target.
    /// `input` is that of all rows of the chunk and where it starts, if the thread has it.
    #[inline(never)]
    pub(crate) fn parameter_gradients(
        &self,
        s: S,
        shards: &[Workspace],
        input: Option<(&Panels, usize)>,
        lines: Range<usize>,
        mut target: GradientTarget<'_, S>,
        block: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                for (index, operation) in self.operations.iter().enumerate().rev() {
                    if !operation.trainable {
                        continue;
                    }
                    let shards = shards.iter().map(
                        #[inline(always)]
                        |shard| {
                            let (own, gradient) = shard.around(index);
                            let (input, first) = match input {
                                Some((input, start)) if index == 0 => (input, shard.from - start),
                                _ => (own, 0),
                            };
                            Shard { input, first, gradient, rows: shard.rows }
                        },
                    );
                    let (lines, scratch, target) = (&lines, &mut *block, &mut target);
                    let gradients = ParameterGradients { s, shards, lines, scratch, target };
                    operation.kind.parameter_gradient(gradients);
                }
            },
        );
    }

    /// Where the lines of all parameters are cut so that each of so many threads has about as much to do.
    /// With `whole`, the first product's are cut between panels.
    pub(crate) fn cuts(&self, threads: usize, whole: bool) -> Vec<usize> {
        let products = || self.operations.iter().filter_map(Operation::product).enumerate();
        let cut = |thread: usize| {
            let wanted = self.lines * thread / threads;
            products().fold(wanted, |wanted, (index, product)| product.cut(wanted, whole && index == 0))
        };
        (0..=threads).map(cut).collect()
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
