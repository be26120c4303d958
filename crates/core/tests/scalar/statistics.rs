//! Figures over the rows of a batch: a sum is cut every 512 rows, each part a chain of additions from 0, and the
//! parts are added in order.
//!
//! Values are taken as x · unit - shift, in one rounding: the shift is the first row's value in the unit, which is 1,
//! or 2^-100 for a feature whose squares are infinite in it.

use myelin_core::engine::CHUNK_ROWS;
use myelin_core::engine::functions::SMALL_UNIT;

/// What is known of the rows of a batch, feature by feature.
#[derive(Clone, Copy, Default)]
pub struct Feature {
    unit: f32,
    shift: f32,
    mean: f32,
    /// The sum of the squared differences from the mean.
    squares: f32,
    /// One over the deviation.
    rate: f32,
}

/// Of each feature.
pub struct Figures(Vec<Feature>);

/// The sum over the rows of what `term` makes of the row's number.
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

impl Figures {
    pub fn of(rows: &[&Vec<f32>], epsilon: f32) -> Self {
        let of_feature = |at: usize| {
            let values: Vec<_> = rows.iter().map(|row| row[at]).collect();
            let feature = Feature::of(&values, epsilon, 1.0);
            if feature.squares.is_finite() { feature } else { Feature::of(&values, epsilon, SMALL_UNIT) }
        };
        Figures((0..rows[0].len()).map(of_feature).collect())
    }

    pub fn forward(&self, row: &[f32]) -> Vec<f32> {
        row.iter().zip(&self.0).map(|(x, feature)| feature.difference(*x) * feature.rate).collect()
    }

    /// The gradients of the rows, from those of the values that were made of them and these values.
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

    /// The running figures after a batch of so many rows.
    pub fn follow(&self, momentum: f32, rows: usize, mean: &mut [f32], variance: &mut [f32]) {
        let follow = |running: &mut f32, batch: f32| {
            *running = momentum.mul_add(batch, (-momentum).mul_add(*running, *running));
            if running.abs() < 1e-30 {
                *running = 0.0;
            }
        };
        for (at, Feature { unit, shift, mean: difference, squares, .. }) in self.0.iter().enumerate() {
            follow(&mut mean[at], (difference - shift) / unit);
            if rows > 1 {
                follow(&mut variance[at], squares / (rows - 1) as f32 / unit / unit);
            }
        }
    }
}

/// x̂ of a row with the running figures: from halves, whose difference is finite.
pub fn with_running(row: &[f32], mean: &[f32], variance: &[f32], epsilon: f32) -> Vec<f32> {
    let of_value = |((x, mean), variance): ((&f32, &f32), &f32)| {
        x.mul_add(0.5, mean * -0.5) * (1.0 / (variance + epsilon).sqrt() * 2.0)
    };
    row.iter().zip(mean).zip(variance).map(of_value).collect()
}
