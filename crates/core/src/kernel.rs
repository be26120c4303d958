//! Networks and predictors as callers see them: without their instruction set.

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::panels::Line;
use crate::engine::simd::{Instructions, Simd, WithSimd, dispatch};
use crate::engine::team::Team;
use crate::ensure;
use crate::errors::Result;
use crate::network::{Published, lock};
use crate::program::Plan;
use crate::run::{Progress, Run, Stop, Threads, WORTH_A_TEAM};
use crate::state::State;
use crate::workspace::{Batch, Workspace};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Which values `read` and `write` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights and biases.
    Parameters,
    /// The optimizer's state: its slots one after the other, each in the order of the parameters.
    Slots,
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
    fn predictor(&self) -> Result<Predictor>;
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
        self.reserve(data.rows(), 1)?;
        let batch = Batch { data, order: None, start: 0, rows: data.rows(), of: 1, moment: None };
        let (loss, gradient) = self.gradients_of(batch)?;
        let mut values = Vec::with_capacity(self.plan.parameters);
        self.plan.read(&gradient, 1, 0, &mut values);
        Ok(Gradients { loss: loss / data.rows() as f64, values })
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
        Team::with(1, |team| self.publish(team));
        Ok(())
    }

    fn predictor(&self) -> Result<Predictor> {
        Ok(Predictor(Box::new(Forward {
            s: self.s,
            plan: Arc::clone(&self.plan),
            published: Arc::clone(&self.published),
            workspaces: vec![Workspace::new(&self.plan, 0, false)?],
        })))
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
        let (inputs, outputs) = (self.inputs, self.loss.targets(self.outputs()));
        ensure!(data.inputs() == inputs, "data: expected {inputs} inputs, received {}", data.inputs());
        ensure!(data.outputs() == outputs, "data: expected {outputs} outputs, received {}", data.outputs());
        self.check_categories(data.inputs_of_all())?;
        self.loss.check(data.targets(), self.outputs())
    }
}

/// A network: a Program with its parameters and optimizer state.
pub struct Network(Box<dyn Machine>);

impl Network {
    /// Compiles a Program. Parameters start at zero: whoever calls writes the initial ones. `instructions`
    /// names an instruction set; by default it is the fastest that the CPU has.
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

    /// Trains from `run.from` for up to `run.steps` steps, or until the stop flag is raised, or until the
    /// loss is no longer finite.
    pub fn train(&mut self, data: &Dataset, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        self.0.train(data, run, stop)
    }

    /// The loss of all rows of `data` as one batch, and the gradients of it and of the penalties on weights;
    /// changes nothing.
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
    pub fn predictor(&self) -> Result<Predictor> {
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

/// One of several trainings: a network of its own; the data may be shared.
pub struct Training<'a> {
    /// What is trained.
    pub network: &'a mut Network,
    /// On what.
    pub data: &'a Dataset,
    /// How. Its `threads` do not count where there are several trainings.
    pub run: Run<'a>,
    /// Ends it.
    pub stop: &'a Stop,
}

/// Trains independent networks side by side, each on one thread at a time: the results are those of training
/// each alone. `finished` counts those that are done. With a single training its run's `threads` hold.
pub fn train_many(
    trainings: &mut [Training<'_>],
    threads: Threads,
    finished: &AtomicUsize,
) -> Vec<Result<Progress>> {
    if let [Training { network, data, run, stop }] = trainings {
        let progress = network.train(data, &Run { threads, ..*run }, stop);
        finished.fetch_add(1, Ordering::Relaxed);
        return vec![progress];
    }
    let count = trainings.len();
    let mut results: Vec<_> = trainings.iter().map(|_| None).collect();
    let queue = Mutex::new(trainings.iter_mut().zip(&mut results));
    let threads = match threads {
        Threads::AtMost(most) => Threads::AtMost(most.min(count)),
        Threads::Exactly(threads) => Threads::Exactly(threads.min(count)),
    };
    threads.team(true, |team| {
        let mut members = vec![(); team.threads()];
        team.each(&mut members, |()| {
            loop {
                let next = lock(&queue).next();
                let Some((Training { network, data, run, stop }, result)) = next else { return };
                *result = Some(network.train(data, &Run { threads: Threads::Exactly(1), ..*run }, stop));
                finished.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    results.into_iter().flatten().collect()
}

trait Predict: Send {
    fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()>;
    fn evaluate(&mut self, data: &Dataset, threads: Threads) -> Result<f64>;
    fn parameters(&self) -> Vec<f32>;
}

/// The forward pass alone, with scratch memory of its own.
pub struct Predictor(Box<dyn Predict>);

impl Predictor {
    /// Writes the predictions for `x`, `[rows][inputs]`, into `output`, `[rows][outputs]`.
    pub fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()> {
        self.0.predict(x, output, threads)
    }

    /// The mean loss of the rows.
    pub fn evaluate(&mut self, data: &Dataset, threads: Threads) -> Result<f64> {
        self.0.evaluate(data, threads)
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
    /// One for each thread.
    workspaces: Vec<Workspace>,
}

/// Some of the rows, and who takes them.
struct Share<'a, Rows> {
    workspace: &'a mut Workspace,
    rows: Rows,
}

impl<S: Simd> Forward<S> {
    /// Makes room for so many rows on each of so many threads.
    fn reserve(&mut self, rows: usize, threads: usize) -> Result<()> {
        while self.workspaces.len() < threads {
            self.workspaces.push(Workspace::new(&self.plan, 0, false)?);
        }
        self.workspaces[..threads]
            .iter_mut()
            .try_for_each(|workspace| workspace.reserve(&self.plan, rows.div_ceil(threads), false))
    }
}

impl<S: Simd> Plan<S> {
    /// Whether the forward pass of so many rows is worth a team.
    fn pays(&self, rows: usize) -> bool {
        // About a third of a training's operations are those of the forward pass.
        (self.operations() as u64).saturating_mul(rows as u64) / 3 >= WORTH_A_TEAM
    }

    fn forward_alone(&self, s: S, parameters: &[Line], workspace: &mut Workspace, rows: usize) {
        s.run(
            #[inline(always)]
            || self.forward::<0>(s, parameters, workspace, rows),
        );
    }

    /// Predicts rows of x, in pieces that go through together.
    fn predict(&self, s: S, parameters: &[Line], workspace: &mut Workspace, x: &[f32], output: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let chunks = x.chunks(inputs * CHUNK_ROWS).zip(output.chunks_mut(outputs * CHUNK_ROWS));
        for (x, output) in chunks {
            let rows = x.len() / inputs;
            for (row, values) in x.chunks_exact(inputs).enumerate() {
                workspace.input.set_row(row, values);
            }
            self.forward_alone(s, parameters, workspace, rows);
            let result = &mut workspace.outputs[self.stages.len() - 1];
            self.apply_absorbed(s, result, rows);
            for (row, values) in output.chunks_exact_mut(outputs).enumerate() {
                result.row(row, values);
            }
        }
    }

    /// The losses of rows of the data from `start`.
    fn row_losses(
        &self,
        s: S,
        parameters: &[Line],
        workspace: &mut Workspace,
        batch: Batch<'_>,
        losses: &mut [f32],
    ) {
        for (index, losses) in losses.chunks_mut(CHUNK_ROWS).enumerate() {
            batch.gather(workspace, index * CHUNK_ROWS, losses.len());
            self.forward_alone(s, parameters, workspace, losses.len());
            self.losses(s, workspace, losses);
        }
    }
}

impl<S: Simd> Predict for Forward<S> {
    fn predict(&mut self, x: &[f32], output: &mut [f32], threads: Threads) -> Result<()> {
        let (inputs, outputs) = (self.plan.inputs, self.plan.outputs());
        let rows = x.len() / inputs;
        ensure!(x.len() == rows * inputs, "x: {} values are no multiple of {inputs} inputs", x.len());
        ensure!(
            Some(output.len()) == rows.checked_mul(outputs),
            "output: expected {rows} rows of {outputs}, received {} values",
            output.len()
        );
        self.plan.check_categories(x)?;
        if rows <= 1 {
            self.reserve(rows, 1)?;
            let published = lock(&self.published);
            self.plan.predict(self.s, &published, &mut self.workspaces[0], x, output);
            return Ok(());
        }
        threads.team(self.plan.pays(rows), |team| {
            let share = rows.div_ceil(team.threads());
            self.reserve(rows, team.threads())?;
            let Forward { s, plan, published, workspaces } = self;
            let parameters = lock(published);
            let pieces = x.chunks(share * inputs).zip(output.chunks_mut(share * outputs));
            let shares = workspaces.iter_mut().zip(pieces);
            let mut shares: Vec<_> = shares.map(|(workspace, rows)| Share { workspace, rows }).collect();
            team.each(&mut shares, |Share { workspace, rows: (x, output) }| {
                plan.predict(*s, &parameters, workspace, x, output);
            });
            Ok(())
        })
    }

    fn evaluate(&mut self, data: &Dataset, threads: Threads) -> Result<f64> {
        self.plan.check(data)?;
        let rows = data.rows();
        threads.team(self.plan.pays(rows), |team| {
            let share = rows.div_ceil(team.threads());
            self.reserve(rows, team.threads())?;
            let Forward { s, plan, published, workspaces } = self;
            let parameters = lock(published);
            let mut losses = vec![0.0_f32; rows];
            let shares = workspaces.iter_mut().zip(losses.chunks_mut(share).enumerate());
            let mut shares: Vec<_> = shares.map(|(workspace, rows)| Share { workspace, rows }).collect();
            team.each(&mut shares, |Share { workspace, rows: (thread, losses) }| {
                let (start, rows) = (*thread * share, losses.len());
                let batch = Batch { data, order: None, start, rows, of: 1, moment: None };
                plan.row_losses(*s, &parameters, workspace, batch, losses);
            });
            // Added in the order of the rows, whoever computed them.
            Ok(losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / rows as f64)
        })
    }

    fn parameters(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.plan.parameters);
        self.plan.read(&lock(&self.published), 1, 0, &mut values);
        values
    }
}
