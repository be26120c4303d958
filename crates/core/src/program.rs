//! The Program: layers, loss and optimizer as complete plain JSON, compiled into operations that the network
//! walks.
//!
//! The TypeScript twin fills in the defaults; here every field has to be there, and none besides.

use crate::dataset::Dataset;
use crate::engine::lookup::Lookup;
use crate::engine::panels::{Line, panels};
use crate::engine::products::Product;
use crate::engine::scale::Scale;
use crate::engine::simd::Simd;
use crate::engine::standardize::Standardize;
use crate::engine::{CHUNK_ROWS, RowLoss, Update};
use crate::ensure;
use crate::errors::{Error, Result};
use crate::layers::{self, LayerOperation};
use crate::operations::{Array, Kind, Operation};
use crate::ways::Way;
use crate::{losses, optimizers, options};
use serde_json::{Map, Value};
use std::ops::Range;

/// l1 Σ|w| + l2 Σw² over the weights in these lines, which training lowers together with the loss. Its
/// gradient is l1 sign(w) + 2 l2 w, with sign(0) = 0.
#[derive(Clone, Debug)]
pub struct Penalty {
    /// Lines of parameters that change in training.
    pub lines: Range<usize>,
    /// What the absolute values are multiplied by.
    pub l1: f32,
    /// What the squares are multiplied by.
    pub l2: f32,
}

/// Within what a gradient is held.
#[derive(Clone, Copy, Debug)]
pub enum Clip {
    /// Where the norm of all gradients together, n = √Σg², is larger than this, g ← g · norm / (n + 1e-6), as
    /// PyTorch's `clip_grad_norm_` has it.
    Norm(f64),
    /// Each gradient, from minus this to this.
    Value(f32),
}

/// A Program compiled for one instruction set: what stays the same while the parameters change.
pub struct Plan<S: Simd> {
    /// Values in a row of x.
    pub inputs: usize,
    /// The operations in order; at least one.
    pub operations: Vec<Operation<S>>,
    /// The first operation with parameters that change: no gradient is needed of what goes into it.
    pub first_trained: usize,
    /// How a step is taken.
    pub way: Way,
    /// The loss at the end.
    pub loss: Box<dyn RowLoss<S>>,
    /// What the loss is computed together with and predictions go through besides, if anything.
    pub absorbed: Option<LayerOperation<S>>,
    /// The optimizer.
    pub update: Box<dyn Update<S>>,
    /// Lines that all parameters take.
    pub lines: usize,
    /// Those that no gradient changes, in increasing order: their gradients stay zero, and no update goes
    /// through them.
    pub frozen: Vec<Range<usize>>,
    /// What is added to the gradients of weights.
    pub penalties: Vec<Penalty>,
    /// Within what gradients are held, if anything.
    pub clip: Option<Clip>,
    /// The number of parameters.
    pub parameters: usize,
    /// The arrays of parameters, in the order of the border: layer by layer.
    pub arrays: Vec<Array>,
    /// The operations for which the threads meet, since they need figures of all rows of a batch.
    pub standardized: Vec<usize>,
    /// The columns of x that hold numbers of categories, and how many categories each has.
    pub categories: Vec<(usize, usize)>,
}

fn object<'a>(value: Option<&'a Value>, place: &str) -> Result<&'a Map<String, Value>> {
    let missing = || Error::new(format!("program: {place} must be an object with a \"type\""));
    value.and_then(Value::as_object).ok_or_else(missing)
}

fn kind<'a>(entry: &'a Map<String, Value>, place: &str) -> Result<&'a str> {
    let missing = || Error::new(format!("program: {place} must have a \"type\" that is a string"));
    entry.get("type").and_then(Value::as_str).ok_or_else(missing)
}

/// What `clipGradients` says: null, `{ "norm": … }` or `{ "value": … }`.
fn clip(value: Option<&Value>) -> Result<Option<Clip>> {
    let refuse = || {
        let expected = "null, or an object with either \"norm\" or \"value\", a number above 0";
        Error::new(format!("program: clipGradients must be {expected}"))
    };
    let value = value.ok_or_else(refuse)?;
    if value.is_null() {
        return Ok(None);
    }
    let fields: Vec<_> = value.as_object().ok_or_else(refuse)?.iter().collect();
    let [(name, most)] = fields[..] else { return Err(refuse()) };
    let most = most.as_f64().filter(|most| options::fits(*most, options::ABOVE_0)).ok_or_else(refuse)?;
    match name.as_str() {
        "norm" => Ok(Some(Clip::Norm(most))),
        "value" => Ok(Some(Clip::Value(most as f32))),
        _ => Err(refuse()),
    }
}

/// The number of no operation yet: that of a fork whose values nobody has added.
const OPEN: usize = usize::MAX;

const FIELDS: [&str; 5] = ["inputs", "layers", "loss", "optimizer", "clipGradients"];

impl<S: Simd> Plan<S> {
    /// Reads and checks the Program.
    pub fn compile(program: &str) -> Result<Self> {
        let program: Value =
            serde_json::from_str(program).map_err(|error| Error::new(format!("program: {error}")))?;
        let program = object(Some(&program), "the program")?;
        for name in program.keys() {
            ensure!(
                FIELDS.contains(&name.as_str()),
                "program: unknown field \"{name}\"; expected {FIELDS:?}"
            );
        }
        let inputs = program.get("inputs").and_then(options::size);
        let inputs =
            inputs.ok_or_else(|| Error::new("program: inputs must be a whole number, at least 1"))?;
        let layers = program.get("layers").and_then(Value::as_array);
        let layers = layers.ok_or_else(|| Error::new("program: layers must be a list"))?;
        let loss = object(program.get("loss"), "loss")?;
        let optimizer = object(program.get("optimizer"), "optimizer")?;
        let mut plan = Plan {
            inputs,
            operations: Vec::new(),
            first_trained: 0,
            way: Way::Rows,
            loss: losses::build(kind(loss, "loss")?, loss)?,
            absorbed: None,
            update: optimizers::build(kind(optimizer, "optimizer")?, optimizer)?,
            lines: 0,
            frozen: Vec::new(),
            penalties: Vec::new(),
            clip: clip(program.get("clipGradients"))?,
            parameters: 0,
            arrays: Vec::new(),
            standardized: Vec::new(),
            categories: Vec::new(),
        };
        let (mut all, mut last) = (Vec::new(), "");
        for (index, layer) in layers.iter().enumerate() {
            let place = format!("layer {index}");
            let layer = object(Some(layer), &place)?;
            let specs = layers::build::<S>(kind(layer, &place)?, layer)
                .map_err(|error| Error::new(format!("{place}: {error}")))?;
            all.extend(specs);
            last = kind(layer, &place)?;
        }
        ensure!(!all.is_empty(), "program: expected at least 1 layer, received none");
        plan.loss.check_after(last).map_err(|error| Error::new(format!("loss: {error}")))?;
        if let Some(loss) = plan.loss.absorb(last) {
            (plan.loss, plan.absorbed) = (loss, all.pop());
        }
        for spec in all {
            plan.push(spec)?;
        }
        if plan.operations.is_empty() {
            plan.operations.push(Operation::new(inputs, Kind::Copy));
        }
        let first = plan.operations.iter().position(|operation| operation.trainable);
        plan.first_trained = first.unwrap_or(plan.operations.len() - 1);
        let size = (plan.lines, plan.needs_whole_gradient());
        plan.way = Way::of(&plan.operations, size, (&*plan.loss, &*plan.update));
        Ok(plan)
    }

    fn push(&mut self, spec: LayerOperation<S>) -> Result<()> {
        let width = self.outputs();
        let (outputs, kind) = match spec {
            LayerOperation::Product { outputs, bias, trainable, l1, l2 } => {
                let product = self.product(outputs, bias)?;
                if !trainable {
                    let end = product.bias.as_ref().unwrap_or(&product.weight).end;
                    self.frozen.push(product.weight.start..end);
                } else if l1 != 0.0 || l2 != 0.0 {
                    self.penalties.push(Penalty { lines: product.weight.clone(), l1, l2 });
                }
                let operation = Operation::new(outputs, Kind::Product(product));
                self.operations.push(Operation { trainable, ..operation });
                return Ok(());
            }
            LayerOperation::Elementwise(epilogue) => {
                if self.operations.last().is_none_or(|operation| !operation.takes_epilogue()) {
                    self.operations.push(Operation::new(width, Kind::Copy));
                }
                if let Some(operation) = self.operations.last_mut() {
                    operation.epilogue = Some(epilogue);
                }
                return Ok(());
            }
            LayerOperation::Row(row) => (width, Kind::Row(row)),
            LayerOperation::Scale => (width, Kind::Scale(self.scale(width)?)),
            LayerOperation::Standardize { epsilon, momentum } => {
                let scale = self.scale(width)?;
                let standardize = self.standardize(width, epsilon, momentum)?;
                let number = self.standardized.len();
                self.standardized.push(self.operations.len());
                self.operations.push(Operation::new(width, Kind::Standardize(standardize, number)));
                (width, Kind::Scale(scale))
            }
            LayerOperation::Noise(noise) => {
                let before =
                    self.operations.iter().filter(|operation| matches!(operation.kind, Kind::Noise(..)));
                (width, Kind::Noise(noise, before.count() as u32))
            }
            LayerOperation::Lookup { column, categories, units } => {
                let lookup = self.lookup(column, categories, units)?;
                (width - 1 + units, Kind::Lookup(lookup))
            }
            LayerOperation::Fork => (width, Kind::Fork(OPEN)),
            LayerOperation::Add => (width, Kind::Add(self.close_fork(width)?)),
        };
        self.operations.push(Operation::new(outputs, kind));
        Ok(())
    }

    /// Tells the last open fork that the operation to come adds its values; its number.
    fn close_fork(&mut self, width: usize) -> Result<usize> {
        let add = self.operations.len();
        let open = |operation: &Operation<S>| matches!(operation.kind, Kind::Fork(OPEN));
        let fork =
            self.operations.iter().rposition(open).ok_or_else(|| Error::new("program: no fork to add"))?;
        let inputs = self.operations[fork].outputs;
        ensure!(
            inputs == width,
            "program: a residual's layers must have as many outputs as inputs, received {width} of {inputs}"
        );
        self.operations[fork].kind = Kind::Fork(add);
        Ok(fork)
    }

    /// So many more lines of parameters, if they can be counted with all that belongs to them.
    fn allocate(&mut self, lines: Option<usize>, what: impl Fn() -> String) -> Result<Range<usize>> {
        let end = lines.and_then(|lines| self.lines.checked_add(lines));
        let slots = self.update.slots() + 1;
        let bytes =
            |end: usize| end.checked_mul(size_of::<Line>()).and_then(|bytes| bytes.checked_mul(slots));
        let end = end.filter(|end| bytes(*end).is_some_and(|bytes| bytes <= isize::MAX as usize));
        let end = end.ok_or_else(|| Error::new(format!("program: a layer of {} is too large", what())))?;
        Ok(std::mem::replace(&mut self.lines, end)..end)
    }

    fn add_array(&mut self, array: Array) {
        self.parameters += array.len();
        self.arrays.push(array);
    }

    /// A line of parameters for each panel of so many features.
    fn vector(&mut self, length: usize) -> Result<Range<usize>> {
        let lines = self.allocate(Some(panels(length)), || format!("{length} features"))?;
        self.add_array(Array::Vector(lines.start, length));
        Ok(lines)
    }

    fn product(&mut self, outputs: usize, bias: bool) -> Result<Product> {
        let inputs = self.outputs();
        let weights = || format!("{inputs} x {outputs} weights");
        let weight = self.allocate(Product::weight_lines(inputs, outputs), weights)?;
        let product = Product { inputs, outputs, form: Product::form(outputs), weight, bias: None };
        self.add_array(Array::Weights(product.clone()));
        let bias = if bias { Some(self.vector(outputs)?) } else { None };
        Ok(Product { bias, ..product })
    }

    fn scale(&mut self, width: usize) -> Result<Scale> {
        Ok(Scale { weight: self.vector(width)?, bias: self.vector(width)? })
    }

    fn standardize(&mut self, width: usize, epsilon: f32, momentum: f32) -> Result<Standardize> {
        let (mean, variance) = (self.vector(width)?, self.vector(width)?);
        self.frozen.push(mean.start..variance.end);
        Ok(Standardize { epsilon, momentum, mean, variance })
    }

    fn lookup(&mut self, column: usize, categories: usize, units: usize) -> Result<Lookup> {
        let width = self.outputs();
        ensure!(column < width, "program: a lookup of column {column}, but there are {width}");
        let is_first = self.operations.iter().all(|operation| matches!(operation.kind, Kind::Lookup(_)));
        ensure!(is_first, "program: a lookup must come first, or after other lookups");
        let source = self.source(column);
        let source = source.ok_or_else(|| Error::new(format!("program: column {column} was looked up")))?;
        let fits = width.checked_add(units).is_some_and(|width| width <= i32::MAX as usize);
        ensure!(fits, "program: a lookup of {units} units beside {width} columns is too large");
        let entries = || format!("{categories} x {units} values");
        let table = self.allocate(Lookup::lines(categories, units), entries)?;
        let lookup = Lookup { column, categories, units, table };
        self.add_array(Array::Table(lookup.clone()));
        self.categories.push((source, categories));
        Ok(lookup)
    }

    /// The column of x that is this one behind the lookups so far; none if a lookup has made it.
    fn source(&self, column: usize) -> Option<usize> {
        let lookups = self.operations.iter().rev().filter_map(|operation| match &operation.kind {
            Kind::Lookup(lookup) => Some(lookup),
            _ => None,
        });
        lookups.into_iter().try_fold(column, |column, lookup| match column {
            column if column < lookup.column => Some(column),
            column if column < lookup.column + lookup.units => None,
            column => Some(column + 1 - lookup.units),
        })
    }

    /// Refuses rows of x with a value that is the number of no category.
    pub fn check_categories(&self, x: &[f32]) -> Result<()> {
        for &(column, categories) in &self.categories {
            for (row, values) in x.chunks_exact(self.inputs).enumerate() {
                let value = values[column];
                ensure!(
                    value.fract() == 0.0 && value >= 0.0 && value < categories as f32,
                    "x: row {row}, column {column}: expected a whole number below {categories}, received {value}"
                );
            }
        }
        Ok(())
    }

    /// Values in a row of the last output so far.
    pub fn outputs(&self) -> usize {
        self.operations.last().map_or(self.inputs, |operation| operation.outputs)
    }

    /// The most rows that go forward and back together: those of a chunk, or a whole batch where there are
    /// figures over its rows.
    pub fn chunk_rows(&self) -> usize {
        if self.standardized.is_empty() { CHUNK_ROWS } else { usize::MAX }
    }

    /// The multiply-adds that a row costs: forward, back to the parameters, and back to all inputs but the
    /// network's.
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

    /// The ranges of `lines` that training changes, in increasing order.
    #[inline(always)]
    pub fn trained(&self, lines: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.frozen.iter().map(|frozen| frozen.end));
        let ends = self.frozen.iter().map(|frozen| frozen.start).chain([self.lines]);
        let ranges = starts.zip(ends).map(move |(start, end)| start.max(lines.start)..end.min(lines.end));
        ranges.filter(|range| !range.is_empty())
    }

    /// Calls `visit` with the line and lane of every parameter, in the order of the border.
    pub fn visit(&self, mut visit: impl FnMut(usize, usize)) {
        self.arrays.iter().for_each(|array| array.visit(&mut visit));
    }

    /// Copies lines, of which each parameter has `stride` with its own at `offset`, to row-major values.
    pub fn read(&self, lines: &[Line], stride: usize, offset: usize, values: &mut [f32]) {
        let mut values = values.iter_mut();
        self.visit(|line, lane| {
            if let Some(value) = values.next() {
                *value = lines[line * stride + offset].0[lane];
            }
        });
    }

    /// Copies row-major values into lines; the inverse of `read`.
    pub fn write(&self, values: &[f32], lines: &mut [Line], stride: usize, offset: usize) {
        let mut values = values.iter();
        self.visit(|line, lane| {
            if let Some(value) = values.next() {
                lines[line * stride + offset].0[lane] = *value;
            }
        });
    }

    /// Values in a row of x and of the targets.
    pub(crate) fn widths(&self) -> (usize, usize) {
        (self.inputs, self.loss.targets(self.outputs()))
    }

    /// Refuses data of other widths, and values that no layer or loss can take.
    pub(crate) fn check(&self, data: &Dataset<'_>) -> Result<()> {
        let (inputs, outputs) = self.widths();
        ensure!(data.inputs() == inputs, "data: expected {inputs} inputs, received {}", data.inputs());
        ensure!(data.outputs() == outputs, "data: expected {outputs} outputs, received {}", data.outputs());
        self.check_categories(data.inputs_of_all())?;
        self.loss.check(data.targets(), self.outputs())
    }

    /// Whether an update needs the gradient of all parameters at once.
    pub fn needs_whole_gradient(&self) -> bool {
        self.clip.is_some() || !self.penalties.is_empty()
    }
}
