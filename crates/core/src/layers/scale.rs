//! scale: y = w x for each feature

use super::{LayerOperation, learning_rate_factor};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["learningRateFactor"];

/// Creates one operation, which has no b.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let learning_rate_factor = learning_rate_factor(&Options::new("scale", values, OPTIONS)?)?;
    Ok(vec![LayerOperation::Affine { bias: false, learning_rate_factor }])
}
