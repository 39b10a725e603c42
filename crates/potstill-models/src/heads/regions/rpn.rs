//! The head that proposes regions (Ren et al. 2015, "Faster R-CNN", section 3.1), as torchvision's `RPNHead` has it.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{Activation, Conv2d, Conv2dConfig, Pass, PointSide, Scope};

/// The deviation of fresh weights.
const DEVIATION: f64 = 0.01;

/// One or two 3x3 convolutions with ReLU, shared by all levels of a pyramid, and from them for each of A anchors of a place: one logit for an
/// object being there, and four numbers that mean its box.
///
/// Tensors have torchvision's names, `head.conv.0.0.weight`, `head.cls_logits.weight` and `head.bbox_pred.weight`. Points:
/// `head.cls_logits#0` and `head.bbox_pred#0` at the finest level, and so on.
#[derive(Module, Debug)]
pub(crate) struct Rpn {
    head: RpnHead,
}

#[derive(Module, Debug)]
struct RpnHead {
    conv: Vec<[Conv2d; 1]>,
    cls_logits: Conv2d,
    bbox_pred: Conv2d,
}

/// What is said about the anchors of one level.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// The logit of an object at each anchor, `[N, H, W, A]`.
    pub objectness: Tensor<4>,
    /// Four numbers for each anchor that mean a box, `[N, H, W, 4 A]`.
    pub codes: Tensor<4>,
}

impl Rpn {
    /// A head for maps of so many channels and so many anchors at each place, of `depth` convolutions. Weights are normal with a deviation
    /// of 0.01, biases 0.
    pub fn new(channels: usize, anchors: usize, depth: usize, scope: &Scope) -> Self {
        let scope = scope.at("head");
        let conv = |outputs, kernel, scope: &Scope| {
            let config = Conv2dConfig::new(channels, outputs, kernel).with_bias();
            Conv2d::normal(config, DEVIATION, scope)
        };
        let place = |at: usize| scope.at("conv").at(at).at(0);
        Self {
            head: RpnHead {
                conv: (0..depth).map(|at| [conv(channels, 3, &place(at))]).collect(),
                cls_logits: conv(anchors, 1, &scope.at("cls_logits")),
                bbox_pred: conv(4 * anchors, 1, &scope.at("bbox_pred")),
            },
        }
    }

    /// What it says of maps `[N, H_l, W_l, C]`, fine to coarse.
    pub fn forward(&self, maps: &[Tensor<4>], pass: &mut Pass<'_>) -> Vec<Proposed> {
        let RpnHead {
            conv,
            cls_logits,
            bbox_pred,
        } = &self.head;
        let of_level = |(level, map): (usize, &Tensor<4>)| {
            let mut x = map.clone();
            for [conv] in conv {
                x = Activation::Relu.apply(conv.forward(x, pass));
            }
            let mut said = |layer: &Conv2d, name: &str| {
                let map = layer.forward(x.clone(), pass);
                pass.show(&format!("head.{name}#{level}"), PointSide::Post, map)
            };
            Proposed {
                objectness: said(cls_logits, "cls_logits"),
                codes: said(bbox_pred, "bbox_pred"),
            }
        };
        maps.iter().enumerate().map(of_level).collect()
    }
}
