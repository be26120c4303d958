//! Functions over whole rows, across all panels: the largest value, exponentials that cannot overflow, and
//! sums.
//!
//! A sum over a row adds the panels lane by lane, in order. Then the lanes are added in the tree of
//! [`Simd::sum`].

use super::functions::exp;
use super::panels::Panels;
use super::simd::Simd;

/// Returns the largest value of a row, ignoring the lanes beyond the features.
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

/// Returns exp(value - largest) in the lanes where the mask is 1, and 0 in the others.
#[inline(always)]
pub fn exponential<S: Simd>(s: S, value: S::V, largest: S::V, mask: S::V) -> S::V {
    s.mul(exp(s, s.sub(value, largest)), mask)
}

/// Loads the line of a row in a panel.
#[inline(always)]
pub fn load<S: Simd>(s: S, values: &Panels, panel: usize, row: usize) -> S::V {
    s.load(&values.panel(panel, row + 1)[row])
}

/// Returns the sum over the lanes of a row's panels. `at` returns the lines, which are zero beyond the
/// features.
#[inline(always)]
pub fn sum<S: Simd>(s: S, panels: usize, at: impl Fn(usize) -> S::V) -> f32 {
    let mut sums = s.splat(0.0);
    for panel in 0..panels {
        sums = s.add(sums, at(panel));
    }
    s.sum(sums)
}
