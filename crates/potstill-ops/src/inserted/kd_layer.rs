//! The KD layer: knowledge of a teacher as templates that are matched inside the student, and stay there.
//!
//! Gorgun, Gurbuz and Alatan, "Knowledge Distillation Layer that Lets the Student Decide", BMVC 2023. A 1x1
//! convolution compares the feature at every place with K templates, batch norm and ReLU suppress poor
//! matches, and a second 1x1 convolution adds to the feature what was learned to follow from the matches.
//! Both convolutions are cosine convolutions ([`CosineConv`]).

use std::sync::Arc;

use burn::{
    module::{Module, Param, ParamId},
    tensor::Tensor,
};

use crate::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, ForwardPass, PointSide, Scope, channel_norm, conv_norm_act,
    fast::DirectionCache, norm_act,
};

/// A 1x1 convolution by directions: `scale * cos(feature, row)` for every output channel's row of weights, no
/// bias.
#[derive(Module, Debug)]
pub struct CosineConv {
    /// `[O, I, 1, 1]`. Only the direction of a row counts.
    pub weight: Param<Tensor<4>>,
    /// `[1]`: the largest value that can come out.
    pub scale: Param<Tensor<1>>,
    #[module(skip)]
    directions: DirectionCache,
}

impl CosineConv {
    /// Weights from the normal distribution with variance `2 / inputs`, and this scale.
    pub fn new(inputs: usize, outputs: usize, scale: f64, scope: &Scope) -> Self {
        Self {
            weight: scope.normal("weight", [outputs, inputs, 1, 1], (2.0 / inputs as f64).sqrt()),
            scale: scope.constant([1], scale),
            directions: DirectionCache::default(),
        }
    }

    /// `[N, H, W, I]` to `[N, H, W, O]`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let directions = self.directions();
        // The scale over the length of the feature.
        let factor = pass.inverse_length(x.clone(), &self.scale);
        let Conv2dConfig { inputs, outputs, .. } = *directions.config();
        // The factor of a place may be multiplied before or after: where there are fewer channels.
        if inputs < outputs {
            let x = pass.multiply(x, factor);
            directions.forward(x, pass)
        } else {
            let y = directions.forward(x, pass);
            pass.multiply(y, factor)
        }
    }

    /// The convolution by rows of length one. That of a frozen network is worked out once.
    fn directions(&self) -> Arc<Conv2d> {
        let weight = self.weight.val();
        self.directions
            .get(&weight, || Conv2d::of(weight.clone() / row_norms(weight.clone())))
    }

    /// Puts rows of length one in the place of the present ones: the layer does the same.
    pub fn normalise_rows(&mut self) {
        let weight = self.weight.val();
        let (tracked, on_autodiff) = (weight.is_require_grad(), weight.is_autodiff());
        let weight = weight.inner();
        let rows = weight.clone() / row_norms(weight);
        let rows = if on_autodiff {
            rows.autodiff().set_require_grad(tracked)
        } else {
            rows
        };
        self.weight = Param::initialized(self.weight.id, rows);
    }
}

/// The lengths of the rows of a weight, `[O, 1, 1, 1]`.
fn row_norms(weight: Tensor<4>) -> Tensor<4> {
    let [outputs, inputs, _, _] = weight.dims();
    channel_norm(weight.reshape([outputs, 1, 1, inputs]))
}

/// A layer of K templates for features of d channels: `x + alpha v`, `[N, H, W, d]` to the same.
///
/// It has points of its own below its path: `scores`, the scaled cosines `[N, H, W, K]` that a method holds
/// to the teacher, and `matches`, what batch norm and ReLU leave of them; at the path itself stands what
/// comes out.
#[derive(Module, Debug)]
pub struct KdLayer {
    /// The templates: d to K channels, scale 3 at first.
    pub templates: CosineConv,
    /// Suppresses poor matches.
    pub norm: BatchNorm,
    /// What follows from the matches: K to d channels, scale 1 at first.
    pub vectors: CosineConv,
    #[module(skip)]
    alpha: f64,
    #[module(skip)]
    path: String,
}

impl KdLayer {
    /// A layer called `path` with fresh weights.
    pub fn new(channels: usize, templates: usize, alpha: f64, path: &str, scope: &Scope) -> Self {
        Self {
            templates: CosineConv::new(channels, templates, 3.0, &scope.at("templates")),
            norm: BatchNorm::new(templates, &scope.at("norm")),
            vectors: CosineConv::new(templates, channels, 1.0, &scope.at("vectors")),
            alpha,
            path: path.into(),
        }
    }

    /// `x + alpha v`.
    pub fn forward<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let matches = self.matches(x.clone(), pass);
        let residual = self.vectors.forward(matches, pass);
        let residual = pass.times(residual, self.alpha);
        let sum = pass.add(x, residual);
        pass.show(&self.path, PointSide::Post, sum)
    }

    /// `relu(norm(scores))`.
    fn matches<P: ForwardPass>(&self, x: P::Map, pass: &mut P) -> P::Map {
        let (scores, matches) = (format!("{}.scores", self.path), format!("{}.matches", self.path));
        if pass.folds() && !pass.wants(&scores, PointSide::Post) {
            let factor = pass.inverse_length(x.clone(), &self.templates.scale);
            let (directions, x) = (self.templates.directions(), pass.multiply(x, factor));
            return conv_norm_act(x, &directions, &self.norm, None, Activation::Relu, &matches, pass);
        }
        let found = self.templates.forward(x, pass);
        let found = pass.show(&scores, PointSide::Post, found);
        norm_act(found, &self.norm, Activation::Relu, &matches, pass)
    }

    /// Puts rows of length one in the place of templates and vectors: the layer does the same.
    pub fn normalise_rows(&mut self) {
        self.templates.normalise_rows();
        self.vectors.normalise_rows();
    }
}

impl Conv2d {
    /// A 1x1 convolution with this very weight.
    fn of(weight: Tensor<4>) -> Self {
        let [outputs, inputs, _, _] = weight.dims();
        Self::with_weight(
            Param::initialized(ParamId::new(), weight),
            Conv2dConfig::new(inputs, outputs, 1),
        )
    }
}
