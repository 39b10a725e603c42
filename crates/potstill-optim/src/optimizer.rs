//! A rule with the state of every parameter that it moves.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use potstill_recipe::OptimizerSpec;

use crate::{Adam, Dot, Sgd};

/// The state of one parameter: named tensors (flat) and the number of updates that it has seen.
#[derive(Debug, Clone, Default)]
pub struct ParameterState {
    pub(crate) tensors: BTreeMap<&'static str, Tensor<1>>,
    pub(crate) updates: u64,
}

impl ParameterState {
    /// The tensors that the rule keeps, by name, in order.
    pub fn tensors(&self) -> impl Iterator<Item = (&'static str, &Tensor<1>)> {
        self.tensors.iter().map(|(&name, tensor)| (name, tensor))
    }

    /// How often the parameter was moved.
    pub fn updates(&self) -> u64 {
        self.updates
    }
}

/// How a parameter moves, given its gradient.
pub(crate) trait Rule: Send {
    /// The new value; all tensors flat and on the plain device.
    fn update(
        &self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1>;

    /// The same by the gradient of the task and that of the methods apart, of which one may be missing.
    fn update_apart(
        &self,
        value: Tensor<1>,
        gradients: [Option<Tensor<1>>; 2],
        rate: f64,
        state: &mut ParameterState,
    ) -> Tensor<1> {
        match gradients
            .into_iter()
            .flatten()
            .reduce(|sum, gradient| sum + gradient)
        {
            Some(gradient) => self.update(value, gradient, rate, state),
            None => value,
        }
    }

    /// Whether it tells both gradients apart.
    fn is_apart(&self) -> bool {
        false
    }

    /// The names of the tensors that the rule keeps for each parameter.
    fn tensor_names(&self) -> &'static [&'static str];
}

/// Why a kernel cannot refuse: a gradient and the state of a parameter have its length.
pub(crate) const FITS: &str = "a parameter, its gradient and its state have one length";

/// A rule with its state for every parameter that it has moved.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_optim::Optimizer;
/// use potstill_recipe::{OptimizerSpec, Sgd};
/// let spec = Sgd { lr: 0.1, momentum: 0.9, nesterov: false, dampening: 0.0, weight_decay: 0.0 };
/// let mut optimizer = Optimizer::new(&OptimizerSpec::Sgd(spec));
/// let device = Device::flex();
/// let (weight, gradient) = (Tensor::from_floats([1.0], &device), Tensor::from_floats([2.0], &device));
/// let weight = optimizer.update("conv1.weight", weight, gradient, 0.1);
/// assert_eq!(weight.into_scalar::<f32>(), 0.8);
/// assert_eq!(optimizer.state().next().map(|(name, state)| (name, state.updates())), Some(("conv1.weight", 1)));
/// ```
pub struct Optimizer {
    rule: Box<dyn Rule>,
    state: BTreeMap<String, ParameterState>,
}

impl Optimizer {
    /// The optimiser that the recipe describes, with no state yet.
    pub fn new(config: &OptimizerSpec) -> Self {
        let rule: Box<dyn Rule> = match config {
            OptimizerSpec::Sgd(sgd) => Box::new(Sgd::from(sgd)),
            OptimizerSpec::Dot(dot) => Box::new(Dot::from(dot)),
            OptimizerSpec::Adam(adam) => Box::new(Adam::from(adam)),
            OptimizerSpec::AdamW(adam) => Box::new(Adam::from(adam)),
        };
        Self {
            rule,
            state: BTreeMap::new(),
        }
    }

    /// The new value of the parameter called `name`. All tensors are flat and on the plain device.
    pub fn update(&mut self, name: &str, value: Tensor<1>, gradient: Tensor<1>, rate: f64) -> Tensor<1> {
        let state = self.state.entry(name.to_owned()).or_default();
        state.updates += 1;
        self.rule.update(value, gradient, rate, state)
    }

    /// Whether the rule tells the gradient of the task from that of the methods: [`update_apart`](Self::update_apart).
    pub fn is_apart(&self) -> bool {
        self.rule.is_apart()
    }

    /// The new value of the parameter called `name`, by the gradient of the task and that of the methods, of which one may be missing. All tensors are
    /// flat and on the plain device.
    pub fn update_apart(
        &mut self,
        name: &str,
        value: Tensor<1>,
        gradients: [Option<Tensor<1>>; 2],
        rate: f64,
    ) -> Tensor<1> {
        let state = self.state.entry(name.to_owned()).or_default();
        state.updates += 1;
        self.rule.update_apart(value, gradients, rate, state)
    }

    /// Forgets the state of every parameter.
    pub fn forget(&mut self) {
        self.state.clear();
    }

    /// How often the parameter called `name` was moved.
    pub fn updates(&self, name: &str) -> u64 {
        self.state.get(name).map_or(0, ParameterState::updates)
    }

    /// The state of every parameter that was moved, by name, in order.
    pub fn state(&self) -> impl Iterator<Item = (&str, &ParameterState)> {
        self.state.iter().map(|(name, state)| (name.as_str(), state))
    }

    /// Puts back one tensor of a parameter's state. `false` if the rule keeps no tensor of that name.
    pub fn restore_tensor(&mut self, parameter: &str, name: &str, tensor: Tensor<1>) -> bool {
        let Some(&name) = self.rule.tensor_names().iter().find(|&&kept| kept == name) else {
            return false;
        };
        let state = self.state.entry(parameter.to_owned()).or_default();
        state.tensors.insert(name, tensor);
        true
    }

    /// Puts back how often a parameter was moved.
    pub fn restore_updates(&mut self, parameter: &str, updates: u64) {
        self.state.entry(parameter.to_owned()).or_default().updates = updates;
    }
}
