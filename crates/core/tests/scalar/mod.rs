//! The definition of the bits: a Program run by plain loops over scalars, with `f32::mul_add` and in one
//! fixed order.
//!
//! - y = W x + b with 8 outputs or more: a chain of multiply-adds over the inputs in increasing order, from b or 0.
//! - With 1 to 7 outputs: 16 such chains, input i in chain i mod 16, from 0; the chains are added as a tree (i and
//!   i + 8, then 4, 2, 1), then b.
//! - The gradient of x: a chain over the outputs from 0. Of W: a chain over the rows from 0. Of b: plain additions.
//! - A batch is cut every 512 rows; the gradients of the pieces are added in order.
//! - A parameter that is not trained has the gradient 0 and no update.
//! - An update that takes several batches adds the gradients of all their pieces in order. Then come the
//!   penalties, g ← 2 l2 w + g as one multiply-add and g ← g + l1 sign(w), and then the clip.
//! - The norm is added up in doubles. The lines of 16 parameters, as panels have them, are cut into up to 64
//!   parts of at least 16 lines; the squares of a part are added lane by lane, the lanes as the tree above, the
//!   parts in order.
//!
//! - The sum over a row adds its panels of 16 lane by lane, in order, then the lanes as the tree above.
//!
//! What an entry of the tables computes for one value, or for one row, comes from the entry itself, on the
//! portable token.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub mod programs;

use myelin_core::engine::panels::{LANES, Line, Panels};
use myelin_core::engine::simd::portable::Portable;
use myelin_core::engine::{CHUNK_ROWS, Epilogue, Now, Powers, RowFunction, RowLoss, Update};
use myelin_core::layers::{self, Operation};
use myelin_core::random::{Purpose, permutation, stream};
use myelin_core::{Dataset, losses, optimizers};
use serde_json::{Map, Value};

/// y = W x + b, with W as `[outputs][inputs]`.
#[derive(Clone, Debug)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

impl Dense {
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let bias = |output: usize| self.bias.as_ref().map_or(0.0, |bias| bias[output]);
        let outputs = self.weight.chunks(self.inputs).enumerate();
        outputs
            .map(|(output, weight)| match self.outputs < 8 {
                true => dot_in_lanes(weight, x) + bias(output),
                false => weight.iter().zip(x).fold(bias(output), |sum, (w, x)| x.mul_add(*w, sum)),
            })
            .collect()
    }

    pub fn input_gradient(&self, gradient: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks(self.inputs).zip(gradient);
        rows.fold(vec![0.0; self.inputs], |mut sums, (weight, gradient)| {
            for (sum, weight) in sums.iter_mut().zip(weight) {
                *sum = gradient.mul_add(*weight, *sum);
            }
            sums
        })
    }

    /// The gradient of W, then that of b, over rows of inputs and gradients.
    pub fn parameter_gradient(&self, inputs: &[Vec<f32>], gradients: &[Vec<f32>]) -> Vec<f32> {
        let mut weight = vec![0.0f32; self.weight.len()];
        let mut bias = vec![0.0f32; self.bias.as_ref().map_or(0, Vec::len)];
        for (x, gradient) in inputs.iter().zip(gradients) {
            for (sums, gradient) in weight.chunks_mut(self.inputs).zip(gradient) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = x.mul_add(*gradient, *sum);
                }
            }
            for (sum, gradient) in bias.iter_mut().zip(gradient) {
                *sum += gradient;
            }
        }
        weight.extend(bias);
        weight
    }
}

fn dot_in_lanes(weight: &[f32], x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for index in 0..weight.len().next_multiple_of(LANES) {
        let at = |values: &[f32]| values.get(index).copied().unwrap_or(0.0);
        let lane = &mut lanes[index % LANES];
        *lane = at(x).mul_add(at(weight), *lane);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

enum Layer {
    Dense(Dense),
    Elementwise(Box<dyn Epilogue<Portable>>),
    Row(Box<dyn RowFunction<Portable>>),
}

impl Layer {
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        match self {
            Layer::Dense(dense) => dense.forward(x),
            Layer::Elementwise(function) => x.iter().map(|x| apply(&**function, *x)).collect(),
            Layer::Row(function) => {
                let mut values = row_panels(x);
                function.forward(Portable, &mut values, 1);
                row_values(&values)
            }
        }
    }
}

/// A function of one value, through a line that holds it in every lane.
fn apply(epilogue: &dyn Epilogue<Portable>, value: f32) -> f32 {
    let mut line = [Line([value; LANES])];
    epilogue.forward(Portable, &mut line);
    line[0].0[0]
}

fn differentiate(epilogue: &dyn Epilogue<Portable>, gradient: f32, input: f32, output: f32) -> f32 {
    let mut line = [Line([gradient; LANES])];
    let input = [Line([input; LANES])];
    let input = if epilogue.reads_input() { &input[..] } else { &[] };
    epilogue.backward(Portable, &mut line, input, &[Line([output; LANES])]);
    line[0].0[0]
}

fn row_panels(values: &[f32]) -> Panels {
    let mut panels = Panels::new(values.len(), 1).unwrap();
    panels.set_row(0, values);
    panels
}

fn row_values(panels: &Panels) -> Vec<f32> {
    let mut values = vec![0.0; panels.features()];
    panels.row(0, &mut values);
    values
}

/// The gradient of the input of a function of a row.
fn differentiate_row(
    function: &dyn RowFunction<Portable>,
    gradient: &[f32],
    places: &[Vec<f32>],
) -> Vec<f32> {
    let mut gradient = row_panels(gradient);
    function.backward(Portable, &mut gradient, &row_panels(&places[0]), &row_panels(&places[1]), 1);
    row_values(&gradient)
}

/// The loss of one row, and its gradient times `scale`.
pub fn loss_of_row(loss: &dyn RowLoss<Portable>, p: &[f32], target: &[f32], scale: f32) -> (f32, Vec<f32>) {
    let (mut losses, mut gradient) = ([0.0], Panels::new(p.len(), 1).unwrap());
    loss.gradients(Portable, &row_panels(p), &row_panels(target), &mut losses, scale, &mut gradient);
    (losses[0], row_values(&gradient))
}

/// A network of scalars.
pub struct Scalar {
    layers: Vec<Layer>,
    /// The last layer where the loss is computed together with it: predictions go through it, training does not.
    absorbed: Option<Layer>,
    loss: Box<dyn RowLoss<Portable>>,
    update: Box<dyn Update<Portable>>,
    pub slots: Vec<Vec<f32>>,
    /// What an update does with each parameter.
    rules: Vec<Rule>,
    clip: Value,
}

/// Whether training changes a parameter, and the penalties on it.
#[derive(Clone, Copy)]
struct Rule {
    trained: bool,
    l1: f32,
    l2: f32,
}

type Row<'a> = (&'a [f32], &'a [f32]);

fn fields(value: &Value) -> (&str, &Map<String, Value>) {
    (value["type"].as_str().unwrap(), value.as_object().unwrap())
}

impl Scalar {
    pub fn new(program: &Value) -> Self {
        let mut width = program["inputs"].as_u64().unwrap() as usize;
        let (mut stages, mut rules) = (Vec::new(), Vec::new());
        for layer in program["layers"].as_array().unwrap() {
            let (name, options) = fields(layer);
            stages.push(match name {
                "dense" => {
                    let (inputs, outputs) = (width, options["units"].as_u64().unwrap() as usize);
                    let bias = options["useBias"].as_bool().unwrap().then(|| vec![0.0; outputs]);
                    width = outputs;
                    let trained = options["trainable"].as_bool().unwrap();
                    let [l1, l2] = ["l1", "l2"].map(|name| options[name].as_f64().unwrap() as f32);
                    rules.resize(rules.len() + inputs * outputs, Rule { trained, l1, l2 });
                    let biases = bias.as_ref().map_or(0, Vec::len);
                    rules.resize(rules.len() + biases, Rule { trained, l1: 0.0, l2: 0.0 });
                    Layer::Dense(Dense { inputs, outputs, weight: vec![0.0; inputs * outputs], bias })
                }
                _ => match layers::build(name, options).unwrap().remove(0) {
                    Operation::Elementwise(function) => Layer::Elementwise(function),
                    Operation::Row(function) => Layer::Row(function),
                    Operation::Product { .. } => panic!("{name} has parameters that are not known here"),
                },
            });
        }
        let (loss, loss_options) = fields(&program["loss"]);
        let (optimizer, optimizer_options) = fields(&program["optimizer"]);
        let update = optimizers::build(optimizer, optimizer_options).unwrap();
        let mut loss = losses::build(loss, loss_options).unwrap();
        let last = program["layers"].as_array().unwrap().last().unwrap();
        let absorbing = loss.absorb(fields(last).0);
        let absorbed = absorbing.and_then(|absorbing| {
            loss = absorbing;
            stages.pop()
        });
        let mut scalar =
            Scalar { layers: stages, absorbed, loss, slots: Vec::new(), update, rules, clip: Value::Null };
        scalar.clip = program["clipGradients"].clone();
        scalar.slots = vec![vec![0.0; scalar.parameters().len()]; scalar.update.slots()];
        scalar
    }

    pub fn parameters(&self) -> Vec<f32> {
        let denses = self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            Layer::Elementwise(_) | Layer::Row(_) => None,
        });
        denses.flat_map(|dense| dense.weight.iter().chain(dense.bias.iter().flatten()).copied()).collect()
    }

    pub fn set_parameters(&mut self, values: &[f32]) {
        let mut values = values.iter();
        for layer in &mut self.layers {
            if let Layer::Dense(dense) = layer {
                for weight in dense.weight.iter_mut().chain(dense.bias.iter_mut().flatten()) {
                    *weight = *values.next().unwrap();
                }
            }
        }
        assert!(values.next().is_none());
    }

    /// The values before each layer and after the last.
    fn forward(&self, x: &[f32]) -> Vec<Vec<f32>> {
        let mut values = vec![x.to_vec()];
        for layer in &self.layers {
            values.push(layer.forward(&values[values.len() - 1]));
        }
        values
    }

    pub fn predict(&self, x: &[f32]) -> Vec<f32> {
        let output = self.forward(x).pop().unwrap();
        self.absorbed.as_ref().map_or(output.clone(), |layer| layer.forward(&output))
    }

    /// The gradients of all parameters over at most 512 rows, and the sum of the rows' losses.
    fn gradients_of_chunk(&self, rows: &[(&[f32], &[f32])], scale: f32) -> (f64, Vec<f32>) {
        let values: Vec<_> = rows.iter().map(|(x, _)| self.forward(x)).collect();
        let mut loss = 0.0;
        let mut gradients: Vec<Vec<f32>> = Vec::new();
        for (values, (_, target)) in values.iter().zip(rows) {
            let (row_loss, gradient) = loss_of_row(&*self.loss, &values[self.layers.len()], target, scale);
            loss += f64::from(row_loss);
            gradients.push(gradient);
        }
        let mut parts = Vec::new();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            match layer {
                Layer::Dense(dense) => {
                    let inputs: Vec<_> = values.iter().map(|values| values[index].clone()).collect();
                    parts.push(dense.parameter_gradient(&inputs, &gradients));
                    gradients = gradients.iter().map(|gradient| dense.input_gradient(gradient)).collect();
                }
                Layer::Row(function) => {
                    for (gradient, values) in gradients.iter_mut().zip(&values) {
                        *gradient = differentiate_row(&**function, gradient, &values[index..]);
                    }
                }
                Layer::Elementwise(function) => {
                    for (gradient, values) in gradients.iter_mut().zip(&values) {
                        let places = values[index].iter().zip(&values[index + 1]);
                        for (gradient, (input, output)) in gradient.iter_mut().zip(places) {
                            *gradient = differentiate(&**function, *gradient, *input, *output);
                        }
                    }
                }
            }
        }
        let gradient = parts.into_iter().rev().flatten().zip(&self.rules);
        (loss, gradient.map(|(gradient, rule)| if rule.trained { gradient } else { 0.0 }).collect())
    }

    /// The sum of the rows' losses, and the gradients of their mean, penalties included.
    pub fn gradients(&self, rows: &[Row<'_>]) -> (f64, Vec<f32>) {
        let (losses, gradient) = self.mean_gradients(&[rows]);
        (losses[0], gradient)
    }

    /// The sum of the rows' losses of each batch, and the mean of their gradients, penalties included.
    fn mean_gradients(&self, batches: &[&[Row<'_>]]) -> (Vec<f64>, Vec<f32>) {
        let (mut losses, mut sums) = (Vec::new(), None::<Vec<f32>>);
        for rows in batches {
            let scale = (1.0 / (rows.len() as f64 * batches.len() as f64)) as f32;
            let mut sum = 0.0;
            for rows in rows.chunks(CHUNK_ROWS) {
                let (loss, gradient) = self.gradients_of_chunk(rows, scale);
                sum += loss;
                sums = Some(match sums {
                    None => gradient,
                    Some(sums) => sums.iter().zip(gradient).map(|(sum, value)| sum + value).collect(),
                });
            }
            losses.push(sum);
        }
        let mut gradient = sums.unwrap();
        for ((gradient, weight), rule) in gradient.iter_mut().zip(self.parameters()).zip(&self.rules) {
            if rule.trained && (rule.l1 != 0.0 || rule.l2 != 0.0) {
                let sign = if weight == 0.0 { 0.0 } else { weight.signum() };
                *gradient = (2.0 * rule.l2).mul_add(weight, *gradient) + rule.l1 * sign;
            }
        }
        (losses, gradient)
    }

    /// The parameters of each line, in the order of the lines.
    fn lines(&self) -> Vec<Vec<usize>> {
        let (mut lines, mut start) = (Vec::new(), 0);
        for layer in &self.layers {
            let Layer::Dense(Dense { inputs, outputs, bias, .. }) = layer else { continue };
            let panel = |first: usize, count: usize| first..(first + LANES).min(count);
            let (across, along) = if *outputs < 8 { (inputs, outputs) } else { (outputs, inputs) };
            for first in (0..*across).step_by(LANES) {
                for other in 0..*along {
                    let place = |at| if *outputs < 8 { other * inputs + at } else { at * inputs + other };
                    lines.push(panel(first, *across).map(|at| start + place(at)).collect());
                }
            }
            start += inputs * outputs;
            if bias.is_some() {
                let biases = (0..*outputs).step_by(LANES).map(|first| panel(first, *outputs));
                lines.extend(biases.map(|panel| panel.map(|at| start + at).collect::<Vec<_>>()));
                start += outputs;
            }
        }
        lines
    }

    fn norm(&self, gradient: &[f32]) -> f64 {
        let lines = self.lines();
        let length = lines.len().div_ceil(64).max(16);
        let parts = lines.chunks(length).map(|lines| {
            let mut lanes = [0.0; LANES];
            for line in lines {
                for (lane, at) in lanes.iter_mut().zip(line) {
                    *lane += f64::from(gradient[*at]) * f64::from(gradient[*at]);
                }
            }
            for half in [8, 4, 2, 1] {
                for lane in 0..half {
                    lanes[lane] += lanes[lane + half];
                }
            }
            lanes[0]
        });
        parts.sum::<f64>().sqrt()
    }

    fn clip(&self, gradient: &mut [f32]) {
        if let Some(most) = self.clip["norm"].as_f64() {
            let factor = most / (self.norm(gradient) + 1e-6);
            if factor < 1.0 {
                gradient.iter_mut().for_each(|value| *value *= factor as f32);
            }
        }
        if let Some(most) = self.clip["value"].as_f64() {
            gradient.iter_mut().for_each(|value| *value = value.clamp(-most as f32, most as f32));
        }
    }

    /// One update from the mean gradient of some batches; the sum of the rows' losses of each before it.
    fn update_from(&mut self, batches: &[&[Row<'_>]], now: Now) -> Vec<f64> {
        let (losses, mut gradient) = self.mean_gradients(batches);
        self.clip(&mut gradient);
        let mut parameters = self.parameters();
        for (index, (weight, gradient)) in parameters.iter_mut().zip(gradient).enumerate() {
            if !self.rules[index].trained {
                continue;
            }
            let mut line = [Line([*weight; LANES])];
            let mut slots: Vec<_> = self.slots.iter().map(|slot| Line([slot[index]; LANES])).collect();
            self.update.tile(Portable, &now, &mut line, &[Line([gradient; LANES])], &mut slots);
            *weight = line[0].0[0];
            for (slot, line) in self.slots.iter_mut().zip(slots) {
                slot[index] = line.0[0];
            }
        }
        self.set_parameters(&parameters);
        losses
    }

    /// Whole epochs from the start, with the rows of a batch and the batches of an update; the mean loss of each.
    pub fn train(
        &mut self,
        data: &Dataset,
        (batch, accumulate): (usize, usize),
        (seed, shuffle): (u64, bool),
        rates: &[f64],
    ) -> Vec<f64> {
        let mut step = 0;
        let mut losses = Vec::new();
        for (epoch, rate) in rates.iter().enumerate() {
            let mut order: Vec<u32> = (0..data.rows() as u32).collect();
            if shuffle {
                permutation(seed, stream(Purpose::Shuffle, epoch as u32), &mut order);
            }
            let rows: Vec<_> = order.iter().map(|&row| row_of(data, row as usize)).collect();
            let mut loss = 0.0;
            for batches in rows.chunks(batch).collect::<Vec<_>>().chunks(accumulate) {
                step += 1;
                let now = self.update.now(*rate, step, &mut Powers::default());
                loss = self.update_from(batches, now).iter().fold(loss, |sum, more| sum + more);
            }
            losses.push(loss / data.rows() as f64);
        }
        losses
    }
}

/// Inputs and targets of a row.
pub fn row_of(data: &Dataset, row: usize) -> (&[f32], &[f32]) {
    (data.x(row), data.y(row))
}
