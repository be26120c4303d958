//! Runs and their progress as blocks of doubles. Whole numbers are doubles, which represent all of them up
//! to 2^53.

use crate::SharedDataset;
use myelin_core::{Best, Divergence, EarlyStopping, Error, Position, Progress, Result, Run, Slices, Threads};

/// The number of doubles before the learning rates.
pub const SETTINGS: usize = 20;

/// A training in progress, with everything that it refers to.
pub struct Training {
    pub slices: Slices,
    pub settings: Settings,
}

/// The options of a run, and its data.
pub struct Settings {
    numbers: [f64; SETTINGS],
    rates: Vec<f64>,
    pub data: SharedDataset,
    validation: Option<SharedDataset>,
}

/// Converts a whole number from 0 to 2^53 - 1.
fn whole(name: &str, value: f64) -> Result<u64> {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let whole = value.fract() == 0.0 && (0.0..=LARGEST).contains(&value);
    whole
        .then_some(value as u64)
        .ok_or_else(|| Error::new(format!("run: {name} must be a whole number, received {value}")))
}

impl Settings {
    /// Copies the numbers of a run.
    pub fn new(numbers: &[f64], data: SharedDataset, validation: Option<SharedDataset>) -> Result<Self> {
        let Some((numbers, rates)) = numbers.split_first_chunk() else {
            return Err(Error::new(format!("run: expected {SETTINGS} numbers, received {}", numbers.len())));
        };
        let rates = myelin_core::engine::huge_pages::copied(rates)?;
        Ok(Settings { numbers: *numbers, rates, data, validation })
    }

    /// Returns the run.
    pub fn run(&self) -> Result<Run<'_>> {
        let [epoch, step, updates, loss, steps, batch_size, seed, shuffle, accumulate, ..] = self.numbers;
        let [.., per_step, predictions, target, stops, validates, measure, larger, _, _, _, _] = self.numbers;
        let [.., min_delta, patience, best, waited] = self.numbers;
        let early_stopping = (stops != 0.0).then(|| -> Result<EarlyStopping> {
            Ok(EarlyStopping {
                validation: validates != 0.0,
                measure: (!measure.is_nan())
                    .then(|| whole("earlyStopping.measure", measure))
                    .transpose()?
                    .map(|index| index as usize),
                larger_is_better: larger != 0.0,
                min_delta,
                patience: whole("earlyStopping.patience", patience)?,
                best,
                waited: whole("earlyStopping.waited", waited)?,
            })
        });
        Ok(Run {
            from: Position {
                epoch: whole("from.epoch", epoch)?,
                step: whole("from.step", step)?,
                steps: whole("from.steps", updates)?,
                loss,
            },
            steps: whole("steps", steps)?,
            batch_size: usize::try_from(whole("batchSize", batch_size)?).unwrap_or(usize::MAX),
            seed: whole("seed", seed)?,
            shuffle: shuffle != 0.0,
            accumulate: whole("accumulate", accumulate)?,
            learning_rates: &self.rates,
            rate_per_step: per_step != 0.0,
            threads: Threads::Exactly(1),
            validation: self.validation.as_deref(),
            predictions: predictions != 0.0,
            early_stopping: early_stopping.transpose()?,
            target_loss: target,
        })
    }
}

/// Returns the place and the length of an array as two doubles.
fn array<T>(values: &[T]) -> [f64; 2] {
    [values.as_ptr().addr() as f64, values.len() as f64]
}

/// Returns progress as doubles: the position, what ended the run, the state of early stopping, and the places
/// of the arrays. An array that the run does not have is empty. A number that it does not have is NaN.
pub fn numbers(progress: &Progress) -> Vec<f64> {
    let Progress { position, losses, seconds, validation_losses, .. } = progress;
    let Progress { measures, validation_measures, early_stopping, best, diverged, .. } = progress;
    let Progress { predictions, validation_predictions, .. } = progress;
    let mut all = vec![
        position.epoch as f64,
        position.step as f64,
        position.steps as f64,
        position.loss,
        f64::from(progress.reached),
        f64::from(progress.stopped),
    ];
    let none = [f64::NAN; 2];
    all.extend(diverged.map_or(none, |Divergence { epoch, step }| [epoch as f64, step as f64]));
    all.extend(early_stopping.map_or(none, |stopping| [stopping.best, stopping.waited as f64]));
    all.push(best.as_ref().map_or(f64::NAN, |Best { epoch, .. }| *epoch as f64));
    let doubles = [losses, seconds, validation_losses, measures, validation_measures];
    all.extend(doubles.into_iter().flat_map(|values| array(values)));
    all.extend([predictions, validation_predictions].into_iter().flat_map(|values| array(values)));
    all.extend(best.as_ref().map_or([0.0; 2], |best| array(&best.parameters)));
    all
}
