//! The loop over steps: which rows a step takes, when an epoch ends, when a run does.

mod step_loop;

use crate::dataset::Dataset;
use crate::engine::huge_pages::{filled, reserve};
use crate::engine::scoped_threads::{Cores, ScopedThreads};
use crate::engine::simd::Simd;
use crate::engine::thread_tuner::ThreadTuner;
use crate::ensure;
use crate::errors::{Error, Result};
use crate::predictor::Forward;
use crate::random::{Purpose, permutation, stream};
use crate::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use step_loop::StepLoop;

/// A flag that ends a run after the current step, or after the 256 that a small network takes at once.
/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the run.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How far a model's training has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// Whole epochs done.
    pub epoch: u64,
    /// Steps done in the epoch at hand.
    pub step: u64,
    /// Updates done in all: the optimizer's steps.
    pub steps: u64,
    /// The sum of the losses of the rows seen in the epoch at hand.
    pub loss: f64,
}

/// How many threads a run uses. They change its speed and no bit of its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// As many as there are free cores for, up to so many, where that is faster than one.
    AtMost(usize),
    /// So many, whether it helps or not.
    Exactly(usize),
}

impl Threads {
    /// Calls `work` with a team of that size; of one thread where more would not pay.
    pub(crate) fn team<R>(self, pays: bool, work: impl FnOnce(&mut ScopedThreads<'_>) -> R) -> R {
        match self {
            Threads::Exactly(count) => ScopedThreads::with(count, work),
            Threads::AtMost(count) => {
                let cores = Cores::take(if pays { count } else { 1 });
                ScopedThreads::with(cores.count(), work)
            }
        }
    }
}

/// Multiply-adds of a step from which a second thread can pay: some five microseconds on one. Two meetings
/// take about half a microsecond, and on a bad day several.
const WORTH_A_THREAD: usize = 300_000;

/// The most steps of a small network between two checks of the stop flag: some tens of microseconds.
const SMALL_NETWORK_STEPS: u64 = 256;

/// Multiply-adds of a run from which it pays to start threads, which takes some 50 microseconds.
pub(crate) const WORTH_A_TEAM: u64 = 20_000_000;

/// Early stopping, and how far it has come: a run ends when a loss has not become better by more than
/// `min_delta` for more than `patience` epochs. NaN is never better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Whether the validation's loss is watched, and not the training's.
    pub validation: bool,
    /// By how much a loss has to be below the best.
    pub min_delta: f64,
    /// How many epochs in a row may be no better.
    pub patience: u64,
    /// The best loss so far.
    pub best: f64,
    /// The epochs since.
    pub waited: u64,
}

impl EarlyStopping {
    /// Whether the loss of an epoch is the best so far.
    fn record(&mut self, loss: f64) -> bool {
        let better = loss < self.best - self.min_delta;
        if better {
            self.best = loss;
        }
        self.waited = if better { 0 } else { self.waited + 1 };
        better
    }
}

/// What to train.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Where to go on.
    pub from: Position,
    /// How many steps to take.
    pub steps: u64,
    /// Rows a step; the last of an epoch takes what is left.
    pub batch_size: usize,
    /// What all draws of the run follow from: the epochs' orders, and the noise of layers that have some.
    pub seed: u64,
    /// Whether each epoch has an order of its own; else the rows stand as they are.
    pub shuffle: bool,
    /// The steps that an update takes together, by the mean of their gradients; at an epoch's end those that
    /// are left. A run that starts between two updates goes on with the gradient that the last one left.
    pub accumulate: u64,
    /// The learning rate of each epoch from the one at hand.
    pub learning_rates: &'a [f64],
    /// How many threads take part.
    pub threads: Threads,
    /// Rows whose loss is measured at the end of each epoch.
    pub validation: Option<&'a Dataset<'a>>,
    /// Whether the predictions are wanted: those that training made before each step, and those of the
    /// validation.
    pub predictions: bool,
    /// Whether to end early, and to keep the best parameters.
    pub early_stopping: Option<EarlyStopping>,
    /// The run ends with an epoch whose loss is not above it.
    pub target_loss: f64,
}

impl Default for Run<'_> {
    fn default() -> Self {
        Run {
            from: Position::default(),
            steps: 0,
            batch_size: 32,
            seed: 0,
            shuffle: false,
            accumulate: 1,
            learning_rates: &[],
            threads: Threads::AtMost(usize::MAX),
            validation: None,
            predictions: false,
            early_stopping: None,
            target_loss: f64::NEG_INFINITY,
        }
    }
}

/// Where the loss, the norm of a gradient or, at an epoch's end, a parameter stopped being finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The epoch, from 0.
    pub epoch: u64,
    /// The step in the epoch, from 0.
    pub step: u64,
}

/// The parameters of the best epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The epoch, from 0.
    pub epoch: u64,
    /// Its parameters, in the order of `Part::Parameters`.
    pub parameters: Vec<f32>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Where the training stands.
    pub position: Position,
    /// The mean loss over the rows, of each epoch that ended.
    pub losses: Vec<f64>,
    /// The seconds that each epoch that ended took in this run.
    pub seconds: Vec<f64>,
    /// The mean loss over the rows of the validation, after each epoch that ended.
    pub validation_losses: Vec<f64>,
    /// The predictions that training made before each step, `[epochs][rows][outputs]`, for each epoch that
    /// the run took steps of; a row that it did not get to has zeros.
    pub predictions: Vec<f32>,
    /// The predictions for the rows of the validation, `[epochs][rows][outputs]`, after each epoch that ended.
    pub validation_predictions: Vec<f32>,
    /// How far early stopping has come, if it was asked for.
    pub early_stopping: Option<EarlyStopping>,
    /// The best epoch, if one of this run was better than all before.
    pub best: Option<Best>,
    /// Whether early stopping or the target ended it.
    pub reached: bool,
    /// Whether the stop flag ended it.
    pub stopped: bool,
    /// Set if it ended since a number was no longer finite: the parameters are then those of the last whole
    /// epoch, or those at the start of the run where no epoch has ended in it, and the position is where
    /// that was.
    pub diverged: Option<Divergence>,
}

impl<S: Simd> State<S> {
    pub(crate) fn run(&mut self, data: &Dataset<'_>, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        ensure!(run.batch_size > 0, "run: batchSize must be at least 1");
        ensure!(run.accumulate > 0, "run: accumulate must be at least 1");
        let batch_size = run.batch_size.min(data.rows());
        let steps_an_epoch = data.rows().div_ceil(batch_size) as u64;
        ensure!(
            run.from.step < steps_an_epoch,
            "run: an epoch has {steps_an_epoch} steps, received step {}",
            run.from.step
        );
        let epochs = run.from.step.saturating_add(run.steps).div_ceil(steps_an_epoch);
        let rates = run.learning_rates.len() as u64;
        ensure!(epochs <= rates, "run: {} steps need {epochs} learning rates, received {rates}", run.steps);

        if let Some(validation) = run.validation {
            self.plan.check(validation)?;
        }
        let work = self.plan.multiply_adds().saturating_mul(batch_size);
        let pays = work >= WORTH_A_THREAD && run.steps.saturating_mul(work as u64) >= WORTH_A_TEAM;
        run.threads.team(pays, |team| self.run_with(team, data, run, stop))
    }

    fn run_with(
        &mut self,
        threads: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
        stop: &Stop,
    ) -> Result<Progress> {
        let mut step_loop = StepLoop::start(self, threads, data, run)?;
        self.prepare_order(data, run, run.from.epoch);
        while step_loop.taken < run.steps {
            if stop.is_raised() {
                step_loop.progress.stopped = true;
                break;
            }
            let Position { epoch, step, .. } = step_loop.progress.position;
            let count = step_loop.take_steps(self, threads);
            let ended = step_loop.progress.position.step == step_loop.steps_an_epoch;
            let is_finite = step_loop.progress.position.loss.is_finite();
            if !is_finite || (ended && !self.publish(threads)) {
                step_loop.diverge(self, Divergence { epoch, step: step + count - 1 });
                break;
            }
            if ended {
                step_loop.end_epoch(self, threads);
                if step_loop.progress.should_end(run) {
                    step_loop.progress.reached = true;
                    break;
                }
                if step_loop.taken < run.steps {
                    self.prepare_order(data, run, epoch + 1);
                }
            }
        }
        Ok(step_loop.end(self, threads))
    }

    fn reserve_forward(&mut self, rows: usize, threads: usize) -> Result<()> {
        if self.forward.is_none() {
            self.forward = Some(Forward::new(self.s, Arc::clone(&self.plan))?);
        }
        let Some(forward) = &mut self.forward else { return Ok(()) };
        forward.reserve(rows, threads)?;
        forward.reserve_losses(rows)
    }

    /// The loss of the validation's rows, with the current parameters.
    fn validate(
        &mut self,
        team: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        output: Option<&mut [f32]>,
    ) -> f64 {
        let State { forward, parameters, .. } = self;
        forward.as_mut().map_or(f64::NAN, |forward| forward.evaluate(team, parameters, data, output))
    }

    /// What earlier runs of such steps have measured, or the start of a trial.
    fn tuner(&mut self, threads: usize, batch_size: usize) -> ThreadTuner {
        match self.tuner.take() {
            Some(tuner) if tuner.is_for(threads, batch_size) => tuner.resume(),
            _ => ThreadTuner::start(threads, batch_size),
        }
    }

    fn prepare_order(&mut self, data: &Dataset<'_>, run: &Run<'_>, epoch: u64) {
        if run.shuffle {
            self.order.resize(data.rows(), 0);
            permutation(run.seed, stream(Purpose::Shuffle, epoch as u32), &mut self.order);
        }
    }
}

impl Progress {
    /// Nothing done yet, with room for what `epochs` epochs record.
    fn with_room(run: &Run<'_>, data: &Dataset<'_>, epochs: usize, width: usize) -> Result<Self> {
        let early_stopping = run.early_stopping;
        let mut progress = Progress { position: run.from, early_stopping, ..Progress::default() };
        reserve(&mut progress.losses, epochs)?;
        reserve(&mut progress.seconds, epochs)?;
        reserve(&mut progress.validation_losses, if run.validation.is_some() { epochs } else { 0 })?;
        if run.predictions {
            progress.predictions = outputs(epochs, data, width)?;
            if let Some(validation) = run.validation {
                progress.validation_predictions = outputs(epochs, validation, width)?;
            }
        }
        Ok(progress)
    }

    /// Shows the last epoch to early stopping, if there is some: whether it is the best.
    fn update_early_stopping(&mut self) -> bool {
        let Some(early_stopping) = &mut self.early_stopping else { return false };
        let losses = if early_stopping.validation { &self.validation_losses } else { &self.losses };
        losses.last().is_some_and(|&loss| early_stopping.record(loss))
    }

    /// Whether the last epoch is one to end with.
    fn should_end(&self, run: &Run<'_>) -> bool {
        let waited = self.early_stopping.is_some_and(|stopping| stopping.waited > stopping.patience);
        waited || self.losses.last().is_some_and(|&loss| loss <= run.target_loss)
    }
}

/// Zeros for the predictions of so many epochs.
fn outputs(epochs: usize, data: &Dataset<'_>, width: usize) -> Result<Vec<f32>> {
    let count = epochs.checked_mul(data.rows()).and_then(|rows| rows.checked_mul(width));
    let refused = || Error::new("run: the predictions do not fit in memory: take fewer epochs");
    let count = count.ok_or_else(refused)?;
    filled(0.0, count).map_err(|_| refused())
}

/// An epoch's part of the predictions, if they are wanted.
fn part(predictions: &mut [f32], epoch: u64, length: usize) -> Option<&mut [f32]> {
    (!predictions.is_empty()).then(|| &mut predictions[epoch as usize * length..][..length])
}
