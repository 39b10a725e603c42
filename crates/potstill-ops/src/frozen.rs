//! Frozen is a type: a network that cannot be trained by mistake.

use burn::module::Module;

use crate::Parameters;

/// A module on the plain device: no graph, no gradients, nothing that can move.
///
/// It is a deep and independent copy of the values at the time of freezing.
#[derive(Debug, Clone)]
pub struct Frozen<M>(M);

impl<M: Module> Frozen<M> {
    /// Freezes the present values of `module`.
    pub fn new(module: &M) -> Self {
        Self(module.valid())
    }

    /// The module, to be run in [`Mode::Running`](crate::Mode::Running).
    pub fn get(&self) -> &M {
        &self.0
    }

    /// The module's tensors, to be read.
    pub fn parameters(&self) -> &dyn Parameters {
        &self.0
    }
}
