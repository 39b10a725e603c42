//! The head of PSPNet (Zhao et al. 2017, section 3.2), with MMSegmentation's names.

use potstill_ops::{Activation, Conv2d, Conv2dConfig, ForwardPass, PointSide, Scope, conv_norm_act};

use super::conv_norm::ConvNorm;
use crate::named::{Named, module_of_parts};

/// Rows and columns of the four grids over which the map is averaged.
const GRIDS: [usize; 4] = [1, 2, 3, 6];

/// The map beside its means over grids of 1, 2, 3 and 6 bins a side, each brought to a quarter of its channels and resized back; a 3x3
/// convolution with batch norm and ReLU; a 1x1 convolution to the classes.
///
/// Tensors are named `conv_seg`, `psp_modules.0.1.conv` and `bottleneck.conv`. The dropout before `conv_seg` is left out. Points:
/// `bottleneck` before and after its ReLU, and `conv_seg`, the logits.
#[derive(Debug, Clone)]
pub(crate) struct PspHead {
    conv_seg: Named<Conv2d>,
    whole: Named<ConvNorm>,
    halves: Named<ConvNorm>,
    thirds: Named<ConvNorm>,
    sixths: Named<ConvNorm>,
    bottleneck: Named<ConvNorm>,
}

module_of_parts!(PspHead { conv_seg, whole, halves, thirds, sixths, bottleneck } with {});

/// What MMSegmentation calls a convolution and its batch norm.
pub(super) const CONV_BN: [&str; 2] = ["conv", "bn"];

impl PspHead {
    /// A head for maps of `inputs` channels, its weights as MMSegmentation's: He-normal convolutions, and a classifier of deviation
    /// 0.01.
    pub fn new(inputs: usize, classes: usize, scope: &Scope) -> Self {
        let inner = (inputs / GRIDS.len()).max(1);
        let unit = |path: String, config| {
            let scope = scope.at(&path);
            Named::new(path, ConvNorm::new(config, CONV_BN, &scope))
        };
        let pooled = |i: usize| unit(format!("psp_modules.{i}.1"), Conv2dConfig::new(inputs, inner, 1));
        let classifier = Conv2dConfig::new(inner, classes, 1).with_bias();
        let all = inputs + GRIDS.len() * inner;
        Self {
            conv_seg: Named::new(
                "conv_seg",
                Conv2d::normal(classifier, 0.01, &scope.at("conv_seg")),
            ),
            whole: pooled(0),
            halves: pooled(1),
            thirds: pooled(2),
            sixths: pooled(3),
            bottleneck: unit("bottleneck".into(), Conv2dConfig::new(all, inner, 3)),
        }
    }

    /// Logits `[N, h, w, K]` of a map `[N, h, w, C]`.
    pub fn forward<P: ForwardPass>(&self, map: &P::Map, pass: &mut P) -> P::Map {
        let size = pass.size(map);
        let mut views = vec![map.clone()];
        let units = [&self.whole, &self.halves, &self.thirds, &self.sixths];
        for (unit, grid) in units.into_iter().zip(GRIDS) {
            let pooled = pass.adaptive_avg_pool(map.clone(), [grid; 2]);
            let view = unit.get().relu(pooled, pass);
            views.push(pass.resize_bilinear(view, size));
        }
        let (conv, norm) = self.bottleneck.get().parts();
        let relu = Activation::Relu;
        let joined = pass.concat(views, 3);
        let x = conv_norm_act(joined, conv, norm, None, relu, "bottleneck", pass);
        let logits = self.conv_seg.get().forward(x, pass);
        pass.show("conv_seg", PointSide::Post, logits)
    }
}
