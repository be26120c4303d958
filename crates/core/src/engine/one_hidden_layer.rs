//! A wide product of few inputs followed by a narrow one, over a few rows. This is a network with one hidden
//! layer, as most small networks are.
//!
//! A step of such a network is a few hundred multiply-adds. Everything around them (indices, bounds checks,
//! calls, values that go to memory and back) took twice as long. Each direction is therefore one loop over
//! the panels of the hidden layer, with the rows unrolled. If the function between the products is a
//! rectifier, the loop inlines it. The outputs are in *columns*: a line per output, with a lane per row. Each
//! sum has the same order as in the other forms.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::Epilogue;
use super::epilogue::multiply_lines;
use super::functions::{descended, rectified, rectified_slope};
use super::panels::{LANES, Line, ZERO, panels};
use super::products::{Form, Product};
use super::simd::Simd;
use super::tiles::unit;
use std::ops::Range;

/// The function between the products, as the loops see it.
pub trait HiddenFunction<S: Simd>: Copy {
    /// Whether the loops inline the function. Otherwise it is called once for the whole layer.
    const IN_LOOPS: bool;
    /// Returns the function of a value.
    fn value(self, s: S, input: S::V) -> S::V;
    /// Returns the derivative at an output value.
    fn slope(self, s: S, value: S::V) -> S::V;
    /// Applies the function to the layer's values.
    fn forward(self, s: S, hidden: &mut HiddenLines<'_>);
    /// Multiplies the layer's gradients by the derivative.
    fn backward(self, s: S, hidden: &mut HiddenLines<'_>);
}

/// The function that is x above 0, else 0.
#[derive(Clone, Copy)]
pub struct Rectifier;

impl<S: Simd> HiddenFunction<S> for Rectifier {
    const IN_LOOPS: bool = true;

    #[inline(always)]
    fn value(self, s: S, input: S::V) -> S::V {
        rectified(s, input)
    }

    #[inline(always)]
    fn slope(self, s: S, value: S::V) -> S::V {
        rectified_slope(s, value)
    }

    #[inline(always)]
    fn forward(self, _s: S, _hidden: &mut HiddenLines<'_>) {}

    #[inline(always)]
    fn backward(self, _s: S, _hidden: &mut HiddenLines<'_>) {}
}

/// Any function, or none. It is called apart from the loops.
#[derive(Clone, Copy)]
pub struct CalledFunction<'a, S: Simd>(pub Option<&'a dyn Epilogue<S>>);

impl<S: Simd> HiddenFunction<S> for CalledFunction<'_, S> {
    const IN_LOOPS: bool = false;

    #[inline(always)]
    fn value(self, _s: S, input: S::V) -> S::V {
        input
    }

    #[inline(always)]
    fn slope(self, s: S, _value: S::V) -> S::V {
        s.splat(1.0)
    }

    #[inline(always)]
    fn forward(self, s: S, hidden: &mut HiddenLines<'_>) {
        if let Some(epilogue) = self.0 {
            match &mut hidden.derivatives {
                Some(derivatives) => epilogue.forward_with_derivative(s, hidden.values, derivatives),
                None => epilogue.forward(s, hidden.values),
            }
        }
    }

    #[inline(always)]
    fn backward(self, s: S, hidden: &mut HiddenLines<'_>) {
        if let Some(epilogue) = self.0 {
            match &hidden.derivatives {
                Some(derivatives) => multiply_lines(s, hidden.gradients, derivatives),
                None => epilogue.backward(s, hidden.gradients, hidden.values),
            }
        }
    }
}

/// What to do with the finished gradient of a line of parameters.
pub trait GradientSink<S: Simd>: Copy {
    /// Whether this already updates the parameters.
    const UPDATES: bool;
    /// Consumes the gradient of `line`.
    fn take(self, s: S, gradient: S::V, line: &mut Line);
}

/// Writes the gradient to the line.
#[derive(Clone, Copy)]
pub struct StoreGradient;

impl<S: Simd> GradientSink<S> for StoreGradient {
    const UPDATES: bool = false;

    #[inline(always)]
    fn take(self, s: S, gradient: S::V, line: &mut Line) {
        s.store(gradient, line);
    }
}

/// Updates the parameters of the line by gradient descent at this learning rate.
#[derive(Clone, Copy)]
pub struct Descend(pub f32);

impl<S: Simd> GradientSink<S> for Descend {
    const UPDATES: bool = true;

    #[inline(always)]
    fn take(self, s: S, gradient: S::V, line: &mut Line) {
        s.store(descended(s, self.0, s.load(line), gradient), line);
    }
}

/// The two products and the function between them.
#[derive(Clone, Copy)]
pub struct OneHiddenLayer<B> {
    /// The number of inputs of the first product.
    inputs: usize,
    /// The number of panels of the hidden layer.
    panels: usize,
    /// The number of outputs of the second product.
    outputs: usize,
    /// The number of lines of the first product's weights and biases.
    first: usize,
    between: B,
}

/// The hidden layer's values and their gradients, a line per panel and row.
pub struct HiddenLines<'a> {
    /// The derivatives, if the function [`keeps`](Epilogue::keeps_derivative) them.
    pub derivatives: Option<&'a mut [Line]>,
    /// The values.
    pub values: &'a mut [Line],
    /// The gradients of the values.
    pub gradients: &'a mut [Line],
}

impl OneHiddenLayer<()> {
    /// Combines two products that are consecutive in the parameters. Returns `None` unless they have these
    /// forms and the hidden layer fills its panels. The function of zero is not always zero, so the loops would
    /// otherwise have to clear the padding.
    pub fn of(first: &Product, second: &Product) -> Option<Self> {
        let forms = (first.form, second.form) == (Form::Wide, Form::Narrow);
        let (inputs, outputs) = (first.inputs, second.outputs);
        let fits = forms && inputs <= LANES && first.outputs.is_multiple_of(LANES);
        let (panels, first) = (panels(first.outputs), second.weight.start);
        fits.then_some(OneHiddenLayer { inputs, panels, outputs, first, between: () })
    }

    /// Returns the same products with `between` as the function between them.
    pub fn with<B>(self, between: B) -> OneHiddenLayer<B> {
        let OneHiddenLayer { inputs, panels, outputs, first, between: () } = self;
        OneHiddenLayer { inputs, panels, outputs, first, between }
    }
}

impl<B> OneHiddenLayer<B> {
    /// Returns the number of lines that `rows` rows of the hidden layer take.
    #[inline(always)]
    pub fn lines(&self, rows: usize) -> usize {
        self.panels * rows
    }

    /// Returns the number of values in a row of x.
    #[inline(always)]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the number of columns.
    #[inline(always)]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the lines of the second product's weights.
    #[inline(always)]
    pub fn second_weight(&self) -> Range<usize> {
        self.first..self.first + self.panels * self.outputs
    }

    /// Computes the columns of the second product from the inputs.
    #[inline(always)]
    pub fn forward<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        inputs: &[[f32; ROWS]],
        hidden: &mut HiddenLines<'_>,
        columns: &mut [Line],
    ) where
        B: HiddenFunction<S>,
    {
        let (first, second) = parameters.split_at(self.first);
        let (mut weight, mut biases) = first.split_at(self.panels * self.inputs);
        let (rows, _) = hidden.values.as_chunks_mut::<ROWS>();
        for rows in rows {
            let (lines, rest) = weight.split_at(self.inputs);
            weight = rest;
            let mut sums = [s.splat(0.0); ROWS];
            if let Some((bias, rest)) = biases.split_first() {
                biases = rest;
                sums = [s.load(bias); ROWS];
            }
            for (line, input) in lines.iter().zip(inputs) {
                let line = s.load(line);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.splat(input[row]), line, sums[row]);
                }
            }
            for row in 0..ROWS {
                s.store(self.between.value(s, sums[row]), &mut rows[row]);
            }
        }
        self.between.forward(s, hidden);
        let (rows, _) = hidden.values.as_chunks::<ROWS>();
        let (weight, bias) = second.split_at(self.panels * self.outputs);
        let bias = bias.first().unwrap_or(&ZERO);
        for (number, column) in columns.iter_mut().enumerate() {
            let mut sums = [s.splat(0.0); ROWS];
            for (rows, line) in rows.iter().zip(weight[number..].iter().step_by(self.outputs)) {
                let line = s.load(line);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.load(&rows[row]), line, sums[row]);
                }
            }
            s.store(s.add(s.sums(sums), s.splat(bias.0[number % LANES])), column);
        }
    }

    /// Computes the gradients of all parameters from the columns of the output's gradient, and passes each
    /// gradient to `take` with its line of `lines`. Before the call, `lines` must hold the second product's
    /// weights.
    #[inline(always)]
    pub fn backward<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        take: impl GradientSink<S>,
        inputs: &[[f32; ROWS]],
        hidden: &mut HiddenLines<'_>,
        columns: &[Line],
        lines: &mut [Line],
    ) where
        B: HiddenFunction<S>,
    {
        let (first, second) = lines.split_at_mut(self.first);
        let (mut weight, mut biases) = first.split_at_mut(self.panels * self.inputs);
        let (mut second, bias) = second.split_at_mut(self.panels * self.outputs);
        let (values, _) = hidden.values.as_chunks::<ROWS>();
        let (gradients, _) = hidden.gradients.as_chunks_mut::<ROWS>();
        for (values, gradients) in values.iter().zip(gradients) {
            let (lines, rest) = second.split_at_mut(columns.len());
            second = rest;
            let mut back = [s.splat(0.0); ROWS];
            for (column, line) in columns.iter().zip(lines) {
                let (weight, mut sum) = (s.load(line), s.splat(0.0));
                for row in 0..ROWS {
                    let scalar = s.splat(column.0[row]);
                    back[row] = s.mul_add(scalar, weight, back[row]);
                    sum = s.mul_add(scalar, s.load(&values[row]), sum);
                }
                take.take(s, sum, line);
            }
            if B::IN_LOOPS {
                for row in 0..ROWS {
                    back[row] = s.mul(back[row], self.between.slope(s, s.load(&values[row])));
                }
                (weight, biases) = self.first_gradient(s, take, inputs, back, weight, biases);
            } else {
                for row in 0..ROWS {
                    s.store(back[row], &mut gradients[row]);
                }
            }
        }
        if !B::IN_LOOPS {
            self.between.backward(s, hidden);
            let (gradients, _) = hidden.gradients.as_chunks::<ROWS>();
            for rows in gradients {
                let mut values = [s.splat(0.0); ROWS];
                for row in 0..ROWS {
                    values[row] = s.load(&rows[row]);
                }
                (weight, biases) = self.first_gradient(s, take, inputs, values, weight, biases);
            }
        }
        if let Some(bias) = bias.first_mut() {
            let mut sums = s.splat(0.0);
            for (number, column) in columns.iter().enumerate() {
                let mut sum = 0.0;
                for row in 0..ROWS {
                    sum += column.0[row];
                }
                sums = s.select_greater(s.load(unit(number)), s.splat(0.0), s.splat(sum), sums);
            }
            take.take(s, sums, bias);
        }
    }

    /// Computes the gradients of the first product's parameters for one panel, into the first lines. Returns
    /// the remaining lines.
    #[inline(always)]
    fn first_gradient<'r, S: Simd, const ROWS: usize>(
        &self,
        s: S,
        take: impl GradientSink<S>,
        inputs: &[[f32; ROWS]],
        values: [S::V; ROWS],
        weight: &'r mut [Line],
        biases: &'r mut [Line],
    ) -> (&'r mut [Line], &'r mut [Line]) {
        let (lines, rest) = weight.split_at_mut(self.inputs);
        for (line, input) in lines.iter_mut().zip(inputs) {
            let mut sum = s.splat(0.0);
            for row in 0..ROWS {
                sum = s.mul_add(s.splat(input[row]), values[row], sum);
            }
            take.take(s, sum, line);
        }
        let Some((bias, biases)) = biases.split_first_mut() else { return (rest, &mut []) };
        let mut sum = s.splat(0.0);
        for row in 0..ROWS {
            sum = s.add(sum, values[row]);
        }
        take.take(s, sum, bias);
        (rest, biases)
    }
}
