//! Inputs as codes: one-hot and piecewise-linear inputs, found in a dataset, and where each row is in them.
//!
//! Tables have few columns and many inputs. A category is a run of inputs of which at most one is on. A number
//! in piecewise-linear form is a run in which all inputs before a place are on, all after it are zero, and the
//! one there is anything between. Both are a place, and at most one value.

use super::huge_pages::{filled, room};
use crate::errors::Result;
use std::ops::Range;

/// The fewest rows of a dataset with codes, and the fewest inputs. Looking for them would not pay.
const FEWEST_ROWS: usize = 256;
const FEWEST_INPUTS: usize = 32;

/// The most inputs, so that a place takes two bytes.
const MOST_INPUTS: usize = u16::MAX as usize;

/// The rows that are looked at first. Most datasets without codes show it there.
const SAMPLE_ROWS: usize = 64;

/// Codes are used where they need at most one line of arithmetic for this number of inputs.
const WORTH: usize = 3;

/// A column of a dataset with the number of a category, which a lookup replaces by `units` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// The column.
    pub column: usize,
    /// The number of values of a category.
    pub units: usize,
}

/// The runs of inputs, and the inputs that are in none. The inputs are those of the product: they have the values
/// of categories in place of the columns that are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// The number of inputs.
    pub inputs: usize,
    /// Runs in which at most one input is on, and has its highest value; the others are zero.
    pub one_hot: Vec<Range<usize>>,
    /// Runs in which the inputs before a place have their highest values, and those after it are zero.
    pub piecewise: Vec<Range<usize>>,
    /// The other inputs.
    pub plain: Vec<usize>,
    /// The highest value of each input.
    pub highest: Vec<f32>,
    /// For each lookup, where its values begin among those of a row.
    pub looked_up: Vec<usize>,
}

impl Layout {
    /// Returns the number of places that a row has.
    pub fn places(&self) -> usize {
        self.one_hot.len() + self.piecewise.len()
    }

    /// Returns the number of values that a row has.
    pub fn values(&self) -> usize {
        self.piecewise.len() + self.plain.len()
    }

    /// Returns whether codes need much less arithmetic than the inputs.
    fn pays(&self) -> bool {
        let lines = self.one_hot.len() + 2 * self.piecewise.len() + self.plain.len();
        lines * WORTH <= self.inputs
    }

    /// Finds the runs of rows of `inputs` values. Columns that are looked up are in none.
    fn find(x: &[f32], inputs: usize, lookups: &[LookedUp]) -> Layout {
        let Columns { mut highest, binary, follows, beside } = Columns::of(x, inputs);
        for lookup in lookups {
            highest[lookup.column] = f32::NAN;
        }
        let codable = |input: usize| !highest[input].is_nan();
        let (mut one_hot, mut piecewise, mut plain) = (vec![], vec![], vec![]);
        let mut start = 0;
        while start < inputs {
            let end_of = |joins: &dyn Fn(usize) -> bool| {
                (start + 1..inputs).find(|&input| !codable(input) || !joins(input)).unwrap_or(inputs)
            };
            let end_of_pieces = end_of(&|input| follows[input]);
            let end_of_categories = end_of(&|input| binary[input] && beside[input] <= start);
            // A run saves all but one line of arithmetic for a category, and all but two for a number.
            if codable(start)
                && binary[start]
                && end_of_categories > start + 1
                && end_of_categories + 1 >= end_of_pieces
            {
                one_hot.push(start..end_of_categories);
                start = end_of_categories;
            } else if codable(start) && end_of_pieces > start + 2 {
                piecewise.push(start..end_of_pieces);
                start = end_of_pieces;
            } else {
                plain.push(start);
                start += 1;
            }
        }
        Layout { inputs, one_hot, piecewise, plain, highest, looked_up: vec![] }
    }

    /// Returns this layout with the values of categories in place of the columns that are looked up.
    fn after(&self, lookups: &[LookedUp]) -> Layout {
        let units = |input: usize| {
            let lookup = lookups.iter().find(|lookup| lookup.column == input);
            lookup.map_or(1, |lookup| lookup.units)
        };
        let (mut places, mut highest) = (vec![], vec![]);
        for (input, &value) in self.highest.iter().enumerate() {
            places.push(highest.len());
            highest.resize(highest.len() + units(input), value);
        }
        let (mut plain, mut looked_up) = (vec![], vec![0; lookups.len()]);
        for &input in &self.plain {
            if let Some(number) = lookups.iter().position(|lookup| lookup.column == input) {
                looked_up[number] = self.piecewise.len() + plain.len();
            }
            plain.extend(places[input]..places[input] + units(input));
        }
        let moved = |run: &Range<usize>| places[run.start]..places[run.start] + run.len();
        Layout {
            inputs: highest.len(),
            one_hot: self.one_hot.iter().map(moved).collect(),
            piecewise: self.piecewise.iter().map(moved).collect(),
            plain,
            highest,
            looked_up,
        }
    }
}

/// What holds for the inputs in all rows.
struct Columns {
    /// The highest value; NaN if one is negative.
    highest: Vec<f32>,
    /// Whether each value is zero or the highest.
    binary: Vec<bool>,
    /// Whether the input before has its highest value wherever this one is not zero.
    follows: Vec<bool>,
    /// One more than the nearest input on the left that is not zero in a row in which this one is not either.
    beside: Vec<usize>,
}

impl Columns {
    fn of(x: &[f32], inputs: usize) -> Self {
        let mut highest = vec![0.0_f32; inputs];
        for row in x.chunks_exact(inputs) {
            for (highest, &value) in highest.iter_mut().zip(row) {
                // NaN stays: it is not less than a value, and no value is more.
                if value < 0.0 {
                    *highest = f32::NAN;
                } else if value > *highest {
                    *highest = value;
                }
            }
        }
        let (mut binary, mut follows, mut beside) = (vec![true; inputs], vec![true; inputs], vec![0; inputs]);
        for row in x.chunks_exact(inputs) {
            // The value before is its highest; the nearest input that is not zero.
            let (mut is_highest, mut nearest) = (false, 0);
            for (input, &value) in row.iter().enumerate() {
                let is_on = value == highest[input];
                if value != 0.0 {
                    binary[input] &= is_on;
                    follows[input] &= is_highest;
                    beside[input] = beside[input].max(nearest);
                    nearest = input + 1;
                }
                // An input that is zero in all rows tells nothing about those before it.
                if highest[input] != 0.0 {
                    is_highest = is_on;
                }
            }
        }
        Columns { highest, binary, follows, beside }
    }
}

/// The codes of all rows of a dataset.
#[derive(Clone, Debug)]
pub struct Codes {
    /// The runs.
    pub layout: Layout,
    /// The places of each row: the input of a one-hot run that is on, or the number of inputs if none is; then
    /// the last input of a piecewise-linear run that is not zero, or the first of the run.
    places: Vec<u16>,
    /// The values of each row: those at the places of piecewise-linear runs, then the plain inputs. Those of
    /// categories are zero: a lookup writes them.
    values: Vec<f32>,
    /// The numbers of each row's categories, one for each lookup.
    categories: Vec<f32>,
}

impl Codes {
    /// Returns the codes of rows of `inputs` values, if they need much less arithmetic than the inputs. The
    /// lookups have different columns.
    pub fn of(x: &[f32], inputs: usize, lookups: &[LookedUp]) -> Result<Option<Codes>> {
        let rows = x.len() / inputs;
        let all = lookups.iter().fold(inputs, |all, lookup| all.saturating_add(lookup.units - 1));
        if rows < FEWEST_ROWS || !(FEWEST_INPUTS..=MOST_INPUTS).contains(&all) {
            return Ok(None);
        }
        // A run of all rows is a run, or part of one, in the sample.
        if !Layout::find(&x[..SAMPLE_ROWS * inputs], inputs, lookups).after(lookups).pays() {
            return Ok(None);
        }
        let columns = Layout::find(x, inputs, lookups);
        let layout = columns.after(lookups);
        if !layout.pays() {
            return Ok(None);
        }
        let mut places = filled(0_u16, rows * layout.places())?;
        let mut values = filled(0.0_f32, rows * layout.values())?;
        let mut categories = room(rows * lookups.len())?;
        for x in x.chunks_exact(inputs) {
            categories.extend(lookups.iter().map(|lookup| x[lookup.column]));
        }
        let rows = x.chunks_exact(inputs).zip(places.chunks_exact_mut(layout.places()).zip(chunks_or_empty(
            &mut values,
            layout.values(),
            rows,
        )));
        for (x, (places, values)) in rows {
            let (one_hot, piecewise) = places.split_at_mut(layout.one_hot.len());
            for ((place, run), moved) in one_hot.iter_mut().zip(&columns.one_hot).zip(&layout.one_hot) {
                let on = x[run.clone()].iter().position(|&value| value != 0.0);
                *place = on.map_or(layout.inputs, |on| moved.start + on) as u16;
            }
            let (at_places, mut plain) = values.split_at_mut(layout.piecewise.len());
            let runs = columns.piecewise.iter().zip(&layout.piecewise);
            for ((place, value), (run, moved)) in piecewise.iter_mut().zip(at_places).zip(runs) {
                let run = &x[run.clone()];
                let last = run.iter().rposition(|&value| value != 0.0).unwrap_or(0);
                (*place, *value) = ((moved.start + last) as u16, run[last]);
            }
            for &input in &columns.plain {
                let lookup = lookups.iter().find(|lookup| lookup.column == input);
                let own = plain.split_off_mut(..lookup.map_or(1, |lookup| lookup.units)).unwrap_or_default();
                if lookup.is_none() {
                    own.fill(x[input]);
                }
            }
        }
        Ok(Some(Codes { layout, places, values, categories }))
    }

    /// Returns the places of a row.
    pub fn places(&self, row: usize) -> &[u16] {
        let count = self.layout.places();
        &self.places[row * count..][..count]
    }

    /// Returns the values of a row.
    pub fn values(&self, row: usize) -> &[f32] {
        let count = self.layout.values();
        &self.values[row * count..][..count]
    }

    /// Returns the numbers of a row's categories, one for each lookup.
    pub fn categories(&self, row: usize) -> &[f32] {
        let count = self.layout.looked_up.len();
        &self.categories[row * count..][..count]
    }
}

/// Returns chunks of `size` values, as many as `count`, of which all are empty if the size is 0.
fn chunks_or_empty(values: &mut [f32], size: usize, count: usize) -> impl Iterator<Item = &mut [f32]> {
    let mut rest = values;
    (0..count).map(move |_| rest.split_off_mut(..size).unwrap_or_default())
}
