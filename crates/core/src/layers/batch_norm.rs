//! batchNorm: y = w (x - mean) / √(variance + ε) + b, over the rows of a batch

use super::Operation;
use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::Result;
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["epsilon", "momentum"];

/// One operation, which has w and b, too.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<Operation<S>>> {
    let options = Options::new("batchNorm", values, OPTIONS)?;
    let (epsilon, momentum) = (options.number("epsilon")?, options.number("momentum")?);
    ensure!(
        (f32::MIN_POSITIVE..).contains(&epsilon),
        "batchNorm: epsilon must be above 0, received {epsilon}"
    );
    ensure!((0.0..=1.0).contains(&momentum), "batchNorm: momentum must be from 0 to 1, received {momentum}");
    Ok(vec![Operation::Standardise { epsilon, momentum }])
}
