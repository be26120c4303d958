//! embedding: the number of a category becomes trained values

use super::LayerOperation;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["column", "categories", "units"];

/// One lookup.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let options = Options::new("embedding", values, OPTIONS)?;
    Ok(vec![LayerOperation::Lookup {
        column: options.index("column")?,
        // What 32-bit floats hold every number of.
        categories: options.size_to("categories", 1 << 24)?,
        units: options.size("units")?,
    }])
}
