//! The predictions of a run, in the order of the rows of their dataset.

use super::Run;
use crate::dataset::Dataset;
use crate::engine::huge_pages::filled;
use crate::errors::{Error, Result};

/// The predictions for the rows of a dataset: those of each epoch of a run, of the last epoch, or none.
#[derive(Default)]
pub(super) struct Predictions {
    values: Vec<f32>,
    /// The number of values of an epoch.
    length: usize,
    /// Whether those of all epochs are kept.
    all: bool,
}

impl Predictions {
    /// Allocates those of `epochs` epochs if the run returns predictions, else those of one epoch.
    pub(super) fn new(run: &Run<'_>, epochs: usize, data: &Dataset<'_>, width: usize) -> Result<Self> {
        let all = run.predictions;
        let length = data.rows().checked_mul(width);
        let count = length.and_then(|length| length.checked_mul(if all { epochs } else { 1 }));
        let refused = || Error::new("run: the predictions do not fit in memory: take fewer epochs");
        let values = count.ok_or_else(refused).and_then(|count| filled(0.0, count).map_err(|_| refused()))?;
        Ok(Predictions { values, length: length.unwrap_or(0), all })
    }

    /// Returns those of an epoch, counted from the first epoch of the run.
    pub(super) fn of(&mut self, epoch: u64) -> Option<&mut [f32]> {
        let start = if self.all { epoch as usize * self.length } else { 0 };
        (!self.values.is_empty()).then(|| &mut self.values[start..][..self.length])
    }

    /// Returns those of all epochs, if they are kept.
    pub(super) fn into_all(self) -> Vec<f32> {
        if self.all { self.values } else { Vec::new() }
    }
}
