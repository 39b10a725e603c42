//! ENet's bottleneck: down to a quarter of the channels, across, up again, beside a shortcut.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Pass, PointSide, PoolIndices, Prelu, Scope, conv_norm,
    conv_norm_add, max_pool_with_indices,
};

use super::Middle;

/// The shape of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct BottleneckConfig {
    inputs: usize,
    outputs: usize,
    middle: Middle,
    halves: bool,
    /// Its rectifiers' learned slopes: one for all three, or one for each; where there are none, negative numbers become 0.
    slopes: Slopes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slopes {
    None,
    Shared,
    Own,
}

impl BottleneckConfig {
    /// A block that keeps the size of the map.
    pub fn plain(width: usize, middle: Middle) -> Self {
        Self {
            inputs: width,
            outputs: width,
            middle,
            halves: false,
            slopes: match middle {
                Middle::Dilated(_) => Slopes::Shared,
                Middle::Asymmetric => Slopes::Own,
            },
        }
    }

    /// A block that halves height and width.
    pub fn halving(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            halves: true,
            ..Self::plain(inputs, Middle::Dilated(1))
        }
    }

    /// With plain rectifiers.
    pub fn rectified(self) -> Self {
        Self {
            slopes: Slopes::None,
            ..self
        }
    }
}

/// A block.
#[derive(Module, Debug)]
pub(super) struct Bottleneck {
    conv1: Conv2d,
    batchnorm1: BatchNorm,
    prelu1: Option<Prelu>,
    conv2: Option<Conv2d>,
    conv21: Option<Conv2d>,
    conv22: Option<Conv2d>,
    batchnorm2: BatchNorm,
    prelu2: Option<Prelu>,
    conv3: Conv2d,
    batchnorm3: BatchNorm,
    prelu3: Option<Prelu>,
    #[module(skip)]
    path: String,
}

impl Bottleneck {
    pub fn new(config: BottleneckConfig, scope: &Scope) -> Self {
        let BottleneckConfig {
            inputs,
            outputs,
            middle,
            halves,
            slopes,
        } = config;
        let inner = (inputs / 4).max(1);
        let conv = |name, config| Conv2d::uniform(config, 1.0, &scope.at(name));
        let norm = |name, channels| BatchNorm::new(channels, &scope.at(name));
        let prelu = |name, of: &[Slopes]| of.contains(&slopes).then(|| Prelu::new(1, &scope.at(name)));
        let own = [Slopes::Own];
        let across = Conv2dConfig::new(inner, inner, 3);
        let (conv2, conv21, conv22) = match middle {
            Middle::Dilated(dilation) => {
                let config = across.dilation(dilation).stride(if halves { 2 } else { 1 });
                (Some(conv("conv2", config.with_bias())), None, None)
            }
            Middle::Asymmetric => {
                let long = |name, kernel| Some(conv(name, across.kernel(kernel)));
                (None, long("conv21", [1, 5]), long("conv22", [5, 1]))
            }
        };
        Self {
            conv1: conv("conv1", Conv2dConfig::new(inputs, inner, 1)),
            batchnorm1: norm("batchnorm1", inner),
            prelu1: prelu("prelu1", &[Slopes::Shared, Slopes::Own]),
            conv2,
            conv21,
            conv22,
            batchnorm2: norm("batchnorm2", inner),
            prelu2: prelu("prelu2", &own),
            conv3: conv("conv3", Conv2dConfig::new(inner, outputs, 1)),
            batchnorm3: norm("batchnorm3", outputs),
            prelu3: prelu("prelu3", &own),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, C]` to as many, ending at the point of the block's path.
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let shortcut = x.clone();
        self.joined(x, shortcut, pass)
    }

    /// `[N, H, W, I]` to `[N, H / 2, W / 2, O]`, and where the largest values of its shortcut were.
    pub fn halve(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> (Tensor<4>, PoolIndices) {
        let (pooled, indices) = max_pool_with_indices(x.clone(), 2);
        let [n, h, w, inputs] = pooled.dims();
        let outputs = self.conv3.config().outputs;
        let more = Tensor::zeros([n, h, w, outputs - inputs], (&pooled.device(), pooled.dtype()));
        let shortcut = Tensor::cat(vec![pooled, more], 3);
        (self.joined(x, shortcut, pass), indices)
    }

    fn joined(&self, x: Tensor<4>, shortcut: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let mut x = unit(x, &self.conv1, &self.batchnorm1, self.prelu1.as_ref(), pass);
        let mut across = self.conv2.as_ref();
        if let (Some(conv21), Some(conv22)) = (&self.conv21, &self.conv22) {
            x = conv21.forward(x, pass);
            across = Some(conv22);
        }
        if let Some(across) = across {
            let prelu = self.prelu2.as_ref().or(self.prelu1.as_ref());
            x = unit(x, across, &self.batchnorm2, prelu, pass);
        }
        let x = conv_norm_add(
            x,
            &self.conv3,
            &self.batchnorm3,
            shortcut,
            Activation::Identity,
            pass,
        );
        let x = pass.show(&self.path, PointSide::Pre, x);
        let prelu = self.prelu3.as_ref().or(self.prelu1.as_ref());
        pass.show(&self.path, PointSide::Post, rectified(x, prelu))
    }
}

/// A convolution with batch norm and rectifier.
fn unit(
    x: Tensor<4>,
    conv: &Conv2d,
    norm: &BatchNorm,
    prelu: Option<&Prelu>,
    pass: &mut Pass<'_>,
) -> Tensor<4> {
    match prelu {
        Some(prelu) => prelu.forward(conv_norm(x, conv, norm, Activation::Identity, pass)),
        None => conv_norm(x, conv, norm, Activation::Relu, pass),
    }
}

fn rectified(x: Tensor<4>, prelu: Option<&Prelu>) -> Tensor<4> {
    match prelu {
        Some(prelu) => prelu.forward(x),
        None => Activation::Relu.apply(x),
    }
}
