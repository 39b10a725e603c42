//! A layer of a graph with the names of its tensors in the file.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Device, Tensor},
};
use potstill_onnx::train_graph::{KeptTensor, LayerPlan};
use potstill_ops::{BatchNorm, Conv2d, Conv2dConfig, LayerNorm, Linear, STATISTICS, Scope};

use super::loose::{Loose, map_loose, of_loose, tensor_of};

/// A layer, and what its tensors are called.
#[derive(Debug, Clone)]
pub(super) struct NamedLayer {
    names: Vec<String>,
    pub layer: Layer,
}

/// A layer.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Conv(Conv2d),
    Linear(Linear),
    /// A linear layer whose weight is `[I, O]`.
    Transposed {
        weight: Param<Tensor<2>>,
        bias: Option<Param<Tensor<1>>>,
    },
    BatchNorm(BatchNorm),
    /// A batch norm whose scale is one and whose shift is zero for good.
    PlainNorm(BatchNorm),
    LayerNorm(LayerNorm),
    Loose(Loose),
}

/// How the first values of a layer are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Start {
    /// Those of the file.
    File,
    /// Drawn as a built-in network's; a weight that is read as it is with this deviation, or else it keeps the file's values.
    Fresh(Option<f64>),
    /// Drawn as a new classifier's.
    NewHead,
}

impl NamedLayer {
    /// Builds a layer.
    pub fn build(plan: &LayerPlan, tensors: &[KeptTensor], start: Start, scope: &Scope) -> Self {
        let own = plan.tensors();
        let names: Vec<String> = own.iter().map(|&tensor| tensors[tensor].name.clone()).collect();
        let path = names[0].strip_suffix(".weight").unwrap_or(&names[0]);
        let mut layer = Layer::drawn(plan, tensors, start, &scope.at(path));
        if start == Start::File {
            layer.fill(own.iter().map(|&tensor| &tensors[tensor]), scope);
        }
        Self { names, layer }
    }

    /// The same layer after a change.
    pub fn changed(self, change: impl FnOnce(Layer) -> Layer) -> Self {
        Self {
            layer: change(self.layer),
            ..self
        }
    }

    pub fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        let mut names = self.names.iter();
        let mut see = Walk(visitor, || names.next().map_or("", String::as_str));
        match &self.layer {
            Layer::Conv(Conv2d { weight, bias, .. }) => see.both(weight, bias.as_ref(), WEIGHTS),
            Layer::Linear(Linear { weight, bias, .. }) | Layer::Transposed { weight, bias } => {
                see.both(weight, bias.as_ref(), WEIGHTS);
            }
            Layer::BatchNorm(norm) => {
                see.both(&norm.weight, Some(&norm.bias), BATCH_NORM);
                see.both(&norm.running_mean, Some(&norm.running_var), STATISTICS);
            }
            Layer::PlainNorm(norm) => see.both(&norm.running_mean, Some(&norm.running_var), STATISTICS),
            Layer::LayerNorm(norm) => see.both(&norm.weight, Some(&norm.bias), WEIGHTS),
            Layer::Loose(loose) => of_loose!(loose, weight => see.one(weight, WEIGHTS)),
        }
    }

    pub fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let Self { names, layer } = self;
        let mut own = names.iter();
        let mut change = Walk(mapper, || own.next().map_or("", String::as_str));
        let layer = match layer {
            Layer::Conv(mut conv) => {
                (conv.weight, conv.bias) = change.mapped(conv.weight, conv.bias, WEIGHTS);
                Layer::Conv(conv)
            }
            Layer::Linear(mut linear) => {
                (linear.weight, linear.bias) = change.mapped(linear.weight, linear.bias, WEIGHTS);
                Layer::Linear(linear)
            }
            Layer::Transposed { weight, bias } => {
                let (weight, bias) = change.mapped(weight, bias, WEIGHTS);
                Layer::Transposed { weight, bias }
            }
            Layer::BatchNorm(mut norm) => {
                norm.weight = change.mapped_one(norm.weight, BATCH_NORM);
                norm.bias = change.mapped_one(norm.bias, BATCH_NORM);
                norm.running_mean = change.mapped_one(norm.running_mean, STATISTICS);
                norm.running_var = change.mapped_one(norm.running_var, STATISTICS);
                Layer::BatchNorm(norm)
            }
            Layer::PlainNorm(mut norm) => {
                norm.running_mean = change.mapped_one(norm.running_mean, STATISTICS);
                norm.running_var = change.mapped_one(norm.running_var, STATISTICS);
                Layer::PlainNorm(norm)
            }
            Layer::LayerNorm(mut norm) => {
                norm.weight = change.mapped_one(norm.weight, WEIGHTS);
                norm.bias = change.mapped_one(norm.bias, WEIGHTS);
                Layer::LayerNorm(norm)
            }
            Layer::Loose(loose) => {
                Layer::Loose(map_loose!(loose, weight => change.mapped_one(weight, WEIGHTS)))
            }
        };
        Self { names, layer }
    }
}

/// What Burn's walks call the container of a weight.
const WEIGHTS: &str = "Graph";

/// The container by which a frozen batch norm's weights are known as buffers.
const BATCH_NORM: &str = "Struct:BatchNorm";

/// A walk over the tensors of a layer, each under its own name.
struct Walk<'w, W, N>(&'w mut W, N);

impl<'n, V: ModuleVisitor, N: FnMut() -> &'n str> Walk<'_, V, N> {
    fn one<const D: usize>(&mut self, param: &Param<Tensor<D>>, container: &str) {
        let name = (self.1)();
        self.0.enter_module(name, container);
        Module::visit(param, self.0);
        self.0.exit_module(name, container);
    }

    fn both<const D: usize>(
        &mut self,
        first: &Param<Tensor<D>>,
        second: Option<&Param<Tensor<1>>>,
        container: &str,
    ) {
        self.one(first, container);
        if let Some(second) = second {
            self.one(second, container);
        }
    }
}

impl<'n, M: ModuleMapper, N: FnMut() -> &'n str> Walk<'_, M, N> {
    fn mapped_one<const D: usize>(&mut self, param: Param<Tensor<D>>, container: &str) -> Param<Tensor<D>> {
        let name = (self.1)();
        self.0.enter_module(name, container);
        let param = Module::map(param, self.0);
        self.0.exit_module(name, container);
        param
    }

    fn mapped<const D: usize>(
        &mut self,
        weight: Param<Tensor<D>>,
        bias: Option<Param<Tensor<1>>>,
        container: &str,
    ) -> (Param<Tensor<D>>, Option<Param<Tensor<1>>>) {
        let weight = self.mapped_one(weight, container);
        (weight, bias.map(|bias| self.mapped_one(bias, container)))
    }
}

impl Layer {
    /// The layer with drawn values.
    fn drawn(plan: &LayerPlan, tensors: &[KeptTensor], start: Start, scope: &Scope) -> Self {
        let sizes = |tensor: &usize| tensors[*tensor].shape.as_slice();
        match plan {
            LayerPlan::Conv { weight, bias, shape } => {
                let (outputs, inputs, kernel) = match *sizes(weight) {
                    [outputs, inputs, height, width] => (outputs, inputs * shape.groups, [height, width]),
                    _ => unreachable!("a plan has convolutions of four axes"),
                };
                let config = Conv2dConfig {
                    inputs,
                    outputs,
                    kernel,
                    stride: shape.stride,
                    padding: shape.padding,
                    dilation: shape.dilation,
                    groups: shape.groups,
                    bias: bias.is_some(),
                };
                Self::Conv(match start {
                    Start::NewHead => Conv2d::normal(config, NEW_HEAD, scope),
                    Start::Fresh(_) => Conv2d::he_normal_fan_out(config, scope),
                    Start::File => Conv2d::zeros(config, scope),
                })
            }
            LayerPlan::Linear {
                weight,
                bias,
                rows_are_inputs,
            } => {
                let [first, second] = [sizes(weight)[0], sizes(weight)[1]];
                let (outputs, inputs) = if *rows_are_inputs {
                    (second, first)
                } else {
                    (first, second)
                };
                let linear = match start {
                    Start::NewHead => Linear::normal(inputs, outputs, NEW_HEAD, scope),
                    Start::Fresh(_) => Linear::normal(inputs, outputs, LINEAR, scope),
                    Start::File => Linear::zeros(inputs, outputs, scope),
                };
                let linear = if bias.is_some() {
                    linear
                } else {
                    linear.without_bias()
                };
                if *rows_are_inputs {
                    Self::Transposed {
                        weight: linear.weight.map(|weight| detached(&weight, Tensor::transpose)),
                        bias: linear.bias,
                    }
                } else {
                    Self::Linear(linear)
                }
            }
            LayerPlan::BatchNorm {
                affine,
                statistics: [mean, _],
                momentum,
                epsilon,
            } => {
                let channels = sizes(mean)[0];
                let mut norm = BatchNorm::new(channels, scope).with(*momentum, *epsilon);
                if affine.is_some() {
                    return Self::BatchNorm(norm);
                }
                norm.weight = scope.buffer([channels], 1.0);
                norm.bias = scope.buffer([channels], 0.0);
                Self::PlainNorm(norm)
            }
            LayerPlan::LayerNorm {
                tensors: [weight, _],
                epsilon,
            } => Self::LayerNorm(LayerNorm::new(sizes(weight)[0], *epsilon, scope)),
            LayerPlan::Loose { tensor } => {
                let deviation = match start {
                    Start::Fresh(deviation) => deviation,
                    Start::File | Start::NewHead => None,
                };
                Self::Loose(Loose::of(&tensors[*tensor], deviation, scope))
            }
        }
    }

    /// Puts the file's values in.
    fn fill<'t>(&mut self, mut tensors: impl Iterator<Item = &'t KeptTensor>, scope: &Scope) {
        let mut next = || tensors.next();
        match self {
            Self::Conv(conv) => {
                put(&mut conv.weight, next(), scope);
                put_all(conv.bias.as_mut(), &mut next, scope);
            }
            Self::Linear(Linear { weight, bias, .. }) | Self::Transposed { weight, bias } => {
                put(weight, next(), scope);
                put_all(bias.as_mut(), &mut next, scope);
            }
            Self::BatchNorm(norm) => {
                let own = [
                    &mut norm.weight,
                    &mut norm.bias,
                    &mut norm.running_mean,
                    &mut norm.running_var,
                ];
                put_all(own, &mut next, scope);
            }
            Self::PlainNorm(norm) => {
                put_all([&mut norm.running_mean, &mut norm.running_var], &mut next, scope);
            }
            Self::LayerNorm(norm) => put_all([&mut norm.weight, &mut norm.bias], &mut next, scope),
            // It has them.
            Self::Loose(_) => {}
        }
    }

    /// The same layer after a change of the whole of it.
    pub fn each(self, change: &impl Change) -> Self {
        match self {
            Self::Conv(conv) => Self::Conv(change.of(conv)),
            Self::Linear(linear) => Self::Linear(change.of(linear)),
            Self::Transposed { weight, bias } => Self::Transposed {
                weight: change.of(weight),
                bias: bias.map(|bias| change.of(bias)),
            },
            Self::BatchNorm(norm) => Self::BatchNorm(change.of(norm)),
            Self::PlainNorm(norm) => Self::PlainNorm(change.of(norm)),
            Self::LayerNorm(norm) => Self::LayerNorm(change.of(norm)),
            Self::Loose(loose) => Self::Loose(map_loose!(loose, weight => change.of(weight))),
        }
    }
}

/// A change of a module of any type.
pub(super) trait Change {
    fn of<M: Module>(&self, module: M) -> M;
}

/// The deviation of a fresh linear weight.
const LINEAR: f64 = 0.02;

/// The deviation of a new classifier's weight.
const NEW_HEAD: f64 = 0.01;

/// A change of a value that stays a leaf of the graph.
fn detached<const D: usize>(value: &Tensor<D>, change: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    let tracked = value.is_require_grad();
    change(value.clone().inner()).autodiff().set_require_grad(tracked)
}

fn put_all<'p, 't>(
    params: impl IntoIterator<Item = &'p mut Param<Tensor<1>>>,
    next: &mut dyn FnMut() -> Option<&'t KeptTensor>,
    scope: &Scope,
) {
    for param in params {
        put(param, next(), scope);
    }
}

/// Gives a parameter the values of a tensor of its shape. What is no weight stays none.
fn put<const D: usize>(param: &mut Param<Tensor<D>>, tensor: Option<&KeptTensor>, scope: &Scope) {
    let Some(tensor) = tensor else { return };
    let tracked = param.val().is_require_grad();
    *param = given(tensor, tracked, scope.device());
}

/// A parameter with the values of a tensor of at most its axes.
pub(super) fn given<const D: usize>(tensor: &KeptTensor, tracked: bool, device: &Device) -> Param<Tensor<D>> {
    Param::initialized(
        ParamId::new(),
        tensor_of(tensor, device).set_require_grad(tracked),
    )
}
