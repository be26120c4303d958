//! Training on one-hot and piecewise-linear inputs, which the kernel takes as codes.

mod scalar;

use myelin_core::engine::codes::{Codes, LookedUp};
use myelin_core::random::draw;
use myelin_core::{Dataset, Network, Part, Position, Progress, Run, Stop, Threads};
use scalar::programs::{dense, instruction_sets, values};
use serde_json::{Value, json};

/// Inputs 0 to 4 and 17 to 23 are one-hot, 5 to 16 and 24 to 39 piecewise-linear, 40 to 43 plain. One category
/// may be missing, one is in no row, and one number may be before its first piece.
const INPUTS: usize = 44;

const ROWS: usize = 300;

fn uniform(seed: u64, at: usize) -> f32 {
    (draw(9, seed, at as u64) >> 8) as f32 / 16_777_216.0
}

/// Returns rows whose inputs are multiplied by the factors.
fn table(factors: &[f32]) -> Vec<f32> {
    let mut x = vec![0.0; ROWS * INPUTS];
    for (row, x) in x.chunks_exact_mut(INPUTS).enumerate() {
        let category = (uniform(1, row) * 6.0) as usize;
        if category < 5 {
            x[category] = factors[category];
        }
        let category = (uniform(2, row) * 6.0) as usize;
        x[17 + category] = factors[17 + category];
        for (run, stream) in [(5..17, 3), (24..40, 4)] {
            let place = uniform(stream, row) * (run.len() as f32 + 0.5) - 0.5;
            for (piece, input) in run.enumerate() {
                x[input] = (place - piece as f32).clamp(0.0, 1.0) * factors[input];
            }
        }
        for (at, input) in (40..44).enumerate() {
            x[input] = uniform(5 + at as u64, row) - 0.5;
        }
    }
    x
}

/// The columns of a table with two more, which hold categories, and their numbers of categories and units.
const WITH_CATEGORIES: usize = INPUTS + 2;
const LOOKUPS: [(usize, usize, usize); 2] = [(INPUTS + 1, 7, 3), (5, 4, 2)];

/// Returns the rows of a table with categories in two more columns: one between runs and the last one.
fn table_with_categories() -> Vec<f32> {
    let mut x = Vec::new();
    for (row, own) in table(&factors()).chunks_exact(INPUTS).enumerate() {
        x.extend_from_slice(&own[..5]);
        x.push((uniform(30, row) * 4.0).floor());
        x.extend_from_slice(&own[5..]);
        x.push((uniform(31, row) * 7.0).floor());
    }
    x
}

/// Returns the table that a program takes.
fn table_of(program: &Value) -> Vec<f32> {
    if program["inputs"] == INPUTS { table(&factors()) } else { table_with_categories() }
}

fn factors() -> Vec<f32> {
    (0..INPUTS).map(|input| 0.5 + uniform(20, input)).collect()
}

/// Returns a program with these layers.
fn program(layers: Value, optimizer: Value) -> Value {
    json!({
        "inputs": INPUTS, "layers": layers, "loss": { "type": "meanSquaredError" }, "clipGradients": null,
        "measures": [], "precision": "float32", "optimizer": optimizer,
    })
}

fn sgd() -> Value {
    json!({ "type": "sgd", "momentum": 0, "nesterov": false, "weightDecay": 0, "decayBiases": true })
}

fn adam() -> Value {
    json!({
        "type": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3, "weightDecay": 0.1, "decayBiases": false,
        "amsgrad": false,
    })
}

/// Networks that take codes: with and without a scale, with categories that are looked up, with a penalty and a clip, with other layers behind, and
/// with nearly all weights in the first layer, whose panels threads would divide without codes.
fn programs() -> Vec<Value> {
    let scale = || json!({ "type": "scale", "learningRateFactor": 2.5 });
    let tanh = || json!({ "type": "tanh" });
    let mut penalized = dense(19);
    penalized["l1"] = json!(0.001);
    penalized["l2"] = json!(0.01);
    let deep = |first: &[Value]| {
        let rest =
            [dense(33), tanh(), json!({ "type": "dropout", "rate": 0.25 }), dense(16), tanh(), dense(2)];
        json!([first, &rest[..]].concat())
    };
    let mut clipped = program(deep(&[scale()]), adam());
    clipped["clipGradients"] = json!({ "norm": 0.05 });
    let embedding = |(column, categories, units): (usize, usize, usize)| {
        json!({
            "type": "embedding", "column": column, "categories": categories, "units": units,
            "learningRateFactor": 1,
        })
    };
    let after_lookups = |layers: &[Value], optimizer: Value| {
        let mut program = program(deep(&[&LOOKUPS.map(embedding)[..], layers].concat()), optimizer);
        program["inputs"] = json!(WITH_CATEGORIES);
        program
    };
    vec![
        after_lookups(&[], adam()),
        after_lookups(&[scale()], adam()),
        after_lookups(&[], sgd()),
        program(json!([dense(16)]), sgd()),
        program(json!([scale(), dense(16)]), sgd()),
        program(deep(&[]), adam()),
        program(deep(&[scale()]), adam()),
        program(json!([scale(), penalized, tanh(), dense(2)]), sgd()),
        program(json!([dense(512)]), sgd()),
        clipped,
    ]
}

fn outputs(program: &Value) -> usize {
    program["layers"].as_array().unwrap().last().unwrap()["units"].as_u64().unwrap() as usize
}

/// Trains from these parameters and returns the parameters after it.
fn train(
    program: &Value,
    x: Vec<f32>,
    parameters: &[f32],
    (instructions, threads, batch_size): (&str, usize, usize),
) -> (Progress, Vec<f32>) {
    let mut network = Network::new(&program.to_string(), Some(instructions)).unwrap();
    network.write_parameters(parameters).unwrap();
    let y = values(7, ROWS * outputs(program));
    let inputs = x.len() / ROWS;
    let data = Dataset::new(x, y, inputs, outputs(program)).unwrap().into_owned().unwrap();
    let epochs = 6;
    let run = Run {
        from: Position::default(),
        steps: epochs * (ROWS.div_ceil(batch_size) as u64),
        batch_size,
        seed: 5,
        shuffle: true,
        learning_rates: &[0.01; 6],
        threads: Threads::Exactly(threads),
        ..Run::default()
    };
    let progress = network.train(&data, &run, &Stop::default()).unwrap();
    (progress, network.read(Part::Parameters).unwrap())
}

fn start(program: &Value) -> Vec<f32> {
    let network = Network::new(&program.to_string(), None).unwrap();
    values(3, network.parameters()).iter().map(|value| value * 0.3 + 0.05).collect()
}

/// Where input i goes, so that no two neighbors stay together.
fn moved(input: usize) -> usize {
    input * 17 % INPUTS
}

/// Moves the inputs of the table in each row of `width` values. They have these places; the other values stay.
fn moved_values(values: &[f32], places: &[usize], width: usize) -> Vec<f32> {
    let mut result = values.to_vec();
    for (from, to) in values.chunks_exact(width).zip(result.chunks_exact_mut(width)) {
        (0..INPUTS).for_each(|input| to[places[moved(input)]] = from[places[input]]);
    }
    result
}

/// Moves the inputs in the rows that a program takes.
fn moved_table(program: &Value) -> Vec<f32> {
    let width = program["inputs"].as_u64().unwrap() as usize;
    let places: Vec<_> =
        (0..width).filter(|column| width == INPUTS || ![5, INPUTS + 1].contains(column)).collect();
    moved_values(&table_of(program), &places, width)
}

/// Moves the inputs of a network's scale and of its first weights.
fn moved_parameters(program: &Value, parameters: &[f32]) -> Vec<f32> {
    let layers = program["layers"].as_array().unwrap();
    let lookups = layers.iter().take_while(|layer| layer["type"] == "embedding").count();
    let tables: usize = LOOKUPS[..lookups].iter().map(|(_, categories, units)| categories * units).sum();
    let scales = usize::from(layers[lookups]["type"] == "scale");
    let units = layers[lookups + scales]["units"].as_u64().unwrap() as usize;
    // The categories of column 5 have two values, those of the last column three.
    let (after, width) = if lookups > 0 { (7, INPUTS + 5) } else { (5, INPUTS) };
    let places: Vec<_> = (0..5).chain(after..INPUTS + after - 5).collect();
    let (before, rest) = parameters.split_at(tables);
    let (weights, rest) = rest.split_at((scales + units) * width);
    [before, &moved_values(weights, &places, width), rest].concat()
}

#[test]
fn the_runs_of_a_table_are_found() {
    let codes = Codes::of(&table(&factors()), INPUTS, &[]).unwrap().unwrap();
    assert_eq!(codes.layout.one_hot, [0..5, 17..24]);
    assert_eq!(codes.layout.piecewise, [5..17, 24..40]);
    assert_eq!(codes.layout.plain, [40, 41, 42, 43]);
    assert!(
        Codes::of(&moved_values(&table(&factors()), &(0..INPUTS).collect::<Vec<_>>(), INPUTS), INPUTS, &[])
            .unwrap()
            .is_none()
    );
    assert!(Codes::of(&values(1, ROWS * INPUTS), INPUTS, &[]).unwrap().is_none(), "numbers");
    assert!(Codes::of(&table(&factors())[..200 * INPUTS], INPUTS, &[]).unwrap().is_none(), "few rows");
}

/// Returns the inputs that codes stand for.
fn decoded(codes: &Codes, row: usize) -> Vec<f32> {
    let layout = &codes.layout;
    let (places, values) = (codes.places(row), codes.values(row));
    let mut decoded = vec![0.0; layout.inputs];
    for place in places[..layout.one_hot.len()].iter().map(|place| usize::from(*place)) {
        if place < layout.inputs {
            decoded[place] = layout.highest[place];
        }
    }
    for ((run, place), value) in layout.piecewise.iter().zip(&places[layout.one_hot.len()..]).zip(values) {
        let place = usize::from(*place);
        decoded[run.start..place].copy_from_slice(&layout.highest[run.start..place]);
        decoded[place] = *value;
    }
    for (input, value) in layout.plain.iter().zip(&values[layout.piecewise.len()..]) {
        decoded[*input] = *value;
    }
    decoded
}

#[test]
fn values_of_categories_are_inputs_in_place_of_their_columns() {
    let lookups = LOOKUPS.map(|(column, _, units)| LookedUp { column, units });
    let x = table_with_categories();
    let codes = Codes::of(&x, WITH_CATEGORIES, &lookups).unwrap().unwrap();
    let layout = &codes.layout;
    assert_eq!(layout.one_hot, [0..5, 19..26]);
    assert_eq!(layout.piecewise, [7..19, 26..42]);
    assert_eq!(layout.plain, [5, 6, 42, 43, 44, 45, 46, 47, 48]);
    assert_eq!((layout.inputs, &layout.looked_up[..]), (INPUTS + 5, &[2 + 2 + 4, 2][..]));
    for (row, x) in x.chunks_exact(WITH_CATEGORIES).enumerate() {
        assert_eq!(codes.categories(row), [x[INPUTS + 1], x[5]]);
        let expected = [&x[..5], &[0.0; 2], &x[6..INPUTS + 1], &[0.0; 3]].concat();
        assert_eq!(decoded(&codes, row), expected, "row {row}");
    }
}

#[test]
fn codes_are_a_rows_inputs() {
    let x = table(&factors());
    let codes = Codes::of(&x, INPUTS, &[]).unwrap().unwrap();
    for (row, x) in x.chunks_exact(INPUTS).enumerate() {
        assert_eq!(decoded(&codes, row), *x, "row {row}");
    }
}

/// Returns rows with runs of any kind beside each other: inputs that are never on, negative ones, equal ones, and
/// runs that another value breaks in one row.
fn any_table(seed: u64) -> (Vec<f32>, usize) {
    let draw = |at: usize| uniform(100 + seed, at);
    let (mut widths, mut inputs) = (vec![], 0);
    while inputs < 40 {
        let width = 1 + (draw(widths.len()) * 12.0) as usize;
        widths.push((inputs, width, (draw(1000 + widths.len()) * 7.0) as usize));
        inputs += width;
    }
    let mut x = vec![0.0; ROWS * inputs];
    for (row, x) in x.chunks_exact_mut(inputs).enumerate() {
        for (number, &(start, width, kind)) in widths.iter().enumerate() {
            let run = &mut x[start..start + width];
            let at = draw(10_000 + row * 50 + number);
            let factor = 0.25 + draw(2000 + number);
            match kind {
                0 | 1 => {
                    let category = (at * (width as f32 + 1.0)) as usize;
                    if let Some(value) = run.get_mut(category) {
                        *value = factor;
                    }
                }
                2 | 3 => {
                    let place = at * (width as f32 + 1.0) - 0.5;
                    for (piece, value) in run.iter_mut().enumerate() {
                        *value = (place - piece as f32).clamp(0.0, 1.0) * factor;
                    }
                }
                4 => run.fill(factor),
                5 => run.fill(at - 0.5),
                _ => {}
            }
            let breaks = row == (draw(3000 + number) * 2.0 * ROWS as f32) as usize;
            if breaks {
                run[(at * width as f32) as usize] = -0.5 + 2.0 * at;
            }
        }
    }
    (x, inputs)
}

#[test]
fn codes_of_any_table_are_its_inputs() {
    let mut with_codes = 0;
    for seed in 0..400 {
        let (x, inputs) = any_table(seed);
        let Some(codes) = Codes::of(&x, inputs, &[]).unwrap() else { continue };
        with_codes += 1;
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            assert_eq!(decoded(&codes, row), *x, "table {seed}, row {row}: {:?}", codes.layout);
        }
    }
    assert!(with_codes > 50, "{with_codes} tables have codes");
}

#[test]
fn codes_train_to_the_same_parameters_as_inputs() {
    for program in programs() {
        let x = table_of(&program);
        let from = start(&program);
        for batch_size in [16, 37, 299] {
            let how = ("", 1, batch_size);
            let how = (instruction_sets()[0], how.1, how.2);
            let (coded, parameters) = train(&program, x.clone(), &from, how);
            // Inputs in another order are no runs.
            let (plain, expected) =
                train(&program, moved_table(&program), &moved_parameters(&program, &from), how);
            let parameters = moved_parameters(&program, &parameters);
            for (at, (value, expected)) in parameters.iter().zip(&expected).enumerate() {
                let most = 1e-4 * (1.0 + expected.abs());
                assert!((value - expected).abs() < most, "parameter {at}: {value} {expected}, {program}");
            }
            for (loss, expected) in coded.losses.iter().zip(&plain.losses) {
                assert!((loss - expected).abs() < 1e-5 * (1.0 + expected), "{loss} {expected}, {program}");
            }
            assert_ne!(parameters, expected, "the order of the sums differs: {program}");
        }
    }
}

#[test]
fn a_batch_of_all_rows_is_multiplied_input_by_input() {
    const OUTPUTS: usize = 16;
    let program = program(json!([dense(OUTPUTS)]), sgd());
    let (x, from, y) = (table(&factors()), start(&program), values(7, ROWS * OUTPUTS));
    let mut network = Network::new(&program.to_string(), Some("portable")).unwrap();
    network.write_parameters(&from).unwrap();
    let data = Dataset::new(x.clone(), y.clone(), INPUTS, OUTPUTS).unwrap();
    let run = Run { steps: 1, batch_size: ROWS, learning_rates: &[0.5], ..Run::default() };
    network.train(&data, &run, &Stop::default()).unwrap();
    let after = network.read(Part::Parameters).unwrap();

    let scale = (1.0 / ROWS as f64) as f32 / OUTPUTS as f32;
    for output in 0..OUTPUTS {
        let weight = &from[output * INPUTS..][..INPUTS];
        let slope_of = |(row, x): (usize, &[f32])| {
            let bias = from[OUTPUTS * INPUTS + output];
            let sum = x.iter().zip(weight).fold(bias, |sum, (x, weight)| x.mul_add(*weight, sum));
            let difference = sum - y[row * OUTPUTS + output];
            (difference + difference) * scale
        };
        let slopes: Vec<_> = x.chunks_exact(INPUTS).enumerate().map(slope_of).collect();
        for input in 0..INPUTS {
            let rows = x.chunks_exact(INPUTS).zip(&slopes);
            let gradient = rows.fold(0.0, |sum, (x, slope)| x[input].mul_add(*slope, sum));
            let expected = (-0.5_f32).mul_add(gradient, weight[input]);
            let value = after[output * INPUTS + input];
            assert_eq!(value.to_bits(), expected.to_bits(), "output {output}, input {input}");
        }
    }
}

#[test]
fn instruction_sets_and_threads_do_not_change_a_bit() {
    for program in programs() {
        let x = table_of(&program);
        let from = start(&program);
        for batch_size in [16, 150] {
            let (_, expected) = train(&program, x.clone(), &from, ("portable", 1, batch_size));
            for instructions in instruction_sets() {
                for threads in [1, 2, 3] {
                    let how = (instructions, threads, batch_size);
                    let (_, parameters) = train(&program, x.clone(), &from, how);
                    assert!(parameters == expected, "{how:?}: {program}");
                }
            }
        }
    }
}

/// One step of a product with 16 outputs, in the order of sums that `engine/coded.rs` defines.
#[test]
fn the_sums_of_a_step_have_the_defined_order() {
    const OUTPUTS: usize = 16;
    const BATCH: usize = 150;
    let program = program(json!([dense(OUTPUTS)]), sgd());
    let (x, from) = (table(&factors()), start(&program));
    let y = values(7, ROWS * OUTPUTS);
    let mut network = Network::new(&program.to_string(), Some("portable")).unwrap();
    network.write_parameters(&from).unwrap();
    let data = Dataset::new(x.clone(), y.clone(), INPUTS, OUTPUTS).unwrap();
    let learning_rates = &[0.5];
    let run = Run { steps: 1, batch_size: BATCH, learning_rates, ..Run::default() };
    network.train(&data, &run, &Stop::default()).unwrap();
    let after = network.read(Part::Parameters).unwrap();

    let codes = Codes::of(&x, INPUTS, &[]).unwrap().unwrap();
    let layout = &codes.layout;
    let highest = |input: usize| layout.highest[input];
    let (one_hot, pieces) = (layout.one_hot.len(), layout.piecewise.len());
    let scale = (1.0 / BATCH as f64) as f32 / OUTPUTS as f32;
    for output in 0..OUTPUTS {
        let weight = &from[output * INPUTS..][..INPUTS];
        let mut prediction_slopes = Vec::new();
        for row in 0..BATCH {
            let (places, values) = (codes.places(row), codes.values(row));
            let mut sum = from[OUTPUTS * INPUTS + output];
            for place in places[..one_hot].iter().map(|place| usize::from(*place)) {
                sum += if place == INPUTS { 0.0 } else { highest(place) * weight[place] };
            }
            for ((run, place), value) in layout.piecewise.iter().zip(&places[one_hot..]).zip(values) {
                let place = usize::from(*place);
                let mut before = 0.0_f32;
                for (input, weight) in weight.iter().enumerate().take(place).skip(run.start) {
                    before = highest(input).mul_add(*weight, before);
                }
                sum = value.mul_add(weight[place], sum + before);
            }
            for (input, value) in layout.plain.iter().zip(&values[pieces..]) {
                sum = value.mul_add(weight[*input], sum);
            }
            let difference = sum - y[row * OUTPUTS + output];
            prediction_slopes.push((difference + difference) * scale);
        }
        let (mut at_places, mut before) = (vec![0.0_f32; INPUTS + 1], vec![0.0_f32; INPUTS]);
        for (row, slope) in prediction_slopes.iter().enumerate() {
            let (places, values) = (codes.places(row), codes.values(row));
            for place in &places[..one_hot] {
                at_places[usize::from(*place)] += slope;
            }
            for (place, value) in places[one_hot..].iter().zip(values) {
                before[usize::from(*place)] += slope;
                at_places[usize::from(*place)] = value.mul_add(*slope, at_places[usize::from(*place)]);
            }
            for (input, value) in layout.plain.iter().zip(&values[pieces..]) {
                at_places[*input] = value.mul_add(*slope, at_places[*input]);
            }
        }
        for run in &layout.one_hot {
            run.clone().for_each(|input| at_places[input] *= highest(input));
        }
        for run in &layout.piecewise {
            let mut later = 0.0;
            for input in run.clone().rev() {
                at_places[input] = highest(input).mul_add(later, at_places[input]);
                later += before[input];
            }
        }
        for input in 0..INPUTS {
            let expected = (-0.5_f32).mul_add(at_places[input], weight[input]);
            let value = after[output * INPUTS + input];
            assert_eq!(value.to_bits(), expected.to_bits(), "output {output}, input {input}");
        }
    }
}
