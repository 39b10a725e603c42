//! The options of TST in a recipe.

use potstill_recipe::MethodSpec;
use potstill_settings::{Choice, Described, Kind, choice, settings, variants};
use serde::{Deserialize, Serialize};

use super::{augmenter::Gate, bank_trainer::BankEpochs};
use crate::{MethodError, SearchRound, StudentEpoch};

settings! {
    /// The options of TST in a recipe.
    pub(super) struct Options {
        /// T of the distillation on logits.
        pub temperature: Option<f64> [above(0.0)] = without "4, for dense tasks 1" like 4.0,
        /// The epochs of the student, counted from 0, before which the augmentation learns; empty for one
        /// that learns nothing.
        pub rounds: Option<Vec<usize>> = without "epochs / 8 and 3 epochs / 8, each at least 1; for dense tasks epochs / 4 and epochs / 2"
            like [30, 90],
        /// How many epochs it then learns.
        pub round_epochs: Option<usize> [at_most(1_000_000.0)]
            = without "epochs / 8, at least 1; for dense tasks 1" like 30,
        /// The first learning rate of each round (SGD, momentum 0.9); a tenth less after an epoch that gained
        /// too little.
        pub search_lr: f64 [above(0.0)] = default 0.01,
        /// What the gate of an operation takes as its logit.
        pub gate: Gate = default "code",
        /// The logit of the gate that each image has within an operation, 0.982 open by default, as in the
        /// published weights.
        pub inner_gate: InnerGate = default 4.0,
        /// Half the side of the square that Cutout leaves out.
        pub cutout: Option<usize> [at_least(1.0)]
            = without "half the image's shorter side; for dense tasks an eighth, at most 64" like 16,
        /// Where the bank of operations comes from.
        pub bank: Option<BankOption> = without "trained networks; for dense tasks the closed form"
            like { kind = "trained" },
        /// Images drawn before and after, with both networks' confidence, at the end of each round; 0 for
        /// none.
        pub pictures: usize = default 8,
    }
}

/// The logit of a gate, or none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum InnerGate {
    Logit(f64),
    Word(NoGate),
}

choice! {
    /// A gate that is not there.
    pub(super) enum NoGate {
        /// There is no gate.
        None = "none",
    }
}

impl Described for InnerGate {
    const KIND: Kind = Kind::NumberOr(NoGate::NAMES);
}

variants! {
    /// Where the bank of operations comes from.
    pub(super) enum BankOption {
        /// Networks, trained before the run's first step and kept in the cache.
        Trained(TrainedBank) = "trained",
        /// No networks: what the operations converge to, in closed form.
        ClosedForm = "closed-form",
    }
}

settings! {
    /// How long the networks of a bank learn.
    pub(super) struct TrainedBank {
        /// Epochs of the five affine networks.
        affine_epochs: Option<usize> [at_least(1.0).at_most(1_000_000.0)]
            = without "as many as make 7,810 steps: the published 10 epochs of 50,000 images" like 10,
        /// Epochs of the six colour networks.
        colour_epochs: Option<usize> [at_least(1.0).at_most(1_000_000.0)]
            = without "as many as make 15,620 steps: the published 20 epochs of 50,000 images" like 20,
    }
}

/// Steps of the published training of the networks: epochs of 50,000 images at batch 64.
const AFFINE_STEPS: usize = 10 * 781;
const COLOUR_STEPS: usize = 20 * 781;

impl BankOption {
    /// How long the networks learn where an epoch has so many steps; none if there are none. Unless a recipe
    /// says otherwise, as many steps as the published 10 and 20 epochs of CIFAR have: with fewer a weight
    /// does not come to where it has to be.
    pub fn lengths(&self, steps: usize) -> Option<BankEpochs> {
        let epochs = |published: usize| ((published as f64 / steps.max(1) as f64).round() as usize).max(1);
        match self {
            Self::ClosedForm => None,
            Self::Trained(TrainedBank {
                affine_epochs,
                colour_epochs,
            }) => Some(BankEpochs {
                affine_epochs: affine_epochs.unwrap_or_else(|| epochs(AFFINE_STEPS)),
                colour_epochs: colour_epochs.unwrap_or_else(|| epochs(COLOUR_STEPS)),
            }),
        }
    }
}

impl InnerGate {
    /// The logit; none for no gate.
    pub fn logit(self) -> Option<f64> {
        match self {
            Self::Logit(logit) => Some(logit),
            Self::Word(NoGate::None) => None,
        }
    }
}

impl Options {
    /// The options of a recipe's entry, for a training of so many epochs.
    ///
    /// # Errors
    /// Options that are not what their table says, and rounds behind the last epoch.
    pub fn read(spec: &MethodSpec, epochs: usize) -> Result<Self, MethodError> {
        let options: Self = spec.options()?;
        let late = options.rounds.iter().flatten().find(|&&round| round >= epochs);
        if let Some(late) = late {
            let problem = format!(
                "has one before epoch {late}, but the student's epochs are 0 to {}",
                epochs.saturating_sub(1)
            );
            return Err(spec.invalid_option("rounds", problem).into());
        }
        Ok(options)
    }

    /// When the augmentation learns. Unless a recipe says otherwise, in proportion to the published 30 epochs
    /// before the epochs 30 and 90 of 240, for dense tasks to the one epoch before the epochs 6 and 12 of 24; but
    /// never before the student has learned anything.
    pub fn rounds(&self, epochs: usize, is_dense: bool) -> Vec<SearchRound> {
        let (usual, length) = if is_dense {
            ([epochs / 4, epochs / 2], 1)
        } else {
            ([epochs / 8, 3 * epochs / 8], (epochs / 8).max(1))
        };
        let usual = || usual.map(|start| start.max(1)).to_vec();
        let mut starts = self.rounds.clone().unwrap_or_else(usual);
        starts.sort_unstable();
        starts.dedup();
        let epochs = self.round_epochs.unwrap_or(length);
        starts
            .into_iter()
            .map(|before| SearchRound {
                before: StudentEpoch(before),
                epochs,
            })
            .collect()
    }

    /// T of the distillation on logits.
    pub fn temperature(&self, is_dense: bool) -> f64 {
        self.temperature.unwrap_or(if is_dense { 1.0 } else { 4.0 })
    }

    /// Half the side of the square that Cutout leaves out, for images of this shorter side. The authors' programs for dense
    /// tasks leave out 128 pixels of about 800.
    pub fn cutout(&self, side: usize, is_dense: bool) -> usize {
        let usual = if is_dense { (side / 8).min(64) } else { side / 2 };
        self.cutout.unwrap_or(usual.max(1))
    }

    /// Where the bank comes from. Networks are not trained on the large images of dense tasks: the authors have theirs from
    /// small ones.
    pub fn bank(&self, is_dense: bool) -> BankOption {
        match &self.bank {
            Some(bank) => bank.clone(),
            None if is_dense => BankOption::ClosedForm,
            None => BankOption::Trained(TrainedBank {
                affine_epochs: None,
                colour_epochs: None,
            }),
        }
    }
}
