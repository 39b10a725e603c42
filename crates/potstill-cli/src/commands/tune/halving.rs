//! Successive halving: rounds of runs, and what is decided between them.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use potstill_metrics::MetricInfo;
use potstill_random::Seed;
use potstill_recipe::{Sweep, SweepRun, Tune};
use potstill_report::Spread;

use super::{
    budget::Budget,
    described,
    rounds::{epochs, rounds},
    shortened::shortened,
};
use crate::{
    commands::sweep::{Cell, refuse_changed},
    failure::Failure,
};

/// A tuning under way.
pub struct Halving {
    pub sweep: Sweep,
    pub tune: Tune,
    pub folder: PathBuf,
    pub budget: Budget,
    /// In the order of the first round.
    pub candidates: Vec<Candidate>,
    /// How many candidates each round begins with, if none fails and the budget lasts.
    pub rounds: Vec<usize>,
    /// What they are judged by, once something is measured.
    pub headline: Option<MetricInfo>,
    /// Whether a run was stopped because the budget was spent.
    pub is_spent: bool,
    /// The augmented images of all, where they share what teachers say.
    augment_seed: u64,
    /// Whether runs of other recipes are begun again.
    pub overwrite: bool,
}

/// A cell that may be the best.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub cell: String,
    /// Its runs, one for each seed, with all their epochs.
    pub runs: Vec<SweepRun>,
    /// What it came to in each round that it began.
    pub results: Vec<Measured>,
    /// What became of it in the end.
    pub fate: Option<Fate>,
}

/// What a candidate came to in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// For how many epochs it trained.
    pub epochs: usize,
    /// The headline on the validation images after the last epoch, over the seeds; none where not all runs came to their end.
    pub score: Option<Spread>,
    /// How long its runs trained.
    pub seconds: f64,
}

/// What becomes of a candidate, and why.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is the best.
    Winner(String),
    /// It was left behind.
    Dropped(String),
}

/// The name of the stream that orders the first round.
const ORDER: &str = "tune order";

impl Halving {
    /// A tuning of these runs.
    pub fn new(sweep: &Sweep, runs: Vec<SweepRun>, folder: PathBuf, budget: Budget) -> Result<Self, Failure> {
        let augment_seed = runs.first().map_or(0, |run| run.recipe.augment_seed());
        let mut candidates: Vec<Candidate> = Vec::new();
        for run in runs {
            match candidates.iter_mut().find(|candidate| candidate.cell == run.cell) {
                Some(candidate) => candidate.runs.push(run),
                None => candidates.push(Candidate {
                    cell: run.cell.clone(),
                    runs: vec![run],
                    results: Vec::new(),
                    fate: None,
                }),
            }
        }
        if candidates.len() < 2 {
            return Err(Failure::Usage(
                "there is nothing to choose from: the sweep has one cell; give it an axis (`[axes.NAME]`)"
                    .into(),
            ));
        }
        let tune = sweep.tune.clone().unwrap_or_default();
        Seed::new(tune.seed).stream(ORDER, &[]).shuffle(&mut candidates);
        Ok(Self {
            rounds: rounds(candidates.len(), tune.factor),
            sweep: sweep.clone(),
            tune,
            folder,
            budget,
            candidates,
            headline: None,
            is_spent: false,
            augment_seed,
            overwrite: false,
        })
    }

    /// For how many epochs a candidate trains in a round.
    pub fn epochs(&self, candidate: usize, round: usize) -> usize {
        let whole = self.candidates[candidate].runs[0].recipe.total_epochs();
        epochs(&self.tune, whole, round, self.rounds.len())
    }

    /// All runs of the first round.
    pub fn first_round(&self) -> Result<Vec<Cell>, Failure> {
        let all = 0..self.candidates.len();
        let cells: Result<Vec<_>, _> = all.map(|candidate| self.cells(candidate, 0)).collect();
        Ok(cells?.concat())
    }

    /// The runs of a candidate in a round, one for each seed.
    pub fn cells(&self, candidate: usize, round: usize) -> Result<Vec<Cell>, Failure> {
        let epochs = self.epochs(candidate, round);
        let runs = self.candidates[candidate].runs.iter().cloned();
        let runs = runs.map(|run| SweepRun {
            recipe: shortened(run.recipe.clone(), epochs),
            ..run
        });
        let folder = self.folder.join(format!("round-{}", round + 1));
        let cells = Cell::all(&self.sweep, runs.collect(), &folder, self.augment_seed)?;
        refuse_changed(&cells, self.overwrite)?;
        Ok(cells)
    }

    /// Runs round after round, until one candidate is left or the budget is spent.
    ///
    /// Every decision follows from what the runs came to and how long they took, so that the same command makes them again.
    pub fn go(&mut self, stop: &Arc<AtomicBool>, quiet: bool) -> Result<(), Failure> {
        let mut entrants: Vec<usize> = (0..self.candidates.len()).collect();
        for round in 0..self.rounds.len() {
            if round > 0 {
                let is_longer =
                    |candidate: &usize| self.epochs(*candidate, round) > self.epochs(*candidate, round - 1);
                // The same runs once more would say the same.
                if !entrants.iter().any(is_longer) {
                    break;
                }
                entrants = self.affordable(&entrants, round);
            }
            if round > 0 && entrants.len() < 2 {
                break;
            }
            let in_time = self.train_round(round, &entrants, stop, quiet)?;
            let ranked = self.ranked(round, &entrants);
            if ranked.is_empty() {
                self.fall_back(&entrants, round);
                break;
            }
            self.drop_unmeasured(round, &entrants, &ranked);
            let next = self.rounds.get(round + 1).copied().unwrap_or(1);
            let keep = if in_time { next.min(ranked.len()) } else { 1 };
            self.drop_behind(round, &ranked, keep, in_time);
            entrants = ranked;
            entrants.truncate(keep);
            if keep == 1 {
                break;
            }
        }
        self.crown(&entrants);
        Ok(())
    }

    /// Seconds of training in all rounds so far.
    pub fn spent(&self) -> f64 {
        let results = self.candidates.iter().flat_map(|candidate| &candidate.results);
        results.map(|result| result.seconds).sum()
    }

    /// Those that a round has room for, the best first; what it will take is reckoned from the round before.
    fn affordable(&mut self, entrants: &[usize], round: usize) -> Vec<usize> {
        let left = self.budget.seconds - self.spent();
        let costs: Vec<f64> = entrants
            .iter()
            .map(|candidate| self.cost(*candidate, round))
            .collect();
        let sums = costs.iter().scan(0.0, |sum, cost| {
            *sum += cost;
            Some(*sum)
        });
        let room = sums.take_while(|sum| *sum <= left).count().max(1);
        for candidate in &entrants[room..] {
            let reason = described::no_room(round, [room, entrants.len()], costs.iter().sum(), left);
            self.candidates[*candidate].fate = Some(Fate::Dropped(reason));
        }
        entrants[..room].to_vec()
    }

    /// How long a candidate will train in a round, in seconds, by its last one.
    fn cost(&self, candidate: usize, round: usize) -> f64 {
        let before = self.candidates[candidate].results.last();
        before.map_or(0.0, |result| {
            result.seconds * self.epochs(candidate, round) as f64 / result.epochs as f64
        })
    }

    /// Those that came to a result in a round, the best first; of equals that which was tried first.
    fn ranked(&self, round: usize, entrants: &[usize]) -> Vec<usize> {
        let score = |candidate: usize| {
            let result = self.candidates[candidate].results.get(round)?;
            result.score.map(|score| score.mean)
        };
        let mut ranked: Vec<(usize, f64)> = entrants
            .iter()
            .filter_map(|candidate| Some((*candidate, score(*candidate)?)))
            .collect();
        if let Some(headline) = &self.headline {
            ranked.sort_by(|one, other| headline.gain(other.1, one.1).total_cmp(&0.0));
        }
        ranked.into_iter().map(|(candidate, _)| candidate).collect()
    }

    fn drop_unmeasured(&mut self, round: usize, entrants: &[usize], ranked: &[usize]) {
        for candidate in entrants.iter().filter(|candidate| !ranked.contains(candidate)) {
            let fate = &mut self.candidates[*candidate].fate;
            if fate.is_none() {
                *fate = Some(Fate::Dropped(format!(
                    "the budget was spent before it came to a result in round {}",
                    round + 1
                )));
            }
        }
    }

    /// Drops those that others are ahead of.
    fn drop_behind(&mut self, round: usize, ranked: &[usize], keep: usize, in_time: bool) {
        for (place, candidate) in ranked.iter().enumerate().skip(keep) {
            let reason = described::behind(self, round, [place + 1, ranked.len(), keep], *candidate, in_time);
            self.candidates[*candidate].fate = Some(Fate::Dropped(reason));
        }
    }

    /// Nobody came to a result in a round: the best of the one before wins, of those that have not failed.
    fn fall_back(&mut self, entrants: &[usize], round: usize) {
        let stands = |candidate: &usize| self.candidates[*candidate].fate.is_none();
        let best = entrants.iter().copied().find(stands).filter(|_| round > 0);
        self.drop_unmeasured(round, entrants, best.as_slice());
    }

    /// The first of those that are left wins.
    fn crown(&mut self, entrants: &[usize]) {
        let left = entrants.iter().find(|candidate| {
            let candidate = &self.candidates[**candidate];
            candidate.fate.is_none() && candidate.results.iter().any(|result| result.score.is_some())
        });
        let Some(&winner) = left else { return };
        self.candidates[winner].fate = Some(Fate::Winner(described::victory(self, winner)));
        // Others are left where a further round would have been the same runs.
        for candidate in entrants {
            if self.candidates[*candidate].fate.is_none() {
                let reason = "behind the winner where all epochs were trained".to_owned();
                self.candidates[*candidate].fate = Some(Fate::Dropped(reason));
            }
        }
    }

    /// The winner, if there is one.
    pub fn winner(&self) -> Option<&Candidate> {
        let won = |candidate: &&Candidate| matches!(candidate.fate, Some(Fate::Winner(_)));
        self.candidates.iter().find(won)
    }
}
