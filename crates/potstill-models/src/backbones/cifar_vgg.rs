//! VGG networks for small images (Simonyan and Zisserman 2015, table 1), with batch norm and one linear
//! layer.
//!
//! | stage | maps (32x32 input) | channels | convolutions of VGG-8 | 11 | 13 | 16 | 19 |
//! |---|---|---|---|---|---|---|---|
//! | `block0` | 32x32 | 64 | 1 | 1 | 2 | 2 | 2 |
//! | `block1` | 16x16 | 128 | 1 | 1 | 2 | 2 | 2 |
//! | `block2` | 8x8 | 256 | 1 | 2 | 2 | 3 | 4 |
//! | `block3` | 4x4 | 512 | 1 | 2 | 2 | 3 | 4 |
//! | `block4` | 4x4 | 512 | 1 | 2 | 2 | 3 | 4 |
//! | `pool` | 1x1 | 512 | – | – | – | – | – |
//!
//! Maps halve by the largest of 2x2 before `block1`, `block2` and `block3`, and, for images of 64 rows and
//! more, before `block4`. Points: every block before and after its last ReLU, and `pool`.

use burn::module::Module;
use potstill_ops::{Activation, Conv2dConfig, ForwardPass, Linear, Scope, Window, conv_norm, conv_norm_act};

use super::{
    cifar_benchmark::{self, by_outputs},
    family::{Architecture, BackboneNetwork, Extent, Family},
    sequence::{Sequence, sequence, units},
};
use crate::{LastStage, ModelEntry, Names, Stage, heads::ClassificationHead};

#[rustfmt::skip]
pub(crate) static ENTRIES: &[ModelEntry] = &[
    entry("cifar_vgg8", [1, 1, 1, 1, 1], [3_965_028, 96_192_512], "VGG-8 with batch norm for 32x32 images (Tian et al. 2020)"),
    entry("cifar_vgg11", [1, 1, 2, 2, 2], [9_277_284, 209_438_720], "VGG-11 (A) with batch norm for 32x32 images (Simonyan and Zisserman 2015)"),
    entry("cifar_vgg13", [2, 2, 2, 2, 2], [9_462_180, 284_936_192], "VGG-13 (B) with batch norm for 32x32 images (Simonyan and Zisserman 2015)"),
    entry("cifar_vgg16", [2, 2, 3, 3, 3], [14_774_436, 398_182_400], "VGG-16 (D) with batch norm for 32x32 images (Simonyan and Zisserman 2015)"),
    entry("cifar_vgg19", [2, 2, 4, 4, 4], [20_086_692, 511_428_608], "VGG-19 (E) with batch norm for 32x32 images (Simonyan and Zisserman 2015)"),
];

const fn entry(
    name: &'static str,
    convolutions: [usize; 5],
    costs: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let config = CifarVggConfig { convolutions };
    cifar_benchmark::entry(name, Architecture::CifarVgg(config), NAMES, costs, about)
}

const NAMES: Names =
    cifar_benchmark::names("classifier").also_known_as(&[("fc", "classifier"), ("linear", "classifier")]);

/// Channels of the blocks.
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];

/// The shape of a network of this family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CifarVggConfig {
    /// Convolutions of each block.
    convolutions: [usize; 5],
}

impl Family for CifarVggConfig {
    type Backbone = CifarVgg;

    fn backbone(&self, channels: usize, _: Extent, scope: &Scope) -> CifarVgg {
        let block = |i: usize| {
            let inputs = if i == 0 { channels } else { WIDTHS[i - 1] };
            let config = |k| {
                let inputs = if k == 0 { inputs } else { WIDTHS[i] };
                Conv2dConfig::new(inputs, WIDTHS[i], 3).with_bias()
            };
            sequence(
                (0..self.convolutions[i]).map(config),
                by_outputs,
                &scope.at(format!("block{i}")),
            )
        };
        CifarVgg {
            block0: block(0),
            block1: block(1),
            block2: block(2),
            block3: block(3),
            block4: block(4),
        }
    }

    fn head(&self, inputs: usize, classes: usize, scope: &Scope) -> ClassificationHead {
        let last = Linear::normal(inputs, classes, 0.01, &scope.at("classifier"));
        ClassificationHead::new("classifier", last)
    }

    fn embedding(&self) -> usize {
        WIDTHS[4]
    }

    fn stem(&self) -> &'static str {
        "block0"
    }

    /// The stride of the last block is that of images of less than 64 rows.
    fn stages(&self) -> Vec<Stage> {
        let stage =
            |block: usize| Stage::activated(format!("block{block}"), WIDTHS[block], 1 << block.min(3));
        (1..=4).map(stage).collect()
    }

    /// Of the two blocks of the smallest maps: a block has no point inside.
    fn last_stage(&self) -> LastStage {
        LastStage::between("block3", "block4")
    }

    fn refuses(&self, size: [usize; 2]) -> Option<String> {
        let fits = size.iter().all(|&size| size >= 8);
        (!fits).then(|| "its three halvings need at least 8 rows and 8 columns".into())
    }
}

/// A VGG network for small images.
#[derive(Module, Debug)]
pub(crate) struct CifarVgg {
    block0: Sequence,
    block1: Sequence,
    block2: Sequence,
    block3: Sequence,
    block4: Sequence,
}

impl BackboneNetwork for CifarVgg {
    fn forward<P: ForwardPass>(&self, images: P::Map, pass: &mut P) -> P::Map {
        let [rows, _] = pass.size(&images);
        let blocks = [
            (&self.block0, "block0", false),
            (&self.block1, "block1", true),
            (&self.block2, "block2", true),
            (&self.block3, "block3", true),
            // The published network halves here for images of 64 rows alone.
            (&self.block4, "block4", rows >= 64),
        ];
        let mut x = images;
        for (block, path, halves) in blocks {
            if halves {
                x = pass.max_pool(x, Window::new(2));
            }
            x = forward(block, x, path, pass);
        }
        x
    }
}

/// A block, ending at the point of its path.
fn forward<P: ForwardPass>(block: &Sequence, mut x: P::Map, path: &str, pass: &mut P) -> P::Map {
    let mut units = units(block).peekable();
    while let Some((conv, norm)) = units.next() {
        x = match units.peek() {
            Some(_) => conv_norm(x, conv, norm, Activation::Relu, pass),
            None => conv_norm_act(x, conv, norm, None, Activation::Relu, path, pass),
        };
    }
    x
}
