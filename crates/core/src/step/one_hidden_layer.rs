//! Steps over few rows, for networks of few parameters with one hidden layer. The forward pass and the
//! backward pass are each one loop over the panels of that layer.

use super::small_network::{Memory, Steps, scale};
use crate::engine::one_hidden_layer::{
    CalledFunction, Descend, GradientSink, HiddenFunction, HiddenLines, OneHiddenLayer, Rectifier,
    StoreGradient,
};
use crate::engine::panels::{LANES, Line, Panels, ZERO};
use crate::engine::simd::Simd;
use crate::engine::tiles::{MOST_COLUMNS, transpose};
use crate::layers::LayerOperation;
use crate::plan::Plan;
use crate::ways::Fusion;
use crate::workspace::{Batch, Workspace};

/// The predictions, targets, losses and gradients at the end of the network.
struct Ends<'a> {
    prediction: &'a mut Panels,
    target: &'a mut Panels,
    gradient: &'a mut Panels,
    /// The losses, a lane for each row.
    losses: Line,
    /// The targets, a lane for each row, if a row has one target.
    targets: Line,
}

/// Writes the predictions of a step, each to the index of its row in the dataset. Applies the absorbed layer
/// first, if it is a function of rows. Then the predictions are lines of `prediction`, else lanes of columns.
///
/// Not inlined, so that it takes no registers from the loops.
#[inline(never)]
fn write_predictions<S: Simd>(
    s: S,
    plan: &Plan<S>,
    batch: &Batch<'_>,
    columns: &[Line],
    prediction: &mut Panels,
    output: &mut [f32],
) {
    let width = columns.len();
    if let Some(LayerOperation::Row(layer)) = &plan.absorbed {
        layer.forward(s, prediction, batch.rows);
        for row in 0..batch.rows {
            prediction.row(row, &mut output[batch.source(row) * width..][..width]);
        }
        return;
    }
    for row in 0..batch.rows {
        let place = batch.source(row) * width;
        for (value, column) in output[place..].iter_mut().zip(columns) {
            *value = column.0[row];
        }
    }
}

/// The lines that the absorbed layer is applied to at once.
const APPLIED_LINES: usize = 8;

/// Applies the absorbed layer to the predictions of `rows` rows from the first of the batch, if it is
/// elementwise. Once for many steps takes less time than in each, because the lines are full.
#[inline(never)]
pub(super) fn apply_absorbed<S: Simd>(
    s: S,
    plan: &Plan<S>,
    batch: &Batch<'_>,
    rows: usize,
    output: &mut [f32],
) {
    let Some(LayerOperation::Elementwise(epilogue)) = &plan.absorbed else { return };
    let width = plan.outputs();
    let mut lines = [ZERO; APPLIED_LINES];
    for column in 0..width {
        for from in (0..rows).step_by(APPLIED_LINES * LANES) {
            let count = (rows - from).min(APPLIED_LINES * LANES);
            let place = |index: usize| batch.source(from + index) * width + column;
            for index in 0..count {
                lines[index / LANES].0[index % LANES] = output[place(index)];
            }
            epilogue.forward(s, &mut lines[..count.div_ceil(LANES)]);
            for index in 0..count {
                output[place(index)] = lines[index / LANES].0[index % LANES];
            }
        }
    }
}

/// Takes the steps with the loops that the fusion allows. Stops after the first step whose loss is not
/// finite, and returns the number of steps taken.
pub(super) fn take<S: Simd, const ROWS: usize>(
    s: S,
    plan: &Plan<S>,
    (layer, fusion): (OneHiddenLayer<()>, Fusion),
    memory: Memory<'_, S>,
    steps: Steps<'_>,
) -> u64 {
    let Fusion { rectifier, descent, column } = fusion;
    if rectifier && descent {
        let fused = (layer.with(Rectifier), Descend(steps.learning_rate as f32));
        return steps_of::<S, ROWS, _, _>(s, plan, column, fused, memory, steps);
    }
    // A module that is downloaded does without this one.
    if rectifier && cfg!(not(target_arch = "wasm32")) {
        let fused = (layer.with(Rectifier), StoreGradient);
        return steps_of::<S, ROWS, _, _>(s, plan, column, fused, memory, steps);
    }
    let layer = layer.with(CalledFunction(plan.operations[0].epilogue.as_deref()));
    steps_of::<S, ROWS, _, _>(s, plan, column, (layer, StoreGradient), memory, steps)
}

#[inline(never)]
fn steps_of<S: Simd, const ROWS: usize, B: HiddenFunction<S>, T: GradientSink<S>>(
    s: S,
    plan: &Plan<S>,
    column: bool,
    (layer, take): (OneHiddenLayer<B>, T),
    memory: Memory<'_, S>,
    steps: Steps<'_>,
) -> u64 {
    let Memory { workspace, mut updates, powers, gradient, loss, mut output } = memory;
    let Workspace { derivatives, outputs, gradients, target, .. } = workspace;
    let ([values, prediction], [hidden_gradients, loss_gradients]) = (&mut outputs[..], &mut gradients[..])
    else {
        unreachable!("one hidden layer and an output are two operations");
    };
    let mut ends = Ends { prediction, target, gradient: loss_gradients, losses: ZERO, targets: ZERO };
    let lines = 0..layer.lines(ROWS);
    let mut lines_of_layer = HiddenLines {
        derivatives: derivatives[0].as_mut().map(|derivatives| derivatives.lines_mut(lines.clone())),
        values: values.lines_mut(lines.clone()),
        gradients: hidden_gradients.lines_mut(lines),
    };
    let (outputs, second) = (layer.outputs(), layer.second_weight());
    let [mut predictions, mut slopes] = [[ZERO; MOST_COLUMNS]; 2];
    let (predictions, slopes) = (&mut predictions[..outputs], &mut slopes[..outputs]);
    let mut inputs = [[0.0; ROWS]; LANES];
    let inputs = &mut inputs[..layer.inputs()];
    let mut batch = steps.batch;
    let by_rows = matches!(plan.absorbed, Some(LayerOperation::Row(_)));
    s.run(
        #[inline(always)]
        || {
            for step in 0..steps.count {
                if !T::UPDATES {
                    updates.factors =
                        plan.update.step_factors(steps.learning_rate, steps.updates + step + 1, powers);
                }
                batch.small_batch_inputs(inputs);
                layer.forward::<S, ROWS>(s, updates.parameters, inputs, &mut lines_of_layer, predictions);
                let losses = slopes_of::<S, ROWS>(s, plan, column, &batch, &mut ends, predictions, slopes);
                if T::UPDATES {
                    layer.backward::<S, ROWS>(
                        s,
                        take,
                        inputs,
                        &mut lines_of_layer,
                        slopes,
                        updates.parameters,
                    );
                } else {
                    gradient[second.clone()].copy_from_slice(&updates.parameters[second.clone()]);
                    layer.backward::<S, ROWS>(s, take, inputs, &mut lines_of_layer, slopes, gradient);
                    updates.apply(s, 0, &gradient[..plan.lines]);
                }
                if let Some(output) = &mut output {
                    // A module that is downloaded does without the inlined form.
                    if cfg!(not(target_arch = "wasm32"))
                        && let ([prediction], false) = (&*predictions, by_rows)
                    {
                        batch.write_column::<ROWS>(prediction, output);
                    } else {
                        write_predictions(s, plan, &batch, predictions, ends.prediction, output);
                    }
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

/// Computes the losses from the output of the last product, a column for each output, and returns their sum.
/// Writes the gradients with respect to that output into `slopes`.
#[inline(always)]
fn slopes_of<S: Simd, const ROWS: usize>(
    s: S,
    plan: &Plan<S>,
    column: bool,
    batch: &Batch<'_>,
    ends: &mut Ends<'_>,
    predictions: &mut [Line],
    slopes: &mut [Line],
) -> f64 {
    let epilogue = plan.operations[1].epilogue.as_deref();
    if let Some(epilogue) = epilogue {
        epilogue.forward(s, predictions);
    }
    let scale = scale::<ROWS>();
    let Ends { prediction, target, gradient, losses, targets } = ends;
    if column && let ([prediction], [slope]) = (&*predictions, &mut *slopes) {
        s.store(s.lanes(batch.small_batch_targets::<ROWS>()), targets);
        plan.loss.column(s, prediction, targets, losses, scale, slope);
    } else {
        for row in 0..ROWS {
            target.set_row(row, batch.data.y(batch.source(row)));
        }
        transpose(s, predictions, prediction.rows_mut::<ROWS>(0));
        plan.loss.gradients(s, prediction, target, &mut losses.0[..ROWS], scale, gradient);
        transpose(s, gradient.rows::<ROWS>(0), slopes);
    }
    if let Some(epilogue) = epilogue {
        epilogue.backward(s, slopes, predictions);
    }
    ends.losses.0[..ROWS].iter().fold(0.0, |sum, loss| sum + f64::from(*loss))
}
