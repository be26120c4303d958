//! Divides the panels of the first product's output among the threads, instead of its rows. Each thread
//! multiplies all rows of the chunk by the weights of its panels, and later updates them. No other thread
//! reads these weights.

use crate::engine::epilogue::{Apply, PanelEpilogue};
use crate::engine::panels::{Line, Panels, panels};
use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::plan::Plan;
use crate::state::State;
use crate::ways::Way;
use crate::workspace::{Batch, Workspace};
use std::ops::Range;

/// The buffers for the first product.
pub(crate) struct FirstByPanels {
    /// The rows of the chunk, a copy for each thread.
    pub(super) inputs: Vec<Panels>,
    /// The output of the product.
    output: Panels,
    /// The first panel of each thread, and the number of panels.
    cuts: Vec<usize>,
}

/// Returns whether dividing the panels of the first product moves less data than dividing the rows: its
/// weights must be more than twice its inputs and outputs for `rows` rows.
pub(crate) fn fits(way: &Way, rows: usize, threads: usize) -> bool {
    way.first_product().is_some_and(|product| {
        let (inputs, outputs) = (panels(product.inputs), panels(product.outputs));
        threads > 1 && outputs >= 2 * threads && product.weight.len() > 2 * rows * (inputs + outputs)
    })
}

/// Allocates the buffers for a chunk of `rows` rows.
pub(crate) fn reserve<S: Simd>(state: &mut State<S>, rows: usize, threads: usize) -> Result<()> {
    let Some(product) = state.plan.way.first_product() else { return Ok(()) };
    if state.first.as_ref().is_some_and(|first| first.output.capacity() >= rows) {
        return Ok(());
    }
    let panel = |line: &usize| (line - product.weight.start).min(product.weight.len()) / product.inputs;
    let mut cuts: Vec<_> = state.cuts.iter().map(panel).collect();
    cuts[threads] = panels(product.outputs);
    let inputs = (0..threads).map(|_| Panels::new(product.inputs, rows)).collect::<Result<_>>()?;
    let output = Panels::new(product.outputs, rows)?;
    state.first = Some(FirstByPanels { inputs, output, cuts });
    Ok(())
}

/// Runs the rows of a chunk forward and backward.
pub(super) fn pass<S: Simd>(
    state: &mut State<S>,
    team: &mut ScopedThreads<'_>,
    shards: usize,
    (batch, chunk): (Batch<'_>, &Range<usize>),
) {
    let (s, plan, parameters, rows) = (state.s, &*state.plan, &state.parameters[..], chunk.len());
    let Some((first, product)) = state.first.as_mut().zip(plan.way.first_product()) else {
        unreachable!("`reserve` has made room for the first product");
    };
    let FirstByPanels { inputs, output, cuts } = first;
    let stride = output.capacity();
    let lines = output.lines_mut(0..panels(product.outputs) * stride);
    team.split(inputs, [(lines, stride)], cuts, |thread, input, [output]| {
        batch.gather_inputs(input, chunk.clone());
        let panels = cuts[thread]..cuts[thread + 1];
        s.run(
            #[inline(always)]
            || product.forward_panels(s, parameters, input, output, stride, panels.clone(), rows),
        );
    });
    let done = (&*output, chunk.start);
    team.each(&mut state.workspaces[..shards], |workspace| {
        pass_from_product(plan, s, parameters, workspace, batch, done);
    });
}

/// Runs one thread's rows forward from the output of the first product, then backward. `product` is that
/// output for the chunk that begins with row `start` of the batch.
fn pass_from_product<S: Simd>(
    plan: &Plan<S>,
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
    let epilogue = plan.operations[0].epilogue.as_deref();
    let panels = 0..output.count();
    Apply { epilogue, derivatives: workspace.derivatives[0].as_mut() }.apply(s, output, panels, rows);
    plan.forward_rows(s, parameters, workspace, rows, (1..plan.operations.len(), None));
    let operations = plan.first_trained + 1..plan.operations.len();
    plan.backward_segment(s, parameters, workspace, batch, (operations, None));
}
