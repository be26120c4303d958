//! The definition of the bits: runs a Program by plain loops over scalars, with `f32::mul_add` and in one
//! fixed order.
//!
//! - y = W x + b with 8 outputs or more: a chain of multiply-adds over the inputs in increasing order, from b
//!   or 0.
//! - With 1 to 7 outputs: 16 such chains from 0, with input i in chain i mod 16. The chains are added in a
//!   tree (i and i + 8, then 4, 2, 1), then b is added.
//! - With the precision bfloat16, training steps round each factor of a product with 8 outputs or more:
//!   `layer.rs`.
//! - The gradient of x: a chain over the outputs from 0. Of W: a chain over the rows from 0. Of b: plain
//!   additions.
//! - A batch is cut every 512 rows, and the gradients of the pieces are added in order. A batch whose rows
//!   need common statistics is not cut: `statistics.rs` defines how these are added.
//! - A parameter that is not trained has the gradient 0 and no update.
//! - An update over several batches adds the gradients of all their pieces in order. Then come the penalties,
//!   g ← 2 l2 w + g as one multiply-add and g ← g + l1 sign(w), and then the clip.
//! - The learning rate of a parameter is the rate of the step times the factor of the layer, in doubles. If
//!   biases do not decay, parameters with one value per feature have weight decay 0.
//! - The norm is added in doubles. The lines of 16 parameters, as panels have them, are cut into up to 64
//!   parts of at least 16 lines. The squares of a part are added lane by lane, the lanes in the tree above,
//!   the parts in order.
//! - y = w x + b per feature: one multiply-add, with b = 0 if there is no bias. The gradient of w is a chain over the rows from 0, the
//!   gradient of b is plain additions.
//! - The gradient of a category's values: plain additions from 0 over the rows of that category.
//! - The sum over a row adds its panels of 16 lane by lane, in order, then the lanes in the tree above.
//!
//! The value of a table entry's function, for one value or one row, comes from the entry itself, on the
//! portable token.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub mod case;
pub mod layer;
pub mod measures;
pub mod programs;
mod statistics;

use layer::{Dense, Layer, Moment, row_panels, row_values};
use myelin_core::engine::panels::{LANES, Line, Panels};
use myelin_core::engine::simd::portable::Portable;
use myelin_core::engine::{CHUNK_ROWS, FinishedLines, Powers, RowLoss, Update};
use myelin_core::layers::{self, LayerOperation};
use myelin_core::random::{Purpose, permutation, stream};
use myelin_core::{Dataset, losses, optimizers};
use serde_json::{Map, Value};
use statistics::BatchStatistics;
use std::cell::RefCell;

/// Returns the loss of one row, and its gradient times `scale`.
pub fn loss_of_row(loss: &dyn RowLoss<Portable>, p: &[f32], target: &[f32], scale: f32) -> (f32, Vec<f32>) {
    let (mut losses, mut gradient) = ([0.0], Panels::new(p.len(), 1).unwrap());
    loss.gradients(Portable, &row_panels(p), &row_panels(target), &mut losses, scale, &mut gradient);
    (losses[0], row_values(&gradient))
}

/// A network computed with scalars.
pub struct Scalar {
    layers: Vec<Layer>,
    /// For each fork, the index of the layer that adds its values.
    adds: Vec<usize>,
    /// The last layer, if the loss is computed together with it. Predictions go through it, training does
    /// not.
    absorbed: Option<Layer>,
    loss: Box<dyn RowLoss<Portable>>,
    update: Box<dyn Update<Portable>>,
    /// The same without weight decay.
    undecayed: Box<dyn Update<Portable>>,
    pub slots: Vec<Vec<f32>>,
    /// How an update treats each parameter.
    rules: Vec<Rule>,
    clip: Value,
    /// The statistics of each chunk that has gone forward: the layer's index, the statistics, the number of
    /// rows.
    statistics: RefCell<Vec<(usize, BatchStatistics, usize)>>,
    /// The predictions for the rows of the current update, in order.
    seen: RefCell<Vec<Vec<f32>>>,
}

/// Whether training changes a parameter, how an update treats it, and the penalties on it.
#[derive(Clone, Copy)]
struct Rule {
    trained: bool,
    /// What the learning rate is multiplied by.
    factor: f64,
    decays: bool,
    l1: f32,
    l2: f32,
}

fn fields(value: &Value) -> (&str, &Map<String, Value>) {
    (value["type"].as_str().unwrap(), value.as_object().unwrap())
}

impl Scalar {
    pub fn new(program: &Value) -> Self {
        let mut width = program["inputs"].as_u64().unwrap() as usize;
        let (mut stages, mut rules) = (Vec::<Layer>::new(), Vec::new());
        let (mut forks, mut noises) = (Vec::new(), 0);
        let zeros = |count: usize| vec![0.0; count];
        let bfloat16 = program["precision"] == "bfloat16";
        let decay_biases = program["optimizer"]["decayBiases"].as_bool().unwrap();
        for layer in program["layers"].as_array().unwrap() {
            let (name, options) = fields(layer);
            for operation in layers::build::<Portable>(name, options).unwrap() {
                let factor = operation.learning_rate_factor();
                let is_matrix =
                    matches!(operation, LayerOperation::Product { .. } | LayerOperation::Lookup { .. });
                let mut weights =
                    Rule { trained: true, factor, decays: is_matrix || decay_biases, l1: 0.0, l2: 0.0 };
                let layer = match operation {
                    LayerOperation::Product { outputs, bias, trainable, l1, l2, .. } => {
                        let (inputs, bias) = (width, bias.then(|| zeros(outputs)));
                        width = outputs;
                        weights = Rule { trained: trainable, l1, l2, ..weights };
                        let weight = zeros(inputs * outputs);
                        Layer::Dense(Dense { inputs, outputs, weight, bias, bfloat16 })
                    }
                    LayerOperation::Elementwise(function) => Layer::Elementwise(function),
                    LayerOperation::Row(function) => Layer::Row(function),
                    LayerOperation::Affine { bias, .. } => {
                        Layer::Affine(vec![zeros(width); 1 + usize::from(bias)])
                    }
                    LayerOperation::Standardize { epsilon, momentum, .. } => {
                        stages.push(Layer::Standardize { epsilon, momentum });
                        Layer::Affine(vec![zeros(width); 4])
                    }
                    LayerOperation::Noise(noise) => {
                        noises += 1;
                        Layer::Noise(noise, noises - 1)
                    }
                    LayerOperation::Lookup { column, categories, units, .. } => {
                        width += units - 1;
                        Layer::Lookup { column, units, table: zeros(categories * units) }
                    }
                    LayerOperation::Fork => {
                        forks.push(stages.len());
                        Layer::Fork
                    }
                    LayerOperation::Add => Layer::Add(forks.pop().unwrap()),
                };
                stages.push(layer);
                let arrays = stages.last().map(Layer::parameters).unwrap_or_default();
                for (index, array) in arrays.into_iter().enumerate() {
                    let rule = match index {
                        0 => weights,
                        1 => Rule { l1: 0.0, l2: 0.0, decays: decay_biases, ..weights },
                        _ => Rule { trained: false, l1: 0.0, l2: 0.0, ..weights },
                    };
                    rules.resize(rules.len() + array.len(), rule);
                }
            }
        }
        let (loss, loss_options) = fields(&program["loss"]);
        let (optimizer, optimizer_options) = fields(&program["optimizer"]);
        let update = optimizers::build(optimizer, optimizer_options).unwrap();
        let mut no_decay = optimizer_options.clone();
        no_decay.insert("weightDecay".to_string(), Value::from(0));
        let undecayed = optimizers::build(optimizer, &no_decay).unwrap();
        let mut loss = losses::build(loss, loss_options).unwrap();
        let last = program["layers"].as_array().unwrap().last().unwrap();
        let absorbing = loss.absorb(fields(last).0);
        let absorbed = absorbing.and_then(|absorbing| {
            loss = absorbing;
            stages.pop()
        });
        if stages.is_empty() {
            stages.push(Layer::Fork);
        }
        let add_of =
            |fork: usize| stages.iter().position(|stage| matches!(stage, Layer::Add(of) if *of == fork));
        let adds = (0..stages.len()).map(|stage| add_of(stage).unwrap_or(usize::MAX)).collect();
        let clip = program["clipGradients"].clone();
        let mut scalar = Scalar {
            layers: stages,
            adds,
            absorbed,
            loss,
            slots: Vec::new(),
            update,
            undecayed,
            rules,
            clip,
            statistics: RefCell::default(),
            seen: RefCell::default(),
        };
        scalar.slots = vec![vec![0.0; scalar.parameters().len()]; scalar.update.slots()];
        scalar
    }

    pub fn parameters(&self) -> Vec<f32> {
        self.layers.iter().flat_map(Layer::parameters).flatten().copied().collect()
    }

    pub fn set_parameters(&mut self, values: &[f32]) {
        let mut values = values.iter();
        for parameter in self.layers.iter_mut().flat_map(Layer::parameters_mut).flatten() {
            *parameter = *values.next().unwrap();
        }
        assert!(values.next().is_none());
    }

    /// Returns the values before each layer and after the last, for rows from index `first` of the batch. If
    /// `learns`, the statistics are those of the rows and are kept in `self.statistics`. Otherwise they are
    /// the running ones.
    fn forward(
        &self,
        rows: &[&[f32]],
        first: usize,
        moment: Option<Moment>,
        learns: bool,
    ) -> Vec<Vec<Vec<f32>>> {
        let mut all: Vec<_> = rows.iter().map(|x| vec![x.to_vec()]).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            let Layer::Standardize { epsilon, .. } = layer else {
                for (row, values) in all.iter_mut().enumerate() {
                    values.push(layer.forward(values, first + row, moment));
                }
                continue;
            };
            if let (Layer::Affine(arrays), false) = (&self.layers[index + 1], learns) {
                let of_row = |x: &[f32]| statistics::with_running(x, &arrays[2], &arrays[3], *epsilon);
                all.iter_mut().for_each(|values| values.push(of_row(&values[index])));
                continue;
            }
            let statistics =
                BatchStatistics::of(&all.iter().map(|values| &values[index]).collect::<Vec<_>>(), *epsilon);
            all.iter_mut().for_each(|values| values.push(statistics.forward(&values[index])));
            self.statistics.borrow_mut().push((index, statistics, rows.len()));
        }
        all
    }

    pub fn predict(&self, x: &[f32]) -> Vec<f32> {
        self.absorb(&self.forward(&[x], 0, None, false).remove(0).pop().unwrap())
    }

    /// Applies the layer that the loss is computed together with to the last layer's output.
    fn absorb(&self, output: &[f32]) -> Vec<f32> {
        let absorbed = self.absorbed.as_ref();
        absorbed.map_or(output.to_vec(), |layer| layer.forward(&[output.to_vec()], 0, None))
    }

    /// Returns the sum of the rows' losses, and the gradients of all parameters. The rows start at index
    /// `first` of the batch and go through together.
    fn gradients_of_chunk(
        &self,
        first: usize,
        rows: &[Row<'_>],
        scale: f32,
        moment: Option<Moment>,
    ) -> (f64, Vec<f32>) {
        let inputs: Vec<_> = rows.iter().map(|row| row.x).collect();
        // By row, then by layer.
        let all_values = self.forward(&inputs, first, moment, true);
        let (mut loss, mut all_gradients) = (0.0, Vec::new());
        for (values, row) in all_values.iter().zip(rows) {
            let (row_loss, gradient) = loss_of_row(&*self.loss, &values[self.layers.len()], row.y, scale);
            self.seen.borrow_mut().push(self.absorb(&values[self.layers.len()]));
            loss += f64::from(weighed(row_loss, row.weight));
            let mut gradients = vec![Vec::new(); self.layers.len()];
            gradients[self.layers.len() - 1] =
                gradient.into_iter().map(|value| weighed(value, row.weight)).collect();
            all_gradients.push(gradients);
        }
        for index in (1..self.layers.len()).rev() {
            // The last statistics of a layer are those of these rows.
            if let Some((_, statistics, _)) =
                self.statistics.borrow().iter().rfind(|(layer, ..)| *layer == index)
            {
                let gradients: Vec<_> = all_gradients.iter().map(|gradients| &gradients[index]).collect();
                let values: Vec<_> = all_values.iter().map(|values| &values[index + 1]).collect();
                let results = statistics.backward(&gradients, &values);
                all_gradients
                    .iter_mut()
                    .zip(results)
                    .for_each(|(gradients, result)| gradients[index - 1] = result);
                continue;
            }
            for (row, (gradients, values)) in all_gradients.iter_mut().zip(&all_values).enumerate() {
                let at = (index, &values[..]);
                gradients[index - 1] =
                    self.layers[index].backward(gradients, at, first + row, moment, &self.adds);
            }
        }
        let parts = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let inputs: Vec<_> = all_values.iter().map(|values| &values[index]).collect();
            let gradients: Vec<_> = all_gradients.iter().map(|gradients| &gradients[index]).collect();
            layer.parameter_gradient(&inputs, &gradients, moment)
        });
        let gradient = parts.zip(&self.rules);
        (loss, gradient.map(|(gradient, rule)| if rule.trained { gradient } else { 0.0 }).collect())
    }

    /// Returns the number of rows that go through together: 512, or all rows if they need common statistics.
    fn chunk_rows(&self, rows: usize) -> usize {
        let is_standardize = |layer: &Layer| matches!(layer, Layer::Standardize { .. });
        if self.layers.iter().any(is_standardize) { rows } else { CHUNK_ROWS }
    }

    /// Updates the running statistics with those of all batches that have gone forward.
    fn update_running(&mut self) {
        for (index, statistics, rows) in self.statistics.take() {
            let Layer::Standardize { momentum, .. } = self.layers[index] else { continue };
            if let Layer::Affine(arrays) = &mut self.layers[index + 1] {
                let (mean, variance) = arrays[2..].split_at_mut(1);
                statistics.update_running(momentum, rows, &mut mean[0], &mut variance[0]);
            }
        }
    }

    /// Returns the sum of the rows' losses, and the gradients of their mean, penalties included.
    pub fn gradients(&self, rows: &[Row<'_>]) -> (f64, Vec<f32>) {
        let (losses, gradient) = self.mean_gradients(&[rows], None);
        (losses[0], gradient)
    }

    /// Returns the sum of the rows' losses of each batch, and the mean of their gradients, penalties
    /// included. If there is a moment, it adds noise. The moment is that of the first batch.
    fn mean_gradients(&self, batches: &[&[Row<'_>]], moment: Option<Moment>) -> (Vec<f64>, Vec<f32>) {
        let (mut losses, mut sums) = (Vec::new(), None::<Vec<f32>>);
        for (place, rows) in batches.iter().enumerate() {
            let before = place * batches[0].len().next_multiple_of(4);
            let scale = (1.0 / (rows.len() as f64 * batches.len() as f64)) as f32;
            let mut sum = 0.0;
            let most = self.chunk_rows(rows.len());
            for (index, rows) in rows.chunks(most).enumerate() {
                let first = before + index * most;
                let (loss, gradient) = self.gradients_of_chunk(first, rows, scale, moment);
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

    /// Returns the parameters of each line, in the order of the lines.
    fn lines(&self) -> Vec<Vec<usize>> {
        let (mut lines, mut start) = (Vec::new(), 0);
        let panel = |first: usize, count: usize| first..(first + LANES).min(count);
        for layer in &self.layers {
            let mut arrays = layer.parameters().into_iter();
            if let Layer::Dense(Dense { inputs, outputs, .. }) = layer {
                let (across, along) = if *outputs < 8 { (inputs, outputs) } else { (outputs, inputs) };
                for first in (0..*across).step_by(LANES) {
                    for other in 0..*along {
                        let place = |at| if *outputs < 8 { other * inputs + at } else { at * inputs + other };
                        lines.push(panel(first, *across).map(|at| start + place(at)).collect());
                    }
                }
                start += arrays.next().map_or(0, Vec::len);
            }
            for array in arrays {
                let panels = (0..array.len()).step_by(LANES).map(|first| panel(first, array.len()));
                lines.extend(panels.map(|panel| panel.map(|at| start + at).collect::<Vec<_>>()));
                start += array.len();
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

    /// Does one update from the mean gradient of some batches. Returns the sum of the rows' losses of each
    /// batch before it.
    fn update_from(&mut self, batches: &[&[Row<'_>]], rate: f64, moment: Moment) -> Vec<f64> {
        self.statistics.take();
        let (losses, mut gradient) = self.mean_gradients(batches, Some(moment));
        self.update_running();
        self.clip(&mut gradient);
        let mut parameters = self.parameters();
        for (index, (weight, gradient)) in parameters.iter_mut().zip(gradient).enumerate() {
            let Rule { trained, factor, decays, .. } = self.rules[index];
            if !trained {
                continue;
            }
            let update = if decays { &self.update } else { &self.undecayed };
            let factors = update.step_factors(rate * factor, moment.step, &mut Powers::default());
            let mut line = [Line([*weight; LANES])];
            let mut slots: Vec<_> = self.slots.iter().map(|slot| Line([slot[index]; LANES])).collect();
            let gradient = &[Line([gradient; LANES])];
            let mut finished = FinishedLines { weight: &mut line, gradient, slots: &mut slots };
            update.tile(Portable, &factors, &mut finished);
            *weight = line[0].0[0];
            for (slot, line) in self.slots.iter_mut().zip(slots) {
                slot[index] = line.0[0];
            }
        }
        self.set_parameters(&parameters);
        losses
    }

    /// Returns the mean loss of all rows.
    fn evaluate(&self, data: &Dataset) -> f64 {
        let losses = (0..data.rows()).map(|row| {
            let row = row_of(data, row);
            let output = self.forward(&[row.x], 0, None, false).remove(0).pop().unwrap();
            f64::from(weighed(loss_of_row(&*self.loss, &output, row.y, 1.0).0, row.weight))
        });
        losses.sum::<f64>() / data.rows() as f64
    }

    /// Trains whole epochs from the start, with these numbers of rows per batch and batches per update.
    pub fn train(
        &mut self,
        data: &Dataset,
        (batch, accumulate): (usize, usize),
        (seed, shuffle): (u64, bool),
        rates: &[f64],
    ) -> Trained {
        let mut step = 0;
        let mut trained = Trained::default();
        for (epoch, rate) in rates.iter().enumerate() {
            let mut order: Vec<u32> = (0..data.rows() as u32).collect();
            if shuffle {
                permutation(seed, stream(Purpose::Shuffle, epoch as u32), &mut order);
            }
            let rows: Vec<_> = order.iter().map(|&row| row_of(data, row as usize)).collect();
            let mut loss = 0.0;
            let batches = rows.chunks(batch).collect::<Vec<_>>();
            let mut predictions = vec![Vec::new(); data.rows()];
            for (batches, places) in batches.chunks(accumulate).zip(order.chunks(batch * accumulate)) {
                step += 1;
                self.seen.borrow_mut().clear();
                let losses = self.update_from(batches, *rate, Moment { seed, step });
                for (seen, place) in self.seen.take().into_iter().zip(places) {
                    predictions[*place as usize] = seen;
                }
                loss = losses.iter().fold(loss, |sum, more| sum + more);
            }
            trained.losses.push(loss / data.rows() as f64);
            trained.predictions.extend(predictions.into_iter().flatten());
            trained.validation_losses.push(self.evaluate(data));
        }
        trained
    }
}

/// What a training reports.
#[derive(Default)]
pub struct Trained {
    /// The mean loss of each epoch.
    pub losses: Vec<f64>,
    /// The prediction for each row before the step that used the row, `[epochs][rows][outputs]`.
    pub predictions: Vec<f32>,
    /// The mean loss over the same rows after each epoch.
    pub validation_losses: Vec<f64>,
}

/// A row of a dataset.
pub struct Row<'a> {
    pub x: &'a [f32],
    pub y: &'a [f32],
    /// The factor of the row's loss and of its gradient.
    pub weight: Option<f32>,
}

fn weighed(value: f32, weight: Option<f32>) -> f32 {
    weight.map_or(value, |weight| value * weight)
}

pub fn row_of<'a>(data: &'a Dataset<'_>, row: usize) -> Row<'a> {
    Row { x: data.x(row), y: data.y(row), weight: data.weights().map(|weights| weights[row]) }
}
