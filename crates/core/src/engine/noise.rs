//! Noise during training: the random draws that belong to a line of values.
//!
//! A draw is a function of the run's seed, the layer, the step, the row's index in the batch and the feature.
//! It does not depend on the thread that computes the row.

use super::Noise;
use super::panels::{LANES, Line, Panels, ZERO};
use super::simd::Simd;
use crate::random::{Lanes, NOISE_ROWS, NoiseDraws};

/// Converts random words to uniform draws between 0 and 1, exclusive: odd multiples of 2^-24, which a float
/// holds exactly.
#[inline(always)]
fn uniform(words: &[Lanes; NOISE_ROWS]) -> [Line; NOISE_ROWS] {
    let mut lines = [ZERO; NOISE_ROWS];
    for (line, words) in lines.iter_mut().zip(words) {
        for (draw, word) in line.0.iter_mut().zip(words) {
            *draw = (word >> 8 | 1) as i32 as f32 / 16_777_216.0;
        }
    }
    lines
}

/// Calls `act` with lines of `values` and their draws. `from` is the index of the first row in the batch.
#[inline(always)]
fn with_draws<S: Simd>(
    s: S,
    draws: NoiseDraws,
    values: &mut Panels,
    (from, rows): (usize, usize),
    mut act: impl FnMut(&mut [Line], &[Line]),
) {
    for panel in 0..values.count() {
        let lines = values.panel_mut(panel, rows);
        let mut row = 0;
        while row < rows {
            let place = from + row;
            let first = place % NOISE_ROWS;
            let count = (NOISE_ROWS - first).min(rows - row);
            let mut uniforms = [ZERO; NOISE_ROWS];
            s.run(
                #[inline(always)]
                || uniforms = uniform(&draws.words((panel * LANES) as u32, (place / NOISE_ROWS) as u32)),
            );
            act(&mut lines[row..][..count], &uniforms[first..][..count]);
            row += count;
        }
    }
}

/// Adds noise to some rows of values.
pub fn forward<S: Simd>(
    s: S,
    noise: &dyn Noise<S>,
    draws: NoiseDraws,
    values: &mut Panels,
    rows: (usize, usize),
) {
    with_draws(s, draws, values, rows, |lines, draws| noise.forward(s, lines, draws));
    values.clear_padding(0..values.count(), rows.1);
}

/// Replaces the gradients of noisy values by the gradients of the original values.
pub fn backward<S: Simd>(
    s: S,
    noise: &dyn Noise<S>,
    draws: NoiseDraws,
    gradient: &mut Panels,
    rows: (usize, usize),
) {
    with_draws(s, draws, gradient, rows, |lines, draws| noise.backward(s, lines, draws));
}
