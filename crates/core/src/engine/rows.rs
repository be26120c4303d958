//! What goes through whole rows, over all panels: the largest value, exponentials that cannot overflow.
//!
//! A sum over a row here adds up the panels lane by lane, in order, and then the lanes by the tree of
//! [`Simd::sum`].

use super::functions::exp;
use super::panels::Panels;
use super::simd::Simd;

/// The largest value of a row; lanes beyond the features do not count.
#[inline(always)]
pub fn largest<S: Simd>(s: S, values: &Panels, row: usize) -> f32 {
    let (zero, lowest) = (s.splat(0.0), s.splat(f32::MIN));
    let mut most = lowest;
    for panel in 0..values.count() {
        let value = s.load(&values.panel(panel, row + 1)[row]);
        most = s.max(most, s.select_greater(s.load(&values.mask(panel)), zero, value, lowest));
    }
    s.largest(most)
}

/// exp(value - largest) in the lanes where the mask is 1, and 0 in the others.
#[inline(always)]
pub fn exponential<S: Simd>(s: S, value: S::V, largest: S::V, mask: S::V) -> S::V {
    s.mul(exp(s, s.sub(value, largest)), mask)
}

/// A line of a row.
#[inline(always)]
pub fn load<S: Simd>(s: S, values: &Panels, panel: usize, row: usize) -> S::V {
    s.load(&values.panel(panel, row + 1)[row])
}

/// The sum over the lanes of so many panels of a row; `at` gives the lines, which are zero beyond the features.
#[inline(always)]
pub fn sum<S: Simd>(s: S, panels: usize, at: impl Fn(usize) -> S::V) -> f32 {
    let mut sums = s.splat(0.0);
    for panel in 0..panels {
        sums = s.add(sums, at(panel));
    }
    s.sum(sums)
}
