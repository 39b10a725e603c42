//! Gradients of several batches for one update of the weights.

use std::collections::BTreeMap;

use burn::tensor::{Gradients, Tensor};
use potstill_optim::GlobalNorm;

use super::{backward::UpdateContext, learner::Learner, parts::OptimizerKey};
use crate::plan::phases::Phase;

/// The place of a batch among those whose gradients are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Portion {
    /// How many there are.
    pub of: usize,
    /// Whether it is the last of them.
    pub is_last: bool,
}

impl Portion {
    /// A batch by itself.
    pub const WHOLE: Self = Self { of: 1, is_last: true };

    /// The batch of a step, from 0, in an epoch of so many steps. What is left over at the end of an epoch stays together.
    pub fn at(step: usize, steps: usize, accumulate: usize) -> Self {
        let first = step / accumulate * accumulate;
        let of = accumulate.min(steps.saturating_sub(first)).max(1);
        Self {
            of,
            is_last: step + 1 - first == of,
        }
    }

    /// Whether an update lies between this step and the one before, so that a run can stop here.
    pub fn starts_at(step: usize, accumulate: usize) -> bool {
        step.is_multiple_of(accumulate)
    }
}

/// Gradients since the last update, by the optimiser and the name of the parameter.
#[derive(Debug, Default)]
pub(crate) struct Gathered(BTreeMap<(OptimizerKey, String), Tensor<1>>);

impl Gathered {
    fn add(&mut self, key: OptimizerKey, name: String, gradient: Tensor<1>) {
        let sum = match self.0.remove(&(key, name.clone())) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.0.insert((key, name), sum);
    }

    /// By how much the gradients of each optimiser are shortened together.
    fn clipping(&self, limit: f64) -> BTreeMap<OptimizerKey, f64> {
        let mut norms: BTreeMap<OptimizerKey, GlobalNorm> = BTreeMap::new();
        for ((key, _), gradient) in &self.0 {
            norms.entry(*key).or_default().add(gradient.clone());
        }
        let factor = |(key, norm): (_, GlobalNorm)| (key, norm.clip_factor(limit));
        norms.into_iter().map(factor).collect()
    }
}

impl Learner {
    /// Adds the gradients of a batch, each with its share in the mean, and moves the weights with the last.
    pub(super) fn gather_and_update(&mut self, gradients: &Gradients, update: &mut UpdateContext<'_>) {
        let share = 1.0 / update.portion.of as f64;
        let gathered = &mut update.optimizers.gathered;
        for part in self.parts() {
            if let Some(key) = part.trains_in(update.phase) {
                part.module.each_gradient(gradients, &mut |entry, gradient| {
                    gathered.add(key, format!("{}/{}", part.name, entry.path), gradient * share);
                });
            }
        }
        if update.portion.is_last {
            self.update_by_gathered(update);
        }
    }

    /// Moves the weights by what the batches of an update have gathered.
    pub(super) fn update_by_gathered(&mut self, update: &mut UpdateContext<'_>) {
        let phase: &Phase = update.phase;
        let mut gathered = std::mem::take(&mut update.optimizers.gathered);
        let scales = match self.clip_norm {
            Some(limit) => gathered.clipping(limit),
            None => BTreeMap::new(),
        };
        for part in self.parts_mut() {
            let Some(key) = part.trains_in(phase) else {
                continue;
            };
            let scale = scales.get(&key).copied().filter(|scale| *scale < 1.0);
            let rate = update.rates.of(key);
            let optimizer = update.optimizers.of(key);
            part.module.rewrite(&mut |entry, value| {
                let name = format!("{}/{}", part.name, entry.path);
                let gradient = gathered.0.remove(&(key, name.clone()))?;
                let gradient = match scale {
                    Some(scale) => gradient * scale,
                    None => gradient,
                };
                Some(optimizer.update(&name, value, gradient, rate))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Portion;

    #[test]
    fn an_epoch_is_cut_into_groups_and_a_rest() {
        let groups: Vec<_> = (0..7).map(|step| Portion::at(step, 7, 3)).collect();
        let sizes: Vec<_> = groups.iter().map(|portion| portion.of).collect();
        assert_eq!(sizes, [3, 3, 3, 3, 3, 3, 1]);
        let ends: Vec<_> = (0..7).filter(|&step| groups[step].is_last).collect();
        assert_eq!(ends, [2, 5, 6]);
        assert_eq!(Portion::at(4, 9, 1), Portion::WHOLE);
        assert!(Portion::starts_at(6, 3) && !Portion::starts_at(5, 3));
    }
}
