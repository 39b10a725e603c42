//! `[train]`: how to train.

use potstill_settings::{Described, Kind, choice, settings};
use serde::{Deserialize, Serialize};

use super::optimizer::OptimizerSpec;
use super::phase::PhaseSpec;
use super::schedule::Schedule;

settings! {
    /// `[train]`: how to train.
    pub struct Train {
        /// How many times to go through the training images. Needed unless `train.phases` say it.
        pub epochs: Option<usize> [at_least(1.0)] = without "`train.phases` say it" like 12,
        /// Images in a step.
        pub batch: usize [at_least(1.0)] = default 64,
        /// Images at a time when measuring. Changes no result.
        pub eval_batch: usize [at_least(1.0)] = default 256,
        /// The weight of the task's own loss.
        pub task_weight: f64 [at_least(0.0)] = default 1.0,
        /// The share of each label that is given to all classes.
        pub label_smoothing: f64 [at_least(0.0).below(1.0).because("at 1 the labels would carry no information")]
            = default 0.0,
        /// How much each class counts in the loss of classification, as in PyTorch's `CrossEntropyLoss(weight=...)`: by a
        /// rule, or a weight for each class in the order of the classes.
        pub class_weights: Option<ClassWeights> [above(0.0).not_empty()] = without "all alike" like "balanced",
        /// The largest norm of all gradients together; longer ones are shortened.
        pub clip_norm: Option<f64> [above(0.0)] = without "no clipping" like 5.0,
        /// Batches whose gradients are averaged for one update of the weights: as a batch so many times as large, but for
        /// what batch norms see. An epoch's last update takes what is left.
        pub accumulate: Option<usize> [at_least(1.0)] = without "each batch by itself" like 4,
        /// How many checkpoints the run folder keeps, the last one counted: where a bit of one has changed, the one before it serves.
        pub keep: Option<usize> [at_least(1.0)] = without "2" like 5,
        /// After how many steps of an epoch a checkpoint is written, besides that at its end.
        pub save_every: Option<usize> [at_least(1.0)] = without "at the end of each epoch" like 500,
        /// Whether the last batch of an epoch is left out if it is not full.
        pub drop_last: bool = default true,
        /// The rule of a step, where a phase has none of its own.
        pub optimizer: OptimizerSpec = example { kind = "sgd", lr = 0.1, momentum = 0.9 },
        /// How the learning rate changes, where a phase does not say.
        pub schedule: Schedule = default { kind = "constant" },
        /// What trains when, one after the other.
        pub phases: Option<Vec<PhaseSpec>> [not_empty()] = without "one phase that trains everything"
            like [{ name = "warm", epochs = 1 }, { name = "main", epochs = 11 }],
    }
}

/// How much each class counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule.
    Rule(ClassWeightRule),
    /// Each class by its own weight, in the order of the classes.
    Each(Vec<f64>),
}

impl Described for ClassWeights {
    const KIND: Kind = Kind::Either(&ClassWeightRule::KIND, &Vec::<f64>::KIND);
}

choice! {
    /// A rule for the weights of classes.
    pub enum ClassWeightRule = Balanced {
        /// `N / (K n)` for a class of `n` of the `N` training images in `K` classes: every class counts alike in all.
        Balanced = "balanced",
    }
}
