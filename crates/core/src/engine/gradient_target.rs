//! Where finished gradients go, and how they are collected in blocks on the way.

use super::panels::{LANES, Line};
use super::simd::Simd;
use super::{Finished, Now, Update};

/// What an update of parameters needs; the slices hold the lines of one thread.
pub struct Updates<'a, S: Simd> {
    /// The optimizer.
    pub update: &'a dyn Update<S>,
    /// Its learning rate and step number.
    pub now: Now,
    /// The parameters.
    pub parameters: &'a mut [Line],
    /// Their state.
    pub slots: &'a mut [Line],
    /// Lines of state for each line of parameters.
    pub count: usize,
}

/// What happens to finished gradients.
pub enum Destination<'a, S: Simd> {
    /// They update the parameters at once.
    Update(Updates<'a, S>),
    /// They update the parameters, together with the sum of the gradients of the chunks before.
    UpdateWith(Updates<'a, S>, &'a [Line]),
    /// Written to a gradient of all parameters: the first chunk of a batch.
    Write(&'a mut [Line]),
    /// Added to it: a further chunk.
    Add(&'a mut [Line]),
}

/// Where the finished gradients of one thread go.
pub struct GradientTarget<'a, S: Simd> {
    /// The number, among the lines of all parameters, of the first line in the destination's slices.
    pub first: usize,
    /// What is done with them.
    pub destination: Destination<'a, S>,
}

impl<S: Simd> GradientTarget<'_, S> {
    /// Takes the finished gradient of the parameter lines from `start`.
    #[inline(always)]
    fn take(&mut self, s: S, start: usize, tile: &mut [Line]) {
        let start = start - self.first;
        match &mut self.destination {
            Destination::Update(updates) => updates.apply(s, start, tile),
            Destination::UpdateWith(updates, before) => {
                for (line, sum) in tile.iter_mut().zip(&before[start..]) {
                    s.store(s.add(s.load(sum), s.load(line)), line);
                }
                updates.apply(s, start, tile);
            }
            Destination::Write(gradient) => gradient[start..][..tile.len()].copy_from_slice(tile),
            Destination::Add(gradient) => {
                for (sum, line) in gradient[start..].iter_mut().zip(tile) {
                    s.store(s.add(s.load(sum), s.load(line)), sum);
                }
            }
        }
    }
}

impl<S: Simd> Updates<'_, S> {
    /// Updates the parameters of the lines from `start`, counted in the slices, from their gradient.
    #[inline(always)]
    pub fn apply(&mut self, s: S, start: usize, tile: &[Line]) {
        let parameters = &mut self.parameters[start..][..tile.len()];
        let slots = &mut self.slots[start * self.count..][..tile.len() * self.count];
        self.update.tile(s, &self.now, &mut Finished { weight: parameters, gradient: tile, slots });
    }
}

/// The most lines of a gradient that wait for the target. The update then walks many lines of parameters and their
/// state in a row, which the CPU prefetches. In short pieces it would wait at the start of each.
const BLOCK_LINES: usize = 1024;

/// Lines of scratch in which the gradients of `lines` parameter lines wait: two blocks, because pairs of panels are
/// finished side by side.
pub fn target_lines(lines: usize) -> usize {
    2 * lines.clamp(LANES, BLOCK_LINES)
}

/// Collects finished lines of a gradient that follow each other, and passes them on in blocks.
pub struct Block<'a> {
    /// The parameter line that the first of `lines` belongs to.
    start: usize,
    filled: usize,
    lines: &'a mut [Line],
}

impl<'a> Block<'a> {
    /// An empty block for the parameter lines from `start`.
    #[inline(always)]
    pub fn new(start: usize, lines: &'a mut [Line]) -> Self {
        Block { start, filled: 0, lines }
    }

    /// Room for the next lines, at most as many as a block has. What does not fit goes to the target first.
    #[inline(always)]
    pub fn next<S: Simd>(&mut self, s: S, target: &mut GradientTarget<'_, S>, count: usize) -> &mut [Line] {
        if self.filled + count > self.lines.len() {
            self.flush(s, target);
        }
        let from = self.filled;
        self.filled += count;
        &mut self.lines[from..][..count]
    }

    /// Passes the collected lines to the target.
    #[inline(always)]
    pub fn flush<S: Simd>(&mut self, s: S, target: &mut GradientTarget<'_, S>) {
        if self.filled > 0 {
            target.take(s, self.start, &mut self.lines[..self.filled]);
            self.start += self.filled;
            self.filled = 0;
        }
    }

    /// Continues at another parameter line, if it is not the next one.
    #[inline(always)]
    pub fn seek<S: Simd>(&mut self, s: S, target: &mut GradientTarget<'_, S>, start: usize) {
        if start != self.start + self.filled {
            self.flush(s, target);
            self.start = start;
        }
    }
}
