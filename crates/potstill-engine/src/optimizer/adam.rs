//! Adam and `AdamW`, as `torch.optim.Adam` and `torch.optim.AdamW`.

use burn::tensor::Tensor;

use super::{Rule, Slots};

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
    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, rate: f64, slots: &mut Slots) -> Tensor<1> {
        let [beta1, beta2] = self.betas;
        let (value, gradient) = match (self.weight_decay, self.decoupled) {
            (0.0, _) => (value, gradient),
            (decay, true) => (value * (1.0 - rate * decay), gradient),
            (decay, false) => (value.clone(), gradient + value * decay),
        };
        let mut moved = |slot, beta: f64, toward: Tensor<1>| {
            let moment = match slots.tensors.remove(slot) {
                Some(moment) => moment * beta + toward * (1.0 - beta),
                None => toward * (1.0 - beta),
            };
            slots.tensors.insert(slot, moment.clone());
            moment
        };
        let first = moved(FIRST, beta1, gradient.clone());
        let second = moved(SECOND, beta2, gradient.clone() * gradient);
        let updates = slots.updates as f64;
        let root = second.sqrt() / (1.0 - beta2.powf(updates)).sqrt() + self.epsilon;
        value - first / root * (rate / (1.0 - beta1.powf(updates)))
    }

    fn slot_names(&self) -> &'static [&'static str] {
        &[FIRST, SECOND]
    }
}
