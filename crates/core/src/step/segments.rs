//! Steps of networks with operations that need statistics over all rows of a batch. The threads wait for each
//! other at each such operation, in the forward and in the backward pass.

use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::Simd;
use crate::state::State;
use crate::workspace::{Batch, Workspace};

/// Runs the rows of the first workspaces forward and backward.
pub(super) fn pass<S: Simd>(
    state: &mut State<S>,
    team: &mut ScopedThreads<'_>,
    shards: usize,
    batch: Batch<'_>,
) {
    forward(state, team, shards, batch);
    backward(state, team, shards, batch);
}

fn forward<S: Simd>(state: &mut State<S>, team: &mut ScopedThreads<'_>, shards: usize, batch: Batch<'_>) {
    let State { s, plan, parameters, statistics, workspaces, .. } = state;
    let (s, workspaces) = (*s, &mut workspaces[..shards]);
    let mut start = 0;
    for (number, &end) in plan.standardized.iter().enumerate() {
        team.each(workspaces, |shard: &mut Workspace| {
            plan.forward_segment(s, parameters, shard, batch, (start..end, Some(statistics)));
        });
        let inputs = workspaces.iter().map(|shard| (shard.around(end).0, shard.rows));
        let standardize = plan.operations[end].standardize();
        standardize.measure(s, inputs, &mut statistics[number], batch.rows);
        if batch.moment.is_some() {
            standardize.update_running(s, &statistics[number], parameters, batch.rows);
        }
        start = end;
    }
    let rest = start..plan.operations.len();
    team.each(workspaces, |shard: &mut Workspace| {
        plan.forward_segment(s, parameters, shard, batch, (rest.clone(), Some(statistics)));
    });
}

fn backward<S: Simd>(state: &mut State<S>, team: &mut ScopedThreads<'_>, shards: usize, batch: Batch<'_>) {
    let State { s, plan, parameters, statistics, workspaces, .. } = state;
    let (s, workspaces) = (*s, &mut workspaces[..shards]);
    let mut end = plan.operations.len();
    for (number, &index) in plan.standardized.iter().enumerate().rev() {
        if index <= plan.first_trained {
            break;
        }
        team.each(workspaces, |shard: &mut Workspace| {
            plan.backward_segment(s, parameters, shard, batch, (index + 1..end, Some(statistics)));
        });
        let outputs =
            workspaces.iter().map(|shard| (shard.around(index).1, &shard.outputs[index], shard.rows));
        plan.operations[index].standardize().measure_gradient(
            s,
            outputs,
            &mut statistics[number],
            batch.rows,
        );
        end = index + 1;
    }
    let rest = plan.first_trained + 1..end;
    team.each(workspaces, |shard: &mut Workspace| {
        plan.backward_segment(s, parameters, shard, batch, (rest.clone(), Some(statistics)));
    });
}
