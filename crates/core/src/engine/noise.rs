//! Noise during training: the random draws that belong to a line of values.
//!
//! A draw is a function of the run's seed, the layer, the step, the row's index in the batch and the feature.
//! It does not depend on the thread that computes the row.

use super::Noise;
use super::panels::{LANES, Line, Panels, ZERO};
use super::simd::Simd;
use crate::random::{NOISE_ROWS, NoiseDraws};

/// Converts a random word to a uniform draw between 0 and 1, exclusive: an odd multiple of 2^-24, which a float
/// holds exactly.
#[inline(always)]
fn uniform(word: u32) -> f32 {
    (word >> 8 | 1) as i32 as f32 / 16_777_216.0
}

/// Writes the draws of 16 features from `feature` for the four rows from `4 rows`.
#[inline(always)]
fn draw_rows(draws: NoiseDraws, feature: u32, rows: u32, lines: &mut [Line; NOISE_ROWS]) {
    let [first, second, third, fourth] = lines;
    for lane in 0..LANES {
        let words = draws.words(feature + lane as u32, rows);
        [first.0[lane], second.0[lane], third.0[lane], fourth.0[lane]] = words.map(uniform);
    }
}

/// Writes the draws of some rows. `from` is the index of the first row among those of the update.
///
/// Never inlined: the generator is compiled once.
#[inline(never)]
pub fn draw<S: Simd>(s: S, draws: NoiseDraws, panels: &mut Panels, (from, rows): (usize, usize)) {
    s.run(
        #[inline(always)]
        move || {
            let mut some = [ZERO; NOISE_ROWS];
            for panel in 0..panels.count() {
                let lines = panels.panel_mut(panel, rows);
                let (mut row, feature) = (0, (panel * LANES) as u32);
                while row < rows {
                    let (block, first) = (((from + row) / NOISE_ROWS) as u32, (from + row) % NOISE_ROWS);
                    let rest = &mut lines[row..];
                    let whole = rest.len() >= NOISE_ROWS && first == 0;
                    let place = if whole { rest.first_chunk_mut() } else { None };
                    draw_rows(draws, feature, block, place.unwrap_or(&mut some));
                    if !whole {
                        for (line, drawn) in rest.iter_mut().zip(&some[first..]) {
                            *line = *drawn;
                        }
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
