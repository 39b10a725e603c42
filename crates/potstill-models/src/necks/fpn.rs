//! The feature pyramid network (Lin et al. 2017, section 3), as torchvision's `FeaturePyramidNetwork` has it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Pass, PointSide, Scope, Window, conv_norm, max_pool,
    resize_nearest,
};

/// Coarser levels behind the deepest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExtraLevels {
    /// None.
    #[default]
    None,
    /// One, every other place of the deepest map that comes out: the point `pool`. Region proposals read it.
    Pool,
    /// A 3x3 convolution of stride 2, of the deepest map that comes out: the point `extra_blocks.p6`. One-stage detectors read it.
    Convolution,
    /// Two of them, the second behind a ReLU: the points `extra_blocks.p6` and `extra_blocks.p7`.
    TwoConvolutions {
        /// Whether the first reads the deepest map that goes in, and not the one that comes out.
        of_input: bool,
    },
}

impl ExtraLevels {
    /// How many levels there are.
    pub fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Pool | Self::Convolution => 1,
            Self::TwoConvolutions { .. } => 2,
        }
    }
}

impl ExtraLevels {
    /// Whether the first reads the deepest map that goes in.
    fn reads_input(self) -> bool {
        matches!(self, Self::TwoConvolutions { of_input: true })
    }
}

const EXTRA: [&str; 2] = ["extra_blocks.p6", "extra_blocks.p7"];

/// The shape of a pyramid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FpnConfig {
    /// The channels of every map that comes out; 256 in the paper.
    pub channels: usize,
    /// Coarser levels.
    pub extra: ExtraLevels,
    /// Whether its convolutions have a batch norm instead of a bias.
    pub norm: bool,
}

impl FpnConfig {
    /// With biases, and without coarser levels.
    pub const fn new(channels: usize) -> Self {
        Self {
            channels,
            extra: ExtraLevels::None,
            norm: false,
        }
    }

    /// The same with these coarser levels.
    #[must_use]
    pub const fn with(self, extra: ExtraLevels) -> Self {
        Self { extra, ..self }
    }

    /// The points of the maps that come out of so many levels, fine to coarse.
    pub(crate) fn points(self, levels: usize) -> Vec<String> {
        let extra = match self.extra {
            ExtraLevels::None => &[][..],
            ExtraLevels::Pool => &["pool"],
            ExtraLevels::Convolution => &EXTRA[..1],
            ExtraLevels::TwoConvolutions { .. } => &EXTRA,
        };
        let layers = (0..levels).map(|level| format!("layer_blocks.{level}"));
        layers.chain(extra.iter().map(|&name| name.to_owned())).collect()
    }
}

/// Maps of all levels with one number of channels: each level's map goes through a 1x1 convolution, the
/// deeper level's is added at its size, and the sum goes through a 3x3 convolution.
///
/// Tensors have torchvision's names, `inner_blocks.0.0.weight` and `layer_blocks.0.0.weight`; level 0 is the
/// finest. The maps that come out stand at the points `layer_blocks.0` and so on.
#[derive(Module, Debug)]
pub(crate) struct Fpn {
    inner_blocks: Vec<Block>,
    layer_blocks: Vec<Block>,
    extra_blocks: Option<Convolutions>,
    #[module(skip)]
    extra: ExtraLevels,
}

/// A convolution, and its batch norm if it has one.
type Block = (Conv2d, Option<BatchNorm>);

/// The convolutions behind the deepest level.
#[derive(Module, Debug)]
struct Convolutions {
    p6: Conv2d,
    p7: Option<Conv2d>,
}

/// With weights uniform in `sqrt(3 / fan_in)`, and a bias of 0 if it has one.
fn convolution(config: Conv2dConfig, scope: &Scope) -> Conv2d {
    let mut conv = Conv2d::uniform(config, 3f64.sqrt(), scope);
    conv.bias = config.bias.then(|| scope.constant([config.outputs], 0.0));
    conv
}

impl Fpn {
    /// A pyramid for maps of these channels, fine to coarse. Weights are uniform in `sqrt(3 / fan_in)`,
    /// biases 0.
    pub fn new(inputs: &[usize], config: FpnConfig, scope: &Scope) -> Self {
        let FpnConfig {
            channels,
            extra,
            norm,
        } = config;
        let block = |shape: Conv2dConfig, scope: Scope| {
            let shape = if norm { shape } else { shape.with_bias() };
            let norm = norm.then(|| BatchNorm::new(channels, &scope.at(1)));
            (convolution(shape, &scope.at(0)), norm)
        };
        let blocks = |name: &str, shape: &dyn Fn(usize) -> Conv2dConfig| {
            let levels = inputs.iter().enumerate();
            levels
                .map(|(level, &inputs)| block(shape(inputs), scope.at(name).at(level)))
                .collect()
        };
        Self {
            inner_blocks: blocks("inner_blocks", &|inputs| Conv2dConfig::new(inputs, channels, 1)),
            layer_blocks: blocks("layer_blocks", &|_| Conv2dConfig::new(channels, channels, 3)),
            extra_blocks: Convolutions::new(inputs, config, &scope.at("extra_blocks")),
            extra,
        }
    }

    /// Maps `[N, H_l, W_l, C_l]` of each level, fine to coarse, to as many of the same heights and widths, and the coarser ones.
    pub fn forward(&self, maps: Vec<Tensor<4>>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        let (count, mut outputs) = (maps.len(), Vec::with_capacity(maps.len() + 2));
        let deepest = maps.last().cloned();
        let mut deeper: Option<Tensor<4>> = None;
        let levels = maps.into_iter().zip(&self.inner_blocks).zip(&self.layer_blocks);
        for (level, ((map, inner), layer)) in (0..count).zip(levels).rev() {
            let [_, height, width, _] = map.dims();
            let mut sum = through(inner, map, pass);
            if let Some(deeper) = deeper {
                sum = sum + resize_nearest(deeper, [height, width]);
            }
            let out = through(layer, sum.clone(), pass);
            outputs.push(pass.show(&format!("layer_blocks.{level}"), PointSide::Post, out));
            deeper = Some(sum);
        }
        outputs.reverse();
        if let (Some(input), Some(output)) = (deepest, outputs.last().cloned()) {
            outputs.extend(self.coarser(input, output, pass));
        }
        outputs
    }

    /// The levels behind the deepest one, of the map that went into it and the one that came out.
    fn coarser(&self, input: Tensor<4>, output: Tensor<4>, pass: &mut Pass<'_>) -> Vec<Tensor<4>> {
        match (self.extra, &self.extra_blocks) {
            (ExtraLevels::Pool, _) => {
                let every_other = max_pool(output, Window::new(1).stride(2));
                vec![pass.show("pool", PointSide::Post, every_other)]
            }
            (extra, Some(Convolutions { p6, p7 })) => {
                let from = if extra.reads_input() { input } else { output };
                let map = p6.forward(from, pass);
                let mut maps = vec![pass.show(EXTRA[0], PointSide::Post, map)];
                if let Some(p7) = p7 {
                    let map = p7.forward(Activation::Relu.apply(maps[0].clone()), pass);
                    maps.push(pass.show(EXTRA[1], PointSide::Post, map));
                }
                maps
            }
            _ => Vec::new(),
        }
    }
}

impl Convolutions {
    fn new(inputs: &[usize], config: FpnConfig, scope: &Scope) -> Option<Self> {
        let FpnConfig { channels, extra, .. } = config;
        let has_second = match extra {
            ExtraLevels::None | ExtraLevels::Pool => return None,
            ExtraLevels::Convolution => false,
            ExtraLevels::TwoConvolutions { .. } => true,
        };
        let conv = |inputs, name| {
            let shape = Conv2dConfig::new(inputs, channels, 3).stride(2).with_bias();
            convolution(shape, &scope.at(name))
        };
        let deepest = inputs.last().copied().filter(|_| extra.reads_input());
        Some(Self {
            p6: conv(deepest.unwrap_or(channels), "p6"),
            p7: has_second.then(|| conv(channels, "p7")),
        })
    }
}

fn through((conv, norm): &Block, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
    match norm {
        Some(norm) => conv_norm(map, conv, norm, Activation::Identity, pass),
        None => conv.forward(map, pass),
    }
}
