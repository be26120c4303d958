//! x̂ = (x - mean) / √(variance + ε), feature by feature, with the mean and the variance over the rows of a
//! batch, or the running ones where there is no batch to learn from.
//!
//! All rows have to be there before the first of them can be finished, so the threads meet: one of them goes
//! through the rows of all in their order. A sum over rows is cut every [`CHUNK_ROWS`] rows of the batch, and
//! the parts are added in order.

use super::CHUNK_ROWS;
use super::functions::snap;
use super::panels::{Line, Panels, panels, zeros};
use super::simd::Simd;
use crate::errors::Result;
use std::ops::Range;

/// Where the running figures lie, a line a panel, and how they follow.
#[derive(Clone, Debug)]
pub struct Standardise {
    /// Added to the variance.
    pub epsilon: f32,
    /// The share of the new batch in the running figures.
    pub momentum: f32,
    /// The lines of the running mean.
    pub mean: Range<usize>,
    /// The lines of the running variance.
    pub variance: Range<usize>,
}

/// What the threads have to know of all rows, a line a panel.
#[derive(Debug)]
pub struct Figures {
    mean: Vec<Line>,
    /// The sum of the squared differences from the mean.
    squares: Vec<Line>,
    /// One over the deviation.
    rate: Vec<Line>,
    /// The means of the gradient g and of g x̂.
    gradient: Vec<Line>,
    product: Vec<Line>,
}

impl Figures {
    /// Room for so many features.
    pub fn new(features: usize) -> Result<Self> {
        let room = || zeros(Some(panels(features)));
        Ok(Figures { mean: room()?, squares: room()?, rate: room()?, gradient: room()?, product: room()? })
    }
}

/// For each panel the sum over the rows of all slabs of what `term` makes of a panel and of its lines in both
/// arrays.
#[inline(always)]
fn sum_rows<'a, S: Simd>(
    s: S,
    slabs: impl Iterator<Item = (&'a Panels, &'a Panels, usize)> + Clone,
    sums: &mut [Line],
    term: impl Fn(usize, &Line, &Line) -> S::V,
) {
    for (panel, sum) in sums.iter_mut().enumerate() {
        let (mut total, mut part, mut count) = (s.splat(0.0), s.splat(0.0), 0);
        for (left, right, rows) in slabs.clone() {
            for (left, right) in left.panel(panel, rows).iter().zip(right.panel(panel, rows)) {
                part = s.add(part, term(panel, left, right));
                count += 1;
                if count % CHUNK_ROWS == 0 {
                    total = s.add(total, part);
                    part = s.splat(0.0);
                }
            }
        }
        s.store(s.add(total, part), sum);
    }
}

impl Standardise {
    /// The figures of a batch, whose rows stand in the slabs' panels in their order.
    pub fn measure<'a, S: Simd>(
        &self,
        s: S,
        slabs: impl Iterator<Item = (&'a Panels, usize)> + Clone,
        figures: &mut Figures,
        rows: usize,
    ) {
        let slabs = slabs.map(|(input, rows)| (input, input, rows));
        let Figures { mean, squares, rate, .. } = figures;
        s.run(
            #[inline(always)]
            || {
                let count = s.splat(rows as f32);
                sum_rows(
                    s,
                    slabs.clone(),
                    mean,
                    #[inline(always)]
                    |_, value, _| s.load(value),
                );
                for mean in mean.iter_mut() {
                    s.store(s.div(s.load(mean), count), mean);
                }
                sum_rows(
                    s,
                    slabs.clone(),
                    squares,
                    #[inline(always)]
                    |panel, value, _| {
                        let difference = s.sub(s.load(value), s.load(&mean[panel]));
                        s.mul(difference, difference)
                    },
                );
                for (rate, squares) in rate.iter_mut().zip(squares) {
                    s.store(self.rate(s, s.div(s.load(squares), count)), rate);
                }
            },
        );
    }

    #[inline(always)]
    fn rate<S: Simd>(&self, s: S, variance: S::V) -> S::V {
        s.div(s.splat(1.0), s.sqrt(s.add(variance, s.splat(self.epsilon))))
    }

    /// Lets the running figures follow a batch of so many rows: r ← (1 - m) r + m b with m the momentum. The
    /// variance b is that with n - 1 in place of n, which a single row has none of.
    pub fn follow<S: Simd>(&self, s: S, figures: &Figures, parameters: &mut [Line], rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for (running, mean) in parameters[self.mean.clone()].iter_mut().zip(&figures.mean) {
                    self.approach(s, running, s.load(mean));
                }
                if rows > 1 {
                    let count = s.splat((rows - 1) as f32);
                    let variances = parameters[self.variance.clone()].iter_mut();
                    for (running, squares) in variances.zip(&figures.squares) {
                        self.approach(s, running, s.div(s.load(squares), count));
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn approach<S: Simd>(&self, s: S, running: &mut Line, batch: S::V) {
        let rest = s.mul(s.splat(1.0 - self.momentum), s.load(running));
        s.store(snap(s, s.mul_add(s.splat(self.momentum), batch, rest)), running);
    }

    /// x̂ of some rows with the figures of their batch.
    pub fn forward<S: Simd>(
        &self,
        s: S,
        figures: &Figures,
        input: &Panels,
        output: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..output.count() {
                    let (mean, rate) = (s.load(&figures.mean[panel]), s.load(&figures.rate[panel]));
                    self.panel(s, (mean, rate), input.panel(panel, rows), output.panel_mut(panel, rows));
                }
            },
        );
    }

    /// x̂ of some rows with the running figures.
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
                    let mean = s.load(&parameters[self.mean.start + panel]);
                    let rate = self.rate(s, s.load(&parameters[self.variance.start + panel]));
                    self.panel(s, (mean, rate), input.panel(panel, rows), output.panel_mut(panel, rows));
                }
            },
        );
    }

    #[inline(always)]
    fn panel<S: Simd>(&self, s: S, (mean, rate): (S::V, S::V), input: &[Line], output: &mut [Line]) {
        for (value, line) in input.iter().zip(output) {
            s.store(s.mul(s.sub(s.load(value), mean), rate), line);
        }
    }

    /// The means of the gradient g and of g x̂, over slabs of g, x̂ and their number of rows.
    pub fn measure_gradient<'a, S: Simd>(
        &self,
        s: S,
        slabs: impl Iterator<Item = (&'a Panels, &'a Panels, usize)> + Clone,
        figures: &mut Figures,
        rows: usize,
    ) {
        let Figures { gradient, product, .. } = figures;
        s.run(
            #[inline(always)]
            || {
                let count = s.splat(rows as f32);
                sum_rows(
                    s,
                    slabs.clone(),
                    gradient,
                    #[inline(always)]
                    |_, gradient, _| s.load(gradient),
                );
                sum_rows(
                    s,
                    slabs.clone(),
                    product,
                    #[inline(always)]
                    |_, gradient, value| s.mul(s.load(gradient), s.load(value)),
                );
                for sum in gradient.iter_mut().chain(product) {
                    s.store(s.div(s.load(sum), count), sum);
                }
            },
        );
    }

    /// The gradient of x: (g - mean(g) - x̂ mean(g x̂)) / √(variance + ε).
    pub fn backward<S: Simd>(
        &self,
        s: S,
        figures: &Figures,
        (gradient, output): (&Panels, &Panels),
        result: &mut Panels,
        rows: usize,
    ) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..result.count() {
                    let rate = s.load(&figures.rate[panel]);
                    let (mean, share) = (s.load(&figures.gradient[panel]), s.load(&figures.product[panel]));
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
