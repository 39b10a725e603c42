//! From the terms of a step to moved weights: gradients, clipping, each part by its optimiser.

use std::collections::BTreeMap;

use burn::tensor::{Gradients, Tensor};
use potstill_optim::{Optimizer, clip_by_global_norm};
use potstill_recipe::OptimizerSpec;

use super::{
    accumulation::{Gathered, Portion},
    learner::Learner,
    parts::OptimizerKey,
    profile::{StepPart, StepProfile},
    terms::Weighted,
};
use crate::plan::phases::Phase;

/// The learning rates of a step.
#[derive(Debug, Clone)]
pub(crate) struct Rates {
    pub student: f64,
    /// Of each teacher, whether it trains or not.
    pub teachers: Vec<f64>,
}

impl Rates {
    pub(super) fn of(&self, key: OptimizerKey) -> f64 {
        match key {
            OptimizerKey::Teacher(index) => self.teachers[index],
            OptimizerKey::Student | OptimizerKey::Search => self.student,
        }
    }
}

/// The optimisers of a run.
pub(crate) struct Optimizers {
    student: Optimizer,
    teachers: Vec<Optimizer>,
    search: Optimizer,
    /// Gradients since the last update, where several batches make one.
    pub(super) gathered: Gathered,
}

impl Optimizers {
    /// Those of a phase, without state. A teacher may have a rule of its own.
    pub fn new<'a>(phase: &Phase, teachers: impl IntoIterator<Item = Option<&'a OptimizerSpec>>) -> Self {
        let of_teacher = |own: Option<&OptimizerSpec>| Optimizer::new(own.unwrap_or(&phase.optimizer));
        Self {
            student: Optimizer::new(&phase.optimizer),
            teachers: teachers.into_iter().map(of_teacher).collect(),
            // A round brings its own when it begins.
            search: Optimizer::new(&phase.optimizer),
            gathered: Gathered::default(),
        }
    }

    /// Starts a round with its rule, without state.
    pub fn begin_round(&mut self, rule: &OptimizerSpec) {
        self.search = Optimizer::new(rule);
    }

    /// Ends a round: the next one starts without state.
    pub fn end_round(&mut self) {
        self.search.forget();
    }

    pub fn of(&mut self, key: OptimizerKey) -> &mut Optimizer {
        match key {
            OptimizerKey::Student => &mut self.student,
            OptimizerKey::Teacher(index) => &mut self.teachers[index],
            OptimizerKey::Search => &mut self.search,
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &Optimizer> {
        [&self.student]
            .into_iter()
            .chain(&self.teachers)
            .chain([&self.search])
    }
}

/// How the weights of a step move.
pub(crate) struct UpdateContext<'a> {
    pub phase: &'a Phase,
    pub optimizers: &'a mut Optimizers,
    pub rates: Rates,
    /// Which of the batches of an update this is.
    pub portion: Portion,
}

impl Learner {
    /// Moves everything that the terms reach and that trains in the phase. The forward passes that gradients go back through took so
    /// many multiply-accumulates, `forwards`.
    pub(crate) fn backward_and_update(
        &mut self,
        weighted: Vec<Weighted>,
        update: &mut UpdateContext<'_>,
        forwards: u64,
        profile: &mut StepProfile,
    ) {
        let Some(mut gradients) = gradients(weighted) else {
            // No step backwards lets go of the forward pass's graph, and the tensor library frees such only in the next backward pass of
            // any graph. Without one, steps without a term would pile up.
            let one = Tensor::<1>::ones([1], &self.plain_device()).autodiff();
            one.require_grad().backward();
            if update.portion != Portion::WHOLE && update.portion.is_last {
                self.update_by_gathered(update);
            }
            return;
        };
        // Twice the forward passes: gradients of the maps and of the weights.
        profile.record(StepPart::Backward, 2 * forwards);
        if update.portion != Portion::WHOLE {
            self.gather_and_update(&gradients, update);
            profile.record(StepPart::Optimizer, 0);
            return;
        }
        let scales = self.clipping(update.phase, &gradients);
        for part in self.parts_mut() {
            let Some(key) = part.trains_in(update.phase) else {
                continue;
            };
            let scale = scales.get(&key).filter(|scale| **scale < 1.0);
            let (optimizer, rate) = (update.optimizers.of(key), update.rates.of(key));
            part.module
                .update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
                    let gradient = match scale {
                        Some(&scale) => gradient * scale,
                        None => gradient,
                    };
                    optimizer.update(&format!("{}/{}", part.name, entry.path), value, gradient, rate)
                });
        }
        profile.record(StepPart::Optimizer, 0);
    }

    /// By how much the gradients of everything that one optimiser moves are shortened together; empty if they never are.
    fn clipping(&self, phase: &Phase, gradients: &Gradients) -> BTreeMap<OptimizerKey, f64> {
        let Some(limit) = self.clip_norm else {
            return BTreeMap::new();
        };
        let mut modules: BTreeMap<OptimizerKey, Vec<_>> = BTreeMap::new();
        for part in self.parts() {
            if let Some(key) = part.trains_in(phase) {
                modules.entry(key).or_default().push(part.module);
            }
        }
        let scale = |(key, modules): (_, Vec<_>)| (key, clip_by_global_norm(&modules, gradients, limit));
        modules.into_iter().map(scale).collect()
    }
}

/// The gradients of the weighted sum; `None` if there is nothing to sum.
pub(crate) fn gradients(weighted: Vec<Weighted>) -> Option<Gradients> {
    let terms = weighted
        .into_iter()
        .filter_map(|Weighted { weight, term, .. }| Some(term.value * weight?));
    terms.reduce(|sum, term| sum + term).map(|loss| loss.backward())
}
