//! categoricalCrossentropy and sparseCategoricalCrossentropy: -sum_k t_k log(p_k)

use super::probabilities::{SMALLEST, Smoothing, check_logits, check_probabilities, within};
use crate::engine::functions::{clamp, log};
use crate::engine::panels::{LANES, Line, Panels, ZERO};
use crate::engine::rows::{exponential, largest};
use crate::engine::{RowLoss, simd::Simd};
use crate::ensure;
use crate::errors::Result;
use crate::options::{FROM_0_TO_1, Options};
use std::marker::PhantomData;

/// A format of targets: how a row of targets determines the share of each class, which is its probability.
pub trait Targets: Copy + Send + Sync + 'static {
    /// Returns the number of values in a row.
    fn width(outputs: usize) -> usize;
    /// Returns the shares of the classes in one panel.
    fn shares<S: Simd>(s: S, target: &Panels, panel: usize, row: usize) -> S::V;
    /// See [`RowLoss::check`].
    fn check(targets: &[f32], classes: usize) -> Result<()>;
}

/// A row of targets is a share for each class; their sum is 1.
#[derive(Clone, Copy)]
pub struct Shares;

/// How far the sum of the shares of a row may be from 1. Rounding to 32 bits causes a far smaller difference.
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

/// A row of targets is one value, the index of the class.
#[derive(Clone, Copy)]
pub struct Labels;

/// Line n has 1 in lane n and 0 in all others; the last line has only 0.
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
        // A label in an earlier panel makes the difference wrap around. Then it is too large for a lane, as
        // it is for a label in a later panel.
        s.load(&UNITS[label.wrapping_sub(panel * LANES).min(LANES)])
    }

    fn check(targets: &[f32], classes: usize) -> Result<()> {
        // 32-bit floats represent all whole numbers up to 2^24, but not all above.
        let last = classes.min(1 << 24) - 1;
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

/// Creates the cross-entropy for a format of targets.
pub fn build<S: Simd, T: Targets>(options: &Options<'_>, _: T) -> Result<Box<dyn RowLoss<S>>> {
    let smoothing = Smoothing::new(options.double("labelSmoothing", FROM_0_TO_1)?);
    Ok(match options.boolean("fromLogits")? {
        true => Box::new(CategoricalFromLogits::<T>(smoothing, PhantomData)),
        false => Box::new(CategoricalFromProbabilities::<T>(smoothing, PhantomData)),
    })
}

/// Predictions and targets, and the two numbers of label smoothing: share ← share · kept + spread.
struct Pair<'a, S: Simd, T> {
    s: S,
    prediction: &'a Panels,
    target: &'a Panels,
    kept: S::V,
    spread: S::V,
    targets: PhantomData<T>,
}

impl<'a, S: Simd, T: Targets> Pair<'a, S, T> {
    #[inline(always)]
    fn new(s: S, smoothing: Smoothing, prediction: &'a Panels, target: &'a Panels) -> Self {
        let spread = s.splat(smoothing.spread / prediction.features() as f32);
        Pair { s, prediction, target, kept: s.splat(smoothing.kept), spread, targets: PhantomData }
    }

    /// Returns the smoothed shares of one panel, with 0 in the lanes after the last class.
    #[inline(always)]
    fn shares(&self, panel: usize, row: usize) -> S::V {
        let s = self.s;
        let share = s.mul_add(T::shares(s, self.target, panel, row), self.kept, self.spread);
        s.mul(share, self.mask(panel))
    }

    #[inline(always)]
    fn mask(&self, panel: usize) -> S::V {
        self.s.load(&self.prediction.mask(panel))
    }

    #[inline(always)]
    fn predictions(&self, panel: usize, row: usize) -> S::V {
        self.s.load(&self.prediction.panel(panel, row + 1)[row])
    }
}

/// With logits z and shares t: sum_k t_k (log(sum_j exp(z_j)) - z_k); its gradient is
/// softmax(z)_k sum_j t_j - t_k. The row's largest logit m is subtracted before exp.
struct CategoricalFromLogits<T>(Smoothing, PhantomData<T>);

/// The sums that determine the losses and gradients of up to 16 rows, a lane for each row.
struct Sums {
    /// sum_k exp(z_k - m)
    exponentials: Line,
    /// sum_k t_k
    shares: Line,
    /// sum_k t_k (z_k - m)
    products: Line,
}

impl<S: Simd, T: Targets> Pair<'_, S, T> {
    /// Computes the sums of the rows from `start`. Calls `each` with every panel, row and its exponentials.
    #[inline(always)]
    fn sums(&self, start: usize, rows: usize, mut each: impl FnMut(usize, usize, S::V)) -> Sums {
        let mut most = [0.0; LANES];
        for (lane, most) in most[..rows].iter_mut().enumerate() {
            *most = largest(self.s, self.prediction, start + lane);
        }
        let mut sums = Sums { exponentials: Line([1.0; LANES]), shares: ZERO, products: ZERO };
        for (lane, &most) in most[..rows].iter().enumerate() {
            self.row(&mut sums, lane, most, start + lane, &mut each);
        }
        sums
    }

    #[inline(always)]
    fn row(
        &self,
        sums: &mut Sums,
        lane: usize,
        most: f32,
        row: usize,
        each: &mut impl FnMut(usize, usize, S::V),
    ) {
        let s = self.s;
        let (zero, half, half_most) = (s.splat(0.0), s.splat(0.5), s.splat(most * -0.5));
        let most = s.splat(most);
        let [mut exponentials, mut shares, mut products] = [zero; 3];
        for panel in 0..self.prediction.count() {
            let (logit, share) = (self.predictions(panel, row), self.shares(panel, row));
            let value = exponential(s, logit, most, self.mask(panel));
            // Twice the share times half the difference: the difference itself may overflow.
            let product = s.mul(s.add(share, share), s.mul_add(logit, half, half_most));
            exponentials = s.add(exponentials, value);
            shares = s.add(shares, share);
            products = s.add(products, product);
            each(panel, row, value);
        }
        sums.exponentials.0[lane] = s.sum(exponentials);
        sums.shares.0[lane] = s.sum(shares);
        sums.products.0[lane] = s.sum(products);
    }

    /// Computes the losses from the sums, with one logarithm for all rows.
    #[inline(always)]
    fn losses(&self, sums: &Sums, losses: &mut [f32]) {
        let s = self.s;
        let logarithms = log(s, s.load(&sums.exponentials));
        let negative = s.sub(s.splat(0.0), s.load(&sums.products));
        let mut result = ZERO;
        s.store(s.mul_add(s.load(&sums.shares), logarithms, negative), &mut result);
        losses.copy_from_slice(&result.0[..losses.len()]);
    }

    /// Turns the exponentials of the rows from `start`, which `gradient` contains, into gradients.
    #[inline(always)]
    fn scale(&self, sums: &Sums, start: usize, rows: usize, scale: f32, gradient: &mut Panels) {
        let (s, mut factors) = (self.s, ZERO);
        let shares = s.mul(s.load(&sums.shares), s.splat(scale));
        s.store(s.div(shares, s.load(&sums.exponentials)), &mut factors);
        for panel in 0..gradient.count() {
            let lines = &mut gradient.panel_mut(panel, start + rows)[start..];
            for (lane, line) in lines.iter_mut().enumerate() {
                let share = s.mul(self.shares(panel, start + lane), s.splat(-scale));
                s.store(s.mul_add(s.load(line), s.splat(factors.0[lane]), share), line);
            }
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

    fn check_after(&self, layer: &str) -> Result<()> {
        check_logits(layer, "softmax")
    }

    fn values(&self, s: S, prediction: &Panels, target: &Panels, losses: &mut [f32]) {
        s.run(
            #[inline(always)]
            || {
                let pair = Pair::<S, T>::new(s, self.0, prediction, target);
                for (block, losses) in losses.chunks_mut(LANES).enumerate() {
                    let sums = pair.sums(
                        block * LANES,
                        losses.len(),
                        #[inline(always)]
                        |_, _, _| {},
                    );
                    pair.losses(&sums, losses);
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
                let pair = Pair::<S, T>::new(s, self.0, prediction, target);
                for (block, losses) in losses.chunks_mut(LANES).enumerate() {
                    let (start, rows) = (block * LANES, losses.len());
                    let sums = pair.sums(
                        start,
                        rows,
                        #[inline(always)]
                        |panel, row, value| s.store(value, &mut gradient.panel_mut(panel, row + 1)[row]),
                    );
                    pair.losses(&sums, losses);
                    pair.scale(&sums, start, rows, scale, gradient);
                }
            },
        );
    }
}

/// With probabilities p, clipped, and shares t: -sum_k t_k log(p_k); its gradient is -t_k / p_k, and 0 where
/// p is clipped.
struct CategoricalFromProbabilities<T>(Smoothing, PhantomData<T>);

impl<S: Simd, T: Targets> Pair<'_, S, T> {
    /// Returns the loss of one row of probabilities. Calls `each` with every panel and its shares,
    /// predictions and clipped predictions.
    #[inline(always)]
    fn loss(&self, row: usize, mut each: impl FnMut(usize, [S::V; 3])) -> f32 {
        let s = self.s;
        let mut sums = s.splat(0.0);
        for panel in 0..self.prediction.count() {
            let (prediction, share) = (self.predictions(panel, row), self.shares(panel, row));
            let probability = clamp(s, prediction, SMALLEST, 1.0);
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
                let pair = Pair::<S, T>::new(s, self.0, prediction, target);
                for (row, loss) in losses.iter_mut().enumerate() {
                    *loss = pair.loss(
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
                let pair = Pair::<S, T>::new(s, self.0, prediction, target);
                for (row, loss) in losses.iter_mut().enumerate() {
                    *loss = pair.loss(
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
