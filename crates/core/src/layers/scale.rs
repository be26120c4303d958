//! scale: y = w x for each feature

use super::LayerOperation;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &[];

/// Creates one operation, which has no b.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    Options::new("scale", values, OPTIONS)?;
    Ok(vec![LayerOperation::Scale { bias: false }])
}
