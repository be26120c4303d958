//! Runs and their progress as plain JavaScript objects.

use crate::arrays::{doubles, floats};
use crate::refuse;
use myelin_core::{Best, Dataset, EarlyStopping, Network, Position, Progress, Run, Stop, Threads};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// The position of a training. Whole numbers are doubles here, which represent all of them up to 2^53.
#[napi(object)]
pub struct NativePosition {
    pub epoch: f64,
    pub step: f64,
    pub steps: f64,
    pub loss: f64,
}

/// The options of a run: see [`Run`].
#[napi(object)]
pub struct NativeRun {
    pub from: NativePosition,
    pub steps: f64,
    pub batch_size: f64,
    pub seed: f64,
    pub shuffle: bool,
    pub accumulate: f64,
    pub learning_rates: Float64Array,
    pub rate_per_step: Option<bool>,
    /// The most threads; by default one for each free core.
    pub threads: Option<f64>,
    pub predictions: Option<bool>,
    pub early_stopping: Option<NativeEarlyStopping>,
    pub target_loss: Option<f64>,
}

/// The settings and the state of early stopping.
#[napi(object)]
pub struct NativeEarlyStopping {
    pub validation: bool,
    pub measure: Option<f64>,
    pub larger_is_better: bool,
    pub min_delta: f64,
    pub patience: f64,
    pub best: f64,
    pub waited: f64,
}

/// The parameters of the best epoch.
#[napi(object, object_from_js = false)]
pub struct NativeBest<'env> {
    pub epoch: f64,
    pub parameters: Float32ArraySlice<'env>,
}

/// Converts the most threads that a call may use. The default is one for each free core.
pub fn threads(most: Option<f64>) -> Result<Threads> {
    let most = most.map(|most| whole("threads", most)).transpose()?;
    Ok(Threads::AtMost(most.map_or(usize::MAX, |most| most as usize)))
}

/// The step at which a number was not finite.
#[napi(object)]
pub struct NativeDivergence {
    pub epoch: f64,
    pub step: f64,
}

/// The result of a run: see [`Progress`].
#[napi(object, object_from_js = false)]
pub struct NativeProgress<'env> {
    pub position: NativePosition,
    pub losses: Float64ArraySlice<'env>,
    pub seconds: Float64ArraySlice<'env>,
    pub validation_losses: Option<Float64ArraySlice<'env>>,
    pub measures: Option<Float64ArraySlice<'env>>,
    pub validation_measures: Option<Float64ArraySlice<'env>>,
    pub predictions: Option<Float32ArraySlice<'env>>,
    pub validation_predictions: Option<Float32ArraySlice<'env>>,
    pub early_stopping: Option<NativeEarlyStopping>,
    pub best: Option<NativeBest<'env>>,
    pub reached: bool,
    pub stopped: bool,
    pub diverged: Option<NativeDivergence>,
}

/// Converts a whole number from 0 to 2^53 - 1.
fn whole(name: &str, value: f64) -> Result<u64> {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let whole = value.fract() == 0.0 && (0.0..=LARGEST).contains(&value);
    whole
        .then_some(value as u64)
        .ok_or_else(|| refuse(format!("run: {name} must be a whole number, received {value}")))
}

impl NativeRun {
    /// Converts to a run of the core.
    pub fn to_run<'a>(&'a self, validation: Option<&'a Dataset<'a>>) -> Result<Run<'a>> {
        Ok(Run {
            from: Position {
                epoch: whole("from.epoch", self.from.epoch)?,
                step: whole("from.step", self.from.step)?,
                steps: whole("from.steps", self.from.steps)?,
                loss: self.from.loss,
            },
            steps: whole("steps", self.steps)?,
            batch_size: whole("batchSize", self.batch_size)? as usize,
            seed: whole("seed", self.seed)?,
            shuffle: self.shuffle,
            accumulate: whole("accumulate", self.accumulate)?,
            learning_rates: &self.learning_rates,
            rate_per_step: self.rate_per_step.unwrap_or(false),
            threads: threads(self.threads)?,
            validation,
            predictions: self.predictions.unwrap_or(false),
            early_stopping: self.early_stopping.as_ref().map(NativeEarlyStopping::read).transpose()?,
            target_loss: self.target_loss.unwrap_or(f64::NEG_INFINITY),
        })
    }

    /// Trains a network.
    pub fn train(
        &self,
        network: &mut Network,
        data: &Dataset<'_>,
        validation: Option<&Dataset<'_>>,
        stop: &Stop,
    ) -> Result<Progress> {
        network.train(data, &self.to_run(validation)?, stop).map_err(refuse)
    }
}

impl NativeEarlyStopping {
    fn read(&self) -> Result<EarlyStopping> {
        Ok(EarlyStopping {
            validation: self.validation,
            measure: self
                .measure
                .map(|index| whole("earlyStopping.measure", index))
                .transpose()?
                .map(|index| index as usize),
            larger_is_better: self.larger_is_better,
            min_delta: self.min_delta,
            patience: whole("earlyStopping.patience", self.patience)?,
            best: self.best,
            waited: whole("earlyStopping.waited", self.waited)?,
        })
    }
}

impl From<EarlyStopping> for NativeEarlyStopping {
    fn from(stopping: EarlyStopping) -> Self {
        let EarlyStopping { validation, measure, larger_is_better, min_delta, patience, best, waited } =
            stopping;
        let (patience, waited) = (patience as f64, waited as f64);
        let measure = measure.map(|index| index as f64);
        NativeEarlyStopping { validation, measure, larger_is_better, min_delta, patience, best, waited }
    }
}

/// Converts values, or returns `None` if there are none.
fn some<V, A>(values: &[V], array: impl FnOnce(&[V]) -> Result<A>) -> Result<Option<A>> {
    if values.is_empty() { Ok(None) } else { array(values).map(Some) }
}

impl NativeProgress<'static> {
    /// Converts to a JavaScript object.
    pub fn of(env: &Env, progress: Progress) -> Result<Self> {
        let Position { epoch, step, steps, loss } = progress.position;
        let best = |Best { epoch, parameters }: Best| -> Result<_> {
            Ok(NativeBest { epoch: epoch as f64, parameters: floats(env, &parameters)? })
        };
        Ok(NativeProgress {
            position: NativePosition { epoch: epoch as f64, step: step as f64, steps: steps as f64, loss },
            losses: doubles(env, &progress.losses)?,
            seconds: doubles(env, &progress.seconds)?,
            validation_losses: some(&progress.validation_losses, |values| doubles(env, values))?,
            measures: some(&progress.measures, |values| doubles(env, values))?,
            validation_measures: some(&progress.validation_measures, |values| doubles(env, values))?,
            predictions: some(&progress.predictions, |values| floats(env, values))?,
            validation_predictions: some(&progress.validation_predictions, |values| floats(env, values))?,
            early_stopping: progress.early_stopping.map(NativeEarlyStopping::from),
            best: progress.best.map(best).transpose()?,
            reached: progress.reached,
            stopped: progress.stopped,
            diverged: progress
                .diverged
                .map(|place| NativeDivergence { epoch: place.epoch as f64, step: place.step as f64 }),
        })
    }
}
