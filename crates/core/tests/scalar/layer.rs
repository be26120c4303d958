//! The layers of the scalar program. `mod.rs` defines their sums.

use myelin_core::engine::panels::{LANES, Line, Panels, ZERO};
use myelin_core::engine::simd::portable::Portable;
use myelin_core::engine::{Epilogue, Noise, RowFunction};
use myelin_core::random::NoiseDraws;

/// y = W x + b, with W as `[outputs][inputs]`.
#[derive(Clone, Debug)]
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
    /// Whether training steps round the factors to bfloat16, if the product is wide.
    pub bfloat16: bool,
}

/// Rounds to bfloat16 by its definition: to the nearest value with 8 bits, halves to the even one, magnitudes
/// below 2^-56 to 0.
pub fn bfloat16(value: f32) -> f32 {
    if !value.is_finite() || value.abs() < 2.0_f32.powi(-56) {
        return if value.is_finite() { 0.0 } else { value };
    }
    let exponent = (value.to_bits() >> 23 & 0xFF) as i32 - 127;
    let unit = f64::from(exponent - 7).exp2();
    ((f64::from(value) / unit).round_ties_even() * unit) as f32
}

fn all_rounded(values: &[f32]) -> Vec<f32> {
    values.iter().copied().map(bfloat16).collect()
}

impl Dense {
    fn rounds(&self, moment: Option<Moment>) -> bool {
        self.bfloat16 && self.outputs >= 8 && moment.is_some()
    }

    /// Returns the layer with rounded weights, and with zeros for biases below 2^-102.
    fn rounded(&self) -> Dense {
        let start = |bias: &f32| if bias.abs() < 2.0_f32.powi(-102) { 0.0 } else { *bias };
        let bias = self.bias.as_ref().map(|bias| bias.iter().map(start).collect());
        Dense { weight: all_rounded(&self.weight), bias, ..*self }
    }

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

    /// Returns the gradient of W, then that of b, over rows of inputs and gradients.
    pub fn parameter_gradient(&self, inputs: &[&Vec<f32>], gradients: &[&Vec<f32>]) -> Vec<f32> {
        let mut weight = vec![0.0f32; self.weight.len()];
        let mut bias = vec![0.0f32; self.bias.as_ref().map_or(0, Vec::len)];
        for (x, gradient) in inputs.iter().zip(gradients) {
            for (sums, gradient) in weight.chunks_mut(self.inputs).zip(*gradient) {
                for (sum, x) in sums.iter_mut().zip(*x) {
                    *sum = x.mul_add(*gradient, *sum);
                }
            }
            for (sum, gradient) in bias.iter_mut().zip(*gradient) {
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

pub enum Layer {
    Dense(Dense),
    Elementwise(Box<dyn Epilogue<Portable>>),
    Row(Box<dyn RowFunction<Portable>>),
    /// w, then b if there is one; after `Standardize` also its running mean and variance.
    Affine(Vec<Vec<f32>>),
    Standardize {
        epsilon: f32,
        momentum: f32,
    },
    /// The noise, and the layer's number among the layers that draw.
    Noise(Box<dyn Noise<Portable>>, u32),
    Lookup {
        column: usize,
        units: usize,
        table: Vec<f32>,
    },
    Fork,
    /// The index of the fork.
    Add(usize),
}

/// The values that the draws of a step depend on.
#[derive(Clone, Copy)]
pub struct Moment {
    pub seed: u64,
    pub step: u64,
}

impl Layer {
    pub fn parameters(&self) -> Vec<&Vec<f32>> {
        match self {
            Layer::Dense(dense) => std::iter::once(&dense.weight).chain(&dense.bias).collect(),
            Layer::Affine(arrays) => arrays.iter().collect(),
            Layer::Lookup { table, .. } => vec![table],
            _ => Vec::new(),
        }
    }

    pub fn parameters_mut(&mut self) -> Vec<&mut Vec<f32>> {
        match self {
            Layer::Dense(dense) => std::iter::once(&mut dense.weight).chain(&mut dense.bias).collect(),
            Layer::Affine(arrays) => arrays.iter_mut().collect(),
            Layer::Lookup { table, .. } => vec![table],
            _ => Vec::new(),
        }
    }

    /// Returns the output for the row at index `place` of the batch. `values` holds the outputs of all
    /// earlier layers.
    pub fn forward(&self, values: &[Vec<f32>], place: usize, moment: Option<Moment>) -> Vec<f32> {
        let x = &values[values.len() - 1];
        match self {
            Layer::Dense(dense) if dense.rounds(moment) => dense.rounded().forward(&all_rounded(x)),
            Layer::Dense(dense) => dense.forward(x),
            Layer::Elementwise(function) => x.iter().map(|x| apply(&**function, *x)).collect(),
            Layer::Row(function) => {
                let mut values = row_panels(x);
                function.forward(Portable, &mut values, 1);
                row_values(&values)
            }
            Layer::Affine(arrays) => {
                let bias = |at: usize| arrays.get(1).map_or(0.0, |bias| bias[at]);
                x.iter().zip(&arrays[0]).enumerate().map(|(at, (x, w))| w.mul_add(*x, bias(at))).collect()
            }
            Layer::Standardize { .. } => panic!("it takes all rows of a batch"),
            Layer::Noise(noise, layer) => make_noise(x, *layer, place, moment, |line, draws, noisy| {
                noise.forward(Portable, line, draws, noisy);
            }),
            Layer::Lookup { column, units, table } => {
                let entry = &table[x[*column] as usize * units..][..*units];
                [&x[..*column], entry, &x[column + 1..]].concat()
            }
            Layer::Fork => x.clone(),
            Layer::Add(fork) => x.iter().zip(&values[*fork]).map(|(x, before)| x + before).collect(),
        }
    }

    /// Returns the gradient of the input for the row at index `place`. `values` holds the row's values before
    /// and after each layer, `gradients` the gradients of the outputs of this layer and the later ones.
    pub fn backward(
        &self,
        gradients: &[Vec<f32>],
        (index, values): (usize, &[Vec<f32>]),
        place: usize,
        moment: Option<Moment>,
        adds: &[usize],
    ) -> Vec<f32> {
        let gradient = &gradients[index];
        match self {
            Layer::Dense(dense) if dense.rounds(moment) => {
                dense.rounded().input_gradient(&all_rounded(gradient))
            }
            Layer::Dense(dense) => dense.input_gradient(gradient),
            Layer::Row(function) => differentiate_row(&**function, gradient, &values[index..]),
            Layer::Elementwise(function) => {
                let places = values[index].iter().zip(&values[index + 1]);
                let of_value = |(gradient, (input, output)): (&f32, (&f32, &f32))| {
                    differentiate(&**function, *gradient, *input, *output)
                };
                gradient.iter().zip(places).map(of_value).collect()
            }
            Layer::Affine(arrays) => gradient.iter().zip(&arrays[0]).map(|(g, w)| w * g).collect(),
            Layer::Standardize { .. } => panic!("it takes all rows of a batch"),
            Layer::Noise(noise, layer) => {
                make_noise(gradient, *layer, place, moment, |line, draws, result| {
                    noise.backward(Portable, line, draws, result);
                })
            }
            Layer::Lookup { column, units, .. } => {
                [&gradient[..*column], &[0.0], &gradient[column + units..]].concat()
            }
            Layer::Fork => gradient.iter().zip(&gradients[adds[index]]).map(|(g, add)| g + add).collect(),
            Layer::Add(_) => gradient.clone(),
        }
    }

    /// Returns the gradients of the parameters over rows of inputs and of gradients of outputs.
    pub fn parameter_gradient(
        &self,
        inputs: &[&Vec<f32>],
        gradients: &[&Vec<f32>],
        moment: Option<Moment>,
    ) -> Vec<f32> {
        match self {
            Layer::Dense(dense) if dense.rounds(moment) => {
                let rounded =
                    |rows: &[&Vec<f32>]| rows.iter().map(|row| all_rounded(row)).collect::<Vec<_>>();
                let (x, g) = (rounded(inputs), rounded(gradients));
                let mut all =
                    dense.parameter_gradient(&x.iter().collect::<Vec<_>>(), &g.iter().collect::<Vec<_>>());
                // The gradient of b has no factors.
                let exact = dense.parameter_gradient(inputs, gradients);
                all[dense.weight.len()..].copy_from_slice(&exact[dense.weight.len()..]);
                all
            }
            Layer::Dense(dense) => dense.parameter_gradient(inputs, gradients),
            Layer::Affine(arrays) => {
                let mut sums = vec![vec![0.0f32; arrays[0].len()]; arrays.len()];
                for (x, gradient) in inputs.iter().zip(gradients) {
                    for (index, (x, gradient)) in x.iter().zip(*gradient).enumerate() {
                        sums[0][index] = gradient.mul_add(*x, sums[0][index]);
                        if let Some(bias) = sums.get_mut(1) {
                            bias[index] += gradient;
                        }
                    }
                }
                sums.concat()
            }
            Layer::Lookup { column, units, table } => {
                let mut sums = vec![0.0f32; table.len()];
                for (x, gradient) in inputs.iter().zip(gradients) {
                    let entry = &mut sums[x[*column] as usize * units..][..*units];
                    entry.iter_mut().zip(&gradient[*column..]).for_each(|(sum, gradient)| *sum += gradient);
                }
                sums
            }
            _ => Vec::new(),
        }
    }
}

/// Calls `act` for each value with its draw. The row's place and the feature select the draw.
fn make_noise(
    values: &[f32],
    layer: u32,
    place: usize,
    moment: Option<Moment>,
    act: impl Fn(&[Line], &[Line], &mut [Line]),
) -> Vec<f32> {
    let Some(Moment { seed, step }) = moment else { return values.to_vec() };
    let of_value = |(feature, value): (usize, &f32)| {
        let words = NoiseDraws::new(seed, layer, step).words(feature as u32, place as u32 / 4);
        let draw = (words[place % 4] >> 8 | 1) as f32 / 16_777_216.0;
        let mut result = [ZERO];
        act(&[Line([*value; LANES])], &[Line([draw; LANES])], &mut result);
        result[0].0[0]
    };
    values.iter().enumerate().map(of_value).collect()
}

/// Applies a function of one value, through a line that holds the value in every lane.
fn apply(epilogue: &dyn Epilogue<Portable>, value: f32) -> f32 {
    let mut line = [Line([value; LANES])];
    epilogue.forward(Portable, &mut line);
    line[0].0[0]
}

fn differentiate(epilogue: &dyn Epilogue<Portable>, gradient: f32, input: f32, output: f32) -> f32 {
    if epilogue.keeps_derivative() {
        let mut derivative = [ZERO];
        epilogue.forward_with_derivative(Portable, &mut [Line([input; LANES])], &mut derivative);
        return gradient * derivative[0].0[0];
    }
    let mut line = [Line([gradient; LANES])];
    epilogue.backward(Portable, &mut line, &[Line([output; LANES])]);
    line[0].0[0]
}

pub fn row_panels(values: &[f32]) -> Panels {
    let mut panels = Panels::new(values.len(), 1).unwrap();
    panels.set_row(0, values);
    panels
}

pub fn row_values(panels: &Panels) -> Vec<f32> {
    let mut values = vec![0.0; panels.features()];
    panels.row(0, &mut values);
    values
}

/// Returns the gradient of the input of a row function, from the values before and after it.
fn differentiate_row(
    function: &dyn RowFunction<Portable>,
    gradient: &[f32],
    places: &[Vec<f32>],
) -> Vec<f32> {
    let mut gradient = row_panels(gradient);
    function.backward(Portable, &mut gradient, &row_panels(&places[0]), &row_panels(&places[1]), 1);
    row_values(&gradient)
}
