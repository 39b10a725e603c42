//! The guided modules of [`Ekd`](crate::Ekd): two halves of the same structure, one behind the teacher's block and one behind the
//! student's, that bring both maps to a common width (our design; the paper's abstract speaks of simple modules between
//! corresponding blocks).
//!
//! The teacher's half has a small classifier behind it. It learns from that alone: were it moved by the imitation, both halves could
//! agree on a constant.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Linear, Pass, Scope, adaptive_avg_pool, conv_norm,
    global_avg_pool,
};

/// Half of a guided module: `BN(Conv3x3(ReLU(BN(Conv1x1(x)))))`, no bias. It ends in a batch norm, so that the scale of what is
/// compared does not grow with the features.
#[derive(Module, Debug)]
pub struct GuidedStudent {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
}

impl GuidedStudent {
    /// A half from `inputs` to `width` channels. Convolutions start as `kaiming_normal_(mode="fan_out")`.
    pub fn new(inputs: usize, width: usize, scope: &Scope) -> Self {
        let conv = |name, inputs, kernel| {
            Conv2d::he_normal_fan_out(Conv2dConfig::new(inputs, width, kernel), &scope.at(name))
        };
        Self {
            conv1: conv("conv1", inputs, 1),
            bn1: BatchNorm::new(width, &scope.at("bn1")),
            conv2: conv("conv2", width, 3),
            bn2: BatchNorm::new(width, &scope.at("bn2")),
        }
    }

    /// A block's map `[N, H, W, inputs]` to `[N, H, W, width]`.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let hidden = conv_norm(map, &self.conv1, &self.bn1, Activation::Relu, pass);
        conv_norm(hidden, &self.conv2, &self.bn2, Activation::Identity, pass)
    }
}

/// The teacher's half, and the classifier that keeps its maps meaningful.
#[derive(Module, Debug)]
pub struct GuidedTeacher {
    half: GuidedStudent,
    head: Linear,
}

impl GuidedTeacher {
    /// A half from `inputs` to `width` channels with a classifier of so many classes, which starts as PyTorch's.
    pub fn new(inputs: usize, width: usize, classes: usize, scope: &Scope) -> Self {
        Self {
            half: GuidedStudent::new(inputs, width, &scope.at("half")),
            head: Linear::new(width, classes, &scope.at("head")),
        }
    }

    /// A block's map `[N, H, W, inputs]` to `[N, H, W, width]`, and the logits `[N, K]` of its positive part's mean.
    pub fn forward(&self, map: Tensor<4>, pass: &mut Pass<'_>) -> (Tensor<4>, Tensor<2>) {
        let guided = self.half.forward(map, pass);
        let pooled = global_avg_pool(Activation::Relu.apply(guided.clone()));
        let logits = self.head.forward(pooled.flatten(1, 3), pass);
        (guided, logits)
    }
}

/// All halves of the student, shallow to deep.
#[derive(Module, Debug)]
pub struct StudentHalves {
    pub(crate) pairs: Vec<GuidedStudent>,
}

/// All halves of the teacher, shallow to deep.
#[derive(Module, Debug)]
pub struct TeacherHalves {
    pub(crate) pairs: Vec<GuidedTeacher>,
}

/// Both maps of a pair at the smaller of their sizes: the larger one is averaged, before its half, and neither is enlarged.
pub fn at_the_smaller_size(student: Tensor<4>, teacher: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let ([_, h, w, _], [_, height, width, _]) = (student.dims(), teacher.dims());
    let size = [h.min(height), w.min(width)];
    (adaptive_avg_pool(student, size), adaptive_avg_pool(teacher, size))
}
