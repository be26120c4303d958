//! Microkernels: the inner tiles of the products. They keep their sums in registers.
//!
//! A tile of `ROWS` rows by `PANELS` panels loads `PANELS` lines and `ROWS` single values for `ROWS · PANELS`
//! multiply-adds. Loops over constants are unrolled. Iterators in their place make the compiler spill the
//! sums.

#![expect(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled by index; iterators spill"
)]

use super::bfloat16::Multiplier;
use super::panels::{LANES, Line, Panels, ZERO};
use super::simd::Simd;
use std::ops::Range;

/// Calls the function with its first constant equal to the number, which is from 1 to `$most`, at most 14.
/// Arms beyond `$most` are not compiled.
macro_rules! with_constant {
    ($number:expr, $most:expr, $function:ident::<$s:ty, _ $(, $more:tt)*>($($argument:expr),* $(,)?)) => {
        match $number {
            2 if $most >= 2 => $function::<$s, 2 $(, $more)*>($($argument),*),
            3 if $most >= 3 => $function::<$s, 3 $(, $more)*>($($argument),*),
            4 if $most >= 4 => $function::<$s, 4 $(, $more)*>($($argument),*),
            5 if $most >= 5 => $function::<$s, 5 $(, $more)*>($($argument),*),
            6 if $most >= 6 => $function::<$s, 6 $(, $more)*>($($argument),*),
            7 if $most >= 7 => $function::<$s, 7 $(, $more)*>($($argument),*),
            8 if $most >= 8 => $function::<$s, 8 $(, $more)*>($($argument),*),
            9 if $most >= 9 => $function::<$s, 9 $(, $more)*>($($argument),*),
            10 if $most >= 10 => $function::<$s, 10 $(, $more)*>($($argument),*),
            11 if $most >= 11 => $function::<$s, 11 $(, $more)*>($($argument),*),
            12 if $most >= 12 => $function::<$s, 12 $(, $more)*>($($argument),*),
            13 if $most >= 13 => $function::<$s, 13 $(, $more)*>($($argument),*),
            14 if $most >= 14 => $function::<$s, 14 $(, $more)*>($($argument),*),
            _ => $function::<$s, 1 $(, $more)*>($($argument),*),
        }
    };
}

/// Returns the maximum number of sums that a tile has per panel.
const fn most_sums<S: Simd, M: Multiplier<S>, const PANELS: usize>() -> usize {
    let most = S::TILE / PANELS;
    if most < M::MOST_SUMS { most } else { M::MOST_SUMS }
}

/// Cuts a length into the fewest pieces of at most `most`, of sizes as equal as possible. With fewer than 8
/// sums the latency of a multiply-add shows, so 16 values with at most 14 per piece are cut into 8 and 8.
#[inline(always)]
fn even_pieces(length: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    // A division takes longer than a small tile, and one piece needs none.
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

/// The operands of a product: output[p][r] = start[p] + Σᵢ input[r][16 first_panel + i] lines[p][i]. Without
/// a start, the sum continues from the value in the output, because storing and loading a sum is exact.
#[derive(Clone, Copy)]
pub struct Factors<'a, const PANELS: usize> {
    /// The lines of each panel, one for each value i.
    pub lines: [&'a [Line]; PANELS],
    /// The start of each panel's sums.
    pub start: Option<[&'a Line; PANELS]>,
    /// The values of the rows.
    pub input: &'a Panels,
    /// The panel of the input that holds the value of the first line.
    pub first_panel: usize,
}

/// Computes all rows of one or two panels, which are `stride` lines apart in `output`.
///
/// This function, [`outer_sums`] and [`dot`] are never inlined. Their tiles are compiled once per number of
/// panels, not at every place that multiplies.
#[inline(never)]
pub fn multiply<S: Simd, M: Multiplier<S>, const PANELS: usize>(
    (s, multiplier): (S, M),
    factors: Factors<'_, PANELS>,
    output: &mut [Line],
    stride: usize,
    rows: usize,
) {
    multiplier.run(
        s,
        #[inline(always)]
        || {
            for piece in even_pieces(rows, const { most_sums::<S, M, PANELS>() }) {
                let row = piece.start;
                with_constant!(
                    piece.len(),
                    const { most_sums::<S, M, PANELS>() },
                    multiply_tile::<S, _, PANELS, M>((s, multiplier), factors, output, stride, row, rows)
                );
            }
        },
    );
}

/// Computes `ROWS` rows from `first_row` of `PANELS` panels.
#[inline(always)]
pub fn multiply_tile<S: Simd, const ROWS: usize, const PANELS: usize, M: Multiplier<S>>(
    (s, multiplier): (S, M),
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
                    sums[row][panel] = multiplier.multiply_add(s, value, line[panel], sums[row][panel]);
                }
            }
        }
    }
    let rest = length % LANES;
    if rest > 0 {
        let Some(values) = input.panel(first_panel + whole, rows)[first_row..].first_chunk::<ROWS>() else {
            return;
        };
        let mut factors = [&[][..]; PANELS];
        for panel in 0..PANELS {
            factors[panel] = &lines[panel][whole * LANES..][..rest];
        }
        for lane in 0..rest {
            let mut line = [s.splat(0.0); PANELS];
            for panel in 0..PANELS {
                line[panel] = s.load(&factors[panel][lane]);
            }
            for row in 0..ROWS {
                let value = s.splat(values[row].0[lane % LANES]);
                for panel in 0..PANELS {
                    sums[row][panel] = multiplier.multiply_add(s, value, line[panel], sums[row][panel]);
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

/// The operands of [`outer_sums`]: rows of single values, and rows of lines for each panel.
pub type Outer<'a, const PANELS: usize> = (&'a [Line], [&'a [Line]; PANELS]);

/// Computes tiles[p][i] = Σᵣ scalars[r][i] lines[p][r] over the rows of all shards in turn, for at most 16
/// values i. Each tile has a line per value. With `add`, the sums continue from the values in the tiles.
#[inline(never)]
pub fn outer_sums<S: Simd, M: Multiplier<S>, const PANELS: usize>(
    (s, multiplier): (S, M),
    shards: &[Outer<'_, PANELS>],
    mut tiles: [&mut [Line]; PANELS],
    add: bool,
) {
    multiplier.run(
        s,
        #[inline(always)]
        || {
            for lanes in even_pieces(tiles[0].len(), const { most_sums::<S, M, PANELS>() }) {
                with_constant!(
                    lanes.len(),
                    const { most_sums::<S, M, PANELS>() },
                    outer_tile::<S, _, PANELS, M>((s, multiplier), shards, lanes.start, &mut tiles, add)
                );
            }
        },
    );
}

#[inline(always)]
fn outer_tile<S: Simd, const COUNT: usize, const PANELS: usize, M: Multiplier<S>>(
    (s, multiplier): (S, M),
    shards: &[Outer<'_, PANELS>],
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
    for (scalars, lines) in shards {
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
                    sums[value][panel] = multiplier.multiply_add(s, factor, line[panel], sums[value][panel]);
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

/// Computes sums[p] += Σᵣ lines[p][r] in order of r. All panels have the same number of lines.
#[inline(always)]
pub fn add_lines<S: Simd, const PANELS: usize>(s: S, lines: [&[Line]; PANELS], sums: &mut [S::V; PANELS]) {
    let count = lines[0].len();
    let lines = lines.map(
        #[inline(always)]
        |lines| &lines[..count],
    );
    for row in 0..count {
        for panel in 0..PANELS {
            sums[panel] = s.add(sums[panel], s.load(&lines[panel][row]));
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

/// Returns the line that has 1 in this lane and 0 elsewhere.
#[inline(always)]
pub fn unit(lane: usize) -> &'static Line {
    &UNITS[lane % LANES]
}

/// The maximum number of columns: one more than a narrow product has outputs.
pub const MOST_COLUMNS: usize = 8;

/// Transposes up to 8 lines: lane i of line j becomes lane j of line i of the result.
#[inline(always)]
pub fn transpose<S: Simd>(s: S, lines: &[Line], result: &mut [Line]) {
    for (lane, result) in result.iter_mut().enumerate() {
        let mut values = [0.0; MOST_COLUMNS];
        for (value, line) in values.iter_mut().zip(lines) {
            *value = line.0[lane % LANES];
        }
        s.store(s.lanes(values), result);
    }
}

/// The operands of a narrow product: output[r] lane o = bias lane o + the sum over lanes of Σₚ input[p][r]
/// weight[p][o].
#[derive(Clone, Copy)]
pub struct Dots<'a> {
    /// `outputs` lines for each panel of the input.
    pub weight: &'a [Line],
    /// The number of outputs, at most 7.
    pub outputs: usize,
    /// The biases, one value per lane.
    pub bias: &'a Line,
    /// The values of the rows.
    pub input: &'a Panels,
}

/// Calls the function with three constants: the number of outputs, from 1 to 7; the number of lanes that a
/// row's outputs take; and the number of rows whose outputs fill 8 lanes.
macro_rules! with_narrow {
    ($outputs:expr, $function:ident::<$s:ty, _>($($argument:expr),* $(,)?)) => {
        match $outputs {
            1 => $function::<$s, 1, 1, 8>($($argument),*),
            2 => $function::<$s, 2, 2, 4>($($argument),*),
            3 => $function::<$s, 3, 4, 2>($($argument),*),
            4 => $function::<$s, 4, 4, 2>($($argument),*),
            5 => $function::<$s, 5, 8, 1>($($argument),*),
            6 => $function::<$s, 6, 8, 1>($($argument),*),
            _ => $function::<$s, 7, 8, 1>($($argument),*),
        }
    };
}

/// Computes all rows of a narrow product.
#[inline(never)]
pub fn dot<S: Simd>(s: S, dots: Dots<'_>, output: &mut [Line], rows: usize) {
    s.run(
        #[inline(always)]
        || with_narrow!(dots.outputs, dot_rows::<S, _>(s, dots, output, rows)),
    );
}

#[inline(always)]
fn dot_rows<S: Simd, const OUTPUTS: usize, const LENGTH: usize, const ROWS: usize>(
    s: S,
    dots: Dots<'_>,
    output: &mut [Line],
    rows: usize,
) {
    let whole = rows / ROWS * ROWS;
    for row in (0..whole).step_by(ROWS) {
        dot_tile::<S, OUTPUTS, LENGTH, ROWS>(s, dots, output, row, rows);
    }
    for row in whole..rows {
        dot_tile::<S, OUTPUTS, LENGTH, 1>(s, dots, output, row, rows);
    }
}

/// Computes `ROWS` rows. One tree sums the lanes of all their outputs. Each line is built in a register and
/// stored whole, because a load of a line would wait if single lanes of it had just been stored.
#[inline(always)]
fn dot_tile<S: Simd, const OUTPUTS: usize, const LENGTH: usize, const ROWS: usize>(
    s: S,
    Dots { weight, bias, input, .. }: Dots<'_>,
    output: &mut [Line],
    start: usize,
    rows: usize,
) {
    let mut sums = [s.splat(0.0); 8];
    let (weight, _) = weight.as_chunks::<OUTPUTS>();
    for (panel, lines) in weight.iter().enumerate() {
        let Some(values) = input.panel(panel, rows)[start..].first_chunk::<ROWS>() else { return };
        for number in 0..OUTPUTS {
            let line = s.load(&lines[number]);
            for row in 0..ROWS {
                let sum = &mut sums[row * LENGTH + number];
                *sum = s.mul_add(s.load(&values[row]), line, *sum);
            }
        }
    }
    let Some(output) = output[start..].first_chunk_mut::<ROWS>() else { return };
    let bias = s.load(bias);
    let mut packed = ZERO;
    s.store(s.sums(sums), &mut packed);
    for row in 0..ROWS {
        let Some(values) = packed.0[row * LENGTH..].first_chunk::<LENGTH>() else { return };
        s.store(s.add(s.lanes(*values), bias), &mut output[row]);
    }
}

/// Computes output[p][r] = Σₒ gradient[r] lane o · weight[p][o], for all rows and panels of a narrow
/// product's input gradient.
#[inline(never)]
pub fn spread<S: Simd>(s: S, weight: &[Line], outputs: usize, gradient: &[Line], output: &mut Panels) {
    s.run(
        #[inline(always)]
        || with_narrow!(outputs, spread_rows::<S, _>(s, weight, gradient, output)),
    );
}

#[inline(always)]
fn spread_rows<S: Simd, const OUTPUTS: usize, const LENGTH: usize, const ROWS: usize>(
    s: S,
    weight: &[Line],
    gradient: &[Line],
    output: &mut Panels,
) {
    let (weight, _) = weight.as_chunks::<OUTPUTS>();
    for (panel, lines) in weight.iter().enumerate() {
        let mut factors = [s.splat(0.0); OUTPUTS];
        for number in 0..OUTPUTS {
            factors[number] = s.load(&lines[number]);
        }
        for (values, result) in gradient.iter().zip(output.panel_mut(panel, gradient.len())) {
            let mut sum = s.splat(0.0);
            for number in 0..OUTPUTS {
                sum = s.mul_add(s.splat(values.0[number]), factors[number], sum);
            }
            s.store(sum, result);
        }
    }
}
