//! Where finished gradients go, and how they get there in blocks.

use super::panels::{LANES, Line};
use super::simd::Simd;
use super::{Now, Update};

/// Where finished gradients go.
pub enum Sink<'a, S: Simd> {
    /// Straight into the update of the parameters.
    Update {
        /// The optimizer.
        update: &'a dyn Update<S>,
        /// Its learning rate and step number.
        now: Now,
        /// The state of all parameters.
        slots: &'a mut [Line],
        /// Lines of state for each line of parameters.
        count: usize,
    },
    /// Into a gradient of all parameters: the first chunk of a batch is written, the others are added.
    Gradient {
        /// The gradient of all parameters.
        gradient: &'a mut [Line],
        /// Whether to add.
        add: bool,
    },
}

impl<S: Simd> Sink<'_, S> {
    /// Asks the cache for what the next `take` will change, while the tile is being computed.
    #[inline(always)]
    fn prefetch(&self, s: S, parameters: &[Line], start: usize, lines: usize) {
        if let Sink::Update { slots, count, .. } = self {
            for line in &parameters[start..][..lines] {
                s.prefetch(line);
            }
            for line in &slots[start * *count..][..lines * *count] {
                s.prefetch(line);
            }
        }
    }

    /// Takes the finished gradient of the parameter lines from `start`.
    #[inline(always)]
    fn take(&mut self, s: S, parameters: &mut [Line], start: usize, tile: &[Line]) {
        match self {
            Sink::Update { update, now, slots, count } => {
                let parameters = &mut parameters[start..][..tile.len()];
                let slots = &mut slots[start * *count..][..tile.len() * *count];
                update.tile(s, now, parameters, tile, slots);
            }
            Sink::Gradient { gradient, add: false } => gradient[start..][..tile.len()].copy_from_slice(tile),
            Sink::Gradient { gradient, add: true } => {
                for (sum, line) in gradient[start..].iter_mut().zip(tile) {
                    s.store(s.add(s.load(sum), s.load(line)), sum);
                }
            }
        }
    }
}

/// Lines of a gradient that wait for the sink: 4 KB, which stay in the L1 cache. A call of the sink costs
/// some nanoseconds, so a small layer takes a single one.
pub const BLOCK_LINES: usize = 64;

/// Collects finished lines of a gradient that follow each other, and hands them on in blocks.
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

    /// Room for the next lines, at most 16. What does not fit goes to the sink first.
    #[inline(always)]
    pub fn next<S: Simd>(
        &mut self,
        s: S,
        parameters: &mut [Line],
        sink: &mut Sink<'_, S>,
        count: usize,
    ) -> &mut [Line] {
        if self.filled + count > self.lines.len() {
            self.flush(s, parameters, sink);
        }
        // Layers with few inputs are small and in the cache anyway.
        if count == LANES {
            sink.prefetch(s, parameters, self.start + self.filled, count);
        }
        let from = self.filled;
        self.filled += count;
        &mut self.lines[from..][..count]
    }

    /// Hands on what is there.
    #[inline(always)]
    pub fn flush<S: Simd>(&mut self, s: S, parameters: &mut [Line], sink: &mut Sink<'_, S>) {
        if self.filled > 0 {
            sink.take(s, parameters, self.start, &self.lines[..self.filled]);
            self.start += self.filled;
            self.filled = 0;
        }
    }

    /// Hands on what is there and goes on at another parameter line.
    #[inline(always)]
    pub fn restart<S: Simd>(&mut self, s: S, parameters: &mut [Line], sink: &mut Sink<'_, S>, start: usize) {
        self.flush(s, parameters, sink);
        self.start = start;
    }
}
