//! Compiles a Program into a [`Plan`]. A Program is JSON that describes the layers, the loss and the
//! optimizer of a network.
//!
//! The TypeScript twin fills in the defaults. Here every field must be present, and no other field may be.

use crate::engine::affine::Affine;
use crate::engine::bfloat16::Precision;
use crate::engine::groups::{GroupRule, Groups};
use crate::engine::lookup::Lookup;
use crate::engine::panels::{Line, panels};
use crate::engine::products::Product;
use crate::engine::simd::Simd;
use crate::engine::standardize::Standardize;
use crate::ensure;
use crate::errors::{Error, Result};
use crate::layers::{self, LayerOperation};
use crate::measures::{self, Measure};
use crate::operations::{Array, Kind, Operation};
use crate::plan::{Clip, Penalty, Plan};
use crate::ways::Way;
use crate::{losses, optimizers, options};
use serde_json::{Map, Value};
use std::ops::Range;

fn object<'a>(value: Option<&'a Value>, place: &str) -> Result<&'a Map<String, Value>> {
    let missing = || Error::new(format!("program: {place} must be an object"));
    value.and_then(Value::as_object).ok_or_else(missing)
}

fn kind<'a>(entry: &'a Map<String, Value>, place: &str) -> Result<&'a str> {
    let missing = || Error::new(format!("program: {place} must have a \"type\" that is a string"));
    entry.get("type").and_then(Value::as_str).ok_or_else(missing)
}

/// Reads `clipGradients`: null, `{ "norm": … }` or `{ "value": … }`.
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

/// Reads `precision`, the name of one.
fn precision<S: Simd>(value: Option<&Value>) -> Result<Precision<S>> {
    let name = value.and_then(Value::as_str);
    let unknown = || Error::new("program: precision must be \"float32\" or \"bfloat16\"");
    name.and_then(Precision::of).ok_or_else(unknown)
}

/// The target of a fork whose `Add` is not compiled yet.
const OPEN: usize = usize::MAX;

const FIELDS: [&str; 7] = ["inputs", "layers", "loss", "optimizer", "clipGradients", "precision", "measures"];

impl<S: Simd> Plan<S> {
    /// Compiles a Program. Returns an error that names the place if the Program is not valid.
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
            needed: Vec::new(),
            precision: precision(program.get("precision"))?,
            way: Way::Rows,
            loss: losses::build(kind(loss, "loss")?, loss)?,
            absorbed: None,
            update: optimizers::build(kind(optimizer, "optimizer")?, optimizer)?,
            measures: Vec::new(),
            lines: 0,
            frozen: Vec::new(),
            groups: None,
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
        let mut factors = Vec::new();
        for spec in all {
            let (factor, start) = (spec.learning_rate_factor(), plan.lines);
            plan.push(spec)?;
            factors.push((start..plan.lines, factor));
        }
        let undecayed = optimizers::without_decay(kind(optimizer, "optimizer")?, optimizer)?;
        plan.groups = Groups::of(plan.group_rules(&factors).into_iter(), undecayed);
        if plan.operations.is_empty() {
            plan.operations.push(Operation::new(inputs, Kind::Copy));
        }
        plan.measures = plan.read_measures(program.get("measures"))?;
        let first = plan.operations.iter().position(|operation| operation.trainable);
        plan.first_trained = first.unwrap_or(plan.operations.len() - 1);
        plan.needed = needed(&plan.operations);
        let size = (plan.lines, plan.needs_whole_gradient() || plan.groups.is_some());
        plan.way = Way::of(&plan.operations, size, plan.rounds(), (&*plan.loss, &*plan.update));
        Ok(plan)
    }

    fn push(&mut self, spec: LayerOperation<S>) -> Result<()> {
        let width = self.outputs();
        let (outputs, kind) = match spec {
            LayerOperation::Product { outputs, bias, trainable, l1, l2, .. } => {
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
            LayerOperation::Affine { bias, .. } => (width, Kind::Affine(self.affine(width, bias)?)),
            LayerOperation::Standardize { epsilon, momentum, .. } => {
                let affine = self.affine(width, true)?;
                let standardize = self.standardize(width, epsilon, momentum)?;
                let number = self.standardized.len();
                self.standardized.push(self.operations.len());
                self.operations.push(Operation::new(width, Kind::Standardize(standardize, number)));
                (width, Kind::Affine(affine))
            }
            LayerOperation::Noise(noise) => {
                let before =
                    self.operations.iter().filter(|operation| matches!(operation.kind, Kind::Noise(..)));
                (width, Kind::Noise(noise, before.count() as u32))
            }
            LayerOperation::Lookup { column, categories, units, .. } => {
                let lookup = self.lookup(column, categories, units)?;
                (width - 1 + units, Kind::Lookup(lookup))
            }
            LayerOperation::Fork => (width, Kind::Fork(OPEN)),
            LayerOperation::Add => (width, Kind::Add(self.close_fork(width)?)),
        };
        self.operations.push(Operation::new(outputs, kind));
        Ok(())
    }

    /// Reads `measures`: a list of entries of their table.
    fn read_measures(&self, list: Option<&Value>) -> Result<Vec<Box<dyn Measure<S>>>> {
        let missing = || Error::new("program: measures must be a list");
        let list = list.and_then(Value::as_array).ok_or_else(missing)?;
        let outputs = self.outputs();
        let read = |(index, entry): (usize, &Value)| {
            let place = format!("measure {index}");
            let entry = object(Some(entry), &place)?;
            let measure = measures::build::<S>(kind(entry, &place)?, entry)
                .map_err(|error| Error::new(format!("{place}: {error}")))?;
            let (expected, received) = (measure.targets(outputs), self.loss.targets(outputs));
            ensure!(
                expected == received,
                "{place}: expected a loss with {expected} targets in a row, received one with {received}"
            );
            Ok(measure)
        };
        list.iter().enumerate().map(read).collect()
    }

    /// Returns how each array of parameters is updated, from the learning-rate factors of lines. Arrays of one value
    /// for each feature do not decay.
    fn group_rules(&self, factors: &[(Range<usize>, f64)]) -> Vec<(Range<usize>, GroupRule)> {
        let rule = |array: &Array| {
            let (lines, decays) = array.lines();
            let of_layer = factors.iter().find(|(layer, _)| layer.contains(&lines.start));
            (lines, GroupRule { factor: of_layer.map_or(1.0, |(_, factor)| *factor), decays })
        };
        self.arrays.iter().map(rule).filter(|(lines, _)| !lines.is_empty()).collect()
    }

    /// Connects the last open fork to the operation that is pushed next, an `Add`. Returns the fork's index.
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

    /// Allocates lines of parameters. Returns an error if the parameters and the optimizer state of all lines
    /// would take more than `isize::MAX` bytes.
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

    /// Allocates a vector of parameters with a value for each feature: one line a panel.
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

    fn affine(&mut self, width: usize, bias: bool) -> Result<Affine> {
        let weight = self.vector(width)?;
        Ok(Affine { weight, bias: if bias { Some(self.vector(width)?) } else { None } })
    }

    fn standardize(&mut self, width: usize, epsilon: f32, momentum: f32) -> Result<Standardize> {
        let (mean, variance) = (self.vector(width)?, self.vector(width)?);
        self.frozen.push(mean.start..variance.end);
        Ok(Standardize { epsilon, momentum, mean, variance })
    }

    fn lookup(&mut self, column: usize, categories: usize, units: usize) -> Result<Lookup> {
        let width = self.outputs();
        ensure!(column < width, "program: a lookup of column {column}, but there are {width} columns");
        let is_first = self.operations.iter().all(|operation| matches!(operation.kind, Kind::Lookup(_)));
        ensure!(is_first, "program: a lookup must come first, or after other lookups");
        let source = self.source(column);
        let source = source
            .ok_or_else(|| Error::new(format!("program: column {column} is the output of another lookup")))?;
        let fits = width.checked_add(units).is_some_and(|width| width <= i32::MAX as usize);
        ensure!(fits, "program: a lookup of {units} units beside {width} columns is too large");
        let entries = || format!("{categories} x {units} values");
        let table = self.allocate(Lookup::lines(categories, units), entries)?;
        let lookup = Lookup { column, categories, units, table };
        self.add_array(Array::Table(lookup.clone()));
        self.categories.push((source, categories));
        Ok(lookup)
    }

    /// Returns the column of x that this column is, after the lookups so far. Returns `None` if a lookup
    /// produces the column.
    fn source(&self, column: usize) -> Option<usize> {
        let mut lookups = self.operations.iter().rev().filter_map(Operation::lookup);
        lookups.try_fold(column, |column, lookup| match column {
            column if column < lookup.column => Some(column),
            column if column < lookup.column + lookup.units => None,
            column => Some(column + 1 - lookup.units),
        })
    }
}

/// Returns [`Plan::needed`].
fn needed<S: Simd>(operations: &[Operation<S>]) -> Vec<Range<usize>> {
    let lookups = operations.iter().map_while(Operation::lookup);
    let needed = lookups.scan(0..0, |needed, lookup| {
        *needed = lookup.needed(needed);
        Some(needed.clone())
    });
    needed.collect()
}
