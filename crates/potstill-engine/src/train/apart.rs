//! A step by a rule that tells the gradient of the task from that of the methods.
//!
//! The tensor library goes back through a graph once, so each gradient has a forward pass of its own over the same batch. Both compute the same; what the
//! second notes for running statistics is dropped.

use std::collections::BTreeMap;

use burn::tensor::{Gradients, Tensor};
use potstill_ops::Parameters;

use super::{
    backward::{UpdateContext, gradients},
    learner::Learner,
    profile::{StepPart, StepProfile},
    terms::Weighted,
};

impl Learner {
    /// Moves everything that the terms reach and that trains in the phase: by the task's terms of the first pass, and the methods' of the second. The passes that gradients go back
    /// through took so many multiply-accumulates each, `forwards`.
    pub(super) fn update_apart(
        &mut self,
        [first, second]: [Vec<Weighted>; 2],
        update: &mut UpdateContext<'_>,
        forwards: u64,
        profile: &mut StepProfile,
    ) {
        let of_task = first.into_iter().filter(|term| term.is_task);
        let task = gradients(of_task.collect());
        let of_methods = second.into_iter().filter(|term| !term.is_task);
        let methods = gradients(of_methods.collect());
        profile.record(StepPart::Backward, 4 * forwards);
        for part in self.parts_mut() {
            let Some(key) = part.trains_in(update.phase) else {
                continue;
            };
            let [mut task, mut methods] = [&task, &methods].map(|found| by_path(part.module, found.as_ref()));
            let (optimizer, rate) = (update.optimizers.of(key), update.rates.of(key));
            part.module.rewrite(&mut |entry, value| {
                let both = [task.remove(&entry.path), methods.remove(&entry.path)];
                let name = format!("{}/{}", part.name, entry.path);
                let is_moved = both.iter().any(Option::is_some);
                is_moved.then(|| optimizer.update_apart(&name, value, both, rate))
            });
        }
        profile.record(StepPart::Optimizer, 0);
    }
}

/// The gradients of a module's weights by their paths.
fn by_path(module: &dyn Parameters, gradients: Option<&Gradients>) -> BTreeMap<String, Tensor<1>> {
    let mut found = BTreeMap::new();
    if let Some(gradients) = gradients {
        module.each_gradient(gradients, &mut |entry, gradient| {
            found.insert(entry.path.clone(), gradient);
        });
    }
    found
}
