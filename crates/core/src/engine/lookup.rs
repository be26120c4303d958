//! A lookup: one value of each row, the number of a category, is replaced by the values of that category.

use super::gradient_target::Block;
use super::gradients::{ParameterGradients, Shards, within};
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::simd::Simd;
use std::ops::Range;

/// Which value is looked up, and where the table is: `[categories][units]` without padding, 16 values a line, so
/// that a table of narrow entries takes no more memory than its values.
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
        categories.checked_mul(units).map(panels)
    }

    /// The place of the first value of a row's category in the table. The caller has checked the data; any other
    /// value is taken for the nearest category.
    #[inline(always)]
    fn place(&self, input: &Panels, row: usize) -> usize {
        (input.value(row, self.column) as usize).min(self.categories - 1) * self.units
    }

    /// The values of `input`, with those of the category in place of its number.
    pub fn forward(&self, parameters: &[Line], input: &Panels, output: &mut Panels, rows: usize) {
        let table = &parameters[self.table.clone()];
        for row in 0..rows {
            let first = self.place(input, row);
            for feature in 0..self.column {
                output.set_value(row, feature, input.value(row, feature));
            }
            for unit in 0..self.units {
                let place = first + unit;
                output.set_value(row, self.column + unit, table[place / LANES].0[place % LANES]);
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

    /// The gradients of the table: for a category's values the sum of the gradients over the rows that have the
    /// category, one chain of additions from zero.
    #[inline(always)]
    pub fn parameter_gradient<'a, S: Simd>(&self, gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>) {
        let ParameterGradients { s, shards, lines, scratch, target } = gradients;
        let lines = within(lines, &self.table);
        let most = scratch.len();
        let mut block = Block::new(self.table.start + lines.start, scratch);
        for start in lines.clone().step_by(most) {
            let count = (lines.end - start).min(most);
            let sums = block.next(s, target, count);
            sums.fill(ZERO);
            for shard in shards.clone() {
                for row in 0..shard.rows {
                    self.add_row(
                        shard.gradient,
                        row,
                        self.place(shard.input, shard.first + row),
                        start,
                        sums,
                    );
                }
            }
        }
        block.flush(s, target);
    }

    /// Adds a row's gradient to those values of its category, whose first is at `first`, that are among `sums`,
    /// the lines of the table from `start`.
    #[inline(always)]
    fn add_row(&self, gradient: &Panels, row: usize, first: usize, start: usize, sums: &mut [Line]) {
        let (from, to) = (start * LANES, (start + sums.len()) * LANES);
        for place in first.max(from)..(first + self.units).min(to) {
            let sum = &mut sums[place / LANES - start].0[place % LANES];
            *sum += gradient.value(row, self.column + place - first);
        }
    }
}
