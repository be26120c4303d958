//! A training step: from the rows of a batch to the update of the parameters. [`Way`](crate::ways::Way)
//! determines which of these files takes it.

pub(crate) mod chunks;
pub(crate) mod first_by_panels;
pub(crate) mod one_hidden_layer;
pub(crate) mod rows;
pub(crate) mod segments;
pub(crate) mod small_network;

use crate::engine::StepFactors;
use crate::engine::panels::{Line, zeros};
use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::Simd;
use crate::errors::Result;
use crate::plan::CodedProduct;
use crate::state::State;
use crate::update;
use crate::workspace::Batch;

/// The role of a step in its update, which may take several steps.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    /// Whether this is the first step of the update.
    pub first: bool,
    /// What the optimizer needs for the update, if this is its last step.
    pub update: Option<StepFactors>,
}

/// The threads of a step.
pub(crate) struct StepThreads<'a, 'b> {
    /// All threads of the run.
    pub team: &'a mut ScopedThreads<'b>,
    /// Whether the calling thread takes the step alone.
    pub alone: bool,
}

impl<S: Simd> State<S> {
    /// Takes one step and returns the sum of the losses of the rows before it. Returns NaN, and updates
    /// nothing, if the norm of the gradient is needed and is not finite. Writes the predictions into
    /// `output`, if there is one, each to the index of its row in the dataset.
    pub(crate) fn step(
        &mut self,
        threads: &mut StepThreads<'_, '_>,
        batch: Batch<'_>,
        turn: Turn,
        output: Option<&mut [f32]>,
    ) -> f64 {
        let may_have_chunks = !threads.alone && batch.codes.is_none();
        let chunks = may_have_chunks && chunks::fit(&self.plan.way, batch.rows, self.cuts.len() - 1);
        let at_once = batch.of == 1 && !self.plan.needs_whole_gradient() && !self.plan.is_scaled(batch);
        if at_once && !chunks && turn.update.is_some() {
            return rows::process(self, threads, batch, Turn { first: true, ..turn }, output);
        }
        let loss = match chunks {
            true => chunks::collect(self, threads, batch, turn.first, output),
            false => rows::process(self, threads, batch, Turn { update: None, ..turn }, output),
        };
        let alone = threads.alone || (chunks && at_once);
        if turn.update.is_some() && self.plan.is_scaled(batch) {
            self.finish_scaled();
        }
        match turn.update {
            Some(factors) if !self.update(&mut StepThreads { team: threads.team, alone }, factors) => {
                f64::NAN
            }
            _ => loss,
        }
    }

    /// Completes the gradient of a scale before a product of codes.
    fn finish_scaled(&mut self) {
        let State { s, plan, parameters, gradient, .. } = self;
        if let Some(CodedProduct { product, scale: Some(scale), .. }) = plan.coded_product() {
            product.finish_scaled(*s, scale, parameters, gradient);
        }
    }

    /// Computes what the optimizer needs for an update at this learning rate.
    pub(crate) fn step_factors(&mut self, learning_rate: f64, step: u64) -> StepFactors {
        let State { plan, powers, group_factors, .. } = self;
        if let Some(groups) = &plan.groups {
            groups.step_factors(&*plan.update, (learning_rate, step), powers, group_factors);
        }
        plan.update.step_factors(learning_rate, step, powers)
    }

    /// Updates all parameters from `gradient`. Returns false, and updates nothing, if the norm of the
    /// gradient is needed and is not finite.
    fn update(&mut self, threads: &mut StepThreads<'_, '_>, factors: StepFactors) -> bool {
        let State { s, plan, parameters, slots, gradient, group_factors, .. } = self;
        update::update(plan, *s, threads, (factors, group_factors), [parameters, slots, gradient])
    }

    /// Returns the sum of the losses and the gradient of a batch, with the penalties. Does not change the
    /// gradient that a run has accumulated.
    pub(crate) fn gradients_of(&mut self, batch: Batch<'_>) -> Result<(f64, Vec<Line>)> {
        let collected = std::mem::replace(&mut self.gradient, zeros(Some(self.plan.lines))?);
        let turn = Turn { first: true, update: None };
        let loss = ScopedThreads::with(1, |team| {
            rows::process(self, &mut StepThreads { team, alone: true }, batch, turn, None)
        });
        update::add_penalties(&self.plan, self.s, &self.parameters, 0, &mut self.gradient);
        Ok((loss, std::mem::replace(&mut self.gradient, collected)))
    }

    /// Writes the predictions in the first workspaces into `output`, each to the index of its row in the
    /// dataset.
    fn write_predictions(&mut self, shards: usize, batch: Batch<'_>, output: Option<&mut [f32]>) {
        let Some(output) = output else { return };
        for workspace in &mut self.workspaces[..shards] {
            self.plan.hand_out_step(self.s, workspace, batch, output);
        }
    }
}
