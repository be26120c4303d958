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

/// Writes the draws of some rows. `from` is the index of the first row among those of the update.
///
/// Never inlined: the generator is compiled once.
#[inline(never)]
pub fn draw<S: Simd>(s: S, draws: NoiseDraws, panels: &mut Panels, (from, rows): (usize, usize)) {
    s.run(
        #[inline(always)]
        || {
            for panel in 0..panels.count() {
                let lines = panels.panel_mut(panel, rows);
                let (mut row, feature) = (0, (panel * LANES) as u32);
                while row < rows {
                    let (block, first) = ((from + row) / NOISE_ROWS, (from + row) % NOISE_ROWS);
                    let uniforms = uniform(&draws.words(feature, block as u32));
                    let rest = &mut lines[row..];
                    if let (0, Some(whole)) = (first, rest.first_chunk_mut()) {
                        *whole = uniforms;
                    } else {
                        rest.iter_mut().zip(&uniforms[first..]).for_each(
                            #[inline(always)]
                            |(line, uniform)| *line = *uniform,
                        );
                    }
                    row += NOISE_ROWS - first;
                }
            }
        },
    );
}

/// Adds noise to some rows of values, with these draws.
pub fn forward<S: Simd>(
    s: S,
    noise: &dyn Noise<S>,
    (values, draws): (&Panels, &Panels),
    noisy: &mut Panels,
    rows: usize,
) {
    for panel in 0..values.count() {
        noise.forward(s, values.panel(panel, rows), draws.panel(panel, rows), noisy.panel_mut(panel, rows));
    }
    noisy.clear_padding(0..noisy.count(), rows);
}

/// Computes the gradients of values from those of the values with noise.
pub fn backward<S: Simd>(
    s: S,
    noise: &dyn Noise<S>,
    (gradient, draws): (&Panels, &Panels),
    result: &mut Panels,
    rows: usize,
) {
    for panel in 0..gradient.count() {
        let (gradient, draws) = (gradient.panel(panel, rows), draws.panel(panel, rows));
        noise.backward(s, gradient, draws, result.panel_mut(panel, rows));
    }
}
