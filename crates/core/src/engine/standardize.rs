//! x̂ = (x - mean) / √(variance + ε) per feature. The mean and the variance are those of the rows of a batch,
//! or the running statistics if there is no batch to learn from.
//!
//! The first row can be finished only after all rows have been read. The threads therefore meet, and one of
//! them reads the rows of all threads in order. A sum over rows is cut every [`CHUNK_ROWS`] rows of the
//! batch, and the parts are added in order.
//!
//! Values are computed as x · unit - shift. The shift is the first row's value. It removes the part that all
//! values have in common, which would otherwise hide their differences. The unit is 1, or [`SMALL_UNIT`] if
//! squares overflow.

use super::CHUNK_ROWS;
use super::functions::{SMALL_UNIT, snap};
use super::panels::{Line, Panels, ZERO, panels, zeros};
use super::simd::Simd;
use crate::errors::Result;
use std::ops::Range;

/// The place of the running statistics, a line per panel, and how they are updated.
#[derive(Clone, Debug)]
pub struct Standardize {
    /// Added to the variance.
    pub epsilon: f32,
    /// The share of the new batch in the running statistics.
    pub momentum: f32,
    /// The lines of the running mean.
    pub mean: Range<usize>,
    /// The lines of the running variance.
    pub variance: Range<usize>,
}

/// The statistics of a batch that all threads need, a line per panel.
#[derive(Debug)]
pub struct BatchStatistics {
    unit: Vec<Line>,
    /// The negative of the first row's values, in the unit.
    shift: Vec<Line>,
    /// The mean of the shifted values.
    mean: Vec<Line>,
    /// The sum of the squared differences from the mean.
    squares: Vec<Line>,
    /// 1 / √(variance + ε), in the unit.
    rate: Vec<Line>,
    /// The means of the gradient g and of g x̂.
    gradient: Vec<Line>,
    product: Vec<Line>,
}

impl BatchStatistics {
    /// Allocates statistics for `features` features.
    pub fn new(features: usize) -> Result<Self> {
        let room = || zeros(Some(panels(features)));
        let [unit, shift, mean] = [room()?, room()?, room()?];
        let [squares, rate, gradient, product] = [room()?, room()?, room()?, room()?];
        Ok(BatchStatistics { unit, shift, mean, squares, rate, gradient, product })
    }
}

/// Returns the sum of `term` over the rows of all shards. `term` receives a panel's lines of both arrays.
#[inline(always)]
fn sum_rows<'a, S: Simd>(
    s: S,
    shards: impl Iterator<Item = (&'a Panels, &'a Panels, usize)>,
    panel: usize,
    term: impl Fn(&Line, &Line) -> S::V,
) -> S::V {
    let (mut total, mut part, mut count) = (s.splat(0.0), s.splat(0.0), 0);
    for (left, right, rows) in shards {
        for (left, right) in left.panel(panel, rows).iter().zip(right.panel(panel, rows)) {
            part = s.add(part, term(left, right));
            count += 1;
            if count % CHUNK_ROWS == 0 {
                total = s.add(total, part);
                part = s.splat(0.0);
            }
        }
    }
    s.add(total, part)
}

impl Standardize {
    /// Computes the statistics of a batch. The shards' panels hold its rows in order.
    pub fn measure<'a, S: Simd>(
        &self,
        s: S,
        shards: impl Iterator<Item = (&'a Panels, usize)> + Clone,
        statistics: &mut BatchStatistics,
        rows: usize,
    ) {
        let first = shards.clone().find(|(_, rows)| *rows > 0);
        s.run(
            #[inline(always)]
            || {
                for panel in 0..statistics.mean.len() {
                    let first = first.map_or(ZERO, |(input, _)| input.panel(panel, 1)[0]);
                    let one = s.splat(1.0);
                    self.measure_panel(s, shards.clone(), statistics, (panel, rows), (&first, one));
                    let squares = &statistics.squares[panel];
                    if squares.0.iter().any(|squares| !squares.is_finite()) {
                        let (squares, most) = (s.load(squares), s.splat(f32::INFINITY));
                        let unit = s.select_greater(most, squares, one, s.splat(SMALL_UNIT));
                        self.measure_panel(s, shards.clone(), statistics, (panel, rows), (&first, unit));
                    }
                }
            },
        );
    }

    /// Computes the statistics of one panel, shifted by its first line and in this unit.
    #[inline(always)]
    fn measure_panel<'a, S: Simd>(
        &self,
        s: S,
        shards: impl Iterator<Item = (&'a Panels, usize)> + Clone,
        statistics: &mut BatchStatistics,
        (panel, rows): (usize, usize),
        (first, unit): (&Line, S::V),
    ) {
        let shards = shards.map(|(input, rows)| (input, input, rows));
        let count = s.splat(rows as f32);
        let shift = s.mul(s.sub(s.splat(0.0), s.load(first)), unit);
        let total = sum_rows(
            s,
            shards.clone(),
            panel,
            #[inline(always)]
            |value, _| s.mul_add(s.load(value), unit, shift),
        );
        let mean = s.div(total, count);
        let squares = sum_rows(
            s,
            shards,
            panel,
            #[inline(always)]
            |value, _| {
                let difference = s.sub(s.mul_add(s.load(value), unit, shift), mean);
                s.mul(difference, difference)
            },
        );
        let rate = self.rate(s, s.div(squares, count), unit);
        let lines =
            [(unit, &mut statistics.unit), (shift, &mut statistics.shift), (mean, &mut statistics.mean)];
        for (value, lines) in
            lines.into_iter().chain([(squares, &mut statistics.squares), (rate, &mut statistics.rate)])
        {
            s.store(value, &mut lines[panel]);
        }
    }

    /// Returns 1 / √(variance + ε). The variance is in this unit.
    #[inline(always)]
    fn rate<S: Simd>(&self, s: S, variance: S::V, unit: S::V) -> S::V {
        let epsilon = s.mul(s.mul(s.splat(self.epsilon), unit), unit);
        s.div(s.splat(1.0), s.sqrt(s.add(variance, epsilon)))
    }

    /// Updates the running statistics with those of a batch: r ← (1 - m) r + m b, where m is the momentum.
    /// The variance b divides by n - 1 instead of n, so a single row does not update the variance.
    pub fn update_running<S: Simd>(
        &self,
        s: S,
        statistics: &BatchStatistics,
        parameters: &mut [Line],
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for (panel, unit) in statistics.unit.iter().enumerate() {
                    let unit = s.load(unit);
                    let mean = s.sub(s.load(&statistics.mean[panel]), s.load(&statistics.shift[panel]));
                    self.update_running_line(s, &mut parameters[self.mean.start + panel], s.div(mean, unit));
                    if rows > 1 {
                        let variance = s.div(s.load(&statistics.squares[panel]), s.splat((rows - 1) as f32));
                        let variance = s.div(s.div(variance, unit), unit);
                        self.update_running_line(s, &mut parameters[self.variance.start + panel], variance);
                    }
                }
            },
        );
    }

    /// Computes r - m r + m b, so that 1 - m is not rounded.
    #[inline(always)]
    fn update_running_line<S: Simd>(&self, s: S, running: &mut Line, batch: S::V) {
        let (value, momentum) = (s.load(running), s.splat(self.momentum));
        let rest = s.mul_add(s.splat(-self.momentum), value, value);
        s.store(snap(s, s.mul_add(momentum, batch, rest)), running);
    }

    /// Computes x̂ of some rows with the statistics of their batch.
    pub fn forward<S: Simd>(
        &self,
        s: S,
        statistics: &BatchStatistics,
        input: &Panels,
        output: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..output.count() {
                    let (unit, shift) = (s.load(&statistics.unit[panel]), s.load(&statistics.shift[panel]));
                    let (mean, rate) = (s.load(&statistics.mean[panel]), s.load(&statistics.rate[panel]));
                    let lines = input.panel(panel, rows).iter().zip(output.panel_mut(panel, rows));
                    for (value, line) in lines {
                        let difference = s.sub(s.mul_add(s.load(value), unit, shift), mean);
                        s.store(s.mul(difference, rate), line);
                    }
                }
            },
        );
    }

    /// Computes x̂ of some rows with the running statistics.
    pub fn forward_running<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..output.count() {
                    // Half of each value, because the difference of two halves cannot overflow.
                    let half = s.splat(0.5);
                    let mean = s.mul(s.load(&parameters[self.mean.start + panel]), s.splat(-0.5));
                    let variance = s.load(&parameters[self.variance.start + panel]);
                    let rate = s.mul(self.rate(s, variance, s.splat(1.0)), s.splat(2.0));
                    let lines = input.panel(panel, rows).iter().zip(output.panel_mut(panel, rows));
                    for (value, line) in lines {
                        s.store(s.mul(s.mul_add(s.load(value), half, mean), rate), line);
                    }
                }
            },
        );
    }

    /// Computes the means of the gradient g and of g x̂ over shards of g, x̂ and a number of rows.
    pub fn measure_gradient<'a, S: Simd>(
        &self,
        s: S,
        shards: impl Iterator<Item = (&'a Panels, &'a Panels, usize)> + Clone,
        statistics: &mut BatchStatistics,
        rows: usize,
    ) {
        let BatchStatistics { gradient, product, .. } = statistics;
        s.run(
            #[inline(always)]
            || {
                let count = s.splat(rows as f32);
                for (panel, (mean, share)) in gradient.iter_mut().zip(product).enumerate() {
                    let gradients = sum_rows(
                        s,
                        shards.clone(),
                        panel,
                        #[inline(always)]
                        |gradient, _| s.load(gradient),
                    );
                    let products = sum_rows(
                        s,
                        shards.clone(),
                        panel,
                        #[inline(always)]
                        |gradient, value| s.mul(s.load(gradient), s.load(value)),
                    );
                    s.store(s.div(gradients, count), mean);
                    s.store(s.div(products, count), share);
                }
            },
        );
    }

    /// Computes the gradient of x: (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε).
    pub fn backward<S: Simd>(
        &self,
        s: S,
        statistics: &BatchStatistics,
        (gradient, output): (&Panels, &Panels),
        result: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..result.count() {
                    let rate = s.mul(s.load(&statistics.rate[panel]), s.load(&statistics.unit[panel]));
                    let (mean, share) =
                        (s.load(&statistics.gradient[panel]), s.load(&statistics.product[panel]));
                    let lines = gradient.panel(panel, rows).iter().zip(output.panel(panel, rows));
                    for ((gradient, value), line) in lines.zip(result.panel_mut(panel, rows)) {
                        let rest = s.sub(s.sub(s.load(gradient), mean), s.mul(s.load(value), share));
                        s.store(s.mul(rest, rate), line);
                    }
                }
            },
        );
    }
}
