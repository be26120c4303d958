//! What layers compile to: operations, each with an output of its own. Only products and elementwise functions are
//! fused; this file has what the other kinds do, forward and back.

use crate::engine::gradients::{ParameterGradients, Shards};
use crate::engine::lookup::Lookup;
use crate::engine::noise;
use crate::engine::panels::{LANES, Line, Panels};
use crate::engine::products::Product;
use crate::engine::scale::Scale;
use crate::engine::simd::Simd;
use crate::engine::standardize::{Figures, Standardize};
use crate::engine::{Epilogue, Noise, RowFunction};
use crate::random::NoiseDraws;

/// What makes the values of an operation.
pub enum Kind<S: Simd> {
    /// A matrix product.
    Product(Product),
    /// The values before, as they are.
    Copy,
    /// A function of each row.
    Row(Box<dyn RowFunction<S>>),
    /// y = w x + b
    Scale(Scale),
    /// Features standardized over the rows of a batch. The number counts such operations.
    Standardize(Standardize, usize),
    /// Noise in training. The number counts the operations that draw.
    Noise(Box<dyn Noise<S>>, u32),
    /// A lookup.
    Lookup(Lookup),
    /// The values before, which the operation of this number adds again.
    Fork(usize),
    /// The values before and those of the fork of this number.
    Add(usize),
}

/// An operation: what makes its values, and the elementwise function behind it.
pub struct Operation<S: Simd> {
    /// Values in a row of the output.
    pub outputs: usize,
    /// What makes the values.
    pub kind: Kind<S>,
    /// Whether it has parameters that change in training.
    pub trainable: bool,
    /// The elementwise function at the end, if there is one.
    pub epilogue: Option<Box<dyn Epilogue<S>>>,
}

/// What the draws of a step follow from.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The run's seed.
    pub seed: u64,
    /// The number of the update in the model's life.
    pub step: u64,
    /// The rows of batches before this one that the same update takes, rounded up to groups of
    /// [`NOISE_ROWS`](crate::random::NOISE_ROWS) a batch.
    pub before: usize,
}

/// Some rows of a batch.
#[derive(Clone, Copy)]
pub struct BatchRange<'a> {
    /// The first one's place in the batch.
    pub from: usize,
    /// How many.
    pub rows: usize,
    /// Set in training, where there is noise.
    pub moment: Option<Moment>,
    /// What is known of all rows of the batch, if they are one to learn from.
    pub figures: Option<&'a [Figures]>,
}

impl<S: Simd> Operation<S> {
    /// A operation without a function at its end.
    pub fn new(outputs: usize, kind: Kind<S>) -> Self {
        Operation { outputs, trainable: kind.has_parameters(), kind, epilogue: None }
    }

    /// Whether an elementwise function can still follow. The gradient of a row needs the row's own output,
    /// and what is behind a fork is no part of it.
    pub fn takes_epilogue(&self) -> bool {
        self.epilogue.is_none() && !matches!(self.kind, Kind::Row(_) | Kind::Fork(_) | Kind::Standardize(..))
    }

    /// The parameters of an operation that the plan lists as standardizing.
    pub fn standardize(&self) -> &Standardize {
        match &self.kind {
            Kind::Standardize(standardize, _) => standardize,
            _ => unreachable!("the plan lists operations that standardize"),
        }
    }

    /// The matrix product, if the operation begins with one.
    pub fn product(&self) -> Option<&Product> {
        match &self.kind {
            Kind::Product(product) => Some(product),
            _ => None,
        }
    }
}

impl<S: Simd> Kind<S> {
    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        matches!(self, Kind::Product(_) | Kind::Scale(_) | Kind::Lookup(_))
    }

    /// Whether small batches can take it.
    pub fn is_plain(&self) -> bool {
        matches!(self, Kind::Product(_) | Kind::Copy | Kind::Row(_))
    }

    /// The values that are made of `input`, for all kinds but products. `before` has the outputs of all
    /// operations before.
    #[inline(never)]
    pub(crate) fn forward(
        &self,
        s: S,
        parameters: &[Line],
        (before, input): (&[Panels], &Panels),
        output: &mut Panels,
        at: BatchRange<'_>,
    ) {
        let BatchRange { from, rows, moment, figures } = at;
        match self {
            Kind::Standardize(standardize, number) => match figures {
                Some(figures) => standardize.forward(s, &figures[*number], input, output, rows),
                None => standardize.forward_running(s, parameters, input, output, rows),
            },
            Kind::Scale(scale) => scale.forward(s, parameters, input, output, rows),
            Kind::Lookup(lookup) => lookup.forward(parameters, input, output, rows),
            _ => output.copy_from(input, rows),
        }
        match self {
            Kind::Row(row) => row.forward(s, output, rows),
            Kind::Noise(noise, layer) => {
                if let Some(Moment { seed, step, before }) = moment {
                    let draws = NoiseDraws::new(seed, *layer, step);
                    noise::forward(s, &**noise, draws, output, (before + from, rows));
                }
            }
            Kind::Add(fork) => output.add(s, &before[*fork], rows),
            _ => {}
        }
    }

    /// The gradient of the input from that of the output, which is the first of `gradients`; the others are
    /// those of the operations behind, of which `index` is this one's number. For all kinds but products.
    #[inline(never)]
    pub(crate) fn backward(
        &self,
        s: S,
        parameters: &[Line],
        (input, output): (&Panels, &Panels),
        (index, gradients): (usize, &[Panels]),
        result: &mut Panels,
        at: BatchRange<'_>,
    ) {
        let BatchRange { from, rows, moment, figures } = at;
        match self {
            Kind::Standardize(standardize, number) => {
                if let Some(figures) = figures {
                    let of_output = (&gradients[0], output);
                    standardize.backward(s, &figures[*number], of_output, result, rows);
                }
            }
            Kind::Scale(scale) => scale.backward(s, parameters, &gradients[0], result, rows),
            Kind::Lookup(lookup) => lookup.backward(&gradients[0], result, rows),
            _ => result.copy_from(&gradients[0], rows),
        }
        match self {
            Kind::Row(row) => row.backward(s, result, input, output, rows),
            Kind::Noise(noise, layer) => {
                if let Some(Moment { seed, step, before }) = moment {
                    let draws = NoiseDraws::new(seed, *layer, step);
                    noise::backward(s, &**noise, draws, result, (before + from, rows));
                }
            }
            Kind::Fork(add) => result.add(s, &gradients[*add - index], rows),
            _ => {}
        }
    }

    /// The gradients of its parameters.
    #[inline(always)]
    pub(crate) fn parameter_gradient<'a>(&self, gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>) {
        match self {
            Kind::Product(product) => product.parameter_gradient(gradients),
            Kind::Scale(scale) => scale.parameter_gradient(gradients),
            Kind::Lookup(lookup) => lookup.parameter_gradient(gradients),
            _ => {}
        }
    }
}

/// An array of parameters of the border, and where its values lie.
pub enum Array {
    /// The weights of a product, `[outputs][inputs]`.
    Weights(Product),
    /// A value a feature, from this line.
    Vector(usize, usize),
    /// The values of categories, `[categories][units]`.
    Table(Lookup),
}

impl Array {
    /// How many values it has.
    pub fn len(&self) -> usize {
        match self {
            Array::Weights(product) => product.inputs * product.outputs,
            Array::Vector(_, length) => *length,
            Array::Table(lookup) => lookup.categories * lookup.units,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `visit` with the line and lane of each value in order.
    pub fn visit(&self, visit: &mut impl FnMut(usize, usize)) {
        let mut vector = |start: usize, length: usize| {
            (0..length).for_each(|index| visit(start + index / LANES, index % LANES));
        };
        match self {
            Array::Vector(start, length) => vector(*start, *length),
            Array::Table(Lookup { categories, units, table, .. }) => vector(table.start, categories * units),
            Array::Weights(product) => {
                for output in 0..product.outputs {
                    for input in 0..product.inputs {
                        let (line, lane) = product.place(output, input);
                        visit(product.weight.start + line, lane);
                    }
                }
            }
        }
    }
}
