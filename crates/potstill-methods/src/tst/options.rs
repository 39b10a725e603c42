//! The options of TST in a recipe.

use potstill_recipe::MethodSpec;
use serde::Deserialize;

use super::{augmenter::Gate, bank_trainer::BankEpochs};
use crate::{MethodError, SearchRound, StudentEpoch};

/// What a recipe may say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// T of the distillation on logits.
    pub temperature: f64,
    /// Before which epochs of the student, from 0, the augmentation learns.
    pub rounds: Option<Vec<usize>>,
    /// How many epochs it then learns.
    pub round_epochs: Option<usize>,
    /// The first learning rate of each round.
    pub search_lr: f64,
    /// What the gates take.
    pub gate: Gate,
    /// The gate that each image has within an operation.
    pub inner_gate: InnerGate,
    /// Half the side of the square that Cutout leaves out; half the image's shorter side if it is not given.
    pub cutout: Option<usize>,
    /// Where the bank comes from.
    pub bank: BankOption,
    /// How many images are drawn after each round.
    pub pictures: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            temperature: 4.0,
            rounds: None,
            round_epochs: None,
            search_lr: 0.01,
            gate: Gate::Code,
            inner_gate: InnerGate::Logit(4.0),
            cutout: None,
            bank: BankOption::default(),
            pictures: 8,
        }
    }
}

/// The logit of a gate, or none.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum InnerGate {
    Logit(f64),
    Word(NoGate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NoGate {
    None,
}

/// Where the bank comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum BankOption {
    /// Networks, trained before the run's first step and kept in the cache.
    Trained {
        affine_epochs: Option<usize>,
        colour_epochs: Option<usize>,
    },
    /// No networks.
    ClosedForm {},
}

impl Default for BankOption {
    fn default() -> Self {
        Self::Trained {
            affine_epochs: None,
            colour_epochs: None,
        }
    }
}

/// Steps of the published training of the networks: epochs of 50,000 images at batch 64.
const AFFINE_STEPS: usize = 10 * 781;
const COLOUR_STEPS: usize = 20 * 781;

/// More epochs than anybody means.
const MOST_EPOCHS: usize = 1_000_000;

impl BankOption {
    /// How long the networks learn where an epoch has so many steps; none if there are none. Unless a recipe says otherwise, as many
    /// steps as the published 10 and 20 epochs of CIFAR have: with fewer a weight does not come to where it has to be.
    pub fn lengths(self, steps: usize) -> Option<BankEpochs> {
        let epochs = |published: usize| ((published as f64 / steps.max(1) as f64).round() as usize).max(1);
        match self {
            Self::ClosedForm {} => None,
            Self::Trained {
                affine_epochs,
                colour_epochs,
            } => Some(BankEpochs {
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
    /// The options of a recipe, each within its range.
    ///
    /// # Errors
    /// Unknown options, values out of range.
    pub fn read(spec: &MethodSpec, epochs: usize) -> Result<Self, MethodError> {
        let options: Self = spec.options_as()?;
        for (key, value) in [
            ("temperature", options.temperature),
            ("search_lr", options.search_lr),
        ] {
            spec.positive(key, value)?;
        }
        if options.inner_gate.logit().is_some_and(|logit| !logit.is_finite()) {
            return Err(spec.wrong("inner_gate", "must be a number or \"none\"").into());
        }
        if options.cutout == Some(0) {
            return Err(spec.wrong("cutout", "must be at least 1 pixel").into());
        }
        let lengths = options.bank.lengths(1);
        if lengths.is_some_and(|lengths| lengths.shortest() == 0) {
            let problem =
                "needs at least one epoch for each kind of network; `{ kind = \"closed-form\" }` needs none";
            return Err(spec.wrong("bank", problem).into());
        }
        spec.at_most("bank", lengths.map_or(0, BankEpochs::epochs), MOST_EPOCHS)?;
        spec.at_most("round_epochs", options.round_epochs.unwrap_or(0), MOST_EPOCHS)?;
        let late = options.rounds.iter().flatten().find(|&&round| round >= epochs);
        if let Some(late) = late {
            let problem = format!(
                "has one before epoch {late}, but the student's epochs are 0 to {}",
                epochs.saturating_sub(1)
            );
            return Err(spec.wrong("rounds", problem).into());
        }
        Ok(options)
    }

    /// When the augmentation learns. Unless a recipe says otherwise, in proportion to the published 30 epochs before the epochs 30
    /// and 90 of 240, but never before the student has learned anything.
    pub fn rounds(&self, epochs: usize) -> Vec<SearchRound> {
        let mut starts = self
            .rounds
            .clone()
            .unwrap_or_else(|| vec![(epochs / 8).max(1), (3 * epochs / 8).max(1)]);
        starts.sort_unstable();
        starts.dedup();
        let epochs = self.round_epochs.unwrap_or((epochs / 8).max(1));
        starts
            .into_iter()
            .map(|before| SearchRound {
                before: StudentEpoch(before),
                epochs,
            })
            .collect()
    }
}
