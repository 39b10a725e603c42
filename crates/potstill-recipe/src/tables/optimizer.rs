//! Optimizers by PyTorch's names, with PyTorch's meanings and defaults. The learning rate alone has no
//! default.

use potstill_settings::{settings, variants};

use crate::defaults;

variants! {
    /// The rule of a step.
    pub enum OptimizerSpec {
        /// Stochastic gradient descent, `torch.optim.SGD`.
        Sgd(Sgd) = "sgd",
        /// Stochastic gradient descent with one momentum for the gradient of the task and one for that of the methods (Zhao et al. 2023); it takes
        /// two forward passes of the student.
        Dot(Dot) = "dot",
        /// Adam, `torch.optim.Adam`: weight decay is a part of the gradient.
        Adam(Adam) = "adam",
        /// Adam as `torch.optim.AdamW`: weight decay is apart from the gradient.
        AdamW(AdamW) = "adamw",
    }
}

settings! {
    /// The settings of `torch.optim.SGD`.
    pub struct Sgd {
        /// The learning rate that a schedule starts from.
        pub lr: f64 [above(0.0)] = example 0.1 (also "learning_rate"),
        /// The share of the last step's direction that is kept.
        pub momentum: f64 [at_least(0.0).below(1.0).because("at 1 a past gradient would never fade")]
            = default 0.0,
        /// Whether to look ahead along the momentum. Needs momentum, and no dampening.
        pub nesterov: bool = default false,
        /// How much less of the gradient enters the momentum: it is multiplied by one minus this.
        pub dampening: f64 [at_least(0.0).below(1.0)] = default 0.0,
        /// Pulls weights to 0: times the weight, added to the gradient.
        pub weight_decay: f64 [at_least(0.0)] = default 0.0 (also "wd", "decay"),
    }
}

settings! {
    /// The settings of DOT, the distillation-oriented trainer.
    pub struct Dot {
        /// The learning rate that a schedule starts from.
        pub lr: f64 [above(0.0)] = example 0.1 (also "learning_rate"),
        /// The share of the last step's direction that is kept, before `delta`.
        pub momentum: f64 [at_least(0.0).below(1.0).because("at 1 a past gradient would never fade")]
            = default 0.9,
        /// How much less of the task's direction is kept, and more of the methods'. The authors have 0.09 for ImageNet.
        pub delta: f64 [at_least(0.0).below(1.0)] = default 0.075,
        /// Pulls weights to 0: times the weight, added to the gradient of the task.
        pub weight_decay: f64 [at_least(0.0)] = default 0.0 (also "wd", "decay"),
    }
}

settings! {
    /// The settings of `torch.optim.Adam`.
    pub struct Adam {
        /// The learning rate that a schedule starts from.
        pub lr: f64 [above(0.0)] = example 0.001 (also "learning_rate"),
        /// How slowly the running averages of the gradient and of its square forget.
        pub betas: [f64; 2] [at_least(0.0).below(1.0).because("at 1 a past gradient would never fade")]
            = default [0.9, 0.999]
            (also "beta"),
        /// Added to the root of the second average, which keeps the division finite.
        pub eps: f64 [above(0.0)] = default 1e-8 (also "epsilon"),
        /// Pulls weights to 0: times the weight, added to the gradient.
        pub weight_decay: f64 [at_least(0.0)] = default 0.0 (also "wd", "decay"),
    }
}

settings! {
    /// The settings of `torch.optim.AdamW`.
    pub struct AdamW {
        /// The learning rate that a schedule starts from.
        pub lr: f64 [above(0.0)] = example 0.001 (also "learning_rate"),
        /// How slowly the running averages of the gradient and of its square forget.
        pub betas: [f64; 2] [at_least(0.0).below(1.0).because("at 1 a past gradient would never fade")]
            = default [0.9, 0.999]
            (also "beta"),
        /// Added to the root of the second average, which keeps the division finite.
        pub eps: f64 [above(0.0)] = default 1e-8 (also "epsilon"),
        /// Pulls weights to 0: times learning rate and weight, taken from the weight.
        pub weight_decay: f64 [at_least(0.0)] = default 0.01 (also "wd", "decay"),
    }
}

impl OptimizerSpec {
    /// The learning rate that a schedule starts from.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Sgd(Sgd { lr, .. })
            | Self::Dot(Dot { lr, .. })
            | Self::Adam(Adam { lr, .. })
            | Self::AdamW(AdamW { lr, .. }) => *lr,
        }
    }
}

impl Sgd {
    /// Plain steps at this learning rate.
    ///
    /// ```
    /// use potstill_recipe::Sgd;
    ///
    /// let nesterov = Sgd { momentum: 0.9, nesterov: true, ..Sgd::with_rate(0.05) };
    /// assert_eq!((nesterov.lr, nesterov.weight_decay), (0.05, 0.0));
    /// ```
    pub fn with_rate(lr: f64) -> Self {
        defaults::complete([("lr", lr.into())])
    }
}

impl Adam {
    /// PyTorch's settings at this learning rate.
    pub fn with_rate(lr: f64) -> Self {
        defaults::complete([("lr", lr.into())])
    }
}

impl AdamW {
    /// PyTorch's settings at this learning rate.
    pub fn with_rate(lr: f64) -> Self {
        defaults::complete([("lr", lr.into())])
    }
}

impl From<Sgd> for OptimizerSpec {
    fn from(settings: Sgd) -> Self {
        Self::Sgd(settings)
    }
}

impl From<Dot> for OptimizerSpec {
    fn from(settings: Dot) -> Self {
        Self::Dot(settings)
    }
}

impl From<Adam> for OptimizerSpec {
    fn from(settings: Adam) -> Self {
        Self::Adam(settings)
    }
}

impl From<AdamW> for OptimizerSpec {
    fn from(settings: AdamW) -> Self {
        Self::AdamW(settings)
    }
}
