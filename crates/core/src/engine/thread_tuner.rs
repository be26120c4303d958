//! Times one thread against several and keeps the faster.
//!
//! Threads cannot change a bit, so the clock may decide. Two virtual cores may be one real core, or another process
//! may hold one of them. Then a single thread wins, and a later trial measures again.

use std::time::{Duration, Instant};

/// How long a trial of each side lasts, at least a step. The step before it does not count: it brings the parameters
/// to the caches of the cores that the side uses.
const TRIAL: Duration = Duration::from_micros(300);

/// How often each side is tried; the best counts, so that a hiccup does not decide.
const TRIALS: usize = 3;

/// A trial runs each side once when steps are at least this long, and the first step of the second side counts: a
/// hiccup, and filling the caches, are short beside it.
const LONG: Duration = Duration::from_millis(5);

/// How long a decision holds, at least, and as a multiple of what it took to make it.
const HOLD: Duration = Duration::from_secs(2);
const HOLD_TIMES: u32 = 40;

/// While a decision holds, steps are watched over this time. If they take longer than the other side took, a new
/// trial begins, but not before some multiple of a trial's time.
const WATCH: Duration = Duration::from_millis(3);
const WATCH_TIMES: u32 = 8;

/// Tries both sides in turn, keeps the better one for a while, tries again.
pub struct ThreadTuner {
    /// The threads and the batch size that it is for.
    about: (usize, usize),
    alone: bool,
    /// Seconds a step, the best of all trials, for several threads and for one.
    best: [f64; 2],
    /// Trials that ended; none while a decision holds.
    trials: Option<usize>,
    /// Whether the next step is the first of a trial.
    is_first: bool,
    steps: u32,
    since: Instant,
    began: Instant,
    until: Instant,
    again: Instant,
}

impl ThreadTuner {
    /// Begins with a trial of several threads.
    pub fn start(threads: usize, batch_size: usize) -> Self {
        let (about, now) = ((threads, batch_size), Instant::now());
        let best = [f64::INFINITY; 2];
        ThreadTuner {
            about,
            alone: false,
            best,
            trials: Some(0),
            is_first: true,
            steps: 0,
            since: now,
            began: now,
            until: now,
            again: now,
        }
    }

    /// Whether it is for such steps.
    pub fn is_for(&self, threads: usize, batch_size: usize) -> bool {
        self.about == (threads, batch_size)
    }

    /// Continues in a later run. The time between the runs belongs to no step.
    pub fn resume(mut self) -> Self {
        let now = Instant::now();
        self.began += now - self.since;
        (self.since, self.steps) = (now, 0);
        self
    }

    /// Whether one thread takes the next step.
    pub fn alone(&self) -> bool {
        self.alone
    }

    /// Records the end of a step.
    pub fn stepped(&mut self) {
        self.step_ended(Instant::now());
    }

    fn step_ended(&mut self, now: Instant) {
        let Some(trials) = self.trials else {
            if now >= self.until || self.lags(now) {
                self.begin(now);
            }
            return;
        };
        if std::mem::take(&mut self.is_first) {
            self.since = now;
            return;
        }
        self.steps += 1;
        let elapsed = now - self.since;
        if elapsed < TRIAL {
            return;
        }
        let side = &mut self.best[usize::from(self.alone)];
        *side = side.min(elapsed.as_secs_f64() / f64::from(self.steps));
        let long = elapsed / self.steps >= LONG;
        self.steps = 0;
        self.since = now;
        if trials + 1 >= if long { 2 } else { 2 * TRIALS } {
            self.alone = self.best[1] < self.best[0];
            self.trials = None;
            let trial = now - self.began;
            self.until = now + HOLD.max(trial * HOLD_TIMES);
            self.again = now + trial * WATCH_TIMES;
        } else {
            self.alone = !self.alone;
            self.trials = Some(trials + 1);
            self.is_first = !long;
        }
    }

    /// Whether recent steps took longer than the other side's.
    fn lags(&mut self, now: Instant) -> bool {
        self.steps += 1;
        let elapsed = now - self.since;
        if elapsed < WATCH {
            return false;
        }
        let step = elapsed.as_secs_f64() / f64::from(self.steps);
        (self.steps, self.since) = (0, now);
        now >= self.again && step > self.best[usize::from(!self.alone)]
    }

    fn begin(&mut self, now: Instant) {
        let (threads, batch_size) = self.about;
        *self = ThreadTuner {
            alone: self.alone,
            since: now,
            began: now,
            until: now,
            ..ThreadTuner::start(threads, batch_size)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of such lengths, with several threads and with one; how many of so many took one thread.
    fn alone(tuner: &mut ThreadTuner, now: &mut Instant, [several, one]: [u64; 2], steps: usize) -> usize {
        let mut alone = 0;
        for _ in 0..steps {
            alone += usize::from(tuner.alone());
            *now += Duration::from_micros(if tuner.alone() { one } else { several });
            tuner.step_ended(*now);
        }
        alone
    }

    #[test]
    fn the_faster_side_takes_nearly_all_steps() {
        for (lengths, range) in [([100, 190], 0..=2000), ([190, 100], 98_000..=100_000)] {
            let mut tuner = ThreadTuner::start(2, 32);
            let mut now = tuner.began;
            assert!(range.contains(&alone(&mut tuner, &mut now, lengths, 100_000)), "{lengths:?}");
        }
    }

    #[test]
    fn of_long_steps_the_slower_side_takes_one() {
        let mut tuner = ThreadTuner::start(2, 32);
        let mut now = tuner.began;
        assert_eq!(alone(&mut tuner, &mut now, [50_000, 90_000], 20), 1);
    }

    #[test]
    fn a_core_that_others_take_is_noticed() {
        let mut tuner = ThreadTuner::start(2, 32);
        let mut now = tuner.began;
        alone(&mut tuner, &mut now, [100, 190], 10_000);
        alone(&mut tuner, &mut now, [400, 190], 100);
        assert!(alone(&mut tuner, &mut now, [400, 190], 1000) > 900);
    }
}
