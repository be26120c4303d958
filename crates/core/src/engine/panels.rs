//! Lines and panels: how activations and parameters lie in memory.
//!
//! Activations are `[features / 16][rows][16]`: panel p holds features 16 p to 16 p + 15 of every row, a
//! line a row. The weights of a wide product are `[outputs / 16][inputs][16]`, those of a narrow one
//! `[inputs / 16][outputs][16]`. Lanes beyond the features are zero, always; nothing is ever packed.
//! Row-major exists at the border only.

use super::huge_pages::filled;
use super::simd::Simd;
use crate::errors::Result;
use std::ops::Range;

/// Lanes of a line.
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

/// The number of panels that hold so many features.
pub fn panels(features: usize) -> usize {
    features.div_ceil(LANES)
}

/// Writes the first lanes. Loops and no copy of a length that is not known, which calls memcpy: of a few values
/// that costs more than they do.
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

/// So many lines of zeros, if they are a size and fit in memory.
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
    /// Zeros for so many features and rows, if they fit in memory.
    pub fn new(features: usize, capacity: usize) -> Result<Self> {
        Ok(Panels { lines: zeros(panels(features).checked_mul(capacity))?, features, capacity })
    }

    /// Values in a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The number of panels.
    pub fn count(&self) -> usize {
        panels(self.features)
    }

    /// 1 in the lanes of a panel that hold a feature, 0 beyond.
    #[inline(always)]
    pub fn mask(&self, index: usize) -> Line {
        MASKS[(self.features - index * LANES).min(LANES)]
    }

    /// The rows that it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The lines of a panel, one for each row.
    #[inline(always)]
    pub fn panel(&self, index: usize, rows: usize) -> &[Line] {
        &self.lines[index * self.capacity..][..rows]
    }

    /// The lines of a panel, one for each row.
    #[inline(always)]
    pub fn panel_mut(&mut self, index: usize, rows: usize) -> &mut [Line] {
        &mut self.lines[index * self.capacity..][..rows]
    }

    /// The first rows of a panel.
    #[inline(always)]
    pub fn rows<const ROWS: usize>(&self, panel: usize) -> &[Line; ROWS] {
        let lines = self.lines[panel * self.capacity..].first_chunk();
        lines.expect("a panel has as many rows as it has room for")
    }

    /// The first rows of a panel.
    #[inline(always)]
    pub fn rows_mut<const ROWS: usize>(&mut self, panel: usize) -> &mut [Line; ROWS] {
        let lines = self.lines[panel * self.capacity..].first_chunk_mut();
        lines.expect("a panel has as many rows as it has room for")
    }

    /// The lines from the first row of the first to the last row of the last of some panels.
    #[inline(always)]
    pub fn panels_mut(&mut self, panels: Range<usize>, rows: usize) -> &mut [Line] {
        let stride = self.capacity;
        &mut self.lines[panels.start * stride..][..(panels.len() - 1) * stride + rows]
    }

    /// The rows of some panels as ranges of lines without a gap: one if the rows fill the panels, else one
    /// a panel.
    #[inline(always)]
    pub fn runs(&self, panels: Range<usize>, rows: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let stride = self.capacity;
        let joined = if rows == stride { panels.len() } else { 1 };
        panels.step_by(joined.max(1)).map(
            #[inline(always)]
            move |panel| panel * stride..(panel + joined - 1) * stride + rows,
        )
    }

    /// Lines by their place.
    #[inline(always)]
    pub fn lines(&self, range: Range<usize>) -> &[Line] {
        &self.lines[range]
    }

    /// Lines by their place.
    #[inline(always)]
    pub fn lines_mut(&mut self, range: Range<usize>) -> &mut [Line] {
        &mut self.lines[range]
    }

    /// Writes a row.
    #[inline(always)]
    pub fn set_row(&mut self, row: usize, values: &[f32]) {
        // One or two values take longer in a loop.
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

    /// Writes the first rows, which follow each other in `values`.
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
        // One alone is a store; a copy of unknown length is a call.
        if let [value] = values {
            *value = self.value(row, 0);
            return;
        }
        for (panel, lanes) in values.chunks_mut(LANES).enumerate() {
            lanes.copy_from_slice(&self.lines[panel * self.capacity + row].0[..lanes.len()]);
        }
    }

    /// One value of a row.
    #[inline(always)]
    pub fn value(&self, row: usize, feature: usize) -> f32 {
        self.lines[feature / LANES * self.capacity + row].0[feature % LANES]
    }

    /// Writes one value of a row.
    #[inline(always)]
    pub fn set_value(&mut self, row: usize, feature: usize, value: f32) {
        self.lines[feature / LANES * self.capacity + row].0[feature % LANES] = value;
    }

    /// Adds the rows of other panels of as many features.
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

    /// Copies the rows of other panels of as many features.
    #[inline(always)]
    pub fn copy_from(&mut self, other: &Panels, rows: usize) {
        for panel in 0..self.count() {
            self.panel_mut(panel, rows).copy_from_slice(other.panel(panel, rows));
        }
    }

    /// Zeros the lanes beyond the features, if the last panel is among these: a function of zero need not
    /// be zero.
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
