//! Adam and `AdamW`, as `torch.optim.Adam` and `torch.optim.AdamW`.

use burn::tensor::Tensor;
use potstill_ops::update_in_place;

use crate::optimizer::{FITS, ParameterState, Rule};

/// Adam (Kingma and Ba 2015); decoupled, `AdamW` (Loshchilov and Hutter 2019).
#[derive(Debug, Clone)]
pub struct Adam {
    betas: [f64; 2],
    epsilon: f64,
    weight_decay: f64,
    decoupled: bool,
}

const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

impl From<&potstill_recipe::Adam> for Adam {
    /// Adam: the decay is added to the gradient.
    fn from(config: &potstill_recipe::Adam) -> Self {
        Self {
            betas: config.betas,
            epsilon: config.eps,
            weight_decay: config.weight_decay,
            decoupled: false,
        }
    }
}

impl From<&potstill_recipe::AdamW> for Adam {
    /// `AdamW`: the decay shrinks the weights directly.
    fn from(config: &potstill_recipe::AdamW) -> Self {
        Self {
            betas: config.betas,
            epsilon: config.eps,
            weight_decay: config.weight_decay,
            decoupled: true,
        }
    }
}

impl Rule for Adam {
    fn update(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1> {
        let sweep = potstill_kernels::AdamW {
            learning_rate: rate,
            betas: self.betas,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decoupled: self.decoupled,
        };
        let [first, second] = [FIRST, SECOND].map(|name| {
            let kept = state.tensors.remove(name);
            kept.unwrap_or_else(|| gradient.zeros_like())
        });
        let number = state.updates;
        let swept = update_in_place(
            [value, first, second],
            &gradient,
            |[value, first, second], gradient, pool| {
                let moments = [first, second];
                sweep.step(value, gradient, moments, number, pool).expect(FITS);
            },
        );
        let [value, first, second] =
            swept.unwrap_or_else(|tensors| self.portable(tensors, gradient, rate, number as f64));
        state.tensors.insert(FIRST, first);
        state.tensors.insert(SECOND, second);
        value
    }

    fn tensor_names(&self) -> &'static [&'static str] {
        &[FIRST, SECOND]
    }
}

impl Adam {
    /// The new value and moments, by plain tensor operations.
    fn portable(
        &self,
        [value, first, second]: [Tensor<1>; 3],
        gradient: Tensor<1>,
        rate: f64,
        updates: f64,
    ) -> [Tensor<1>; 3] {
        let [beta1, beta2] = self.betas;
        let (value, gradient) = match (self.weight_decay, self.decoupled) {
            (0.0, _) => (value, gradient),
            (decay, true) => (value * (1.0 - rate * decay), gradient),
            (decay, false) => (value.clone(), gradient + value * decay),
        };
        let first = first * beta1 + gradient.clone() * (1.0 - beta1);
        let second = second * beta2 + gradient.clone() * gradient * (1.0 - beta2);
        let root = second.clone().sqrt() / (1.0 - beta2.powf(updates)).sqrt() + self.epsilon;
        let step = first.clone() / root * (rate / (1.0 - beta1.powf(updates)));
        [value - step, first, second]
    }
}
