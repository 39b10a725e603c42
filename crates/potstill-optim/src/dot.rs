//! DOT: the distillation-oriented trainer.
//!
//! Zhao, Cui, Song and Liang, "DOT: A Distillation-Oriented Trainer", ICCV 2023. Stochastic gradient descent with a momentum for the gradient of the task and another, larger one for that of the
//! distillation, so that what the teacher says leads. Weight decay is a part of the task's.

use burn::tensor::Tensor;

use crate::optimizer::{ParameterState, Rule};

/// Two momenta. A parameter that only one of the gradients reaches has a single one, with weight decay.
#[derive(Debug, Clone)]
pub struct Dot {
    momentum: f64,
    delta: f64,
    weight_decay: f64,
}

const TASK: &str = "task";
const METHODS: &str = "methods";
const MOMENTUM: &str = "momentum";

impl From<&potstill_recipe::Dot> for Dot {
    fn from(config: &potstill_recipe::Dot) -> Self {
        Self {
            momentum: config.momentum,
            delta: config.delta,
            weight_decay: config.weight_decay,
        }
    }
}

impl Dot {
    fn decayed(&self, gradient: Tensor<1>, value: &Tensor<1>) -> Tensor<1> {
        if self.weight_decay == 0.0 {
            return gradient;
        }
        gradient + value.clone() * self.weight_decay
    }
}

/// The direction of a gradient with this momentum, which is kept under this name; the gradient itself at first.
fn direction(
    name: &'static str,
    momentum: f64,
    gradient: Tensor<1>,
    state: &mut ParameterState,
) -> Tensor<1> {
    let direction = match state.tensors.remove(name) {
        Some(kept) => kept * momentum + gradient,
        None => gradient,
    };
    state.tensors.insert(name, direction.clone());
    direction
}

impl Rule for Dot {
    fn update(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1> {
        let gradient = self.decayed(gradient, &value);
        value - direction(MOMENTUM, self.momentum, gradient, state) * rate
    }

    fn update_apart(
        &self,
        value: Tensor<1>,
        [task, methods]: [Option<Tensor<1>>; 2],
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1> {
        match (task, methods) {
            (Some(task), Some(methods)) => {
                let task = self.decayed(task, &value);
                let value = value - direction(TASK, self.momentum - self.delta, task, state) * rate;
                value - direction(METHODS, self.momentum + self.delta, methods, state) * rate
            }
            (Some(one), None) | (None, Some(one)) => self.update(value, one, rate, state),
            (None, None) => value,
        }
    }

    fn is_apart(&self) -> bool {
        true
    }

    fn tensor_names(&self) -> &'static [&'static str] {
        &[TASK, METHODS, MOMENTUM]
    }
}
