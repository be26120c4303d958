//! A call that does not fit the network is refused and changes nothing. A stop flag or a diverging loss ends
//! a run.

mod scalar;

use myelin_core::{Dataset, Network, Part, Position, Run, Stop, Threads};
use scalar::programs::{dense, examples, values};
use serde_json::{Value, json};

fn program() -> Value {
    json!({
        "inputs": 3,
        "layers": [dense(2)],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": { "type": "sgd", "momentum": 0.5, "nesterov": false, "weightDecay": 0, "decayBiases": true },
    })
}

fn network() -> Network {
    let mut network = Network::new(&program().to_string(), None).unwrap();
    network.write_parameters(&values(1, 8)).unwrap();
    network
}

fn data() -> Dataset<'static> {
    examples(&program(), 10, 1)
}

/// Returns a run with 3 steps per epoch.
fn run(steps: u64, learning_rates: &[f64]) -> Run<'_> {
    Run { steps, batch_size: 4, learning_rates, ..Run::default() }
}

fn state(network: &Network) -> (Vec<f32>, Vec<f32>) {
    (network.read(Part::Parameters).unwrap(), network.read(Part::Slots).unwrap())
}

#[track_caller]
fn refused(data: &Dataset, run: &Run<'_>, parts: &[&str]) {
    let mut network = network();
    let before = state(&network);
    let error = network.train(data, run, &Stop::default()).unwrap_err().to_string();
    assert!(parts.iter().all(|part| error.contains(part)), "{error:?} does not mention {parts:?}");
    assert_eq!(state(&network), before);
}

#[test]
fn a_run_that_does_not_fit_is_refused() {
    let rates = [0.1];
    refused(&data(), &Run { batch_size: 0, ..run(3, &rates) }, &["batchSize", "at least 1"]);
    refused(&data(), &Run { accumulate: 0, ..run(3, &rates) }, &["accumulate", "at least 1"]);
    refused(&data(), &run(4, &rates), &["4 steps need 2 learning rates", "received 1"]);
    refused(&data(), &run(1, &[]), &["learning rates"]);
    let beyond = Position { step: 3, ..Position::default() };
    refused(&data(), &Run { from: beyond, ..run(1, &rates) }, &["3 steps", "step 3"]);
}

#[test]
fn rates_for_each_step_are_those_of_runs_of_one_step() {
    // Of the steps that a small network takes in one go, too.
    let rates = [0.1, 0.1, 0.02, 0.02, 0.02, 0.03, 0.0];
    let (mut whole, mut stepwise, stop) = (network(), network(), Stop::default());
    let all = Run { rate_per_step: true, ..run(7, &rates) };
    let position = whole.train(&data(), &all, &stop).unwrap().position;
    let mut from = Position::default();
    for rate in rates {
        from = stepwise.train(&data(), &Run { from, ..run(1, &[rate]) }, &stop).unwrap().position;
    }
    assert_eq!(position, from);
    assert_eq!(state(&whole), state(&stepwise));
    refused(&data(), &Run { rate_per_step: true, ..run(8, &rates) }, &["8 steps need 8 learning rates"]);
}

#[test]
fn more_steps_than_can_be_counted_are_refused() {
    refused(&data(), &run(u64::MAX, &[0.1]), &["learning rates"]);
    let middle = Position { step: 2, ..Position::default() };
    refused(&data(), &Run { from: middle, ..run(u64::MAX, &[0.1]) }, &["learning rates"]);
}

#[test]
fn data_of_other_sizes_is_refused() {
    let other = Dataset::new(vec![0.0; 8], vec![0.0; 4], 4, 2).unwrap();
    refused(&other, &run(1, &[0.1]), &["expected 3 inputs", "received 4"]);
    let other = Dataset::new(vec![0.0; 6], vec![0.0; 2], 3, 1).unwrap();
    refused(&other, &run(1, &[0.1]), &["expected 2 outputs", "received 1"]);
    assert!(network().gradients(&other).is_err());
    assert!(network().predictor().unwrap().evaluate(&other, None, Threads::Exactly(1)).is_err());
}

#[track_caller]
fn refused_targets(loss: &str, targets: &[f32], parts: &[&str]) {
    let mut program = program();
    program["loss"] = match loss.ends_with("Crossentropy") {
        true => json!({ "type": loss, "fromLogits": true, "labelSmoothing": 0 }),
        false => json!({ "type": loss }),
    };
    let mut network = Network::new(&program.to_string(), None).unwrap();
    let width = if loss.starts_with("sparse") { 1 } else { 2 };
    let rows = targets.len() / width;
    let data = Dataset::new(vec![0.0; rows * 3], targets.to_vec(), 3, width).unwrap();
    let before = state(&network);
    let errors = [
        network.train(&data, &run(1, &[0.1]), &Stop::default()).unwrap_err(),
        network.gradients(&data).unwrap_err(),
        network.predictor().unwrap().evaluate(&data, None, Threads::Exactly(1)).unwrap_err(),
    ];
    for error in errors.map(|error| error.to_string()) {
        assert!(parts.iter().all(|part| error.contains(part)), "{error:?} does not mention {parts:?}");
    }
    assert_eq!(state(&network), before);
}

#[test]
fn targets_that_the_loss_does_not_take_are_refused() {
    for label in [-1.0, 2.0, 0.5, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        refused_targets(
            "sparseCategoricalCrossentropy",
            &[1.0, label],
            &["row 1", "from 0 to 1", &label.to_string()],
        );
    }
    for target in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        refused_targets("binaryCrossentropy", &[0.0, 1.0, 0.5, target], &["row 1, column 1", "from 0 to 1"]);
        refused_targets("categoricalCrossentropy", &[0.0, 1.0, target, 0.0], &["row 1, column 0"]);
    }
    refused_targets("categoricalCrossentropy", &[0.0, 1.0, 0.5, 0.25], &["row 1", "sum", "0.75"]);
    for target in [0.0, 0.5, f32::NAN] {
        refused_targets("hinge", &[1.0, -1.0, 1.0, target], &["row 1, column 1", "-1 or 1"]);
    }
    for target in [-0.5, f32::NAN, f32::INFINITY] {
        refused_targets("poisson", &[0.0, 3.5, target, 1.0], &["row 1, column 0", "of at least 0"]);
    }
    let labels = Dataset::new(vec![0.0; 6], vec![0.0; 2], 3, 1).unwrap();
    refused(&labels, &run(1, &[0.1]), &["expected 2 outputs", "received 1"]);
}

#[test]
fn parameters_of_another_length_and_values_that_are_not_finite_are_refused() {
    let mut network = network();
    let before = state(&network);
    for part in [Part::Parameters, Part::Slots] {
        for length in [0, 7, 9] {
            assert!(network.write(part, &vec![0.0; length]).is_err());
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(network.write(part, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, value]).is_err());
        }
    }
    assert_eq!(state(&network), before);
}

#[test]
fn predictions_of_another_length_are_refused() {
    let mut predictor = network().predictor().unwrap();
    for (x, output) in [(3, 1), (3, 3), (4, 2), (6, 2), (0, 2)] {
        assert!(
            predictor.predict(&vec![0.0; x], &mut vec![0.0; output], Threads::Exactly(1)).is_err(),
            "{x} and {output}"
        );
    }
    assert!(predictor.predict(&[], &mut [], Threads::Exactly(1)).is_ok());
}

#[test]
fn a_raised_flag_ends_a_run_before_its_first_step() {
    let mut network = network();
    let before = state(&network);
    let stop = Stop::default();
    stop.raise();
    let progress = network.train(&data(), &run(3, &[0.1]), &stop).unwrap();
    assert!(progress.stopped);
    assert_eq!(progress.position, Position::default());
    assert_eq!(state(&network), before);
}

#[test]
fn a_predictor_sees_the_end_of_each_run() {
    let mut network = network();
    let predictor = network.predictor().unwrap();
    assert_eq!(predictor.parameters().unwrap(), values(1, 8));
    network.train(&data(), &run(2, &[0.1]), &Stop::default()).unwrap();
    assert_ne!(predictor.parameters().unwrap(), values(1, 8));
    assert_eq!(predictor.parameters().unwrap(), network.read(Part::Parameters).unwrap());
}

#[test]
fn a_diverging_run_goes_back_to_the_last_whole_epoch() {
    let (mut diverging, mut expected) = (network(), network());
    let whole = expected.train(&data(), &run(3, &[0.1]), &Stop::default()).unwrap();
    let progress = diverging.train(&data(), &run(9, &[0.1, f64::MAX, 0.1]), &Stop::default()).unwrap();
    let place = progress.diverged.unwrap();
    assert_eq!((place.epoch, place.step), (1, 1));
    assert_eq!((progress.position, &progress.losses), (whole.position, &whole.losses));
    assert_eq!(state(&diverging), state(&expected));
}

#[test]
fn a_run_in_slices_gives_what_one_call_gives_and_can_stop_between_any_two_steps() {
    let (rates, data, rows) = ([0.1; 4], data(), examples(&program(), 1100, 2));
    let run = Run { validation: Some(&rows), shuffle: true, ..run(12, &rates) };
    let mut whole = network();
    let expected = whole.train(&data, &run, &Stop::default()).unwrap();
    let mut sliced = network();
    let mut slices = sliced.begin(&data, &run).unwrap();
    let mut turns = 0;
    loop {
        // A slice takes one step, or evaluates one chunk of the validation rows.
        let mut asked = 0;
        let mut pause = || {
            asked += 1;
            asked > 1
        };
        turns += 1;
        if sliced.advance(&mut slices, &data, &run, &mut pause) {
            break;
        }
    }
    let progress = sliced.finish(slices, &data, &run);
    assert!(turns > 4 * 3, "{turns} slices");
    assert_eq!(progress.losses, expected.losses);
    assert_eq!(progress.validation_losses, expected.validation_losses);
    assert_eq!(progress.position, expected.position);
    assert!(!progress.stopped);
    assert_eq!(state(&sliced), state(&whole));

    let slices = sliced.begin(&data, &run).unwrap();
    assert!(sliced.finish(slices, &data, &run).stopped);
    assert_eq!(state(&sliced), state(&whole));
}
