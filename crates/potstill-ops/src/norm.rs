//! Batch normalisation that equals PyTorch's.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, module as functional},
};

use crate::{BatchStatistics, Mode, Pass, Scope};

/// How the batch norms of a part of a network are made: a [`Scope`] carries it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NormRule {
    /// Whether they are frozen, as in detectors that start from a pretrained backbone and see few images at once: they normalise by their
    /// running statistics in every mode, and their four vectors are buffers.
    pub frozen: bool,
    /// Their momentum; the network's own if `None`.
    pub momentum: Option<f64>,
    /// What is added to the variance; the network's own if `None`.
    pub epsilon: Option<f64>,
}

impl NormRule {
    /// Frozen, otherwise the network's own.
    pub fn frozen() -> Self {
        Self {
            frozen: true,
            ..Self::default()
        }
    }

    /// The same with this momentum and epsilon where nothing else is said.
    #[must_use]
    pub fn or(self, momentum: f64, epsilon: f64) -> Self {
        Self {
            momentum: self.momentum.or(Some(momentum)),
            epsilon: self.epsilon.or(Some(epsilon)),
            ..self
        }
    }
}

/// Batch norm over `[N, H, W, C]` maps, one mean and variance per channel (Ioffe and Szegedy 2015).
///
/// As in PyTorch the batch is normalised by its biased variance while the running variance takes the unbiased one. A forward
/// pass does not move the running statistics: it notes the batch moments in its [`Pass`].
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[C]`, PyTorch's name for gamma.
    pub weight: Param<Tensor<1>>,
    /// `[C]`, PyTorch's name for beta.
    pub bias: Param<Tensor<1>>,
    /// `[C]`.
    pub running_mean: Param<Tensor<1>>,
    /// `[C]`, unbiased.
    pub running_var: Param<Tensor<1>>,
    #[module(skip)]
    momentum: f64,
    #[module(skip)]
    epsilon: f64,
    #[module(skip)]
    rule: NormRule,
}

impl BatchNorm {
    /// Gamma 1, beta 0, running mean 0 and variance 1; momentum 0.1 and epsilon 1e-5, PyTorch's defaults, where the scope's
    /// [`NormRule`] says nothing else.
    pub fn new(channels: usize, scope: &Scope) -> Self {
        let rule = scope.norm_rule();
        let affine = |value| {
            if rule.frozen {
                scope.buffer([channels], value)
            } else {
                scope.constant([channels], value)
            }
        };
        let norm = Self {
            weight: affine(1.0),
            bias: affine(0.0),
            running_mean: scope.buffer([channels], 0.0),
            running_var: scope.buffer([channels], 1.0),
            momentum: 0.1,
            epsilon: 1e-5,
            rule,
        };
        norm.with(0.1, 1e-5)
    }

    /// With this momentum and epsilon instead of PyTorch's defaults; those of the scope's [`NormRule`] stay.
    #[must_use]
    pub fn with(mut self, momentum: f64, epsilon: f64) -> Self {
        self.momentum = self.rule.momentum.unwrap_or(momentum);
        self.epsilon = self.rule.epsilon.unwrap_or(epsilon);
        self
    }

    /// By what this batch norm normalises in a pass of that mode.
    pub(crate) fn mode(&self, of_pass: Mode) -> Mode {
        match of_pass {
            Mode::Batch if self.rule.frozen => Mode::RunningWithGradient,
            mode => mode,
        }
    }

    /// Normalises `[N, H, W, C]` as the pass's [`Mode`] says.
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let x = x.permute([0, 3, 1, 2]);
        let normalised = match self.mode(pass.mode()) {
            Mode::Batch => self.by_batch(x, pass),
            Mode::Running | Mode::RunningWithGradient => functional::batch_norm(
                x,
                self.weight.val(),
                self.bias.val(),
                self.running_mean.val(),
                self.running_var.val(),
                self.epsilon,
            ),
        };
        normalised.permute([0, 2, 3, 1])
    }

    fn by_batch(&self, x: Tensor<4>, pass: &mut Pass<'_>) -> Tensor<4> {
        let [n, _, h, w] = x.dims();
        let result = functional::batch_norm_train(x, self.weight.val(), self.bias.val(), self.epsilon);
        let count = (n * h * w) as f64;
        // One value per channel has no unbiased variance; PyTorch refuses it, the batch loader never makes it.
        let unbiased = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
        self.note([result.mean.inner(), result.variance.inner() * unbiased], pass);
        result.output
    }

    /// Leaves mean and unbiased variance of the batch, both on the plain device, with the pass.
    pub(crate) fn note(&self, [mean, variance]: [Tensor<1>; 2], pass: &mut Pass<'_>) {
        pass.note(BatchStatistics {
            running_mean: self.running_mean.id,
            running_var: self.running_var.id,
            mean,
            variance,
            momentum: self.momentum,
        });
    }

    /// What is added to the variance before the root.
    pub(crate) fn epsilon(&self) -> f64 {
        self.epsilon
    }
}
