//! The network: one mini-batch forward, loss, backward, update.

use crate::dataset::Dataset;
use crate::engine::finish::{Apply, Differentiate, Finish};
use crate::engine::panels::{Line, Panels, ZERO};
use crate::engine::products::SCRATCH_LINES;
use crate::engine::simd::{Instructions, Simd, WithSimd, dispatch};
use crate::engine::sink::Sink;
use crate::engine::{CHUNK_ROWS, Now};
use crate::ensure;
use crate::errors::{Error, Result};
use crate::program::Plan;
use crate::run::{Progress, Run, Stop};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parameters that trainer and predictors share: those of the last whole epoch, or of the last call's end.
pub(crate) type Published = Arc<Mutex<Vec<Line>>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which values `read` and `write` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights and biases.
    Parameters,
    /// The optimizer's state: its slots one after the other, each in the order of the parameters.
    Slots,
}

/// Activations and their gradients for up to so many rows.
pub(crate) struct Workspace {
    capacity: usize,
    input: Panels,
    target: Panels,
    /// A stage's values before its epilogue, where the derivative reads them.
    kept: Vec<Option<Panels>>,
    outputs: Vec<Panels>,
    gradients: Vec<Panels>,
    scratch: Vec<Line>,
    losses: Vec<f32>,
}

impl Workspace {
    fn new<S: Simd>(plan: &Plan<S>, capacity: usize, backward: bool) -> Self {
        let panels = || plan.stages.iter().map(|stage| Panels::new(stage.outputs, capacity)).collect();
        Workspace {
            capacity,
            input: Panels::new(plan.inputs, capacity),
            target: Panels::new(plan.outputs(), capacity),
            kept: (plan.stages.iter())
                .map(|stage| {
                    let reads = stage.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
                    (backward && reads).then(|| Panels::new(stage.outputs, capacity))
                })
                .collect(),
            outputs: panels(),
            gradients: if backward { panels() } else { Vec::new() },
            scratch: if backward { vec![ZERO; SCRATCH_LINES] } else { Vec::new() },
            losses: vec![0.0; capacity],
        }
    }

    /// Makes room for so many rows; what it held is gone.
    pub(crate) fn reserve<S: Simd>(&mut self, plan: &Plan<S>, rows: usize, backward: bool) {
        if self.capacity < rows {
            *self = Workspace::new(plan, rows.min(CHUNK_ROWS), backward);
        }
    }

    /// The sum of the losses of the first rows.
    fn loss(&self, rows: usize) -> f64 {
        self.losses[..rows].iter().map(|&loss| f64::from(loss)).sum()
    }
}

impl<S: Simd> Plan<S> {
    #[inline(always)]
    fn forward(&self, s: S, parameters: &[Line], workspace: &mut Workspace, rows: usize) {
        for (index, stage) in self.stages.iter().enumerate() {
            let (before, after) = workspace.outputs.split_at_mut(index);
            let (input, output) = (before.last().unwrap_or(&workspace.input), &mut after[0]);
            let epilogue = stage.epilogue.as_deref();
            let mut apply = Apply { epilogue, kept: workspace.kept[index].as_mut() };
            match &stage.product {
                Some(product) => product.forward(s, parameters, input, output, apply, rows),
                None => {
                    output.copy_from(input, rows);
                    let panels = 0..output.count();
                    apply.finish(s, output, panels, rows);
                }
            }
        }
    }

    /// Fills the losses of the rows.
    fn losses(&self, s: S, workspace: &mut Workspace, rows: usize) {
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

    /// Fills the losses of the rows and goes from them back to the parameters. `scale` is what a row's gradient is
    /// multiplied by: one over the rows of the batch.
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
    fn gather(&self, workspace: &mut Workspace, from: usize, rows: usize) {
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
    s: S,
    pub(crate) plan: Arc<Plan<S>>,
    pub(crate) parameters: Vec<Line>,
    pub(crate) slots: Vec<Line>,
    /// The optimizer's state when `published` was written.
    pub(crate) published_slots: Vec<Line>,
    pub(crate) published: Published,
    /// Where gradients are added up when a batch has several chunks.
    gradient: Vec<Line>,
    workspace: Workspace,
    /// The order of the rows in the epoch at hand.
    pub(crate) order: Vec<u32>,
}

impl<S: Simd> State<S> {
    fn new(s: S, program: &str) -> Result<Self> {
        let plan = Plan::compile(program)?;
        let zeros = |lines: usize| -> Result<Vec<Line>> {
            let mut zeros = Vec::new();
            let refused =
                |_| Error::new(format!("program: {} parameters do not fit in memory", plan.parameters));
            zeros.try_reserve_exact(lines).map_err(refused)?;
            zeros.resize(lines, ZERO);
            Ok(zeros)
        };
        let slots = plan.lines * plan.update.slots();
        Ok(State {
            s,
            parameters: zeros(plan.lines)?,
            slots: zeros(slots)?,
            published_slots: zeros(slots)?,
            published: Arc::new(Mutex::new(zeros(plan.lines)?)),
            gradient: Vec::new(),
            workspace: Workspace::new(&plan, 0, true),
            plan: Arc::new(plan),
            order: Vec::new(),
        })
    }

    /// Makes room for batches of so many rows, so that a step allocates nothing.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.workspace.reserve(&self.plan, rows, true);
        if rows > CHUNK_ROWS {
            self.reserve_gradient();
        }
    }

    fn reserve_gradient(&mut self) {
        self.gradient.resize(self.plan.lines, ZERO);
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
    fn gradients_of(&mut self, batch: Batch<'_>) -> f64 {
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

    /// Makes the parameters at hand those that predictors see and that a diverging run falls back to. False, and
    /// nothing is published, if one of them is not finite.
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

/// Without a branch in the loop, so that it is vectorised: infinity and NaN have all bits of the exponent set.
fn all_finite(lines: &[Line]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let largest = |line: &Line| line.0.iter().fold(0, |most, value| most.max(value.to_bits() & !(1 << 31)));
    lines.iter().fold(0, |most, line| most.max(largest(line))) < INFINITY
}

/// The loss and the gradients of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// The mean over the rows.
    pub loss: f64,
    /// By parameter, in the order of [`Part::Parameters`].
    pub values: Vec<f32>,
}

/// A network without its instruction set, so that callers need no type for it.
trait Machine: Send {
    fn train(&mut self, data: &Dataset, run: &Run<'_>, stop: &Stop) -> Result<Progress>;
    fn gradients(&mut self, data: &Dataset) -> Result<Gradients>;
    fn read(&self, part: Part) -> Vec<f32>;
    fn write(&mut self, part: Part, values: &[f32]) -> Result<()>;
    fn predictor(&self) -> Predictor;
    fn parameters(&self) -> usize;
    fn slots(&self) -> usize;
}

impl<S: Simd> Machine for State<S> {
    fn train(&mut self, data: &Dataset, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        self.plan.check(data)?;
        self.run(data, run, stop)
    }

    fn gradients(&mut self, data: &Dataset) -> Result<Gradients> {
        self.plan.check(data)?;
        self.reserve(data.rows());
        self.reserve_gradient();
        let batch = Batch { data, order: None, start: 0, rows: data.rows() };
        let loss = self.gradients_of(batch) / data.rows() as f64;
        let mut values = Vec::with_capacity(self.plan.parameters);
        self.plan.read(&self.gradient, 1, 0, &mut values);
        Ok(Gradients { loss, values })
    }

    fn read(&self, part: Part) -> Vec<f32> {
        let mut values = Vec::new();
        match part {
            Part::Parameters => self.plan.read(&self.parameters, 1, 0, &mut values),
            Part::Slots => {
                for slot in 0..self.slots() {
                    self.plan.read(&self.slots, self.slots(), slot, &mut values);
                }
            }
        }
        values
    }

    fn write(&mut self, part: Part, values: &[f32]) -> Result<()> {
        let (count, stride) = match part {
            Part::Parameters => (1, 1),
            Part::Slots => (self.slots(), self.slots()),
        };
        let expected = self.plan.parameters * count;
        ensure!(values.len() == expected, "{part:?}: expected {expected} values, received {}", values.len());
        ensure!(values.iter().all(|value| value.is_finite()), "{part:?}: every value must be finite");
        if expected > 0 {
            let lines = if part == Part::Parameters { &mut self.parameters } else { &mut self.slots };
            for (slot, values) in values.chunks(self.plan.parameters).enumerate() {
                self.plan.write(values, lines, stride, slot);
            }
        }
        self.publish();
        Ok(())
    }

    fn predictor(&self) -> Predictor {
        Predictor(Box::new(Forward {
            s: self.s,
            plan: Arc::clone(&self.plan),
            published: Arc::clone(&self.published),
            workspace: Workspace::new(&self.plan, 0, false),
        }))
    }

    fn parameters(&self) -> usize {
        self.plan.parameters
    }

    fn slots(&self) -> usize {
        self.plan.update.slots()
    }
}

impl<S: Simd> Plan<S> {
    fn check(&self, data: &Dataset) -> Result<()> {
        let (inputs, outputs) = (self.inputs, self.outputs());
        ensure!(data.inputs() == inputs, "data: expected {inputs} inputs, received {}", data.inputs());
        ensure!(data.outputs() == outputs, "data: expected {outputs} outputs, received {}", data.outputs());
        Ok(())
    }
}

/// A network: a Program with its parameters and optimizer state.
pub struct Network(Box<dyn Machine>);

impl Network {
    /// Compiles a Program. Parameters start at zero: whoever calls writes the initial ones. `instructions` names an
    /// instruction set; by default it is the fastest that the CPU has.
    pub fn new(program: &str, instructions: Option<&str>) -> Result<Network> {
        struct Make<'a>(&'a str);
        impl WithSimd for Make<'_> {
            type Output = Result<Network>;
            fn with<S: Simd>(self, s: S) -> Result<Network> {
                Ok(Network(Box::new(State::new(s, self.0)?)))
            }
        }
        dispatch(Instructions::choose(instructions)?, Make(program))
    }

    /// Trains from `run.from` for up to `run.steps` steps, or until the stop flag is raised, or until the loss is no
    /// longer finite.
    pub fn train(&mut self, data: &Dataset, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        self.0.train(data, run, stop)
    }

    /// The loss and gradients of all rows of `data` as one batch; changes nothing.
    pub fn gradients(&mut self, data: &Dataset) -> Result<Gradients> {
        self.0.gradients(data)
    }

    /// A copy of the parameters or of the optimizer's state.
    pub fn read(&self, part: Part) -> Vec<f32> {
        self.0.read(part)
    }

    /// Sets the parameters or the optimizer's state.
    pub fn write(&mut self, part: Part, values: &[f32]) -> Result<()> {
        self.0.write(part, values)
    }

    /// Sets the parameters.
    pub fn write_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.write(Part::Parameters, values)
    }

    /// What predicts with the parameters of the last whole epoch, also while another thread trains.
    pub fn predictor(&self) -> Predictor {
        self.0.predictor()
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.0.parameters()
    }

    /// Values of optimizer state for each parameter.
    pub fn slots(&self) -> usize {
        self.0.slots()
    }
}

trait Predict: Send {
    fn predict(&mut self, x: &[f32], output: &mut [f32]) -> Result<()>;
    fn evaluate(&mut self, data: &Dataset) -> Result<f64>;
    fn parameters(&self) -> Vec<f32>;
}

/// The forward pass alone, with scratch memory of its own.
pub struct Predictor(Box<dyn Predict>);

impl Predictor {
    /// Writes the predictions for `x`, `[rows][inputs]`, into `output`, `[rows][outputs]`.
    pub fn predict(&mut self, x: &[f32], output: &mut [f32]) -> Result<()> {
        self.0.predict(x, output)
    }

    /// The mean loss of the rows.
    pub fn evaluate(&mut self, data: &Dataset) -> Result<f64> {
        self.0.evaluate(data)
    }

    /// A copy of the parameters that it predicts with, in the order of [`Part::Parameters`].
    pub fn parameters(&self) -> Vec<f32> {
        self.0.parameters()
    }
}

struct Forward<S: Simd> {
    s: S,
    plan: Arc<Plan<S>>,
    published: Published,
    workspace: Workspace,
}

impl<S: Simd> Forward<S> {
    fn forward(&mut self, parameters: &[Line], rows: usize) {
        let Forward { s, plan, workspace, .. } = self;
        s.run(
            #[inline(always)]
            || plan.forward(*s, parameters, workspace, rows),
        );
    }
}

impl<S: Simd> Predict for Forward<S> {
    fn predict(&mut self, x: &[f32], output: &mut [f32]) -> Result<()> {
        let (inputs, outputs) = (self.plan.inputs, self.plan.outputs());
        let rows = x.len() / inputs;
        ensure!(x.len() == rows * inputs, "x: {} values are no multiple of {inputs} inputs", x.len());
        ensure!(
            Some(output.len()) == rows.checked_mul(outputs),
            "output: expected {rows} rows of {outputs}, received {} values",
            output.len()
        );
        self.workspace.reserve(&self.plan, rows, false);
        let published = Arc::clone(&self.published);
        let parameters = lock(&published);
        let chunks = x.chunks(inputs * CHUNK_ROWS).zip(output.chunks_mut(outputs * CHUNK_ROWS));
        for (x, output) in chunks {
            let rows = x.len() / inputs;
            for (row, values) in x.chunks_exact(inputs).enumerate() {
                self.workspace.input.set_row(row, values);
            }
            self.forward(&parameters, rows);
            let result = &self.workspace.outputs[self.plan.stages.len() - 1];
            for (row, values) in output.chunks_exact_mut(outputs).enumerate() {
                result.row(row, values);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, data: &Dataset) -> Result<f64> {
        self.plan.check(data)?;
        self.workspace.reserve(&self.plan, data.rows(), false);
        let published = Arc::clone(&self.published);
        let parameters = lock(&published);
        let batch = Batch { data, order: None, start: 0, rows: data.rows() };
        let mut loss = 0.0;
        for from in (0..data.rows()).step_by(CHUNK_ROWS) {
            let rows = (data.rows() - from).min(CHUNK_ROWS);
            batch.gather(&mut self.workspace, from, rows);
            self.forward(&parameters, rows);
            self.plan.losses(self.s, &mut self.workspace, rows);
            loss += self.workspace.loss(rows);
        }
        Ok(loss / data.rows() as f64)
    }

    fn parameters(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.plan.parameters);
        self.plan.read(&lock(&self.published), 1, 0, &mut values);
        values
    }
}
