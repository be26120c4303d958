//! Random programs, made from the tables, so a new entry needs no edit here.

use myelin_core::engine::RowLoss;
use myelin_core::engine::simd::portable::Portable;
use myelin_core::engine::simd::{Instructions, Simd};
use myelin_core::options::Names;
use myelin_core::plan::Plan;
use myelin_core::random::draw;
use myelin_core::{Dataset, Result, activations, layers, losses, optimizers};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Map, Value, json};

/// Runs this number of cases, the same ones in every run.
pub fn cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(2026), failure_persistence: None, ..Config::default() }
}

/// Sizes at and next to the limits of the forms and of a line, and primes.
pub const WIDTHS: [usize; 14] = [1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 32, 33, 53];

/// Returns an entry with each combination of these option values that the entry accepts.
fn variants<T>(
    name: &str,
    options: &[&str],
    values: &[Value],
    build: fn(&str, &Map<String, Value>) -> Result<T>,
) -> Vec<Value> {
    let mut all = vec![Map::from_iter([("type".to_string(), json!(name))])];
    for option in options {
        let factors = [json!(1), json!(0), json!(2.5)];
        let values = if *option == "learningRateFactor" { &factors } else { values };
        let given = |before: &Map<String, Value>, value: &Value| {
            let mut after = before.clone();
            after.insert(option.to_string(), value.clone());
            after
        };
        all = all.iter().flat_map(|before| values.iter().map(|value| given(before, value))).collect();
    }
    all.into_iter().filter(|given| build(name, given).is_ok()).map(Value::Object).collect()
}

/// Lists of layers to nest in other layers. `fitting` appends a layer that restores the outer width.
fn lists() -> Vec<Value> {
    let dense = dense(5);
    let inner = json!({ "type": "residual", "layers": [{ "type": "tanh" }] });
    let norm = json!({ "type": "layerNorm", "epsilon": 0.5, "learningRateFactor": 1 });
    vec![json!([{ "type": "tanh" }]), json!([dense, { "type": "silu" }]), json!([inner, norm, dense])]
}

/// Changes layers so that they fit `inputs` inputs, and returns them with the number of outputs. Lookups come
/// first, each for a column of x. Nested layers end with the width of the layer around them.
fn fitting(layers: &[Value], inputs: usize) -> (Vec<Value>, usize) {
    let (lookups, others): (Vec<_>, Vec<_>) = layers.iter().partition(|layer| layer.get("column").is_some());
    let (mut fitting, mut is_source) = (Vec::new(), vec![true; inputs]);
    for layer in lookups {
        let free: Vec<_> = (0..is_source.len()).filter(|column| is_source[*column]).collect();
        if free.is_empty() {
            continue;
        }
        let mut layer = layer.clone();
        let column = free[layer["column"].as_u64().unwrap() as usize % free.len()];
        layer["column"] = json!(column);
        is_source.splice(column..=column, vec![false; layer["units"].as_u64().unwrap() as usize]);
        fitting.push(layer);
    }
    let mut width = is_source.len();
    for layer in others {
        let mut layer = layer.clone();
        if let Some(inside) = layer.get("layers") {
            let (mut inside, outputs) = self::fitting(inside.as_array().unwrap(), width);
            if outputs != width {
                inside.push(dense(width));
            }
            layer["layers"] = json!(inside);
        }
        width = layer["units"].as_u64().map_or(width, |units| units as usize);
        fitting.push(layer);
    }
    (fitting, width)
}

/// Returns all variants of all entries of a table. Panics for an entry that accepts none of the values.
fn table<T>(table: &[Names], build: fn(&str, &Map<String, Value>) -> Result<T>) -> Vec<Value> {
    let entries = table.iter().map(|(name, options)| {
        let numbers = [json!(0), json!(0.5), json!(true), json!(false)];
        let sizes = [json!(3), json!(0.5), json!(true), json!(false)];
        let words = [json!("none"), json!("tanh"), json!(true), json!(false)];
        let groups = [numbers.to_vec(), sizes.to_vec(), words.to_vec(), lists()].into_iter();
        let variants = groups.map(|values| variants(name, options, &values, build));
        let mut variants = variants;
        let variants = variants.find(|variants| !variants.is_empty()).unwrap_or_default();
        assert!(!variants.is_empty(), "{name}: no values for its options {options:?} are known here");
        variants
    });
    entries.flatten().collect()
}

/// Returns all variants of all optimizers.
pub fn any_optimizer() -> Vec<Value> {
    table(optimizers::TABLE, optimizers::build::<Portable>)
}

/// Returns a dense layer that is trained, without penalties.
pub fn dense(units: usize) -> Value {
    json!({ "type": "dense", "units": units, "useBias": true, "trainable": true, "learningRateFactor": 1, "l1": 0, "l2": 0 })
}

/// Returns a dense layer, another layer or an activation.
fn layer(width: impl Strategy<Value = usize>) -> impl Strategy<Value = Value> {
    let penalty = || prop_oneof![3 => Just(0.0), 1 => Just(0.01)];
    let factor = prop_oneof![4 => Just(1.0), 1 => Just(0.0), 1 => Just(2.5)];
    let dense = (width, any::<bool>(), prop::bool::weighted(0.8), factor, penalty(), penalty()).prop_map(
        |(units, bias, trainable, factor, l1, l2)| {
            json!({
                "type": "dense", "units": units, "useBias": bias, "trainable": trainable,
                "learningRateFactor": factor, "l1": l1, "l2": l2,
            })
        },
    );
    let others: Vec<Names> = layers::TABLE.iter().copied().filter(|(name, _)| *name != "dense").collect();
    let other = prop::sample::select(table(&others, layers::build::<Portable>));
    let activation = prop::sample::select(table(activations::TABLE, activations::build::<Portable>));
    prop_oneof![4 => dense, 2 => activation, 1 => other]
}

/// Returns any program with layers of these widths whose loss accepts its last layer.
pub fn any_program(widths: &'static [usize]) -> impl Strategy<Value = Value> {
    let width = || prop::sample::select(widths);
    let losses = prop::sample::select(table(losses::TABLE, losses::build::<Portable>));
    let optimizers = prop::sample::select(any_optimizer());
    let layers = prop::collection::vec(layer(width()), 1..=4);
    let clips = [Value::Null, Value::Null, json!({ "norm": 0.3 }), json!({ "value": 0.02 })];
    let clips = prop::sample::select(clips.to_vec());
    let precisions = prop::sample::select(&["float32", "float32", "bfloat16"][..]);
    let parts = (width(), layers, losses, optimizers, clips, precisions);
    let programs = parts.prop_map(|(inputs, layers, loss, optimizer, clip, precision)| {
        json!({
            "inputs": inputs,
            "layers": fitting(&layers, inputs).0,
            "loss": loss,
            "optimizer": optimizer,
            "clipGradients": clip,
            "measures": [],
            "precision": precision,
        })
    });
    programs.prop_filter("a loss that does not take the last layer", takes_last_layer)
}

/// Returns whether a program's loss accepts the predictions of its last layer.
pub fn takes_last_layer(program: &Value) -> bool {
    let last = &program["layers"].as_array().unwrap().last().unwrap()["type"];
    loss(program).check_after(last.as_str().unwrap()).is_ok()
}

/// Returns the number of values in a row of a program's output.
pub fn outputs(program: &Value) -> usize {
    fitting(program["layers"].as_array().unwrap(), program["inputs"].as_u64().unwrap() as usize).1
}

/// Returns `count` values from -1 to 1.
pub fn values(seed: u64, count: usize) -> Vec<f32> {
    (0..count as u64).map(|counter| draw(seed, 0, counter) as i32 as f32 / 2_147_483_648.0).collect()
}

/// Returns all variants of all losses.
pub fn any_losses() -> Vec<Value> {
    table(losses::TABLE, losses::build::<Portable>)
}

fn loss(program: &Value) -> Box<dyn RowLoss<Portable>> {
    let loss = &program["loss"];
    losses::build(loss["type"].as_str().unwrap(), loss.as_object().unwrap()).unwrap()
}

/// Returns random targets that a loss accepts: values from 0 to 1, rows that sum to 1, indices of outputs, or
/// signs. The loss's check decides which kind.
fn targets(loss: &dyn RowLoss<Portable>, rows: usize, outputs: usize, seed: u64) -> Vec<f32> {
    let width = loss.targets(outputs);
    let drawn: Vec<f32> = values(seed, rows * width).iter().map(|value| value.abs()).collect();
    let shares = drawn.chunks(width).flat_map(|row| {
        let sum: f32 = row.iter().sum();
        row.iter().map(move |value| value / sum)
    });
    let labels = drawn.iter().map(|value| (value * outputs as f32).floor().min(outputs as f32 - 1.0));
    let signs = drawn.iter().map(|value| if *value < 0.5 { -1.0 } else { 1.0 });
    let candidates: [Vec<f32>; 4] = [drawn.clone(), shares.collect(), labels.collect(), signs.collect()];
    let found = candidates.into_iter().find(|candidate| loss.check(candidate, outputs).is_ok());
    found.expect("no targets are known here that the loss takes")
}

/// Returns random examples with targets that the program's loss accepts.
pub fn examples(program: &Value, rows: usize, seed: u64) -> Dataset<'static> {
    let inputs = program["inputs"].as_u64().unwrap() as usize;
    let mut x = values(seed, rows * inputs);
    let plan = Plan::<Portable>::compile(&program.to_string()).unwrap();
    for (column, categories) in plan.categories {
        for value in x.iter_mut().skip(column).step_by(inputs) {
            *value = (value.abs() * categories as f32).floor().min(categories as f32 - 1.0);
        }
    }
    let (loss, outputs) = (loss(program), outputs(program));
    let y = targets(&*loss, rows, outputs, seed + 1);
    Dataset::new(x, y, inputs, loss.targets(outputs)).unwrap()
}

/// Returns the data with random weights from 0 to 1, some of them 0.
pub fn weighted(data: Dataset<'static>, seed: u64) -> Dataset<'static> {
    let weights: Vec<f32> = values(seed, data.rows()).iter().map(|weight| weight.max(0.0)).collect();
    let any = weights.iter().any(|&weight| weight > 0.0);
    if any { data.weighted(weights).unwrap() } else { data }
}

/// Returns the names of the instruction sets that this CPU has.
pub fn instruction_sets() -> Vec<&'static str> {
    assert!(Instructions::available().contains(&Portable::INSTRUCTIONS));
    Instructions::available().into_iter().map(Instructions::name).collect()
}
