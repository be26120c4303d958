//! The table of measures: options → a number computed from the predictions and the targets of a whole epoch.
//!
//! Every sum has the order of additions that TypeScript has, so both give the same bits.

use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{Options, UNBOUNDED};

crate::table! {
    "measure" as Measure;
    "columnAccuracy" ["threshold", "middle"] => |options| Box::new(ColumnAccuracy::new(&options)?),
    "labelAccuracy" [] => |options| Box::new(LabelAccuracy),
    "meanAbsoluteError" [] => |options| Box::new(MeanError(f64::abs)),
    "meanSquaredError" [] => |options| Box::new(MeanError(square)),
    "rootMeanSquaredError" [] => |options| Box::new(RootMeanSquaredError),
    "shareAccuracy" [] => |options| Box::new(ShareAccuracy),
}

/// A number computed from all predictions of an epoch.
pub trait Measure<S: Simd>: Send + Sync {
    /// Returns the number of targets in a row of `outputs` predictions.
    fn targets(&self, outputs: usize) -> usize {
        outputs
    }

    /// Returns the value for predictions, `[rows][outputs]`, and the targets of the same rows.
    fn value(&self, s: S, predictions: &[f32], targets: &[f32], outputs: usize) -> f64;
}

/// The share of predictions on the same side as their targets: above `threshold`, and above `middle`.
struct ColumnAccuracy {
    threshold: f32,
    middle: f32,
}

/// The most values whose number of correct ones is counted in 32 bits.
const COUNTED: usize = 1 << 20;

/// Returns the largest 32-bit number that is not above a number. A 32-bit number is above both or neither.
fn rounded_down(number: f64) -> f32 {
    let nearest = number as f32;
    if f64::from(nearest) > number { nearest.next_down() } else { nearest }
}

impl ColumnAccuracy {
    fn new(options: &Options<'_>) -> Result<Self> {
        let side = |name| options.double(name, UNBOUNDED).map(rounded_down);
        Ok(ColumnAccuracy { threshold: side("threshold")?, middle: side("middle")? })
    }
}

impl<S: Simd> Measure<S> for ColumnAccuracy {
    fn value(&self, s: S, predictions: &[f32], targets: &[f32], _outputs: usize) -> f64 {
        let ColumnAccuracy { threshold, middle } = *self;
        let correct = s.run(
            #[inline(always)]
            || {
                let mut correct = 0;
                for (predictions, targets) in predictions.chunks(COUNTED).zip(targets.chunks(COUNTED)) {
                    let mut count = 0;
                    for (prediction, target) in predictions.iter().zip(targets) {
                        count += u32::from((*prediction > threshold) == (*target > middle));
                    }
                    correct += u64::from(count);
                }
                correct
            },
        );
        correct as f64 / predictions.len() as f64
    }
}

/// Returns the index of the first largest value.
#[inline(always)]
fn first_largest(values: &[f32]) -> usize {
    let (mut best, mut largest) = (0, values[0]);
    for (index, &value) in values.iter().enumerate() {
        if value > largest {
            (best, largest) = (index, value);
        }
    }
    best
}

/// Returns the share of rows that are correct.
fn share(rows: impl Iterator<Item = bool>) -> f64 {
    let (correct, count) = rows
        .fold((0_u64, 0_u64), |(correct, count), is_correct| (correct + u64::from(is_correct), count + 1));
    correct as f64 / count as f64
}

/// The share of rows whose first largest prediction is the class of the target, which is its index.
struct LabelAccuracy;

impl<S: Simd> Measure<S> for LabelAccuracy {
    fn targets(&self, _outputs: usize) -> usize {
        1
    }

    fn value(&self, _s: S, predictions: &[f32], targets: &[f32], outputs: usize) -> f64 {
        let rows = predictions.chunks_exact(outputs).zip(targets);
        share(rows.map(|(prediction, target)| first_largest(prediction) as f64 == f64::from(*target)))
    }
}

/// The share of rows whose first largest prediction has the place of the first largest target.
struct ShareAccuracy;

impl<S: Simd> Measure<S> for ShareAccuracy {
    fn value(&self, _s: S, predictions: &[f32], targets: &[f32], outputs: usize) -> f64 {
        let rows = predictions.chunks_exact(outputs).zip(targets.chunks_exact(outputs));
        share(rows.map(|(prediction, target)| first_largest(prediction) == first_largest(target)))
    }
}

/// The number of partial sums. Partial sum n adds the terms n, n + 8, n + 16, … in order.
const SUMS: usize = 8;

#[inline(always)]
fn square(difference: f64) -> f64 {
    difference * difference
}

#[inline(always)]
fn distance(term: impl Fn(f64) -> f64, prediction: f32, target: f32) -> f64 {
    term(f64::from(prediction) - f64::from(target))
}

fn total(sums: [f64; SUMS]) -> f64 {
    sums.iter().fold(0.0, |total, sum| total + sum)
}

/// Returns the sum over all values of a function of p - t.
fn sum<S: Simd>(s: S, term: impl Fn(f64) -> f64, predictions: &[f32], targets: &[f32]) -> f64 {
    total(s.run(
        #[inline(always)]
        || {
            let mut sums = [0.0; SUMS];
            let (predictions, last_predictions) = predictions.as_chunks::<SUMS>();
            let (targets, last_targets) = targets.as_chunks::<SUMS>();
            for (predictions, targets) in predictions.iter().zip(targets) {
                for lane in 0..SUMS {
                    sums[lane] += distance(&term, predictions[lane], targets[lane]);
                }
            }
            for (lane, (prediction, target)) in last_predictions.iter().zip(last_targets).enumerate() {
                sums[lane] += distance(&term, *prediction, *target);
            }
            sums
        },
    ))
}

/// Returns the same sum over the values of one column.
fn column_sum(term: impl Fn(f64) -> f64, values: [&[f32]; 2], outputs: usize, column: usize) -> f64 {
    let [predictions, targets] = values.map(|values| values[column..].iter().step_by(outputs));
    let mut sums = [0.0; SUMS];
    for (row, (prediction, target)) in predictions.zip(targets).enumerate() {
        sums[row % SUMS] += distance(&term, *prediction, *target);
    }
    total(sums)
}

/// The mean over rows and outputs of a function of p - t.
struct MeanError<T>(T);

impl<S: Simd, T: Fn(f64) -> f64 + Send + Sync> Measure<S> for MeanError<T> {
    fn value(&self, s: S, predictions: &[f32], targets: &[f32], _outputs: usize) -> f64 {
        sum(s, &self.0, predictions, targets) / predictions.len() as f64
    }
}

/// The mean over the outputs of √(mean over the rows of (p - t)²).
struct RootMeanSquaredError;

impl<S: Simd> Measure<S> for RootMeanSquaredError {
    fn value(&self, s: S, predictions: &[f32], targets: &[f32], outputs: usize) -> f64 {
        let rows = (predictions.len() / outputs) as f64;
        let roots = (0..outputs).map(|column| match outputs {
            1 => sum(s, square, predictions, targets),
            _ => column_sum(square, [predictions, targets], outputs, column),
        });
        roots.fold(0.0, |total, sum| total + (sum / rows).sqrt()) / outputs as f64
    }
}
