//! What a Program is compiled into: everything about a network that does not change in training.

use crate::dataset::Dataset;
use crate::engine::affine::Affine;
use crate::engine::bfloat16::Precision;
use crate::engine::codes::LookedUp;
use crate::engine::groups::Groups;
use crate::engine::panels::Line;
use crate::engine::products::{Form, Product};
use crate::engine::simd::Simd;
use crate::engine::{CHUNK_ROWS, RowLoss, Update};
use crate::ensure;
use crate::errors::Result;
use crate::layers::LayerOperation;
use crate::measures::Measure;
use crate::operations::{Array, Kind, Operation};
use crate::ways::Way;
use std::ops::Range;

/// A penalty on the weights in these lines: l1 Σ|w| + l2 Σw². Training minimizes it together with the loss.
/// Its gradient is l1 sign(w) + 2 l2 w, with sign(0) = 0.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// The lines of parameters.
    pub lines: Range<usize>,
    /// The factor of the absolute values.
    pub l1: f32,
    /// The factor of the squares.
    pub l2: f32,
}

/// How gradients are clipped.
#[derive(Clone, Copy, Debug)]
pub enum Clip {
    /// Scales all gradients if their norm n = √Σg² is larger than this: g ← g · norm / (n + 1e-6), as in
    /// PyTorch's `clip_grad_norm_`.
    Norm(f64),
    /// Clamps each gradient to the range from minus this value to this value.
    Value(f32),
}

/// A Program compiled for one instruction set: everything about a network that does not change in training.
///
/// Its methods are in three files: `program.rs` compiles the Program, this one checks data, and converts
/// parameters from and to row-major arrays, and `network.rs` has the forward and backward passes.
pub struct Plan<S: Simd> {
    /// Values in a row of x.
    pub inputs: usize,
    /// The operations in order; at least one.
    pub operations: Vec<Operation<S>>,
    /// The first operation with trainable parameters. The backward pass ends here: the gradient of its input
    /// is not needed.
    pub first_trained: usize,
    /// For each of the lookups at the beginning: the features of its output whose gradient a lookup reads. No
    /// operation before them needs another one.
    pub needed: Vec<Range<usize>>,
    /// The precision of the factors of wide products in training steps.
    pub precision: Precision<S>,
    /// How a step is taken.
    pub way: Way,
    /// The loss.
    pub loss: Box<dyn RowLoss<S>>,
    /// The last layer, if the loss includes it. It is applied to predictions only.
    pub absorbed: Option<LayerOperation<S>>,
    /// The optimizer.
    pub update: Box<dyn Update<S>>,
    /// The measures that a run computes at the end of each epoch.
    pub measures: Vec<Box<dyn Measure<S>>>,
    /// The number of lines that all parameters take.
    pub lines: usize,
    /// The lines that training does not change, in increasing order. Their gradients stay zero, and the
    /// optimizer skips them.
    pub frozen: Vec<Range<usize>>,
    /// The groups of parameters, if an update treats some unlike others.
    pub groups: Option<Groups<S>>,
    /// The penalties on weights.
    pub penalties: Vec<Penalty>,
    /// How gradients are clipped, if at all.
    pub clip: Option<Clip>,
    /// The number of parameters.
    pub parameters: usize,
    /// The arrays of parameters, layer by layer: their order in row-major arrays of all parameters.
    pub arrays: Vec<Array>,
    /// The operations that need statistics over all rows of a batch. The threads wait for each other there.
    pub standardized: Vec<usize>,
    /// The columns of x that contain category indices, each with its number of categories.
    pub categories: Vec<(usize, usize)>,
}

/// The first product of a network, whose input may be codes.
#[derive(Clone, Copy)]
pub(crate) struct CodedProduct<'a> {
    /// The index of the operation.
    pub index: usize,
    /// The product.
    pub product: &'a Product,
    /// The scale of its input.
    pub scale: Option<&'a Affine>,
    /// The number of lookups before them.
    pub lookups: usize,
}

impl<S: Simd> Plan<S> {
    /// Returns an error if a categorical column of x has a value that is not the index of a category.
    pub fn check_categories(&self, x: &[f32]) -> Result<()> {
        for &(column, categories) in &self.categories {
            for (row, values) in x.chunks_exact(self.inputs).enumerate() {
                let value = values[column];
                ensure!(
                    value.fract() == 0.0 && value >= 0.0 && value < categories as f32,
                    "x: row {row}, column {column}: expected a category, a whole number from 0 to {}, \
                     received {value}",
                    categories - 1
                );
            }
        }
        Ok(())
    }

    /// Returns the number of values in a row of the last operation's output.
    pub fn outputs(&self) -> usize {
        self.operations.last().map_or(self.inputs, |operation| operation.outputs)
    }

    /// Returns the most rows that go through the operations together: a chunk, or the whole batch if an
    /// operation needs statistics over its rows.
    pub fn chunk_rows(&self) -> usize {
        if self.standardized.is_empty() { CHUNK_ROWS } else { usize::MAX }
    }

    /// Returns the number of multiply-adds that training needs for a row: for the outputs, for the gradients
    /// of the parameters, and for the gradients of all inputs but the first product's.
    pub fn multiply_adds(&self) -> usize {
        let products = self.operations.iter().filter_map(Operation::product);
        let sizes = products.map(|product| product.inputs.saturating_mul(product.outputs));
        let (mut all, mut first) = (0_usize, None);
        for size in sizes {
            first.get_or_insert(size);
            all = all.saturating_add(size.saturating_mul(3));
        }
        all - first.unwrap_or(0)
    }

    /// Returns the ranges of `lines` that training changes, in increasing order.
    #[inline(always)]
    pub fn trained(&self, lines: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.frozen.iter().map(|frozen| frozen.end));
        let ends = self.frozen.iter().map(|frozen| frozen.start).chain([self.lines]);
        let ranges = starts.zip(ends).map(move |(start, end)| start.max(lines.start)..end.min(lines.end));
        ranges.filter(|range| !range.is_empty())
    }

    /// Calls `visit` with the line and lane of every parameter, in the order of [`arrays`](Self::arrays).
    pub fn visit(&self, mut visit: impl FnMut(usize, usize)) {
        self.arrays.iter().for_each(|array| array.visit(&mut visit));
    }

    /// Copies lines to row-major values. Each line of parameters has `stride` lines here, and the one at
    /// `offset` is copied.
    pub fn read(&self, lines: &[Line], stride: usize, offset: usize, values: &mut [f32]) {
        let mut values = values.iter_mut();
        self.visit(|line, lane| {
            if let Some(value) = values.next() {
                *value = lines[line * stride + offset].0[lane];
            }
        });
    }

    /// Copies row-major values into lines: the inverse of `read`.
    pub fn write(&self, values: &[f32], lines: &mut [Line], stride: usize, offset: usize) {
        let mut values = values.iter();
        self.visit(|line, lane| {
            if let Some(value) = values.next() {
                lines[line * stride + offset].0[lane] = *value;
            }
        });
    }

    /// Returns the number of values in a row of x and of the targets.
    pub(crate) fn widths(&self) -> (usize, usize) {
        (self.inputs, self.loss.targets(self.outputs()))
    }

    /// Returns an error if the data has rows of another width, or values that a layer or the loss does not
    /// accept.
    pub(crate) fn check(&self, data: &Dataset<'_>) -> Result<()> {
        let (inputs, outputs) = self.widths();
        ensure!(data.inputs() == inputs, "data: expected {inputs} inputs, received {}", data.inputs());
        ensure!(data.outputs() == outputs, "data: expected {outputs} outputs, received {}", data.outputs());
        self.check_categories(data.inputs_of_all())?;
        self.loss.check(data.targets(), self.outputs())
    }

    /// Returns the product whose input may be codes, and the scale before it, if there is one. Both are trained,
    /// and only lookups come before them.
    pub(crate) fn coded_product(&self) -> Option<CodedProduct<'_>> {
        if matches!(self.way, Way::Segments) || self.rounds() {
            return None;
        }
        let is_trained = |operation: &&Operation<S>| operation.trainable;
        let is_lookup =
            |operation: &&Operation<S>| operation.lookup().is_some() && operation.epilogue.is_none();
        let lookups = self.operations.iter().take_while(is_lookup).count();
        let mut rest = self.operations[lookups..].iter();
        let first = rest.next().filter(is_trained)?;
        let (index, operation, scale) = match &first.kind {
            Kind::Affine(scale) if scale.bias.is_none() && first.epilogue.is_none() => {
                (lookups + 1, rest.next().filter(is_trained)?, Some(scale))
            }
            _ => (lookups, first, None),
        };
        let product = operation.product().filter(|product| product.form == Form::Wide)?;
        Some(CodedProduct { index, product, scale, lookups })
    }

    /// Returns the columns of x that are looked up, in the order of the lookups.
    pub(crate) fn looked_up(&self) -> Vec<LookedUp> {
        let lookups = self.operations.iter().filter_map(Operation::lookup);
        let columns = self.categories.iter().zip(lookups);
        columns.map(|(&(column, _), lookup)| LookedUp { column, units: lookup.units }).collect()
    }

    /// Returns whether training steps round the factors of wide products.
    pub fn rounds(&self) -> bool {
        !matches!(self.precision, Precision::Float32)
    }

    /// Returns whether an update needs the gradient of all parameters at once.
    pub fn needs_whole_gradient(&self) -> bool {
        self.clip.is_some() || !self.penalties.is_empty()
    }
}
