//! Examples as the kernel reads them: row-major x and y, and the rows' weights if they have any.

use crate::engine::huge_pages::copied;
use crate::ensure;
use crate::errors::Result;
use std::borrow::Cow;

/// Inputs and targets of a number of rows, and what the loss of each row is multiplied by. The values are the
/// dataset's own, or a caller's for as long as a call takes.
#[derive(Debug, Clone)]
pub struct Dataset<'a> {
    x: Cow<'a, [f32]>,
    y: Cow<'a, [f32]>,
    weights: Option<Cow<'a, [f32]>>,
    inputs: usize,
    outputs: usize,
    rows: usize,
}

impl<'a> Dataset<'a> {
    /// Takes `x` as `[rows][inputs]` and `y` as `[rows][outputs]`, vectors or slices; the number of rows
    /// follows from the lengths.
    pub fn new(
        x: impl Into<Cow<'a, [f32]>>,
        y: impl Into<Cow<'a, [f32]>>,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self> {
        let (x, y) = (x.into(), y.into());
        ensure!(inputs > 0 && outputs > 0, "data: inputs and outputs must be at least 1");
        let rows = x.len() / inputs;
        ensure!(x.len() == rows * inputs, "data: x has {} values, no multiple of {inputs} inputs", x.len());
        ensure!(
            Some(y.len()) == rows.checked_mul(outputs),
            "data: y has {} values, expected {rows} rows of {outputs}",
            y.len()
        );
        ensure!(rows > 0, "data: expected at least 1 row, received none");
        ensure!(rows <= u32::MAX as usize, "data: expected at most {} rows, received {rows}", u32::MAX);
        Ok(Dataset { x, y, weights: None, inputs, outputs, rows })
    }

    /// The same rows with a weight for each, by which its loss and the gradient of its loss are multiplied.
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

    /// The same rows in memory of the dataset's own.
    pub fn into_owned(self) -> Result<Dataset<'static>> {
        let Dataset { inputs, outputs, rows, .. } = self;
        let weights = self.weights.map(own).transpose()?;
        Ok(Dataset { x: own(self.x)?, y: own(self.y)?, weights, inputs, outputs, rows })
    }

    /// The number of examples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row of x.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Values in a row of y.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The inputs of one row.
    pub fn x(&self, row: usize) -> &[f32] {
        &self.x[row * self.inputs..][..self.inputs]
    }

    /// The targets of one row.
    pub fn y(&self, row: usize) -> &[f32] {
        &self.y[row * self.outputs..][..self.outputs]
    }

    /// The inputs of all rows, one after the other.
    pub fn inputs_of_all(&self) -> &[f32] {
        &self.x
    }

    /// The targets of all rows, one after the other.
    pub fn targets(&self) -> &[f32] {
        &self.y
    }

    /// The weights of all rows, if they have any.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// The bytes that the data takes.
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
