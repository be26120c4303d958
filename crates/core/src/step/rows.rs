//! Processes a batch chunk by chunk. The threads divide the rows of a chunk for the forward and backward
//! passes. Then they divide the parameters: each computes the gradients of its part and updates it.

use super::{StepThreads, Turn, first_by_panels, segments};
use crate::engine::StepFactors;
use crate::engine::codes::Layout;
use crate::engine::gradient_target::{Destination, GradientTarget};
use crate::engine::panels::Line;
use crate::engine::simd::Simd;
use crate::state::State;
use crate::workspace::Batch;
use std::ops::Range;

/// Runs the chunks of a batch forward and backward, and returns the sum of the losses. Adds the gradients to
/// `state.gradient`. With an update, the gradient of the last chunk goes directly into the update instead.
pub(super) fn process<S: Simd>(
    state: &mut State<S>,
    threads: &mut StepThreads<'_, '_>,
    batch: Batch<'_>,
    Turn { first, update }: Turn,
    mut output: Option<&mut [f32]>,
) -> f64 {
    let mut loss = 0.0;
    for chunk in batch.chunks(state.plan.chunk_rows()) {
        let shards = pass(state, threads, batch, &chunk);
        let workspaces = state.workspaces[..shards].iter();
        loss += workspaces.fold(0.0, |sum, shard| shard.add_losses(sum, shard.rows));
        state.write_predictions(shards, batch, output.as_deref_mut());
        let is_first = first && chunk.start == 0;
        let update = update.filter(|_| chunk.end == batch.rows);
        let layout = batch.codes.map(|codes| &codes.layout);
        take_gradients(state, threads, (shards, chunk.start), is_first, update, layout);
    }
    loss
}

/// Divides the rows of a chunk among the threads and runs them forward and backward. Returns the number of
/// threads that had rows.
fn pass<S: Simd>(
    state: &mut State<S>,
    threads: &mut StepThreads<'_, '_>,
    batch: Batch<'_>,
    chunk: &Range<usize>,
) -> usize {
    let rows = chunk.len();
    // Rows that are multiplied together stay together.
    let unit = state.plan.precision.terms();
    let units = rows.div_ceil(unit);
    let shards = if threads.alone { 1 } else { (state.cuts.len() - 1).min(units) };
    for (thread, workspace) in state.workspaces[..shards].iter_mut().enumerate() {
        let cut = |thread: usize| (units * thread / shards * unit).min(rows);
        let (from, to) = (cut(thread), cut(thread + 1));
        workspace.take(chunk.start + from, to - from);
    }
    if !state.plan.standardized.is_empty() {
        segments::pass(state, threads.team, shards, batch);
    } else if state.first.is_some() && !threads.alone {
        first_by_panels::pass(state, threads.team, shards, (batch, chunk));
    } else {
        let (s, plan, parameters) = (state.s, &*state.plan, &state.parameters[..]);
        let workspaces = &mut state.workspaces[..shards];
        threads.team.each(workspaces, |workspace| plan.pass(s, parameters, workspace, batch));
    }
    shards
}

/// Computes the gradients of the parameters from the first workspaces, which contain the chunk from row
/// `start`, and updates the parameters if there is an update.
fn take_gradients<S: Simd>(
    state: &mut State<S>,
    threads: &mut StepThreads<'_, '_>,
    (shards, start): (usize, usize),
    is_first: bool,
    update: Option<StepFactors>,
    layout: Option<&Layout>,
) {
    let whole = [0, state.plan.lines];
    let State {
        s, plan, parameters, slots, gradient, workspaces, blocks, cuts, first, group_factors, ..
    } = state;
    let inputs = first.as_ref().filter(|_| !threads.alone).map(|first| &first.inputs);
    let input = |thread: usize| inputs.map(|inputs| (&inputs[thread], start));
    let (s, plan, shards) = (*s, &**plan, &workspaces[..shards]);
    let cuts = if threads.alone { &whole[..] } else { &cuts[..] };
    let blocks = &mut blocks[..cuts.len() - 1];
    let count = plan.update.slots();
    let gradients = |thread: usize, destination: Destination<'_, S>, block: &mut [Line]| {
        let lines = cuts[thread]..cuts[thread + 1];
        let target = GradientTarget { first: lines.start, destination };
        plan.parameter_gradients(s, shards, input(thread), lines, target, block, layout);
    };
    if let Some(factors) = update {
        let before = (!is_first).then_some(&gradient[..]);
        let slices = [(&mut parameters[..], 1), (&mut slots[..], count)];
        threads.team.split(blocks, slices, cuts, |thread, block, [parameters, slots]| {
            let before = before.map(|before| &before[cuts[thread]..cuts[thread + 1]]);
            let destination = plan.destination((factors, group_factors), parameters, slots, before);
            gradients(thread, destination, block);
        });
    } else {
        threads.team.split(blocks, [(gradient, 1)], cuts, |thread, block, [gradient]| {
            let destination =
                if is_first { Destination::Write(gradient) } else { Destination::Add(gradient) };
            gradients(thread, destination, block);
        });
    }
}
