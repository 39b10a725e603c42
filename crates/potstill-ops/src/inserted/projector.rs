//! The projector of SimKD: from the student's last map to one with the teacher's channels, and it stays in
//! the student.
//!
//! Chen, Mei, Zhang, Wang, Feng and Chen, "Knowledge Distillation with the Reused Teacher Classifier", CVPR
//! 2022, section 3.2.

use burn::module::Module;

use crate::{Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, Scope, conv_norm, conv_norm_act};

/// A 1x1 convolution to `outputs / reduction` channels, a 3x3 and a 1x1 one to `outputs`, none with a bias,
/// each with batch norm and ReLU: `[N, H, W, I]` to `[N, H, W, O]`, or to `[N, h, w, O]` of maps that are averaged first.
///
/// Tensors have the names of the authors' code, `transfer.0` to `transfer.7`. It ends at the point of its
/// path, before and after the last ReLU.
#[derive(Module, Debug)]
pub struct Projector {
    /// Convolution, batch norm, ReLU, three times; a ReLU has a place and no tensors.
    transfer: Vec<Option<Part>>,
    #[module(skip)]
    path: String,
    #[module(skip)]
    pooled: Option<[usize; 2]>,
}

#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "half of the parts are convolutions")]
enum Part {
    Conv(Conv2d),
    Norm(BatchNorm),
}

impl Projector {
    /// A projector called `path` with fresh weights, uniform as PyTorch's default.
    pub fn new(inputs: usize, outputs: usize, reduction: usize, path: &str, scope: &Scope) -> Self {
        let inner = outputs / reduction;
        let convolutions = [
            Conv2dConfig::new(inputs, inner, 1),
            Conv2dConfig::new(inner, inner, 3),
            Conv2dConfig::new(inner, outputs, 1),
        ];
        let mut transfer = Vec::new();
        for config in convolutions {
            let place = |i: usize| scope.at("transfer").at(i);
            let conv = Conv2d::uniform(config, 1.0, &place(transfer.len()));
            let norm = BatchNorm::new(config.outputs, &place(transfer.len() + 1));
            transfer.extend([Some(Part::Conv(conv)), Some(Part::Norm(norm)), None]);
        }
        Self {
            transfer,
            path: path.into(),
            pooled: None,
        }
    }

    /// The same, for maps that are averaged to this height and width first.
    #[must_use]
    pub fn pooled(self, pooled: Option<[usize; 2]>) -> Self {
        Self { pooled, ..self }
    }

    /// `[N, H, W, I]` to `[N, H, W, O]`.
    pub fn forward<P: ForwardPass>(&self, mut x: P::Map, pass: &mut P) -> P::Map {
        if let Some(size) = self.pooled {
            x = pass.adaptive_avg_pool(x, size);
        }
        let relu = Activation::Relu;
        let mut units = self.transfer.chunks(3).peekable();
        while let Some(unit) = units.next() {
            if let [Some(Part::Conv(conv)), Some(Part::Norm(norm)), _] = unit {
                x = match units.peek() {
                    Some(_) => conv_norm(x, conv, norm, relu, pass),
                    None => conv_norm_act(x, conv, norm, None, relu, &self.path, pass),
                };
            }
        }
        x
    }
}
