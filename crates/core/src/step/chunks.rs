//! Each thread processes whole chunks of a large batch, for networks of few parameters. The threads exchange
//! only gradients. If the rows of a chunk were divided, they would exchange its activations, too.

use super::StepThreads;
use crate::engine::CHUNK_ROWS;
use crate::engine::gradient_target::{Destination, GradientTarget};
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::plan::Plan;
use crate::state::State;
use crate::ways::Way;
use crate::workspace::{Batch, Workspace};

/// Returns whether a batch of `rows` rows has a chunk for each thread, and the network is small enough.
pub(crate) fn fit(way: &Way, rows: usize, threads: usize) -> bool {
    way.has_chunks() && threads > 1 && rows.div_ceil(CHUNK_ROWS) >= threads
}

/// Processes all chunks of a batch, adds their gradients in order, and returns the sum of the losses.
pub(super) fn collect<S: Simd>(
    state: &mut State<S>,
    threads: &mut StepThreads<'_, '_>,
    batch: Batch<'_>,
    first: bool,
    mut output: Option<&mut [f32]>,
) -> f64 {
    let thread_count = state.cuts.len() - 1;
    let mut loss = 0.0;
    let mut from = 0;
    while from < batch.rows {
        let count = thread_count.min((batch.rows - from).div_ceil(CHUNK_ROWS));
        let (s, plan, parameters) = (state.s, &*state.plan, &state.parameters[..]);
        let workspaces = &mut state.workspaces[..count];
        for workspace in workspaces.iter_mut() {
            let rows = (batch.rows - from).min(CHUNK_ROWS);
            workspace.take(from, rows);
            from += rows;
        }
        threads.team.each(workspaces, |workspace| pass(plan, s, parameters, workspace, batch));
        for workspace in workspaces {
            loss += workspace.add_losses(0.0, workspace.rows);
            match first && workspace.from == 0 {
                true => state.gradient.copy_from_slice(&workspace.partial),
                false => add_lines(s, &mut state.gradient, &workspace.partial),
            }
        }
        state.write_predictions(count, batch, output.as_deref_mut());
    }
    loss
}

/// Processes one chunk on one thread and writes its gradient into `workspace.partial`.
fn pass<S: Simd>(plan: &Plan<S>, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
    plan.pass(s, parameters, workspace, batch);
    let mut partial = std::mem::take(&mut workspace.partial);
    let mut block = std::mem::take(&mut workspace.scratch);
    let target = GradientTarget { first: 0, destination: Destination::Write(&mut partial) };
    let shard = std::slice::from_ref(workspace);
    plan.parameter_gradients(s, shard, None, 0..plan.lines, target, &mut block, None);
    (workspace.partial, workspace.scratch) = (partial, block);
}

fn add_lines<S: Simd>(s: S, sums: &mut [Line], lines: &[Line]) {
    s.run(
        #[inline(always)]
        || {
            for (sum, line) in sums.iter_mut().zip(lines) {
                s.store(s.add(s.load(sum), s.load(line)), sum);
            }
        },
    );
}
