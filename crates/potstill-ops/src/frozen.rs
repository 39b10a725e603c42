//! Frozen is a type: a network that cannot be trained by mistake.

use burn::module::Module;

use crate::{Parameters, Pass, Precision};

/// A module on the plain device: no graph, no gradients, nothing that can move.
///
/// It is a deep and independent copy of the values at the time of freezing.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_ops::{Frozen, Linear, Scope};
/// use potstill_random::Seed;
///
/// let mut layer = Linear::new(2, 3, &Scope::new(&Device::flex(), Seed::new(0), "example"));
/// let frozen = Frozen::new(&layer);
/// layer.weight = layer.weight.map(|weight| weight * 0.0);
/// assert_eq!(layer.weight.val().abs().sum().into_scalar::<f32>(), 0.0);
/// assert!(frozen.get().weight.val().abs().sum().into_scalar::<f32>() > 0.0);
/// ```
#[derive(Debug, Clone)]
pub struct Frozen<M> {
    module: M,
    precision: Precision,
}

impl<M: Module> Frozen<M> {
    /// Freezes the present values of `module`.
    pub fn new(module: &M) -> Self {
        Self {
            module: module.valid(),
            precision: Precision::Single,
        }
    }

    /// The same, computing in `precision` where that is asked of it by [`prepare`](Self::prepare).
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// In what its folded convolutions compute where that is asked of it.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Tells a pass in what precision this module computes.
    pub fn prepare(&self, pass: &mut Pass<'_>) {
        pass.set_precision(self.precision);
    }

    /// The module, to be run in [`Mode::Running`](crate::Mode::Running).
    pub fn get(&self) -> &M {
        &self.module
    }

    /// The module, for its values to be put back from a checkpoint. It stays on the plain device.
    pub fn get_mut(&mut self) -> &mut M {
        &mut self.module
    }

    /// The module's tensors, to be read.
    pub fn parameters(&self) -> &dyn Parameters {
        &self.module
    }
}
