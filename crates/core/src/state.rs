//! The state of a network: its memory, and the copy of its parameters that predictors use.

use crate::dataset::Checked;
use crate::engine::coded_gradient::scratch_lines;
use crate::engine::codes::Codes;
use crate::engine::gradient_target::target_lines;
use crate::engine::groups::Groups;
use crate::engine::panels::{Line, zeros};
use crate::engine::scoped_threads::{MOST_THREADS, ScopedThreads};
use crate::engine::simd::Simd;
use crate::engine::standardize::BatchStatistics;
use crate::engine::thread_tuner::ThreadTuner;
use crate::engine::{CHUNK_ROWS, Powers, StepFactors};
use crate::errors::Result;
use crate::network::{Published, lock};
use crate::plan::Plan;
use crate::predictor::Forward;
use crate::step::chunks;
use crate::step::first_by_panels::{self, FirstByPanels};
use crate::ways::CHUNK_LINES;
use crate::workspace::Workspace;
use std::sync::{Arc, Mutex};

/// Parameters, optimizer state and buffers of one network, for one instruction set. `run.rs` has the methods
/// that train, `step/mod.rs` those that take a step.
pub(crate) struct State<S: Simd> {
    pub(crate) s: S,
    pub(crate) plan: Arc<Plan<S>>,
    pub(crate) parameters: Vec<Line>,
    pub(crate) slots: Vec<Line>,
    /// A copy of the optimizer state, written together with `published`.
    pub(crate) published_slots: Vec<Line>,
    pub(crate) published: Published,
    /// The sum of gradients when a batch has several chunks or an update has several batches. A run that
    /// stops between two updates leaves its sum here for the next run.
    pub(crate) gradient: Vec<Line>,
    /// One for each thread.
    pub(crate) workspaces: Vec<Workspace>,
    /// A buffer for each thread's finished gradients, before they go into their target.
    pub(crate) blocks: Vec<Vec<Line>>,
    /// The first line of each thread's parameters, and the number of lines.
    pub(crate) cuts: Vec<usize>,
    /// Whether the cuts keep the panels of the first product whole.
    pub(crate) cuts_whole: bool,
    pub(crate) first: Option<FirstByPanels>,
    pub(crate) powers: Powers,
    /// What each group of parameters needs in the current step.
    pub(crate) group_factors: Vec<StepFactors>,
    pub(crate) tuner: Option<ThreadTuner>,
    /// The statistics over all rows of the batch, for each operation that standardizes.
    pub(crate) statistics: Vec<BatchStatistics>,
    /// The order of the rows in the current epoch.
    pub(crate) order: Vec<u32>,
    /// The memory for evaluating validation data, after the first run that has some.
    pub(crate) forward: Option<Forward<S>>,
    /// The datasets that need no further check: a training may consist of many runs on the same data.
    pub(crate) checked: Checked,
}

impl<S: Simd> State<S> {
    pub(crate) fn new(s: S, program: &str) -> Result<Self> {
        let plan = Plan::compile(program)?;
        let (lines, slots) = (Some(plan.lines), plan.lines.checked_mul(plan.update.slots()));
        Ok(State {
            s,
            parameters: zeros(lines)?,
            slots: zeros(slots)?,
            published_slots: zeros(slots)?,
            published: Arc::new(Mutex::new(zeros(lines)?)),
            gradient: Vec::new(),
            workspaces: Vec::new(),
            blocks: Vec::new(),
            cuts: Vec::new(),
            cuts_whole: false,
            first: None,
            powers: Powers::default(),
            group_factors: vec![
                StepFactors { learning_rate: 0.0, extra: [0.0; 2] };
                plan.groups.as_ref().map_or(0, Groups::rules)
            ],
            tuner: None,
            plan: Arc::new(plan),
            statistics: Vec::new(),
            order: Vec::new(),
            forward: None,
            checked: Checked::default(),
        })
    }

    /// Allocates the memory for batches of up to `rows` rows on `threads` threads, so that a step allocates
    /// nothing.
    pub(crate) fn reserve(&mut self, rows: usize, threads: usize, codes: Option<&Codes>) -> Result<()> {
        while self.workspaces.len() < threads {
            let block = zeros(Some(target_lines(self.plan.lines)))?;
            self.workspaces.push(Workspace::new(&self.plan, 0, true)?);
            self.blocks.push(block);
        }
        let apart = codes.is_none() && chunks::fit(&self.plan.way, rows, threads);
        for (thread, workspace) in self.workspaces[..threads].iter_mut().enumerate() {
            // The first thread takes all rows if one thread turns out to be faster.
            let chunk = rows.min(self.plan.chunk_rows());
            let all = thread == 0 || apart;
            let shared = chunk.div_ceil(threads).next_multiple_of(self.plan.precision.terms());
            workspace.reserve(&self.plan, if all { chunk } else { shared }, true)?;
            if apart && workspace.partial.is_empty() {
                workspace.partial = zeros(Some(self.plan.lines))?;
            }
        }
        for operation in &self.plan.standardized[self.statistics.len()..] {
            self.statistics.push(BatchStatistics::new(self.plan.operations[*operation].outputs)?);
        }
        if let Some(Codes { layout, .. }) = codes {
            let chunk = rows.min(self.plan.chunk_rows());
            for workspace in &mut self.workspaces[..threads] {
                workspace.coded.reserve(layout, chunk)?;
            }
            let lines = target_lines(self.plan.lines) + scratch_lines(layout);
            for block in self.blocks[..threads].iter_mut().filter(|block| block.len() < lines) {
                *block = zeros(Some(lines))?;
            }
        }
        let by_panels = codes.is_none() && !apart && first_by_panels::fits(&self.plan.way, rows, threads);
        let whole = by_panels || codes.is_some();
        if self.cuts.len() != threads + 1 || self.cuts_whole != whole || by_panels != self.first.is_some() {
            self.cuts = self.plan.cuts(threads, whole);
            self.cuts_whole = whole;
            self.first = None;
        }
        if by_panels {
            first_by_panels::reserve(self, rows.min(CHUNK_ROWS), threads)?;
        }
        if rows > self.plan.chunk_rows() { self.reserve_gradient() } else { Ok(()) }
    }

    pub(crate) fn reserve_gradient(&mut self) -> Result<()> {
        if self.gradient.is_empty() {
            self.gradient = zeros(Some(self.plan.lines))?;
        }
        Ok(())
    }

    /// Publishes the current parameters and optimizer state: predictors use the published parameters, and a
    /// run that diverges restores both. Returns false, and publishes nothing, if one of the values is not
    /// finite.
    pub(crate) fn publish(&mut self, team: &mut ScopedThreads<'_>) -> bool {
        let State { plan, parameters, slots, published, published_slots, cuts, .. } = self;
        let count = plan.update.slots();
        let whole = [0, plan.lines];
        let shared = team.threads() > 1 && plan.lines > CHUNK_LINES;
        let cuts = if shared { &cuts[..] } else { &whole[..] };
        let mut finite = [true; MOST_THREADS];
        let finite = &mut finite[..cuts.len() - 1];
        let slices = [(&mut parameters[..], 1), (&mut slots[..], count)];
        team.split(finite, slices, cuts, |_, finite, parts| {
            *finite = parts.iter().all(|lines| all_finite(lines));
        });
        let finite_everywhere = finite.iter().all(|&finite| finite);
        if finite_everywhere {
            let mut published = lock(published);
            let slices = [
                (&mut parameters[..], 1),
                (&mut slots[..], count),
                (&mut published[..], 1),
                (&mut published_slots[..], count),
            ];
            team.split(finite, slices, cuts, |_, _, [parameters, slots, published, published_slots]| {
                published.copy_from_slice(parameters);
                published_slots.copy_from_slice(slots);
            });
        }
        finite_everywhere
    }

    /// Restores the parameters and optimizer state that were published last.
    pub(crate) fn restore(&mut self) {
        self.parameters.copy_from_slice(&lock(&self.published));
        self.slots.copy_from_slice(&self.published_slots);
    }
}

/// Returns whether all values are finite. Infinity and NaN have all bits of the exponent set. The loop has no
/// branch, so that the compiler vectorizes it.
fn all_finite(lines: &[Line]) -> bool {
    const INFINITY: u32 = 0x7F80_0000;
    let largest = |line: &Line| line.0.iter().fold(0, |most, value| most.max(value.to_bits() & !(1 << 31)));
    lines.iter().fold(0, |most, line| most.max(largest(line))) < INFINITY
}
