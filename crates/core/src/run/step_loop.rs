//! The loop of a run over its steps: which rows a step takes, when an epoch ends, and when the run does.

use super::predictions::Predictions;
use super::{Best, Divergence, Position, Progress, Run, SMALL_NETWORK_STEPS, Threads};
use crate::dataset::Dataset;
use crate::engine::clock::Instant;
use crate::engine::codes::Codes;
use crate::engine::huge_pages::{copied, filled, reserve};
use crate::engine::panels::{Line, zeros};
use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::Simd;
use crate::engine::thread_tuner::ThreadTuner;
use crate::errors::Result;
use crate::operations::Moment;
use crate::random::NOISE_ROWS;
use crate::state::State;
use crate::step::small_network::{self, Steps};
use crate::step::{StepThreads, Turn};
use crate::workspace::Batch;
use std::sync::Arc;

/// The smallest batch whose inputs are taken as codes: each step makes sums of weights first.
const FEWEST_CODED_ROWS: usize = 16;

/// A run in progress: everything that it needs besides the state, the data and the options.
pub(crate) struct StepLoop {
    batch_size: usize,
    /// The codes of the dataset and of the validation data, if the first product takes them.
    codes: Option<Arc<Codes>>,
    validation_codes: Option<Arc<Codes>>,
    pub(super) steps_per_epoch: u64,
    tuner: Option<ThreadTuner>,
    /// The number of steps since the last update.
    accumulated_steps: u64,
    /// The accumulated gradient at the start of the run, if it starts between two updates.
    start_gradient: Option<Vec<Line>>,
    pub(super) taken: u64,
    pub(super) progress: Progress,
    /// The predictions of training, and those for the validation rows.
    predictions: Predictions,
    validation_predictions: Predictions,
    /// The parameters of the best epoch as lines, and a buffer for their row-major copy.
    best: (Vec<Line>, Vec<f32>),
    best_epoch: Option<u64>,
    /// The position at which parameters were last published.
    published: Position,
    epoch_started: Instant,
    /// The number of validation rows evaluated at the end of the epoch; `None` before the epoch ends.
    validated: Option<usize>,
    /// The number of validation rows that one call evaluates.
    validation_rows: usize,
}

impl StepLoop {
    /// Allocates everything that the run needs, so that a step allocates nothing.
    pub(super) fn start<S: Simd>(
        state: &mut State<S>,
        team: &ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
        validation_rows: usize,
    ) -> Result<Self> {
        let batch_size = run.batch_size.min(data.rows());
        let steps_per_epoch = data.rows().div_ceil(batch_size) as u64;
        let adapts = team.threads() > 1 && matches!(run.threads, Threads::AtMost(_));
        let tuner = adapts.then(|| state.tuner(team.threads(), batch_size));
        let coded = state.plan.coded_product();
        let is_scaled = coded.is_some_and(|coded| coded.scale.is_some());
        // A single step takes less time than finding codes. Whether there are codes must depend on neither the
        // number of steps nor the runs before, because a training may be cut anywhere.
        let pays = (FEWEST_CODED_ROWS..data.rows()).contains(&batch_size);
        // A gradient that is handed to the next run must not depend on codes.
        let takes_codes = coded.is_some() && pays && (run.accumulate == 1 || !is_scaled);
        let lookups = state.plan.looked_up();
        let codes = if takes_codes { data.codes(&lookups)? } else { None };
        state.reserve(batch_size, team.threads(), codes.as_deref())?;
        if run.accumulate > 1 || state.plan.needs_whole_gradient() || (codes.is_some() && is_scaled) {
            state.reserve_gradient()?;
        }
        if run.shuffle {
            reserve(&mut state.order, data.rows())?;
        }
        let mut validation_codes = None;
        if let Some(validation) = run.validation {
            if codes.is_some() {
                validation_codes = validation.codes(&lookups)?;
            }
            state.reserve_forward(validation.rows(), validation_codes.as_deref(), team.threads())?;
        }
        let accumulated_steps = run.from.step % run.accumulate;
        let start_gradient = (accumulated_steps > 0).then(|| copied(&state.gradient)).transpose()?;
        let epochs = run.from.step.saturating_add(run.steps).div_ceil(steps_per_epoch) as usize;
        let keeps = usize::from(run.early_stopping.is_some());
        let (width, measures) = (state.plan.outputs(), state.plan.measures.len());
        let predictions = |data: Option<&Dataset<'_>>| match data {
            Some(data) if run.predictions || measures > 0 => Predictions::new(run, epochs, data, width),
            _ => Ok(Predictions::default()),
        };
        Ok(StepLoop {
            batch_size,
            codes,
            validation_codes,
            steps_per_epoch,
            tuner,
            accumulated_steps,
            start_gradient,
            taken: 0,
            progress: Progress::with_room(run, epochs, measures)?,
            predictions: predictions(Some(data))?,
            validation_predictions: predictions(run.validation)?,
            best: (zeros(Some(keeps * state.plan.lines))?, filled(0.0, keeps * state.plan.parameters)?),
            best_epoch: None,
            published: run.from,
            epoch_started: Instant::now(),
            validated: None,
            validation_rows,
        })
    }

    /// Returns whether the run has ended: all steps are taken, it reached its goal, or it diverged.
    pub(super) fn has_ended(&self, run: &Run<'_>) -> bool {
        let Progress { reached, diverged, .. } = &self.progress;
        *reached || diverged.is_some() || (self.validated.is_none() && self.taken >= run.steps)
    }

    /// Returns whether the next call is `validate`.
    pub(super) fn is_validating(&self) -> bool {
        self.validated.is_some()
    }

    /// Takes the next step, or several steps of a small network, and returns their number.
    pub(super) fn take_steps<S: Simd>(
        &mut self,
        state: &mut State<S>,
        team: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
    ) -> u64 {
        let batch_size = self.batch_size;
        let Position { epoch, step, steps, .. } = self.progress.position;
        let start = step as usize * batch_size;
        let rows = batch_size.min(data.rows() - start);
        let order = run.shuffle.then(|| std::mem::take(&mut state.order));
        let index = if run.rate_per_step { self.taken } else { epoch - run.from.epoch };
        let rate = run.learning_rates[index as usize];
        let of = run.accumulate.min(self.steps_per_epoch - (step - self.accumulated_steps));
        let updates = self.accumulated_steps + 1 == of;
        let before = self.accumulated_steps as usize * batch_size.next_multiple_of(NOISE_ROWS);
        let moment = Some(Moment { seed: run.seed, step: steps + 1, before });
        let codes = self.codes.as_deref();
        let batch = Batch { data, order: order.as_deref(), start, rows, of, moment, codes };
        let output = self.predictions.of(epoch - run.from.epoch);
        let position = &mut self.progress.position;
        // The last batch of an epoch has its own number of rows.
        let is_small = [batch_size, rows].into_iter().all(|rows| small_network::fits(&state.plan.way, rows));
        let count = if run.accumulate == 1 && is_small {
            let count = SMALL_NETWORK_STEPS.min(run.steps - self.taken);
            let count = count.min(((data.rows() - start) / rows) as u64);
            let count = if run.rate_per_step { run.equal_rates(index, count) } else { count };
            let steps = Steps { batch, count, learning_rate: rate, updates: steps };
            small_network::take(state, steps, &mut position.loss, output)
        } else {
            let alone = team.threads() == 1 || self.tuner.as_ref().is_some_and(ThreadTuner::alone);
            let update = updates.then(|| state.step_factors(rate, steps + 1));
            let turn = Turn { first: self.accumulated_steps == 0, update };
            position.loss += state.step(&mut StepThreads { team, alone }, batch, turn, output);
            1
        };
        if let Some(tuner) = &mut self.tuner {
            tuner.stepped();
        }
        state.order = order.unwrap_or_default();
        position.step += count;
        position.steps += u64::from(updates) * count;
        self.taken += count;
        self.accumulated_steps = if updates { 0 } else { self.accumulated_steps + 1 };
        count
    }

    /// Starts the validation after the last step of an epoch, whose parameters have been published, or ends
    /// the epoch if there is none.
    pub(super) fn end_steps<S: Simd>(&mut self, state: &mut State<S>, data: &Dataset<'_>, run: &Run<'_>) {
        match run.validation {
            Some(_) => self.validated = Some(0),
            None => self.end_epoch(state, data, run),
        }
    }

    /// Evaluates the next validation rows, and ends the epoch after the last.
    pub(super) fn validate<S: Simd>(
        &mut self,
        state: &mut State<S>,
        team: &mut ScopedThreads<'_>,
        data: &Dataset<'_>,
        run: &Run<'_>,
    ) {
        let (Some(start), Some(validation)) = (self.validated, run.validation) else { return };
        let progress = &mut self.progress;
        let end = start.saturating_add(self.validation_rows).min(validation.rows());
        let output = self.validation_predictions.of(progress.position.epoch - run.from.epoch);
        let State { forward, parameters, .. } = state;
        let Some(forward) = forward else { unreachable!("`start` has reserved it") };
        let codes = self.validation_codes.as_deref();
        forward.evaluate(team, parameters, (validation, codes), start..end, output);
        self.validated = Some(end);
        if end == validation.rows() {
            progress.validation_losses.push(forward.mean_loss());
            self.validated = None;
            self.end_epoch(state, data, run);
        }
    }

    /// Records a completed epoch, decides whether the run ends with it, and prepares the next one.
    fn end_epoch<S: Simd>(&mut self, state: &mut State<S>, data: &Dataset<'_>, run: &Run<'_>) {
        let progress = &mut self.progress;
        let Position { epoch, loss, .. } = progress.position;
        let number = epoch - run.from.epoch;
        measure(state, self.predictions.of(number), data, &mut progress.measures);
        if let Some(validation) = run.validation {
            let predictions = self.validation_predictions.of(number);
            measure(state, predictions, validation, &mut progress.validation_measures);
        }
        let now = Instant::now();
        progress.losses.push(loss / data.rows() as f64);
        progress.seconds.push((now - self.epoch_started).as_secs_f64());
        self.epoch_started = now;
        progress.position = Position { epoch: epoch + 1, step: 0, loss: 0.0, ..progress.position };
        self.published = progress.position;
        if progress.update_early_stopping(state.plan.measures.len()) {
            self.best.0.copy_from_slice(&state.parameters);
            self.best_epoch = Some(epoch);
        }
        progress.reached = progress.should_end(run);
        if !self.has_ended(run) {
            state.prepare_order(data, run, epoch + 1);
        }
    }

    /// Restores the published parameters and the position that belongs to them.
    pub(super) fn diverge<S: Simd>(&mut self, state: &mut State<S>, at: Divergence) {
        state.restore();
        self.progress.position = self.published;
        if let Some(start_gradient) = self.start_gradient.take().filter(|_| self.published.step > 0) {
            state.gradient = start_gradient;
        }
        self.progress.diverged = Some(at);
    }

    /// Publishes the parameters of an incomplete epoch, and returns the result of the run.
    pub(super) fn end<S: Simd>(mut self, state: &mut State<S>, team: &mut ScopedThreads<'_>) -> Progress {
        let (best, mut parameters) = std::mem::take(&mut self.best);
        self.progress.best = self.best_epoch.map(|epoch| {
            state.plan.read(&best, 1, 0, &mut parameters);
            Best { epoch, parameters }
        });
        self.progress.predictions = std::mem::take(&mut self.predictions).into_all();
        self.progress.validation_predictions = std::mem::take(&mut self.validation_predictions).into_all();
        state.tuner = self.tuner.take().or(state.tuner.take());
        let Position { epoch, step, .. } = self.progress.position;
        if step > 0 && !state.publish(team) {
            self.diverge(state, Divergence { epoch, step: step - 1 });
        }
        self.progress
    }
}

/// Appends the plan's measures of an epoch, whose predictions are in the order of the rows.
fn measure<S: Simd>(
    state: &State<S>,
    predictions: Option<&mut [f32]>,
    data: &Dataset<'_>,
    measures: &mut Vec<f64>,
) {
    let Some(predictions) = predictions else { return };
    let (s, plan) = (state.s, &state.plan);
    for measure in &plan.measures {
        measures.push(measure.value(s, predictions, data.targets(), plan.outputs()));
    }
}
