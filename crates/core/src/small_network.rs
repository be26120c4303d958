//! Steps of a small network over few rows, on one thread: all in one function, from the rows to the update.

use crate::engine::Powers;
use crate::engine::gradient_target::Updates;
use crate::engine::one_hidden_layer::{
    Apart, Between, Descend, HiddenLines, Keep, OneHiddenLayer, Rectifier, Take,
};
use crate::engine::panels::{LANES, Line, Panels, ZERO};
use crate::engine::simd::Simd;
use crate::engine::tiles::{MOST_COLUMNS, transpose};
use crate::operations::Kind;
use crate::program::Plan;
use crate::workspace::{Batch, Workspace};

/// Steps that follow each other in an epoch, with batches of as many rows.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a> {
    /// The batch of the first.
    pub batch: Batch<'a>,
    /// How many.
    pub count: u64,
    /// Their learning rate.
    pub learning_rate: f64,
    /// The updates before, in the model's life.
    pub updates: u64,
}

/// What steps of a small network work with.
pub(crate) struct SmallNetwork<'a, S: Simd> {
    pub workspace: &'a mut Workspace,
    pub updates: Updates<'a, S>,
    pub powers: &'a mut Powers,
    /// Room for the gradients of all parameters.
    pub gradient: &'a mut [Line],
    /// The sum of the losses of the epoch's rows so far.
    pub loss: &'a mut f64,
    /// Where the rows' predictions go, each to its place, if they are wanted.
    pub output: Option<&'a mut [f32]>,
}

/// The rows' predictions and targets, their losses' gradients.
struct Ends<'a> {
    prediction: &'a mut Panels,
    target: &'a mut Panels,
    gradient: &'a mut Panels,
    /// The losses, a lane for each row.
    losses: Line,
    /// The targets, likewise, where there is one a row.
    targets: Line,
}

/// What a row's gradient is multiplied by where the compiler knows the number of rows.
#[inline(always)]
fn scale<const ROWS: usize>() -> f32 {
    (1.0 / ROWS as f64) as f32
}

/// Writes each row's predictions, a lane of the columns, to its place. Not inlined: loops without it have more
/// registers.
#[cold]
#[inline(never)]
fn hand_out_columns(batch: &Batch<'_>, columns: &[Line], output: &mut [f32]) {
    for row in 0..batch.rows {
        let place = batch.source(row) * columns.len();
        for (value, column) in output[place..].iter_mut().zip(columns) {
            *value = column.0[row];
        }
    }
}

impl<S: Simd> Plan<S> {
    /// Takes the steps, up to the first whose loss is not finite; how many that were.
    pub(crate) fn small_network_steps<const ROWS: usize>(
        &self,
        s: S,
        small: SmallNetwork<'_, S>,
        steps: Steps<'_>,
    ) -> u64 {
        let as_they_are = small.output.is_none() || self.absorbed.is_none();
        let special = as_they_are && steps.batch.data.weights().is_none();
        let Some(hidden) = self.one_hidden_layer().filter(|_| special) else {
            return self.any_steps::<ROWS>(s, small, steps);
        };
        let between = self.operations[0].epilogue.as_deref();
        if !between.is_some_and(|between| between.rectifies()) {
            return self.hidden_steps::<ROWS, _, _>(s, hidden.with(Apart(between)), Keep, small, steps);
        }
        let hidden = hidden.with(Rectifier);
        if self.update.descends() && small.output.is_none() {
            let descend = Descend(steps.learning_rate as f32);
            return self.hidden_steps::<ROWS, _, _>(s, hidden, descend, small, steps);
        }
        self.hidden_steps::<ROWS, _, _>(s, hidden, Keep, small, steps)
    }

    #[inline(never)]
    fn any_steps<const ROWS: usize>(&self, s: S, small: SmallNetwork<'_, S>, steps: Steps<'_>) -> u64 {
        let SmallNetwork { workspace, mut updates, powers, gradient, loss, mut output } = small;
        s.run(
            #[inline(always)]
            || {
                workspace.take(0, ROWS);
                let mut batch = steps.batch;
                for step in 0..steps.count {
                    batch.gather(workspace, 0, ROWS);
                    self.any_pass::<ROWS>(s, updates.parameters, workspace, gradient);
                    updates.now = self.update.now(steps.learning_rate, steps.updates + step + 1, powers);
                    for lines in self.trained(0..self.lines) {
                        updates.apply(s, lines.start, &gradient[lines]);
                    }
                    *loss += workspace.add_losses(0.0, ROWS);
                    if let Some(output) = &mut output {
                        self.hand_out_step(s, workspace, batch, output);
                    }
                    batch.start += ROWS;
                    if !loss.is_finite() {
                        return step + 1;
                    }
                }
                steps.count
            },
        )
    }

    /// From the rows to the gradients of all parameters.
    #[inline(always)]
    fn any_pass<const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        gradient: &mut [Line],
    ) {
        self.forward::<ROWS>(s, parameters, workspace, ROWS);
        self.backward::<ROWS>(s, parameters, workspace, scale::<ROWS>());
        for (index, operation) in self.operations.iter().enumerate() {
            let Some(product) = operation.product().filter(|_| operation.trainable) else { continue };
            let (input, after) = workspace.around(index);
            product.parameter_gradient_small_batch::<S, ROWS>(s, input, after, gradient);
        }
    }

    /// The products, if this is a network with one hidden layer, of the form that has steps of its own.
    fn one_hidden_layer(&self) -> Option<OneHiddenLayer<()>> {
        let [first, second] = &self.operations[..] else { return None };
        let (Kind::Product(hidden), Kind::Product(output)) = (&first.kind, &second.kind) else { return None };
        let reads = second.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
        let fits = first.trainable && second.trainable && !reads;
        OneHiddenLayer::of(hidden, output).filter(|_| fits)
    }

    /// `any_steps` of such a network.
    #[inline(never)]
    fn hidden_steps<const ROWS: usize, B: Between<S>, T: Take<S>>(
        &self,
        s: S,
        hidden: OneHiddenLayer<B>,
        take: T,
        small: SmallNetwork<'_, S>,
        steps: Steps<'_>,
    ) -> u64 {
        let SmallNetwork { workspace, mut updates, powers, gradient, loss, mut output } = small;
        let Workspace { kept, outputs, gradients, target, .. } = workspace;
        let ([values, prediction], [hidden_gradients, loss_gradients]) =
            (&mut outputs[..], &mut gradients[..])
        else {
            unreachable!("one hidden layer and an output are two operations");
        };
        let mut ends = Ends { prediction, target, gradient: loss_gradients, losses: ZERO, targets: ZERO };
        let lines = 0..hidden.lines(ROWS);
        let mut layer = HiddenLines {
            kept: kept[0].as_mut().map_or(&mut [], |kept| kept.lines_mut(lines.clone())),
            values: values.lines_mut(lines.clone()),
            gradients: hidden_gradients.lines_mut(lines),
        };
        let (outputs, second) = (hidden.outputs(), hidden.second_weight());
        let [mut predictions, mut slopes] = [[ZERO; MOST_COLUMNS]; 2];
        let (predictions, slopes) = (&mut predictions[..outputs], &mut slopes[..outputs]);
        let mut inputs = [[0.0; ROWS]; LANES];
        let inputs = &mut inputs[..hidden.inputs()];
        let mut batch = steps.batch;
        s.run(
            #[inline(always)]
            || {
                for step in 0..steps.count {
                    if !T::UPDATES {
                        updates.now = self.update.now(steps.learning_rate, steps.updates + step + 1, powers);
                    }
                    batch.small_batch_inputs(inputs);
                    hidden.forward::<S, ROWS>(s, updates.parameters, inputs, &mut layer, predictions);
                    let losses = self.slopes::<ROWS>(s, &batch, &mut ends, predictions, slopes);
                    if T::UPDATES {
                        hidden.backward::<S, ROWS>(s, take, inputs, &mut layer, slopes, updates.parameters);
                    } else {
                        gradient[second.clone()].copy_from_slice(&updates.parameters[second.clone()]);
                        hidden.backward::<S, ROWS>(s, take, inputs, &mut layer, slopes, gradient);
                        updates.apply(s, 0, &gradient[..self.lines]);
                    }
                    if !T::UPDATES
                        && let Some(output) = &mut output
                    {
                        hand_out_columns(&batch, predictions, output);
                    }
                    batch.start += ROWS;
                    *loss += losses;
                    if !loss.is_finite() {
                        return step + 1;
                    }
                }
                steps.count
            },
        )
    }

    /// The losses of the rows, from the columns of the last product's output; and the columns of their gradients.
    #[inline(always)]
    fn slopes<const ROWS: usize>(
        &self,
        s: S,
        batch: &Batch<'_>,
        ends: &mut Ends<'_>,
        predictions: &mut [Line],
        slopes: &mut [Line],
    ) -> f64 {
        let epilogue = self.operations[1].epilogue.as_deref();
        if let Some(epilogue) = epilogue {
            epilogue.forward(s, predictions);
        }
        let Ends { losses, targets, .. } = ends;
        let done = match (&*predictions, &mut *slopes) {
            ([prediction], [slope]) => {
                s.store(s.lanes(batch.small_batch_targets::<ROWS>()), targets);
                self.loss.column(s, prediction, targets, losses, scale::<ROWS>(), slope)
            }
            _ => false,
        };
        if !done {
            let Ends { prediction, target, gradient, losses, .. } = ends;
            for row in 0..ROWS {
                target.set_row(row, batch.data.y(batch.source(row)));
            }
            transpose(s, predictions, prediction.rows_mut::<ROWS>(0));
            self.loss.gradients(s, prediction, target, &mut losses.0[..ROWS], scale::<ROWS>(), gradient);
            transpose(s, gradient.rows::<ROWS>(0), slopes);
        }
        if let Some(epilogue) = epilogue {
            epilogue.backward(s, slopes, &[], predictions);
        }
        ends.losses.0[..ROWS].iter().fold(0.0, |sum, loss| sum + f64::from(*loss))
    }
}
