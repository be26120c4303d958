//! Microkernels: the inner tiles of the products, which keep their sums in registers.
//!
//! A tile of `ROWS` rows by `PANELS` panels loads `PANELS` lines and `ROWS` single values for `ROWS · PANELS`
//! multiply-adds. Loops over constants are unrolled; iterators there make the compiler spill the sums.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::panels::{LANES, Line, Panels, ZERO};
use super::simd::Simd;
use std::ops::Range;

/// Calls the function with its first constant equal to the number, from 1 to 14.
macro_rules! with_constant {
    ($number:expr, $function:ident::<$s:ty, _ $(, $more:tt)?>($($argument:expr),* $(,)?)) => {
        match $number {
            1 => $function::<$s, 1 $(, $more)?>($($argument),*),
            2 => $function::<$s, 2 $(, $more)?>($($argument),*),
            3 => $function::<$s, 3 $(, $more)?>($($argument),*),
            4 => $function::<$s, 4 $(, $more)?>($($argument),*),
            5 => $function::<$s, 5 $(, $more)?>($($argument),*),
            6 => $function::<$s, 6 $(, $more)?>($($argument),*),
            7 => $function::<$s, 7 $(, $more)?>($($argument),*),
            8 => $function::<$s, 8 $(, $more)?>($($argument),*),
            9 => $function::<$s, 9 $(, $more)?>($($argument),*),
            10 => $function::<$s, 10 $(, $more)?>($($argument),*),
            11 => $function::<$s, 11 $(, $more)?>($($argument),*),
            12 => $function::<$s, 12 $(, $more)?>($($argument),*),
            13 => $function::<$s, 13 $(, $more)?>($($argument),*),
            _ => $function::<$s, 14 $(, $more)?>($($argument),*),
        }
    };
}

/// Cuts a length into the fewest pieces of at most `most`, as even as can be: under 8 sums the latency of a
/// multiply-add shows, so 16 of at most 14 are 8 and 8.
#[inline(always)]
fn even_pieces(length: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    // Divisions take longer than a small tile: one piece needs none.
    let (size, longer) = if length <= most {
        (length, 0)
    } else {
        let pieces = length.div_ceil(most);
        (length / pieces, length % pieces)
    };
    let (mut start, mut piece) = (0, 0);
    std::iter::from_fn(
        #[inline(always)]
        move || {
            let end = start + size + usize::from(piece < longer);
            let range = start..end;
            piece += 1;
            start = end;
            (end <= length && !range.is_empty()).then_some(range)
        },
    )
}

/// What a product multiplies: output[p][r] = start[p] + Σᵢ input[r][16 first_panel + i] lines[p][i].
/// Without a start the sum goes on from what the output holds: storing and loading a sum is exact.
#[derive(Clone, Copy)]
pub struct Factors<'a, const PANELS: usize> {
    /// The lines of each panel, one for each value i.
    pub lines: [&'a [Line]; PANELS],
    /// What each panel starts from.
    pub start: Option<[&'a Line; PANELS]>,
    /// The rows' values.
    pub input: &'a Panels,
    /// The panel of the input that holds the value of the first line.
    pub first_panel: usize,
}

/// All rows of one or two panels, which lie `stride` lines apart in `output`.
///
/// This, [`outer_sums`] and [`dot`] are functions of their own: their tiles are compiled once for each
/// number of panels, not at every place that multiplies.
#[inline(never)]
pub fn multiply<S: Simd, const PANELS: usize>(
    s: S,
    factors: Factors<'_, PANELS>,
    output: &mut [Line],
    stride: usize,
    rows: usize,
) {
    s.run(
        #[inline(always)]
        || {
            for piece in even_pieces(rows, (S::TILE / PANELS).min(14)) {
                let row = piece.start;
                with_constant!(
                    piece.len(),
                    multiply_tile::<S, _, PANELS>(s, factors, output, stride, row, rows)
                );
            }
        },
    );
}

/// `ROWS` rows from `first_row` of `PANELS` panels.
#[inline(always)]
pub fn multiply_tile<S: Simd, const ROWS: usize, const PANELS: usize>(
    s: S,
    Factors { lines, start, input, first_panel }: Factors<'_, PANELS>,
    output: &mut [Line],
    stride: usize,
    first_row: usize,
    rows: usize,
) {
    let mut sums = [[s.splat(0.0); PANELS]; ROWS];
    for panel in 0..PANELS {
        let stored = &output[panel * stride + first_row..][..ROWS];
        for row in 0..ROWS {
            sums[row][panel] = match start {
                Some(lines) => s.load(lines[panel]),
                None => s.load(&stored[row]),
            };
        }
    }
    let length = lines[0].len();
    let whole = length / LANES;
    for block in 0..whole {
        let Some(values) = input.panel(first_panel + block, rows)[first_row..].first_chunk::<ROWS>() else {
            return;
        };
        let mut factors = [&[ZERO; LANES]; PANELS];
        for panel in 0..PANELS {
            let Some(lines) = lines[panel][block * LANES..].first_chunk::<LANES>() else { return };
            factors[panel] = lines;
        }
        for lane in 0..LANES {
            let mut line = [s.splat(0.0); PANELS];
            for panel in 0..PANELS {
                line[panel] = s.load(&factors[panel][lane]);
            }
            for row in 0..ROWS {
                let value = s.splat(values[row].0[lane]);
                for panel in 0..PANELS {
                    sums[row][panel] = s.mul_add(value, line[panel], sums[row][panel]);
                }
            }
        }
    }
    if length % LANES > 0 {
        let Some(values) = input.panel(first_panel + whole, rows)[first_row..].first_chunk::<ROWS>() else {
            return;
        };
        for lane in 0..length % LANES {
            for panel in 0..PANELS {
                let line = s.load(&lines[panel][whole * LANES + lane]);
                for row in 0..ROWS {
                    sums[row][panel] =
                        s.mul_add(s.splat(values[row].0[lane % LANES]), line, sums[row][panel]);
                }
            }
        }
    }
    for panel in 0..PANELS {
        let stored = &mut output[panel * stride + first_row..][..ROWS];
        for row in 0..ROWS {
            s.store(sums[row][panel], &mut stored[row]);
        }
    }
}

/// What [`outer_sums`] multiplies: rows of single values, and rows of lines for each panel.
pub type Outer<'a, const PANELS: usize> = (&'a [Line], [&'a [Line]; PANELS]);

/// tiles[p][i] = Σᵣ scalars[r][i] lines[p][r] over the rows of all slabs in turn, for at most 16 values i.
/// Each tile has a line for each value. With `add` the sums go on from what the tiles hold.
#[inline(never)]
pub fn outer_sums<S: Simd, const PANELS: usize>(
    s: S,
    slabs: &[Outer<'_, PANELS>],
    mut tiles: [&mut [Line]; PANELS],
    add: bool,
) {
    s.run(
        #[inline(always)]
        || {
            for lanes in even_pieces(tiles[0].len(), (S::TILE / PANELS).min(14)) {
                with_constant!(
                    lanes.len(),
                    outer_tile::<S, _, PANELS>(s, slabs, lanes.start, &mut tiles, add)
                );
            }
        },
    );
}

#[inline(always)]
fn outer_tile<S: Simd, const COUNT: usize, const PANELS: usize>(
    s: S,
    slabs: &[Outer<'_, PANELS>],
    first: usize,
    tiles: &mut [&mut [Line]; PANELS],
    add: bool,
) {
    let mut sums = [[s.splat(0.0); PANELS]; COUNT];
    if add {
        for panel in 0..PANELS {
            let Some(tile) = tiles[panel][first..].first_chunk::<COUNT>() else { return };
            for value in 0..COUNT {
                sums[value][panel] = s.load(&tile[value]);
            }
        }
    }
    for (scalars, lines) in slabs {
        let rows = scalars.len();
        let lines = lines.map(
            #[inline(always)]
            |lines| &lines[..rows],
        );
        for row in 0..rows {
            let Some(values) = scalars[row].0[first..].first_chunk::<COUNT>() else { return };
            let mut line = [s.splat(0.0); PANELS];
            for panel in 0..PANELS {
                line[panel] = s.load(&lines[panel][row]);
            }
            for value in 0..COUNT {
                let factor = s.splat(values[value]);
                for panel in 0..PANELS {
                    sums[value][panel] = s.mul_add(factor, line[panel], sums[value][panel]);
                }
            }
        }
    }
    for panel in 0..PANELS {
        let Some(tile) = tiles[panel][first..].first_chunk_mut::<COUNT>() else { return };
        for value in 0..COUNT {
            s.store(sums[value][panel], &mut tile[value]);
        }
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

/// The line that has 1 in this lane and 0 elsewhere.
#[inline(always)]
pub fn unit(lane: usize) -> &'static Line {
    &UNITS[lane % LANES]
}

/// What a narrow product multiplies: output[r] lane o = bias lane o + the sum over lanes of Σₚ input[p][r]
/// weight[p][o].
#[derive(Clone, Copy)]
pub struct Dots<'a> {
    /// `outputs` lines for each panel of the input.
    pub weight: &'a [Line],
    /// At most 7.
    pub outputs: usize,
    /// One value a lane.
    pub bias: &'a Line,
    /// The rows' values.
    pub input: &'a Panels,
}

/// All rows of a narrow product.
#[inline(never)]
pub fn dot<S: Simd>(s: S, dots: Dots<'_>, output: &mut [Line], rows: usize) {
    s.run(
        #[inline(always)]
        || {
            for piece in even_pieces(rows, 8) {
                with_constant!(piece.len(), dot_tile::<S, _>(s, dots, output, piece.start, rows));
            }
        },
    );
}

/// A line is made in a register and stored whole: a load of a line of which single lanes were just stored
/// would wait.
#[inline(always)]
fn dot_tile<S: Simd, const ROWS: usize>(
    s: S,
    Dots { weight, outputs, bias, input }: Dots<'_>,
    output: &mut [Line],
    start: usize,
    rows: usize,
) {
    let zero = s.splat(0.0);
    let mut results = [zero; ROWS];
    for number in 0..outputs {
        let mut sums = [zero; ROWS];
        for panel in 0..input.count() {
            let Some(values) = input.panel(panel, rows)[start..].first_chunk::<ROWS>() else { return };
            let line = s.load(&weight[panel * outputs + number]);
            for row in 0..ROWS {
                sums[row] = s.mul_add(s.load(&values[row]), line, sums[row]);
            }
        }
        let lane = s.load(unit(number));
        for row in 0..ROWS {
            results[row] = s.select_greater(lane, zero, s.splat(s.sum(sums[row])), results[row]);
        }
    }
    let Some(output) = output[start..].first_chunk_mut::<ROWS>() else { return };
    let bias = s.load(bias);
    for row in 0..ROWS {
        s.store(s.add(results[row], bias), &mut output[row]);
    }
}
