//! The heads of one-stage detectors that look at every anchor of a pyramid: RetinaNet (Lin et al. 2017) and FCOS (Tian et al. 2019), as
//! torchvision's `RetinaNetHead` and `FCOSHead` have them.

mod config;
mod tower;

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Activation, Conv2d, Conv2dConfig, Pass, PointSide, Scope};

pub(crate) use config::OneStageConfig;
use tower::{DEVIATION, Tower};

use super::Pyramid;
use crate::detections::{DenseDetections, DenseLevelOutputs, DenseRules};

/// How likely a class is before anything is learned.
const PRIOR: f64 = 0.01;

/// Class logits and boxes of every anchor. The heads are the same at every level; level by level the points
/// `classification_head.cls_logits#0`, `regression_head.bbox_reg#0` and `regression_head.bbox_ctrness#0` are their maps.
#[derive(Module, Debug)]
pub(crate) struct AnchorHeads {
    classification_head: ClassHead,
    regression_head: BoxHead,
    #[module(skip)]
    rules: DenseRules,
    /// Anchors of a place, and classes.
    #[module(skip)]
    sizes: [usize; 2],
}

#[derive(Module, Debug)]
struct ClassHead {
    conv: Tower,
    cls_logits: Conv2d,
}

#[derive(Module, Debug)]
struct BoxHead {
    conv: Tower,
    bbox_reg: Conv2d,
    bbox_ctrness: Option<Conv2d>,
}

impl AnchorHeads {
    /// Weights normal with deviation 0.01, biases 0, those of the classes so that each is unlikely at first.
    pub fn new(config: &OneStageConfig, pyramid: &Pyramid, classes: usize, scope: &Scope) -> Self {
        let (channels, rules) = (pyramid.channels, config.rules(&pyramid.all_strides()));
        let anchors = rules.anchors.per_place(0);
        let [of_classes, of_boxes] = ["classification_head", "regression_head"].map(|name| scope.at(name));
        let tower = |scope: &Scope| Tower::new(config.tower, channels, config.depth, &scope.at("conv"));
        let last = |scope: &Scope, name, outputs| {
            let shape = Conv2dConfig::new(channels, outputs, 3).with_bias();
            Conv2d::normal(shape, DEVIATION, &scope.at(name))
        };
        let mut cls_logits = last(&of_classes, "cls_logits", anchors * classes);
        let unlikely = of_classes
            .at("cls_logits")
            .constant([anchors * classes], -((1.0 - PRIOR) / PRIOR).ln());
        cls_logits.bias = Some(unlikely);
        Self {
            classification_head: ClassHead {
                conv: tower(&of_classes),
                cls_logits,
            },
            regression_head: BoxHead {
                conv: tower(&of_boxes),
                bbox_reg: last(&of_boxes, "bbox_reg", anchors * 4),
                bbox_ctrness: config
                    .has_distances()
                    .then(|| last(&of_boxes, "bbox_ctrness", anchors)),
            },
            rules,
            sizes: [anchors, classes],
        }
    }

    /// How what they say is read and taught.
    pub fn rules(&self) -> &DenseRules {
        &self.rules
    }

    /// What they say of every anchor of each map `[N, H_l, W_l, C]`, fine to coarse, of images of this padded size `[H, W]`.
    pub fn forward(&self, maps: Vec<Tensor<4>>, size: [usize; 2], pass: &mut Pass<'_>) -> DenseDetections {
        let of_level = |(level, map)| self.of_level(level, map, pass);
        DenseDetections {
            levels: maps.into_iter().enumerate().map(of_level).collect(),
            rules: self.rules.clone(),
            size,
        }
    }

    fn of_level(&self, level: usize, map: Tensor<4>, pass: &mut Pass<'_>) -> DenseLevelOutputs {
        let [images, height, width, _] = map.dims();
        let [anchors, classes] = self.sizes;
        // Anchors stand before classes in the channels: every anchor's numbers lie together.
        let rows = |map: Tensor<4>, columns| map.reshape([images, height * width * anchors, columns]);
        let (of_classes, of_boxes) = (&self.classification_head, &self.regression_head);
        let logits = pass.within("classification_head", |pass| {
            let x = of_classes.conv.forward(map.clone(), pass);
            let logits = of_classes.cls_logits.forward(x, pass);
            pass.show(&format!("cls_logits#{level}"), PointSide::Post, logits)
        });
        let (codes, centerness) = pass.within("regression_head", |pass| {
            let x = of_boxes.conv.forward(map, pass);
            let mut codes = of_boxes.bbox_reg.forward(x.clone(), pass);
            if of_boxes.bbox_ctrness.is_some() {
                codes = Activation::Relu.apply(codes);
            }
            let codes = pass.show(&format!("bbox_reg#{level}"), PointSide::Post, codes);
            let centerness = of_boxes.bbox_ctrness.as_ref().map(|conv| {
                let logits = conv.forward(x, pass);
                pass.show(&format!("bbox_ctrness#{level}"), PointSide::Post, logits)
            });
            (codes, centerness)
        });
        DenseLevelOutputs {
            size: [height, width],
            logits: rows(logits, classes),
            codes: rows(codes, 4),
            centerness: centerness.map(|map| rows(map, 1)),
        }
    }
}
