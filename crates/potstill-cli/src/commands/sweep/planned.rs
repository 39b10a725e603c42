//! Plans every cell before the first step of any.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use potstill_engine::{EngineError, Plan};

use super::{Cell, run_all::interrupted};
use crate::{failure::Failure, printed::tell};

/// Plans each cell that is not finished, with its first seed: networks, data, points and methods must fit. Everything that does not is
/// told together. A cell whose teacher's answers cannot be kept gives that up, and it is said.
pub fn plan_all(cells: &mut [Cell], stop: &Arc<AtomicBool>, quiet: bool) -> Result<(), Failure> {
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| cell.is_open()) {
        firsts.entry(&cell.run.cell).or_insert(index);
    }
    let mut firsts: Vec<usize> = firsts.into_values().collect();
    firsts.sort_unstable();
    if !quiet && firsts.len() > 1 {
        tell!("planning {} cells before the first step", firsts.len());
    }
    let mut refused = Vec::new();
    for first in firsts {
        if stop.load(Ordering::Relaxed) {
            return Err(interrupted(cells));
        }
        let name = cells[first].run.cell.clone();
        match plan(&cells[first]) {
            Ok(None) => {}
            Ok(Some(reason)) => {
                if !quiet {
                    tell!("{name}: what the teacher says is not kept: {reason}");
                }
                let seeds = cells.iter_mut().filter(|cell| cell.run.cell == name);
                seeds.for_each(Cell::give_up_the_cache);
            }
            Err(error) => refused.push((name, Failure::from(error))),
        }
    }
    told_together(refused)
}

/// Plans a cell; gives back why its teacher's answers cannot be kept, if they cannot.
fn plan(cell: &Cell) -> Result<Option<String>, EngineError> {
    match (Plan::new(cell.run.recipe.clone()), &cell.without_cache) {
        (Ok(_), _) => Ok(None),
        (Err(EngineError::InvalidPlan { key, reason }), Some(recipe)) if is_of_cache(&key) => {
            Plan::new(recipe.clone())?;
            Ok(Some(reason))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whether a key of a recipe says that what a teacher says is kept.
pub fn is_of_cache(key: &str) -> bool {
    key.rsplit('.').next() == Some("cache")
}

/// What is wrong with several cells as one failure; the same reason once, with the cells that have it.
fn told_together(refused: Vec<(String, Failure)>) -> Result<(), Failure> {
    let is_usage = refused
        .iter()
        .any(|(_, failure)| matches!(failure, Failure::Usage(_)));
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for (cell, failure) in refused {
        let text = failure.to_string();
        match reasons.iter_mut().find(|(known, _)| *known == text) {
            Some((_, cells)) => cells.push(cell),
            None => reasons.push((text, vec![cell])),
        }
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let lines = reasons.iter().map(|(text, cells)| {
        let text = text.strip_prefix("error: ").unwrap_or(text);
        format!("{}: {text}", cells.join(", "))
    });
    let text = format!(
        "nothing was run, for these cells cannot be:\n{}",
        lines.collect::<Vec<_>>().join("\n")
    );
    Err(if is_usage {
        Failure::Usage(text)
    } else {
        Failure::Work(text)
    })
}
