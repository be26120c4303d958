//! The network: one mini-batch forward, loss, backward, update.

use crate::dataset::Dataset;
use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::panels::{Line, Panels, ZERO, zeros};
use crate::engine::products::SCRATCH_LINES;
use crate::engine::simd::Simd;
use crate::engine::sink::Sink;
use crate::engine::{CHUNK_ROWS, Now};
use crate::errors::Result;
use crate::layers::Operation;
use crate::program::Plan;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Activations and their gradients for up to so many rows.
pub(crate) struct Workspace {
    capacity: usize,
    pub(crate) input: Panels,
    target: Panels,
    /// A stage's values before its epilogue, where the derivative reads them.
    kept: Vec<Option<Panels>>,
    pub(crate) outputs: Vec<Panels>,
    gradients: Vec<Panels>,
    scratch: Vec<Line>,
    losses: Vec<f32>,
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
            input: Panels::new(plan.inputs, capacity)?,
            target: Panels::new(plan.loss.targets(plan.outputs()), capacity)?,
            kept: kept.collect::<Result<_>>()?,
            outputs: outputs().collect::<Result<_>>()?,
            gradients: if backward { outputs().collect::<Result<_>>()? } else { Vec::new() },
            scratch: if backward { vec![ZERO; SCRATCH_LINES] } else { Vec::new() },
            losses: vec![0.0; capacity],
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

    /// The sum of the losses of the first rows.
    pub(crate) fn loss(&self, rows: usize) -> f64 {
        self.losses[..rows].iter().map(|&loss| f64::from(loss)).sum()
    }
}

impl<S: Simd> Plan<S> {
    #[inline(always)]
    pub(crate) fn forward(&self, s: S, parameters: &[Line], workspace: &mut Workspace, rows: usize) {
        for (index, stage) in self.stages.iter().enumerate() {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = stage.epilogue.as_deref();
            let mut apply = Apply { epilogue, kept: workspace.kept[index].as_mut() };
            match &stage.product {
                Some(product) => product.forward(s, parameters, input, output, apply, rows),
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

    /// Fills the losses of the rows.
    pub(crate) fn losses(&self, s: S, workspace: &mut Workspace, rows: usize) {
        let Workspace { target, outputs, losses, .. } = workspace;
        self.loss.values(s, &outputs[self.stages.len() - 1], target, &mut losses[..rows]);
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

    /// Fills the losses of the rows and goes from them back to the parameters. `scale` is what a row's
    /// gradient is multiplied by: one over the rows of the batch.
    #[inline(always)]
    fn backward(
        &self,
        s: S,
        parameters: &mut [Line],
        workspace: &mut Workspace,
        scale: f32,
        sink: &mut Sink<'_, S>,
        rows: usize,
    ) {
        let Workspace { input, target, kept, outputs, gradients, scratch, losses, .. } = workspace;
        let last = self.stages.len() - 1;
        let losses = &mut losses[..rows];
        self.loss.gradients(s, &outputs[last], target, losses, scale, &mut gradients[last]);
        let panels = 0..gradients[last].count();
        self.differentiate(last, kept, outputs).finish(s, &mut gradients[last], panels, rows);
        for (index, stage) in self.stages.iter().enumerate().rev() {
            let (before, after) = gradients.split_at_mut(index);
            let gradient = &after[0];
            if let Some(result) = before.last_mut() {
                let mut finish = self.differentiate(index - 1, kept, outputs);
                match &stage.product {
                    Some(product) => {
                        product.input_gradient(s, parameters, gradient, result, scratch, finish, rows);
                    }
                    None => {
                        result.copy_from(gradient, rows);
                        if let Some(row) = &stage.row {
                            row.backward(s, result, &outputs[index - 1], &outputs[index], rows);
                        }
                        let panels = 0..result.count();
                        finish.finish(s, result, panels, rows);
                    }
                }
            }
            if let Some(product) = &stage.product {
                let input = if index == 0 { &*input } else { &outputs[index - 1] };
                product.parameter_gradient(s, input, gradient, scratch, parameters, sink, rows);
            }
        }
    }

    /// Forward, loss and backward for the rows in the workspace.
    fn pass(
        &self,
        s: S,
        parameters: &mut [Line],
        workspace: &mut Workspace,
        scale: f32,
        sink: &mut Sink<'_, S>,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                self.forward(s, parameters, workspace, rows);
                self.backward(s, parameters, workspace, scale, sink, rows);
            },
        );
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
    workspace: Workspace,
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
            workspace: Workspace::new(&plan, 0, true)?,
            plan: Arc::new(plan),
            order: Vec::new(),
        })
    }

    /// Makes room for batches of so many rows, so that a step allocates nothing.
    pub(crate) fn reserve(&mut self, rows: usize) -> Result<()> {
        self.workspace.reserve(&self.plan, rows, true)?;
        if rows > CHUNK_ROWS { self.reserve_gradient() } else { Ok(()) }
    }

    pub(crate) fn reserve_gradient(&mut self) -> Result<()> {
        if self.gradient.is_empty() {
            self.gradient = zeros(Some(self.plan.lines))?;
        }
        Ok(())
    }

    /// One step; the sum of the rows' losses before it.
    pub(crate) fn step(&mut self, batch: Batch<'_>, now: Now) -> f64 {
        if batch.rows > CHUNK_ROWS {
            let loss = self.gradients_of(batch);
            let update = &*self.plan.update;
            update.tile(self.s, &now, &mut self.parameters, &self.gradient, &mut self.slots);
            return loss;
        }
        let scale = (1.0 / batch.rows as f64) as f32;
        let State { s, plan, parameters, slots, workspace, .. } = self;
        batch.gather(workspace, 0, batch.rows);
        let count = plan.update.slots();
        let mut sink = Sink::Update { update: &*plan.update, now, slots, count };
        plan.pass(*s, parameters, workspace, scale, &mut sink, batch.rows);
        workspace.loss(batch.rows)
    }

    /// Fills `gradient` with the batch's; the sum of the rows' losses.
    pub(crate) fn gradients_of(&mut self, batch: Batch<'_>) -> f64 {
        let scale = (1.0 / batch.rows as f64) as f32;
        let mut loss = 0.0;
        for from in (0..batch.rows).step_by(CHUNK_ROWS) {
            let rows = (batch.rows - from).min(CHUNK_ROWS);
            batch.gather(&mut self.workspace, from, rows);
            let mut sink = Sink::Gradient { gradient: &mut self.gradient, add: from > 0 };
            self.plan.pass(self.s, &mut self.parameters, &mut self.workspace, scale, &mut sink, rows);
            loss += self.workspace.loss(rows);
        }
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

/// Without a branch in the loop, so that it is vectorised: infinity and NaN have all bits of the exponent
/// set.
fn all_finite(lines: &[Line]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let largest = |line: &Line| line.0.iter().fold(0, |most, value| most.max(value.to_bits() & !(1 << 31)));
    lines.iter().fold(0, |most, line| most.max(largest(line))) < INFINITY
}
