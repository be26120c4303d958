//! The codes of the rows that one thread processes together.

use super::coded::table_lines;
use super::codes::{Codes, Layout};
use super::huge_pages::filled;
use super::lookup::Lookup;
use super::panels::{LANES, Line, Panels, zeros};
use crate::errors::Result;
use std::ops::Range;

/// The places and values of rows, and what a product makes of them before it multiplies.
#[derive(Debug, Default)]
pub struct CodedRows {
    places: Vec<u16>,
    values: Vec<f32>,
    /// The numbers of the rows' categories, one for each lookup.
    categories: Vec<f32>,
    /// The values times the scales of their inputs, if a scale comes before the product.
    scaled: Vec<f32>,
    /// The highest values times the scales of their inputs.
    highest: Vec<f32>,
    /// Scratch of the forward product.
    pub(super) table: Vec<Line>,
    /// For each run, the numbers of the rows, ordered by their places, and the values at these.
    order: Vec<(u16, f32)>,
    /// For each input in a run, the end of the rows with this place in `order`, counted from that of the run.
    ends: Vec<u16>,
    /// The number of rows in `order`.
    rows: usize,
}

impl CodedRows {
    /// Makes room for `rows` rows, at most 65,535.
    pub fn reserve(&mut self, layout: &Layout, rows: usize) -> Result<()> {
        let fits = self.places.len() >= rows * layout.places()
            && self.values.len() >= rows * layout.values()
            && self.categories.len() >= rows * layout.looked_up.len();
        if !fits {
            self.places = filled(0, rows * layout.places())?;
            self.values = filled(0.0, rows * layout.values())?;
            self.scaled = filled(0.0, rows * layout.values())?;
            self.categories = filled(0.0, rows * layout.looked_up.len())?;
            self.order = filled((0, 0.0), rows * layout.places())?;
        }
        if self.highest.len() < layout.inputs {
            self.highest = filled(0.0, layout.inputs)?;
            self.ends = filled(0, layout.inputs)?;
        }
        let lines = table_lines(layout);
        if self.table.len() < lines {
            self.table = zeros(Some(lines))?;
        }
        Ok(())
    }

    /// Copies the codes of these rows.
    pub fn gather(&mut self, codes: &Codes, rows: impl Iterator<Item = usize>) {
        let Layout { looked_up, .. } = &codes.layout;
        let (places, values, categories) = (codes.layout.places(), codes.layout.values(), looked_up.len());
        for (at, row) in rows.enumerate() {
            self.places[at * places..][..places].copy_from_slice(codes.places(row));
            self.values[at * values..][..values].copy_from_slice(codes.values(row));
            self.categories[at * categories..][..categories].copy_from_slice(codes.categories(row));
        }
    }

    /// Writes the values of the categories of a lookup for `rows` rows. Their numbers go to `input`, which is the
    /// input of the lookup: its gradient reads them.
    pub fn look_up(
        &mut self,
        layout: &Layout,
        (number, lookup): (usize, &Lookup),
        parameters: &[Line],
        (input, rows): (&mut Panels, usize),
    ) {
        let (count, width, start) = (layout.looked_up.len(), layout.values(), layout.looked_up[number]);
        for row in 0..rows {
            let category = self.categories[row * count + number];
            input.set_value(row, lookup.column, category);
            lookup.copy(parameters, category, &mut self.values[row * width + start..][..lookup.units]);
        }
    }

    /// Multiplies the values of `rows` rows, and the highest values, by the scales of their inputs.
    pub(super) fn scale(&mut self, layout: &Layout, scale: Option<&[Line]>, rows: usize) {
        let Some(scale) = scale else { return };
        let of = |input: usize| scale[input / LANES].0[input % LANES];
        for (input, (scaled, highest)) in self.highest.iter_mut().zip(&layout.highest).enumerate() {
            *scaled = highest * of(input);
        }
        let pieces = layout.piecewise.len();
        for row in 0..rows {
            let places = &self.places[row * layout.places()..][layout.one_hot.len()..];
            let values = &self.values[row * layout.values()..][..layout.values()];
            let scaled = &mut self.scaled[row * layout.values()..][..values.len()];
            for ((scaled, value), &place) in scaled.iter_mut().zip(&values[..pieces]).zip(places) {
                *scaled = value * of(usize::from(place));
            }
            for ((scaled, value), &input) in
                scaled[pieces..].iter_mut().zip(&values[pieces..]).zip(&layout.plain)
            {
                *scaled = value * of(input);
            }
        }
    }

    /// Orders the rows of each run by their places, and rows of one place by their numbers.
    pub fn sort(&mut self, layout: &Layout, rows: usize) {
        self.rows = rows;
        let (places, values, one_hot) = (layout.places(), layout.values(), layout.one_hot.len());
        for (run, inputs) in layout.one_hot.iter().chain(&layout.piecewise).enumerate() {
            let ends = &mut self.ends[inputs.clone()];
            let place = |row: usize| usize::from(self.places[row * places + run]) - inputs.start;
            ends.fill(0);
            for row in 0..rows {
                // A row without a category has a place beyond the inputs.
                if let Some(count) = ends.get_mut(place(row)) {
                    *count += 1;
                }
            }
            let mut start = 0;
            for end in ends.iter_mut() {
                start += std::mem::replace(end, start);
            }
            let order = &mut self.order[run * rows..][..rows];
            for row in 0..rows {
                if let Some(end) = ends.get_mut(place(row)) {
                    let value = if run < one_hot { 0.0 } else { self.values[row * values + run - one_hot] };
                    order[usize::from(*end)] = (row as u16, value);
                    *end += 1;
                }
            }
        }
    }

    /// Returns the rows of a run whose place is one of its inputs, and the values at it, after
    /// [`sort`](Self::sort).
    #[inline(always)]
    pub(super) fn at(&self, run: usize, inputs: &Range<usize>, input: usize) -> &[(u16, f32)] {
        let start = if input == inputs.start { 0 } else { usize::from(self.ends[input - 1]) };
        &self.order[run * self.rows..][start..usize::from(self.ends[input])]
    }

    /// Returns the values of a row, not scaled.
    #[inline(always)]
    pub(super) fn values(&self, layout: &Layout, row: usize) -> &[f32] {
        &self.values[row * layout.values()..][..layout.values()]
    }

    /// Returns what a product multiplies: after [`scale`](Self::scale) the scaled values.
    pub(super) fn inputs<'a>(&'a self, layout: &'a Layout, is_scaled: bool) -> CodedInputs<'a> {
        let (values, highest) = match is_scaled {
            true => (&self.scaled, &self.highest),
            false => (&self.values, &layout.highest),
        };
        CodedInputs { layout, places: &self.places, values, highest }
    }
}

/// The inputs of a product, as codes.
pub(super) struct CodedInputs<'a> {
    pub layout: &'a Layout,
    places: &'a [u16],
    values: &'a [f32],
    /// The highest value of each input.
    pub highest: &'a [f32],
}

impl CodedInputs<'_> {
    /// Returns the places of a row.
    #[inline(always)]
    pub fn places(&self, row: usize) -> &[u16] {
        &self.places[row * self.layout.places()..][..self.layout.places()]
    }

    /// Returns the values of a row.
    #[inline(always)]
    pub fn values(&self, row: usize) -> &[f32] {
        &self.values[row * self.layout.values()..][..self.layout.values()]
    }
}
