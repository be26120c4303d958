//! The table of layers: options → operations. Every activation is a layer, too.

pub mod batch_norm;
pub mod dense;
pub mod dropout;
pub mod embedding;
pub mod gaussian_noise;
pub mod layer_norm;
pub mod residual;
pub mod scale;
pub mod softmax;

use crate::activations;
use crate::engine::{Epilogue, Noise, RowFunction, simd::Simd};
use crate::errors::Result;
use crate::options::{AT_LEAST_0, Names, Options};
use serde_json::{Map, Value};

/// What a layer consists of. The network matches on these kinds and never on a layer's name.
pub enum LayerOperation<S: Simd> {
    /// y = W x + b
    Product {
        /// Values in a row of y.
        outputs: usize,
        /// Whether there is a b.
        bias: bool,
        /// Whether W and b change in training.
        trainable: bool,
        /// What the learning rate of W and b is multiplied by.
        learning_rate_factor: f64,
        /// The factor of Σ|W| in the penalty that is added to the loss.
        l1: f32,
        /// The factor of ΣW² in the penalty.
        l2: f32,
    },
    /// y = f(x) for each value.
    Elementwise(Box<dyn Epilogue<S>>),
    /// y = f(x) for each row.
    Row(Box<dyn RowFunction<S>>),
    /// y = w x + b for each feature.
    Affine {
        /// Whether there is a b.
        bias: bool,
        /// What the learning rate of w and b is multiplied by.
        learning_rate_factor: f64,
    },
    /// y = w (x - mean) / √(variance + ε) + b for each feature, over the rows of the batch.
    Standardize {
        /// Added to the variance.
        epsilon: f32,
        /// The weight of a new batch in the running mean and variance.
        momentum: f32,
        /// What the learning rate of w and b is multiplied by.
        learning_rate_factor: f64,
    },
    /// Replaces the category index in `column` by `units` values.
    Lookup {
        /// The column with the index.
        column: usize,
        /// The number of categories.
        categories: usize,
        /// The number of values for each category.
        units: usize,
        /// What the learning rate of these values is multiplied by.
        learning_rate_factor: f64,
    },
    /// y = x. A later `Add` adds these values again.
    Fork,
    /// y = x plus the values of the last fork that has no `Add` yet.
    Add,
    /// y = f(x, draw) for each value in training, else y = x.
    Noise(Box<dyn Noise<S>>),
}

impl<S: Simd> LayerOperation<S> {
    /// Returns what the learning rate of its parameters is multiplied by.
    pub fn learning_rate_factor(&self) -> f64 {
        match self {
            LayerOperation::Product { learning_rate_factor, .. }
            | LayerOperation::Affine { learning_rate_factor, .. }
            | LayerOperation::Standardize { learning_rate_factor, .. }
            | LayerOperation::Lookup { learning_rate_factor, .. } => *learning_rate_factor,
            _ => 1.0,
        }
    }
}

/// The layers that are not activations, and the names of their options.
pub const TABLE: &[Names] = &[
    ("batchNorm", batch_norm::OPTIONS),
    ("dense", dense::OPTIONS),
    ("dropout", dropout::OPTIONS),
    ("embedding", embedding::OPTIONS),
    ("gaussianNoise", gaussian_noise::OPTIONS),
    ("layerNorm", layer_norm::OPTIONS),
    ("residual", residual::OPTIONS),
    ("scale", scale::OPTIONS),
    ("softmax", softmax::OPTIONS),
];

/// Reads the option of every layer with parameters that an optimizer updates.
fn learning_rate_factor(options: &Options<'_>) -> Result<f64> {
    options.double("learningRateFactor", AT_LEAST_0)
}

/// Creates the operations of the layer of this name.
pub fn build<S: Simd>(name: &str, options: &Map<String, Value>) -> Result<Vec<LayerOperation<S>>> {
    match name {
        "dense" => dense::build(options),
        "batchNorm" => batch_norm::build(options),
        "dropout" => dropout::build(options),
        "embedding" => embedding::build(options),
        "gaussianNoise" => gaussian_noise::build(options),
        "layerNorm" => layer_norm::build(options),
        "residual" => residual::build(options),
        "scale" => scale::build(options),
        "softmax" => softmax::build(options),
        _ => Ok(vec![LayerOperation::Elementwise(activations::build(name, options)?)]),
    }
}
