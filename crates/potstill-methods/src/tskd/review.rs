//! The review: what the past changes of the student's attention forecast, against what is left to the
//! teacher's.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use potstill_ops::{Pass, Scope, adaptive_avg_pool};

use super::{
    Forecaster, ForecasterConfig,
    attention_map::{MapNorm, attention_map},
};

/// The changes from each attention map to the next, `|A' - A|`; one less than there are maps.
pub fn increments(attention: &[Tensor<4>]) -> Vec<Tensor<4>> {
    attention
        .windows(2)
        .map(|pair| (pair[1].clone() - pair[0].clone()).abs())
        .collect()
}

/// Which paths from the loss to the student are cut. None are in the published method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopGradients {
    /// The path by the target. Nearly all that the student learns from a review comes this way.
    pub target: bool,
    /// The path by the last increment.
    pub current: bool,
}

/// The feature maps of one tap, `[N, H, W, C]`.
#[derive(Debug, Clone)]
pub struct ReviewInput {
    /// Of the remembered students, the oldest first.
    pub remembered: Vec<Tensor<4>>,
    /// Of the present student.
    pub student: Tensor<4>,
    /// Of the teacher; its channels, height and width may differ.
    pub teacher: Tensor<4>,
}

/// How a review looks at maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReviewLoss {
    /// What attention maps are divided by.
    pub norm: MapNorm,
    /// The paths that are cut.
    pub cuts: StopGradients,
}

impl ReviewLoss {
    /// The mean squared difference of the forecast and the gap to the teacher at one tap, a tensor with one
    /// element; none of nothing remembered.
    pub fn loss(
        &self,
        forecaster: &Forecaster,
        tapped: ReviewInput,
        pass: &mut Pass<'_>,
    ) -> Option<Tensor<1>> {
        let ReviewInput {
            remembered,
            student,
            teacher,
        } = tapped;
        let [_, height, width, _] = student.dims();
        let now = attention_map(student, self.norm);
        // The raw features are pooled, not their attention.
        let teacher = attention_map(adaptive_avg_pool(teacher, [height, width]), self.norm);
        let target = (now.clone() - teacher).abs();
        let target = if self.cuts.target { target.detach() } else { target };
        let mut attention: Vec<_> = remembered
            .into_iter()
            .map(|map| attention_map(map, self.norm))
            .collect();
        attention.push(if self.cuts.current { now.detach() } else { now });
        let forecast = forecaster.forward(increments(&attention), pass)?;
        let gap = forecast - target;
        Some((gap.clone() * gap).mean())
    }
}

/// The forecasters of a student, one for each tap.
#[derive(Module, Debug)]
pub struct Forecasters {
    /// Shallow to deep.
    pub branches: Vec<Forecaster>,
}

impl Forecasters {
    /// Fresh forecasters of these shapes.
    pub fn new(configs: &[ForecasterConfig], scope: &Scope) -> Self {
        let branch =
            |(i, config): (usize, &ForecasterConfig)| Forecaster::new(*config, &scope.at("branches").at(i));
        Self {
            branches: configs.iter().enumerate().map(branch).collect(),
        }
    }

    /// A zero whose gradient is zero for every weight: an optimiser then goes on with its weight decay and
    /// its momentum, where it leaves weights without a gradient alone.
    pub fn zero_gradient_term(&self) -> Option<Tensor<1>> {
        let mut sum = Still(None);
        self.visit(&mut sum);
        sum.0
    }
}

struct Still(Option<Tensor<1>>);

impl ModuleVisitor for Still {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let zero = param.val().sum() * 0.0;
        self.0 = Some(match self.0.take() {
            Some(sum) => sum + zero,
            None => zero,
        });
    }
}
