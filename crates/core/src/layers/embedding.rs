//! embedding: replaces the index of a category by trained values

use super::{LayerOperation, learning_rate_factor};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["column", "categories", "units", "learningRateFactor"];

/// Creates one lookup.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let options = Options::new("embedding", values, OPTIONS)?;
    Ok(vec![LayerOperation::Lookup {
        column: options.index("column")?,
        // 32-bit floats represent every index up to this.
        categories: options.size_to("categories", 1 << 24)?,
        units: options.size("units")?,
        learning_rate_factor: learning_rate_factor(&options)?,
    }])
}
