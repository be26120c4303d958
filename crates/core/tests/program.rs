//! A Program is checked completely. An invalid Program gives an error that names the place, and never a
//! panic.

mod scalar;

use myelin_core::{Footprint, Network};
use proptest::prelude::*;
use proptest::sample::Index;
use scalar::programs::{WIDTHS, any_program, cases, dense};
use serde_json::{Value, json};

fn valid() -> Value {
    json!({
        "inputs": 2,
        "layers": [dense(3), { "type": "relu" }],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": { "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true },
    })
}

/// Returns the error of the valid program after the value at `place` is replaced, or removed with `None`.
fn error(place: &str, value: Option<Value>) -> String {
    let mut program = valid();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = program.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(name.to_string(), value)),
        (Value::Object(fields), None) => drop(fields.remove(name)),
        (Value::Array(items), Some(value)) => items[name.parse::<usize>().unwrap()] = value,
        (parent, value) => panic!("{parent} holds no {name} to make {value:?} of"),
    }
    match Network::new(&program.to_string(), None) {
        Ok(_) => panic!("accepted {program}"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn expect(message: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| message.contains(part)), "{message:?} does not mention {parts:?}");
}

#[test]
fn a_valid_program_has_its_parameters() {
    let network = Network::new(&valid().to_string(), None).unwrap();
    assert_eq!((network.parameters(), network.slots()), (9, 0));
}

#[test]
fn text_that_is_not_json_is_refused() {
    for text in ["", "{", "[]", "null", "7", "\"dense\"", "{\"inputs\": NaN}", "\u{0}"] {
        assert!(Network::new(text, None).is_err(), "{text:?}");
    }
    assert!(Network::new(&"[".repeat(1_000_000), None).is_err());
}

#[test]
fn a_missing_field_is_named() {
    for field in ["inputs", "layers", "loss", "optimizer", "clipGradients", "precision", "measures"] {
        expect(&error(&format!("/{field}"), None), &["program", field]);
    }
    for option in ["units", "useBias", "trainable", "l1", "l2"] {
        expect(&error(&format!("/layers/0/{option}"), None), &["layer 0", "dense", option, "missing"]);
    }
    for option in ["momentum", "nesterov", "weightDecay"] {
        expect(&error(&format!("/optimizer/{option}"), None), &["sgd", option, "missing"]);
    }
    for place in ["layers/0", "layers/1", "loss", "optimizer"] {
        expect(&error(&format!("/{place}/type"), None), &["type"]);
    }
}

#[test]
fn an_unknown_field_is_named() {
    for place in ["", "/layers/0", "/layers/1", "/loss", "/optimizer"] {
        expect(&error(&format!("{place}/unitz"), Some(json!(1))), &["unknown", "unitz"]);
    }
}

#[test]
fn an_unknown_entry_is_named() {
    expect(&error("/layers/1/type", Some(json!("rleu"))), &["layer 1", "unknown", "rleu"]);
    expect(&error("/loss/type", Some(json!("mse"))), &["unknown loss", "mse"]);
    expect(&error("/optimizer/type", Some(json!("adamm"))), &["unknown optimizer", "adamm"]);
    let measures = json!([{ "type": "meanSquaredError" }, { "type": "meanSquareError" }]);
    expect(&error("/measures", Some(measures)), &["measure 1", "unknown measure", "meanSquareError"]);
}

#[test]
fn a_measure_of_other_targets_than_the_loss_takes_is_refused() {
    let measures = json!([{ "type": "labelAccuracy" }]);
    expect(&error("/measures", Some(measures)), &["measure 0", "1 targets in a row", "received one with 3"]);
}

#[test]
fn a_value_of_another_type_is_refused() {
    for value in [json!(null), json!("2"), json!([]), json!({}), json!(true), json!(1.5), json!(-1), json!(0)]
    {
        expect(&error("/inputs", Some(value.clone())), &["inputs"]);
        expect(&error("/layers/0/units", Some(value.clone())), &["layer 0", "units", &value.to_string()]);
    }
    for value in [json!(null), json!("2"), json!(2), json!({})] {
        expect(&error("/layers", Some(value.clone())), &["layers"]);
        expect(&error("/measures", Some(value.clone())), &["measures must be a list"]);
        expect(&error("/measures", Some(json!([value.clone()]))), &["measure 0"]);
        expect(&error("/layers/0", Some(value.clone())), &["layer 0"]);
        expect(&error("/loss", Some(value.clone())), &["loss"]);
        expect(&error("/optimizer", Some(value.clone())), &["optimizer"]);
        for option in ["useBias", "trainable"] {
            expect(&error(&format!("/layers/0/{option}"), Some(value.clone())), &[option]);
        }
    }
    for value in [json!(null), json!("0"), json!(true), json!(1e300), json!([0])] {
        expect(&error("/optimizer/momentum", Some(value)), &["momentum", "finite"]);
    }
    for value in [json!(null), json!("tan"), json!(1), json!(true)] {
        let gelu = json!({ "type": "gelu", "approximate": value });
        expect(&error("/layers/1", Some(gelu)), &["layer 1", "approximate", "none", "tanh"]);
    }
    for value in
        [json!("0"), json!(1), json!([]), json!({}), json!({ "norm": 1, "value": 1 }), json!({ "nrom": 1 })]
    {
        expect(&error("/clipGradients", Some(value)), &["clipGradients", "norm", "value"]);
    }
    for value in [json!(null), json!("bf16"), json!(16), json!(true), json!(["bfloat16"])] {
        expect(&error("/precision", Some(value)), &["precision", "float32", "bfloat16"]);
    }
    for value in [json!(0), json!(-1), json!(null), json!("1"), json!(1e300)] {
        for name in ["norm", "value"] {
            expect(&error("/clipGradients", Some(json!({ name: value }))), &["clipGradients", "above 0"]);
        }
    }
    expect(&error("/layers", Some(json!([]))), &["at least 1 layer"]);
}

#[test]
fn logits_after_a_layer_that_makes_probabilities_are_refused() {
    for (loss, layer) in [
        ("binaryCrossentropy", "sigmoid"),
        ("categoricalCrossentropy", "softmax"),
        ("sparseCategoricalCrossentropy", "softmax"),
    ] {
        let mut program = valid();
        program["layers"][1] = json!({ "type": layer });
        program["loss"] = json!({ "type": loss, "fromLogits": true, "labelSmoothing": 0 });
        let error = Network::new(&program.to_string(), None).map(drop).unwrap_err().to_string();
        expect(&error, &["loss", "fromLogits", "false", layer]);
        program["layers"][1] = json!({ "type": "relu" });
        assert!(Network::new(&program.to_string(), None).is_ok(), "{loss}");
    }
}

#[test]
fn a_size_beyond_what_memory_can_hold_is_refused() {
    let largest = i32::MAX as usize;
    for size in [json!(largest as u64 + 1), json!(u64::MAX), json!(1e15), json!(1e300)] {
        expect(&error("/inputs", Some(size.clone())), &["inputs"]);
        expect(&error("/layers/0/units", Some(size)), &["units"]);
    }
    let too_large = error("/layers", Some(json!([dense(largest), dense(largest)])));
    expect(&too_large, &["too large"]);
    // 9 petabytes are a valid size, but no machine has that much memory.
    let not_here = error("/layers", Some(json!([dense(1 << 20), dense(largest)])));
    expect(&not_here, &["memory"]);
}

#[test]
fn the_footprint_counts_the_padding_of_layers_and_none_of_tables() {
    let footprint = |layers: Value| {
        let mut program = valid();
        (program["inputs"], program["layers"]) = (json!(1), layers);
        Footprint::of(&program.to_string()).unwrap()
    };
    let table = json!([{ "type": "embedding", "column": 0, "categories": 1600, "units": 1, "learningRateFactor": 1 }]);
    // The parameters and their published copy, each with the slots of the optimizer, and a gradient.
    let copies = Network::new(&valid().to_string(), None).unwrap().slots() * 2 + 3;
    assert_eq!(footprint(table).network, 1600 * size_of::<f32>() * copies);
    // 17 outputs take two lines per input, and two for the biases.
    assert_eq!(footprint(json!([dense(17)])).network, 4 * 64 * copies);
    // One line for x, and two each for the target, the outputs and their gradients.
    assert_eq!(footprint(json!([dense(17)])).row, 64 * (1 + 2 + 2 + 2));
}

#[test]
fn width_without_parameters_costs_nothing() {
    let program = json!({
        "inputs": i32::MAX,
        "layers": [{ "type": "relu" }],
        "loss": { "type": "meanSquaredError" },
        "clipGradients": null,
        "measures": [], "precision": "float32",
        "optimizer": { "type": "sgd", "momentum": 0.5, "nesterov": false, "weightDecay": 0, "decayBiases": true },
    });
    assert_eq!(Network::new(&program.to_string(), None).unwrap().parameters(), 0);
}

#[test]
fn an_instruction_set_that_the_cpu_lacks_is_refused() {
    let error = Network::new(&valid().to_string(), Some("mmx")).err().unwrap().to_string();
    expect(&error, &["instructions", "portable", "mmx"]);
}

const NAMES: [&str; 7] = ["dense", "relu", "sgd", "meanSquaredError", "type", "units", ""];

/// Returns any JSON value. Sizes of some thousands and more are left out, because the test would allocate
/// them.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5..100_i64).prop_map(Value::from),
        prop::sample::select(&[i64::MIN, i64::MAX, 1 << 31, 1 << 32][..]).prop_map(Value::from),
        Just(json!(u64::MAX)),
        prop::num::f64::NORMAL.prop_map(|value| json!(value)),
        prop::sample::select(&NAMES[..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let named = (prop::sample::select(&NAMES[..]), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(named, 0..4).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect()),
        ]
    })
}

/// Collects the paths of all values in the tree, its root included.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_string());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                places(field, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Replaces the value at a random place, or adds a value there under another name.
fn mutate(program: &mut Value, place: Index, value: Value, name: Option<String>) {
    let mut found = Vec::new();
    places(program, "", &mut found);
    let target = program.pointer_mut(&found[place.index(found.len())]).unwrap();
    match (target, name) {
        (Value::Object(fields), Some(name)) => drop(fields.insert(name, value)),
        (Value::Array(items), Some(_)) => items.push(value),
        (target, _) => *target = value,
    }
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn a_mutated_program_is_a_network_or_an_error(
        mut program in any_program(&WIDTHS),
        changes in prop::collection::vec(
            (any::<Index>(), any_json(), prop::option::of("[a-zA-Z]{1,8}|units|type|layers")), 1..4,
        ),
    ) {
        for (place, value, name) in changes {
            mutate(&mut program, place, value, name);
        }
        if let Err(error) = Network::new(&program.to_string(), None) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn cut_text_is_an_error(program in any_program(&WIDTHS), end in any::<Index>()) {
        let text = program.to_string();
        prop_assert!(Network::new(&text[..end.index(text.len())], None).is_err());
    }
}
