//! The state of a network in training, and a step of it: who does what, on one thread or on several.
//!
//! Four ways, told apart by shapes and threads, with the same bits. *Small network*: few rows and few parameters,
//! all in one function on one thread. *Rows*: each thread takes rows of a chunk forward and back, then
//! all meet and each takes parameters, with their gradients and their update. *Panels*: the same, but the
//! outputs of a first layer that has nearly all weights are shared out, and not its rows: else half of
//! the weights would go from one thread to the other in each step. *Chunks*: each thread takes whole
//! chunks of a large batch over a small network, and only gradients meet.

use crate::engine::gradient_target::{Destination, GradientTarget, Updates, target_lines};
use crate::engine::panels::{Line, Panels, panels, zeros};
use crate::engine::scoped_threads::{MOST_THREADS, ScopedThreads};
use crate::engine::simd::{Instructions, Simd};
use crate::engine::small_batch::{SMALL_BATCH_ROWS, with_batch_size};
use crate::engine::standardize::Figures;
use crate::engine::thread_tuner::ThreadTuner;
use crate::engine::{CHUNK_ROWS, Now, Powers};
use crate::errors::Result;
use crate::network::{Published, lock};
use crate::predictor::Forward;
use crate::program::Plan;
use crate::small_network::{SmallNetwork, Steps};
use crate::workspace::{Batch, Workspace};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// The first product, whose panels of outputs are shared out: each thread has the weights of its panels,
/// which it also updates, to itself, and goes through all rows of the chunk.
struct FirstByPanels {
    /// Each thread's copy of the rows.
    inputs: Vec<Panels>,
    /// The product's output.
    output: Panels,
    /// The first panel of each thread, and their number.
    cuts: Vec<usize>,
}

/// What a step is to an update.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// Whether it is the first that the update takes.
    pub first: bool,
    /// What the update needs, if it is the last.
    pub update: Option<Now>,
}

/// Parameters, optimizer state and scratch memory of one network, for one instruction set.
pub(crate) struct State<S: Simd> {
    pub(crate) s: S,
    pub(crate) plan: Arc<Plan<S>>,
    pub(crate) parameters: Vec<Line>,
    pub(crate) slots: Vec<Line>,
    /// The optimizer's state when `published` was written.
    pub(crate) published_slots: Vec<Line>,
    pub(crate) published: Published,
    /// Where gradients are added up when a batch has several chunks, or an update several batches. A run that
    /// is stopped between these goes on with it.
    pub(crate) gradient: Vec<Line>,
    /// One for each thread.
    workspaces: Vec<Workspace>,
    /// Where each thread's gradients wait for the target.
    blocks: Vec<Vec<Line>>,
    /// Where the threads' parameters are cut.
    cuts: Vec<usize>,
    first: Option<FirstByPanels>,
    pub(crate) powers: Powers,
    pub(crate) tuner: Option<ThreadTuner>,
    /// What is known of all rows of the batch, for each operation that needs it.
    figures: Vec<Figures>,
    /// The order of the rows in the epoch at hand.
    pub(crate) order: Vec<u32>,
    /// What validates, once a run has done so.
    pub(crate) forward: Option<Forward<S>>,
}

impl<S: Simd> State<S> {
    pub(crate) fn new(s: S, program: &str) -> Result<Self> {
        let plan = Plan::compile(program)?;
        let (lines, slots) = (Some(plan.lines), plan.lines.checked_mul(plan.update.slots()));
        Ok(State {
            s,
            parameters: zeros(lines)?,
            slots: zeros(slots)?,
            published_slots: zeros(slots)?,
            published: Arc::new(Mutex::new(zeros(lines)?)),
            gradient: Vec::new(),
            workspaces: Vec::new(),
            blocks: Vec::new(),
            cuts: Vec::new(),
            first: None,
            powers: Powers::default(),
            tuner: None,
            plan: Arc::new(plan),
            figures: Vec::new(),
            order: Vec::new(),
            forward: None,
        })
    }

    /// Makes room for batches of so many rows on so many threads, so that a step allocates nothing.
    pub(crate) fn reserve(&mut self, rows: usize, threads: usize) -> Result<()> {
        while self.workspaces.len() < threads {
            let block = zeros(Some(target_lines(self.plan.lines)))?;
            self.workspaces.push(Workspace::new(&self.plan, 0, true)?);
            self.blocks.push(block);
        }
        let apart = self.takes_chunks_apart(rows, threads);
        for (thread, workspace) in self.workspaces[..threads].iter_mut().enumerate() {
            // The first takes all rows where one thread turns out to be faster.
            let chunk = rows.min(self.plan.chunk_rows());
            let all = thread == 0 || apart;
            workspace.reserve(&self.plan, if all { chunk } else { chunk.div_ceil(threads) }, true)?;
            if apart && workspace.partial.is_empty() {
                workspace.partial = zeros(Some(self.plan.lines))?;
            }
        }
        for operation in &self.plan.standardized[self.figures.len()..] {
            self.figures.push(Figures::new(self.plan.operations[*operation].outputs)?);
        }
        let by_panels = !apart && self.takes_first_by_panels(rows, threads);
        if self.cuts.len() != threads + 1 || by_panels != self.first.is_some() {
            self.cuts = self.plan.cuts(threads, by_panels);
            self.first = None;
        }
        if by_panels {
            self.reserve_first(rows.min(CHUNK_ROWS), threads)?;
        }
        if rows > self.plan.chunk_rows() { self.reserve_gradient() } else { Ok(()) }
    }

    /// Whether each thread takes whole chunks of such a batch. Then nothing but gradients goes from one to
    /// the other, where rows shared out send all activations of a chunk.
    fn takes_chunks_apart(&self, rows: usize, threads: usize) -> bool {
        threads > 1 && rows.div_ceil(self.plan.chunk_rows()) >= threads && self.plan.lines <= APART_LINES
    }

    /// Whether the panels of the first product are shared out, and not its rows: where its weights are more
    /// than the rows and activations that each thread needs then.
    fn takes_first_by_panels(&self, rows: usize, threads: usize) -> bool {
        self.plan.large_first().is_some_and(|product| {
            let (inputs, outputs) = (panels(product.inputs), panels(product.outputs));
            threads > 1 && outputs >= 2 * threads && product.weight.len() > 2 * rows * (inputs + outputs)
        })
    }

    fn reserve_first(&mut self, rows: usize, threads: usize) -> Result<()> {
        let Some(product) = self.plan.large_first() else { return Ok(()) };
        if self.first.as_ref().is_some_and(|first| first.output.capacity() >= rows) {
            return Ok(());
        }
        let panel = |line: &usize| (line - product.weight.start).min(product.weight.len()) / product.inputs;
        let mut cuts: Vec<_> = self.cuts.iter().map(panel).collect();
        cuts[threads] = panels(product.outputs);
        let inputs = (0..threads).map(|_| Panels::new(product.inputs, rows)).collect::<Result<_>>()?;
        let output = Panels::new(product.outputs, rows)?;
        self.first = Some(FirstByPanels { inputs, output, cuts });
        Ok(())
    }

    pub(crate) fn reserve_gradient(&mut self) -> Result<()> {
        if self.gradient.is_empty() {
            self.gradient = zeros(Some(self.plan.lines))?;
        }
        Ok(())
    }

    /// One step on all threads that room was made for, or on one alone; the sum of the rows' losses before
    /// it. NaN, and no update, where the norm of the gradient is asked for and is not finite. The rows'
    /// predictions go to their places in `output`, if there is one.
    pub(crate) fn step(
        &mut self,
        team: &mut ScopedThreads<'_>,
        alone: bool,
        batch: Batch<'_>,
        turn: Turn,
        output: Option<&mut [f32]>,
    ) -> f64 {
        let at_once = batch.of == 1 && !self.plan.collects();
        if let Some(now) = turn.update.filter(|_| at_once) {
            return self.step_at_once(team, alone, batch, now, output);
        }
        let loss = match self.apart(alone, batch.rows) {
            true => self.collect_apart(team, batch, turn.first, output),
            false => self.go_through(team, alone, batch, (turn.first, None), output),
        };
        match turn.update {
            Some(now) if !self.update(team, alone, now) => f64::NAN,
            _ => loss,
        }
    }

    /// A step whose parameters are updated as soon as their gradients are finished.
    fn step_at_once(
        &mut self,
        team: &mut ScopedThreads<'_>,
        alone: bool,
        batch: Batch<'_>,
        now: Now,
        output: Option<&mut [f32]>,
    ) -> f64 {
        if !self.apart(alone, batch.rows) {
            return self.go_through(team, alone, batch, (true, Some(now)), output);
        }
        let loss = self.collect_apart(team, batch, true, output);
        self.update(team, true, now);
        loss
    }

    /// Updates all parameters from `gradient`; false, and no update, where its norm is asked for and is not
    /// finite.
    fn update(&mut self, team: &mut ScopedThreads<'_>, alone: bool, now: Now) -> bool {
        let State { s, plan, parameters, slots, gradient, .. } = self;
        plan.update(*s, team, alone, now, [parameters, slots, gradient])
    }

    /// Whether threads take whole chunks of so many rows.
    fn apart(&self, alone: bool, rows: usize) -> bool {
        !alone && self.takes_chunks_apart(rows, self.cuts.len() - 1)
    }

    /// Takes the chunks of a batch forward and back, one after the other, and collects their gradients: `first`
    /// says that `gradient` holds none yet. That of the last chunk goes on into the update, if there is one.
    fn go_through(
        &mut self,
        team: &mut ScopedThreads<'_>,
        alone: bool,
        batch: Batch<'_>,
        (first, update): (bool, Option<Now>),
        mut output: Option<&mut [f32]>,
    ) -> f64 {
        let mut loss = 0.0;
        for chunk in batch.chunks(self.plan.chunk_rows()) {
            let shards = self.pass(team, alone, batch, &chunk);
            loss += self.loss(shards);
            self.hand_out(shards, batch, output.as_deref_mut());
            let is_first = first && chunk.start == 0;
            let update = update.filter(|_| chunk.end == batch.rows);
            self.take_gradients(team, alone, (shards, chunk.start), is_first, update);
        }
        loss
    }

    /// The gradients over the rows of so many workspaces, of the chunk that starts there.
    fn take_gradients(
        &mut self,
        team: &mut ScopedThreads<'_>,
        alone: bool,
        (shards, start): (usize, usize),
        is_first: bool,
        update: Option<Now>,
    ) {
        let whole = [0, self.plan.lines];
        let State { s, plan, parameters, slots, gradient, workspaces, blocks, cuts, first, .. } = self;
        let inputs = first.as_ref().filter(|_| !alone).map(|first| &first.inputs);
        let input = |thread: usize| inputs.map(|inputs| (&inputs[thread], start));
        let (s, plan, shards) = (*s, &**plan, &workspaces[..shards]);
        let cuts = if alone { &whole[..] } else { &cuts[..] };
        let blocks = &mut blocks[..cuts.len() - 1];
        let count = plan.update.slots();
        let gradients = |thread: usize, target: Destination<'_, S>, block: &mut [Line]| {
            let lines = cuts[thread]..cuts[thread + 1];
            let target = GradientTarget { first: lines.start, target };
            plan.parameter_gradients(s, shards, input(thread), lines, target, block);
        };
        if let Some(now) = update {
            let before = (!is_first).then_some(&gradient[..]);
            let slices = [(&mut parameters[..], 1), (&mut slots[..], count)];
            team.split(blocks, slices, cuts, |thread, block, [parameters, slots]| {
                let updates = Updates { update: &*plan.update, now, parameters, slots, count };
                let target = match before {
                    Some(before) => Destination::UpdateWith(updates, &before[cuts[thread]..cuts[thread + 1]]),
                    None => Destination::Update(updates),
                };
                gradients(thread, target, block);
            });
        } else {
            team.split(blocks, [(gradient, 1)], cuts, |thread, block, [gradient]| {
                let target = if is_first { Destination::Write(gradient) } else { Destination::Add(gradient) };
                gradients(thread, target, block);
            });
        }
    }

    /// The same where whole chunks are shared out; their gradients are added in order.
    fn collect_apart(
        &mut self,
        team: &mut ScopedThreads<'_>,
        batch: Batch<'_>,
        first: bool,
        mut output: Option<&mut [f32]>,
    ) -> f64 {
        let threads = self.cuts.len() - 1;
        let mut loss = 0.0;
        let mut from = 0;
        while from < batch.rows {
            let count = threads.min((batch.rows - from).div_ceil(CHUNK_ROWS));
            let (s, plan, parameters) = (self.s, &*self.plan, &self.parameters[..]);
            let workspaces = &mut self.workspaces[..count];
            for workspace in workspaces.iter_mut() {
                let rows = (batch.rows - from).min(CHUNK_ROWS);
                workspace.take(from, rows);
                from += rows;
            }
            team.each(workspaces, |workspace| plan.pass_apart(s, parameters, workspace, batch));
            for workspace in workspaces {
                loss += workspace.add_losses(0.0, workspace.rows);
                match first && workspace.from == 0 {
                    true => self.gradient.copy_from_slice(&workspace.partial),
                    false => add_lines(s, &mut self.gradient, &workspace.partial),
                }
            }
            self.hand_out(count, batch, output.as_deref_mut());
        }
        loss
    }

    /// Whether steps of so many rows, each with an update of its own, are tiny ones.
    pub(crate) fn takes_small_network_steps(&self, rows: usize) -> bool {
        let plan = &self.plan;
        // Portable code gains nothing from steps of a known number of rows: its multiply-adds are calls.
        let has_lanes = S::INSTRUCTIONS != Instructions::Portable;
        has_lanes
            && rows <= SMALL_BATCH_ROWS
            && plan.is_plain
            && plan.lines <= SMALL_NETWORK_LINES
            && !plan.collects()
    }

    /// Takes steps of a small network up to the first whose loss is not finite; how many that were. `loss` takes the losses of
    /// all rows, and the rows' predictions go to their places in `output`, if there is one.
    pub(crate) fn small_network_steps(
        &mut self,
        steps: Steps<'_>,
        loss: &mut f64,
        output: Option<&mut [f32]>,
    ) -> u64 {
        if S::INSTRUCTIONS == Instructions::Portable {
            unreachable!("portable code takes no steps of a small network");
        }
        let State { s, plan, parameters, slots, workspaces, blocks, powers, .. } = self;
        let (update, count) = (&*plan.update, plan.update.slots());
        let now = Now { learning_rate: steps.learning_rate as f32, factors: [0.0; 2] };
        let updates = Updates { update, now, parameters, slots, count };
        let (workspace, gradient) = (&mut workspaces[0], &mut blocks[0][..]);
        let small = SmallNetwork { workspace, updates, powers, gradient, loss, output };
        with_batch_size!(steps.batch.rows, plan.small_network_steps::<_>(*s, small, steps))
    }

    /// Forward and backward for the rows of a chunk, shared out among the threads; how many took part.
    fn pass(
        &mut self,
        team: &mut ScopedThreads<'_>,
        alone: bool,
        batch: Batch<'_>,
        chunk: &Range<usize>,
    ) -> usize {
        let rows = chunk.len();
        let shards = if alone { 1 } else { (self.cuts.len() - 1).min(rows) };
        let workspaces = &mut self.workspaces[..shards];
        for (thread, workspace) in workspaces.iter_mut().enumerate() {
            let (from, to) = (rows * thread / shards, rows * (thread + 1) / shards);
            workspace.take(chunk.start + from, to - from);
        }
        if !self.plan.standardized.is_empty() {
            let State { s, plan, parameters, figures, .. } = self;
            plan.pass_in_segments(*s, team, parameters, workspaces, figures, batch);
            return shards;
        }
        let (s, plan, parameters) = (self.s, &*self.plan, &self.parameters[..]);
        let first = self.first.as_mut().filter(|_| !alone).zip(plan.large_first());
        let Some((FirstByPanels { inputs, output, cuts }, product)) = first else {
            team.each(workspaces, |workspace| plan.pass(s, parameters, workspace, batch));
            return shards;
        };
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
        team.each(workspaces, |workspace| plan.pass_from_product(s, parameters, workspace, batch, done));
        shards
    }

    /// Writes the predictions of the rows that the first workspaces hold to their places in `output`.
    fn hand_out(&mut self, shards: usize, batch: Batch<'_>, output: Option<&mut [f32]>) {
        let Some(output) = output else { return };
        for workspace in &mut self.workspaces[..shards] {
            self.plan.hand_out_step(self.s, workspace, batch, output);
        }
    }

    /// The sum of the losses of a chunk's rows, added in the order of the rows.
    fn loss(&self, shards: usize) -> f64 {
        let shards = self.workspaces[..shards].iter();
        shards.fold(0.0, |sum, shard| shard.add_losses(sum, shard.rows))
    }

    /// The sum of the rows' losses and the gradient of a batch, penalties included. What a run has collected
    /// stays.
    pub(crate) fn gradients_of(&mut self, batch: Batch<'_>) -> Result<(f64, Vec<Line>)> {
        let collected = std::mem::replace(&mut self.gradient, zeros(Some(self.plan.lines))?);
        let loss = ScopedThreads::with(1, |team| self.go_through(team, true, batch, (true, None), None));
        self.plan.add_penalties(self.s, &self.parameters, 0, &mut self.gradient);
        Ok((loss, std::mem::replace(&mut self.gradient, collected)))
    }

    /// Makes the parameters at hand those that predictors see and that a diverging run falls back to.
    /// False, and nothing is published, if one of them is not finite.
    pub(crate) fn publish(&mut self, team: &mut ScopedThreads<'_>) -> bool {
        let State { plan, parameters, slots, published, published_slots, cuts, .. } = self;
        let count = plan.update.slots();
        let whole = [0, plan.lines];
        let shared = team.threads() > 1 && plan.lines > APART_LINES;
        let cuts = if shared { &cuts[..] } else { &whole[..] };
        let mut finite = [true; MOST_THREADS];
        let finite = &mut finite[..cuts.len() - 1];
        let slices = [(&mut parameters[..], 1), (&mut slots[..], count)];
        team.split(finite, slices, cuts, |_, finite, parts| {
            *finite = parts.iter().all(|lines| all_finite(lines));
        });
        let finite_everywhere = finite.iter().all(|&finite| finite);
        if finite_everywhere {
            let mut published = lock(published);
            let slices = [
                (&mut parameters[..], 1),
                (&mut slots[..], count),
                (&mut published[..], 1),
                (&mut published_slots[..], count),
            ];
            team.split(finite, slices, cuts, |_, _, [parameters, slots, published, published_slots]| {
                published.copy_from_slice(parameters);
                published_slots.copy_from_slice(slots);
            });
        }
        finite_everywhere
    }

    /// Goes back to what was last published.
    pub(crate) fn restore(&mut self) {
        self.parameters.copy_from_slice(&lock(&self.published));
        self.slots.copy_from_slice(&self.published_slots);
    }
}

/// The most lines of parameters of a small network: its gradient, 8 KB, stays in the L1 cache.
const SMALL_NETWORK_LINES: usize = 128;

/// The most lines of parameters with which threads take whole chunks: each then has a gradient of all of
/// them, here of up to 256 KB, which its L2 cache holds.
const APART_LINES: usize = 4096;

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

/// Without a branch in the loop, so that it is vectorised: infinity and NaN have all bits of the exponent
/// set.
fn all_finite(lines: &[Line]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let largest = |line: &Line| line.0.iter().fold(0, |most, value| most.max(value.to_bits() & !(1 << 31)));
    lines.iter().fold(0, |most, line| most.max(largest(line))) < INFINITY
}
