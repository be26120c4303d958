//! A lookup: one value of each row, the number of a category, is replaced by the values of that category.

use super::gradients::{Slabs, within};
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::simd::Simd;
use super::sink::{Block, Sink};
use std::ops::Range;

/// Which value is looked up, and where the table lies: `panels(units)` lines a category.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The place of the category's number in a row.
    pub column: usize,
    /// How many categories there are.
    pub categories: usize,
    /// Values of each.
    pub units: usize,
    /// The lines of the table.
    pub table: Range<usize>,
}

impl Lookup {
    /// The lines of a table, `None` if that is no size.
    pub fn lines(categories: usize, units: usize) -> Option<usize> {
        panels(units).checked_mul(categories)
    }

    /// The first line of a row's category, counted in the table. Whoever takes data has checked it; any other
    /// value is taken for the nearest category.
    #[inline(always)]
    fn line(&self, input: &Panels, row: usize) -> usize {
        (input.value(row, self.column) as usize).min(self.categories - 1) * panels(self.units)
    }

    /// The values of `input`, with those of the category in place of its number.
    pub fn forward(&self, parameters: &[Line], input: &Panels, output: &mut Panels, rows: usize) {
        let table = &parameters[self.table.clone()];
        for row in 0..rows {
            let lines = &table[self.line(input, row)..];
            for feature in 0..self.column {
                output.set_value(row, feature, input.value(row, feature));
            }
            for unit in 0..self.units {
                output.set_value(row, self.column + unit, lines[unit / LANES].0[unit % LANES]);
            }
            for feature in self.column + 1..input.features() {
                output.set_value(row, feature - 1 + self.units, input.value(row, feature));
            }
        }
    }

    /// The gradient of the input: none of the category's number, the others as they are.
    pub fn backward(&self, gradient: &Panels, result: &mut Panels, rows: usize) {
        for row in 0..rows {
            for feature in 0..self.column {
                result.set_value(row, feature, gradient.value(row, feature));
            }
            result.set_value(row, self.column, 0.0);
            for feature in self.column + 1..result.features() {
                result.set_value(row, feature, gradient.value(row, feature - 1 + self.units));
            }
        }
    }

    /// The gradients of the parameter lines in `lines`, into `sink`: of a category's values the sum of the
    /// gradients over the rows that have it, one chain of additions from zero.
    #[inline(always)]
    pub fn parameter_gradient<'a, S: Simd>(
        &self,
        s: S,
        slabs: impl Slabs<'a>,
        lines: &Range<usize>,
        scratch: &mut [Line],
        sink: &mut Sink<'_, S>,
    ) {
        let lines = within(lines, &self.table);
        let most = scratch.len();
        let mut block = Block::new(self.table.start + lines.start, scratch);
        for start in lines.clone().step_by(most) {
            let count = (lines.end - start).min(most);
            let sums = block.next(s, sink, count);
            sums.fill(ZERO);
            for slab in slabs.clone() {
                for row in 0..slab.rows {
                    self.add_row(slab.gradient, row, self.line(slab.input, slab.first + row), start, sums);
                }
            }
        }
        block.flush(s, sink);
    }

    /// Adds a row's gradient to those lines of its category, whose first is `line`, that are among `sums`.
    #[inline(always)]
    fn add_row(&self, gradient: &Panels, row: usize, line: usize, start: usize, sums: &mut [Line]) {
        let end = line + panels(self.units);
        for line_at in line.max(start)..end.min(start + sums.len()) {
            let first = (line_at - line) * LANES;
            let sum = &mut sums[line_at - start].0;
            for unit in first..(first + LANES).min(self.units) {
                sum[unit - first] += gradient.value(row, self.column + unit);
            }
        }
    }
}
