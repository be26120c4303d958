//! The three products of a dense layer, in two forms.
//!
//! *Wide* (8 outputs or more): lanes run along the outputs, one chain of multiply-adds along the contraction.
//! *Narrow* (1 to 7 outputs): lanes run along the inputs; 16 partial sums meet in one fixed tree. Which form a product
//! takes depends on its number of outputs alone, never on the batch, the machine or the thread.

use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::simd::Simd;
use super::{Epilogue, Now, Update};
use std::ops::Range;

/// How the lanes of a product run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Along the outputs.
    Wide,
    /// Along the inputs.
    Narrow,
}

/// y = W x + b, and where its parameters lie.
#[derive(Clone, Debug)]
pub struct Product {
    /// Values in a row of x.
    pub inputs: usize,
    /// Values in a row of y.
    pub outputs: usize,
    /// How the lanes run.
    pub form: Form,
    /// The lines of W.
    pub weight: Range<usize>,
    /// The lines of b; none without a bias.
    pub bias: Option<Range<usize>>,
}

/// Where finished gradients go.
pub enum Sink<'a, S: Simd> {
    /// Straight into the update of the parameters.
    Update {
        /// The optimizer.
        update: &'a dyn Update<S>,
        /// Its learning rate and step number.
        now: Now,
        /// The state of all parameters.
        slots: &'a mut [Line],
    },
    /// Into a gradient of all parameters: the first chunk of a batch is written, the others are added.
    Gradient {
        /// The gradient of all parameters.
        gradient: &'a mut [Line],
        /// Whether to add.
        add: bool,
    },
}

impl<S: Simd> Sink<'_, S> {
    /// Takes the finished gradient of the parameter lines from `start`.
    #[inline(always)]
    fn take(&mut self, s: S, parameters: &mut [Line], start: usize, tile: &[Line]) {
        match self {
            Sink::Update { update, now, slots } => {
                let count = slots.len() / parameters.len().max(1);
                let parameters = &mut parameters[start..][..tile.len()];
                let slots = &mut slots[start * count..][..tile.len() * count];
                update.tile(s, now, parameters, tile, slots);
            }
            Sink::Gradient { gradient, add: false } => gradient[start..][..tile.len()].copy_from_slice(tile),
            Sink::Gradient { gradient, add: true } => {
                for (sum, line) in gradient[start..].iter_mut().zip(tile) {
                    s.store(s.add(s.load(sum), s.load(line)), sum);
                }
            }
        }
    }
}

/// Lines of a gradient that wait for the sink: 4 KB, which stay in the L1 cache. A call of the sink costs some
/// nanoseconds, so a small layer takes a single one.
pub const BLOCK_LINES: usize = 64;

/// Collects finished lines of a product's gradient, which follow each other, and hands them on in blocks.
struct Block<'a, 'b, S: Simd> {
    s: S,
    parameters: &'a mut [Line],
    sink: &'a mut Sink<'b, S>,
    /// The parameter line that the first of `lines` belongs to.
    start: usize,
    filled: usize,
    lines: &'a mut [Line],
}

impl<S: Simd> Block<'_, '_, S> {
    /// Room for the next lines, at most 16.
    #[inline(always)]
    fn next(&mut self, count: usize) -> &mut [Line] {
        if self.filled + count > self.lines.len() {
            self.flush();
        }
        let from = self.filled;
        self.filled += count;
        &mut self.lines[from..][..count]
    }

    #[inline(always)]
    fn flush(&mut self) {
        self.sink.take(self.s, self.parameters, self.start, &self.lines[..self.filled]);
        self.start += self.filled;
        self.filled = 0;
    }
}

impl Product {
    /// The form for so many outputs.
    pub fn form(outputs: usize) -> Form {
        if outputs < 8 { Form::Narrow } else { Form::Wide }
    }

    /// The lines that the weights of such a product take; `None` if that is no size.
    pub fn weight_lines(inputs: usize, outputs: usize) -> Option<usize> {
        match Self::form(outputs) {
            Form::Wide => panels(outputs).checked_mul(inputs),
            Form::Narrow => panels(inputs).checked_mul(outputs),
        }
    }

    /// The line, counted from the first weight, and the lane of W[output][input].
    pub fn place(&self, output: usize, input: usize) -> (usize, usize) {
        match self.form {
            Form::Wide => (output / LANES * self.inputs + input, output % LANES),
            Form::Narrow => (input / LANES * self.outputs + output, input % LANES),
        }
    }

    /// output = epilogue(W input + b) for the first `rows` rows.
    pub fn forward<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
        rows: usize,
    ) {
        let weight = &parameters[self.weight.clone()];
        let bias = self.bias.clone().map(|lines| &parameters[lines]);
        s.run(
            #[inline(always)]
            || match self.form {
                Form::Wide => forward_wide(s, weight, bias, input, output, rows),
                Form::Narrow => forward_narrow(s, weight, bias, input, output, rows),
            },
        );
    }

    /// input_gradient = Wᵀ gradient for the first `rows` rows; `transposed` is scratch of as many lines as outputs.
    pub fn input_gradient<S: Simd>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
        transposed: &mut [Line],
        rows: usize,
    ) {
        let weight = &parameters[self.weight.clone()];
        s.run(
            #[inline(always)]
            || match self.form {
                Form::Wide => {
                    for panel in 0..panels(self.inputs) {
                        transpose(weight, panel, self.inputs, self.outputs, transposed);
                        let output = &mut input_gradient.panel_mut(panel)[..rows];
                        rows_of_panel(s, &transposed[..self.outputs], s.splat(0.0), gradient, output);
                    }
                }
                Form::Narrow => {
                    input_gradient_narrow(s, weight, self.outputs, gradient, input_gradient, rows)
                }
            },
        );
    }

    /// The gradients of W and b, the sums of gradient ⊗ input and of gradient over the rows, into `sink`; `scratch`
    /// has [`BLOCK_LINES`] lines.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is read, what is written, and the scratch between them"
    )]
    pub fn parameter_gradient<S: Simd>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        rows: usize,
        scratch: &mut [Line],
        parameters: &mut [Line],
        sink: &mut Sink<'_, S>,
    ) {
        let start = self.weight.start;
        s.run(
            #[inline(always)]
            || {
                let mut block = Block { s, parameters, sink, start, filled: 0, lines: scratch };
                match self.form {
                    Form::Wide => self.weight_gradient_wide(s, input, gradient, rows, &mut block),
                    Form::Narrow => self.weight_gradient_narrow(s, input, gradient, rows, &mut block),
                }
                if self.bias.is_some() {
                    for panel in 0..panels(self.outputs) {
                        sum_rows(s, &gradient.panel(panel)[..rows], &mut block.next(1)[0]);
                    }
                }
                block.flush();
            },
        );
    }

    #[inline(always)]
    fn weight_gradient_wide<S: Simd>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        rows: usize,
        block: &mut Block<'_, '_, S>,
    ) {
        for output_panel in 0..panels(self.outputs) {
            let lines = &gradient.panel(output_panel)[..rows];
            for input_panel in 0..panels(self.inputs) {
                let count = (self.inputs - input_panel * LANES).min(LANES);
                outer_sums(s, &input.panel(input_panel)[..rows], lines, block.next(count));
            }
        }
    }

    #[inline(always)]
    fn weight_gradient_narrow<S: Simd>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        rows: usize,
        block: &mut Block<'_, '_, S>,
    ) {
        let scalars = &gradient.panel(0)[..rows];
        for input_panel in 0..panels(self.inputs) {
            outer_sums(s, scalars, &input.panel(input_panel)[..rows], block.next(self.outputs));
        }
    }
}

/// Calls the function with the constant equal to the number, from 1 to 14.
macro_rules! with_constant {
    ($number:expr, $function:ident::<$s:ty, _>($($argument:expr),*)) => {
        match $number {
            1 => $function::<$s, 1>($($argument),*),
            2 => $function::<$s, 2>($($argument),*),
            3 => $function::<$s, 3>($($argument),*),
            4 => $function::<$s, 4>($($argument),*),
            5 => $function::<$s, 5>($($argument),*),
            6 => $function::<$s, 6>($($argument),*),
            7 => $function::<$s, 7>($($argument),*),
            8 => $function::<$s, 8>($($argument),*),
            9 => $function::<$s, 9>($($argument),*),
            10 => $function::<$s, 10>($($argument),*),
            11 => $function::<$s, 11>($($argument),*),
            12 => $function::<$s, 12>($($argument),*),
            13 => $function::<$s, 13>($($argument),*),
            _ => $function::<$s, 14>($($argument),*),
        }
    };
}

/// Cuts a length into the fewest pieces of at most `most`, as even as can be: under 8 accumulators the latency of a
/// multiply-add shows, so 16 of at most 14 are 8 and 8.
#[inline(always)]
fn even_pieces(length: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let pieces = length.div_ceil(most);
    (0..pieces).map(move |piece| piece * length / pieces..(piece + 1) * length / pieces)
}

#[inline(always)]
fn forward_wide<S: Simd>(
    s: S,
    weight: &[Line],
    bias: Option<&[Line]>,
    input: &Panels,
    output: &mut Panels,
    rows: usize,
) {
    let inputs = input.features();
    for panel in 0..output.count() {
        let initial = s.load(bias.map_or(&ZERO, |bias| &bias[panel]));
        let lines = &weight[panel * inputs..][..inputs];
        rows_of_panel(s, lines, initial, input, &mut output.panel_mut(panel)[..rows]);
    }
}

/// output[r] = initial + Σᵢ input[r][i] lines[i], for every row of one panel.
#[inline(always)]
fn rows_of_panel<S: Simd>(s: S, lines: &[Line], initial: S::V, input: &Panels, output: &mut [Line]) {
    for rows in even_pieces(output.len(), S::TILE) {
        let tile = &mut output[rows.clone()];
        with_constant!(tile.len(), forward_tile::<S, _>(s, lines, initial, input, rows.start, tile));
    }
}

#[inline(always)]
fn forward_tile<S: Simd, const ROWS: usize>(
    s: S,
    lines: &[Line],
    initial: S::V,
    input: &Panels,
    start: usize,
    output: &mut [Line],
) {
    let mut sums = [initial; ROWS];
    for (panel, lines) in lines.chunks(LANES).enumerate() {
        let Some(rows) = input.panel(panel)[start..].first_chunk::<ROWS>() else { return };
        if let Ok(lines) = <&[Line; LANES]>::try_from(lines) {
            for (lane, line) in lines.iter().enumerate() {
                let line = s.load(line);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.splat(rows[row].0[lane]), line, sums[row]);
                }
            }
        } else {
            for (lane, line) in lines.iter().enumerate() {
                let line = s.load(line);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.splat(rows[row].0[lane % LANES]), line, sums[row]);
                }
            }
        }
    }
    let Some(output) = output.first_chunk_mut::<ROWS>() else { return };
    for row in 0..ROWS {
        s.store(sums[row], &mut output[row]);
    }
}

#[inline(always)]
fn forward_narrow<S: Simd>(
    s: S,
    weight: &[Line],
    bias: Option<&[Line]>,
    input: &Panels,
    output: &mut Panels,
    rows: usize,
) {
    let outputs = output.features();
    let bias = s.load(bias.map_or(&ZERO, |bias| &bias[0]));
    let output = &mut output.panel_mut(0)[..rows];
    for rows in even_pieces(rows, S::TILE / 2) {
        let tile = &mut output[rows.clone()];
        with_constant!(tile.len(), dot_tile::<S, _>(s, weight, outputs, bias, input, rows.start, tile));
    }
}

/// The outputs of a few rows. A line is made in a register and stored whole: a load of a line of which single lanes
/// were just stored would wait for them.
#[inline(always)]
fn dot_tile<S: Simd, const ROWS: usize>(
    s: S,
    weight: &[Line],
    outputs: usize,
    bias: S::V,
    input: &Panels,
    start: usize,
    output: &mut [Line],
) {
    let zero = s.splat(0.0);
    let mut results = [zero; ROWS];
    for number in 0..outputs {
        let mut sums = [zero; ROWS];
        for (panel, lines) in weight.chunks_exact(outputs).enumerate() {
            let Some(rows) = input.panel(panel)[start..].first_chunk::<ROWS>() else { return };
            let line = s.load(&lines[number]);
            for row in 0..ROWS {
                sums[row] = s.mul_add(s.load(&rows[row]), line, sums[row]);
            }
        }
        let lane = s.load(&UNITS[number % LANES]);
        for row in 0..ROWS {
            results[row] = s.select_greater(lane, zero, s.splat(s.sum(sums[row])), results[row]);
        }
    }
    let Some(output) = output.first_chunk_mut::<ROWS>() else { return };
    for row in 0..ROWS {
        s.store(s.add(results[row], bias), &mut output[row]);
    }
}

/// Line n has 1 in lane n and 0 elsewhere.
static UNITS: [Line; LANES] = {
    let mut units = [ZERO; LANES];
    let mut lane = 0;
    while lane < LANES {
        units[lane].0[lane] = 1.0;
        lane += 1;
    }
    units
};

/// Lane i of line o becomes W[o][16 panel + i], zero beyond the inputs.
#[inline(always)]
fn transpose(weight: &[Line], panel: usize, inputs: usize, outputs: usize, transposed: &mut [Line]) {
    let first = panel * LANES;
    let count = (inputs - first).min(LANES);
    for (block, lines) in transposed[..outputs].chunks_mut(LANES).enumerate() {
        lines.fill(ZERO);
        let source = &weight[block * inputs + first..][..count];
        for (input, from) in source.iter().enumerate() {
            for (output, line) in lines.iter_mut().enumerate() {
                line.0[input] = from.0[output % LANES];
            }
        }
    }
}

#[inline(always)]
fn input_gradient_narrow<S: Simd>(
    s: S,
    weight: &[Line],
    outputs: usize,
    gradient: &Panels,
    input_gradient: &mut Panels,
    rows: usize,
) {
    let gradient = &gradient.panel(0)[..rows];
    for (panel, lines) in weight.chunks_exact(outputs).enumerate() {
        for (row, output) in gradient.iter().zip(input_gradient.panel_mut(panel)) {
            let mut sum = s.splat(0.0);
            for (line, &value) in lines.iter().zip(&row.0) {
                sum = s.mul_add(s.splat(value), s.load(line), sum);
            }
            s.store(sum, output);
        }
    }
}

/// tile[i] = Σᵣ scalars[r][i] lines[r]
#[inline(always)]
fn outer_sums<S: Simd>(s: S, scalars: &[Line], lines: &[Line], tile: &mut [Line]) {
    for lanes in even_pieces(tile.len(), S::TILE) {
        let tile = &mut tile[lanes.clone()];
        with_constant!(tile.len(), outer_tile::<S, _>(s, scalars, lines, lanes.start, tile));
    }
}

#[inline(always)]
fn outer_tile<S: Simd, const COUNT: usize>(
    s: S,
    scalars: &[Line],
    lines: &[Line],
    start: usize,
    tile: &mut [Line],
) {
    let mut sums = [s.splat(0.0); COUNT];
    for (scalars, line) in scalars.iter().zip(lines) {
        let Some(scalars) = scalars.0[start..].first_chunk::<COUNT>() else { return };
        let line = s.load(line);
        for lane in 0..COUNT {
            sums[lane] = s.mul_add(s.splat(scalars[lane]), line, sums[lane]);
        }
    }
    let Some(tile) = tile.first_chunk_mut::<COUNT>() else { return };
    for lane in 0..COUNT {
        s.store(sums[lane], &mut tile[lane]);
    }
}

#[inline(always)]
fn sum_rows<S: Simd>(s: S, lines: &[Line], result: &mut Line) {
    let mut sum = s.splat(0.0);
    for line in lines {
        sum = s.add(sum, s.load(line));
    }
    s.store(sum, result);
}

/// Applies an epilogue to the first rows of every panel.
pub fn apply_epilogue<S: Simd>(s: S, epilogue: &dyn Epilogue<S>, output: &mut Panels, rows: usize) {
    for index in 0..output.runs(rows) {
        epilogue.forward(s, output.run_mut(index, rows));
    }
    output.clear_padding(rows);
}

/// Multiplies a gradient by an epilogue's derivative, in the first rows of every panel.
pub fn apply_derivative<S: Simd>(
    s: S,
    epilogue: &dyn Epilogue<S>,
    gradient: &mut Panels,
    input: Option<&Panels>,
    output: &Panels,
    rows: usize,
) {
    for index in 0..output.runs(rows) {
        let input = input.map_or(&[][..], |input| input.run(index, rows));
        epilogue.backward(s, gradient.run_mut(index, rows), input, output.run(index, rows));
    }
}
