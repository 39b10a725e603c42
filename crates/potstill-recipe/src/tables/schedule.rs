//! Learning rates over the epochs of a phase, with the meaning of PyTorch's schedulers.

use std::f64::consts::PI;

use potstill_settings::{choice, settings, variants};

use crate::defaults;

settings! {
    /// How the learning rate changes over a phase: first a warm-up, then a decay.
    pub struct Schedule {
        ..
        /// What happens after the warm-up.
        pub decay: Decay,
        /// How often the rate changes.
        pub per: Per = default "epoch",
        /// Epochs in which the rate first grows to the optimizer's; 0 for none.
        pub warmup_epochs: usize = default 0,
        /// Steps in which the rate first grows at each step, whatever `per` says; the longer one of this and
        /// `warmup_epochs` counts.
        pub warmup_steps: usize = quiet 0,
        /// The share of the optimizer's rate that warm-up starts from.
        pub warmup_start: f64 [above(0.0).at_most(1.0)] = default 0.1,
    }
}

variants! {
    /// How the rate falls. Epochs are counted from 0; `T` is the number of epochs, `W` of them warm-up.
    pub enum Decay {
        /// Not at all.
        Constant = "constant",
        /// In steps: `lr gamma^n`, where `n` milestones are at or before this epoch (`MultiStepLR`).
        Milestones(Milestones) = "milestones",
        /// Along a cosine: `min_lr + (lr - min_lr) (1 + cos(pi (t - W) / (T - W))) / 2` (`CosineAnnealingLR`
        /// after the warm-up).
        Cosine(Cosine) = "cosine",
        /// As a power of what is left: `lr (1 - (t - W) / (T - W))^power` (`PolynomialLR` after the warm-up).
        Poly(Poly) = "poly",
    }
}

settings! {
    /// The settings of a decay in steps.
    pub struct Milestones {
        /// The epochs, increasing and counted from 0, warm-up included, from which on the rate is multiplied
        /// by `gamma` once more.
        pub at: Vec<usize> [at_least(1.0).not_empty()] = example [150, 180, 210] (also "milestones"),
        /// The factor at each milestone.
        pub gamma: f64 [above(0.0).at_most(1.0)] = default 0.1,
    }
}

settings! {
    /// The settings of a decay along a cosine.
    pub struct Cosine {
        /// The learning rate that it comes down to.
        pub min_lr: f64 [at_least(0.0)] = default 0.0,
    }
}

settings! {
    /// The settings of a decay as a power.
    pub struct Poly {
        /// The power of the share of epochs that are left; 1 for a straight line.
        pub power: f64 [above(0.0)] = default 1.0,
    }
}

choice! {
    /// How often the learning rate changes.
    pub enum Per = Epoch {
        /// Between epochs, as a PyTorch scheduler that is stepped once per epoch.
        Epoch = "epoch",
        /// At each step; an epoch is then counted with the share of its steps that is done.
        Step = "step",
    }
}

/// Constant.
impl Default for Schedule {
    fn default() -> Self {
        defaults::complete([("kind", "constant".into())])
    }
}

impl Schedule {
    /// The learning rate of the step `step_in_epoch` (from 0, of `steps_per_epoch`) of `epoch` (from 0, of
    /// `total_epochs`, both counted within the phase), for an optimizer whose own rate is `base_lr`.
    ///
    /// In the warm-up the rate is `base_lr (s + (1 - s) t / W)` with `s` the `warmup_start` (`LinearLR`), and
    /// the decay takes over at `t = W` (`SequentialLR`). A warm-up of so many steps is counted in steps, and the decay goes by
    /// the epochs beneath it. Beyond the last epoch the rate stays where the decay
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
        let steps = epoch * steps_per_epoch + step_in_epoch;
        if steps < self.warmup_steps && self.warmup_epochs * steps_per_epoch < self.warmup_steps {
            let done = steps as f64 / self.warmup_steps as f64;
            return base_lr * (self.warmup_start + (1.0 - self.warmup_start) * done);
        }
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
            Self::Milestones(Milestones { at, gamma }) => {
                let passed = at.iter().filter(|milestone| **milestone as f64 <= time).count();
                base_lr * gamma.powi(passed as i32)
            }
            Self::Cosine(Cosine { min_lr }) => min_lr + (base_lr - min_lr) * (1.0 + (PI * done).cos()) / 2.0,
            Self::Poly(Poly { power }) => base_lr * (1.0 - done).powf(*power),
        }
    }
}
