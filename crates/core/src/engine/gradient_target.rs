//! Where finished gradients go, and the blocks that collect them on the way.

use super::groups::GroupedUpdates;
use super::panels::{LANES, Line};
use super::simd::Simd;
use super::{FinishedLines, StepFactors, Update};

/// Everything that an update of parameters needs. The slices hold the lines of one thread.
pub struct Updates<'a, S: Simd> {
    /// The optimizer.
    pub update: &'a dyn Update<S>,
    /// Its learning rate and step number.
    pub factors: StepFactors,
    /// The parameters.
    pub parameters: &'a mut [Line],
    /// The state of the parameters.
    pub slots: &'a mut [Line],
    /// The number of lines of state per line of parameters.
    pub count: usize,
}

/// What to do with finished gradients.
pub enum Destination<'a, S: Simd> {
    /// Update the parameters with them at once.
    Update(Updates<'a, S>),
    /// Add them to the gradients of the earlier chunks, given here, and update the parameters with the sum.
    UpdateWith(Updates<'a, S>, &'a [Line]),
    /// Update the parameters by groups.
    Grouped(GroupedUpdates<'a, S>),
    /// Write them to the gradient of all parameters. Used for the first chunk of a batch.
    Write(&'a mut [Line]),
    /// Add them to the gradient of all parameters. Used for the other chunks.
    Add(&'a mut [Line]),
}

/// The target of the finished gradients of one thread.
pub struct GradientTarget<'a, S: Simd> {
    /// The index, among the lines of all parameters, of the first line in the destination's slices.
    pub first: usize,
    /// What to do with the gradients.
    pub destination: Destination<'a, S>,
}

impl<S: Simd> GradientTarget<'_, S> {
    /// Consumes the finished gradient of the parameter lines from `start`.
    #[inline(always)]
    pub fn take(&mut self, s: S, start: usize, tile: &mut [Line]) {
        let start = start - self.first;
        match &mut self.destination {
            Destination::Update(updates) => updates.apply(s, start, tile),
            Destination::UpdateWith(updates, before) => {
                for (line, sum) in tile.iter_mut().zip(&before[start..]) {
                    s.store(s.add(s.load(sum), s.load(line)), line);
                }
                updates.apply(s, start, tile);
            }
            Destination::Grouped(updates) => updates.apply(s, self.first, self.first + start, tile),
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
    /// Updates the parameters of the lines from `start` with their gradient. `start` is an index into the
    /// slices.
    #[inline(always)]
    pub fn apply(&mut self, s: S, start: usize, tile: &[Line]) {
        let parameters = &mut self.parameters[start..][..tile.len()];
        let slots = &mut self.slots[start * self.count..][..tile.len() * self.count];
        self.update.tile(s, &self.factors, &mut FinishedLines { weight: parameters, gradient: tile, slots });
    }
}

/// The maximum number of gradient lines that wait for the target. The update then walks many consecutive
/// lines of parameters and state, which the CPU prefetches. In short pieces it would wait at the start of
/// each.
const BLOCK_LINES: usize = 1024;

/// Returns the number of scratch lines in which the gradients of `lines` parameter lines wait. There are two
/// blocks, because pairs of panels are finished side by side.
pub fn target_lines(lines: usize) -> usize {
    2 * lines.clamp(LANES, BLOCK_LINES)
}

/// Collects consecutive finished lines of a gradient and passes them on in blocks.
pub struct Block<'a> {
    /// The parameter line that the first of `lines` belongs to.
    start: usize,
    filled: usize,
    lines: &'a mut [Line],
}

impl<'a> Block<'a> {
    /// Creates an empty block for the parameter lines from `start`.
    #[inline(always)]
    pub fn new(start: usize, lines: &'a mut [Line]) -> Self {
        Block { start, filled: 0, lines }
    }

    /// Returns room for the next `count` lines, at most as many as a block holds. If they do not fit, the
    /// collected lines go to the target first.
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

    /// Continues at another parameter line, unless it is the next one anyway.
    #[inline(always)]
    pub fn seek<S: Simd>(&mut self, s: S, target: &mut GradientTarget<'_, S>, start: usize) {
        if start != self.start + self.filled {
            self.flush(s, target);
            self.start = start;
        }
    }
}
