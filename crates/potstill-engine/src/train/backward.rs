//! From the terms of a step to moved weights: gradients, clipping, each part by its optimiser.

use burn::tensor::Gradients;
use potstill_recipe::OptimizerSpec;

use crate::{
    Optimizer, Phase,
    clip::clip_by_global_norm,
    train::learner::{Learner, OptimizerGroup},
    train::profile::{StepPart, StepProfile},
    train::step::Weighted,
};

/// The learning rates of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub student: f64,
    /// Of an online teacher.
    pub teacher: f64,
}

impl Rates {
    fn of(self, clock: OptimizerGroup) -> f64 {
        match clock {
            OptimizerGroup::Teacher => self.teacher,
            OptimizerGroup::Student | OptimizerGroup::SearchRound => self.student,
        }
    }
}

/// The optimisers of a run, one for each clock.
pub(crate) struct Optimizers {
    student: Optimizer,
    teacher: Optimizer,
    round: Optimizer,
}

impl Optimizers {
    /// Those of a phase, without state. An online teacher may have a rule of its own.
    pub fn new(phase: &Phase, teacher: Option<&OptimizerSpec>) -> Self {
        Self {
            student: Optimizer::new(&phase.optimizer),
            teacher: Optimizer::new(teacher.unwrap_or(&phase.optimizer)),
            // A round brings its own when it begins.
            round: Optimizer::new(&phase.optimizer),
        }
    }

    /// Starts a round with its rule, without state.
    pub fn begin_round(&mut self, rule: &OptimizerSpec) {
        self.round = Optimizer::new(rule);
    }

    /// Ends a round: the next one starts without state.
    pub fn end_round(&mut self) {
        self.round.forget();
    }

    pub fn of(&mut self, clock: OptimizerGroup) -> &mut Optimizer {
        match clock {
            OptimizerGroup::Student => &mut self.student,
            OptimizerGroup::Teacher => &mut self.teacher,
            OptimizerGroup::SearchRound => &mut self.round,
        }
    }

    pub fn all(&self) -> [&Optimizer; 3] {
        [&self.student, &self.teacher, &self.round]
    }
}

/// How the weights of a step move.
pub(crate) struct UpdateContext<'a> {
    pub phase: &'a Phase,
    pub optimizers: &'a mut Optimizers,
    pub rates: Rates,
}

impl Learner {
    /// Moves everything that the terms reach and that trains in the phase. The forward passes that gradients go back through took so
    /// many multiply-accumulates, `forwards`.
    pub(crate) fn backward_and_update(
        &mut self,
        weighted: Vec<Weighted>,
        descent: &mut UpdateContext<'_>,
        forwards: u64,
        profile: &mut StepProfile,
    ) {
        let Some(mut gradients) = gradients(weighted) else {
            return;
        };
        // Twice the forward passes: gradients of the maps and of the weights.
        profile.record(StepPart::Backward, 2 * forwards);
        let scales = [OptimizerGroup::Student, OptimizerGroup::Teacher]
            .map(|clock| self.clipping(clock, descent.phase, &gradients));
        self.each_part(&mut |part| {
            let Some(clock) = part.clock.filter(|_| part.trains_in(descent.phase)) else {
                return;
            };
            let scale = scales[usize::from(clock == OptimizerGroup::Teacher)];
            let (optimizer, rate) = (descent.optimizers.of(clock), descent.rates.of(clock));
            part.module
                .update_with_gradients(&mut gradients, &mut |entry, value, gradient| {
                    let gradient = match scale {
                        Some(scale) if scale < 1.0 => gradient * scale,
                        _ => gradient,
                    };
                    optimizer.update(&format!("{}/{}", part.name, entry.path), value, gradient, rate)
                });
        });
        profile.record(StepPart::Optimizer, 0);
    }

    /// By how much the gradients of everything that trains on this clock are shortened together; none if they never are.
    fn clipping(&self, clock: OptimizerGroup, phase: &Phase, gradients: &Gradients) -> Option<f64> {
        let limit = self.clip_norm?;
        let parts = self.parts();
        let trained = parts
            .iter()
            .filter(|part| part.clock == Some(clock) && part.trains_in(phase));
        let modules: Vec<_> = trained.map(|part| part.module).collect();
        Some(clip_by_global_norm(&modules, gradients, limit))
    }
}

/// The gradients of the weighted sum; none if there is nothing to sum.
pub(crate) fn gradients(weighted: Vec<Weighted>) -> Option<Gradients> {
    let terms = weighted
        .into_iter()
        .filter_map(|(weight, term)| Some(term.value * weight?));
    terms.reduce(|sum, term| sum + term).map(|loss| loss.backward())
}
