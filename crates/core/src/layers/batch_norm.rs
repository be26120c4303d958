//! batchNorm: y = w (x - mean) / √(variance + ε) + b, with the mean and variance over the rows of a batch

use super::{LayerOperation, learning_rate_factor};
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::options::{EPSILON, FROM_0_TO_1, Options};
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["epsilon", "momentum", "learningRateFactor"];

/// Creates one operation. The network adds w and b to it.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let options = Options::new("batchNorm", values, OPTIONS)?;
    let (epsilon, momentum) = (options.number("epsilon", EPSILON)?, options.number("momentum", FROM_0_TO_1)?);
    let learning_rate_factor = learning_rate_factor(&options)?;
    Ok(vec![LayerOperation::Standardize { epsilon, momentum, learning_rate_factor }])
}
