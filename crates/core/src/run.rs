//! The loop over steps: which rows a step takes, when an epoch ends, when a run does.

use crate::dataset::Dataset;
use crate::engine::huge_pages::{copied, filled, reserve};
use crate::engine::panels::{Line, zeros};
use crate::engine::scoped_threads::{Cores, ScopedThreads};
use crate::engine::simd::Simd;
use crate::engine::thread_tuner::ThreadTuner;
use crate::ensure;
use crate::errors::{Error, Result};
use crate::operations::Moment;
use crate::predictor::Forward;
use crate::random::{NOISE_ROWS, Purpose, permutation, stream};
use crate::small_network::Steps;
use crate::state::{State, Turn};
use crate::workspace::Batch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A flag that ends a run after the step at hand, or after the hundred or so that a small network takes at once.
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

/// The most steps of a small network between two looks at the stop flag: some tens of microseconds.
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
    fn see(&mut self, loss: f64) -> bool {
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
        team: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
        stop: &Stop,
    ) -> Result<Progress> {
        let batch_size = run.batch_size.min(data.rows());
        let steps_an_epoch = data.rows().div_ceil(batch_size) as u64;
        let adapts = team.threads() > 1 && matches!(run.threads, Threads::AtMost(_));
        let mut tuner = adapts.then(|| self.tuner(team.threads(), batch_size));
        self.reserve(batch_size, team.threads())?;
        if run.accumulate > 1 || self.plan.collects() {
            self.reserve_gradient()?;
        }
        // The steps that the update at hand has taken.
        let mut place = run.from.step % run.accumulate;
        let mut collected = (place > 0).then(|| copied(&self.gradient)).transpose()?;
        let mut taken = 0;
        let early_stopping = run.early_stopping;
        let mut progress = Progress { position: run.from, early_stopping, ..Progress::default() };
        let keeps = usize::from(early_stopping.is_some());
        let mut best = zeros(Some(keeps * self.plan.lines))?;
        let mut best_parameters = filled(0.0, keeps * self.plan.parameters)?;
        let mut best_epoch = None;
        let width = self.plan.outputs();
        let epochs = run.from.step.saturating_add(run.steps).div_ceil(steps_an_epoch) as usize;
        reserve(&mut progress.losses, epochs)?;
        reserve(&mut progress.seconds, epochs)?;
        reserve(&mut progress.validation_losses, if run.validation.is_some() { epochs } else { 0 })?;
        if run.shuffle {
            reserve(&mut self.order, data.rows())?;
        }
        if run.predictions {
            progress.predictions = outputs(epochs, data, width)?;
            if let Some(validation) = run.validation {
                progress.validation_predictions = outputs(epochs, validation, width)?;
            }
        }
        if let Some(validation) = run.validation {
            self.reserve_forward(validation.rows(), team.threads())?;
        }
        let tiny = run.accumulate == 1 && self.takes_small_network_steps(batch_size);
        let mut safe = run.from;
        let mut started = Instant::now();
        self.prepare_order(data, run, run.from.epoch);
        while taken < run.steps {
            if stop.is_raised() {
                progress.stopped = true;
                break;
            }
            let Position { epoch, step, steps, .. } = progress.position;
            let start = step as usize * batch_size;
            let rows = batch_size.min(data.rows() - start);
            let order = run.shuffle.then(|| std::mem::take(&mut self.order));
            let rate = run.learning_rates[(epoch - run.from.epoch) as usize];
            let of = run.accumulate.min(steps_an_epoch - (step - place));
            let updates = place + 1 == of;
            let alone = team.threads() == 1 || tuner.as_ref().is_some_and(ThreadTuner::alone);
            let before = place as usize * batch_size.next_multiple_of(NOISE_ROWS);
            let moment = Some(Moment { seed: run.seed, step: steps + 1, before });
            let batch = Batch { data, order: order.as_deref(), start, rows, of, moment };
            let output = part(&mut progress.predictions, epoch - run.from.epoch, data.rows() * width);
            let position = &mut progress.position;
            let count = if tiny {
                let count =
                    SMALL_NETWORK_STEPS.min(run.steps - taken).min(((data.rows() - start) / rows) as u64);
                let steps = Steps { batch, count, learning_rate: rate, updates: steps };
                self.small_network_steps(steps, &mut position.loss, output)
            } else {
                let update = updates.then(|| self.plan.update.now(rate, steps + 1, &mut self.powers));
                let turn = Turn { first: place == 0, update };
                position.loss += self.step(team, alone, batch, turn, output);
                1
            };
            if let Some(tuner) = &mut tuner {
                tuner.stepped();
            }
            self.order = order.unwrap_or_default();

            position.step += count;
            position.steps += u64::from(updates) * count;
            taken += count;
            place = if updates { 0 } else { place + 1 };
            let ended = position.step == steps_an_epoch;
            if !position.loss.is_finite() || (ended && !self.publish(team)) {
                self.go_back(&mut progress, safe, collected.take());
                progress.diverged = Some(Divergence { epoch, step: step + count - 1 });
                break;
            }
            if ended {
                if let Some(validation) = run.validation {
                    let predictions = &mut progress.validation_predictions;
                    let output = part(predictions, epoch - run.from.epoch, validation.rows() * width);
                    progress.validation_losses.push(self.validate(team, validation, output));
                }
                let now = Instant::now();
                progress.losses.push(position.loss / data.rows() as f64);
                progress.seconds.push((now - started).as_secs_f64());
                started = now;
                *position = Position { epoch: epoch + 1, step: 0, loss: 0.0, ..*position };
                safe = *position;
                if progress.is_better() {
                    best.copy_from_slice(&self.parameters);
                    best_epoch = Some(epoch);
                }
                if progress.is_enough(run) {
                    progress.reached = true;
                    break;
                }
                if taken < run.steps {
                    self.prepare_order(data, run, epoch + 1);
                }
            }
        }
        progress.best = best_epoch.map(|epoch| {
            self.plan.read(&best, 1, 0, &mut best_parameters);
            Best { epoch, parameters: best_parameters }
        });
        self.tuner = tuner.or(self.tuner.take());
        if progress.position.step > 0 && !self.publish(team) {
            let Position { epoch, step, .. } = progress.position;
            progress.diverged = Some(Divergence { epoch, step: step - 1 });
            self.go_back(&mut progress, safe, collected);
        }
        Ok(progress)
    }

    /// Goes back to where the training was last safe. `collected` is what the gradient was at the run's start,
    /// if it started between two updates.
    fn go_back(&mut self, progress: &mut Progress, safe: Position, collected: Option<Vec<Line>>) {
        self.restore();
        progress.position = safe;
        if let Some(collected) = collected.filter(|_| safe.step > 0) {
            self.gradient = collected;
        }
    }

    fn reserve_forward(&mut self, rows: usize, threads: usize) -> Result<()> {
        if self.forward.is_none() {
            self.forward = Some(Forward::new(self.s, Arc::clone(&self.plan))?);
        }
        let Some(forward) = &mut self.forward else { return Ok(()) };
        forward.reserve(rows, threads)?;
        forward.reserve_losses(rows)
    }

    /// The loss of rows that nothing is learnt from, with the parameters at hand.
    fn validate(
        &mut self,
        team: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        output: Option<&mut [f32]>,
    ) -> f64 {
        let State { forward, parameters, .. } = self;
        forward.as_mut().map_or(f64::NAN, |forward| forward.evaluate(team, parameters, data, output))
    }

    /// What earlier runs of such steps have found out, or the start of a trial.
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
    /// Shows the last epoch to early stopping, if there is some: whether it is the best.
    fn is_better(&mut self) -> bool {
        let Some(early_stopping) = &mut self.early_stopping else { return false };
        let losses = if early_stopping.validation { &self.validation_losses } else { &self.losses };
        losses.last().is_some_and(|&loss| early_stopping.see(loss))
    }

    /// Whether the last epoch is one to end with.
    fn is_enough(&self, run: &Run<'_>) -> bool {
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
