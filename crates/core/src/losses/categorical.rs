//! categoricalCrossentropy and sparseCategoricalCrossentropy: -sum_k t_k log(p_k)

use super::probabilities::{SMALLEST, Smoothing, check_probabilities, within};
use crate::engine::functions::{clamp, log};
use crate::engine::panels::{LANES, Line, Panels, ZERO};
use crate::engine::rows::{exponential, largest};
use crate::engine::{RowLoss, simd::Simd};
use crate::ensure;
use crate::errors::Result;
use crate::options::Options;
use std::marker::PhantomData;

/// How the share of each class comes from a row of targets.
pub trait Targets: Copy + Send + Sync + 'static {
    /// Values in a row.
    fn width(outputs: usize) -> usize;
    /// The shares of the classes of one panel.
    fn shares<S: Simd>(s: S, target: &Panels, panel: usize, row: usize) -> S::V;
    /// As [`RowLoss::check`].
    fn check(targets: &[f32], classes: usize) -> Result<()>;
}

/// A share for each class; their sum is 1.
#[derive(Clone, Copy)]
pub struct Shares;

/// How far the sum of a row of shares may be from 1: far more than rounding to 32 bits makes.
const SUM_TOLERANCE: f64 = 1e-4;

impl Targets for Shares {
    fn width(outputs: usize) -> usize {
        outputs
    }

    #[inline(always)]
    fn shares<S: Simd>(s: S, target: &Panels, panel: usize, row: usize) -> S::V {
        s.load(&target.panel(panel, row + 1)[row])
    }

    fn check(targets: &[f32], classes: usize) -> Result<()> {
        check_probabilities(targets, classes)?;
        for (row, shares) in targets.chunks(classes).enumerate() {
            let sum: f64 = shares.iter().map(|&share| f64::from(share)).sum();
            let is_one = (sum - 1.0).abs() <= SUM_TOLERANCE;
            ensure!(is_one, "y: row {row}: expected targets whose sum is 1, received a sum of {sum}");
        }
        Ok(())
    }
}

/// The index of the class that is right.
#[derive(Clone, Copy)]
pub struct Labels;

/// Line n has 1 in lane n; the last one has none.
static UNITS: [Line; LANES + 1] = {
    let mut units = [ZERO; LANES + 1];
    let mut lane = 0;
    while lane < LANES {
        units[lane].0[lane] = 1.0;
        lane += 1;
    }
    units
};

impl Targets for Labels {
    fn width(_outputs: usize) -> usize {
        1
    }

    #[inline(always)]
    fn shares<S: Simd>(s: S, target: &Panels, panel: usize, row: usize) -> S::V {
        let label = target.panel(0, row + 1)[row].0[0] as usize;
        // A label of an earlier panel wraps, and like one of a later panel is beyond these lanes.
        s.load(&UNITS[label.wrapping_sub(panel * LANES).min(LANES)])
    }

    fn check(targets: &[f32], classes: usize) -> Result<()> {
        let last = classes - 1;
        for (row, &label) in targets.iter().enumerate() {
            let is_class = label >= 0.0 && label.fract() == 0.0 && label as usize <= last;
            ensure!(
                is_class,
                "y: row {row}: expected a class, a whole number from 0 to {last}, received {label}"
            );
        }
        Ok(())
    }
}

/// The cross-entropy over classes, by where its shares come from.
pub fn build<S: Simd, T: Targets>(options: &Options<'_>, _: T) -> Result<Box<dyn RowLoss<S>>> {
    let smoothing = Smoothing(options.number("labelSmoothing")?);
    Ok(match options.boolean("fromLogits")? {
        true => Box::new(CategoricalFromLogits::<T>(smoothing, PhantomData)),
        false => Box::new(CategoricalFromProbabilities::<T>(smoothing, PhantomData)),
    })
}

/// The shares of one panel, smoothed, and zero beyond the classes.
#[inline(always)]
fn shares<S: Simd, T: Targets>(
    s: S,
    smoothing: Smoothing,
    [prediction, target]: [&Panels; 2],
    panel: usize,
    row: usize,
) -> S::V {
    let smoothed = smoothing.apply(s, T::shares(s, target, panel, row), prediction.features());
    s.mul(smoothed, s.load(&prediction.mask(panel)))
}

/// With logits z and shares t: sum_k t_k (log(sum_j exp(z_j)) - z_k); its gradient is
/// softmax(z)_k sum_j t_j - t_k. The row's largest logit is subtracted before exp.
struct CategoricalFromLogits<T>(Smoothing, PhantomData<T>);

/// What a row's loss and gradient are made of, with m the largest logit.
struct Row {
    /// sum_k exp(z_k - m)
    exponentials: f32,
    /// sum_k t_k
    shares: f32,
    /// sum_k t_k (z_k - m)
    product: f32,
}

impl<T: Targets> CategoricalFromLogits<T> {
    /// The sums of one row; `each` gets the exponentials of each panel.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, pair: [&Panels; 2], row: usize, mut each: impl FnMut(usize, S::V)) -> Row {
        let [logits, _] = pair;
        let (zero, most) = (s.splat(0.0), s.splat(largest(s, logits, row)));
        let [mut exponentials, mut total, mut product] = [zero; 3];
        for panel in 0..logits.count() {
            let logit = s.load(&logits.panel(panel, row + 1)[row]);
            let value = exponential(s, logit, most, s.load(&logits.mask(panel)));
            let share = shares::<S, T>(s, self.0, pair, panel, row);
            // Without a share nothing is added: 0 times a difference beyond all numbers would be NaN.
            let part = s.mul(share, s.sub(logit, most));
            exponentials = s.add(exponentials, value);
            total = s.add(total, share);
            product = s.add(product, s.select_greater(share, zero, part, zero));
            each(panel, value);
        }
        Row { exponentials: s.sum(exponentials), shares: s.sum(total), product: s.sum(product) }
    }

    /// The losses of rows whose sums `row` gives: one logarithm for 16 rows.
    #[inline(always)]
    fn rows<S: Simd>(s: S, losses: &mut [f32], mut row: impl FnMut(usize) -> Row) {
        for (block, losses) in losses.chunks_mut(LANES).enumerate() {
            let [mut exponentials, mut shares, mut products] = [Line([1.0; LANES]), ZERO, ZERO];
            for lane in 0..losses.len() {
                let sums = row(block * LANES + lane);
                exponentials.0[lane] = sums.exponentials;
                shares.0[lane] = sums.shares;
                products.0[lane] = sums.product;
            }
            let logarithm = log(s, s.load(&exponentials));
            let negative = s.sub(s.splat(0.0), s.load(&products));
            let mut result = ZERO;
            s.store(s.mul_add(s.load(&shares), logarithm, negative), &mut result);
            losses.copy_from_slice(&result.0[..losses.len()]);
        }
    }
}

impl<S: Simd, T: Targets> RowLoss<S> for CategoricalFromLogits<T> {
    fn targets(&self, outputs: usize) -> usize {
        T::width(outputs)
    }

    fn check(&self, targets: &[f32], outputs: usize) -> Result<()> {
        T::check(targets, outputs)
    }

    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]) {
        s.run(
            #[inline(always)]
            || {
                Self::rows(
                    s,
                    losses,
                    #[inline(always)]
                    |row| {
                        self.row(
                            s,
                            [prediction, target],
                            row,
                            #[inline(always)]
                            |_, _| {},
                        )
                    },
                )
            },
        );
    }

    fn gradients(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        scale: f32,
        gradient: &mut Panels,
    ) {
        let pair = [prediction, target];
        s.run(
            #[inline(always)]
            || {
                Self::rows(
                    s,
                    losses,
                    #[inline(always)]
                    |row| {
                        let sums = self.row(
                            s,
                            pair,
                            row,
                            #[inline(always)]
                            |panel, value| s.store(value, &mut gradient.panel_mut(panel, row + 1)[row]),
                        );
                        let factor = s.splat(scale * sums.shares / sums.exponentials);
                        for panel in 0..prediction.count() {
                            let share = shares::<S, T>(s, self.0, pair, panel, row);
                            let line = &mut gradient.panel_mut(panel, row + 1)[row];
                            s.store(s.mul_add(s.load(line), factor, s.mul(share, s.splat(-scale))), line);
                        }
                        sums
                    },
                )
            },
        );
    }
}

/// With probabilities p, clipped, and shares t: -sum_k t_k log(p_k); its gradient is -t_k / p_k, and 0 where p
/// is clipped.
struct CategoricalFromProbabilities<T>(Smoothing, PhantomData<T>);

impl<T: Targets> CategoricalFromProbabilities<T> {
    /// The loss of one row; `each` gets the shares, the predictions and these clipped, panel by panel.
    #[inline(always)]
    fn row<S: Simd>(
        &self,
        s: S,
        pair: [&Panels; 2],
        row: usize,
        mut each: impl FnMut(usize, [S::V; 3]),
    ) -> f32 {
        let mut sums = s.splat(0.0);
        for panel in 0..pair[0].count() {
            let prediction = s.load(&pair[0].panel(panel, row + 1)[row]);
            let probability = clamp(s, prediction, SMALLEST, 1.0);
            let share = shares::<S, T>(s, self.0, pair, panel, row);
            sums = s.mul_add(share, log(s, probability), sums);
            each(panel, [share, prediction, probability]);
        }
        0.0 - s.sum(sums)
    }
}

impl<S: Simd, T: Targets> RowLoss<S> for CategoricalFromProbabilities<T> {
    fn targets(&self, outputs: usize) -> usize {
        T::width(outputs)
    }

    fn check(&self, targets: &[f32], outputs: usize) -> Result<()> {
        T::check(targets, outputs)
    }

    fn absorb(&self, layer: &str) -> Option<Box<dyn RowLoss<S>>> {
        (layer == "softmax").then(|| Box::new(CategoricalFromLogits::<T>(self.0, PhantomData)) as _)
    }

    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]) {
        s.run(
            #[inline(always)]
            || {
                for (row, loss) in losses.iter_mut().enumerate() {
                    *loss = self.row(
                        s,
                        [prediction, target],
                        row,
                        #[inline(always)]
                        |_, _| {},
                    );
                }
            },
        );
    }

    fn gradients(
        &self,
        s: S,
        prediction: &Panels,
        target: &Panels,
        losses: &mut [f32],
        scale: f32,
        gradient: &mut Panels,
    ) {
        s.run(
            #[inline(always)]
            || {
                for (row, loss) in losses.iter_mut().enumerate() {
                    *loss = self.row(
                        s,
                        [prediction, target],
                        row,
                        #[inline(always)]
                        |panel, [share, prediction, probability]| {
                            let slope = s.div(s.mul(share, s.splat(-scale)), probability);
                            let line = &mut gradient.panel_mut(panel, row + 1)[row];
                            s.store(within(s, prediction, 1.0, slope), line);
                        },
                    );
                }
            },
        );
    }
}
