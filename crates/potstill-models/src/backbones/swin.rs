//! Swin transformers (Liu et al. 2021, section 3), as timm has them.
//!
//! | stage | maps (224x224 input) | blocks: tiny | small, base, large | channels: tiny, small | base | large |
//! |---|---|---|---|---|---|---|
//! | `patch_embed`, 4x4 patches | 56x56 | – | – | 96 | 128 | 192 |
//! | `layers.0` | 56x56 | 2 | 2 | 96 | 128 | 192 |
//! | `layers.1` | 28x28 | 2 | 2 | 192 | 256 | 384 |
//! | `layers.2` | 14x14 | 6 | 18 | 384 | 512 | 768 |
//! | `layers.3` | 7x7 | 2 | 2 | 768 | 1024 | 1536 |
//! | `pool` | 1x1 | – | – | 768 | 1024 | 1536 |
//!
//! Windows of 7x7 places, heads of 32 channels, every second block with shifted windows. Stochastic depth is
//! left out. Points: `patch_embed`, every block (`layers.0.blocks.0`, without an activation), and `pool`.

use burn::module::Module;
use potstill_ops::{ForwardPass, LayerNorm, Linear, Mlp, PatchEmbed, PointSide, Scope, WindowAttention};

use super::{
    family::{Architecture, BackboneNetwork, Extent, Family},
    imagenet,
};
use crate::{
    LastStage, ModelEntry, Stage,
    heads::{ClassificationHead, Pooling},
};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    entry("swin_tiny_patch4_window7_224", 96, 6, [28_288_354, 4_490_566_656], "Swin-T (Liu et al. 2021)"),
    entry("swin_small_patch4_window7_224", 96, 18, [49_606_258, 8_740_875_264], "Swin-S (Liu et al. 2021)"),
    entry("swin_base_patch4_window7_224", 128, 18, [87_768_224, 15_430_946_816], "Swin-B (Liu et al. 2021)"),
    entry("swin_large_patch4_window7_224", 192, 18, [196_532_476, 34_475_759_616], "Swin-L (Liu et al. 2021)"),
];

const fn entry(
    name: &'static str,
    width: usize,
    third: usize,
    counts: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let blocks = [2, 2, third, 2];
    let architecture = Architecture::Swin(SwinConfig { width, blocks });
    imagenet::entry(name, architecture, imagenet::timm("head.fc"), counts, about)
}

/// Pixels of a patch, places of a window, both along one side.
const PATCH: usize = 4;
const WINDOW: usize = 7;
/// Channels of a head.
const HEAD: usize = 32;
/// The epsilon of every layer norm.
const EPSILON: f64 = 1e-5;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SwinConfig {
    /// Channels of the first stage; each of the next has twice as many.
    width: usize,
    /// Blocks of each stage.
    blocks: [usize; 4],
}

impl Family for SwinConfig {
    type Backbone = Swin;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> Swin {
        let stage = |i: usize| {
            let (scope, width) = (scope.at("layers").at(i), self.width << i);
            let block = |k: usize| Block::new(width, k % 2 == 1, &scope.at("blocks").at(k));
            Blocks {
                downsample: (i > 0).then(|| PatchMerging::new(width / 2, &scope.at("downsample"))),
                blocks: (0..self.blocks[i]).map(block).collect(),
            }
        };
        let embed = scope.at("patch_embed");
        Swin {
            patch_embed: PatchEmbed::new(channels, self.width, PATCH, Some(EPSILON), &embed),
            layers: (0..4).map(stage).collect(),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let norm = LayerNorm::new(inputs, EPSILON, &scope.at("norm"));
        let last = Linear::normal(inputs, classes, 0.02, &scope.at("head").at("fc"));
        ClassificationHead::new("head.fc", last).with_norm("norm", norm, Pooling::MeanOfNormed)
    }

    fn embedding(&self) -> usize {
        self.width << 3
    }

    fn stem(&self) -> &'static str {
        "patch_embed"
    }

    fn stages(&self) -> Vec<Stage> {
        let stage = |(i, blocks): (usize, usize)| {
            let path = format!("layers.{i}.blocks.{}", blocks - 1);
            Stage::linear(path, self.width << i, PATCH << i)
        };
        self.blocks.into_iter().enumerate().map(stage).collect()
    }

    fn last_stage(&self) -> LastStage {
        LastStage::between(
            "layers.3.blocks.0",
            format!("layers.3.blocks.{}", self.blocks[3] - 1),
        )
    }

    fn refuses(&self, [height, width]: [usize; 2]) -> Option<String> {
        // The deepest maps are a thirty-second of the image.
        let side = 8 * PATCH * WINDOW;
        let whole = |size: usize| size.is_multiple_of(side);
        (!whole(height) || !whole(width)).then(|| {
            format!("its maps have to be of whole windows of {WINDOW}x{WINDOW}: take {side}x{side} or a multiple of it")
        })
    }
}

/// A Swin transformer.
#[derive(Module, Debug)]
pub(crate) struct Swin {
    patch_embed: PatchEmbed,
    layers: Vec<Blocks>,
}

#[derive(Module, Debug)]
struct Blocks {
    downsample: Option<PatchMerging>,
    blocks: Vec<Block>,
}

impl BackboneNetwork for Swin {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let x = self.patch_embed.forward(images, pass);
        let mut x = pass.show("patch_embed", PointSide::Post, x);
        for stage in &self.layers {
            if let Some(merging) = &stage.downsample {
                x = merging.forward(x, pass);
            }
            for block in &stage.blocks {
                x = block.forward(x, pass);
            }
        }
        x
    }
}

/// Four neighbours become one place with twice the channels.
#[derive(Module, Debug)]
struct PatchMerging {
    norm: LayerNorm,
    reduction: Linear,
}

impl PatchMerging {
    fn new(inputs: usize, scope: &Scope) -> Self {
        let reduction = Linear::normal(4 * inputs, 2 * inputs, 0.02, &scope.at("reduction"));
        Self {
            norm: LayerNorm::new(4 * inputs, EPSILON, &scope.at("norm")),
            reduction: reduction.without_bias(),
        }
    }

    /// `[N, H, W, C]` to `[N, H / 2, W / 2, 2 C]`; the four come column by column.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let joined = pass.merge_patches(x);
        let joined = pass.layer_norm(joined, &self.norm);
        pass.linear(joined, &self.reduction)
    }
}

/// Attention in windows, then two layers on each place, each behind a layer norm and beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: WindowAttention,
    norm2: LayerNorm,
    mlp: Mlp,
    #[module(skip)]
    shifted: bool,
    #[module(skip)]
    path: String,
}

impl Block {
    fn new(width: usize, shifted: bool, scope: &Scope) -> Self {
        Self {
            norm1: LayerNorm::new(width, EPSILON, &scope.at("norm1")),
            attn: WindowAttention::new(width, width / HEAD, WINDOW, &scope.at("attn")),
            norm2: LayerNorm::new(width, EPSILON, &scope.at("norm2")),
            mlp: Mlp::new(width, 4 * width, &scope.at("mlp")),
            shifted,
            path: scope.path().into(),
        }
    }

    /// `[N, H, W, C]` to `[N, H, W, C]`.
    fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let mixed = pass.layer_norm(x.clone(), &self.norm1);
        let x = pass.window_attention_add(mixed, &self.attn, self.shifted, x);
        let inner = pass.layer_norm(x.clone(), &self.norm2);
        let sum = self.mlp.forward_add(inner, x, pass);
        pass.show(&self.path, PointSide::Post, sum)
    }
}
