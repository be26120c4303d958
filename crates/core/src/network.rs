//! The network: one mini-batch forward, loss, backward, update.

use crate::dataset::Dataset;
use crate::engine::few::{FEW_ROWS, with_few};
use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::gradients::Slab;
use crate::engine::pace::Pace;
use crate::engine::panels::{Line, Panels, ZERO, zeros};
use crate::engine::products::SCRATCH_LINES;
use crate::engine::simd::Simd;
use crate::engine::sink::{SINK_LINES, Sink, Target, Updates};
use crate::engine::team::Team;
use crate::engine::{CHUNK_ROWS, Now, Powers};
use crate::errors::Result;
use crate::layers::Operation;
use crate::program::Plan;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Activations and their gradients for up to so many rows, those that one thread takes of a chunk.
pub(crate) struct Workspace {
    capacity: usize,
    /// The first of the rows at hand, counted from the batch's first.
    from: usize,
    /// How many there are.
    rows: usize,
    pub(crate) input: Panels,
    target: Panels,
    /// A stage's values before its epilogue, where the derivative reads them.
    kept: Vec<Option<Panels>>,
    pub(crate) outputs: Vec<Panels>,
    gradients: Vec<Panels>,
    scratch: Vec<Line>,
    losses: Vec<f32>,
    /// The gradient of all parameters over these rows, where whole chunks are shared out.
    partial: Vec<Line>,
}

impl Workspace {
    pub(crate) fn new<S: Simd>(plan: &Plan<S>, capacity: usize, backward: bool) -> Result<Self> {
        let outputs = || plan.stages.iter().map(|stage| Panels::new(stage.outputs, capacity));
        let kept = plan.stages.iter().map(|stage| {
            let reads = stage.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
            (backward && reads).then(|| Panels::new(stage.outputs, capacity)).transpose()
        });
        Ok(Workspace {
            capacity,
            from: 0,
            rows: 0,
            input: Panels::new(plan.inputs, capacity)?,
            target: Panels::new(plan.loss.targets(plan.outputs()), capacity)?,
            kept: kept.collect::<Result<_>>()?,
            outputs: outputs().collect::<Result<_>>()?,
            gradients: if backward { outputs().collect::<Result<_>>()? } else { Vec::new() },
            scratch: if backward { vec![ZERO; SCRATCH_LINES] } else { Vec::new() },
            losses: vec![0.0; capacity],
            partial: Vec::new(),
        })
    }

    /// Makes room for so many rows, or for as many as go through together; what it held is gone.
    pub(crate) fn reserve<S: Simd>(&mut self, plan: &Plan<S>, rows: usize, backward: bool) -> Result<()> {
        let rows = rows.min(CHUNK_ROWS);
        if self.capacity < rows {
            *self = Workspace::new(plan, rows, backward)?;
        }
        Ok(())
    }

    /// Takes so many rows of the batch from `from`.
    fn take(&mut self, from: usize, rows: usize) {
        (self.from, self.rows) = (from, rows);
    }

    /// What goes into a stage, and the gradient of what comes out of it.
    #[inline(always)]
    fn around(&self, stage: usize) -> (&Panels, &Panels) {
        let input = if stage == 0 { &self.input } else { &self.outputs[stage - 1] };
        (input, &self.gradients[stage])
    }

    /// Adds the losses of the first rows.
    pub(crate) fn add_losses(&self, sum: f64, rows: usize) -> f64 {
        self.losses[..rows].iter().fold(sum, |sum, &loss| sum + f64::from(loss))
    }
}

impl<S: Simd> Plan<S> {
    /// `FEW` is the number of rows where the compiler is to know it, else 0.
    #[inline(always)]
    pub(crate) fn forward<const FEW: usize>(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        rows: usize,
    ) {
        for (index, stage) in self.stages.iter().enumerate() {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = stage.epilogue.as_deref();
            let mut apply = Apply { epilogue, kept: workspace.kept[index].as_mut() };
            match &stage.product {
                Some(product) => product.forward::<S, FEW>(s, parameters, input, output, apply, rows),
                None => {
                    output.copy_from(input, rows);
                    if let Some(row) = &stage.row {
                        row.forward(s, output, rows);
                    }
                    let panels = 0..output.count();
                    apply.finish(s, output, panels, rows);
                }
            }
        }
    }

    /// Takes predictions, in place, through what the loss has absorbed.
    pub(crate) fn apply_absorbed(&self, s: S, values: &mut Panels, rows: usize) {
        match &self.absorbed {
            Some(Operation::Elementwise(epilogue)) => {
                let panels = 0..values.count();
                Apply { epilogue: Some(&**epilogue), kept: None }.finish(s, values, panels, rows);
            }
            Some(Operation::Row(row)) => row.forward(s, values, rows),
            Some(Operation::Product { .. }) | None => {}
        }
    }

    /// The losses of the first rows, whose predictions the workspace holds.
    pub(crate) fn losses(&self, s: S, workspace: &Workspace, losses: &mut [f32]) {
        self.loss.values(s, &workspace.outputs[self.stages.len() - 1], &workspace.target, losses);
    }

    /// What follows when the gradient of a stage's output is there.
    #[inline(always)]
    fn differentiate<'a>(
        &'a self,
        index: usize,
        kept: &'a [Option<Panels>],
        outputs: &'a [Panels],
    ) -> Differentiate<'a, S> {
        let epilogue = self.stages[index].epilogue.as_deref();
        Differentiate { epilogue, input: kept[index].as_ref(), output: &outputs[index] }
    }

    /// Fills the losses of the rows and goes from them back to the gradient of the first product's output.
    /// `scale` is what a row's gradient is multiplied by: one over the rows of the batch.
    #[inline(always)]
    fn backward<const FEW: usize>(&self, s: S, parameters: &[Line], workspace: &mut Workspace, scale: f32) {
        let Workspace { rows, target, kept, outputs, gradients, scratch, losses, .. } = workspace;
        let rows = *rows;
        let last = self.stages.len() - 1;
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        let panels = 0..gradients[last].count();
        self.differentiate(last, kept, outputs).finish(s, &mut gradients[last], panels, rows);
        for index in (self.first_product + 1..=last).rev() {
            let (before, after) = gradients.split_at_mut(index);
            let (result, gradient) = (&mut before[index - 1], &after[0]);
            let mut finish = self.differentiate(index - 1, kept, outputs);
            match &self.stages[index].product {
                Some(product) => {
                    product.input_gradient::<S, FEW>(s, parameters, gradient, result, scratch, finish, rows);
                }
                None => {
                    result.copy_from(gradient, rows);
                    if let Some(row) = &self.stages[index].row {
                        row.backward(s, result, &outputs[index - 1], &outputs[index], rows);
                    }
                    let panels = 0..result.count();
                    finish.finish(s, result, panels, rows);
                }
            }
        }
    }

    /// One thread's rows of the batch: forward, loss, and back to the gradients of all products' outputs.
    fn pass(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        let (from, rows) = (workspace.from, workspace.rows);
        let scale = (1.0 / batch.rows as f64) as f32;
        batch.gather(workspace, from, rows);
        s.run(
            #[inline(always)]
            || {
                self.forward::<0>(s, parameters, workspace, rows);
                self.backward::<0>(s, parameters, workspace, scale);
            },
        );
    }

    /// A step of a tiny network over few rows, on one thread: all in one function, from the rows to the
    /// update. `gradient` has room for all parameters.
    #[inline(never)]
    fn tiny_step<const ROWS: usize>(
        &self,
        s: S,
        workspace: &mut Workspace,
        batch: Batch<'_>,
        updates: &mut Updates<'_, S>,
        gradient: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                let scale = (1.0 / ROWS as f64) as f32;
                workspace.rows = ROWS;
                batch.gather(workspace, 0, ROWS);
                self.forward::<ROWS>(s, updates.parameters, workspace, ROWS);
                self.backward::<ROWS>(s, updates.parameters, workspace, scale);
                for (index, stage) in self.stages.iter().enumerate() {
                    let Some(product) = &stage.product else { continue };
                    let (input, after) = workspace.around(index);
                    product.parameter_gradient_few::<S, ROWS>(s, input, after, gradient);
                }
                updates.apply(s, 0, &gradient[..self.lines]);
            },
        );
    }

    /// The gradients of the parameter lines in `lines`, over the rows of all workspaces, into the sink.
    fn parameter_gradients(
        &self,
        s: S,
        slabs: &[Workspace],
        lines: Range<usize>,
        mut sink: Sink<'_, S>,
        block: &mut [Line],
    ) {
        s.run(
            #[inline(always)]
            || {
                for (index, stage) in self.stages.iter().enumerate().rev() {
                    let Some(product) = &stage.product else { continue };
                    let slabs = slabs.iter().map(
                        #[inline(always)]
                        |slab| {
                            let (input, gradient) = slab.around(index);
                            Slab { input, gradient, rows: slab.rows }
                        },
                    );
                    product.parameter_gradient(s, slabs, &lines, block, &mut sink);
                }
            },
        );
    }

    /// A whole chunk on one thread: its gradient into `partial`.
    fn pass_apart(&self, s: S, parameters: &[Line], workspace: &mut Workspace, batch: Batch<'_>) {
        self.pass(s, parameters, workspace, batch);
        let mut partial = std::mem::take(&mut workspace.partial);
        let mut block = std::mem::take(&mut workspace.scratch);
        let sink = Sink { first: 0, target: Target::Write(&mut partial) };
        self.parameter_gradients(s, std::slice::from_ref(workspace), 0..self.lines, sink, &mut block);
        (workspace.partial, workspace.scratch) = (partial, block);
    }

    /// Where the lines of all parameters are cut so that each of so many threads has about as much to do.
    fn cuts(&self, threads: usize) -> Vec<usize> {
        let products = || self.stages.iter().filter_map(|stage| stage.product.as_ref());
        let cut = |thread: usize| {
            let wanted = self.lines * thread / threads;
            products().fold(wanted, |wanted, product| product.cut(wanted))
        };
        (0..=threads).map(cut).collect()
    }
}

/// Rows of a dataset, in a given order or as they stand.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub data: &'a Dataset,
    pub order: Option<&'a [u32]>,
    pub start: usize,
    pub rows: usize,
}

impl Batch<'_> {
    /// The rows that go through together.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows;
        (0..rows).step_by(CHUNK_ROWS).map(move |from| from..(from + CHUNK_ROWS).min(rows))
    }

    pub(crate) fn gather(&self, workspace: &mut Workspace, from: usize, rows: usize) {
        for row in 0..rows {
            let place = self.start + from + row;
            let source = self.order.map_or(place, |order| order[place] as usize);
            workspace.input.set_row(row, self.data.x(source));
            workspace.target.set_row(row, self.data.y(source));
        }
    }
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
    /// Where gradients are added up when a batch has several chunks.
    pub(crate) gradient: Vec<Line>,
    /// One for each thread.
    workspaces: Vec<Workspace>,
    /// Where each thread's gradients wait for the sink.
    blocks: Vec<Vec<Line>>,
    /// Where the threads' parameters are cut.
    cuts: Vec<usize>,
    pub(crate) powers: Powers,
    pub(crate) pace: Option<Pace>,
    /// The order of the rows in the epoch at hand.
    pub(crate) order: Vec<u32>,
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
            powers: Powers::default(),
            pace: None,
            plan: Arc::new(plan),
            order: Vec::new(),
        })
    }

    /// Makes room for batches of so many rows on so many threads, so that a step allocates nothing.
    pub(crate) fn reserve(&mut self, rows: usize, threads: usize) -> Result<()> {
        while self.workspaces.len() < threads {
            self.workspaces.push(Workspace::new(&self.plan, 0, true)?);
            self.blocks.push(zeros(Some(SINK_LINES))?);
        }
        let apart = self.takes_chunks_apart(rows, threads);
        for (thread, workspace) in self.workspaces[..threads].iter_mut().enumerate() {
            // The first takes all rows where one thread turns out to be faster.
            let chunk = rows.min(CHUNK_ROWS);
            let all = thread == 0 || apart;
            workspace.reserve(&self.plan, if all { chunk } else { chunk.div_ceil(threads) }, true)?;
            if apart && workspace.partial.is_empty() {
                workspace.partial = zeros(Some(self.plan.lines))?;
            }
        }
        if self.cuts.len() != threads + 1 {
            self.cuts = self.plan.cuts(threads);
        }
        if rows > CHUNK_ROWS { self.reserve_gradient() } else { Ok(()) }
    }

    /// Whether each thread takes whole chunks of such a batch. Then nothing but gradients goes from one to
    /// the other, where rows shared out send all activations of a chunk.
    fn takes_chunks_apart(&self, rows: usize, threads: usize) -> bool {
        threads > 1 && rows.div_ceil(CHUNK_ROWS) >= threads && self.plan.lines <= APART_LINES
    }

    pub(crate) fn reserve_gradient(&mut self) -> Result<()> {
        if self.gradient.is_empty() {
            self.gradient = zeros(Some(self.plan.lines))?;
        }
        Ok(())
    }

    /// One step on all threads that room was made for, or on one alone; the sum of the rows' losses before
    /// it.
    pub(crate) fn step(&mut self, team: &mut Team<'_>, alone: bool, batch: Batch<'_>, now: Now) -> f64 {
        if batch.rows <= FEW_ROWS && self.plan.lines <= SINK_LINES {
            return with_few!(batch.rows, self.tiny::<_>(batch, now));
        }
        let threads = self.cuts.len() - 1;
        if !alone && self.takes_chunks_apart(batch.rows, threads) {
            return self.step_apart(team, threads, batch, now);
        }
        let mut loss = 0.0;
        for chunk in batch.chunks() {
            let slabs = self.pass(team, alone, batch, &chunk);
            loss += self.loss(slabs);
            let whole = [0, self.plan.lines];
            let State { s, plan, parameters, slots, gradient, workspaces, blocks, cuts, .. } = self;
            let (s, plan, slabs) = (*s, &**plan, &workspaces[..slabs]);
            let cuts = if alone { &whole[..] } else { &cuts[..] };
            let blocks = &mut blocks[..cuts.len() - 1];
            let count = plan.update.slots();
            let lines = |thread: usize| cuts[thread]..cuts[thread + 1];
            if chunk.end == batch.rows {
                let before = (chunk.start > 0).then_some(&gradient[..]);
                let slices = [(&mut parameters[..], 1), (&mut slots[..], count)];
                team.split(blocks, slices, cuts, |thread, block, [parameters, slots]| {
                    let lines = lines(thread);
                    let updates = Updates { update: &*plan.update, now, parameters, slots, count };
                    let target = match before {
                        Some(before) => Target::UpdateWith(updates, &before[lines.clone()]),
                        None => Target::Update(updates),
                    };
                    plan.parameter_gradients(
                        s,
                        slabs,
                        lines.clone(),
                        Sink { first: lines.start, target },
                        block,
                    );
                });
            } else {
                team.split(blocks, [(gradient, 1)], cuts, |thread, block, [gradient]| {
                    let lines = lines(thread);
                    let target =
                        if chunk.start > 0 { Target::Add(gradient) } else { Target::Write(gradient) };
                    plan.parameter_gradients(
                        s,
                        slabs,
                        lines.clone(),
                        Sink { first: lines.start, target },
                        block,
                    );
                });
            }
        }
        loss
    }

    /// A step whose chunks are shared out; their gradients are added in order.
    fn step_apart(&mut self, team: &mut Team<'_>, threads: usize, batch: Batch<'_>, now: Now) -> f64 {
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
                match workspace.from == 0 {
                    true => self.gradient.copy_from_slice(&workspace.partial),
                    false => add_lines(s, &mut self.gradient, &workspace.partial),
                }
            }
        }
        let update = &*self.plan.update;
        update.tile(self.s, &now, &mut self.parameters, &self.gradient, &mut self.slots);
        loss
    }

    #[inline(always)]
    fn tiny<const ROWS: usize>(&mut self, batch: Batch<'_>, now: Now) -> f64 {
        let State { s, plan, parameters, slots, workspaces, blocks, .. } = self;
        let (update, count) = (&*plan.update, plan.update.slots());
        let mut updates = Updates { update, now, parameters, slots, count };
        plan.tiny_step::<ROWS>(*s, &mut workspaces[0], batch, &mut updates, &mut blocks[0]);
        workspaces[0].add_losses(0.0, ROWS)
    }

    /// Forward and backward for the rows of a chunk, shared out among the threads; how many took part.
    fn pass(&mut self, team: &mut Team<'_>, alone: bool, batch: Batch<'_>, chunk: &Range<usize>) -> usize {
        let rows = chunk.len();
        let slabs = if alone { 1 } else { (self.cuts.len() - 1).min(rows) };
        let workspaces = &mut self.workspaces[..slabs];
        for (thread, workspace) in workspaces.iter_mut().enumerate() {
            let (from, to) = (rows * thread / slabs, rows * (thread + 1) / slabs);
            workspace.take(chunk.start + from, to - from);
        }
        let (s, plan, parameters) = (self.s, &*self.plan, &self.parameters[..]);
        team.each(workspaces, |workspace| plan.pass(s, parameters, workspace, batch));
        slabs
    }

    /// The sum of the losses of a chunk's rows, added in the order of the rows.
    fn loss(&self, slabs: usize) -> f64 {
        let slabs = self.workspaces[..slabs].iter();
        slabs.fold(0.0, |sum, slab| slab.add_losses(sum, slab.rows))
    }

    /// Fills `gradient` with the batch's; the sum of the rows' losses.
    pub(crate) fn gradients_of(&mut self, batch: Batch<'_>) -> f64 {
        let mut loss = 0.0;
        let lines = 0..self.plan.lines;
        Team::with(1, |team| {
            for chunk in batch.chunks() {
                let slabs = self.pass(team, true, batch, &chunk);
                loss += self.loss(slabs);
                let gradient = &mut self.gradient[..];
                let target = if chunk.start > 0 { Target::Add(gradient) } else { Target::Write(gradient) };
                let sink = Sink { first: 0, target };
                let slabs = &self.workspaces[..slabs];
                self.plan.parameter_gradients(self.s, slabs, lines.clone(), sink, &mut self.blocks[0]);
            }
        });
        loss
    }

    /// Makes the parameters at hand those that predictors see and that a diverging run falls back to.
    /// False, and nothing is published, if one of them is not finite.
    pub(crate) fn publish(&mut self) -> bool {
        let finite = all_finite(&self.parameters) && all_finite(&self.slots);
        if finite {
            lock(&self.published).copy_from_slice(&self.parameters);
            self.published_slots.copy_from_slice(&self.slots);
        }
        finite
    }

    /// Goes back to what was last published.
    pub(crate) fn restore(&mut self) {
        self.parameters.copy_from_slice(&lock(&self.published));
        self.slots.copy_from_slice(&self.published_slots);
    }
}

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
