//! The operations that layers compile to. Each has an output of its own; only an elementwise function is
//! fused into the operation before it. This file dispatches the forward and backward passes of all kinds but
//! products.

use crate::engine::affine::Affine;
use crate::engine::gradients::{ParameterGradients, Shards};
use crate::engine::lookup::Lookup;
use crate::engine::noise;
use crate::engine::panels::{LANES, Line, Panels, panels};
use crate::engine::products::Product;
use crate::engine::simd::Simd;
use crate::engine::standardize::{BatchStatistics, Standardize};
use crate::engine::{Epilogue, Noise, RowFunction};
use crate::random::NoiseDraws;
use std::ops::Range;

/// What an operation computes.
pub enum Kind<S: Simd> {
    /// A matrix product.
    Product(Product),
    /// y = x
    Copy,
    /// A function of each row.
    Row(Box<dyn RowFunction<S>>),
    /// y = w x + b, or without b
    Affine(Affine),
    /// Standardizes features over the rows of a batch. The number is its index among these operations.
    Standardize(Standardize, usize),
    /// Adds noise in training. The number is its index among these operations.
    Noise(Box<dyn Noise<S>>, u32),
    /// Replaces category indices by trained values.
    Lookup(Lookup),
    /// y = x. The operation with this index adds these values again.
    Fork(usize),
    /// y = x plus the output of the fork with this index.
    Add(usize),
}

/// An operation, and the elementwise function that follows it.
pub struct Operation<S: Simd> {
    /// Values in a row of the output.
    pub outputs: usize,
    /// What it computes.
    pub kind: Kind<S>,
    /// Whether it has parameters that change in training.
    pub trainable: bool,
    /// The elementwise function that is applied to the output, if any.
    pub epilogue: Option<Box<dyn Epilogue<S>>>,
}

/// What determines the noise of a step.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The run's seed.
    pub seed: u64,
    /// The number of the update, counted from the creation of the model.
    pub step: u64,
    /// The rows of the earlier batches of the same update. Each batch is rounded up to a multiple of
    /// [`NOISE_ROWS`](crate::random::NOISE_ROWS).
    pub before: usize,
}

/// A range of the rows of a batch.
#[derive(Clone, Copy)]
pub struct BatchRange<'a> {
    /// The index of the first row in the batch.
    pub from: usize,
    /// The number of rows.
    pub rows: usize,
    /// Set in training only; there is no noise elsewhere.
    pub moment: Option<Moment>,
    /// The statistics over all rows of the batch. Without them, standardization uses its running statistics.
    pub statistics: Option<&'a [BatchStatistics]>,
}

impl<S: Simd> Operation<S> {
    /// Creates an operation without an elementwise function.
    pub fn new(outputs: usize, kind: Kind<S>) -> Self {
        Operation { outputs, trainable: kind.has_parameters(), kind, epilogue: None }
    }

    /// Returns whether an elementwise function can be fused into this operation. It cannot if the backward
    /// pass needs the operation's own output, or if an `Add` reads that output.
    pub fn takes_epilogue(&self) -> bool {
        self.epilogue.is_none() && !matches!(self.kind, Kind::Row(_) | Kind::Fork(_) | Kind::Standardize(..))
    }

    /// Returns whether a training keeps the derivatives of the elementwise function.
    pub fn keeps_derivative(&self) -> bool {
        self.epilogue.as_ref().is_some_and(|epilogue| epilogue.keeps_derivative())
    }

    /// Returns whether a training adds noise here.
    pub fn has_noise(&self) -> bool {
        matches!(self.kind, Kind::Noise(..))
    }

    /// Returns the parameters of an operation that standardizes.
    pub fn standardize(&self) -> &Standardize {
        match &self.kind {
            Kind::Standardize(standardize, _) => standardize,
            _ => unreachable!("`Plan::standardized` contains only operations that standardize"),
        }
    }

    /// Returns the lookup, if the operation is one.
    pub fn lookup(&self) -> Option<&Lookup> {
        match &self.kind {
            Kind::Lookup(lookup) => Some(lookup),
            _ => None,
        }
    }

    /// Returns the matrix product, if the operation is one.
    pub fn product(&self) -> Option<&Product> {
        match &self.kind {
            Kind::Product(product) => Some(product),
            _ => None,
        }
    }
}

impl<S: Simd> Kind<S> {
    /// Returns whether training changes parameters of this kind, unless they are frozen.
    pub fn has_parameters(&self) -> bool {
        matches!(self, Kind::Product(_) | Kind::Affine(_) | Kind::Lookup(_))
    }

    /// Returns whether the small-batch steps support this kind.
    pub fn is_plain(&self) -> bool {
        matches!(self, Kind::Product(_) | Kind::Copy | Kind::Row(_))
    }

    /// Computes the output from `input`, for all kinds but products. `before` contains the outputs of all
    /// earlier operations. An operation with noise keeps its draws, if there is room for them.
    #[inline(never)]
    pub(crate) fn forward(
        &self,
        s: S,
        parameters: &[Line],
        (before, input): (&[Panels], &Panels),
        (output, draws): (&mut Panels, Option<&mut Panels>),
        at: BatchRange<'_>,
    ) {
        let BatchRange { from, rows, moment, statistics } = at;
        match self {
            Kind::Standardize(standardize, number) => match statistics {
                Some(statistics) => standardize.forward(s, &statistics[*number], input, output, rows),
                None => standardize.forward_running(s, parameters, input, output, rows),
            },
            Kind::Affine(affine) => affine.forward(s, parameters, input, output, rows),
            Kind::Lookup(lookup) => lookup.forward(parameters, input, output, rows),
            Kind::Noise(noise, layer) => match (moment, draws) {
                (Some(Moment { seed, step, before }), Some(draws)) => {
                    noise::draw(s, NoiseDraws::new(seed, *layer, step), draws, (before + from, rows));
                    noise::forward(s, &**noise, (input, draws), output, rows);
                }
                _ => output.copy_from(input, rows),
            },
            _ => output.copy_from(input, rows),
        }
        match self {
            Kind::Row(row) => row.forward(s, output, rows),
            Kind::Add(fork) => output.add(s, &before[*fork], rows),
            _ => {}
        }
    }

    /// Computes the gradient with respect to the input, for all kinds but products. `index` is the index of
    /// this operation. `gradients` begins with the gradient with respect to its output, followed by those of
    /// the later operations. A lookup computes the gradient of the features `needed` only. `draws` are those
    /// that `forward` kept, if it drew any.
    #[inline(never)]
    pub(crate) fn backward(
        &self,
        s: S,
        parameters: &[Line],
        (input, output, draws): (&Panels, &Panels, Option<&Panels>),
        (index, gradients): (usize, &[Panels]),
        (result, needed): (&mut Panels, &Range<usize>),
        (rows, statistics): (usize, Option<&[BatchStatistics]>),
    ) {
        match self {
            Kind::Standardize(standardize, number) => {
                if let Some(statistics) = statistics {
                    let of_output = (&gradients[0], output);
                    standardize.backward(s, &statistics[*number], of_output, result, rows);
                }
            }
            Kind::Affine(affine) => affine.backward(s, parameters, &gradients[0], result, rows),
            Kind::Lookup(lookup) => lookup.backward(&gradients[0], result, rows, needed),
            Kind::Noise(noise, _) => match draws {
                Some(draws) => noise::backward(s, &**noise, (&gradients[0], draws), result, rows),
                None => result.copy_from(&gradients[0], rows),
            },
            _ => result.copy_from(&gradients[0], rows),
        }
        match self {
            Kind::Row(row) => row.backward(s, result, input, output, rows),
            Kind::Fork(add) => result.add(s, &gradients[*add - index], rows),
            _ => {}
        }
    }

    /// Computes the gradients of the parameters.
    #[inline(always)]
    pub(crate) fn parameter_gradient<'a>(&self, gradients: ParameterGradients<'_, '_, S, impl Shards<'a>>) {
        match self {
            Kind::Product(product) => product.parameter_gradient(gradients),
            Kind::Affine(affine) => affine.parameter_gradient(gradients),
            Kind::Lookup(lookup) => lookup.parameter_gradient(gradients),
            _ => {}
        }
    }
}

/// An array of parameters, and the lines that contain its values.
pub enum Array {
    /// The weights of a product, `[outputs][inputs]`.
    Weights(Product),
    /// A vector: its first line and its length.
    Vector(usize, usize),
    /// The values of the categories, `[categories][units]`.
    Table(Lookup),
}

impl Array {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Array::Weights(product) => product.inputs * product.outputs,
            Array::Vector(_, length) => *length,
            Array::Table(lookup) => lookup.categories * lookup.units,
        }
    }

    /// Returns whether the array has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns its lines, and whether it is a matrix: weight decay may be for matrices only.
    pub fn lines(&self) -> (Range<usize>, bool) {
        match self {
            Array::Weights(product) => (product.weight.clone(), true),
            Array::Vector(start, length) => (*start..start + panels(*length), false),
            Array::Table(lookup) => (lookup.table.clone(), true),
        }
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
