//! The native kernel of Myelin: the code that runs for every mini-batch, and nothing else.
//!
//! Most modules outside [`engine`] have a twin of the same name in TypeScript. The TypeScript kernel is the
//! readable definition of what they compute. [`engine`] contains the fast building blocks: lines of 16
//! lanes, panels of lines, matrix products.
//!
//! ```
//! use myelin_core::{Dataset, Network, Run, Stop};
//!
//! let program = r#"{ "inputs": 2,
//!   "layers": [{ "type": "dense", "units": 1, "useBias": true, "trainable": true, "learningRateFactor": 1, "l1": 0, "l2": 0 }],
//!   "loss": { "type": "meanSquaredError" },
//!   "clipGradients": null,
//!   "measures": [], "precision": "float32",
//!   "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true } }"#;
//! let mut network = Network::new(program, None)?;
//! network.write_parameters(&[0.5, -0.5, 0.0])?;
//! let data = Dataset::new(vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 0.0], 2, 1)?;
//! let run = Run { batch_size: 2, steps: 10, learning_rates: &[0.01; 10], ..Run::default() };
//! let progress = network.train(&data, &run, &Stop::default())?;
//! assert_eq!(progress.losses.len(), 10);
//! # Ok::<(), myelin_core::Error>(())
//! ```

pub mod activations;
mod dataset;
pub mod engine;
pub mod errors;
pub mod kernel;
pub mod layers;
pub mod losses;
pub mod measures;
pub mod network;
pub mod operations;
pub mod optimizers;
pub mod options;
pub mod plan;
pub mod predictor;
pub mod program;
pub mod random;
pub mod run;
pub mod state;
pub(crate) mod step;
pub mod update;
pub mod ways;
pub mod workspace;

pub use dataset::Dataset;
pub use errors::{Error, Result};
pub use kernel::{Footprint, Network, Part, Slices, TrainingJob, train_many};
pub use predictor::Predictor;
pub use run::{Best, Divergence, EarlyStopping, Position, Progress, Run, Stop, Threads};
