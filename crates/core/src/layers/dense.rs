//! dense: y = W x + b

use super::{LayerOperation, learning_rate_factor};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{AT_LEAST_0, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["units", "useBias", "trainable", "learningRateFactor", "l1", "l2"];

/// Creates one product with `units` outputs.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let options = Options::new("dense", values, OPTIONS)?;
    Ok(vec![LayerOperation::Product {
        outputs: options.size("units")?,
        bias: options.boolean("useBias")?,
        trainable: options.boolean("trainable")?,
        learning_rate_factor: learning_rate_factor(&options)?,
        l1: options.number("l1", AT_LEAST_0)?,
        l2: options.number("l2", AT_LEAST_0)?,
    }])
}
