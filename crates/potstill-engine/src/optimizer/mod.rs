//! Optimisers that equal PyTorch's, step for step.
//!
//! Their state is kept by parameter *name*, so that a checkpoint is an ordinary tensor file and a resumed run finds its momentum
//! whatever identities the parameters have in this process.
//!
//! Each rule has two forms, as layers have: one sweep of a kernel over numbers where they lie, for `f32` on the CPU, and plain
//! tensor operations for everything else.

mod adam;
mod sgd;

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use potstill_recipe::OptimizerSpec;

pub use adam::Adam;
pub use sgd::Sgd;

/// The state of one parameter: named tensors (flat) and the number of updates it has seen.
#[derive(Debug, Clone, Default)]
pub struct Slots {
    pub(crate) tensors: BTreeMap<&'static str, Tensor<1>>,
    pub(crate) updates: u64,
}

/// How a parameter moves, given its gradient.
trait Rule: Send {
    /// The new value; all tensors flat and on the plain device.
    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, rate: f64, slots: &mut Slots) -> Tensor<1>;

    /// The names of the tensors that the rule keeps for each parameter.
    fn slot_names(&self) -> &'static [&'static str];
}

/// Why a kernel cannot refuse: a gradient and the state of a parameter have its length.
const FITS: &str = "a parameter, its gradient and its state have one length";

/// A rule with its state for every parameter it has moved.
pub struct Optimizer {
    rule: Box<dyn Rule>,
    slots: BTreeMap<String, Slots>,
}

impl Optimizer {
    /// The optimiser that the recipe describes, with no state yet.
    pub fn new(config: &OptimizerSpec) -> Self {
        let rule: Box<dyn Rule> = match config {
            OptimizerSpec::Sgd(sgd) => Box::new(Sgd::from(sgd)),
            OptimizerSpec::Adam(adam) => Box::new(Adam::from(adam)),
            OptimizerSpec::AdamW(adam) => Box::new(Adam::from(adam)),
        };
        Self {
            rule,
            slots: BTreeMap::new(),
        }
    }

    /// The new value of the parameter called `name`.
    pub fn update(&mut self, name: &str, value: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let slots = self.slots.entry(name.to_owned()).or_default();
        slots.updates += 1;
        self.rule.update(value, gradient, rate, slots)
    }

    /// Forgets the state of every parameter.
    pub(crate) fn forget(&mut self) {
        self.slots.clear();
    }

    /// The state for a checkpoint: parameter name to its slots.
    pub(crate) fn slots(&self) -> &BTreeMap<String, Slots> {
        &self.slots
    }

    /// Puts back one tensor of a checkpoint. `false` if the rule keeps no tensor of that name.
    pub(crate) fn restore_tensor(&mut self, parameter: &str, slot: &str, tensor: Tensor<1>) -> bool {
        let Some(&slot) = self.rule.slot_names().iter().find(|&&name| name == slot) else {
            return false;
        };
        self.slots
            .entry(parameter.to_owned())
            .or_default()
            .tensors
            .insert(slot, tensor);
        true
    }

    /// Puts back how often a parameter was moved.
    pub(crate) fn restore_updates(&mut self, parameter: &str, updates: u64) {
        self.slots.entry(parameter.to_owned()).or_default().updates = updates;
    }
}
