//! The definition of the bits: a Program run by plain loops over scalars, with `f32::mul_add` and in one
//! fixed order.
//!
//! - y = W x + b with 8 outputs or more: a chain of multiply-adds over the inputs in increasing order, from b or 0.
//! - With 1 to 7 outputs: 16 such chains, input i in chain i mod 16, from 0; the chains are added as a tree (i and
//!   i + 8, then 4, 2, 1), then b.
//! - The gradient of x: a chain over the outputs from 0. Of W: a chain over the rows from 0. Of b: plain additions.
//! - A batch is cut every 512 rows; the gradients of the pieces are added in order.
//! - A parameter that is not trained has the gradient 0 and no update.
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
    /// Whether training changes it, for each parameter.
    trained: Vec<bool>,
}

fn fields(value: &Value) -> (&str, &Map<String, Value>) {
    (value["type"].as_str().unwrap(), value.as_object().unwrap())
}

impl Scalar {
    pub fn new(program: &Value) -> Self {
        let mut width = program["inputs"].as_u64().unwrap() as usize;
        let (mut stages, mut trained) = (Vec::new(), Vec::new());
        for layer in program["layers"].as_array().unwrap() {
            let (name, options) = fields(layer);
            stages.push(match name {
                "dense" => {
                    let (inputs, outputs) = (width, options["units"].as_u64().unwrap() as usize);
                    let bias = options["useBias"].as_bool().unwrap().then(|| vec![0.0; outputs]);
                    width = outputs;
                    let count = inputs * outputs + bias.as_ref().map_or(0, Vec::len);
                    trained.resize(trained.len() + count, options["trainable"].as_bool().unwrap());
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
        let mut scalar = Scalar { layers: stages, absorbed, loss, slots: Vec::new(), update, trained };
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
        let gradient = parts.into_iter().rev().flatten().zip(&self.trained);
        (loss, gradient.map(|(gradient, trained)| if *trained { gradient } else { 0.0 }).collect())
    }

    /// The sum of the rows' losses, and the gradients of their mean.
    pub fn gradients(&self, rows: &[(&[f32], &[f32])]) -> (f64, Vec<f32>) {
        let scale = (1.0 / rows.len() as f64) as f32;
        let mut chunks = rows.chunks(CHUNK_ROWS).map(|rows| self.gradients_of_chunk(rows, scale));
        let first = chunks.next().unwrap();
        chunks.fold(first, |(loss, sums), (more, gradient)| {
            (loss + more, sums.iter().zip(gradient).map(|(sum, value)| sum + value).collect())
        })
    }

    /// One step; the sum of the rows' losses before it.
    fn step(&mut self, rows: &[(&[f32], &[f32])], now: Now) -> f64 {
        let (loss, gradient) = self.gradients(rows);
        let mut parameters = self.parameters();
        for (index, (weight, gradient)) in parameters.iter_mut().zip(gradient).enumerate() {
            if !self.trained[index] {
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
        loss
    }

    /// Whole epochs from the start; the mean loss of each.
    pub fn train(
        &mut self,
        data: &Dataset,
        batch: usize,
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
            for rows in rows.chunks(batch) {
                step += 1;
                let now = self.update.now(*rate, step, &mut Powers::default());
                loss += self.step(rows, now);
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
