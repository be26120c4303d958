//! Inputs as codes: one-hot and piecewise-linear inputs, found in a dataset, and where each row is in them.
//!
//! Tables have few columns and many inputs. A category is a run of inputs of which at most one is on. A number
//! in piecewise-linear form is a run in which all inputs before a place are on, all after it are zero, and the
//! one there is anything between. Both are a place, and at most one value.

use super::huge_pages::filled;
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

/// The runs of inputs, and the inputs that are in none.
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

    /// Finds the runs of rows of `inputs` values.
    fn find(x: &[f32], inputs: usize) -> Layout {
        let Columns { highest, binary, follows, beside } = Columns::of(x, inputs);
        let mut layout = Layout { inputs, one_hot: vec![], piecewise: vec![], plain: vec![], highest };
        let codable = |input: usize| !layout.highest[input].is_nan();
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
        (layout.one_hot, layout.piecewise, layout.plain) = (one_hot, piecewise, plain);
        layout
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
    /// The values of each row: those at the places of piecewise-linear runs, then the plain inputs.
    values: Vec<f32>,
}

impl Codes {
    /// Returns the codes of rows of `inputs` values, if they need much less arithmetic than the inputs.
    pub fn of(x: &[f32], inputs: usize) -> Result<Option<Codes>> {
        let rows = x.len() / inputs;
        if rows < FEWEST_ROWS || !(FEWEST_INPUTS..=MOST_INPUTS).contains(&inputs) {
            return Ok(None);
        }
        // A run of all rows is a run, or part of one, in the sample.
        if !Layout::find(&x[..SAMPLE_ROWS * inputs], inputs).pays() {
            return Ok(None);
        }
        let layout = Layout::find(x, inputs);
        if !layout.pays() {
            return Ok(None);
        }
        let mut places = filled(0_u16, rows * layout.places())?;
        let mut values = filled(0.0_f32, rows * layout.values())?;
        let rows = x.chunks_exact(inputs).zip(places.chunks_exact_mut(layout.places()).zip(chunks_or_empty(
            &mut values,
            layout.values(),
            rows,
        )));
        for (x, (places, values)) in rows {
            let (one_hot, piecewise) = places.split_at_mut(layout.one_hot.len());
            for (place, run) in one_hot.iter_mut().zip(&layout.one_hot) {
                let on = run.clone().find(|&input| x[input] != 0.0);
                *place = on.unwrap_or(inputs) as u16;
            }
            let (at_places, plain) = values.split_at_mut(layout.piecewise.len());
            for ((place, value), run) in piecewise.iter_mut().zip(at_places).zip(&layout.piecewise) {
                let last = run.clone().rfind(|&input| x[input] != 0.0).unwrap_or(run.start);
                (*place, *value) = (last as u16, x[last]);
            }
            for (value, &input) in plain.iter_mut().zip(&layout.plain) {
                *value = x[input];
            }
        }
        Ok(Some(Codes { layout, places, values }))
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
}

/// Returns chunks of `size` values, as many as `count`, of which all are empty if the size is 0.
fn chunks_or_empty(values: &mut [f32], size: usize, count: usize) -> impl Iterator<Item = &mut [f32]> {
    let mut rest = values;
    (0..count).map(move |_| rest.split_off_mut(..size).unwrap_or_default())
}
