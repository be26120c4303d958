//! Times training steps on one thread and on several, and uses the faster choice.
//!
//! The number of threads cannot change a bit of the result, so the clock may decide. Two virtual cores may be
//! one physical core, or another process may use one of them. Then a single thread is faster. A later trial
//! measures again.

use std::time::{Duration, Instant};

/// The minimum duration of a trial of each side, which is at least one step. The first step on a side does
/// not count, because it brings the parameters into the caches of the cores that the side uses.
const TRIAL: Duration = Duration::from_micros(300);

/// The number of trials of each side. The best one counts, so that a short delay does not decide.
const TRIALS: usize = 3;

/// If a step takes at least this long, a trial runs each side once, and the first step of the second side
/// counts. A short delay and the filling of the caches take little time in comparison.
const LONG: Duration = Duration::from_millis(5);

/// The minimum duration of a decision, and its duration as a multiple of the time that the trials took.
const HOLD: Duration = Duration::from_secs(2);
const HOLD_TIMES: u32 = 40;

/// While a decision holds, steps are timed in windows of this length. If they take longer than the other side
/// took, new trials begin, but not before `WATCH_TIMES` times the duration of the trials has passed.
const WATCH: Duration = Duration::from_millis(3);
const WATCH_TIMES: u32 = 8;

/// Tries both sides in turn, keeps the faster one for a while, and tries again.
pub struct ThreadTuner {
    /// The number of threads and the batch size that the measurements belong to.
    setup: (usize, usize),
    alone: bool,
    /// The seconds per step, the best of all trials, on several threads and on one.
    best: [f64; 2],
    /// The number of trials that have ended; `None` while a decision holds.
    trials: Option<usize>,
    /// Whether the next step is the first of a trial.
    is_first: bool,
    steps: u32,
    window_start: Instant,
    trials_start: Instant,
    decision_end: Instant,
    earliest_retrial: Instant,
}

impl ThreadTuner {
    /// Starts with a trial of several threads.
    pub fn start(threads: usize, batch_size: usize) -> Self {
        let (setup, now) = ((threads, batch_size), Instant::now());
        let best = [f64::INFINITY; 2];
        ThreadTuner {
            setup,
            alone: false,
            best,
            trials: Some(0),
            is_first: true,
            steps: 0,
            window_start: now,
            trials_start: now,
            decision_end: now,
            earliest_retrial: now,
        }
    }

    /// Returns whether the measurements belong to this number of threads and this batch size.
    pub fn is_for(&self, threads: usize, batch_size: usize) -> bool {
        self.setup == (threads, batch_size)
    }

    /// Continues in a later run. The time between the runs does not count as a step.
    pub fn resume(mut self) -> Self {
        let now = Instant::now();
        self.trials_start += now - self.window_start;
        (self.window_start, self.steps) = (now, 0);
        self
    }

    /// Returns whether the next step runs on one thread.
    pub fn alone(&self) -> bool {
        self.alone
    }

    /// Records the end of a step.
    pub fn stepped(&mut self) {
        self.step_ended(Instant::now());
    }

    fn step_ended(&mut self, now: Instant) {
        let Some(trials) = self.trials else {
            if now >= self.decision_end || self.is_slower(now) {
                self.begin(now);
            }
            return;
        };
        if std::mem::take(&mut self.is_first) {
            self.window_start = now;
            return;
        }
        self.steps += 1;
        let elapsed = now - self.window_start;
        if elapsed < TRIAL {
            return;
        }
        let side = &mut self.best[usize::from(self.alone)];
        *side = side.min(elapsed.as_secs_f64() / f64::from(self.steps));
        let long = elapsed / self.steps >= LONG;
        self.steps = 0;
        self.window_start = now;
        if trials + 1 >= if long { 2 } else { 2 * TRIALS } {
            self.alone = self.best[1] < self.best[0];
            self.trials = None;
            let trial = now - self.trials_start;
            self.decision_end = now + HOLD.max(trial * HOLD_TIMES);
            self.earliest_retrial = now + trial * WATCH_TIMES;
        } else {
            self.alone = !self.alone;
            self.trials = Some(trials + 1);
            self.is_first = !long;
        }
    }

    /// Returns whether recent steps took longer than those of the other side.
    fn is_slower(&mut self, now: Instant) -> bool {
        self.steps += 1;
        let elapsed = now - self.window_start;
        if elapsed < WATCH {
            return false;
        }
        let step = elapsed.as_secs_f64() / f64::from(self.steps);
        (self.steps, self.window_start) = (0, now);
        now >= self.earliest_retrial && step > self.best[usize::from(!self.alone)]
    }

    fn begin(&mut self, now: Instant) {
        let (threads, batch_size) = self.setup;
        *self = ThreadTuner {
            alone: self.alone,
            window_start: now,
            trials_start: now,
            decision_end: now,
            ..ThreadTuner::start(threads, batch_size)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `steps` steps of these lengths, in microseconds on several threads and on one. Returns the number
    /// of steps on one thread.
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
            let mut now = tuner.trials_start;
            assert!(range.contains(&alone(&mut tuner, &mut now, lengths, 100_000)), "{lengths:?}");
        }
    }

    #[test]
    fn the_slower_side_runs_long_steps_once() {
        let mut tuner = ThreadTuner::start(2, 32);
        let mut now = tuner.trials_start;
        assert_eq!(alone(&mut tuner, &mut now, [50_000, 90_000], 20), 1);
    }

    #[test]
    fn the_loss_of_a_core_to_other_processes_is_noticed() {
        let mut tuner = ThreadTuner::start(2, 32);
        let mut now = tuner.trials_start;
        alone(&mut tuner, &mut now, [100, 190], 10_000);
        alone(&mut tuner, &mut now, [400, 190], 100);
        assert!(alone(&mut tuner, &mut now, [400, 190], 1000) > 900);
    }
}
