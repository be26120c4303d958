//! A team of threads that share the work of one call.
//!
//! A team exists as long as the call that trains or predicts. After the call, no idle thread and no
//! process-wide state remain. Between two rounds of work, the threads spin for a short while and then sleep.
//! A spinning thread answers in a fraction of a microsecond.

use super::panels::Line;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Builder, Thread};
use std::time::{Duration, Instant};

/// The maximum number of threads of a team.
pub const MOST_THREADS: usize = 64;

/// How long a thread spins before it sleeps. Waking a thread takes about as long, so waiting costs at most
/// twice the minimum. If there are more threads than cores, none of them spins for long.
const SPIN: Duration = Duration::from_micros(50);

/// The number of checks between two readings of the clock, which takes longer than reading a counter.
const LOOKS: u32 = 64;

/// Returns the number of cores that this process may use: those of its affinity, within the limit of its
/// control group.
pub fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// The number of threads at work in all calls of this process.
static AT_WORK: Mutex<usize> = Mutex::new(0);

/// The cores reserved for a call, so that concurrent trainings do not compete for them.
pub struct Cores(usize);

impl Cores {
    /// Reserves as many cores as are wanted and free, but at least one, for the calling thread.
    pub fn take(wanted: usize) -> Self {
        let mut at_work = AT_WORK.lock().unwrap_or_else(PoisonError::into_inner);
        let count = wanted.min(cores().saturating_sub(*at_work)).max(1);
        *at_work += count;
        Cores(count)
    }

    /// Returns the number of reserved cores.
    pub fn count(&self) -> usize {
        self.0
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        *AT_WORK.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
    }
}

/// The work of a round: every thread calls it with its number.
type Work<'a> = &'a (dyn Fn(usize) + Sync);

/// A value on two cache lines of its own, because CPUs fetch lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct CachePadded<T>(T);

/// A thread of the team other than the calling one.
#[derive(Default)]
struct Member {
    /// The last round that this thread has finished.
    done: CachePadded<AtomicUsize>,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

/// The work of the current round, written by the calling thread.
struct WorkSlot(std::cell::UnsafeCell<Option<Work<'static>>>);

// SAFETY: the calling thread writes the work while no member reads it. Members read it after they have seen
// `round` change, which orders the write before the reads.
unsafe impl Sync for WorkSlot {}

struct Shared {
    /// Counts the rounds of work.
    round: CachePadded<AtomicUsize>,
    work: WorkSlot,
    members: Vec<Member>,
    ended: AtomicBool,
    panicked: AtomicBool,
}

/// Returns when `ready` returns true. It spins for up to `SPIN`, and then calls `wait` between checks.
fn spin(mut ready: impl FnMut() -> bool, mut wait: impl FnMut()) {
    let mut since = None;
    loop {
        for _ in 0..LOOKS {
            if ready() {
                return;
            }
            std::hint::spin_loop();
        }
        if since.get_or_insert_with(Instant::now).elapsed() > SPIN {
            wait();
        }
    }
}

impl Shared {
    /// Runs a member's loop, from the first round of work to the last.
    fn serve(&self, index: usize) {
        let member = &self.members[index];
        let mut seen = 0;
        loop {
            let is_new_round = || self.round.0.load(Ordering::Acquire) != seen;
            spin(is_new_round, || {
                // The calling thread first counts the round and then looks for sleepers. A member first
                // declares that it sleeps and then looks at the round. At least one of them sees the other.
                member.asleep.store(true, Ordering::SeqCst);
                if self.round.0.load(Ordering::SeqCst) == seen {
                    thread::park();
                }
                member.asleep.store(false, Ordering::SeqCst);
            });
            seen = self.round.0.load(Ordering::Acquire);
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            // SAFETY: the calling thread wrote the work before it counted the round, and does not touch it
            // until this member reports the round as done.
            let work = unsafe { *self.work.0.get() };
            if let Some(work) = work
                && catch_unwind(AssertUnwindSafe(|| work(index + 1))).is_err()
            {
                self.panicked.store(true, Ordering::Relaxed);
            }
            member.done.0.store(seen, Ordering::Release);
        }
    }

    /// Starts the next round.
    fn start(&self) {
        self.round.0.fetch_add(1, Ordering::SeqCst);
        for member in &self.members {
            if member.asleep.load(Ordering::SeqCst)
                && let Some(thread) = member.thread.get()
            {
                thread.unpark();
            }
        }
    }

    fn wait(&self, members: usize) {
        let round = self.round.0.load(Ordering::Relaxed);
        for member in &self.members[..members] {
            spin(|| member.done.0.load(Ordering::Acquire) == round, thread::yield_now);
        }
    }
}

/// Waits for the members when the calling thread's part ends, even by a panic, because the members use values
/// that the calling thread has borrowed.
struct WaitGuard<'a>(&'a Shared, usize);

impl Drop for WaitGuard<'_> {
    fn drop(&mut self) {
        self.0.wait(self.1);
    }
}

/// A team: the calling thread and the members beside it.
pub struct ScopedThreads<'a> {
    shared: Option<&'a Shared>,
    members: usize,
}

impl ScopedThreads<'_> {
    /// Calls `work` with a team of up to `threads` threads, or as many as the system provides. The threads
    /// end with the call.
    pub fn with<R>(threads: usize, work: impl FnOnce(&mut ScopedThreads<'_>) -> R) -> R {
        let (mut work, mut result) = (Some(work), None);
        Self::start(threads.clamp(1, MOST_THREADS) - 1, &mut |team| {
            result = work.take().map(|work| work(team));
        });
        let Some(result) = result else { unreachable!("`start` calls its work once") };
        result
    }

    /// Starts a team and calls `work` exactly once. It is not generic, so it is compiled once.
    fn start(wanted: usize, work: &mut dyn FnMut(&mut ScopedThreads<'_>)) {
        if wanted == 0 {
            return work(&mut ScopedThreads { shared: None, members: 0 });
        }
        let shared = Shared {
            round: CachePadded::default(),
            work: WorkSlot(None.into()),
            members: std::iter::repeat_with(Member::default).take(wanted).collect(),
            ended: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
        };
        thread::scope(|scope| {
            let mut team = ScopedThreads { shared: Some(&shared), members: 0 };
            for (index, member) in shared.members.iter().enumerate() {
                let builder = Builder::new().name("myelin".into());
                let shared = &shared;
                let Ok(handle) = builder.spawn_scoped(scope, move || shared.serve(index)) else { break };
                let _ = member.thread.set(handle.thread().clone());
                team.members += 1;
            }
            work(&mut team)
        })
    }

    /// Returns the number of threads, including the calling one.
    pub fn threads(&self) -> usize {
        self.members + 1
    }

    /// Calls `work` with its number on every thread and waits for all. The calling thread is number 0.
    fn run(&mut self, work: Work<'_>) {
        let Some(shared) = self.shared.filter(|_| self.members > 0) else { return work(0) };
        // SAFETY: only the lifetime changes. No member uses the work after `WaitGuard` has waited for it,
        // which happens before this call returns or unwinds. No member reads the slot between two rounds.
        unsafe { *shared.work.0.get() = Some(std::mem::transmute::<Work<'_>, Work<'static>>(work)) };
        shared.start();
        {
            let _guard = WaitGuard(shared, self.members);
            work(0);
        }
        assert!(!shared.panicked.load(Ordering::Relaxed), "a thread of the team panicked");
    }

    /// Calls `work` for each item on a thread of its own. There must not be more items than threads.
    pub fn each<T: Send>(&mut self, items: &mut [T], work: impl Fn(&mut T) + Sync) {
        assert!(items.len() <= self.threads(), "{} items for {} threads", items.len(), self.threads());
        if let [item] = items {
            return work(item);
        }
        let (first, count) = (Pointer(items.as_mut_ptr()), items.len());
        self.run(&|thread| {
            if thread < count {
                // SAFETY: the index is less than the number of items, and no other thread has this number.
                work(unsafe { &mut *first.at(thread) });
            }
        });
    }

    /// Calls `work` for each item on a thread of its own. `work` receives the thread's number, its item and,
    /// of each slice, the lines between its cuts. A cut at c is at line c · stride of a slice. There is one
    /// more cut than items, and the first cut is 0.
    pub fn split<T: Send, const N: usize>(
        &mut self,
        items: &mut [T],
        slices: [(&mut [Line], usize); N],
        cuts: &[usize],
        work: impl Fn(usize, &mut T, [&mut [Line]; N]) + Sync,
    ) {
        let count = items.len();
        assert!(count <= self.threads(), "{count} parts for {} threads", self.threads());
        assert!(cuts.len() == count + 1 && cuts.is_sorted(), "cuts {cuts:?} for {count} items");
        let end = cuts[count];
        assert!(slices.iter().all(|(slice, stride)| slice.len() >= end * stride), "cuts beyond a slice");
        if let [item] = items {
            return work(0, item, slices.map(|(slice, stride)| &mut slice[..end * stride]));
        }
        let items = Pointer(items.as_mut_ptr());
        let slices = slices.map(|(slice, stride)| (Pointer(slice.as_mut_ptr()), stride));
        self.run(&|thread| {
            if thread < count {
                let (from, to) = (cuts[thread], cuts[thread + 1]);
                let parts = slices.each_ref().map(|(first, stride)| {
                    // SAFETY: the range is within the slice, and disjoint from the ranges of all other
                    // threads, because the cuts increase to an end that was checked.
                    unsafe { std::slice::from_raw_parts_mut(first.at(from * stride), (to - from) * stride) }
                });
                // SAFETY: the index is less than the number of items, and no other thread has this number.
                work(thread, unsafe { &mut *items.at(thread) }, parts);
            }
        });
    }
}

impl Drop for ScopedThreads<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared {
            shared.ended.store(true, Ordering::Release);
            shared.start();
        }
    }
}

/// A pointer shared by several threads. Each thread accesses its own elements only.
struct Pointer<T>(*mut T);

impl<T> Pointer<T> {
    fn at(&self, index: usize) -> *mut T {
        self.0.wrapping_add(index)
    }
}

// SAFETY: both places that use it give each thread its own elements, and the elements may be sent to that
// thread.
unsafe impl<T: Send> Sync for Pointer<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::panels::ZERO;

    #[test]
    fn every_item_gets_a_thread_in_every_round() {
        for threads in [1, 2, 3, 5] {
            let mut counts = vec![0; threads];
            ScopedThreads::with(threads, |team| {
                for round in 0..200 {
                    // Sometimes long enough for the members to fall asleep.
                    if round % 50 == 49 {
                        thread::sleep(Duration::from_millis(1));
                    }
                    team.each(&mut counts, |count| *count += 1);
                }
            });
            assert!(counts.iter().all(|&count| count == 200), "{counts:?}");
        }
    }

    #[test]
    fn each_thread_gets_the_lines_between_its_cuts() {
        let (mut one, mut two) = (vec![ZERO; 10], vec![ZERO; 20]);
        ScopedThreads::with(3, |team| {
            let (mut lengths, slices) = ([0; 3], [(&mut one[..], 1), (&mut two[..], 2)]);
            team.split(&mut lengths, slices, &[0, 3, 3, 10], |thread, length, [one, two]| {
                assert_eq!(two.len(), 2 * one.len());
                *length = one.len();
                for line in one.iter_mut().chain(two) {
                    line.0[0] += 1.0 + thread as f32;
                }
            });
            assert_eq!(lengths, [3, 0, 7]);
        });
        let firsts: Vec<_> = one.iter().map(|line| line.0[0]).collect();
        assert_eq!(firsts, [1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);
        assert_eq!(two[5].0[0], 1.0);
        assert_eq!(two[6].0[0], 3.0);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_ends_the_team() {
        for culprit in 0..3 {
            let result = catch_unwind(|| {
                ScopedThreads::with(3, |team| team.each(&mut [0, 1, 2], |item| assert_ne!(*item, culprit)));
            });
            assert!(result.is_err());
        }
    }

    #[test]
    fn calls_side_by_side_share_the_cores() {
        let all = Cores::take(usize::MAX);
        assert!(all.count() <= cores());
        let none_left = Cores::take(4);
        assert!(none_left.count() >= 1);
    }
}
