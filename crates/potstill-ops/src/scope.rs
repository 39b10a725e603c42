//! Where a layer is created: its path, its device, and the random streams of its initial values.

use std::fmt::Display;

use burn::{
    module::{Param, ParamId},
    tensor::{Device, Tensor, TensorData},
};
use potstill_random::Seed;

use crate::NormRule;

/// The place at which a layer is created.
///
/// Initial values come from a stream named by the owner and the parameter's path, so that adding a layer anywhere changes no
/// other layer's values.
///
/// ```
/// use burn::tensor::Device;
/// use potstill_ops::{Linear, Scope, count_trainable};
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "student");
/// let layer = Linear::new(16, 10, &scope.at("fc"));
/// assert_eq!(count_trainable(&layer), 16 * 10 + 10);
/// assert_eq!(scope.at("fc").path(), "fc");
/// ```
#[derive(Debug, Clone)]
pub struct Scope {
    device: Device,
    seed: Seed,
    owner: String,
    path: String,
    norms: NormRule,
}

impl Scope {
    /// The root scope of the network or method module called `owner` (`"student"`, `"review-kd"`).
    ///
    /// Parameters are created trainable, with gradients; [`Frozen`](crate::Frozen) takes them away.
    pub fn new(device: &Device, seed: Seed, owner: &str) -> Self {
        Self {
            device: device.clone().autodiff(),
            seed,
            owner: owner.into(),
            path: String::new(),
            norms: NormRule::default(),
        }
    }

    /// The same place, with batch norms by this rule there and in all children.
    #[must_use]
    pub fn with_norms(&self, norms: NormRule) -> Self {
        Self {
            norms,
            ..self.clone()
        }
    }

    /// How batch norms are made here.
    pub fn norm_rule(&self) -> NormRule {
        self.norms
    }

    /// The scope of the child called `name` (a field's name, an index).
    #[must_use]
    pub fn at(&self, name: impl Display) -> Self {
        let path = if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        };
        Self { path, ..self.clone() }
    }

    /// The device on which layers are created.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The path from the root, with dots.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A weight filled with one value.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        Self::weight(self.tensor(shape, |_| value))
    }

    /// A weight drawn uniformly from `[-bound, bound)`.
    pub fn uniform<const D: usize>(&self, name: &str, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        let mut stream = self.stream(name);
        Self::weight(self.tensor(shape, |_| stream.uniform(-bound, bound)))
    }

    /// A weight drawn from the normal distribution with mean 0.
    pub fn normal<const D: usize>(&self, name: &str, shape: [usize; D], deviation: f64) -> Param<Tensor<D>> {
        let mut stream = self.stream(name);
        Self::weight(self.tensor(shape, |_| stream.normal() * deviation))
    }

    /// A buffer (not learned) filled with one value.
    pub fn buffer<const D: usize>(&self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), self.tensor(shape, |_| value))
    }

    fn stream(&self, name: &str) -> potstill_random::Stream {
        self.seed
            .stream(&format!("{}.init.{}.{name}", self.owner, self.path), &[])
    }

    fn tensor<const D: usize>(&self, shape: [usize; D], mut value: impl FnMut(usize) -> f64) -> Tensor<D> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i| value(i) as f32).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    fn weight<const D: usize>(value: Tensor<D>) -> Param<Tensor<D>> {
        Param::initialized(ParamId::new(), value.require_grad())
    }
}
