//! Examples as the kernel keeps them: row-major copies of x and y, and the rows' weights if they have any.

use crate::engine::pages::with_room;
use crate::ensure;
use crate::errors::{Error, Result};

/// Inputs and targets of a number of rows, and what the loss of each row is multiplied by.
#[derive(Debug, Clone)]
pub struct Dataset {
    x: Vec<f32>,
    y: Vec<f32>,
    weights: Option<Vec<f32>>,
    inputs: usize,
    outputs: usize,
    rows: usize,
}

impl Dataset {
    /// Takes `x` as `[rows][inputs]` and `y` as `[rows][outputs]`; the number of rows follows from the
    /// lengths.
    pub fn new(x: Vec<f32>, y: Vec<f32>, inputs: usize, outputs: usize) -> Result<Self> {
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
    pub fn weighted(self, weights: &[f32]) -> Result<Self> {
        let rows = self.rows;
        ensure!(weights.len() == rows, "data: expected {rows} weights, received {}", weights.len());
        for (row, weight) in weights.iter().enumerate() {
            ensure!(
                weight.is_finite() && *weight >= 0.0,
                "data: row {row}: expected a finite weight of at least 0, received {weight}"
            );
        }
        ensure!(weights.iter().any(|&weight| weight > 0.0), "data: expected a weight above 0, all are 0");
        Ok(Dataset { weights: Some(copy(weights)?), ..self })
    }

    /// The same from copies of `x` and `y`.
    pub fn copy_of(x: &[f32], y: &[f32], inputs: usize, outputs: usize) -> Result<Self> {
        Dataset::new(copy(x)?, copy(y)?, inputs, outputs)
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
        let weights = self.weights.as_ref().map_or(0, Vec::len);
        (self.x.len() + self.y.len() + weights) * size_of::<f32>()
    }
}

fn copy(values: &[f32]) -> Result<Vec<f32>> {
    let mut copy = with_room(values.len()).ok_or_else(|| Error::new("data: out of memory"))?;
    copy.extend_from_slice(values);
    Ok(copy)
}
