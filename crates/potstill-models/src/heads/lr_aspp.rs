//! The head of MobileNetV3's segmenter (Howard et al. 2019, section 6.4), as torchvision's `LRASPPHead` has it.

use potstill_ops::{Activation, Conv2d, Conv2dConfig, ForwardPass, Gate, PointSide, Scope, conv_norm};

use super::conv_norm::ConvNorm;
use crate::named::{Named, module_of_parts};

/// Channels inside.
const WIDTH: usize = 128;

/// The deep map at 128 channels, weighed by what the whole of it shows and resized to the fine map; each of the two has a 1x1
/// convolution to the classes, whose sum are the logits.
///
/// Tensors have torchvision's names `cbr`, `scale.1`, `low_classifier` and `high_classifier`. Points: `cbr`, the weighed map,
/// and `low_classifier`, the logits.
#[derive(Debug, Clone)]
pub(crate) struct LrAsppHead {
    cbr: Named<ConvNorm>,
    scale: Named<Conv2d>,
    low: Named<Conv2d>,
    high: Named<Conv2d>,
}

module_of_parts!(LrAsppHead { cbr, scale, low, high } with {});

impl LrAsppHead {
    /// A head for a fine and a deep map of so many channels, its weights uniform as PyTorch's default.
    pub fn new([low, high]: [usize; 2], classes: usize, scope: &Scope) -> Self {
        let conv = |name: &str, config| Named::new(name, Conv2d::uniform(config, 1.0, &scope.at(name)));
        let narrow = Conv2dConfig::new(high, WIDTH, 1);
        let classifier = |inputs| Conv2dConfig::new(inputs, classes, 1).with_bias();
        Self {
            cbr: Named::new("cbr", ConvNorm::new(narrow, ["0", "1"], &scope.at("cbr"))),
            scale: conv("scale.1", narrow),
            low: conv("low_classifier", classifier(low)),
            high: conv("high_classifier", classifier(WIDTH)),
        }
    }

    /// Logits `[N, h, w, K]` of a fine map `[N, h, w, C]` and a deep one.
    pub fn forward<P: ForwardPass>(&self, [low, high]: [P::Map; 2], pass: &mut P) -> P::Map {
        let (conv, norm) = self.cbr.get().parts();
        let mean = pass.mean(high.clone());
        let weights = self.scale.get().forward(mean, pass);
        let x = conv_norm(high, conv, norm, Activation::Relu, pass);
        let weights = pass.gate(weights, Gate::Sigmoid);
        let x = pass.multiply(x, weights);
        let x = pass.show("cbr", PointSide::Post, x);
        let size = pass.size(&low);
        let x = pass.resize_bilinear(x, size);
        let (low, high) = (
            self.low.get().forward(low, pass),
            self.high.get().forward(x, pass),
        );
        let logits = pass.add(low, high);
        pass.show("low_classifier", PointSide::Post, logits)
    }
}
