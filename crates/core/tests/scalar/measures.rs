//! The measures of an epoch in plain loops.

use serde_json::{Value, json};

/// Returns measures for rows of this number of outputs and targets.
pub fn measures_for(outputs: usize, targets: usize) -> Vec<Value> {
    let columns = ["meanAbsoluteError", "meanSquaredError", "rootMeanSquaredError", "shareAccuracy"];
    let mut measures = Vec::new();
    if targets == outputs {
        measures.extend(columns.map(|name| json!({ "type": name })));
        measures.push(json!({ "type": "columnAccuracy", "threshold": 0.1, "middle": 0.5 }));
    }
    if targets == 1 {
        measures.push(json!({ "type": "labelAccuracy" }));
    }
    measures
}

fn first_largest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// Returns the sum of terms: partial sum n of 8 adds the terms n, n + 8, …
fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut sums = [0.0; 8];
    for (index, term) in terms.enumerate() {
        sums[index % 8] += term;
    }
    sums.iter().fold(0.0, |total, sum| total + sum)
}

/// Returns the share of true values.
fn share(all: impl Iterator<Item = bool>) -> f64 {
    let all: Vec<_> = all.collect();
    all.iter().filter(|is_true| **is_true).count() as f64 / all.len() as f64
}

/// Returns the value of a measure for predictions, `[rows][outputs]`.
pub fn value(measure: &Value, predictions: &[f32], targets: &[f32], outputs: usize) -> f64 {
    let rows = predictions.len() / outputs;
    let largest = |values: &[f32], row: usize| first_largest(&values[row * outputs..][..outputs]);
    let distances = predictions.iter().zip(targets).map(|(p, t)| f64::from(*p) - f64::from(*t));
    match measure["type"].as_str().unwrap() {
        "columnAccuracy" => {
            let [threshold, middle] = ["threshold", "middle"].map(|name| measure[name].as_f64().unwrap());
            let above = |value: f32, limit: f64| f64::from(value) > limit;
            let pairs = predictions.iter().zip(targets);
            share(pairs.map(|(p, t)| above(*p, threshold) == above(*t, middle)))
        }
        "labelAccuracy" => share((0..rows).map(|row| largest(predictions, row) as f32 == targets[row])),
        "shareAccuracy" => share((0..rows).map(|row| largest(predictions, row) == largest(targets, row))),
        "meanAbsoluteError" => sum(distances.map(f64::abs)) / predictions.len() as f64,
        "meanSquaredError" => sum(distances.map(|distance| distance * distance)) / predictions.len() as f64,
        "rootMeanSquaredError" => {
            let distances: Vec<_> = distances.collect();
            let column = |column: usize| distances[column..].iter().step_by(outputs);
            let squares = |index| column(index).map(|distance| distance * distance);
            (0..outputs).fold(0.0, |total, index| total + (sum(squares(index)) / rows as f64).sqrt())
                / outputs as f64
        }
        name => unreachable!("{name}"),
    }
}
