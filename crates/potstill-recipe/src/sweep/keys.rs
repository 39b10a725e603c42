//! The keys of a sweep's file.

use std::collections::BTreeMap;

use potstill_settings::{Described, Kind, settings};
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::error::Problem;
use crate::origin::Origin;

settings! {
    /// The file of a sweep.
    pub struct SweepKeys {
        /// The version of this form of sweep. So far there is only 1.
        pub version: u32 [at_least(1.0)] = example 1,
        /// The name of the sweep and of its folder: `a-z`, `0-9`, `.`, `_` and `-`.
        pub name: String = example "my-sweep",
        /// One line on what this is.
        pub about: Option<String> = without "nothing" like "three methods on CIFAR-10",
        /// The recipe that all cells change: a file, or a name of `potstill list recipes`.
        pub recipe: Option<String> = without "every cell has a choice that names its own" like "recipes/mine.toml",
        /// How many seeds each cell is run with, counted up from the recipe's, or which ones.
        pub seeds: Option<Seeds> = without "1" like 3,
        /// Whether what a frozen teacher says is kept and shared by all runs, which then see the same augmented images.
        pub teacher_cache: bool = default false,
        /// Keys of the recipe that are the same in every cell, as overrides.
        pub set: Option<Overrides> = without "nothing" like { "train.epochs" = 6 },
        /// What varies: each axis is a table of named choices, or a `key` with `values`.
        pub axes: BTreeMap<String, Overrides> = quiet {},
        /// Combinations that are left out, each a table of axes and their choices.
        pub exclude: Vec<Overrides> = default [],
        /// The combinations that are taken, each a table of axes and their choices.
        pub only: Option<Vec<Overrides>> [not_empty()] = without "all" like [{ method = "kd" }],
        /// How `potstill tune` looks for the best cell.
        pub tune: Option<Tune> = without "the defaults" like { budget_hours = 8.0 },
    }
}

settings! {
    /// `[tune]`: successive halving over the cells.
    pub struct Tune {
        /// Hours of training that may be spent in all.
        pub budget_hours: Option<f64> [above(0.0)] = without "`--budget` says it" like 8.0,
        /// Epochs of the first round.
        pub start_epochs: Option<usize> [at_least(1.0)]
            = without "as many as leave the last round the recipe's epochs" like 2,
        /// After each round one in so many goes on, with so many times the epochs.
        pub factor: usize [at_least(2.0)] = default 3,
        /// Where the order of the first round starts from.
        pub seed: u64 = default 0,
    }
}

impl Default for Tune {
    fn default() -> Self {
        crate::defaults::complete([])
    }
}

/// A table that another part of this module reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub Value);

impl Default for Overrides {
    fn default() -> Self {
        Self(Value::Table(toml::Table::new()))
    }
}

impl Described for Overrides {
    const KIND: Kind = Kind::Verbatim("a table");
}

/// The seeds of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Seeds {
    /// So many, counted up from the recipe's.
    Count(u64),
    /// These.
    Each(Vec<u64>),
}

impl Described for Seeds {
    const KIND: Kind = Kind::Either(&Kind::Whole, &Vec::<u64>::KIND);
}

/// More seeds than anyone runs.
const MOST_SEEDS: u64 = 10_000;

impl Seeds {
    /// What is wrong with them.
    pub fn problem(&self, root: &Origin) -> Option<Problem> {
        let text = match self {
            Self::Count(0) => "must be at least 1".to_owned(),
            Self::Count(count) if *count > MOST_SEEDS => format!("must be at most {MOST_SEEDS}"),
            Self::Each(seeds) if seeds.is_empty() => "must not be an empty array".to_owned(),
            Self::Each(seeds) => {
                let mut earlier = std::collections::BTreeSet::new();
                let twice = seeds.iter().find(|seed| !earlier.insert(**seed))?;
                format!("has {twice} twice")
            }
            Self::Count(_) => return None,
        };
        Some(root.problem("seeds", text))
    }

    /// All of them, for a recipe with this seed.
    pub fn of(&self, recipe: u64) -> Vec<u64> {
        match self {
            Self::Count(count) => (recipe..recipe.saturating_add(*count)).collect(),
            Self::Each(seeds) => seeds.clone(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::Each(seeds) => seeds.len(),
        }
    }
}
