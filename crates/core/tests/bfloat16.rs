//! Training steps with the precision bfloat16 give the bits of the scalar program, on every instruction set
//! of this CPU and on any number of threads. Their gradients are those of doubles, up to the rounding of
//! factors.

mod scalar;

use myelin_core::engine::bfloat16::round;
use myelin_core::engine::simd::{Instructions, Simd, WithSimd, dispatch};
use myelin_core::{Network, Run, Stop, Threads};
use scalar::case::Case;
use scalar::layer::bfloat16;
use scalar::programs::{dense, examples, instruction_sets, values, weighted};
use serde_json::{Value, json};

fn sgd() -> Value {
    json!({ "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true })
}

/// Returns a program with the precision bfloat16.
fn program(inputs: usize, layers: Vec<Value>, clip: Value) -> Value {
    json!({
        "inputs": inputs, "layers": layers, "loss": { "type": "meanSquaredError" }, "optimizer": sgd(),
        "clipGradients": clip, "measures": [], "precision": "bfloat16",
    })
}

fn check(program: &Value, rows: usize, batch: usize, accumulate: usize) {
    let data = examples(program, rows, 3);
    let data = if batch.is_multiple_of(2) { weighted(data, 5) } else { data };
    let rates = vec![1e-3, 1e-3];
    Case { program: program.clone(), data, batch, seed: 4, shuffle: true, accumulate, rates }.check();
}

#[test]
fn any_width_and_any_number_of_rows_gives_the_bits() {
    for (inputs, units, next) in [(1, 8, 8), (2, 9, 33), (15, 16, 17), (17, 31, 8), (31, 33, 15), (32, 32, 5)]
    {
        let layers = vec![dense(units), json!({ "type": "tanh" }), dense(next), dense(9)];
        let program = program(inputs, layers, Value::Null);
        for batch in [1, 2, 3, 5, 8, 13, 33] {
            check(&program, 2 * batch + 1, batch, 1);
        }
    }
}

#[test]
fn layers_wider_than_any_block_give_the_bits() {
    for (inputs, units, next) in [(1601, 40, 67), (17, 1603, 33), (805, 130, 3)] {
        let layers = vec![dense(units), json!({ "type": "relu" }), dense(next), dense(9)];
        check(&program(inputs, layers, Value::Null), 9, 7, 1);
    }
}

#[test]
fn chunks_accumulation_and_clips_give_the_bits() {
    for (batch, accumulate, clip) in
        [(513, 1, Value::Null), (1025, 1, json!({ "norm": 0.05 })), (7, 3, json!({ "value": 0.003 }))]
    {
        for units in [17, 80] {
            let layers = vec![dense(units), json!({ "type": "silu" }), dense(units), dense(8)];
            check(&program(33, layers, clip.clone()), 2 * batch + 3, batch, accumulate);
        }
    }
}

#[test]
fn all_kinds_of_operations_give_the_bits_beside_rounded_products() {
    let norm = json!({ "type": "layerNorm", "epsilon": 1e-5, "learningRateFactor": 1 });
    let inside = json!([norm, dense(19), { "type": "silu" }, { "type": "dropout", "rate": 0.3 }]);
    let mut frozen = dense(12);
    frozen["trainable"] = json!(false);
    let layers = vec![
        json!({ "type": "embedding", "column": 1, "categories": 7, "units": 17, "learningRateFactor": 1 }),
        json!({ "type": "scale", "learningRateFactor": 2.5 }),
        dense(19),
        json!({ "type": "residual", "layers": inside }),
        frozen,
        json!({ "type": "batchNorm", "epsilon": 1e-5, "momentum": 0.1, "learningRateFactor": 1 }),
        dense(3),
    ];
    for batch in [1, 6, 37, 513] {
        check(&program(3, layers.clone(), Value::Null), 2 * batch + 1, batch, 1);
        let without: Vec<_> = layers.iter().filter(|layer| layer["type"] != "batchNorm").cloned().collect();
        check(&program(3, without, Value::Null), 2 * batch + 1, batch, 1);
    }
}

/// Trains one step on rows and weights of any magnitude. Returns the bits of the parameters.
fn step_of_magnitudes(instructions: &str, threads: usize, exponents: [i32; 3]) -> Vec<u32> {
    let program = program(35, vec![dense(40), dense(9)], Value::Null);
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    // Magnitudes around the smallest factor and the smallest start, zeros of both signs and denormal numbers.
    let scaled = |seed: u64, count: usize, exponent: i32| -> Vec<f32> {
        let values = values(seed, count).into_iter().enumerate();
        let spread = |(at, value): (usize, f32)| match at % 11 {
            0 => 0.0,
            1 => -0.0,
            at => (f64::from(value) * f64::from(exponent + 2 * (at as i32 % 5)).exp2()) as f32,
        };
        values.map(spread).collect()
    };
    let [weights, biases, x] = exponents;
    let mut parameters = scaled(1, network.parameters(), weights);
    let ranges = [35 * 40..35 * 40 + 40, 36 * 40 + 360..36 * 40 + 369];
    for range in ranges {
        parameters[range.clone()].copy_from_slice(&scaled(2, range.len(), biases));
    }
    network.write_parameters(&parameters).unwrap();
    let y = values(9, 13 * 9);
    let data = myelin_core::Dataset::new(scaled(3, 13 * 35, x), y, 35, 9).unwrap();
    let run = Run {
        steps: 1,
        batch_size: 13,
        learning_rates: &[0.5],
        threads: Threads::Exactly(threads),
        ..Run::default()
    };
    network.train(&data, &run, &Stop::default()).unwrap();
    let parameters = network.read(myelin_core::Part::Parameters).unwrap();
    parameters.into_iter().map(f32::to_bits).collect()
}

#[test]
fn factors_and_biases_of_any_magnitude_give_equal_bits() {
    for weights in [-62, -58, -52, -2] {
        for biases in [-140, -106, -60, 0] {
            for x in [-62, -58, 0] {
                let all = [weights, biases, x];
                let expected = step_of_magnitudes("portable", 1, all);
                for instructions in instruction_sets() {
                    for threads in [1, 2, 3] {
                        assert_eq!(
                            step_of_magnitudes(instructions, threads, all),
                            expected,
                            "{instructions} {all:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn rounding_is_its_definition() {
    for bits in (0..=u32::MAX).step_by(2003) {
        let value = f32::from_bits(bits);
        let (result, expected) = (round(value), bfloat16(value));
        assert!(result.to_bits() == expected.to_bits() || (result.is_nan() && expected.is_nan()), "{bits:x}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_cpu_with_the_instruction_multiplies_pairs() {
    struct HasPairs;
    impl WithSimd for HasPairs {
        type Output = bool;
        fn with<S: Simd>(self, _: S) -> bool {
            S::pairs().is_some()
        }
    }
    let has = std::arch::is_x86_feature_detected!("avx512bf16");
    assert_eq!(dispatch(Instructions::Avx512, HasPairs), has);
    assert!(!dispatch(Instructions::Avx2, HasPairs));
}

/// Returns the gradient of 21-40-9 with the mean squared error, in doubles, as weights, biases and so on.
fn gradient_in_doubles(parameters: &[f32], x: &[f32], y: &[f32], round: impl Fn(f64) -> f64) -> Vec<f64> {
    let (inputs, hidden, outputs) = (21, 40, 9);
    let all: Vec<f64> = parameters.iter().map(|value| f64::from(*value)).collect();
    let (first, rest) = all.split_at(inputs * hidden);
    let (b, rest) = rest.split_at(hidden);
    let (second, c) = rest.split_at(hidden * outputs);
    let rows = x.len() / inputs;
    let mut result = vec![0.0; all.len()];
    for (x, y) in x.chunks(inputs).zip(y.chunks(outputs)) {
        let x: Vec<f64> = x.iter().map(|value| f64::from(*value)).collect();
        let dot = |w: &[f64], x: &[f64]| -> f64 { w.iter().zip(x).map(|(w, x)| round(*w) * round(*x)).sum() };
        let h: Vec<f64> =
            (0..hidden).map(|at| (b[at] + dot(&first[at * inputs..][..inputs], &x)).max(0.0)).collect();
        let of_output = |at: usize| {
            let p = c[at] + dot(&second[at * hidden..][..hidden], &h);
            2.0 * (p - f64::from(y[at])) / (outputs * rows) as f64
        };
        let g: Vec<f64> = (0..outputs).map(of_output).collect();
        let start = (inputs + 1) * hidden;
        for (output, g) in g.iter().enumerate() {
            for (at, h) in h.iter().enumerate() {
                result[start + output * hidden + at] += round(*g) * round(*h);
            }
            result[start + outputs * hidden + output] += g;
        }
        for at in 0..hidden {
            if h[at] <= 0.0 {
                continue;
            }
            let column: Vec<f64> = (0..outputs).map(|output| second[output * hidden + at]).collect();
            let g = dot(&column, &g);
            for (input, x) in x.iter().enumerate() {
                result[at * inputs + input] += round(g) * round(*x);
            }
            result[inputs * hidden + at] += g;
        }
    }
    result
}

#[test]
fn gradients_are_those_of_doubles_within_the_precision() {
    let mut program = program(21, vec![dense(40), json!({ "type": "relu" }), dense(9)], Value::Null);
    program["optimizer"] =
        json!({ "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true });
    let mut network = Network::new(&program.to_string(), None).unwrap();
    let before: Vec<f32> = values(1, network.parameters()).iter().map(|value| value * 0.3).collect();
    network.write_parameters(&before).unwrap();
    let data = examples(&program, 29, 7);
    let run = Run { steps: 1, batch_size: 29, learning_rates: &[1.0], ..Run::default() };
    network.train(&data, &run, &Stop::default()).unwrap();
    let after = network.read(myelin_core::Part::Parameters).unwrap();
    let x: Vec<f32> = (0..29).flat_map(|row| data.x(row)).copied().collect();
    let rounded = |value: f64| f64::from(bfloat16(value as f32));
    for (round, tolerance) in [(&rounded as &dyn Fn(f64) -> f64, 1e-4), (&|value: f64| value, 1e-2)] {
        let expected = gradient_in_doubles(&before, &x, data.targets(), round);
        let norm =
            |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let taken = before.iter().zip(&after).map(|(before, after)| f64::from(*before) - f64::from(*after));
        let difference = norm(&mut taken.zip(&expected).map(|(taken, expected)| taken - expected));
        let relative = difference / norm(&mut expected.iter().copied());
        assert!(relative < tolerance, "{relative}");
        // Rounding has changed them.
        assert!(tolerance < 1e-3 || relative > 1e-5, "{relative}");
    }
}
