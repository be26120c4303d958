//! Prediction and evaluation: the forward pass without a backward pass.

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::codes::{Codes, Layout};
use crate::engine::huge_pages::{filled, reserve};
use crate::engine::panels::Line;
use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;
use crate::network::{Published, lock};
use crate::plan::Plan;
use crate::run::{Threads, WORTH_A_TEAM};
use crate::workspace::{Batch, Workspace};
use std::ops::Range;
use std::sync::Arc;

/// Returns an error unless a slice has room for exactly `count` values.
pub(crate) fn expect_room(values: &[f32], count: usize) -> Result<()> {
    ensure!(values.len() == count, "expected room for {count} values, received {}", values.len());
    Ok(())
}

/// A predictor whose instruction set is not part of its type.
trait Predict: Send {
    fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()>;
    fn evaluate(&mut self, data: &Dataset<'_>, output: Option<&mut [f32]>, threads: Threads) -> Result<f64>;
    fn count(&self) -> usize;
    fn widths(&self) -> (usize, usize);
    fn parameters(&self, values: &mut [f32]);
}

/// Predicts with the parameters of the last complete epoch. It has its own buffers, so it can run while the
/// network trains.
pub struct Predictor(Box<dyn Predict>);

impl Predictor {
    pub(crate) fn new<S: Simd>(s: S, plan: &Arc<Plan<S>>, published: &Published) -> Result<Self> {
        let forward = Forward::new(s, Arc::clone(plan))?;
        Ok(Predictor(Box::new(PublishedNetwork { forward, published: Arc::clone(published) })))
    }

    /// Writes the predictions for `x`, `[rows][inputs]`, into `output`, `[rows][outputs]`. Returns an error if
    /// a value of `x` is not finite; some of the output may then have been written.
    pub fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()> {
        self.0.predict(x, output, threads)
    }

    /// Returns the mean loss of the rows. Writes their predictions into `output`, `[rows][outputs]`, if there
    /// is one.
    pub fn evaluate(
        &mut self,
        data: &Dataset<'_>,
        output: Option<&mut [f32]>,
        threads: Threads,
    ) -> Result<f64> {
        self.0.evaluate(data, output, threads)
    }

    /// Returns a copy of the parameters that it predicts with, in the order of [`crate::Part::Parameters`].
    pub fn parameters(&self) -> Result<Vec<f32>> {
        let mut values = filled(0.0, self.0.count())?;
        self.0.parameters(&mut values);
        Ok(values)
    }

    /// Writes the parameters that it predicts with into `values`.
    pub fn parameters_into(&self, values: &mut [f32]) -> Result<()> {
        expect_room(values, self.0.count())?;
        self.0.parameters(values);
        Ok(())
    }

    /// Returns the number of values in a row of x and of the targets.
    pub fn widths(&self) -> (usize, usize) {
        self.0.widths()
    }
}

/// The forward pass with the published parameters of a network.
struct PublishedNetwork<S: Simd> {
    forward: Forward<S>,
    published: Published,
}

impl<S: Simd> Predict for PublishedNetwork<S> {
    fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()> {
        let PublishedNetwork { forward, published } = self;
        let (inputs, outputs) = (forward.plan.inputs, forward.plan.outputs());
        let rows = x.len() / inputs;
        ensure!(x.len() == rows * inputs, "x: expected a multiple of {inputs} values, received {}", x.len());
        ensure!(
            Some(output.len()) == rows.checked_mul(outputs),
            "output: expected {rows} rows of {outputs}, received {} values",
            output.len()
        );
        forward.plan.check_categories(x)?;
        if rows <= 1 {
            forward.reserve(rows, 1)?;
            let published = lock(published);
            return predict(&forward.plan, forward.s, &published, &mut forward.workspaces[0], x, output);
        }
        threads.team(pays(&forward.plan, rows), |team| {
            let share = rows.div_ceil(team.threads());
            forward.reserve(rows, team.threads())?;
            let Forward { s, plan, workspaces, .. } = forward;
            let parameters = lock(published);
            let pieces = x.chunks(share * inputs).zip(output.chunks_mut(share * outputs));
            let shares = workspaces.iter_mut().zip(pieces);
            let mut shares: Vec<_> =
                shares.map(|(workspace, rows)| ThreadWork { workspace, rows: (rows, Ok(())) }).collect();
            team.each(&mut shares, |ThreadWork { workspace, rows: ((x, output), result) }| {
                *result = predict(plan, *s, &parameters, workspace, x, output);
            });
            shares.into_iter().try_for_each(|ThreadWork { rows: (_, result), .. }| result)
        })
    }

    fn evaluate(&mut self, data: &Dataset<'_>, output: Option<&mut [f32]>, threads: Threads) -> Result<f64> {
        let PublishedNetwork { forward, published } = self;
        forward.plan.check(data)?;
        if let Some(output) = &output {
            let (rows, outputs) = (data.rows(), forward.plan.outputs());
            ensure!(
                Some(output.len()) == rows.checked_mul(outputs),
                "output: expected {rows} rows of {outputs}, received {} values",
                output.len()
            );
        }
        threads.team(pays(&forward.plan, data.rows()), |team| {
            forward.reserve(data.rows(), team.threads())?;
            forward.reserve_losses(data.rows())?;
            forward.evaluate(team, &lock(published), (data, None), 0..data.rows(), output);
            Ok(forward.mean_loss())
        })
    }

    fn count(&self) -> usize {
        self.forward.plan.parameters
    }

    fn widths(&self) -> (usize, usize) {
        self.forward.plan.widths()
    }

    fn parameters(&self, values: &mut [f32]) {
        self.forward.plan.read(&lock(&self.published), 1, 0, values);
    }
}

/// The forward pass on several threads, and its memory. The parameters are passed to each call.
pub(crate) struct Forward<S: Simd> {
    s: S,
    plan: Arc<Plan<S>>,
    /// One for each thread.
    workspaces: Vec<Workspace>,
    /// The loss of each row.
    losses: Vec<f32>,
}

/// The rows of one thread, and its workspace.
struct ThreadWork<'a, T> {
    workspace: &'a mut Workspace,
    rows: T,
}

impl<S: Simd> Forward<S> {
    pub(crate) fn new(s: S, plan: Arc<Plan<S>>) -> Result<Self> {
        let workspaces = vec![Workspace::new(&plan, 0, false)?];
        Ok(Forward { s, plan, workspaces, losses: Vec::new() })
    }

    /// Makes room for `rows` rows, divided among `threads` threads.
    pub(crate) fn reserve(&mut self, rows: usize, threads: usize) -> Result<()> {
        while self.workspaces.len() < threads {
            self.workspaces.push(Workspace::new(&self.plan, 0, false)?);
        }
        self.workspaces[..threads]
            .iter_mut()
            .try_for_each(|workspace| workspace.reserve(&self.plan, rows.div_ceil(threads), false))
    }

    /// Makes room for the codes of rows, after [`reserve`](Self::reserve).
    pub(crate) fn reserve_codes(&mut self, layout: &Layout, rows: usize, threads: usize) -> Result<()> {
        let rows = rows.div_ceil(threads).min(CHUNK_ROWS);
        let workspaces = self.workspaces[..threads].iter_mut();
        workspaces.map(|workspace| &mut workspace.coded).try_for_each(|coded| coded.reserve(layout, rows))
    }

    /// Makes room for the losses of `rows` rows.
    pub(crate) fn reserve_losses(&mut self, rows: usize) -> Result<()> {
        reserve(&mut self.losses, rows)
    }

    /// Computes the losses of the rows in `range`, for which the caller has reserved memory, from codes if
    /// they are given. Writes their predictions into `output`, which has room for those of all rows, if there
    /// is one.
    pub(crate) fn evaluate(
        &mut self,
        team: &mut ScopedThreads<'_>,
        parameters: &[Line],
        (data, codes): (&Dataset<'_>, Option<&Codes>),
        range: Range<usize>,
        output: Option<&mut [f32]>,
    ) {
        let share = range.len().div_ceil(team.threads());
        self.losses.resize(data.rows(), 0.0);
        let Forward { s, plan, workspaces, losses } = self;
        let width = plan.outputs();
        let output = output.map(|output| &mut output[range.start * width..range.end * width]);
        let mut outputs = output.map(|output| output.chunks_mut(share * width));
        let pieces = losses[range.clone()].chunks_mut(share).enumerate();
        let shares = workspaces.iter_mut().zip(pieces).map(|(workspace, (thread, losses))| {
            let (start, rows) = (range.start + thread * share, losses.len());
            let batch = Batch { data, order: None, start, rows, of: 1, moment: None, codes };
            let output = outputs.as_mut().and_then(Iterator::next);
            ThreadWork { workspace, rows: (batch, losses, output) }
        });
        let mut shares: Vec<_> = shares.collect();
        team.each(&mut shares, |ThreadWork { workspace, rows: (batch, losses, output) }| {
            row_losses(plan, *s, parameters, workspace, *batch, losses, output.as_deref_mut());
        });
    }

    /// Returns the mean of the losses of all rows. It adds them in the order of the rows, so that neither the
    /// number of threads nor the ranges change the sum.
    pub(crate) fn mean_loss(&self) -> f64 {
        self.losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / self.losses.len() as f64
    }
}

/// Returns whether several threads make the forward pass of `rows` rows faster.
fn pays<S: Simd>(plan: &Plan<S>, rows: usize) -> bool {
    // The forward pass has about a third of the multiply-adds of training.
    (plan.multiply_adds() as u64).saturating_mul(rows as u64) / 3 >= WORTH_A_TEAM
}

/// Predicts rows of x, a chunk at a time. Each chunk is checked where it has just been copied.
fn predict<S: Simd>(
    plan: &Plan<S>,
    s: S,
    parameters: &[Line],
    workspace: &mut Workspace,
    x: &[f32],
    output: &mut [f32],
) -> Result<()> {
    let (inputs, outputs) = (plan.inputs, plan.outputs());
    let chunks = x.chunks(inputs * CHUNK_ROWS).zip(output.chunks_mut(outputs * CHUNK_ROWS));
    for (x, output) in chunks {
        let rows = x.len() / inputs;
        for (row, values) in x.chunks_exact(inputs).enumerate() {
            workspace.input.set_row(row, values);
        }
        ensure!(workspace.input.is_finite(s, rows), "x: expected finite values");
        plan.forward_rows(s, parameters, workspace, rows, (0..plan.operations.len(), None));
        plan.hand_out(s, workspace, rows, output, |row| row);
    }
    Ok(())
}

/// Computes the losses of a batch's rows, a chunk at a time, and writes their predictions into `output`, if
/// there is one.
fn row_losses<S: Simd>(
    plan: &Plan<S>,
    s: S,
    parameters: &[Line],
    workspace: &mut Workspace,
    batch: Batch<'_>,
    losses: &mut [f32],
    output: Option<&mut [f32]>,
) {
    let mut outputs = output.map(|output| output.chunks_mut(plan.outputs() * CHUNK_ROWS));
    for (index, losses) in losses.chunks_mut(CHUNK_ROWS).enumerate() {
        workspace.take(index * CHUNK_ROWS, losses.len());
        plan.forward_segment(s, parameters, workspace, batch, (0..plan.operations.len(), None));
        plan.losses(s, workspace, losses);
        if let Some(output) = outputs.as_mut().and_then(Iterator::next) {
            plan.hand_out(s, workspace, losses.len(), output, |row| row);
        }
    }
}
