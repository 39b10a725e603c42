//! The block of MobileNetV3 and EfficientNet, as torchvision numbers its parts: a 1x1 convolution to more
//! channels (none where there are no more), one of each channel by itself, squeeze and excitation (in some
//! blocks), and a 1x1 convolution back.

use burn::module::Module;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Gate, Scope, SqueezeExcitation, conv_norm,
    conv_norm_act,
};

/// torchvision's `Conv2dNormActivation`: `0` the convolution, `1` the batch norm.
pub(crate) type ConvNorm = (Conv2d, BatchNorm);

/// A convolution with a batch norm of PyTorch's defaults; normal with variance `2 / fan_out`.
pub(crate) fn conv_and_norm(config: Conv2dConfig, scope: &Scope) -> ConvNorm {
    (
        Conv2d::he_normal_fan_out(config, &scope.at(0)),
        BatchNorm::new(config.outputs, &scope.at(1)),
    )
}

/// The shape of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvertedResidualConfig {
    pub inputs: usize,
    /// Channels inside.
    pub wide: usize,
    pub outputs: usize,
    /// Of the convolution of each channel by itself.
    pub kernel: usize,
    pub stride: usize,
    /// Distance between the elements of that kernel.
    pub dilation: usize,
    /// Whether the input is added; it must have the size of the output.
    pub adds: bool,
    /// Channels of the squeezed map; 0 for no squeeze and excitation.
    pub squeezed: usize,
    pub activation: Activation,
    /// The activation inside the squeeze and excitation, and its gate.
    pub excitation: (Activation, Gate),
    /// Momentum and epsilon of the batch norms.
    pub norm: (f64, f64),
}

/// A block.
#[derive(Module, Debug)]
pub(crate) struct InvertedResidual {
    block: Vec<Part>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    adds: bool,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "both are large")]
pub(crate) enum Part {
    Unit(ConvNorm),
    Squeeze(SqueezeExcitation),
}

impl Part {
    /// The layer, with this activation if it is a convolution.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, activation: Activation, pass: &mut P) -> P::Map {
        match self {
            Self::Unit((conv, norm)) => conv_norm(x, conv, norm, activation, pass),
            Self::Squeeze(squeeze) => squeeze.forward(x, pass),
        }
    }
}

impl InvertedResidual {
    pub fn new(config: &InvertedResidualConfig, scope: &Scope) -> Self {
        let InvertedResidualConfig {
            inputs,
            wide,
            outputs,
            squeezed,
            ..
        } = *config;
        let mut block = Vec::new();
        let unit = |i: usize, shape| {
            let (conv, norm) = conv_and_norm(shape, &scope.at("block").at(i));
            let (momentum, epsilon) = config.norm;
            Part::Unit((conv, norm.with(momentum, epsilon)))
        };
        if wide != inputs {
            block.push(unit(0, Conv2dConfig::new(inputs, wide, 1)));
        }
        let across = Conv2dConfig::new(wide, wide, config.kernel);
        let across = across
            .dilation(config.dilation)
            .stride(config.stride)
            .groups(wide);
        block.push(unit(block.len(), across));
        if squeezed > 0 {
            let (activation, gate) = config.excitation;
            let scope = scope.at("block").at(block.len());
            block.push(Part::Squeeze(SqueezeExcitation::new(
                [wide, squeezed],
                activation,
                gate,
                &scope,
            )));
        }
        block.push(unit(block.len(), Conv2dConfig::new(wide, outputs, 1)));
        Self {
            block,
            activation: config.activation,
            adds: config.adds,
        }
    }

    /// Its first layer, and the others at their places; nothing stands at that of the first. `None` if a block begins with no convolution.
    pub fn split(self) -> Option<(ConvNorm, Vec<Option<Part>>)> {
        let mut parts = self.block.into_iter();
        let Some(Part::Unit(first)) = parts.next() else {
            return None;
        };
        Some((first, std::iter::once(None).chain(parts.map(Some)).collect()))
    }

    /// `[N, H, W, I]` to `[N, H / stride, W / stride, O]`, ending at the point `path` without an activation.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, path: &str, pass: &mut P) -> P::Map {
        let mut shortcut = self.adds.then(|| x.clone());
        let mut x = x;
        let last = self.block.len() - 1;
        for (i, part) in self.block.iter().enumerate() {
            x = match part {
                Part::Unit((conv, norm)) if i == last => {
                    conv_norm_act(x, conv, norm, shortcut.take(), Activation::Identity, path, pass)
                }
                part => part.forward(x, self.activation, pass),
            };
        }
        x
    }
}
