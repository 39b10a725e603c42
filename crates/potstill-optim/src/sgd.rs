//! Stochastic gradient descent, as `torch.optim.SGD`.

use burn::tensor::Tensor;
use potstill_ops::update_in_place;

use crate::optimizer::{FITS, ParameterState, Rule};

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
    fn update(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1> {
        let sweep = potstill_kernels::Sgd {
            learning_rate: rate,
            momentum: self.momentum,
            dampening: self.dampening,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov,
        };
        if self.momentum == 0.0 {
            let swept = update_in_place([value], &gradient, |[value], gradient, pool| {
                sweep.step(value, gradient, &mut [], false, pool).expect(FITS);
            });
            return match swept {
                Ok([value]) => value,
                Err([value]) => self.portable(value, gradient, rate, None).0,
            };
        }
        let kept = state.tensors.remove(MOMENTUM);
        let first = kept.is_none();
        let buffer = kept.unwrap_or_else(|| gradient.zeros_like());
        let swept = update_in_place([value, buffer], &gradient, |[value, buffer], gradient, pool| {
            sweep.step(value, gradient, buffer, first, pool).expect(FITS);
        });
        let (value, buffer) = match swept {
            Ok([value, buffer]) => (value, Some(buffer)),
            Err([value, buffer]) => self.portable(value, gradient, rate, (!first).then_some(buffer)),
        };
        state.tensors.extend(buffer.map(|buffer| (MOMENTUM, buffer)));
        value
    }

    fn tensor_names(&self) -> &'static [&'static str] {
        &[MOMENTUM]
    }
}

impl Sgd {
    /// The new value and the new momentum buffer, by plain tensor operations.
    fn portable(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        buffer: Option<Tensor<1>>,
    ) -> (Tensor<1>, Option<Tensor<1>>) {
        let mut step = gradient;
        if self.weight_decay != 0.0 {
            step = step + value.clone() * self.weight_decay;
        }
        if self.momentum == 0.0 {
            return (value - step * rate, None);
        }
        // The first buffer is the gradient itself, without dampening.
        let buffer = match buffer {
            Some(buffer) => buffer * self.momentum + step.clone() * (1.0 - self.dampening),
            None => step.clone(),
        };
        let direction = if self.nesterov {
            step + buffer.clone() * self.momentum
        } else {
            buffer.clone()
        };
        (value - direction * rate, Some(buffer))
    }
}
