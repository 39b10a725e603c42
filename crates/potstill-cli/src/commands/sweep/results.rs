//! What came of a sweep: one table of all that is finished.

use std::path::{Path, PathBuf};

use potstill_recipe::Sweep;
use potstill_report::Comparison;
use serde_json::{Value, json};

use super::{Cell, State, listed::described, run_all::End};
use crate::{commands::compare, failure::Failure, printed};

/// Compares the finished runs and writes the table into the sweep's folder; none where nothing is finished.
pub fn write(cells: &[Cell], folder: &Path) -> Result<Option<Comparison>, Failure> {
    let mut names: Vec<&str> = Vec::new();
    for cell in cells {
        if !names.contains(&cell.run.cell.as_str()) {
            names.push(&cell.run.cell);
        }
    }
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for name in names {
        let own = || cells.iter().filter(|cell| cell.run.cell == name);
        let finished = own().filter(|cell| cell.state == State::Finished);
        let finished: Vec<PathBuf> = finished.map(|cell| cell.folder.clone()).collect();
        if finished.len() < own().count() {
            notes.push(format!(
                "{name}: {} of {} seeds are finished",
                finished.len(),
                own().count()
            ));
        }
        if !finished.is_empty() {
            rows.push(compare::group_of(&finished)?);
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let mut table = potstill_report::compare(&rows)?;
    table.notes.splice(0..0, notes);
    for (file, text) in [("table.md", table.markdown()), ("table.csv", table.csv())] {
        let path = folder.join(file);
        potstill_base::write_atomically(&path, text.as_bytes())
            .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(Some(table))
}

/// Prints runs and table for programs.
pub fn print_json(
    sweep: &Sweep,
    folder: &Path,
    cells: &[Cell],
    end: &End,
    table: Option<&Comparison>,
) -> Result<(), Failure> {
    let runs = cells.iter().map(|cell| {
        let mut run = described(cell);
        if let Some((_, reason)) = end.failed.iter().find(|(name, _)| *name == cell.id()) {
            run["error"] = json!(reason);
        }
        run
    });
    let table = match table {
        Some(table) => serde_json::from_str(&table.json())?,
        None => Value::Null,
    };
    printed::print_json(&json!({
        "name": sweep.name,
        "folder": folder,
        "runs": runs.collect::<Vec<_>>(),
        "table": table,
    }))
}
