//! Statistics over the rows of a batch. A sum is cut every 512 rows. Each part is a chain of additions from
//! 0, and the parts are added in order.
//!
//! Values are computed as x · unit - shift, with one rounding. The shift is the first row's value in the
//! unit. The unit is 1, or 2^-100 for a feature whose squares overflow.

use myelin_core::engine::CHUNK_ROWS;
use myelin_core::engine::functions::SMALL_UNIT;

/// The statistics of one feature.
#[derive(Clone, Copy, Default)]
pub struct Feature {
    unit: f32,
    shift: f32,
    mean: f32,
    /// The sum of the squared differences from the mean.
    squares: f32,
    /// 1 / √(variance + ε), in the unit.
    rate: f32,
}

/// The statistics of each feature.
pub struct BatchStatistics(Vec<Feature>);

/// Returns the sum of `term` over the row numbers.
fn sum(rows: usize, term: impl Fn(usize) -> f32) -> f32 {
    let rows: Vec<_> = (0..rows).collect();
    rows.chunks(CHUNK_ROWS)
        .fold(0.0, |total, rows| total + rows.iter().fold(0.0, |sum, row| sum + term(*row)))
}

impl Feature {
    fn of(values: &[f32], epsilon: f32, unit: f32) -> Self {
        let (count, shift) = (values.len() as f32, -values[0] * unit);
        let mean = sum(values.len(), |row| values[row].mul_add(unit, shift)) / count;
        let feature = Feature { unit, shift, mean, ..Feature::default() };
        let squares =
            sum(values.len(), |row| feature.difference(values[row]) * feature.difference(values[row]));
        let rate = 1.0 / (squares / count + epsilon * unit * unit).sqrt();
        Feature { squares, rate, ..feature }
    }

    fn difference(self, value: f32) -> f32 {
        value.mul_add(self.unit, self.shift) - self.mean
    }
}

impl BatchStatistics {
    pub fn of(rows: &[&Vec<f32>], epsilon: f32) -> Self {
        let of_feature = |at: usize| {
            let values: Vec<_> = rows.iter().map(|row| row[at]).collect();
            let feature = Feature::of(&values, epsilon, 1.0);
            if feature.squares.is_finite() { feature } else { Feature::of(&values, epsilon, SMALL_UNIT) }
        };
        BatchStatistics((0..rows[0].len()).map(of_feature).collect())
    }

    pub fn forward(&self, row: &[f32]) -> Vec<f32> {
        row.iter().zip(&self.0).map(|(x, feature)| feature.difference(*x) * feature.rate).collect()
    }

    /// Returns the gradients of the rows, from the gradients of the standardized values and those values.
    pub fn backward(&self, gradients: &[&Vec<f32>], values: &[&Vec<f32>]) -> Vec<Vec<f32>> {
        let rows = gradients.len();
        let of_feature = |(at, feature): (usize, &Feature)| {
            let mean = sum(rows, |row| gradients[row][at]) / rows as f32;
            let share = sum(rows, |row| gradients[row][at] * values[row][at]) / rows as f32;
            (mean, share, feature.rate * feature.unit)
        };
        let features: Vec<_> = self.0.iter().enumerate().map(of_feature).collect();
        let of_row = |row: usize| {
            let of_value = |(at, (mean, share, rate)): (usize, &(f32, f32, f32))| {
                (gradients[row][at] - mean - values[row][at] * share) * rate
            };
            features.iter().enumerate().map(of_value).collect()
        };
        (0..rows).map(of_row).collect()
    }

    /// Updates the running statistics with those of a batch of `rows` rows.
    pub fn update_running(&self, momentum: f32, rows: usize, mean: &mut [f32], variance: &mut [f32]) {
        let update = |running: &mut f32, batch: f32| {
            *running = momentum.mul_add(batch, (-momentum).mul_add(*running, *running));
            if running.abs() < 1e-30 {
                *running = 0.0;
            }
        };
        for (at, Feature { unit, shift, mean: difference, squares, .. }) in self.0.iter().enumerate() {
            update(&mut mean[at], (difference - shift) / unit);
            if rows > 1 {
                update(&mut variance[at], squares / (rows - 1) as f32 / unit / unit);
            }
        }
    }
}

/// Returns x̂ of a row with the running statistics. It halves the values, because the difference of two
/// halves is finite.
pub fn with_running(row: &[f32], mean: &[f32], variance: &[f32], epsilon: f32) -> Vec<f32> {
    let of_value = |((x, mean), variance): ((&f32, &f32), &f32)| {
        x.mul_add(0.5, mean * -0.5) * (1.0 / (variance + epsilon).sqrt() * 2.0)
    };
    row.iter().zip(mean).zip(variance).map(of_value).collect()
}
