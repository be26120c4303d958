//! A wide product of few inputs and a narrow one behind it, over a few rows: the network with one hidden
//! layer, as most tiny ones are.
//!
//! Such a step is a few hundred multiply-adds, and what surrounds them (places, bounds, loops of two rounds)
//! took twice as long as they. So each direction is one loop over the panels of the hidden layer, in which the
//! rows are unrolled, and the hidden layer lies without gaps. The order of each sum is that of the other forms.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::Epilogue;
use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::products::{Form, Product};
use super::simd::Simd;
use super::tiles::unit;

/// The two products, their parameters and the rows.
#[derive(Clone, Copy)]
pub struct Hidden<'a> {
    first: &'a Product,
    second: &'a Product,
    parameters: &'a [Line],
    input: &'a Panels,
}

/// The hidden layer's values and their gradients, a line for each panel and row.
pub struct HiddenLines<'a> {
    /// The values before the function between the products, where its derivative reads them; else empty.
    pub kept: &'a mut [Line],
    /// The values.
    pub values: &'a mut [Line],
    /// Their gradients.
    pub gradients: &'a mut [Line],
}

impl<'a> Hidden<'a> {
    /// Whether two products are of these forms, and the hidden layer fills its panels: then a function of
    /// zero leaves nothing to clear.
    #[inline(always)]
    pub fn fits(first: &Product, second: &Product) -> bool {
        let forms = (first.form, second.form) == (Form::Wide, Form::Narrow);
        forms && first.inputs <= LANES && first.outputs.is_multiple_of(LANES)
    }

    /// Two products that fit.
    #[inline(always)]
    pub fn new(first: &'a Product, second: &'a Product, parameters: &'a [Line], input: &'a Panels) -> Self {
        Hidden { first, second, parameters, input }
    }

    /// Lines that so many rows of the hidden layer take.
    #[inline(always)]
    pub fn lines(&self, rows: usize) -> usize {
        panels(self.first.outputs) * rows
    }

    /// From the inputs to the outputs of the second product.
    #[inline(always)]
    pub fn forward<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        epilogue: Option<&dyn Epilogue<S>>,
        hidden: &mut HiddenLines<'_>,
        output: &mut Panels,
    ) {
        let input = self.input.rows::<ROWS>(0);
        let (rows, _) = hidden.values.as_chunks_mut::<ROWS>();
        let mut weight = &self.parameters[self.first.weight.clone()];
        for (panel, rows) in rows.iter_mut().enumerate() {
            let (lines, rest) = weight.split_at(self.first.inputs);
            weight = rest;
            let mut sums = [s.load(self.first.bias_line(self.parameters, panel)); ROWS];
            for (lane, line) in lines.iter().enumerate() {
                let line = s.load(line);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.splat(input[row].0[lane % LANES]), line, sums[row]);
                }
            }
            for row in 0..ROWS {
                s.store(sums[row], &mut rows[row]);
            }
        }
        if let Some(epilogue) = epilogue {
            hidden.kept.copy_from_slice(&hidden.values[..hidden.kept.len()]);
            epilogue.forward(s, hidden.values);
        }
        self.outputs::<S, ROWS>(s, hidden.values, output);
    }

    /// output = W hidden + b
    #[inline(always)]
    fn outputs<S: Simd, const ROWS: usize>(&self, s: S, hidden: &[Line], output: &mut Panels) {
        let (hidden, _) = hidden.as_chunks::<ROWS>();
        let weight = &self.parameters[self.second.weight.clone()];
        let zero = s.splat(0.0);
        let mut results = [zero; ROWS];
        for number in 0..self.second.outputs {
            let mut sums = [zero; ROWS];
            let mut place = number;
            for rows in hidden {
                let line = s.load(&weight[place]);
                place += self.second.outputs;
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.load(&rows[row]), line, sums[row]);
                }
            }
            let lane = s.load(unit(number));
            for row in 0..ROWS {
                results[row] = s.select_greater(lane, zero, s.splat(s.sum(sums[row])), results[row]);
            }
        }
        let bias = s.load(self.second.bias_line(self.parameters, 0));
        let output = output.rows_mut::<ROWS>(0);
        for row in 0..ROWS {
            s.store(s.add(results[row], bias), &mut output[row]);
        }
    }

    /// From the gradient of the second product's output to the gradients of all parameters, in `result`.
    #[inline(always)]
    pub fn backward<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        epilogue: Option<&dyn Epilogue<S>>,
        hidden: &mut HiddenLines<'_>,
        gradient: &Panels,
        result: &mut [Line],
    ) {
        let gradient = gradient.rows::<ROWS>(0);
        self.through_second::<S, ROWS>(s, gradient, hidden, result);
        if let Some(epilogue) = epilogue {
            epilogue.backward(s, hidden.gradients, hidden.kept, hidden.values);
        }
        if let Some(bias) = &self.second.bias {
            let mut sum = s.splat(0.0);
            for row in 0..ROWS {
                sum = s.add(sum, s.load(&gradient[row]));
            }
            s.store(sum, &mut result[bias.start]);
        }
        let input = self.input.rows::<ROWS>(0);
        let (gradients, _) = hidden.gradients.as_chunks::<ROWS>();
        let (weight, biases) = result[self.first.weight.start..].split_at_mut(self.first.weight.len());
        let mut weight = weight;
        let mut biases = biases.iter_mut();
        for rows in gradients {
            let mut values = [s.load(&ZERO); ROWS];
            for row in 0..ROWS {
                values[row] = s.load(&rows[row]);
            }
            let (lines, rest) = weight.split_at_mut(self.first.inputs);
            weight = rest;
            for (lane, line) in lines.iter_mut().enumerate() {
                let mut sum = s.splat(0.0);
                for row in 0..ROWS {
                    sum = s.mul_add(s.splat(input[row].0[lane % LANES]), values[row], sum);
                }
                s.store(sum, line);
            }
            if self.first.bias.is_some()
                && let Some(bias) = biases.next()
            {
                let mut sum = s.splat(0.0);
                for row in 0..ROWS {
                    sum = s.add(sum, values[row]);
                }
                s.store(sum, bias);
            }
        }
    }

    /// The gradients of the second product's weights and of its inputs.
    #[inline(always)]
    fn through_second<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        gradient: &[Line; ROWS],
        hidden: &mut HiddenLines<'_>,
        result: &mut [Line],
    ) {
        let (values, _) = hidden.values.as_chunks::<ROWS>();
        let (gradients, _) = hidden.gradients.as_chunks_mut::<ROWS>();
        let mut weight = self.parameters[self.second.weight.clone()].iter();
        let mut result = result[self.second.weight.clone()].iter_mut();
        for (values, gradients) in values.iter().zip(gradients) {
            let mut back = [s.splat(0.0); ROWS];
            for number in 0..self.second.outputs {
                let (Some(line), Some(result)) = (weight.next(), result.next()) else { return };
                let (line, mut sum) = (s.load(line), s.splat(0.0));
                for row in 0..ROWS {
                    let scalar = s.splat(gradient[row].0[number % LANES]);
                    back[row] = s.mul_add(scalar, line, back[row]);
                    sum = s.mul_add(scalar, s.load(&values[row]), sum);
                }
                s.store(sum, result);
            }
            for row in 0..ROWS {
                s.store(back[row], &mut gradients[row]);
            }
        }
    }
}
