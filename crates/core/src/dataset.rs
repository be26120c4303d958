//! Datasets: row-major inputs and targets, and optional weights of the rows.

use crate::engine::codes::{Codes, LookedUp};
use crate::engine::huge_pages::{copied, room};
use crate::ensure;
use crate::errors::Result;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Columns that are looked up, and the codes of the inputs then; `None` if they are not worth it.
type Found = (Vec<LookedUp>, Option<Arc<Codes>>);

/// The inputs and targets of rows, and optional weights by which the losses of the rows are multiplied. A
/// dataset owns its values or borrows them from the caller.
#[derive(Debug, Clone)]
pub struct Dataset<'a> {
    x: Cow<'a, [f32]>,
    y: Cow<'a, [f32]>,
    weights: Option<Cow<'a, [f32]>>,
    inputs: usize,
    outputs: usize,
    rows: usize,
    /// Identifies owned values, which never change. `None` if the values are borrowed.
    id: Option<u64>,
    /// The codes that have been looked for.
    codes: Arc<Mutex<Vec<Found>>>,
}

impl<'a> Dataset<'a> {
    /// Creates a dataset from `x`, `[rows][inputs]`, and `y`, `[rows][outputs]`, each a vector or a slice.
    /// The lengths determine the number of rows.
    pub fn new(
        x: impl Into<Cow<'a, [f32]>>,
        y: impl Into<Cow<'a, [f32]>>,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self> {
        let (x, y) = (x.into(), y.into());
        ensure!(inputs > 0 && outputs > 0, "data: inputs and outputs must be at least 1");
        let rows = x.len() / inputs;
        ensure!(
            x.len() == rows * inputs,
            "data: x has {} values, expected a multiple of {inputs} inputs",
            x.len()
        );
        ensure!(
            Some(y.len()) == rows.checked_mul(outputs),
            "data: y has {} values, expected {rows} rows of {outputs}",
            y.len()
        );
        ensure!(rows > 0, "data: expected at least 1 row, received none");
        ensure!(rows <= u32::MAX as usize, "data: expected at most {} rows, received {rows}", u32::MAX);
        Ok(Dataset { x, y, weights: None, inputs, outputs, rows, id: None, codes: Arc::default() })
    }

    /// Adds a weight to each row, by which its loss and the gradient of its loss are multiplied.
    pub fn weighted(self, weights: impl Into<Cow<'a, [f32]>>) -> Result<Self> {
        let (rows, weights) = (self.rows, weights.into());
        ensure!(weights.len() == rows, "data: expected {rows} weights, received {}", weights.len());
        for (row, weight) in weights.iter().enumerate() {
            ensure!(
                weight.is_finite() && *weight >= 0.0,
                "data: row {row}: expected a finite weight of at least 0, received {weight}"
            );
        }
        ensure!(weights.iter().any(|&weight| weight > 0.0), "data: expected a weight above 0, all are 0");
        Ok(Dataset { weights: Some(weights), ..self })
    }

    /// Copies borrowed values, so that the dataset owns all of them. Refuses values of x that are not finite.
    pub fn into_owned(self) -> Result<Dataset<'static>> {
        self.into_scaled(&[])
    }

    /// Like [`into_owned`](Self::into_owned), and multiplies each input by its factor, unless there are none.
    pub fn into_scaled(self, scales: &[f32]) -> Result<Dataset<'static>> {
        let Dataset { inputs, outputs, rows, codes, .. } = self;
        ensure!(
            scales.is_empty() || scales.len() == inputs,
            "data: expected {inputs} scales, received {}",
            scales.len()
        );
        let x = own_finite(self.x, scales)?;
        let codes = if scales.is_empty() { codes } else { Arc::default() };
        let weights = self.weights.map(own).transpose()?;
        let id = Some(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        Ok(Dataset { x, y: own(self.y)?, weights, inputs, outputs, rows, id, codes })
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of values in a row of x.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of values in a row of y.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the inputs of one row.
    pub fn x(&self, row: usize) -> &[f32] {
        &self.x[row * self.inputs..][..self.inputs]
    }

    /// Returns the targets of one row.
    pub fn y(&self, row: usize) -> &[f32] {
        &self.y[row * self.outputs..][..self.outputs]
    }

    /// Returns the inputs of all rows, one after the other.
    pub fn inputs_of_all(&self) -> &[f32] {
        &self.x
    }

    /// Returns the targets of all rows, one after the other.
    pub fn targets(&self) -> &[f32] {
        &self.y
    }

    /// Returns the weights of all rows, if they have any.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Returns the inputs as codes, if they are one-hot or piecewise-linear to a large part. Looks for them once
    /// for the same lookups.
    pub(crate) fn codes(&self, lookups: &[LookedUp]) -> Result<Option<Arc<Codes>>> {
        let mut found = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, codes)) = found.iter().find(|(own, _)| own == lookups) {
            return Ok(codes.clone());
        }
        let codes = Codes::of(&self.x, self.inputs, lookups)?.map(Arc::new);
        found.push((lookups.to_vec(), codes.clone()));
        Ok(codes)
    }

    /// Returns the number of bytes that the values take.
    pub fn bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, |weights| weights.len());
        (self.x.len() + self.y.len() + weights) * size_of::<f32>()
    }
}

fn own(values: Cow<'_, [f32]>) -> Result<Cow<'static, [f32]>> {
    Ok(Cow::Owned(match values {
        Cow::Borrowed(values) => copied(values)?,
        Cow::Owned(values) => values,
    }))
}

/// The number of values that are copied and then checked, while they are in the L1 cache.
const CHECKED: usize = 4096;

/// Like [`own`], but multiplies the values of each row by `scales`, if there are any, and refuses values that
/// are not finite.
fn own_finite(values: Cow<'_, [f32]>, scales: &[f32]) -> Result<Cow<'static, [f32]>> {
    let mut is_finite = true;
    let owned = match values {
        Cow::Borrowed(values) if scales.is_empty() => {
            let mut copy = room(values.len())?;
            for values in values.chunks(CHECKED) {
                copy.extend_from_slice(values);
                is_finite &= all_finite(values);
            }
            copy
        }
        Cow::Borrowed(values) => {
            let mut copy: Vec<f32> = room(values.len())?;
            for row in values.chunks_exact(scales.len()) {
                let start = copy.len();
                copy.extend(row.iter().zip(scales).map(|(value, scale)| value * scale));
                is_finite &= all_finite(&copy[start..]);
            }
            copy
        }
        Cow::Owned(mut values) => {
            if !scales.is_empty() {
                for row in values.chunks_exact_mut(scales.len()) {
                    row.iter_mut().zip(scales).for_each(|(value, scale)| *value *= scale);
                }
            }
            is_finite = all_finite(&values);
            values
        }
    };
    ensure!(is_finite, "data: expected finite values of x");
    Ok(Cow::Owned(owned))
}

/// Returns whether all values are finite. Infinity and NaN have all bits of the exponent set. The loop has no
/// branch, so that the compiler vectorizes it.
fn all_finite(values: &[f32]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let largest = |most: u32, value: &f32| most.max(value.to_bits() & !(1 << 31));
    values.iter().fold(0, largest) < INFINITY
}

/// The two datasets that a network checked last: a training has one to train on and one for validation.
#[derive(Debug, Default)]
pub(crate) struct Checked([Option<u64>; 2]);

impl Checked {
    /// Calls `check` unless the dataset owns its values and has passed before.
    pub(crate) fn once(&mut self, data: &Dataset<'_>, check: impl FnOnce() -> Result<()>) -> Result<()> {
        if data.id.is_some() && self.0.contains(&data.id) {
            return Ok(());
        }
        check()?;
        if data.id.is_some() {
            self.0 = [data.id, self.0[0]];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Checked, Dataset};
    use crate::errors::Error;

    #[test]
    fn a_dataset_that_owns_its_values_is_checked_once() {
        let borrowed = Dataset::new(&[1.0][..], &[2.0][..], 1, 1).unwrap();
        let owned = || borrowed.clone().into_owned().unwrap();
        let (training, validation) = (owned(), owned());
        let mut checked = Checked::default();
        let mut is_checked = |data: &Dataset<'_>| {
            let mut called = false;
            let check = || {
                called = true;
                Ok(())
            };
            checked.once(data, check).unwrap();
            called
        };
        assert!(is_checked(&training) && is_checked(&validation));
        assert!(!is_checked(&training) && !is_checked(&validation) && !is_checked(&training.clone()));
        assert!(is_checked(&borrowed) && is_checked(&borrowed), "its values may change between calls");
        assert!(!is_checked(&training));
        assert!(is_checked(&owned()));
    }

    #[test]
    fn values_of_x_that_are_not_finite_are_refused_where_they_are_copied() {
        for place in [0, 4095, 4096, 9999] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = vec![f32::MAX; 10_000];
                x[place] = value;
                let y = vec![f32::NAN; 10_000];
                assert!(Dataset::new(&x[..], &y[..], 1, 1).unwrap().into_owned().is_err(), "{place} {value}");
                assert!(Dataset::new(x, y, 1, 1).unwrap().into_owned().is_err(), "{place} {value}");
            }
        }
        assert!(Dataset::new(vec![f32::MIN; 10_000], vec![0.0; 10_000], 1, 1).unwrap().into_owned().is_ok());
    }

    #[test]
    fn scales_multiply_each_input_of_borrowed_and_owned_rows() {
        let (x, y, scales) = ([1.0, 2.0, 3.0, 4.0], [0.0, 0.0], [0.5, 3.0]);
        let borrowed = Dataset::new(&x[..], &y[..], 2, 1).unwrap();
        let owned = Dataset::new(x.to_vec(), y.to_vec(), 2, 1).unwrap();
        for data in [borrowed.clone(), owned] {
            assert_eq!(data.into_scaled(&scales).unwrap().inputs_of_all(), [0.5, 6.0, 1.5, 12.0]);
        }
        assert!(borrowed.clone().into_scaled(&[1.0]).is_err());
        assert!(borrowed.into_scaled(&[f32::MAX, f32::MAX]).is_err(), "3 times the largest is not finite");
    }

    #[test]
    fn a_dataset_that_was_refused_is_checked_again() {
        let data = Dataset::new(&[1.0][..], &[2.0][..], 1, 1).unwrap().into_owned().unwrap();
        let mut checked = Checked::default();
        assert!(checked.once(&data, || Err(Error::new("refused"))).is_err());
        assert!(checked.once(&data, || Err(Error::new("refused"))).is_err());
    }
}
