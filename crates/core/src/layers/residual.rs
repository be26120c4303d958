//! residual: y = x + f(x), where f is the layers inside

use super::{LayerOperation, build as build_layer};
use crate::engine::simd::Simd;
use crate::ensure;
use crate::errors::{Error, Result};
use crate::options::Options;
use serde_json::{Map, Value};

/// The names of the options.
pub const OPTIONS: &[&str] = &["layers"];

/// Creates a fork, the operations of the layers inside, and the sum.
pub fn build<S: Simd>(values: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    let layers = Options::new("residual", values, OPTIONS)?.objects("layers")?;
    ensure!(!layers.is_empty(), "residual: expected at least 1 layer, received none");
    let mut operations = vec![LayerOperation::Fork];
    for (index, layer) in layers.into_iter().enumerate() {
        let name = layer.get("type").and_then(Value::as_str);
        let name = name.ok_or_else(|| Error::new(format!("residual: layer {index} must have a \"type\"")))?;
        let inside = build_layer(name, layer);
        operations.extend(inside.map_err(|error| Error::new(format!("residual: layer {index}: {error}")))?);
    }
    operations.push(LayerOperation::Add);
    Ok(operations)
}
