//! The Program: layers, loss and optimizer as complete plain JSON, compiled into stages that the network
//! walks.
//!
//! The TypeScript twin fills in the defaults; here every field has to be there, and none besides.

use crate::engine::panels::{Line, panels};
use crate::engine::products::Product;
use crate::engine::simd::Simd;
use crate::engine::{Epilogue, RowFunction, RowLoss, Update};
use crate::ensure;
use crate::errors::{Error, Result};
use crate::layers::{self, Operation};
use crate::{losses, optimizers, options};
use serde_json::{Map, Value};
use std::ops::Range;

/// A product with what follows it, or what follows alone: what has an output of its own.
pub struct Stage<S: Simd> {
    /// Values in a row of the output.
    pub outputs: usize,
    /// The matrix product, if the stage begins with one.
    pub product: Option<Product>,
    /// Whether the product's parameters change in training.
    pub trainable: bool,
    /// The elementwise function at the end, if there is one.
    pub epilogue: Option<Box<dyn Epilogue<S>>>,
    /// The function of a row, which is a stage of its own.
    pub row: Option<Box<dyn RowFunction<S>>>,
}

impl<S: Simd> Stage<S> {
    /// The product, if its parameters change in training.
    #[inline(always)]
    pub fn trained(&self) -> Option<&Product> {
        if self.trainable { self.product.as_ref() } else { None }
    }

    /// A stage that changes nothing.
    fn new(outputs: usize) -> Self {
        Stage { outputs, product: None, trainable: false, epilogue: None, row: None }
    }
}

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
    /// The stages in order; at least one.
    pub stages: Vec<Stage<S>>,
    /// The first stage with parameters that change: no gradient is needed of what goes into it.
    pub first_trained: usize,
    /// The loss at the end.
    pub loss: Box<dyn RowLoss<S>>,
    /// What the loss is computed together with and predictions go through besides, if anything.
    pub absorbed: Option<Operation<S>>,
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
    let most = most.as_f64().filter(|most| *most > 0.0 && (*most as f32).is_finite()).ok_or_else(refuse)?;
    match name.as_str() {
        "norm" => Ok(Some(Clip::Norm(most))),
        "value" => Ok(Some(Clip::Value(most as f32))),
        _ => Err(refuse()),
    }
}

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
            stages: Vec::new(),
            first_trained: 0,
            loss: losses::build(kind(loss, "loss")?, loss)?,
            absorbed: None,
            update: optimizers::build(kind(optimizer, "optimizer")?, optimizer)?,
            lines: 0,
            frozen: Vec::new(),
            penalties: Vec::new(),
            clip: clip(program.get("clipGradients"))?,
            parameters: 0,
        };
        let (mut all, mut last) = (Vec::new(), "");
        for (index, layer) in layers.iter().enumerate() {
            let place = format!("layer {index}");
            let layer = object(Some(layer), &place)?;
            let operations = layers::build::<S>(kind(layer, &place)?, layer)
                .map_err(|error| Error::new(format!("{place}: {error}")))?;
            all.extend(operations);
            last = kind(layer, &place)?;
        }
        ensure!(!all.is_empty(), "program: expected at least 1 layer, received none");
        plan.loss.check_after(last).map_err(|error| Error::new(format!("loss: {error}")))?;
        if let Some(loss) = plan.loss.absorb(last) {
            (plan.loss, plan.absorbed) = (loss, all.pop());
        }
        for operation in all {
            plan.push(operation)?;
        }
        if plan.stages.is_empty() {
            plan.stages.push(Stage::new(inputs));
        }
        let first = plan.stages.iter().position(|stage| stage.trained().is_some());
        plan.first_trained = first.unwrap_or(plan.stages.len() - 1);
        Ok(plan)
    }

    fn push(&mut self, operation: Operation<S>) -> Result<()> {
        match operation {
            Operation::Product { outputs, bias, trainable, l1, l2 } => {
                let start = self.lines;
                let product = self.product(outputs, bias)?;
                if !trainable {
                    self.frozen.push(start..self.lines);
                } else if l1 != 0.0 || l2 != 0.0 {
                    self.penalties.push(Penalty { lines: product.weight.clone(), l1, l2 });
                }
                self.stages.push(Stage { product: Some(product), trainable, ..Stage::new(outputs) });
            }
            Operation::Elementwise(epilogue) => match self.stages.last_mut() {
                Some(stage) if stage.epilogue.is_none() && stage.row.is_none() => {
                    stage.epilogue = Some(epilogue);
                }
                _ => {
                    self.stages.push(Stage { epilogue: Some(epilogue), ..Stage::new(self.outputs()) });
                }
            },
            Operation::Row(row) => {
                self.stages.push(Stage { row: Some(row), ..Stage::new(self.outputs()) });
            }
        }
        Ok(())
    }

    fn product(&mut self, outputs: usize, bias: bool) -> Result<Product> {
        let inputs = self.outputs();
        let too_large =
            || Error::new(format!("program: a layer of {inputs} x {outputs} weights is too large"));
        let bias_lines = if bias { panels(outputs) } else { 0 };
        let weight_lines = Product::weight_lines(inputs, outputs).ok_or_else(too_large)?;
        let weight_end = self.lines.checked_add(weight_lines).ok_or_else(too_large)?;
        let end = weight_end.checked_add(bias_lines).ok_or_else(too_large)?;
        let slots = self.update.slots() + 1;
        let bytes = end.checked_mul(size_of::<Line>()).and_then(|bytes| bytes.checked_mul(slots));
        ensure!(
            bytes.is_some_and(|bytes| bytes <= isize::MAX as usize),
            "program: a layer of {inputs} x {outputs} weights is too large"
        );
        let product = Product {
            inputs,
            outputs,
            form: Product::form(outputs),
            weight: self.lines..weight_end,
            bias: bias.then_some(weight_end..end),
        };
        self.lines = end;
        self.parameters += inputs * outputs + if bias { outputs } else { 0 };
        Ok(product)
    }

    /// Values in a row of the last output so far.
    pub fn outputs(&self) -> usize {
        self.stages.last().map_or(self.inputs, |stage| stage.outputs)
    }

    /// The multiply-adds that a row costs: forward, back to the parameters, and back to all inputs but the
    /// network's.
    pub fn operations(&self) -> usize {
        let products = self.stages.iter().filter_map(|stage| stage.product.as_ref());
        let sizes = products.map(|product| product.inputs.saturating_mul(product.outputs));
        let (mut all, mut first) = (0_usize, None);
        for size in sizes {
            first.get_or_insert(size);
            all = all.saturating_add(size.saturating_mul(3));
        }
        all - first.unwrap_or(0)
    }

    /// The ranges of `lines` that training changes.
    #[inline(always)]
    pub fn trained(&self, lines: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.frozen.iter().map(|frozen| frozen.end));
        let ends = self.frozen.iter().map(|frozen| frozen.start).chain([self.lines]);
        let ranges = starts.zip(ends).map(move |(start, end)| start.max(lines.start)..end.min(lines.end));
        ranges.filter(|range| !range.is_empty())
    }

    /// Calls `visit` with the line and lane of every parameter, in the order of the border: layer by layer,
    /// weights as `[outputs][inputs]`, then biases.
    pub fn visit(&self, mut visit: impl FnMut(usize, usize)) {
        for product in self.stages.iter().filter_map(|stage| stage.product.as_ref()) {
            for output in 0..product.outputs {
                for input in 0..product.inputs {
                    let (line, lane) = product.place(output, input);
                    visit(product.weight.start + line, lane);
                }
            }
            if let Some(bias) = &product.bias {
                for output in 0..product.outputs {
                    visit(bias.start + output / 16, output % 16);
                }
            }
        }
    }

    /// Copies lines, of which each parameter has `stride` with its own at `offset`, to row-major values.
    pub fn read(&self, lines: &[Line], stride: usize, offset: usize, values: &mut Vec<f32>) {
        self.visit(|line, lane| values.push(lines[line * stride + offset].0[lane]));
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
}
