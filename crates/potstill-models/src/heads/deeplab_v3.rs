//! The head of DeepLabV3 (Chen et al. 2017, "Rethinking Atrous Convolution", section 3.3), as torchvision's `DeepLabHead` has it.

use potstill_ops::{Activation, Conv2d, Conv2dConfig, ForwardPass, PointSide, Scope, conv_norm_act};

use super::conv_norm::ConvNorm;
use crate::named::{Named, module_of_parts};

/// Channels inside.
const WIDTH: usize = 256;
/// The dilations of the three 3x3 convolutions, for maps of an eighth or a sixteenth of the image.
const RATES: [usize; 3] = [12, 24, 36];

/// Five views of the map (1x1, three dilated 3x3, the mean of it all) side by side, brought to 256 channels; a 3x3 convolution,
/// each with batch norm and ReLU; a 1x1 convolution to the classes.
///
/// Tensors have torchvision's names `0.convs`, `0.project`, `1`, `2` and `4`. The dropout behind `0.project` is left out. Points:
/// `0` and `3` before and after their ReLU, and `4`, the logits.
#[derive(Debug, Clone)]
pub(crate) struct DeepLabV3Head {
    views: Named<Views>,
    project: Named<ConvNorm>,
    last: ConvNorm,
    classifier: Named<Conv2d>,
}

module_of_parts!(DeepLabV3Head { views, project, last, classifier } with {});

impl DeepLabV3Head {
    /// A head for maps of `inputs` channels, its weights uniform as PyTorch's default.
    pub fn new(inputs: usize, classes: usize, scope: &Scope) -> Self {
        let all = WIDTH * (RATES.len() + 2);
        let project = Conv2dConfig::new(all, WIDTH, 1);
        let project = ConvNorm::new(project, ["0", "1"], &scope.at("0.project"));
        let classifier = Conv2dConfig::new(WIDTH, classes, 1).with_bias();
        Self {
            views: Named::new("0.convs", Views::new(inputs, &scope.at("0.convs"))),
            project: Named::new("0.project", project),
            last: ConvNorm::new(Conv2dConfig::new(WIDTH, WIDTH, 3), ["1", "2"], scope),
            classifier: Named::new("4", Conv2d::uniform(classifier, 1.0, &scope.at(4))),
        }
    }

    /// Logits `[N, h, w, K]` of a map `[N, h, w, C]`.
    pub fn forward<P: ForwardPass>(&self, map: P::Map, pass: &mut P) -> P::Map {
        let relu = Activation::Relu;
        let views = self.views.get().forward(map, pass);
        let (conv, norm) = self.project.get().parts();
        let x = conv_norm_act(views, conv, norm, None, relu, "0", pass);
        let (conv, norm) = self.last.parts();
        let x = conv_norm_act(x, conv, norm, None, relu, "3", pass);
        let logits = self.classifier.get().forward(x, pass);
        pass.show("4", PointSide::Post, logits)
    }
}

/// The five views of atrous spatial pyramid pooling.
#[derive(Debug, Clone)]
struct Views {
    first: Named<ConvNorm>,
    near: Named<ConvNorm>,
    middle: Named<ConvNorm>,
    far: Named<ConvNorm>,
    pooled: Named<ConvNorm>,
}

module_of_parts!(Views { first, near, middle, far, pooled } with {});

impl Views {
    fn new(inputs: usize, scope: &Scope) -> Self {
        let unit = |place: usize, config, names| {
            Named::new(place.to_string(), ConvNorm::new(config, names, &scope.at(place)))
        };
        let wide = |rate| Conv2dConfig::new(inputs, WIDTH, 3).dilation(rate);
        let narrow = Conv2dConfig::new(inputs, WIDTH, 1);
        Self {
            first: unit(0, narrow, ["0", "1"]),
            near: unit(1, wide(RATES[0]), ["0", "1"]),
            middle: unit(2, wide(RATES[1]), ["0", "1"]),
            far: unit(3, wide(RATES[2]), ["0", "1"]),
            // The pooling itself is at place 0.
            pooled: unit(4, narrow, ["1", "2"]),
        }
    }

    fn forward<P: ForwardPass>(&self, map: P::Map, pass: &mut P) -> P::Map {
        let size = pass.size(&map);
        let mut views = Vec::new();
        for view in [&self.first, &self.near, &self.middle, &self.far] {
            views.push(view.get().relu(map.clone(), pass));
        }
        let pooled = pass.mean(map);
        let pooled = self.pooled.get().relu(pooled, pass);
        views.push(pass.resize_bilinear(pooled, size));
        pass.concat(views, 3)
    }
}
