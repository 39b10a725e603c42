//! Learning rates over the epochs of a phase, with the meaning of PyTorch's schedulers.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a phase: first a warm-up, then a decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What happens after the warm-up.
    #[serde(flatten)]
    pub decay: Decay,
    /// How often the rate changes.
    #[serde(default)]
    pub per: Per,
    /// Epochs in which the rate first grows to the base rate; 0 for none.
    #[serde(default)]
    pub warmup_epochs: usize,
    /// The share of the base rate that warm-up starts from, in `(0, 1]`.
    #[serde(default = "warmup_start")]
    pub warmup_start: f64,
}

fn warmup_start() -> f64 {
    0.1
}

/// How the rate falls. Epochs are counted from 0; `T` is the number of epochs, `W` of them warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decay {
    /// Not at all.
    Constant,
    /// `lr gamma^n`, where `n` milestones are at or before this epoch (`MultiStepLR`). Milestones are epochs
    /// of the phase, warm-up included.
    Milestones {
        /// Epochs, increasing.
        at: Vec<usize>,
        /// The factor at each.
        #[serde(default = "gamma")]
        gamma: f64,
    },
    /// `min_lr + (lr - min_lr) (1 + cos(pi (t - W) / (T - W))) / 2` (`CosineAnnealingLR` after the warm-up).
    Cosine {
        /// Where it ends, at most the base rate.
        #[serde(default)]
        min_lr: f64,
    },
    /// `lr (1 - (t - W) / (T - W))^power` (`PolynomialLR` after the warm-up).
    Poly {
        /// 1 for a straight line.
        #[serde(default = "power")]
        power: f64,
    },
}

fn gamma() -> f64 {
    0.1
}

fn power() -> f64 {
    1.0
}

/// How often the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Between epochs, as a PyTorch scheduler that is stepped once per epoch.
    #[default]
    Epoch,
    /// At each step; an epoch is then counted with the share of its steps that is done.
    Step,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            decay: Decay::Constant,
            per: Per::Epoch,
            warmup_epochs: 0,
            warmup_start: warmup_start(),
        }
    }
}

impl Schedule {
    /// The learning rate of the step `step_in_epoch` (from 0, of `steps_per_epoch`) of `epoch` (from 0, of
    /// `total_epochs`, both counted within the phase), for an optimizer whose own rate is `base_lr`.
    ///
    /// In the warm-up the rate is `base_lr (s + (1 - s) t / W)` with `s` the `warmup_start` (`LinearLR`), and
    /// the decay takes over at `t = W` (`SequentialLR`). Beyond the last epoch the rate stays where the decay
    /// ended.
    pub fn lr(
        &self,
        base_lr: f64,
        epoch: usize,
        step_in_epoch: usize,
        steps_per_epoch: usize,
        total_epochs: usize,
    ) -> f64 {
        let within = match self.per {
            Per::Epoch => 0.0,
            Per::Step => step_in_epoch as f64 / steps_per_epoch.max(1) as f64,
        };
        let time = epoch as f64 + within;
        let warmup = self.warmup_epochs as f64;
        if time < warmup {
            return base_lr * (self.warmup_start + (1.0 - self.warmup_start) * time / warmup);
        }
        let left = total_epochs.saturating_sub(self.warmup_epochs).max(1) as f64;
        self.decay.lr(base_lr, time, ((time - warmup) / left).min(1.0))
    }
}

impl Decay {
    /// The rate at `time` in epochs, where `done`, in `[0, 1]`, is the share of what follows the warm-up.
    fn lr(&self, base_lr: f64, time: f64, done: f64) -> f64 {
        match self {
            Self::Constant => base_lr,
            Self::Milestones { at, gamma } => {
                let passed = at.iter().filter(|milestone| **milestone as f64 <= time).count();
                base_lr * gamma.powi(passed as i32)
            }
            Self::Cosine { min_lr } => min_lr + (base_lr - min_lr) * (1.0 + (PI * done).cos()) / 2.0,
            Self::Poly { power } => base_lr * (1.0 - done).powf(*power),
        }
    }
}
