//! The FMA peak of a core, with which the benchmarks compare their results.

use super::panels::{Line, ZERO};
use super::simd::{Instructions, Simd, WithSimd, dispatch};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The number of multiply-adds of each chain between two readings of the clock.
const ROUNDS: usize = 20_000;

struct Measure(Duration);

impl WithSimd for Measure {
    type Output = f64;

    fn with<S: Simd>(self, s: S) -> f64 {
        // The chains are independent. There are enough to hide the latency of two ports, and few enough for
        // the registers. A line takes two registers of AVX2.
        if S::TILE >= 12 { self.chains::<S, 12>(s) } else { self.chains::<S, 6>(s) }
    }
}

impl Measure {
    fn chains<S: Simd, const CHAINS: usize>(&self, s: S) -> f64 {
        let started = Instant::now();
        let mut best = f64::INFINITY;
        while started.elapsed() < self.0 {
            let round = Instant::now();
            black_box(multiply_add::<S, CHAINS>(s));
            best = best.min(round.elapsed().as_secs_f64());
        }
        (2 * CHAINS * ROUNDS * ZERO.0.len()) as f64 / best
    }
}

#[inline(never)]
fn multiply_add<S: Simd, const CHAINS: usize>(s: S) -> Line {
    let start = black_box(Line([0.5; 16]));
    let mut result = ZERO;
    s.run(
        #[inline(always)]
        || {
            let factor = s.load(&start);
            let mut chains = [factor; CHAINS];
            for _ in 0..ROUNDS {
                for chain in &mut chains {
                    *chain = s.mul_add(*chain, factor, factor);
                }
            }
            let sum = chains.into_iter().reduce(
                #[inline(always)]
                |a, b| s.add(a, b),
            );
            s.store(sum.unwrap_or(factor), &mut result);
        },
    );
    result
}

/// Returns the most floating-point operations per second that this thread reached in short samples over
/// `time`. It runs multiply-adds of these instructions on registers only.
pub fn fma_peak(instructions: Instructions, time: Duration) -> f64 {
    dispatch(instructions, Measure(time))
}
