//! Adds the penalties to the gradient of all parameters, clips it, and updates the parameters.
//!
//! Most plans have neither penalties nor clipping. They update a parameter as soon as its gradient is
//! finished (`crate::step`).

use crate::engine::StepFactors;
use crate::engine::gradient_target::{Destination, GradientTarget, Updates};
use crate::engine::groups::GroupedUpdates;
use crate::engine::panels::{LANES, Line};
use crate::engine::scoped_threads::MOST_THREADS;
use crate::engine::simd::Simd;
use crate::plan::{Clip, Penalty, Plan};
use crate::step::StepThreads;
use std::ops::Range;

/// The most parts that lines are divided into for a sum over all of them.
const MOST_PARTS: usize = 64;

/// The fewest lines of a part.
const PART_LINES: usize = 16;

/// The number of lines that are clipped and then updated together, while they are in the L1 cache.
const BOUND_LINES: usize = 64;

/// Up to this number of lines, one thread updates all of them: they are in its L2 cache.
const ALONE_LINES: usize = 4096;

/// How lines are divided for a sum over all of them. It depends only on the number of lines, and the sums of
/// the parts are added in order, so the number of threads does not change the result.
#[derive(Clone, Copy)]
struct Parts {
    lines: usize,
    /// The number of lines in each part but the last.
    length: usize,
}

impl Parts {
    fn of(lines: usize) -> Self {
        Parts { lines, length: lines.div_ceil(MOST_PARTS).max(PART_LINES) }
    }

    fn count(self) -> usize {
        self.lines.div_ceil(self.length)
    }

    /// Returns the first part of a thread.
    fn first(self, thread: usize, threads: usize) -> usize {
        self.count() * thread.min(threads) / threads
    }

    /// Returns the first line of each thread, and the number of lines.
    fn cuts(self, threads: usize) -> [usize; MOST_THREADS + 1] {
        std::array::from_fn(|thread| (self.first(thread, threads) * self.length).min(self.lines))
    }
}

/// Returns the sum of the squares of all values. Adds each lane in the order of the lines, then the lanes in
/// the tree order of [`Simd::sum`]. Computes in doubles, in which the square of a float is exact and never
/// infinite.
#[inline(always)]
fn sum_of_squares(lines: &[Line]) -> f64 {
    let mut sums = [0.0; LANES];
    for line in lines {
        for (sum, value) in sums.iter_mut().zip(line.0) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}

impl Penalty {
    /// Adds the gradient of the penalty to `gradient`, which begins with the line `first`.
    #[inline(always)]
    fn add<S: Simd>(&self, s: S, parameters: &[Line], first: usize, gradient: &mut [Line]) {
        let start = self.lines.start.max(first);
        let end = self.lines.end.min(first + gradient.len());
        if start >= end {
            return;
        }
        let (zero, l1) = (s.splat(0.0), s.splat(self.l1));
        let (minus, twice) = (s.splat(-self.l1), s.splat(2.0 * self.l2));
        let lines = parameters[start..end].iter().zip(&mut gradient[start - first..end - first]);
        for (weight, gradient) in lines {
            let weight = s.load(weight);
            let negative = s.select_greater(zero, weight, minus, zero);
            let slope = s.select_greater(weight, zero, l1, negative);
            s.store(s.add(s.mul_add(twice, weight, s.load(gradient)), slope), gradient);
        }
    }
}

/// How a gradient is clipped just before the update.
#[derive(Clone, Copy)]
enum Bound {
    None,
    Scale(f32),
    Value(f32),
}

impl Bound {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, lines: &mut [Line]) {
        match self {
            Bound::None => {}
            Bound::Scale(factor) => {
                for line in lines {
                    s.store(s.mul(s.load(line), s.splat(factor)), line);
                }
            }
            Bound::Value(most) => {
                // In this order of arguments NaN stays NaN.
                let (most, least) = (s.splat(most), s.splat(-most));
                for line in lines {
                    let value = s.max(least, s.load(line));
                    s.store(s.select_greater(value, most, most, value), line);
                }
            }
        }
    }
}

impl<S: Simd> Plan<S> {
    /// Returns the update of some lines as the destination of their gradients. `group_factors` are those of the groups.
    /// `before` is the sum of the gradients of the chunks before, if there are some. The slices hold the same lines.
    pub(crate) fn destination<'a>(
        &'a self,
        (factors, group_factors): (StepFactors, &'a [StepFactors]),
        parameters: &'a mut [Line],
        slots: &'a mut [Line],
        before: Option<&'a [Line]>,
    ) -> Destination<'a, S> {
        let (update, count) = (&*self.update, self.update.slots());
        if let Some(groups) = &self.groups {
            let updates = GroupedUpdates { groups, update, group_factors, parameters, slots, count, before };
            return Destination::Grouped(updates);
        }
        let updates = Updates { update, factors, parameters, slots, count };
        match before {
            Some(before) => Destination::UpdateWith(updates, before),
            None => Destination::Update(updates),
        }
    }
}

/// Adds the gradients of all penalties to `gradient`, which begins with the line `first`.
pub(crate) fn add_penalties<S: Simd>(
    plan: &Plan<S>,
    s: S,
    parameters: &[Line],
    first: usize,
    gradient: &mut [Line],
) {
    s.run(
        #[inline(always)]
        || {
            for penalty in &plan.penalties {
                penalty.add(s, parameters, first, gradient);
            }
        },
    );
}

/// Returns how the gradient is clipped, from the sums of squares of its parts. Returns `None` if the norm is
/// needed and is not finite.
fn bound_of<S: Simd>(plan: &Plan<S>, squares: &[f64]) -> Option<Bound> {
    match plan.clip {
        None => Some(Bound::None),
        Some(Clip::Value(most)) => Some(Bound::Value(most)),
        Some(Clip::Norm(most)) => {
            let norm = squares.iter().sum::<f64>().sqrt();
            let factor = most / (norm + 1e-6);
            norm.is_finite().then_some(if factor < 1.0 { Bound::Scale(factor as f32) } else { Bound::None })
        }
    }
}

/// Clips the gradient of `lines` and updates them. The slices in the destination, and `gradient`, begin
/// with the first of these lines.
fn update_lines<S: Simd>(
    plan: &Plan<S>,
    s: S,
    lines: Range<usize>,
    bound: Bound,
    gradient: &mut [Line],
    destination: Destination<'_, S>,
) {
    let first = lines.start;
    let mut target = GradientTarget { first, destination };
    s.run(
        #[inline(always)]
        || {
            for range in plan.trained(lines.clone()) {
                for start in range.clone().step_by(BOUND_LINES) {
                    let end = range.end.min(start + BOUND_LINES);
                    let block = &mut gradient[start - first..end - first];
                    bound.apply(s, block);
                    target.take(s, start, block);
                }
            }
        },
    );
}

/// Adds the penalties to the gradient, clips it, and updates all parameters. Returns false, and updates
/// nothing, if the norm of the gradient is needed and is not finite.
pub(crate) fn update<S: Simd>(
    plan: &Plan<S>,
    s: S,
    step_threads: &mut StepThreads<'_, '_>,
    (factors, group_factors): (StepFactors, &[StepFactors]),
    [parameters, slots, gradient]: [&mut [Line]; 3],
) -> bool {
    let parts = Parts::of(plan.lines);
    let shared = !step_threads.alone && plan.lines > ALONE_LINES;
    let threads = if shared { step_threads.team.threads().min(parts.count()) } else { 1 };
    let cuts = &parts.cuts(threads)[..=threads];
    let mut squares = [0.0; MOST_PARTS];
    if plan.needs_whole_gradient() {
        let mut rest = &mut squares[..];
        let mut shares: [&mut [f64]; MOST_THREADS] = std::array::from_fn(|thread| {
            let count = parts.first(thread + 1, threads) - parts.first(thread, threads);
            rest.split_off_mut(..count).unwrap_or_default()
        });
        let parameters = &*parameters;
        step_threads.team.split(
            &mut shares[..threads],
            [(&mut *gradient, 1)],
            cuts,
            |thread, squares, [gradient]| {
                add_penalties(plan, s, parameters, cuts[thread], gradient);
                s.run(
                    #[inline(always)]
                    || {
                        for (square, lines) in squares.iter_mut().zip(gradient.chunks(parts.length)) {
                            *square = sum_of_squares(lines);
                        }
                    },
                );
            },
        );
    }
    let Some(bound) = bound_of(plan, &squares[..parts.count()]) else { return false };
    let count = plan.update.slots();
    let slices = [(gradient, 1), (parameters, 1), (slots, count)];
    let mut members = [(); MOST_THREADS];
    step_threads.team.split(
        &mut members[..threads],
        slices,
        cuts,
        |thread, (), [gradient, parameters, slots]| {
            let destination = plan.destination((factors, group_factors), parameters, slots, None);
            update_lines(plan, s, cuts[thread]..cuts[thread + 1], bound, gradient, destination);
        },
    );
    true
}
