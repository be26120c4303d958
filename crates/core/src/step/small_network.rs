//! Steps over few rows, for networks of few parameters, on one thread. A step is one function from the rows
//! to the update, compiled for each number of rows.

use super::one_hidden_layer;
use crate::engine::gradient_target::Updates;
use crate::engine::panels::Line;
use crate::engine::simd::{Instructions, Simd};
use crate::engine::small_batch::{is_small_batch, with_batch_size};
use crate::engine::{Powers, StepFactors};
use crate::plan::Plan;
use crate::state::State;
use crate::ways::Way;
use crate::workspace::{Batch, Workspace};

/// Consecutive steps of an epoch. All batches have the same number of rows, and each step is an update.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a> {
    /// The batch of the first step.
    pub batch: Batch<'a>,
    /// The number of steps.
    pub count: u64,
    /// Their learning rate.
    pub learning_rate: f64,
    /// The number of updates before these, since the creation of the model.
    pub updates: u64,
}

/// The memory that the steps use.
pub(super) struct Memory<'a, S: Simd> {
    pub workspace: &'a mut Workspace,
    pub updates: Updates<'a, S>,
    pub powers: &'a mut Powers,
    /// A buffer for the gradients of all parameters.
    pub gradient: &'a mut [Line],
    /// The sum of the losses of the epoch so far.
    pub loss: &'a mut f64,
    /// The predictions for all rows of the dataset, if they are wanted.
    pub output: Option<&'a mut [f32]>,
}

/// Returns whether steps of `rows` rows can be taken this way.
pub(crate) fn fits(way: &Way, rows: usize) -> bool {
    way.has_small_batches() && is_small_batch(rows)
}

/// Takes the steps. Stops after the first step whose loss is not finite, and returns the number of steps
/// taken. Adds the losses of all rows to `loss`. Writes the predictions into `output`, if there is one, each
/// to the index of its row in the dataset.
pub(crate) fn take<S: Simd>(
    state: &mut State<S>,
    steps: Steps<'_>,
    loss: &mut f64,
    mut output: Option<&mut [f32]>,
) -> u64 {
    // A constant condition, so that the portable code does not contain the functions below: see `Way::of`.
    if S::INSTRUCTIONS == Instructions::Portable {
        unreachable!("portable code has no small batches");
    }
    let State { s, plan, parameters, slots, workspaces, blocks, powers, .. } = state;
    let (update, count) = (&*plan.update, plan.update.slots());
    let factors = StepFactors { learning_rate: steps.learning_rate as f32, extra: [0.0; 2] };
    let updates = Updates { update, factors, parameters, slots, count };
    let (workspace, gradient) = (&mut workspaces[0], &mut blocks[0][..]);
    let memory = Memory { workspace, updates, powers, gradient, loss, output: output.as_deref_mut() };
    match &plan.way {
        Way::OneHiddenLayer(layer, fusion) if steps.batch.data.weights().is_none() => {
            let batch = steps.batch;
            let count = with_batch_size!(
                batch.rows,
                one_hidden_layer::take::<S, _>(*s, plan, (*layer, *fusion), memory, steps)
            );
            if let Some(output) = output {
                one_hidden_layer::apply_absorbed(*s, plan, &batch, count as usize * batch.rows, output);
            }
            count
        }
        Way::OneHiddenLayer(..) | Way::SmallNetwork => {
            with_batch_size!(steps.batch.rows, steps_of::<S, _>(*s, plan, memory, steps))
        }
        _ => unreachable!("`fits` was true, so the plan has small batches"),
    }
}

#[inline(never)]
fn steps_of<S: Simd, const ROWS: usize>(
    s: S,
    plan: &Plan<S>,
    memory: Memory<'_, S>,
    steps: Steps<'_>,
) -> u64 {
    let Memory { workspace, mut updates, powers, gradient, loss, mut output } = memory;
    s.run(
        #[inline(always)]
        || {
            workspace.take(0, ROWS);
            let mut batch = steps.batch;
            for step in 0..steps.count {
                batch.gather(workspace, 0, ROWS);
                pass::<S, ROWS>(s, plan, updates.parameters, workspace, gradient);
                updates.factors =
                    plan.update.step_factors(steps.learning_rate, steps.updates + step + 1, powers);
                for lines in plan.trained(0..plan.lines) {
                    updates.apply(s, lines.start, &gradient[lines]);
                }
                *loss += workspace.add_losses(0.0, ROWS);
                if let Some(output) = &mut output {
                    plan.hand_out_step(s, workspace, batch, output);
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

/// Computes the gradients of all parameters from the rows in the workspace.
#[inline(always)]
fn pass<S: Simd, const ROWS: usize>(
    s: S,
    plan: &Plan<S>,
    parameters: &[Line],
    workspace: &mut Workspace,
    gradient: &mut [Line],
) {
    plan.forward::<ROWS>(s, parameters, workspace, ROWS);
    plan.backward::<ROWS>(s, parameters, workspace, scale::<ROWS>());
    for (index, operation) in plan.operations.iter().enumerate() {
        let Some(product) = operation.product().filter(|_| operation.trainable) else { continue };
        let (input, after) = workspace.around(index);
        product.parameter_gradient_small_batch::<S, ROWS>(s, input, after, gradient);
    }
}

/// Returns the factor of each row's gradient: 1 / rows.
#[inline(always)]
pub(super) fn scale<const ROWS: usize>() -> f32 {
    (1.0 / ROWS as f64) as f32
}
