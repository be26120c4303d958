//! Figures over the rows of a batch: a sum is cut every 512 rows, each part a chain of additions from 0, and the
//! parts are added in order.

use myelin_core::engine::CHUNK_ROWS;

/// What is known of the rows of a batch, feature by feature.
pub struct Figures {
    pub mean: Vec<f32>,
    /// The sums of the squared differences from the mean.
    pub squares: Vec<f32>,
    /// One over the deviation.
    pub rate: Vec<f32>,
}

/// For each feature the sum over the rows of what `term` makes of the row's number and the feature.
fn sums(rows: usize, features: usize, term: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let rows: Vec<_> = (0..rows).collect();
    let part = |rows: &[usize], feature| rows.iter().fold(0.0, |sum, row| sum + term(*row, feature));
    let sum = |feature| rows.chunks(CHUNK_ROWS).fold(0.0, |total, rows| total + part(rows, feature));
    (0..features).map(sum).collect()
}

impl Figures {
    pub fn of(rows: &[&Vec<f32>], epsilon: f32) -> Self {
        let (count, features) = (rows.len() as f32, rows[0].len());
        let mean: Vec<_> =
            sums(rows.len(), features, |row, at| rows[row][at]).iter().map(|sum| sum / count).collect();
        let square = |row: usize, at: usize| (rows[row][at] - mean[at]) * (rows[row][at] - mean[at]);
        let squares = sums(rows.len(), features, square);
        let rate = squares.iter().map(|squares| rate(squares / count, epsilon)).collect();
        Figures { mean, squares, rate }
    }

    pub fn forward(&self, row: &[f32]) -> Vec<f32> {
        row.iter().zip(&self.mean).zip(&self.rate).map(|((x, mean), rate)| (x - mean) * rate).collect()
    }

    /// The gradients of the rows, from those of the values that were made of them and these values.
    pub fn backward(&self, gradients: &[&Vec<f32>], values: &[&Vec<f32>]) -> Vec<Vec<f32>> {
        let (rows, features) = (gradients.len(), self.mean.len());
        let count = rows as f32;
        let mean = sums(rows, features, |row, at| gradients[row][at]);
        let share = sums(rows, features, |row, at| gradients[row][at] * values[row][at]);
        let of_value = |row: usize, at: usize| {
            (gradients[row][at] - mean[at] / count - values[row][at] * (share[at] / count)) * self.rate[at]
        };
        (0..rows).map(|row| (0..features).map(|at| of_value(row, at)).collect()).collect()
    }

    /// The running figures after a batch of so many rows.
    pub fn follow(&self, momentum: f32, rows: usize, mean: &mut [f32], variance: &mut [f32]) {
        let follow = |running: &mut f32, batch: f32| {
            *running = momentum.mul_add(batch, (1.0 - momentum) * *running);
            if running.abs() < 1e-30 {
                *running = 0.0;
            }
        };
        mean.iter_mut().zip(&self.mean).for_each(|(running, mean)| follow(running, *mean));
        if rows > 1 {
            let squares = variance.iter_mut().zip(&self.squares);
            squares.for_each(|(running, squares)| follow(running, squares / (rows - 1) as f32));
        }
    }
}

/// 1 / √(variance + ε)
pub fn rate(variance: f32, epsilon: f32) -> f32 {
    1.0 / (variance + epsilon).sqrt()
}
