//! The products of a layer over a few rows. The compiler knows the number of rows.
//!
//! For so short a batch, loops over tiles and pieces would take longer than the arithmetic. The sums of the
//! rows stay in registers. Everything else is a plain loop by index, because `chunks_exact` divides. Each sum
//! has the same order as in the other forms.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::panels::{LANES, Line, Panels, ZERO, panels};
use super::products::{Form, Product};
use super::simd::Simd;
use super::tiles::{MOST_COLUMNS, transpose};

/// Calls the function with its constant equal to the number of rows, for which [`is_small_batch`] is true.
macro_rules! with_batch_size {
    ($rows:expr, $($function:ident)::+::<$s:ty, _>($($argument:expr),* $(,)?)) => {
        match $rows {
            1 => $($function)::+::<$s, 1>($($argument),*),
            2 => $($function)::+::<$s, 2>($($argument),*),
            3 if $crate::engine::small_batch::is_small_batch(3) => {
                $($function)::+::<$s, 3>($($argument),*)
            }
            4 => $($function)::+::<$s, 4>($($argument),*),
            5 => $($function)::+::<$s, 5>($($argument),*),
            6 if $crate::engine::small_batch::is_small_batch(6) => {
                $($function)::+::<$s, 6>($($argument),*)
            }
            _ => unreachable!("no code is compiled for this number of rows"),
        }
    };
}

pub(crate) use with_batch_size;

/// Returns whether there is code for this number of rows: up to six, which are one tile on every instruction set.
/// Each number takes a twelfth of the WebAssembly module, which does without two of them.
pub const fn is_small_batch(rows: usize) -> bool {
    let is_left_out = cfg!(target_arch = "wasm32") && (rows == 3 || rows == 6);
    rows <= 6 && !is_left_out
}

/// The maximum number of inputs of a wide product in the specialized code, and of outputs on its way back.
/// With more, the multiply-adds last longer, and a tile of so few sums does not keep the units busy.
pub const SMALL_BATCH_INPUTS: usize = 128;

impl Product {
    /// Computes output = W input + b.
    #[inline(always)]
    pub(super) fn forward_small_batch<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        input: &Panels,
        output: &mut Panels,
    ) {
        let weight = &parameters[self.weight.clone()];
        match self.form {
            Form::Wide => {
                let first = input.rows::<ROWS>(0);
                for panel in 0..panels(self.outputs) {
                    let lines = &weight[panel * self.inputs..][..self.inputs];
                    let mut sums = [s.load(self.bias_line(parameters, panel)); ROWS];
                    // Most small layers have a single panel of inputs, which needs no loop.
                    let (lines, more) = lines.split_at(lines.len().min(LANES));
                    add(s, first, lines, &mut sums);
                    for (block, lines) in more.chunks(LANES).enumerate() {
                        add(s, input.rows::<ROWS>(block + 1), lines, &mut sums);
                    }
                    store(s, sums, output.rows_mut::<ROWS>(panel));
                }
            }
            Form::Narrow => {
                let zero = s.splat(0.0);
                let mut columns = [ZERO; MOST_COLUMNS];
                let columns = &mut columns[..self.outputs];
                for (number, column) in columns.iter_mut().enumerate() {
                    let mut sums = [zero; ROWS];
                    for panel in 0..panels(self.inputs) {
                        let line = s.load(&weight[panel * self.outputs + number]);
                        let values = input.rows::<ROWS>(panel);
                        for row in 0..ROWS {
                            sums[row] = s.mul_add(s.load(&values[row]), line, sums[row]);
                        }
                    }
                    s.store(s.sums(sums), column);
                }
                let output = output.rows_mut::<ROWS>(0);
                transpose(s, columns, output);
                let bias = s.load(self.bias_line(parameters, 0));
                for line in output {
                    s.store(s.add(s.load(line), bias), line);
                }
            }
        }
    }

    /// Computes input_gradient = Wᵀ gradient, for a narrow product.
    #[inline(always)]
    pub(super) fn input_gradient_small_batch<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        parameters: &[Line],
        gradient: &Panels,
        input_gradient: &mut Panels,
    ) {
        let weight = &parameters[self.weight.clone()];
        let gradient = gradient.rows::<ROWS>(0);
        for panel in 0..panels(self.inputs) {
            let lines = &weight[panel * self.outputs..][..self.outputs];
            let mut sums = [s.splat(0.0); ROWS];
            for number in 0..lines.len() {
                let line = s.load(&lines[number]);
                for row in 0..ROWS {
                    sums[row] = s.mul_add(s.splat(gradient[row].0[number % LANES]), line, sums[row]);
                }
            }
            store(s, sums, input_gradient.rows_mut::<ROWS>(panel));
        }
    }

    /// Computes the gradients of W and b into `result`, which has a line for each line of all parameters.
    #[inline(always)]
    pub fn parameter_gradient_small_batch<S: Simd, const ROWS: usize>(
        &self,
        s: S,
        input: &Panels,
        gradient: &Panels,
        result: &mut [Line],
    ) {
        let weight = &mut result[self.weight.clone()];
        match self.form {
            Form::Wide => {
                let first = input.rows::<ROWS>(0);
                for panel in 0..panels(self.outputs) {
                    let lines = &mut weight[panel * self.inputs..][..self.inputs];
                    let gradient = load(s, gradient.rows::<ROWS>(panel));
                    let (lines, more) = lines.split_at_mut(lines.len().min(LANES));
                    outer(s, first, gradient, lines);
                    for (block, lines) in more.chunks_mut(LANES).enumerate() {
                        outer(s, input.rows::<ROWS>(block + 1), gradient, lines);
                    }
                }
            }
            Form::Narrow => {
                let gradient = gradient.rows::<ROWS>(0);
                for panel in 0..panels(self.inputs) {
                    let lines = &mut weight[panel * self.outputs..][..self.outputs];
                    outer(s, gradient, load(s, input.rows::<ROWS>(panel)), lines);
                }
            }
        }
        if let Some(bias) = &self.bias {
            for (panel, line) in result[bias.clone()].iter_mut().enumerate() {
                let mut sum = s.splat(0.0);
                for value in load(s, gradient.rows::<ROWS>(panel)) {
                    sum = s.add(sum, value);
                }
                s.store(sum, line);
            }
        }
    }
}

/// Computes sums[r] += Σᵢ values[r] lane i · lines[i].
#[inline(always)]
fn add<S: Simd, const ROWS: usize>(s: S, values: &[Line; ROWS], lines: &[Line], sums: &mut [S::V; ROWS]) {
    for lane in 0..lines.len() {
        let line = s.load(&lines[lane]);
        for row in 0..ROWS {
            sums[row] = s.mul_add(s.splat(values[row].0[lane % LANES]), line, sums[row]);
        }
    }
}

#[inline(always)]
fn load<S: Simd, const ROWS: usize>(s: S, lines: &[Line; ROWS]) -> [S::V; ROWS] {
    let mut values = [s.load(&ZERO); ROWS];
    for row in 0..ROWS {
        values[row] = s.load(&lines[row]);
    }
    values
}

#[inline(always)]
fn store<S: Simd, const ROWS: usize>(s: S, values: [S::V; ROWS], lines: &mut [Line; ROWS]) {
    for row in 0..ROWS {
        s.store(values[row], &mut lines[row]);
    }
}

/// Computes result[i] = Σᵣ scalars[r] lane i · lines[r].
#[inline(always)]
fn outer<S: Simd, const ROWS: usize>(s: S, scalars: &[Line; ROWS], lines: [S::V; ROWS], result: &mut [Line]) {
    for lane in 0..result.len() {
        let mut sum = s.splat(0.0);
        for row in 0..ROWS {
            sum = s.mul_add(s.splat(scalars[row].0[lane % LANES]), lines[row], sum);
        }
        s.store(sum, &mut result[lane]);
    }
}
