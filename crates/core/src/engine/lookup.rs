//! A lookup replaces one value of each row, a category number, by the values of that category.

use super::gradient_target::Block;
use super::gradients::{ParameterGradients, Shards, within};
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::simd::Simd;
use std::ops::Range;

/// The column that is looked up, and the place of the table. The table is `[categories][units]` without
/// padding, 16 values per line, so a table with few units takes no more memory than its values.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The column of the category number in a row.
    pub column: usize,
    /// The number of categories.
    pub categories: usize,
    /// The number of values per category.
    pub units: usize,
    /// The lines of the table.
    pub table: Range<usize>,
}

impl Lookup {
    /// Returns the number of lines of a table, or `None` if it overflows.
    pub fn lines(categories: usize, units: usize) -> Option<usize> {
        categories.checked_mul(units).map(panels)
    }

    /// Returns the index, in the table, of the first value of a row's category. The caller has checked the
    /// data. Any other value is taken for the nearest category.
    #[inline(always)]
    fn place(&self, input: &Panels, row: usize) -> usize {
        self.place_of(input.value(row, self.column))
    }

    #[inline(always)]
    fn place_of(&self, category: f32) -> usize {
        (category as usize).min(self.categories - 1) * self.units
    }

    /// Copies the values of a category.
    pub fn copy(&self, parameters: &[Line], category: f32, values: &mut [f32]) {
        let (table, first) = (&parameters[self.table.clone()], self.place_of(category));
        for (place, value) in (first..).zip(values) {
            *value = table[place / LANES].0[place % LANES];
        }
    }

    /// Copies `input` to `output`, with the category's values in place of its number.
    pub fn forward(&self, parameters: &[Line], input: &Panels, output: &mut Panels, rows: usize) {
        let table = &parameters[self.table.clone()];
        output.copy_features(0, input, 0..self.column, rows);
        for row in 0..rows {
            let first = self.place(input, row);
            for unit in 0..self.units {
                let place = first + unit;
                output.set_value(row, self.column + unit, table[place / LANES].0[place % LANES]);
            }
        }
        output.copy_features(self.column + self.units, input, self.column + 1..input.features(), rows);
    }

    /// Returns the features of the output whose gradient is needed, if that of some features of the input is:
    /// these, and the values of the categories.
    pub fn needed(&self, of_input: &Range<usize>) -> Range<usize> {
        let own = self.column..self.column + self.units;
        if of_input.is_empty() {
            return own;
        }
        let moved = |feature: usize| if feature > self.column { feature + self.units - 1 } else { feature };
        own.start.min(moved(of_input.start))..own.end.max(moved(of_input.end - 1) + 1)
    }

    /// Computes the gradient of the features `needed` of the input: zero for the category number, unchanged
    /// for the other values.
    pub fn backward(&self, gradient: &Panels, result: &mut Panels, rows: usize, needed: &Range<usize>) {
        let before = needed.start..needed.end.min(self.column);
        if !before.is_empty() {
            result.copy_features(before.start, gradient, before.clone(), rows);
        }
        if needed.contains(&self.column) {
            for row in 0..rows {
                result.set_value(row, self.column, 0.0);
            }
        }
        let after = needed.start.max(self.column + 1)..needed.end;
        if !after.is_empty() {
            let source = after.start + self.units - 1..after.end + self.units - 1;
            result.copy_features(after.start, gradient, source, rows);
        }
    }

    /// Computes the gradients of the table. The gradient of a category's values is the sum of the gradients
    /// over the rows of that category, one chain of additions from zero.
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

    /// Adds a row's gradient to its category's values, as far as they are among `sums`. The category's first
    /// value has the index `first`, and `sums` holds the lines of the table from `start`.
    #[inline(always)]
    fn add_row(&self, gradient: &Panels, row: usize, first: usize, start: usize, sums: &mut [Line]) {
        let (from, to) = (start * LANES, (start + sums.len()) * LANES);
        for place in first.max(from)..(first + self.units).min(to) {
            let sum = &mut sums[place / LANES - start].0[place % LANES];
            *sum += gradient.value(row, self.column + place - first);
        }
    }
}
