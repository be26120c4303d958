//! The passes of a network over a mini-batch: forward, loss, and backward to the gradients of the parameters.
//! They are methods of [`Plan`], the compiled network. Callers use [`Network`](crate::Network) of
//! `kernel.rs`.

use crate::engine::bfloat16::{Precision, with_rounding};
use crate::engine::coded_gradient::CodedShard;
use crate::engine::codes::{Codes, Layout};
use crate::engine::epilogue::{Apply, Differentiate, PanelEpilogue};
use crate::engine::gradient_target::{GradientTarget, target_lines};
use crate::engine::gradients::{ParameterGradients, Shard};
use crate::engine::panels::{LANES, Line, Panels, panels};
use crate::engine::products::{Form, Product};
use crate::engine::rounded_products::{RoundedOperands, round_columns};
use crate::engine::simd::Simd;
use crate::engine::standardize::BatchStatistics;
use crate::layers::LayerOperation;
use crate::operations::{BatchRange, Kind, Operation};
use crate::plan::{CodedProduct, Plan};
use crate::workspace::{Batch, Rounded, Workspace};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that the training network shares with its predictors: those after the last complete epoch, or
/// after the last call.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Simd> Plan<S> {
    /// Runs the forward pass. `KNOWN_ROWS` is the number of rows if it is a constant, else 0.
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

    /// Runs some of the operations forward.
    #[inline(always)]
    fn forward_operations<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        operations: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        statistics: Option<&[BatchStatistics]>,
    ) {
        let at = BatchRange { from: workspace.from, rows, moment: workspace.moment, statistics };
        let rounds = self.rounds() && workspace.moment.is_some();
        for (index, operation) in
            self.operations.iter().enumerate().take(operations.end).skip(operations.start)
        {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = operation.epilogue.as_deref();
            let mut apply = Apply { epilogue, derivatives: workspace.derivatives[index].as_mut() };
            match &operation.kind {
                Kind::Product(product) if KNOWN_ROWS == 0 && rounds && product.form == Form::Wide => {
                    let Precision::Bfloat16(pairs) = self.precision else { continue };
                    let Rounded { rows: rounded, columns } = &mut workspace.rounded;
                    let operands = RoundedOperands { rows: rounded, weights: &mut workspace.scratch };
                    with_rounding!(pairs, rounding => {
                        product.forward_rounded(s, rounding, parameters, input, output, operands, apply, rows);
                        if let Some([columns, _]) = &mut columns[index] {
                            round_columns(s, rounding, input, rows, columns);
                        }
                    });
                }
                Kind::Product(product) => {
                    product.forward::<S, KNOWN_ROWS>(s, parameters, input, output, apply, rows)
                }
                kind => {
                    kind.forward(
                        s,
                        parameters,
                        (before, input),
                        (output, workspace.draws[index].as_mut()),
                        at,
                    );
                    let panels = 0..output.count();
                    apply.apply(s, output, panels, rows);
                }
            }
        }
    }

    /// Applies the absorbed layer to predictions in place.
    pub(crate) fn apply_absorbed(&self, s: S, values: &mut Panels, rows: usize) {
        match &self.absorbed {
            Some(LayerOperation::Elementwise(epilogue)) => {
                let panels = 0..values.count();
                Apply { epilogue: Some(&**epilogue), derivatives: None }.apply(s, values, panels, rows);
            }
            Some(LayerOperation::Row(row)) => row.forward(s, values, rows),
            _ => {}
        }
    }

    /// Applies the absorbed layer to the predictions of the first rows and writes each row to its place in
    /// `output`. The predictions in the workspace are overwritten.
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

    /// Writes the predictions of a training step. The place of each is its row's index in the dataset.
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

    /// Computes the losses of the first rows from their predictions in the workspace.
    pub(crate) fn losses(&self, s: S, workspace: &Workspace, losses: &mut [f32]) {
        self.loss.values(s, &workspace.outputs[self.operations.len() - 1], &workspace.target, losses);
        weigh_losses(losses, &workspace.weights);
    }

    /// Returns the derivative of the elementwise function that follows an operation.
    #[inline(always)]
    fn differentiate<'a>(
        &'a self,
        index: usize,
        derivatives: &'a [Option<Panels>],
        outputs: &'a [Panels],
    ) -> Differentiate<'a, S> {
        let epilogue = self.operations[index].epilogue.as_deref();
        Differentiate { epilogue, derivatives: derivatives[index].as_ref(), output: &outputs[index] }
    }

    /// Computes the losses of the rows, and the gradients of all outputs from the last operation back to the
    /// first one with trainable parameters. `scale` is the factor of each row's gradient: 1 / rows in the
    /// batch.
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
        self.backward_operations::<KNOWN_ROWS>(s, operations, parameters, workspace, (None, 0));
    }

    /// Computes the losses of the rows and the gradient with respect to the last operation's output.
    #[inline(always)]
    fn backward_loss(&self, s: S, workspace: &mut Workspace, scale: f32) {
        let Workspace { rows, target, derivatives, outputs, gradients, losses, weights, .. } = workspace;
        let (rows, last) = (*rows, self.operations.len() - 1);
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        if !weights.is_empty() {
            weigh_losses(losses, weights);
            weigh_gradients(s, &mut gradients[last], weights);
        }
        let panels = 0..gradients[last].count();
        self.differentiate(last, derivatives, outputs).apply(s, &mut gradients[last], panels, rows);
    }

    /// Computes gradients from the output of the last of some operations back to the input of the first of
    /// them. Operation 0 is never among them. The inputs of operations up to `coded` need only the gradients
    /// that lookups read.
    #[inline(always)]
    fn backward_operations<const KNOWN_ROWS: usize>(
        &self,
        s: S,
        operations: Range<usize>,
        parameters: &[Line],
        workspace: &mut Workspace,
        (statistics, coded): (Option<&[BatchStatistics]>, usize),
    ) {
        let rounds = KNOWN_ROWS == 0 && self.rounds() && workspace.moment.is_some();
        let start = operations.start;
        let Workspace { rows, moment, derivatives, draws, outputs, gradients, scratch, rounded, .. } =
            workspace;
        let rows = *rows;
        for index in operations.rev() {
            let (before, after) = gradients.split_at_mut(index);
            let (result, gradient) = (&mut before[index - 1], &after[0]);
            let mut epilogue = self.differentiate(index - 1, derivatives, outputs);
            let of_lookups = self.needed.get(index - 1).or(self.needed.last().filter(|_| index <= coded));
            let needed = of_lookups.cloned().unwrap_or(0..result.features());
            let needed_panels = needed.start / LANES..panels(needed.end);
            match &self.operations[index].kind {
                Kind::Product(product) if rounds && product.form == Form::Wide => {
                    let Precision::Bfloat16(pairs) = self.precision else { continue };
                    let operands = RoundedOperands { rows: &mut rounded.rows, weights: scratch };
                    with_rounding!(pairs, rounding => product.input_gradient_rounded(
                        s,
                        rounding,
                        parameters,
                        gradient,
                        result,
                        operands,
                        epilogue,
                        (rows, needed_panels),
                    ));
                    self.round_gradient(s, index, gradient, rounded, rows);
                }
                Kind::Product(product) => {
                    product.input_gradient::<S, KNOWN_ROWS>(
                        s,
                        parameters,
                        gradient,
                        result,
                        scratch,
                        epilogue,
                        (rows, needed_panels),
                    );
                }
                kind => {
                    let values = (&outputs[index - 1], &outputs[index], moment.and(draws[index].as_ref()));
                    kind.backward(
                        s,
                        parameters,
                        values,
                        (index, after),
                        (result, &needed),
                        (rows, statistics),
                    );
                    let panels = 0..result.count();
                    epilogue.apply(s, result, panels, rows);
                }
            }
        }
        if rounds && start == self.first_trained + 1 {
            self.round_gradient(s, start - 1, &gradients[start - 1], rounded, rows);
        }
    }

    /// Rounds the gradient of an operation's output for the gradient of its weights, if it has any.
    #[inline(never)]
    fn round_gradient(&self, s: S, index: usize, gradient: &Panels, rounded: &mut Rounded, rows: usize) {
        if let Precision::Bfloat16(pairs) = self.precision
            && let Some([_, columns]) = &mut rounded.columns[index]
        {
            with_rounding!(pairs, rounding => round_columns(s, rounding, gradient, rows, columns));
        }
    }

    /// Runs one thread's rows of the batch forward, through the loss and backward to the gradients of the
    /// outputs.
    pub(crate) fn pass(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        self.forward_segment(s, parameters, workspace, batch, (0..self.operations.len(), None));
        let coded = self.coded(batch);
        if let Some((_, codes)) = coded {
            workspace.coded.sort(&codes.layout, workspace.rows);
        }
        let first = match coded {
            Some((coded, _)) if coded.lookups == 0 => coded.index,
            _ => self.first_trained,
        };
        let operations = first + 1..self.operations.len();
        self.backward_segment(s, parameters, workspace, batch, (operations, None));
    }

    /// Runs the rows of a workspace forward through some operations. Compiled once, for any number of rows.
    #[inline(never)]
    pub(crate) fn forward_rows(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
        (operations, statistics): (Range<usize>, Option<&[BatchStatistics]>),
    ) {
        s.run(
            #[inline(always)]
            || self.forward_operations::<0>(s, operations, parameters, workspace, rows, statistics),
        );
    }

    /// Runs one thread's rows of the batch forward through some operations. If operation 0 is among them,
    /// gathers the rows from the dataset first.
    pub(crate) fn forward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (operations, statistics): (Range<usize>, Option<&[BatchStatistics]>),
    ) {
        let (from, rows) = (workspace.from, workspace.rows);
        if operations.start == 0 {
            workspace.moment = batch.moment;
            batch.gather(workspace, from, rows);
            if let Some((coded, codes)) = self.coded(batch) {
                self.look_up(parameters, workspace, &codes.layout);
                self.forward_coded(s, parameters, workspace, (coded, &codes.layout));
                let rest = coded.index + 1..operations.end;
                return self.forward_rows(s, parameters, workspace, rows, (rest, statistics));
            }
        }
        self.forward_rows(s, parameters, workspace, rows, (operations, statistics));
    }

    /// Writes the values of the rows' categories, which are among those of codes.
    fn look_up(&self, parameters: &[Line], workspace: &mut Workspace, layout: &Layout) {
        let Workspace { rows, coded, input, outputs, .. } = workspace;
        for (number, lookup) in self.operations.iter().map_while(Operation::lookup).enumerate() {
            let input = if number == 0 { &mut *input } else { &mut outputs[number - 1] };
            coded.look_up(layout, (number, lookup), parameters, (input, *rows));
        }
    }

    /// Returns the product that takes the codes of the batch, if the batch has them.
    pub(crate) fn coded<'a>(&'a self, batch: Batch<'a>) -> Option<(CodedProduct<'a>, &'a Codes)> {
        batch.codes.and_then(|codes| self.coded_product().map(|product| (product, codes)))
    }

    /// Returns whether a scale comes before the product that takes the codes of the batch.
    pub(crate) fn is_scaled(&self, batch: Batch<'_>) -> bool {
        self.coded(batch).is_some_and(|(coded, _)| coded.scale.is_some())
    }

    /// Runs the rows of a workspace forward through the first product, from codes.
    #[inline(never)]
    fn forward_coded(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        (CodedProduct { index, product, scale, .. }, layout): (CodedProduct<'_>, &Layout),
    ) {
        let Workspace { rows, coded, derivatives, outputs, .. } = workspace;
        let epilogue = self.operations[index].epilogue.as_deref();
        let apply = Apply { epilogue, derivatives: derivatives[index].as_mut() };
        let (coded, output) = ((layout, coded), &mut outputs[index]);
        s.run(
            #[inline(always)]
            || product.forward_coded(s, coded, scale, parameters, (output, *rows), apply),
        );
    }

    /// Runs one thread's rows of the batch backward through some operations. If the last operation is among
    /// them, computes the losses first.
    #[inline(never)]
    pub(crate) fn backward_segment(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        (operations, statistics): (Range<usize>, Option<&[BatchStatistics]>),
    ) {
        let (scale, coded) = (batch.scale(), self.coded(batch).map_or(0, |(coded, _)| coded.index));
        s.run(
            #[inline(always)]
            || {
                if operations.end == self.operations.len() {
                    self.backward_loss(s, workspace, scale);
                }
                self.backward_operations::<0>(s, operations, parameters, workspace, (statistics, coded));
            },
        );
    }

    /// Computes the gradients of the parameters in `lines` over the rows of all workspaces, and passes them
    /// to the target. `input` is the network input of a whole chunk with the chunk's first row, if the thread
    /// has a copy.
    #[expect(clippy::too_many_arguments, reason = "what is read, what is written, and which part of it")]
    #[inline(never)]
    pub(crate) fn parameter_gradients(
        &self,
        s: S,
        shards: &[Workspace],
        input: Option<(&Panels, usize)>,
        lines: Range<usize>,
        mut target: GradientTarget<'_, S>,
        block: &mut [Line],
        codes: Option<&Layout>,
    ) {
        let coded = codes.and_then(|layout| self.coded_product().map(|coded| (layout, coded.index)));
        let (block, scratch) = block.split_at_mut(target_lines(self.lines).min(block.len()));
        s.run(
            #[inline(always)]
            || {
                for (index, operation) in self.operations.iter().enumerate().rev() {
                    if !operation.trainable {
                        continue;
                    }
                    let mut lines = lines.clone();
                    if let Some((layout, first)) = coded
                        && index <= first
                        && operation.lookup().is_none()
                    {
                        // The gradient of a scale before the product is computed last.
                        let Kind::Product(product) = &operation.kind else { continue };
                        let shards = shards.iter().map(
                            #[inline(always)]
                            |shard| CodedShard {
                                coded: &shard.coded,
                                gradient: &shard.gradients[index],
                                rows: shard.rows,
                            },
                        );
                        product.coded_gradient(s, layout, shards, &lines, scratch, &mut target);
                        // Biases are left.
                        lines.start = lines.start.max(product.weight.end).min(lines.end);
                    }
                    // The gradient of rounded weights has other factors than that of biases.
                    let mut weights = lines.start..lines.start;
                    if let Some((product, pairs)) = self.rounded_weights(operation, shards) {
                        weights.end = product.weight.end.clamp(lines.start, lines.end);
                        lines.start = weights.end;
                        if let Some(pairs) = pairs {
                            let shards = shards.iter().filter_map(
                                #[inline(always)]
                                |shard| shard.rounded.shard(index, shard.rows.div_ceil(2)),
                            );
                            let (lines, scratch) = (&weights, &mut *block);
                            let target = &mut target;
                            let gradients = ParameterGradients { s, shards, lines, scratch, target };
                            product.weight_gradient_rounded(pairs, gradients);
                            weights.end = weights.start;
                        }
                    }
                    for (lines, is_rounded) in [(weights, true), (lines, false)] {
                        if lines.is_empty() {
                            continue;
                        }
                        let shards = shards.iter().map(
                            #[inline(always)]
                            |shard| {
                                if is_rounded && let Some(rounded) = shard.rounded.shard(index, shard.rows) {
                                    return rounded;
                                }
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
                }
            },
        );
    }

    /// Returns the product and the pairs with which its factors are rounded, if these rows are those of a
    /// training step that rounds them.
    fn rounded_weights<'a>(
        &self,
        operation: &'a Operation<S>,
        shards: &[Workspace],
    ) -> Option<(&'a Product, Option<S::Pairs>)> {
        let Precision::Bfloat16(pairs) = self.precision else { return None };
        let product = operation.product().filter(|product| product.form == Form::Wide)?;
        shards.iter().all(|shard| shard.moment.is_some()).then_some((product, pairs))
    }

    /// Returns where to divide the lines of all parameters so that all threads have about the same work. With
    /// `whole`, the lines of the first product are divided between panels only.
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
