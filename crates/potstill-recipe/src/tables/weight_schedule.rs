//! How the weight of a method's loss changes while the student trains.

use std::f64::consts::PI;

use potstill_settings::{settings, variants};

variants! {
    /// How the weight of a method's loss changes. Epochs are counted from 0, with the share of their steps that is done; `w` is the
    /// entry's `weight`, `t` the time.
    pub enum WeightSchedule {
        /// Not at all.
        Constant = "constant",
        /// It grows along a straight line: `w (from + (1 - from) t / epochs)`, and is `w` from then on.
        Ramp(WeightRamp) = "ramp",
        /// It goes along half a cosine to a share of itself: `w (to + (1 - to) (1 + cos(pi t / epochs)) / 2)`, and stays there.
        Cosine(WeightCosine) = "cosine",
        /// In steps: `w gamma^n`, where `n` milestones are at or before this epoch.
        Milestones(WeightMilestones) = "milestones",
    }
}

settings! {
    /// The settings of a weight that grows.
    pub struct WeightRamp {
        /// How many epochs it grows.
        pub epochs: usize [at_least(1.0)] = example 20,
        /// The share of the weight that it starts from.
        pub from: f64 [at_least(0.0)] = default 0.0,
    }
}

settings! {
    /// The settings of a weight that goes along half a cosine.
    pub struct WeightCosine {
        /// The share of the weight that it comes to.
        pub to: f64 [at_least(0.0)] = default 0.0,
        /// How many epochs it takes.
        pub epochs: Option<usize> [at_least(1.0)] = without "the whole training" like 120,
    }
}

settings! {
    /// The settings of a weight that changes in steps.
    pub struct WeightMilestones {
        /// The epochs, increasing, from which on the weight is multiplied by `gamma` once more.
        pub at: Vec<usize> [at_least(1.0).not_empty()] = example [150, 180, 210] (also "milestones"),
        /// The factor at each milestone; 0 ends the method's part in the training.
        pub gamma: f64 [at_least(0.0)] = default 0.1 (also "factor"),
    }
}

impl WeightSchedule {
    /// What the weight is multiplied with at `time` in epochs of a training of so many.
    ///
    /// ```
    /// use potstill_recipe::{WeightRamp, WeightSchedule};
    ///
    /// let ramp = WeightSchedule::Ramp(WeightRamp { epochs: 4, from: 0.0 });
    /// assert_eq!([0.0, 1.0, 2.5, 9.0].map(|time| ramp.factor(time, 12)), [0.0, 0.25, 0.625, 1.0]);
    /// ```
    pub fn factor(&self, time: f64, epochs: usize) -> f64 {
        let done = |of: usize| (time / of.max(1) as f64).min(1.0);
        match self {
            Self::Constant => 1.0,
            Self::Ramp(WeightRamp { epochs, from }) => from + (1.0 - from) * done(*epochs),
            Self::Cosine(WeightCosine { to, epochs: own }) => {
                to + (1.0 - to) * (1.0 + (PI * done(own.unwrap_or(epochs))).cos()) / 2.0
            }
            Self::Milestones(WeightMilestones { at, gamma }) => {
                let passed = at.iter().filter(|milestone| **milestone as f64 <= time).count();
                gamma.powi(passed as i32)
            }
        }
    }

    /// Whether the weight is another at some time.
    pub fn changes(&self) -> bool {
        *self != Self::Constant
    }

    /// What keeps it from doing anything to a weight in a training of so many epochs: the key within the schedule, empty for all of it, and the rest of a
    /// sentence that begins with the key.
    pub fn problem(&self, weight: f64, epochs: usize) -> Option<(&'static str, String)> {
        let whole = |text: &str| Some(("", text.to_owned()));
        match self {
            Self::Constant => None,
            _ if weight == 0.0 => {
                whole("changes the `weight`, which is 0: leave it out, or give the entry a weight")
            }
            Self::Ramp(WeightRamp { from, .. }) if *from == 1.0 => {
                Some(("from", "is all of the weight: nothing would grow".into()))
            }
            Self::Cosine(WeightCosine { to, .. }) if *to == 1.0 => {
                Some(("to", "is all of the weight: nothing would change".into()))
            }
            Self::Milestones(WeightMilestones { gamma, .. }) if *gamma == 1.0 => {
                Some(("gamma", "is 1: nothing would change".into()))
            }
            Self::Milestones(WeightMilestones { at, .. }) if !at.is_sorted_by(|a, b| a < b) => {
                Some(("at", format!("must increase, not be {at:?}")))
            }
            Self::Milestones(WeightMilestones { at, .. })
                if at.iter().all(|milestone| *milestone >= epochs) =>
            {
                let text = format!("is {at:?}, and the training ends after {epochs} epochs, counted from 0");
                Some(("at", text))
            }
            Self::Ramp(_) | Self::Cosine(_) | Self::Milestones(_) => None,
        }
    }

    /// It in words, behind a weight; empty for one that stays.
    pub fn in_words(&self) -> String {
        let plural = |epochs: usize| if epochs == 1 { "" } else { "s" };
        match self {
            Self::Constant => String::new(),
            Self::Ramp(WeightRamp { epochs, from }) => {
                format!("growing from {from} of it over {epochs} epoch{}", plural(*epochs))
            }
            Self::Cosine(WeightCosine { to, epochs: None }) => {
                format!("along a cosine to {to} of it at the end")
            }
            Self::Cosine(WeightCosine {
                to,
                epochs: Some(epochs),
            }) => format!(
                "along a cosine to {to} of it in {epochs} epoch{}",
                plural(*epochs)
            ),
            Self::Milestones(WeightMilestones { at, gamma }) => {
                let at: Vec<String> = at.iter().map(|epoch| (epoch + 1).to_string()).collect();
                let plural = plural(at.len());
                format!("times {gamma} from epoch{plural} {} on", at.join(", "))
            }
        }
    }
}
