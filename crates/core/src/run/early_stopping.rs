//! Early stopping.

/// The settings and the state of early stopping. It ends a run when a value has not improved by more than
/// `min_delta` for more than `patience` epochs. NaN is never an improvement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Whether it watches a value of the validation instead of the training.
    pub validation: bool,
    /// The index of the measure that it watches. `None` is the loss.
    pub measure: Option<usize>,
    /// Whether a larger value is better. The negative value is then minimized.
    pub larger_is_better: bool,
    /// A value is an improvement if it is lower than the best by more than this.
    pub min_delta: f64,
    /// The number of epochs in a row that may pass without an improvement.
    pub patience: u64,
    /// The best value so far, negative if a larger value is better.
    pub best: f64,
    /// The number of epochs since the best one.
    pub waited: u64,
}

impl EarlyStopping {
    /// Records the value of an epoch and returns whether it is the best so far.
    pub(super) fn record(&mut self, value: f64) -> bool {
        let value = if self.larger_is_better { -value } else { value };
        let better = value < self.best - self.min_delta;
        if better {
            self.best = value;
        }
        self.waited = if better { 0 } else { self.waited + 1 };
        better
    }
}
