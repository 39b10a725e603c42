//! Vision transformers (Dosovitskiy et al. 2021; the same networks are DeiT's, Touvron et al. 2021), as timm
//! has them.
//!
//! | part | tokens (224x224 input) | channels: tiny | small | base |
//! |---|---|---|---|---|
//! | `patch_embed`, 16x16 patches | 14x14 | 192 | 384 | 768 |
//! | `blocks.0` … `blocks.11` | 1 + 14x14 | 192 | 384 | 768 |
//! | heads of 64 channels | – | 3 | 6 | 12 |
//! | `pool`: the class token, normalised | 1x1 | 192 | 384 | 768 |
//!
//! Dropout and stochastic depth are left out. Points: `patch_embed` and every block, as maps of the 14x14
//! tokens that stand for a patch, without an activation; and `pool`.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use potstill_ops::{
    Attention, ForwardPass, LayerNorm, Linear, Mlp, PatchEmbed, PointSide, Scope, show_tokens, tokens_of_map,
};

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
    entry("vit_tiny_patch16_224", 3, [5_717_416, 1_253_683_200], "ViT-Ti/16 (Dosovitskiy et al. 2021)"),
    entry("vit_small_patch16_224", 6, [22_050_664, 4_598_882_304], "ViT-S/16 (Dosovitskiy et al. 2021)"),
    entry("vit_base_patch16_224", 12, [86_567_656, 17_563_828_224], "ViT-B/16 (Dosovitskiy et al. 2021)"),
    entry("deit_tiny_patch16_224", 3, [5_717_416, 1_253_683_200], "DeiT-Ti (Touvron et al. 2021), the network of ViT-Ti/16"),
    entry("deit_small_patch16_224", 6, [22_050_664, 4_598_882_304], "DeiT-S (Touvron et al. 2021), the network of ViT-S/16"),
    entry("deit_base_patch16_224", 12, [86_567_656, 17_563_828_224], "DeiT-B (Touvron et al. 2021), the network of ViT-B/16"),
];

const fn entry(name: &'static str, heads: usize, counts: [u64; 2], about: &'static str) -> ModelEntry {
    let architecture = Architecture::Vit(VitConfig { heads });
    imagenet::entry(name, architecture, imagenet::timm("head"), counts, about)
}

/// Pixels of a patch, and patches of an image, along one side.
const PATCH: usize = 16;
const GRID: usize = 14;
/// Blocks.
const DEPTH: usize = 12;
/// Channels of a head.
const HEAD: usize = 64;
/// The epsilon of every layer norm.
const EPSILON: f64 = 1e-6;

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VitConfig {
    heads: usize,
}

impl Family for VitConfig {
    type Backbone = Vit;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> Vit {
        let width = HEAD * self.heads;
        let block = |i| Block::new(width, self.heads, &scope.at("blocks").at(i));
        Vit {
            cls_token: scope.normal("cls_token", [1, 1, width], 1e-6),
            pos_embed: scope.normal("pos_embed", [1, 1 + GRID * GRID, width], 0.02),
            patch_embed: PatchEmbed::new(channels, width, PATCH, None, &scope.at("patch_embed")),
            blocks: (0..DEPTH).map(block).collect(),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let norm = LayerNorm::new(inputs, EPSILON, &scope.at("norm"));
        let last = Linear::normal(inputs, classes, 0.02, &scope.at("head"));
        ClassificationHead::new("head", last).with_norm("norm", norm, Pooling::Embedding)
    }

    fn embedding(&self) -> usize {
        HEAD * self.heads
    }

    fn stem(&self) -> &'static str {
        "patch_embed"
    }

    /// Every third block: all maps have one size.
    fn stages(&self) -> Vec<Stage> {
        let stage = |i| Stage::linear(format!("blocks.{i}"), self.embedding(), PATCH);
        (2..DEPTH).step_by(3).map(stage).collect()
    }

    /// The last quarter of the blocks. What the last of them leaves in the patches never reaches the class
    /// token: the one before is the last map that counts.
    fn last_stage(&self) -> LastStage {
        LastStage::between(format!("blocks.{}", DEPTH - 3), format!("blocks.{}", DEPTH - 2))
    }

    fn refuses(&self, size: [usize; 2]) -> Option<String> {
        let side = PATCH * GRID;
        (size != [side; 2]).then(|| format!("its learned positions are those of {side}x{side} images"))
    }
}

/// A vision transformer.
#[derive(Module, Debug)]
pub(crate) struct Vit {
    /// `[1, 1, C]`.
    cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, C]`.
    pos_embed: Param<Tensor<3>>,
    patch_embed: PatchEmbed,
    blocks: Vec<Block>,
}

impl BackboneNetwork for Vit {
    /// The class token, `[N, 1, 1, C]`, before the last norm: each token is normalised by itself, so the head
    /// needs no other.
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let map = self.patch_embed.forward(images, pass);
        let map = pass.show("patch_embed", PointSide::Post, map);
        let [height, width] = pass.size(&map);
        let places = tokens_of_map(map, pass);
        let mut tokens = pass.with_class_token(places, &self.cls_token, &self.pos_embed);
        for (i, block) in self.blocks.iter().enumerate() {
            tokens = block.forward(tokens, pass);
            tokens = show_tokens(tokens, 1, [height, width], &format!("blocks.{i}"), pass);
        }
        pass.narrow(tokens, 2, 0, 1)
    }
}

/// Attention, then two layers on each token, each behind a layer norm and beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attn: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl Block {
    fn new(width: usize, heads: usize, scope: &Scope) -> Self {
        Self {
            norm1: LayerNorm::new(width, EPSILON, &scope.at("norm1")),
            attn: Attention::new(width, heads, &scope.at("attn")),
            norm2: LayerNorm::new(width, EPSILON, &scope.at("norm2")),
            mlp: Mlp::new(width, 4 * width, &scope.at("mlp")),
        }
    }

    /// `[N, 1, T, C]` to `[N, 1, T, C]`.
    fn forward<P: ForwardPass>(&self, tokens: P::Map, pass: &mut P) -> P::Map {
        let mixed = pass.layer_norm(tokens.clone(), &self.norm1);
        let tokens = self.attn.forward_add(mixed, tokens, pass);
        let inner = pass.layer_norm(tokens.clone(), &self.norm2);
        self.mlp.forward_add(inner, tokens, pass)
    }
}
