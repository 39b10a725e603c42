//! One conv unit, norm unit or convolution, with everything that can be varied about it.

#![allow(
    dead_code,
    clippy::struct_excessive_bools,
    reason = "several tests share this; each flag is one thing to vary"
)]

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Mode, Parameters, Pass, Role, Scope, conv_norm_act, norm_act,
};
use potstill_random::Seed;

#[derive(Module, Debug)]
pub struct Net {
    pub conv: Conv2d,
    pub norm: BatchNorm,
}

/// What is computed.
#[derive(Debug, Clone)]
pub struct Case {
    /// Batch, height, width.
    pub map: [usize; 3],
    pub config: Conv2dConfig,
    pub activation: Activation,
    pub residual: bool,
    pub tracked_x: bool,
    pub tracked_net: bool,
    pub mode: Mode,
    /// Without a batch norm it is the convolution alone.
    pub with_norm: bool,
    /// Without a convolution it is the batch norm alone, on maps of `config.outputs` channels.
    pub with_conv: bool,
    /// Factor of the batch norm's weights, so that its outputs reach the far ends of the activations.
    pub reach: f64,
    /// The input comes as a permuted view.
    pub permuted: bool,
    /// `f64` instead of `f32`.
    pub double: bool,
}

/// What came out, by name: output, gradients, moments.
#[derive(Debug)]
pub struct Outcome {
    pub tensors: Vec<(String, Vec<f32>)>,
    pub macs: u64,
}

impl Outcome {
    pub fn names(&self) -> Vec<&str> {
        self.tensors.iter().map(|(name, _)| name.as_str()).collect()
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

impl Case {
    /// A training unit: relu, no residual, everything tracked.
    pub fn unit(map: [usize; 3], config: Conv2dConfig) -> Self {
        Self {
            map,
            config,
            activation: Activation::Relu,
            residual: false,
            tracked_x: true,
            tracked_net: true,
            mode: Mode::Batch,
            with_norm: true,
            with_conv: true,
            reach: 1.0,
            permuted: false,
            double: false,
        }
    }

    /// The convolution alone.
    pub fn conv(map: [usize; 3], config: Conv2dConfig) -> Self {
        Self {
            with_norm: false,
            ..Self::unit(map, config)
        }
    }

    /// The batch norm alone.
    pub fn norm(map: [usize; 3], channels: usize) -> Self {
        Self {
            with_conv: false,
            ..Self::unit(map, Conv2dConfig::new(channels, channels, 1))
        }
    }

    /// A network whose every number is drawn, running statistics included.
    pub fn net(&self) -> Net {
        let scope = Scope::new(&Device::flex(), Seed::new(3), "net");
        let mut net = Net {
            conv: Conv2d::uniform(self.config, 1.0, &scope.at("conv")),
            norm: BatchNorm::new(self.config.outputs, &scope.at("norm")),
        };
        net.rewrite(&mut |entry, old| {
            let mut stream = Seed::new(4).stream(&entry.path, &[]);
            let low = if entry.role == Role::Buffer { 0.5 } else { -0.9 };
            let factor = if entry.path == "norm.weight" {
                self.reach
            } else {
                1.0
            };
            let drawn = (0..old.dims()[0])
                .map(|_| (factor * stream.uniform(low, 1.1)) as f32)
                .collect::<Vec<_>>();
            (!entry.path.starts_with("conv")).then(|| Tensor::from_floats(drawn.as_slice(), &old.device()))
        });
        net
    }

    /// The input, tracked.
    pub fn input(&self) -> Tensor<4> {
        let [n, h, w] = self.map;
        self.drawn("input", [n, h, w, self.config.inputs])
    }

    fn drawn(&self, name: &str, shape: [usize; 4]) -> Tensor<4> {
        let mut stream = Seed::new(5).stream(name, &[]);
        let drawn: Vec<f32> = (0..shape.iter().product())
            .map(|_| stream.uniform(-1.0, 1.0) as f32)
            .collect();
        let device = Device::flex().autodiff();
        let tensor = Tensor::<4>::from_data(TensorData::new(drawn, shape), &device);
        (if self.double {
            tensor.cast(DType::F64)
        } else {
            tensor
        })
        .require_grad()
    }

    /// The input as the case gives it to a layer.
    pub fn view(&self, x: Tensor<4>) -> Tensor<4> {
        if !self.permuted {
            return x;
        }
        // The same values, stored with the channels first.
        let stored: Tensor<1> = x.permute([0, 3, 1, 2]).reshape([-1]);
        let [n, h, w] = self.map;
        stored
            .reshape([n, self.config.inputs, h, w])
            .permute([0, 2, 3, 1])
    }

    /// Forward, and backward from drawn gradients of the output.
    pub fn run(&self) -> Outcome {
        let net = self.net();
        let net = if self.double { net.map(&mut Double) } else { net };
        let net = if self.tracked_net { net } else { net.valid() };
        let leaf = self.input();
        let x = self.view(leaf.clone());
        let x = if self.tracked_x { x } else { x.inner() };
        let mut pass = Pass::new(self.mode);
        let [h, w] = self.out_size();
        let residual = self.drawn("residual", [self.map[0], h, w, self.config.outputs]);
        let added = self.residual.then(|| {
            if self.tracked_x {
                residual.clone()
            } else {
                residual.clone().inner()
            }
        });
        let y = match (self.with_conv, self.with_norm) {
            (true, true) => conv_norm_act(x, &net.conv, &net.norm, added, self.activation, "unit", &mut pass),
            (true, false) => net.conv.forward(x, &mut pass),
            (false, _) => norm_act(x, &net.norm, self.activation, "unit", &mut pass),
        };
        let mut tensors = vec![("output".to_owned(), values(y.clone().inner()))];
        if y.is_autodiff() {
            let gradients = (y.clone() * self.drawn("gradient", y.dims()).inner())
                .sum()
                .backward();
            for (name, leaf) in [("x", &leaf), ("residual", &residual)] {
                tensors.extend(
                    leaf.grad(&gradients)
                        .map(|gradient| (name.to_owned(), values(gradient))),
                );
            }
            net.each_gradient(&gradients, &mut |entry, gradient| {
                tensors.push((entry.path.clone(), values(gradient)));
            });
        }
        let macs = pass.macs();
        let mut moved = net.clone();
        potstill_ops::BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut moved);
        moved.each(&mut |entry, value| {
            if entry.role == Role::Buffer {
                tensors.push((entry.path.clone(), values(value)));
            }
        });
        Outcome { tensors, macs }
    }

    fn out_size(&self) -> [usize; 2] {
        let Conv2dConfig {
            kernel,
            stride,
            padding,
            dilation,
            ..
        } = self.config;
        let out =
            |d: usize| (self.map[1 + d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1;
        [out(0), out(1)]
    }
}

/// Turns every parameter into `f64`.
struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let tracked = value.is_require_grad();
            value
                .inner()
                .cast(DType::F64)
                .autodiff()
                .set_require_grad(tracked)
        })
    }
}
