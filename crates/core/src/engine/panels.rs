//! Lines and panels: the layout of activations and parameters in memory.
//!
//! Activations are `[features / 16][rows][16]`: panel p holds features 16 p to 16 p + 15 of every row, with a
//! line per row. The weights of a wide product are `[outputs / 16][inputs][16]`, those of a narrow one
//! `[inputs / 16][outputs][16]`. Lanes beyond the features are always zero. Nothing is repacked. Row-major
//! data exists only at the boundary of the kernel.

use super::huge_pages::filled;
use super::simd::Simd;
use crate::errors::Result;
use std::ops::Range;

/// The number of lanes of a line.
pub const LANES: usize = 16;

/// 16 floats, a cache line: one row of a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Line(pub [f32; LANES]);

/// A line of zeros.
pub const ZERO: Line = Line([0.0; LANES]);

/// Line n has 1 in its first n lanes and 0 in the others.
static MASKS: [Line; LANES + 1] = {
    let mut masks = [ZERO; LANES + 1];
    let mut lanes = 0;
    while lanes <= LANES {
        let mut lane = 0;
        while lane < lanes {
            masks[lanes].0[lane] = 1.0;
            lane += 1;
        }
        lanes += 1;
    }
    masks
};

/// Returns the number of panels that hold `features` features.
pub fn panels(features: usize) -> usize {
    features.div_ceil(LANES)
}

/// Writes the first lanes. Loops copy few values faster than a copy of unknown length, which calls memcpy.
#[inline(always)]
fn set_lanes(line: &mut Line, values: &[f32]) {
    let (fours, rest) = values.as_chunks::<4>();
    let (lanes, _) = line.0.as_chunks_mut::<4>();
    for (lanes, four) in lanes.iter_mut().zip(fours) {
        *lanes = *four;
    }
    for (lane, value) in line.0[4 * fours.len()..].iter_mut().zip(rest) {
        *lane = *value;
    }
}

/// Returns `lines` lines of zeros, if the number did not overflow and they fit in memory.
pub fn zeros(lines: Option<usize>) -> Result<Vec<Line>> {
    filled(ZERO, lines.unwrap_or(usize::MAX))
}

/// The activations, or their gradients, of up to `capacity` rows.
#[derive(Clone, Debug, Default)]
pub struct Panels {
    lines: Vec<Line>,
    features: usize,
    capacity: usize,
}

impl Panels {
    /// Returns zeros for this number of features and rows, if they fit in memory.
    pub fn new(features: usize, capacity: usize) -> Result<Self> {
        Ok(Panels { lines: zeros(panels(features).checked_mul(capacity))?, features, capacity })
    }

    /// Returns the number of values in a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns the number of panels.
    pub fn count(&self) -> usize {
        panels(self.features)
    }

    /// Returns a line with 1 in the lanes of a panel that hold a feature, and 0 in the others.
    #[inline(always)]
    pub fn mask(&self, index: usize) -> Line {
        MASKS[(self.features - index * LANES).min(LANES)]
    }

    /// Returns the number of rows that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the first `rows` lines of a panel, one per row.
    #[inline(always)]
    pub fn panel(&self, index: usize, rows: usize) -> &[Line] {
        &self.lines[index * self.capacity..][..rows]
    }

    /// Returns the first `rows` lines of a panel, one per row.
    #[inline(always)]
    pub fn panel_mut(&mut self, index: usize, rows: usize) -> &mut [Line] {
        &mut self.lines[index * self.capacity..][..rows]
    }

    /// Returns the first `ROWS` rows of a panel.
    #[inline(always)]
    pub fn rows<const ROWS: usize>(&self, panel: usize) -> &[Line; ROWS] {
        let lines = self.lines[panel * self.capacity..].first_chunk();
        lines.expect("the panels have room for `ROWS` rows")
    }

    /// Returns the first `ROWS` rows of a panel.
    #[inline(always)]
    pub fn rows_mut<const ROWS: usize>(&mut self, panel: usize) -> &mut [Line; ROWS] {
        let lines = self.lines[panel * self.capacity..].first_chunk_mut();
        lines.expect("the panels have room for `ROWS` rows")
    }

    /// Returns the lines from the first row of the first panel to the last row of the last panel.
    #[inline(always)]
    pub fn panels_mut(&mut self, panels: Range<usize>, rows: usize) -> &mut [Line] {
        let stride = self.capacity;
        &mut self.lines[panels.start * stride..][..(panels.len() - 1) * stride + rows]
    }

    /// Returns the rows of some panels as ranges of consecutive lines: one range if the rows fill the panels,
    /// else one per panel.
    #[inline(always)]
    pub fn runs(&self, panels: Range<usize>, rows: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let stride = self.capacity;
        let joined = if rows == stride { panels.len() } else { 1 };
        panels.step_by(joined.max(1)).map(
            #[inline(always)]
            move |panel| panel * stride..(panel + joined - 1) * stride + rows,
        )
    }

    /// Returns lines by index.
    #[inline(always)]
    pub fn lines(&self, range: Range<usize>) -> &[Line] {
        &self.lines[range]
    }

    /// Returns lines by index.
    #[inline(always)]
    pub fn lines_mut(&mut self, range: Range<usize>) -> &mut [Line] {
        &mut self.lines[range]
    }

    /// Writes a row.
    #[inline(always)]
    pub fn set_row(&mut self, row: usize, values: &[f32]) {
        // One or two values are slower in a loop.
        match *values {
            [value] => return self.lines[row].0[0] = value,
            [first, second] => {
                let line = &mut self.lines[row].0;
                (line[0], line[1]) = (first, second);
                return;
            }
            _ => {}
        }
        for (panel, lanes) in values.chunks(LANES).enumerate() {
            set_lanes(&mut self.lines[panel * self.capacity + row], lanes);
        }
    }

    /// Writes the first rows, which are consecutive in `values`.
    pub fn set_rows(&mut self, values: &[f32]) {
        let rows = values.chunks_exact(self.features);
        if self.features <= LANES {
            rows.zip(&mut self.lines).for_each(|(values, line)| set_lanes(line, values));
        } else {
            rows.enumerate().for_each(|(row, values)| self.set_row(row, values));
        }
    }

    /// Reads a row.
    pub fn row(&self, row: usize, values: &mut [f32]) {
        // A single value is a store; a copy of unknown length is a call.
        if let [value] = values {
            *value = self.value(row, 0);
            return;
        }
        for (panel, lanes) in values.chunks_mut(LANES).enumerate() {
            lanes.copy_from_slice(&self.lines[panel * self.capacity + row].0[..lanes.len()]);
        }
    }

    /// Returns one value of a row.
    #[inline(always)]
    pub fn value(&self, row: usize, feature: usize) -> f32 {
        self.lines[feature / LANES * self.capacity + row].0[feature % LANES]
    }

    /// Writes one value of a row.
    #[inline(always)]
    pub fn set_value(&mut self, row: usize, feature: usize, value: f32) {
        self.lines[feature / LANES * self.capacity + row].0[feature % LANES] = value;
    }

    /// Adds the rows of `other`, which has the same number of features.
    pub fn add<S: Simd>(&mut self, s: S, other: &Panels, rows: usize) {
        s.run(
            #[inline(always)]
            || {
                for panel in 0..self.count() {
                    for (sum, line) in self.panel_mut(panel, rows).iter_mut().zip(other.panel(panel, rows)) {
                        s.store(s.add(s.load(sum), s.load(line)), sum);
                    }
                }
            },
        );
    }

    /// Copies the rows of `other`, which has the same number of features.
    #[inline(always)]
    pub fn copy_from(&mut self, other: &Panels, rows: usize) {
        for panel in 0..self.count() {
            self.panel_mut(panel, rows).copy_from_slice(other.panel(panel, rows));
        }
    }

    /// Returns whether all values of the first rows are finite.
    #[inline(never)]
    pub fn is_finite<S: Simd>(&self, s: S, rows: usize) -> bool {
        s.run(
            #[inline(always)]
            || {
                // 0 v is 0 for a finite value and NaN otherwise, so one sum tells. Two chains of sums.
                let zero = s.splat(0.0);
                let mut sums = [zero; 2];
                for panel in 0..self.count() {
                    let (pairs, rest) = self.panel(panel, rows).as_chunks::<2>();
                    for [first, second] in pairs {
                        sums[0] = s.mul_add(s.load(first), zero, sums[0]);
                        sums[1] = s.mul_add(s.load(second), zero, sums[1]);
                    }
                    for line in rest {
                        sums[0] = s.mul_add(s.load(line), zero, sums[0]);
                    }
                }
                s.sum(s.add(sums[0], sums[1])) == 0.0
            },
        )
    }

    /// Copies consecutive features of the first rows of `other`: the first of `source` to the feature `target`.
    pub fn copy_features(&mut self, target: usize, other: &Panels, source: Range<usize>, rows: usize) {
        let mut at = target;
        let mut from = source.start;
        while from < source.end {
            let lane = at % LANES;
            let count = (LANES - lane).min(source.end - from);
            let (first, shift) = (from / LANES, from % LANES);
            let result = self.panel_mut(at / LANES, rows);
            if count == LANES && shift == 0 {
                result.copy_from_slice(other.panel(first, rows));
            } else if count == LANES {
                // A line of both neighbors, from which one of them begins at the shift.
                let sources = other.panel(first, rows).iter().zip(other.panel(first + 1, rows));
                for (line, (before, after)) in result.iter_mut().zip(sources) {
                    let mut both = [0.0; 2 * LANES];
                    both[..LANES].copy_from_slice(&before.0);
                    both[LANES..].copy_from_slice(&after.0);
                    line.0.copy_from_slice(&both[shift..shift + LANES]);
                }
            } else {
                for (row, line) in result.iter_mut().enumerate() {
                    for (next, value) in line.0[lane..lane + count].iter_mut().enumerate() {
                        *value = other.value(row, from + next);
                    }
                }
            }
            at += count;
            from += count;
        }
    }

    /// Zeros the lanes beyond the features, if the last panel is among `panels`. A function of zero is not
    /// always zero.
    #[inline(always)]
    pub fn clear_padding(&mut self, panels: Range<usize>, rows: usize) {
        let lanes = self.features % LANES;
        if lanes > 0 && panels.end == self.count() {
            for line in self.panel_mut(panels.end - 1, rows) {
                line.0[lanes..].fill(0.0);
            }
        }
    }
}
