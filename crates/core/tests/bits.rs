//! A training gives the bits of the plain scalar program on every instruction set of this CPU and on any
//! number of threads.

mod scalar;

use proptest::prelude::*;
use scalar::case::Case;
use scalar::programs::{WIDTHS, any_losses, any_program, cases, dense, examples, takes_last_layer, weighted};
use serde_json::Value;

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn small_batches_give_the_bits_of_the_scalar_program(
        program in any_program(&WIDTHS),
        rows in 1..=40_usize,
        batch in 1..=40_usize,
        shuffle in any::<bool>(),
        weigh in any::<bool>(),
        seed in 0..1000_u64,
        accumulate in prop::sample::select(&[1, 1, 2, 3][..]),
    ) {
        let data = examples(&program, rows, seed);
        let data = if weigh { weighted(data, seed + 2) } else { data };
        Case { program, data, batch, seed, shuffle, accumulate, rates: vec![0.05, 0.02, 0.01] }.check();
    }
}

proptest! {
    #![proptest_config(cases(20))]

    #[test]
    fn batches_about_a_chunk_of_512_rows_give_the_bits_of_the_scalar_program(
        program in any_program(&[1, 3, 7, 8, 17]),
        batch in prop::sample::select(&[511, 512, 513, 1024, 1025, 1500][..]),
        more in prop::sample::select(&[0, 1, 30][..]),
        seed in 0..1000_u64,
        accumulate in 1..=2_usize,
    ) {
        let data = examples(&program, batch + more, seed);
        Case { program, data, batch, seed, shuffle: true, accumulate, rates: vec![0.05, 0.02] }.check();
    }
}

#[test]
fn every_loss_after_layers_that_make_probabilities_gives_the_bits_of_the_scalar_program() {
    for loss in any_losses() {
        for (last, units) in
            [("sigmoid", 1), ("softmax", 1), ("sigmoid", 10), ("softmax", 10), ("softmax", 37)]
        {
            let program = serde_json::json!({
                "inputs": 3,
                "layers": [dense(units), { "type": last }],
                "loss": loss,
                "clipGradients": null,
                "measures": [], "precision": "float32",
                "optimizer": { "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true },
            });
            if !takes_last_layer(&program) {
                continue;
            }
            let data = examples(&program, 37, 1);
            Case { program, data, batch: 18, seed: 1, shuffle: false, accumulate: 1, rates: vec![0.1, 0.1] }
                .check();
        }
    }
}

#[test]
fn tables_whose_entries_share_lines_give_the_bits_of_the_scalar_program() {
    // The largest table has more lines than a block of gradients. Entries of 3 and 17 units cross line
    // boundaries.
    for (categories, units) in [(7, 1), (37, 3), (6000, 3), (20, 16), (11, 17)] {
        for clip in [serde_json::Value::Null, serde_json::json!({ "norm": 0.01 })] {
            let program = serde_json::json!({
                "inputs": 2,
                "layers": [
                    { "type": "embedding", "column": 1, "categories": categories, "units": units, "learningRateFactor": 1 },
                    dense(3),
                ],
                "loss": { "type": "meanSquaredError" },
                "clipGradients": clip,
                "measures": [], "precision": "float32",
                "optimizer": { "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true },
            });
            let data = examples(&program, 37, 1);
            Case { program, data, batch: 18, seed: 1, shuffle: true, accumulate: 1, rates: vec![0.1, 0.1] }
                .check();
        }
    }
}

#[test]
fn the_gradients_that_lookups_need_give_the_bits_of_the_scalar_program() {
    // Only the columns between the lookups need a gradient. They are few of the product's inputs, begin and
    // end inside a panel, and move with each lookup.
    let lookup = |column: usize, categories: usize, units: usize| {
        serde_json::json!({
            "type": "embedding", "column": column, "categories": categories, "units": units, "learningRateFactor": 1,
        })
    };
    let lists = [
        vec![(40, 5, 3)],
        vec![(90, 5, 3), (40, 7, 17)],
        vec![(40, 5, 16), (70, 7, 1)],
        vec![(99, 5, 19), (98, 3, 2), (0, 7, 5)],
    ];
    for list in lists {
        for next in [None, Some(serde_json::json!({ "type": "relu" }))] {
            for units in [5, 40] {
                let lookups =
                    list.iter().map(|&(column, categories, units)| lookup(column, categories, units));
                let layers: Vec<_> = lookups.chain(next.clone()).chain([dense(units), dense(3)]).collect();
                let program = serde_json::json!({
                    "inputs": 100,
                    "layers": layers,
                    "loss": { "type": "meanSquaredError" },
                    "clipGradients": null,
                    "measures": [], "precision": "float32",
                    "optimizer": { "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true },
                });
                let data = examples(&program, 37, 1);
                Case {
                    program,
                    data,
                    batch: 18,
                    seed: 1,
                    shuffle: true,
                    accumulate: 1,
                    rates: vec![0.1, 0.1],
                }
                .check();
            }
        }
    }
}

#[test]
fn layers_wider_than_any_block_give_the_bits_of_the_scalar_program() {
    for (inputs, units, next) in [(803, 129, 67), (129, 5, 67), (2, 1030, 67), (1030, 2, 67), (3, 20, 809)] {
        let program = serde_json::json!({
            "inputs": inputs,
            "layers": [
                dense(units),
                dense(next),
                { "type": "dense", "units": 3, "useBias": false, "trainable": true, "learningRateFactor": 1, "l1": 0, "l2": 0 },
            ],
            "loss": { "type": "meanSquaredError" },
            "clipGradients": null,
            "measures": [], "precision": "float32",
            "optimizer": { "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true },
        });
        let data = examples(&program, 13, 1);
        Case { program, data, batch: 6, seed: 1, shuffle: false, accumulate: 1, rates: vec![1e-4, 1e-4] }
            .check();
    }
}

#[test]
fn a_first_layer_with_nearly_all_weights_gives_the_bits_of_the_scalar_program() {
    // Several threads take panels of the layer's outputs, each for all rows.
    for (units, activation) in [(130, "silu"), (192, "relu")] {
        let program = serde_json::json!({
            "inputs": 300,
            "layers": [
                dense(units),
                { "type": activation },
                dense(9),
            ],
            "loss": { "type": "meanSquaredError" },
            "clipGradients": null,
            "measures": [], "precision": "float32",
            "optimizer": { "type": "sgd", "momentum": 0.9, "nesterov": false, "weightDecay": 0.01, "decayBiases": true },
        });
        for batch in [6, 13, 40] {
            let data = examples(&program, 41, 1);
            Case {
                program: program.clone(),
                data,
                batch,
                seed: 3,
                shuffle: true,
                accumulate: 1,
                rates: vec![1e-3, 1e-3],
            }
            .check();
        }
    }
}

/// Changes between a gradient and the parameters: a layer that is not trained, penalties, a clip, and whether
/// layers have different rates and biases do not decay.
fn updates() -> [(usize, f64, Value, bool); 6] {
    let (norm, value) = (serde_json::json!({ "norm": 0.05 }), serde_json::json!({ "value": 0.003 }));
    [
        (0, 0.0, Value::Null, false),
        (1, 0.0, Value::Null, true),
        (usize::MAX, 0.01, Value::Null, false),
        (1, 0.01, norm, true),
        (0, 0.0, value, false),
        (usize::MAX, 0.0, Value::Null, true),
    ]
}

#[test]
fn frozen_layers_penalties_clips_and_groups_give_the_bits_in_every_way_to_share_a_step() {
    // So many parameters that threads share the update, with a penalty that begins after the lines of one.
    let wide = (260, vec![260, 65, 3]);
    for (inputs, widths) in shapes().into_iter().chain([wide]) {
        for (frozen, penalty, clip, grouped) in updates() {
            let dense = |(index, units): (usize, &usize)| {
                let factor = if grouped { 0.7 * index as f64 } else { 1.0 };
                serde_json::json!({
                    "type": "dense", "units": units, "useBias": true, "trainable": index != frozen,
                    "learningRateFactor": factor, "l1": penalty, "l2": 2.0 * penalty,
                })
            };
            let program = serde_json::json!({
                "inputs": inputs,
                "layers": widths.iter().enumerate().map(dense).collect::<Vec<_>>(),
                "loss": { "type": "meanSquaredError" },
                "clipGradients": clip,
                "measures": [], "precision": "float32",
                "optimizer": {
                    "type": "sgd", "momentum": 0.9, "nesterov": false, "weightDecay": 0.1,
                    "decayBiases": !grouped,
                },
            });
            let cases = if inputs > 100 { [(5, 1), (32, 2)] } else { [(5, 3), (1500, 1)] };
            for (batch, accumulate) in cases {
                let data = examples(&program, 2 * batch, 7);
                Case {
                    program: program.clone(),
                    data,
                    batch,
                    seed: 1,
                    shuffle: true,
                    accumulate,
                    rates: vec![1e-3; 3],
                }
                .check();
            }
        }
    }
}

/// A network for each way to share a step: a tiny one, rows, a large first layer, chunks of a small network.
fn shapes() -> [(usize, Vec<usize>); 4] {
    [(2, vec![16, 1]), (17, vec![40, 24, 9]), (300, vec![130, 9]), (3, vec![33, 5])]
}

#[test]
fn fifty_steps_give_the_bits_of_the_scalar_program_in_every_way_to_share_a_step() {
    for (inputs, widths) in shapes() {
        let layers = widths.iter().flat_map(|units| [dense(*units), serde_json::json!({ "type": "tanh" })]);
        let program = serde_json::json!({
            "inputs": inputs,
            "layers": layers.collect::<Vec<_>>(),
            "loss": { "type": "meanSquaredError" },
            "clipGradients": null,
            "measures": [], "precision": "float32",
            "optimizer": {
                "type": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0, "decayBiases": true,
                "amsgrad": false,
            },
        });
        // Large batches over many weights would take the scalar program a minute.
        let batches: &[usize] = if inputs > 100 { &[5, 32] } else { &[5, 32, 511, 512, 513, 1500] };
        for &batch in batches {
            let data = examples(&program, 2 * batch, 7);
            let data = if batch % 2 == 0 { weighted(data, 3) } else { data };
            Case {
                program: program.clone(),
                data,
                batch,
                seed: 1,
                shuffle: true,
                accumulate: 1,
                rates: vec![1e-3; 25],
            }
            .check();
        }
    }
}

#[test]
fn noise_and_batch_statistics_give_the_bits_of_the_scalar_program_for_any_batch() {
    let norm =
        serde_json::json!({ "type": "batchNorm", "epsilon": 1e-5, "momentum": 0.1, "learningRateFactor": 1 });
    let dropout = serde_json::json!({ "type": "dropout", "rate": 0.3 });
    let noise = serde_json::json!({ "type": "gaussianNoise", "stddev": 0.1 });
    let inside = [norm.clone(), dense(19), serde_json::json!({ "type": "silu" }), dropout.clone()];
    let program = serde_json::json!({
        "inputs": 3,
        "layers": [
            norm,
            noise,
            dense(19),
            norm,
            { "type": "relu" },
            dropout,
            { "type": "residual", "layers": inside },
            { "type": "layerNorm", "epsilon": 1e-5, "learningRateFactor": 1 },
            dense(3),
        ],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": {
            "type": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.1, "decayBiases": true,
            "amsgrad": false,
        },
    });
    for batch in [1, 2, 3, 6, 37, 511, 512, 513, 1500] {
        // The last batch has a single row.
        let data = examples(&program, 2 * batch + 1, 7);
        for accumulate in [1, 3] {
            let (program, data, rates) = (program.clone(), data.clone(), vec![1e-3; 2]);
            Case { program, data, batch, accumulate, seed: 11, shuffle: true, rates }.check();
        }
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn one_hidden_layer_over_few_rows_gives_the_bits_of_the_scalar_program(
        inputs in prop::sample::select(&[1, 2, 5, 16, 17][..]),
        hidden in prop::sample::select(&[16, 32, 64, 65][..]),
        outputs in prop::sample::select(&[1, 2, 7, 8][..]),
        biases in any::<[bool; 2]>(),
        trainable in prop::sample::select(&[true, true, true, false][..]),
        // Derivatives that read the output, and one that reads the input.
        activations in prop::array::uniform2(prop::sample::select(&["linear", "relu", "silu"][..])),
        // Elementwise losses, and one of whole rows.
        loss in prop::sample::select(&["meanSquaredError", "huber", "categoricalCrossentropy"][..]),
        // Updates inside the loops over the network, and after them.
        optimizer in prop::sample::select(&["sgd", "sgd with decay", "nesterov", "adam"][..]),
        shuffle in any::<bool>(),
        batch in 1..=7_usize,
        seed in 0..1000_u64,
    ) {
        let sizes = [(hidden, true), (outputs, trainable)].into_iter().zip(biases).zip(activations);
        let layers = sizes.flat_map(|(((units, trainable), bias), activation)| {
            let dense = serde_json::json!({
                "type": "dense", "units": units, "useBias": bias, "trainable": trainable, "learningRateFactor": 1, "l1": 0, "l2": 0,
            });
            let function = (activation != "linear").then(|| serde_json::json!({ "type": activation }));
            [Some(dense), function].into_iter().flatten()
        });
        let program = serde_json::json!({
            "inputs": inputs,
            "layers": layers.collect::<Vec<_>>(),
            "loss": match loss {
                "huber" => serde_json::json!({ "type": loss, "delta": 0.1 }),
                "categoricalCrossentropy" => {
                    serde_json::json!({ "type": loss, "fromLogits": true, "labelSmoothing": 0.1 })
                }
                _ => serde_json::json!({ "type": loss }),
            },
            "optimizer": match optimizer {
                "adam" => serde_json::json!({
                    "type": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.1, "decayBiases": true,
                    "amsgrad": false,
                }),
                "nesterov" => {
                    serde_json::json!({ "type": "sgd", "momentum": 0.9, "nesterov": true, "weightDecay": 0.01, "decayBiases": true })
                }
                _ => {
                    let decay = if optimizer == "sgd" { 0.0 } else { 0.01 };
                    serde_json::json!({ "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": decay, "decayBiases": true })
                }
            },
            "clipGradients": null,
            "measures": [], "precision": "float32",
        });
        let data = examples(&program, 17, seed);
        Case { program, data, batch, accumulate: 1, seed, shuffle, rates: vec![0.1, 0.05] }.check();
    }
}
