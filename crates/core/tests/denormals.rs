//! An optimizer's state that decays towards zero becomes zero without passing through denormal numbers.
//! Denormal numbers would slow a training with dead units down many times.

mod scalar;

use myelin_core::{Dataset, Network, Part, Position, Run, Stop};
use scalar::programs::{any_optimizer, instruction_sets};
use serde_json::{Value, json};

const INPUTS: usize = 20;
const OUTPUTS: usize = 9;

/// The number of steps. Halving the initial state this often would pass all denormal numbers. Multiplied by
/// nine tenths this often, it would still be above them.
const STEPS: u64 = 100;

/// Calls `visit` with the state after each step of a training without a signal: inputs, targets and weights
/// are zero, so the gradients are zero too. Every value of the initial state is `first`.
fn decay(optimizer: &Value, instructions: &str, first: f32, mut visit: impl FnMut(u64, &[f32])) {
    let program = json!({
        "inputs": INPUTS,
        "layers": [{
            "type": "dense", "units": OUTPUTS, "useBias": false, "trainable": true, "learningRateFactor": 1, "l1": 0, "l2": 0,
        }],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": optimizer,
    });
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    let data = Dataset::new(vec![0.0; INPUTS], vec![0.0; OUTPUTS], INPUTS, OUTPUTS).unwrap();
    network.write(Part::Slots, &vec![first; network.slots() * network.parameters()]).unwrap();
    let mut from = Position::default();
    for step in 0..STEPS {
        let run = Run { from, steps: 1, batch_size: 1, learning_rates: &[0.01], ..Run::default() };
        from = network.train(&data, &run, &Stop::default()).unwrap().position;
        visit(step, &network.read(Part::Slots).unwrap());
    }
}

#[test]
fn the_state_of_no_optimizer_passes_denormal_numbers() {
    for instructions in instruction_sets() {
        for optimizer in any_optimizer() {
            decay(&optimizer, instructions, 1e-28, |step, state| {
                let denormal = state.iter().find(|value| value.is_subnormal());
                assert_eq!(denormal, None, "{optimizer}, step {step}, {instructions}");
            });
        }
    }
}

#[test]
fn momentum_and_moments_decay_to_zero() {
    let sgd = |nesterov| json!({ "type": "sgd", "momentum": 0.9, "nesterov": nesterov, "weightDecay": 0, "decayBiases": true });
    let adam = json!({
        "type": "adam", "beta1": 0.9, "beta2": 0.9, "epsilon": 1e-8, "weightDecay": 0, "decayBiases": true, "amsgrad": false,
    });
    for instructions in instruction_sets() {
        for optimizer in [sgd(false), sgd(true), adam.clone()] {
            let mut last = vec![f32::NAN];
            decay(&optimizer, instructions, 1e-28, |_, state| last = state.to_vec());
            assert!(last.iter().all(|value| *value == 0.0), "{optimizer}, {instructions}: {last:?}");
        }
    }
}
