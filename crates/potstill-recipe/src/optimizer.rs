//! Optimizers by PyTorch's names, with PyTorch's meanings and defaults. The learning rate alone has no
//! default.

use serde::{Deserialize, Serialize};

/// The rule of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum OptimizerSpec {
    /// Stochastic gradient descent, `torch.optim.SGD`.
    Sgd(Sgd),
    /// Adam, `torch.optim.Adam`: weight decay is a part of the gradient.
    Adam(Adam),
    /// Adam as `torch.optim.AdamW`: weight decay is apart from the gradient.
    AdamW(AdamW),
}

impl OptimizerSpec {
    /// The learning rate that a schedule starts from.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Sgd(Sgd { lr, .. }) | Self::Adam(Adam { lr, .. }) | Self::AdamW(AdamW { lr, .. }) => *lr,
        }
    }
}

/// The settings of `torch.optim.SGD`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Share of the last step's direction that is kept, in `[0, 1)`.
    #[serde(default)]
    pub momentum: f64,
    /// Look ahead along the momentum; needs momentum, and no dampening.
    #[serde(default)]
    pub nesterov: bool,
    /// The gradient enters the momentum times one minus this, in `[0, 1)`.
    #[serde(default)]
    pub dampening: f64,
    /// Times the weight, added to the gradient; at least 0.
    #[serde(default)]
    pub weight_decay: f64,
}

/// The settings of `torch.optim.Adam`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Decay of the running averages of the gradient and of its square, each in `[0, 1)`.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the root of the second average.
    #[serde(default = "eps")]
    pub eps: f64,
    /// Times the weight, added to the gradient; at least 0.
    #[serde(default)]
    pub weight_decay: f64,
}

/// The settings of `torch.optim.AdamW`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Learning rate, above 0.
    pub lr: f64,
    /// Decay of the running averages of the gradient and of its square, each in `[0, 1)`.
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// Added to the root of the second average.
    #[serde(default = "eps")]
    pub eps: f64,
    /// Times learning rate and weight, taken from the weight; at least 0.
    #[serde(default = "decoupled_decay")]
    pub weight_decay: f64,
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn eps() -> f64 {
    1e-8
}

fn decoupled_decay() -> f64 {
    1e-2
}
