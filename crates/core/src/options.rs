//! Reads the options of a table entry from the Program and checks their names, types and ranges.

use crate::ensure;
use crate::errors::{Error, Result};
use serde_json::{Map, Value};
use std::ops::{Bound, RangeBounds};

/// A range of numbers. TypeScript declares the same range for each option; a test compares them.
pub type NumberRange = (Bound<f64>, Bound<f64>);

/// Any number.
pub const UNBOUNDED: NumberRange = (Bound::Unbounded, Bound::Unbounded);
/// At least 0.
pub const AT_LEAST_0: NumberRange = (Bound::Included(0.0), Bound::Unbounded);
/// Above 0.
pub const ABOVE_0: NumberRange = (Bound::Excluded(0.0), Bound::Unbounded);
/// From 0 to 1.
pub const FROM_0_TO_1: NumberRange = (Bound::Included(0.0), Bound::Included(1.0));
/// At least 0 and below 1.
pub const BELOW_1: NumberRange = (Bound::Included(0.0), Bound::Excluded(1.0));
/// Above 0 and below 1.
pub const BETWEEN_0_AND_1: NumberRange = (Bound::Excluded(0.0), Bound::Excluded(1.0));
/// The range of ε, which is added to a divisor. Optimizer state below 1e-30 becomes zero. Its square root
/// is below 1e-15, which does not show beside the smallest ε.
pub const EPSILON: NumberRange = (Bound::Included(1e-12), Bound::Unbounded);

/// Returns whether a number is in a range and, rounded to 32 bits, still finite and not equal to an excluded
/// end.
pub fn fits(value: f64, range: NumberRange) -> bool {
    let rounded = value as f32;
    let is_excluded = |end| matches!(end, Bound::Excluded(end) if rounded == end as f32);
    range.contains(&value) && rounded.is_finite() && !is_excluded(range.0) && !is_excluded(range.1)
}

fn describe(range: NumberRange) -> String {
    let low = match range.0 {
        Bound::Included(low) => format!(" of at least {low}"),
        Bound::Excluded(low) => format!(" above {low}"),
        Bound::Unbounded => String::new(),
    };
    match range.1 {
        Bound::Included(high) => format!("a finite number{low}, at most {high}"),
        Bound::Excluded(high) => format!("a finite number{low}, below {high}"),
        Bound::Unbounded => format!("a finite number{low}"),
    }
}

/// The options of one table entry, with exactly the declared names.
pub struct Options<'a> {
    place: &'a str,
    values: &'a Map<String, Value>,
}

impl<'a> Options<'a> {
    /// Checks that `values` has exactly these `names`, besides `type`, which is the entry's own name.
    pub fn new(place: &'a str, values: &'a Map<String, Value>, names: &[&str]) -> Result<Self> {
        for name in values.keys() {
            let known = name == "type" || names.contains(&name.as_str());
            ensure!(known, "{place}: unknown option \"{name}\"; expected {names:?}");
        }
        for name in names {
            ensure!(values.contains_key(*name), "{place}: option \"{name}\" is missing");
        }
        Ok(Options { place, values })
    }

    fn refuse(&self, name: &str, expected: &str) -> Error {
        Error::new(format!("{}: {name} must be {expected}, received {}", self.place, self.values[name]))
    }

    /// Returns a number in a range, rounded to 32 bits.
    pub fn number(&self, name: &str, range: NumberRange) -> Result<f32> {
        Ok(self.double(name, range)? as f32)
    }

    /// Returns a number in a range, unrounded. Callers compute 1 - x before they round to 32 bits.
    pub fn double(&self, name: &str, range: NumberRange) -> Result<f64> {
        let number = self.values[name].as_f64().filter(|value| fits(*value, range));
        number.ok_or_else(|| self.refuse(name, &describe(range)))
    }

    /// Returns `true` or `false`.
    pub fn boolean(&self, name: &str) -> Result<bool> {
        self.values[name].as_bool().ok_or_else(|| self.refuse(name, "true or false"))
    }

    /// Returns one of these words.
    pub fn one_of<'w>(&self, name: &str, words: &[&'w str]) -> Result<&'w str> {
        let given = self.values[name].as_str();
        let found = words.iter().copied().find(|word| Some(*word) == given);
        found.ok_or_else(|| self.refuse(name, &format!("one of {words:?}")))
    }

    /// Returns a size: a whole number from 1 to 2^31 - 1.
    pub fn size(&self, name: &str) -> Result<usize> {
        self.size_to(name, i32::MAX as usize)
    }

    /// Returns a whole number from 1 to `most`.
    pub fn size_to(&self, name: &str, most: usize) -> Result<usize> {
        let size = size(&self.values[name]).filter(|size| *size <= most);
        size.ok_or_else(|| self.refuse(name, &format!("a whole number from 1 to {most}")))
    }

    /// Returns an index: a whole number from 0 to 2^31 - 1.
    pub fn index(&self, name: &str) -> Result<usize> {
        let number = self.values[name].as_u64().filter(|index| *index <= i32::MAX as u64);
        let refused = || self.refuse(name, "a whole number from 0 to 2147483647");
        number.map(|index| index as usize).ok_or_else(refused)
    }

    /// Returns a list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<&'a Map<String, Value>>> {
        let list = self.values[name].as_array();
        let objects = list.and_then(|list| list.iter().map(Value::as_object).collect());
        objects.ok_or_else(|| self.refuse(name, "a list of objects"))
    }
}

/// Returns the value as a whole number from 1 to 2^31 - 1, or `None` if it is not one.
pub fn size(value: &Value) -> Option<usize> {
    value.as_u64().filter(|size| (1..=i32::MAX as u64).contains(size)).map(|size| size as usize)
}

/// The name of a table entry and the names of its options.
pub type Names = (&'static str, &'static [&'static str]);

/// Declares a table of entries that are generic over the SIMD token: the constant `TABLE` with their names,
/// and the function `build`, which creates one of them.
///
/// Each entry is a line: its name, the names of its options, and the expression that creates it.
#[macro_export]
macro_rules! table {
    (
        $kind:literal as $object:ident;
        $($name:literal [$($option:literal),*] => |$options:ident| $make:expr),+ $(,)?
    ) => {
        /// The names of the entries and of their options.
        pub const TABLE: &[$crate::options::Names] = &[$(($name, &[$($option),*])),+];

        /// Creates the entry of this name from its options, for one instruction set.
        pub fn build<S: $crate::engine::simd::Simd>(
            name: &str,
            values: &serde_json::Map<String, serde_json::Value>,
        ) -> $crate::errors::Result<Box<dyn $object<S>>> {
            match name {
                $($name => {
                    let $options = $crate::options::Options::new(name, values, &[$($option),*])?;
                    let _ = &$options;
                    Ok($make)
                })+
                _ => Err($crate::errors::Error::new(format!("unknown {} \"{name}\"", $kind))),
            }
        }
    };
}
