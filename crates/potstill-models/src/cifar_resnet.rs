//! Residual networks for 32x32 images (He et al. 2015, section 4.2).
//!
//! | stage | maps (32x32 input) | blocks | channels | `x4` channels |
//! |---|---|---|---|---|
//! | `conv1`, `bn1` | 32x32 | – | 16 | 32 |
//! | `layer1` | 32x32 | n | 16 | 64 |
//! | `layer2` | 16x16 | n | 32 | 128 |
//! | `layer3` | 8x8 | n | 64 | 256 |
//! | `pool` | 1x1 | – | 64 | 256 |
//!
//! with depth `6n + 2`. Points: `conv1`, `layer1.0` … `layer3.(n-1)` before (`:pre`) and after their last activation, and `pool`.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Linear, Pass, Scope, Side, conv_norm, conv_norm_act,
    global_avg_pool,
};

/// What a block adds where the map's size changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Option A: every second row and column, zeros for half of the new channels before and half after.
    Subsample,
    /// Option B: a 1x1 convolution with batch norm.
    Projection,
}

/// The shape of a network of this family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CifarResNetConfig {
    /// Layers: `6n + 2`.
    pub depth: usize,
    /// Channels of the stem and the three stages.
    pub widths: [usize; 4],
    /// What a block adds where the size changes.
    pub shortcut: Shortcut,
    /// Image channels.
    pub channels: usize,
    /// Output classes.
    pub classes: usize,
}

/// A residual network for small images.
#[derive(Module, Debug)]
pub struct CifarResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    linear: Linear,
    #[module(skip)]
    config: CifarResNetConfig,
}

impl CifarResNet {
    /// A freshly initialised network: convolutions and the classifier as in He et al. 2015 (normal, variance `2 / fan_in`).
    pub fn new(config: CifarResNetConfig, scope: &Scope) -> Self {
        let [stem, narrow, middle, wide] = config.widths;
        let blocks = (config.depth - 2) / 6;
        let stage = |name, inputs, outputs, stride| {
            (0..blocks)
                .map(|i| {
                    let (inputs, stride) = if i == 0 { (inputs, stride) } else { (outputs, 1) };
                    BasicBlock::new(inputs, outputs, stride, config.shortcut, &scope.at(name).at(i))
                })
                .collect()
        };
        Self {
            conv1: Conv2d::he_normal(Conv2dConfig::new(config.channels, stem, 3), &scope.at("conv1")),
            bn1: BatchNorm::new(stem, &scope.at("bn1")),
            layer1: stage("layer1", stem, narrow, 1),
            layer2: stage("layer2", narrow, middle, 2),
            layer3: stage("layer3", middle, wide, 2),
            linear: Linear::he_normal(wide, config.classes, &scope.at("linear")),
            config,
        }
    }

    /// The shape of this network.
    pub fn config(&self) -> &CifarResNetConfig {
        &self.config
    }

    /// Logits `[N, K]` of normalised images `[N, H, W, C]`.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<2> {
        let mut x = conv_norm_act(
            images,
            &self.conv1,
            &self.bn1,
            None,
            Activation::Relu,
            "conv1",
            pass,
        );
        for block in self.layer1.iter().chain(&self.layer2).chain(&self.layer3) {
            x = block.forward(x, pass);
        }
        let pooled = pass.show("pool", Side::Post, global_avg_pool(x));
        self.linear.forward(pooled.flatten(1, 3), pass)
    }

    /// The paths of the points where the stages end, shallow to deep, then the pooled embedding.
    pub fn stage_ends(&self) -> Vec<String> {
        let ends = [&self.layer1, &self.layer2, &self.layer3]
            .map(|stage| stage.last().map(|block| block.path.clone()));
        ends.into_iter().flatten().chain(["pool".into()]).collect()
    }
}

/// Two 3x3 convolutions and a shortcut.
#[derive(Module, Debug)]
struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: Option<(Conv2d, BatchNorm)>,
    #[module(skip)]
    path: String,
}

impl BasicBlock {
    fn new(inputs: usize, outputs: usize, stride: usize, shortcut: Shortcut, scope: &Scope) -> Self {
        let changes = stride != 1 || inputs != outputs;
        // The zero-padding shortcut cannot shrink channels, and needs none where the size stays.
        let projects = changes && shortcut == Shortcut::Projection;
        let conv = |name, inputs, kernel, stride| {
            Conv2d::he_normal(
                Conv2dConfig::new(inputs, outputs, kernel).stride(stride),
                &scope.at(name),
            )
        };
        Self {
            conv1: conv("conv1", inputs, 3, stride),
            bn1: BatchNorm::new(outputs, &scope.at("bn1")),
            conv2: conv("conv2", outputs, 3, 1),
            bn2: BatchNorm::new(outputs, &scope.at("bn2")),
            downsample: projects.then(|| {
                (
                    conv("downsample.0", inputs, 1, stride),
                    BatchNorm::new(outputs, &scope.at("downsample.1")),
                )
            }),
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`, ending at the point of the block's path.
    fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let inner = conv_norm(x.clone(), &self.conv1, &self.bn1, Activation::Relu, pass);
        let shortcut = self.shortcut(x, pass);
        conv_norm_act(
            inner,
            &self.conv2,
            &self.bn2,
            Some(shortcut),
            Activation::Relu,
            &self.path,
            pass,
        )
    }

    fn shortcut(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        if let Some((conv, norm)) = &self.downsample {
            return conv_norm(x, conv, norm, Activation::Identity, pass);
        }
        let shape = self.conv1.config();
        if shape.stride == [1, 1] && shape.inputs == shape.outputs {
            return x;
        }
        subsample_and_pad(x, shape.stride[0], shape.outputs)
    }
}

/// Option A: `[N, H, W, I]` to `[N, ceil(H / stride), ceil(W / stride), O]`, the new channels zero, half before and half after.
fn subsample_and_pad(x: Tensor<4>, stride: usize, outputs: usize) -> Tensor<4> {
    let [n, h, w, inputs] = x.dims();
    let x = if stride == 1 {
        x
    } else {
        let stride = stride as isize;
        x.slice(burn::tensor::s![.., ..;stride, ..;stride, ..])
    };
    let [rows, columns] = [h, w].map(|size| size.div_ceil(stride));
    let zeros = |channels| Tensor::zeros([n, rows, columns, channels], (&x.device(), x.dtype()));
    let before = (outputs - inputs) / 2;
    Tensor::cat(
        vec![zeros(before), x.clone(), zeros(outputs - inputs - before)],
        3,
    )
}
