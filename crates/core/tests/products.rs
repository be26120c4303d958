//! Compares the three products with sums in 64 bits, over awkward shapes.
//!
//! The bound is proportional to the contraction: a chain of n multiply-adds in 32 bits is off by at most n u
//! times the sum of the absolute terms, where u = 2^-24 (Higham, "Accuracy and Stability of Numerical
//! Algorithms", 3.1). The narrow form rounds 5 more times, in its tree and for the bias. A slack of 1 covers
//! the terms of second order.

mod scalar;

use myelin_core::engine::simd::portable::Portable;
use myelin_core::{Dataset, Network, Threads, losses};
use proptest::prelude::*;
use scalar::loss_of_row;
use scalar::programs::{WIDTHS, cases, dense, instruction_sets, values};
use serde_json::json;

const UNIT: f64 = 1.0 / 16_777_216.0;

/// Checks a sum against its terms. `beyond` is the number of roundings besides those of the chain.
fn check(value: f32, terms: impl Iterator<Item = f64> + Clone, beyond: usize, place: &str) {
    let exact: f64 = terms.clone().sum();
    let magnitude: f64 = terms.clone().map(f64::abs).sum();
    let bound = (terms.count() + 5 + 1 + beyond) as f64 * UNIT * magnitude;
    let error = (f64::from(value) - exact).abs();
    assert!(error <= bound, "{place}: {value}, expected {exact}: off by {error}, at most {bound}");
}

/// dense(hidden), dense(outputs). Over one row, the gradient of the first bias is the input gradient of the
/// second product. All three products are therefore visible from outside.
struct Shape {
    inputs: usize,
    hidden: usize,
    outputs: usize,
}

impl Shape {
    fn network(&self, instructions: &str) -> Network {
        let program = json!({
            "inputs": self.inputs,
            "layers": [dense(self.hidden), dense(self.outputs)],
            "loss": { "type": "meanSquaredError" },
            "clipGradients": null,
            "measures": [], "precision": "float32",
            "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true },
        });
        Network::new(&program.to_string(), Some(instructions)).unwrap()
    }

    fn parameters(&self) -> usize {
        (self.inputs + 1) * self.hidden + (self.hidden + 1) * self.outputs
    }

    /// Splits values into W, b of the first and W, b of the second product, or their gradients.
    fn cut<'a>(&self, values: &'a [f32]) -> [&'a [f32]; 4] {
        let (first, rest) = values.split_at(self.inputs * self.hidden);
        let (first_bias, rest) = rest.split_at(self.hidden);
        let (second, second_bias) = rest.split_at(self.hidden * self.outputs);
        [first, first_bias, second, second_bias]
    }
}

fn wide(value: f32) -> f64 {
    f64::from(value)
}

fn terms<'a>(a: &'a [f32], b: &'a [f32]) -> impl Iterator<Item = f64> + Clone + 'a {
    a.iter().zip(b).map(|(a, b)| wide(*a) * wide(*b))
}

/// Checks a single dense layer, whose predictions are the product.
fn check_forward(instructions: &str, inputs: usize, outputs: usize, rows: usize, seed: u64) {
    let program = json!({
        "inputs": inputs,
        "layers": [dense(outputs)],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true },
    });
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    let parameters = values(seed, (inputs + 1) * outputs);
    network.write_parameters(&parameters).unwrap();
    let (weight, bias) = parameters.split_at(inputs * outputs);
    let x = values(seed + 1, rows * inputs);
    let mut y = vec![0.0; rows * outputs];
    network.predictor().unwrap().predict(&x, &mut y, Threads::Exactly(1)).unwrap();
    for (x, y) in x.chunks(inputs).zip(y.chunks(outputs)) {
        for ((weight, bias), y) in weight.chunks(inputs).zip(bias).zip(y) {
            check(*y, terms(weight, x).chain([wide(*bias)]), 0, "forward");
        }
    }
}

fn check_input_gradient(instructions: &str, shape: &Shape, seed: u64) {
    let mut network = shape.network(instructions);
    let parameters = values(seed, shape.parameters());
    network.write_parameters(&parameters).unwrap();
    let row = Dataset::new(
        values(seed + 1, shape.inputs),
        values(seed + 2, shape.outputs),
        shape.inputs,
        shape.outputs,
    );
    let gradients = network.gradients(&row.unwrap()).unwrap().values;
    let [_, _, weight, _] = shape.cut(&parameters);
    let [_, hidden, _, output] = shape.cut(&gradients);
    for (index, value) in hidden.iter().enumerate() {
        let column = weight.iter().skip(index).step_by(shape.hidden);
        check(*value, column.zip(output).map(|(w, g)| wide(*w) * wide(*g)), 0, "input gradient");
    }
}

/// Checks a single dense layer. The gradients of its outputs are those of the loss, taken from the table.
fn check_parameter_gradient(instructions: &str, inputs: usize, outputs: usize, rows: usize, seed: u64) {
    let program = json!({
        "inputs": inputs,
        "layers": [dense(outputs)],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true },
    });
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    network.write_parameters(&values(seed, (inputs + 1) * outputs)).unwrap();
    let (x, y) = (values(seed + 1, rows * inputs), values(seed + 2, rows * outputs));
    let mut predictions = vec![0.0; rows * outputs];
    network.predictor().unwrap().predict(&x, &mut predictions, Threads::Exactly(1)).unwrap();
    let loss = losses::build::<Portable>("meanSquaredError", program["loss"].as_object().unwrap()).unwrap();
    let scale = (1.0 / rows as f64) as f32;
    let output: Vec<f32> = (predictions.chunks(outputs).zip(y.chunks(outputs)))
        .flat_map(|(prediction, target)| loss_of_row(&*loss, prediction, target, scale).1)
        .collect();
    let gradients = network.gradients(&Dataset::new(x.clone(), y, inputs, outputs).unwrap()).unwrap().values;
    let (weight, bias) = gradients.split_at(inputs * outputs);
    let chunks = rows.div_ceil(512);
    let of_unit = |unit: usize| output.iter().skip(unit).step_by(outputs).map(|value| wide(*value));
    for (unit, (weight, bias)) in weight.chunks(inputs).zip(bias).enumerate() {
        check(*bias, of_unit(unit), chunks, "bias gradient");
        for (input, value) in weight.iter().enumerate() {
            let column = x.iter().skip(input).step_by(inputs).map(|value| wide(*value));
            check(*value, of_unit(unit).zip(column).map(|(g, x)| g * x), chunks, "weight gradient");
        }
    }
}

fn width() -> impl Strategy<Value = usize> {
    prop::sample::select(&WIDTHS[..])
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn forward_is_as_exact_as_its_contraction_allows(
        inputs in width(), outputs in width(), rows in 1..=20_usize, seed in any::<u32>(),
    ) {
        for instructions in instruction_sets() {
            check_forward(instructions, inputs, outputs, rows, u64::from(seed));
        }
    }

    #[test]
    fn the_input_gradient_is_as_exact_as_its_contraction_allows(
        inputs in width(), hidden in width(), outputs in width(), seed in any::<u32>(),
    ) {
        for instructions in instruction_sets() {
            check_input_gradient(instructions, &Shape { inputs, hidden, outputs }, u64::from(seed));
        }
    }

    #[test]
    fn the_parameter_gradients_are_as_exact_as_their_contraction_allows(
        inputs in width(), outputs in width(),
        rows in prop_oneof![8 => 1..=40_usize, 1 => prop::sample::select(&[511, 513, 1500][..])],
        seed in any::<u32>(),
    ) {
        for instructions in instruction_sets() {
            check_parameter_gradient(instructions, inputs, outputs, rows, u64::from(seed));
        }
    }
}

#[test]
fn forward_is_as_exact_over_long_contractions() {
    for instructions in instruction_sets() {
        for (inputs, outputs) in [(4099, 3), (4099, 9), (2053, 17)] {
            check_forward(instructions, inputs, outputs, 3, 1);
        }
    }
}
