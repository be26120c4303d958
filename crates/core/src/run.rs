//! Runs: what to train, what a run returns, and the loop over its steps.

mod early_stopping;
mod predictions;
mod step_loop;

use crate::dataset::Dataset;
use crate::engine::CHUNK_ROWS;
use crate::engine::codes::Codes;
use crate::engine::huge_pages::reserve;
use crate::engine::scoped_threads::{Cores, ScopedThreads};
use crate::engine::simd::Simd;
use crate::engine::thread_tuner::ThreadTuner;
use crate::ensure;
use crate::errors::Result;
use crate::predictor::Forward;
use crate::random::{Purpose, permutation, stream};
use crate::state::State;
pub use early_stopping::EarlyStopping;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
pub(crate) use step_loop::StepLoop;

/// A flag that ends a run after the current step. A small network checks it only every 256 steps. Clones
/// share the flag.
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
    /// The number of completed epochs.
    pub epoch: u64,
    /// The number of completed steps in the current epoch.
    pub step: u64,
    /// The number of updates since the creation of the model.
    pub steps: u64,
    /// The sum of the losses of the rows in the current epoch so far.
    pub loss: f64,
}

/// How many threads a call uses. The number changes the speed, never the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// One for each free core, up to this number, if that is faster than one thread.
    AtMost(usize),
    /// Exactly this number.
    Exactly(usize),
}

impl Threads {
    /// Calls `work` with a team of threads. `pays` says whether more than one thread can be faster.
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

/// The fewest multiply-adds of a step for which a second thread can be faster: about five microseconds on one
/// thread. Synchronizing the threads twice takes about half a microsecond, sometimes several.
const WORTH_A_THREAD: usize = 300_000;

/// The most steps of a small network between two checks of the stop flag. They take some tens of
/// microseconds.
const SMALL_NETWORK_STEPS: u64 = 256;

/// The fewest multiply-adds of a run for which it pays to start threads, which takes about 50 microseconds.
pub(crate) const WORTH_A_TEAM: u64 = 20_000_000;

/// The options of a run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Where the run starts.
    pub from: Position,
    /// The number of steps.
    pub steps: u64,
    /// The number of rows in a batch. The last batch of an epoch has the remaining rows.
    pub batch_size: usize,
    /// The seed of all random numbers: the order of the rows in each epoch, and the noise of layers.
    pub seed: u64,
    /// Whether to shuffle the rows in each epoch.
    pub shuffle: bool,
    /// The number of steps for each update, which uses the mean of their gradients. The last update of an
    /// epoch has the remaining steps. A run that starts between two updates continues with the gradient that
    /// the run before it accumulated.
    pub accumulate: u64,
    /// The learning rate of each epoch, beginning with the current one, or of each step of the run.
    pub learning_rates: &'a [f64],
    /// Whether each step has a learning rate of its own. An update has that of its last step.
    pub rate_per_step: bool,
    /// How many threads to use.
    pub threads: Threads,
    /// The data whose loss is computed at the end of each epoch.
    pub validation: Option<&'a Dataset<'a>>,
    /// Whether to return predictions: those of training, before each step, and those for the validation data.
    pub predictions: bool,
    /// Early stopping, if wanted. The run then also returns the parameters of the best epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// The run ends after an epoch whose loss is at most this.
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
            rate_per_step: false,
            threads: Threads::AtMost(usize::MAX),
            validation: None,
            predictions: false,
            early_stopping: None,
            target_loss: f64::NEG_INFINITY,
        }
    }
}

impl Run<'_> {
    /// Returns how many of the next `most` steps, beginning with step `first` of the run, have the same rate.
    fn equal_rates(&self, first: u64, most: u64) -> u64 {
        let rates = &self.learning_rates[first as usize..][..most as usize];
        rates.iter().take_while(|rate| rate.to_bits() == rates[0].to_bits()).count() as u64
    }
}

/// The step at which the loss, the norm of the gradient or, at the end of an epoch, a parameter was not
/// finite.
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

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The position of the training after the run.
    pub position: Position,
    /// The mean loss over the rows for each completed epoch.
    pub losses: Vec<f64>,
    /// The seconds that each completed epoch took in this run.
    pub seconds: Vec<f64>,
    /// The mean loss over the validation rows after each completed epoch.
    pub validation_losses: Vec<f64>,
    /// The Program's measures of each completed epoch, `[epochs][measures]`. They are computed from the
    /// predictions of training before each step.
    pub measures: Vec<f64>,
    /// The measures of the validation after each completed epoch, `[epochs][measures]`.
    pub validation_measures: Vec<f64>,
    /// The predictions of training, before each step, `[epochs][rows][outputs]`, for each epoch with steps in
    /// this run. Rows that the run did not reach have zeros.
    pub predictions: Vec<f32>,
    /// The predictions for the validation rows after each completed epoch, `[epochs][rows][outputs]`.
    pub validation_predictions: Vec<f32>,
    /// The state of early stopping, if the run has it.
    pub early_stopping: Option<EarlyStopping>,
    /// The best epoch, if an epoch of this run was better than all epochs before.
    pub best: Option<Best>,
    /// Whether early stopping or the target loss ended the run.
    pub reached: bool,
    /// Whether the stop flag ended the run.
    pub stopped: bool,
    /// Set if a number that was not finite ended the run. The parameters and the position are then those
    /// after the last completed epoch of the run, or those at its start.
    pub diverged: Option<Divergence>,
}

impl<S: Simd> State<S> {
    /// Returns an error if the run does not fit the data. Otherwise returns whether several threads can make
    /// it faster.
    fn check_run(&mut self, data: &Dataset<'_>, run: &Run<'_>) -> Result<bool> {
        ensure!(run.batch_size > 0, "run: batchSize must be at least 1");
        ensure!(run.accumulate > 0, "run: accumulate must be at least 1");
        let batch_size = run.batch_size.min(data.rows());
        let steps_per_epoch = data.rows().div_ceil(batch_size) as u64;
        ensure!(
            run.from.step < steps_per_epoch,
            "run: an epoch has {steps_per_epoch} steps, received step {}",
            run.from.step
        );
        let epochs = run.from.step.saturating_add(run.steps).div_ceil(steps_per_epoch);
        let rates = run.learning_rates.len() as u64;
        let needed = if run.rate_per_step { run.steps } else { epochs };
        ensure!(needed <= rates, "run: {} steps need {needed} learning rates, received {rates}", run.steps);

        let watched = run.early_stopping.and_then(|stopping| stopping.measure);
        let measures = self.plan.measures.len();
        ensure!(
            watched.is_none_or(|index| index < measures),
            "run: earlyStopping: the program has {measures} measures, received the index {watched:?}"
        );
        if let Some(validation) = run.validation {
            self.checked.once(validation, || self.plan.check(validation))?;
        }
        let work = self.plan.multiply_adds().saturating_mul(batch_size);
        Ok(work >= WORTH_A_THREAD && run.steps.saturating_mul(work as u64) >= WORTH_A_TEAM)
    }

    pub(crate) fn run(&mut self, data: &Dataset<'_>, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        let pays = self.check_run(data, run)?;
        run.threads.team(pays, |team| {
            let mut step_loop = self.begin_with(team, data, run, usize::MAX)?;
            self.advance_with(team, &mut step_loop, data, run, &mut || stop.is_raised());
            Ok(self.finish_with(team, step_loop, data, run))
        })
    }

    /// Begins a run on the calling thread, which `advance` and `finish` continue.
    pub(crate) fn begin(&mut self, data: &Dataset<'_>, run: &Run<'_>) -> Result<StepLoop> {
        self.check_run(data, run)?;
        ScopedThreads::with(1, |team| self.begin_with(team, data, run, CHUNK_ROWS))
    }

    /// Continues a run until it ends, or until `pause` returns true, which it is asked between two steps.
    /// Returns whether the run has ended. The data and the run must be those of `begin`.
    pub(crate) fn advance(
        &mut self,
        step_loop: &mut StepLoop,
        data: &Dataset<'_>,
        run: &Run<'_>,
        pause: &mut dyn FnMut() -> bool,
    ) -> bool {
        ScopedThreads::with(1, |team| self.advance_with(team, step_loop, data, run, pause))
    }

    /// Returns the result of a run. One that has not ended is stopped.
    pub(crate) fn finish(&mut self, step_loop: StepLoop, data: &Dataset<'_>, run: &Run<'_>) -> Progress {
        ScopedThreads::with(1, |team| self.finish_with(team, step_loop, data, run))
    }

    /// `validation_rows` is the number of validation rows that are evaluated between two pauses.
    fn begin_with(
        &mut self,
        team: &ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
        validation_rows: usize,
    ) -> Result<StepLoop> {
        let step_loop = StepLoop::start(self, team, data, run, validation_rows)?;
        self.prepare_order(data, run, run.from.epoch);
        Ok(step_loop)
    }

    fn advance_with(
        &mut self,
        team: &mut ScopedThreads<'_>,
        step_loop: &mut StepLoop,
        data: &Dataset<'_>,
        run: &Run<'_>,
        pause: &mut dyn FnMut() -> bool,
    ) -> bool {
        while !step_loop.has_ended(run) {
            if pause() {
                return false;
            }
            if step_loop.is_validating() {
                step_loop.validate(self, team, data, run);
                continue;
            }
            let Position { epoch, step, .. } = step_loop.progress.position;
            let count = step_loop.take_steps(self, team, data, run);
            let ended = step_loop.progress.position.step == step_loop.steps_per_epoch;
            let is_finite = step_loop.progress.position.loss.is_finite();
            if !is_finite || (ended && !self.publish(team)) {
                step_loop.diverge(self, Divergence { epoch, step: step + count - 1 });
            } else if ended {
                step_loop.end_steps(self, data, run);
            }
        }
        true
    }

    fn finish_with(
        &mut self,
        team: &mut ScopedThreads<'_>,
        mut step_loop: StepLoop,
        data: &Dataset<'_>,
        run: &Run<'_>,
    ) -> Progress {
        while step_loop.is_validating() {
            step_loop.validate(self, team, data, run);
        }
        step_loop.progress.stopped = !step_loop.has_ended(run);
        step_loop.end(self, team)
    }

    fn reserve_forward(&mut self, rows: usize, codes: Option<&Codes>, threads: usize) -> Result<()> {
        if self.forward.is_none() {
            self.forward = Some(Forward::new(self.s, Arc::clone(&self.plan))?);
        }
        let Some(forward) = &mut self.forward else { return Ok(()) };
        forward.reserve(rows, threads)?;
        if let Some(Codes { layout, .. }) = codes {
            forward.reserve_codes(layout, rows, threads)?;
        }
        forward.reserve_losses(rows)
    }

    /// Returns the thread tuner of earlier runs with the same batch size and threads, or a new one.
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
    /// Creates the result of a run that has done nothing yet, with room for the records of `epochs` epochs.
    fn with_room(run: &Run<'_>, epochs: usize, measures: usize) -> Result<Self> {
        let early_stopping = run.early_stopping;
        let mut progress = Progress { position: run.from, early_stopping, ..Progress::default() };
        reserve(&mut progress.losses, epochs)?;
        reserve(&mut progress.seconds, epochs)?;
        reserve(&mut progress.measures, epochs.saturating_mul(measures))?;
        if run.validation.is_some() {
            reserve(&mut progress.validation_losses, epochs)?;
            reserve(&mut progress.validation_measures, epochs.saturating_mul(measures))?;
        }
        Ok(progress)
    }

    /// Records the last epoch for early stopping, if the run has it. Returns whether the epoch is the best.
    fn update_early_stopping(&mut self, measures: usize) -> bool {
        let Some(early_stopping) = &mut self.early_stopping else { return false };
        let (losses, measured) = match early_stopping.validation {
            true => (&self.validation_losses, &self.validation_measures),
            false => (&self.losses, &self.measures),
        };
        let last = match early_stopping.measure {
            Some(index) => measured.rchunks_exact(measures).next().map(|measured| measured[index]),
            None => losses.last().copied(),
        };
        last.is_some_and(|value| early_stopping.record(value))
    }

    /// Returns whether early stopping or the target loss ends the run after the last epoch.
    fn should_end(&self, run: &Run<'_>) -> bool {
        let waited = self.early_stopping.is_some_and(|stopping| stopping.waited > stopping.patience);
        waited || self.losses.last().is_some_and(|&loss| loss <= run.target_loss)
    }
}
