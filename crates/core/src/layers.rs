//! The table of layers: (options, inputs) → operations. The activations are layers too.

pub mod batch_norm;
pub mod dense;
pub mod dropout;
pub mod embedding;
pub mod gaussian_noise;
pub mod layer_norm;
pub mod residual;
pub mod softmax;

use crate::activations;
use crate::engine::{Epilogue, Noise, RowFunction, simd::Simd};
use crate::errors::Result;
use crate::options::Names;
use serde_json::{Map, Value};

/// What the network does for a layer. It matches on these kinds and never on a layer's name.
pub enum LayerOperation<S: Simd> {
    /// y = W x + b
    Product {
        /// Values in a row of y.
        outputs: usize,
        /// Whether there is a b.
        bias: bool,
        /// Whether W and b change in training.
        trainable: bool,
        /// What Σ|W| is multiplied by in the penalty that training lowers with the loss.
        l1: f32,
        /// What ΣW² is multiplied by in it.
        l2: f32,
    },
    /// y = f(x) for each value.
    Elementwise(Box<dyn Epilogue<S>>),
    /// y = f(x) for each row.
    Row(Box<dyn RowFunction<S>>),
    /// y = w x + b for each feature.
    Scale,
    /// y = w (x - mean) / √(variance + ε) + b for each feature, over the rows of the batch.
    Standardize {
        /// Added to the variance.
        epsilon: f32,
        /// The share of a new batch in the running figures.
        momentum: f32,
    },
    /// The number of a category, at `column`, is replaced by `units` values.
    Lookup {
        /// Its place in a row.
        column: usize,
        /// How many categories there are.
        categories: usize,
        /// Values of each.
        units: usize,
    },
    /// What the next operation of the kind `Add` adds.
    Fork,
    /// The values, and those at the last fork that is not added yet.
    Add,
    /// y = f(x, draw) for each value in training, else y = x.
    Noise(Box<dyn Noise<S>>),
}

/// The layers that are no activations, and the names of their options.
pub const TABLE: &[Names] = &[
    ("batchNorm", batch_norm::OPTIONS),
    ("dense", dense::OPTIONS),
    ("dropout", dropout::OPTIONS),
    ("embedding", embedding::OPTIONS),
    ("gaussianNoise", gaussian_noise::OPTIONS),
    ("layerNorm", layer_norm::OPTIONS),
    ("residual", residual::OPTIONS),
    ("softmax", softmax::OPTIONS),
];

/// The operations of the layer of this name.
pub fn build<S: Simd>(name: &str, options: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    match name {
        "dense" => dense::build(options),
        "batchNorm" => batch_norm::build(options),
        "dropout" => dropout::build(options),
        "embedding" => embedding::build(options),
        "gaussianNoise" => gaussian_noise::build(options),
        "layerNorm" => layer_norm::build(options),
        "residual" => residual::build(options),
        "softmax" => softmax::build(options),
        _ => Ok(vec![LayerOperation::Elementwise(activations::build(name, options)?)]),
    }
}
