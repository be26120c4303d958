//! Groups of parameters that an update treats differently: with another learning rate, or without weight decay.
//! Most networks have no groups. Only networks with groups use this code, so it costs the others nothing.

use super::panels::Line;
use super::simd::Simd;
use super::{FinishedLines, Powers, StepFactors, Update};
use std::ops::Range;

/// How the parameters of a group are updated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupRule {
    /// What the learning rate is multiplied by.
    pub factor: f64,
    /// Whether the optimizer's weight decay applies.
    pub decays: bool,
}

/// The groups of a network.
pub struct Groups<S: Simd> {
    /// The lines of each group in increasing order, and the index of its rule.
    lines: Vec<(Range<usize>, usize)>,
    rules: Vec<GroupRule>,
    /// The optimizer without weight decay, if some parameters do not decay.
    undecayed: Option<Box<dyn Update<S>>>,
}

impl<S: Simd> Groups<S> {
    /// Collects the groups. Returns `None` if the optimizer updates all lines alike. `lines` must be in increasing
    /// order. Without an `undecayed` optimizer, all parameters decay.
    pub fn of(
        lines: impl Iterator<Item = (Range<usize>, GroupRule)>,
        undecayed: Option<Box<dyn Update<S>>>,
    ) -> Option<Self> {
        let mut groups = Groups { lines: Vec::new(), rules: Vec::new(), undecayed };
        for (lines, GroupRule { factor, decays }) in lines {
            let rule = GroupRule { factor, decays: decays || groups.undecayed.is_none() };
            let known = groups.rules.iter().position(|known| *known == rule);
            let index = known.unwrap_or_else(|| {
                groups.rules.push(rule);
                groups.rules.len() - 1
            });
            match groups.lines.last_mut() {
                Some((last, its)) if *its == index && last.end == lines.start => last.end = lines.end,
                _ => groups.lines.push((lines, index)),
            }
        }
        let alike = GroupRule { factor: 1.0, decays: true };
        groups.rules.iter().any(|rule| *rule != alike).then_some(groups)
    }

    /// Returns the number of rules.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Computes the values that all parameters of a rule share in this step: see [`Update::step_factors`].
    pub fn step_factors(
        &self,
        update: &dyn Update<S>,
        (learning_rate, step): (f64, u64),
        powers: &mut Powers,
        group_factors: &mut [StepFactors],
    ) {
        for (rule, factors) in self.rules.iter().zip(group_factors) {
            *factors = self.update_of(update, rule).step_factors(learning_rate * rule.factor, step, powers);
        }
    }

    fn update_of<'a>(&'a self, update: &'a dyn Update<S>, rule: &GroupRule) -> &'a dyn Update<S> {
        if rule.decays { update } else { self.undecayed.as_deref().unwrap_or(update) }
    }
}

/// The parts of an update by groups. The slices hold the lines of one thread.
pub struct GroupedUpdates<'a, S: Simd> {
    /// The groups.
    pub groups: &'a Groups<S>,
    /// The optimizer.
    pub update: &'a dyn Update<S>,
    /// The results of [`Groups::step_factors`] for this step.
    pub group_factors: &'a [StepFactors],
    /// The parameters.
    pub parameters: &'a mut [Line],
    /// Their state.
    pub slots: &'a mut [Line],
    /// Lines of state for each line of parameters.
    pub count: usize,
    /// The sum of the gradients of the chunks before, if there are some.
    pub before: Option<&'a [Line]>,
}

impl<S: Simd> GroupedUpdates<'_, S> {
    /// Updates the parameter lines from `start` from their gradient. The slices begin with the line `first`.
    #[inline(never)]
    pub fn apply(&mut self, s: S, first: usize, start: usize, gradient: &mut [Line]) {
        if let Some(before) = self.before {
            s.run(
                #[inline(always)]
                || {
                    for (line, sum) in gradient.iter_mut().zip(&before[start - first..]) {
                        s.store(s.add(s.load(sum), s.load(line)), line);
                    }
                },
            );
        }
        let end = start + gradient.len();
        let from = self.groups.lines.partition_point(|(lines, _)| lines.end <= start);
        for (lines, rule) in &self.groups.lines[from..] {
            if lines.start >= end {
                break;
            }
            let lines = lines.start.max(start)..lines.end.min(end);
            let at = lines.start - first..lines.end - first;
            let mut finished = FinishedLines {
                slots: &mut self.slots[at.start * self.count..at.end * self.count],
                weight: &mut self.parameters[at],
                gradient: &gradient[lines.start - start..lines.end - start],
            };
            let update = self.groups.update_of(self.update, &self.groups.rules[*rule]);
            update.tile(s, &self.group_factors[*rule], &mut finished);
        }
    }
}
