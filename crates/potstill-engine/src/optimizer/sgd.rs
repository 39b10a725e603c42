//! Stochastic gradient descent, as `torch.optim.SGD`.

use burn::tensor::Tensor;

use super::{Rule, Slots};

/// SGD with momentum, dampening, Nesterov's look-ahead and weight decay added to the gradient.
#[derive(Debug, Clone)]
pub struct Sgd {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
}

const MOMENTUM: &str = "momentum";

impl From<&potstill_recipe::Sgd> for Sgd {
    fn from(config: &potstill_recipe::Sgd) -> Self {
        Self {
            momentum: config.momentum,
            dampening: config.dampening,
            nesterov: config.nesterov,
            weight_decay: config.weight_decay,
        }
    }
}

impl Rule for Sgd {
    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, rate: f64, slots: &mut Slots) -> Tensor<1> {
        let mut step = gradient;
        if self.weight_decay != 0.0 {
            step = step + value.clone() * self.weight_decay;
        }
        if self.momentum != 0.0 {
            // The first buffer is the gradient itself, without dampening.
            let buffer = match slots.tensors.remove(MOMENTUM) {
                Some(buffer) => buffer * self.momentum + step.clone() * (1.0 - self.dampening),
                None => step.clone(),
            };
            slots.tensors.insert(MOMENTUM, buffer.clone());
            step = if self.nesterov {
                step + buffer * self.momentum
            } else {
                buffer
            };
        }
        value - step * rate
    }

    fn slot_names(&self) -> &'static [&'static str] {
        &[MOMENTUM]
    }
}
