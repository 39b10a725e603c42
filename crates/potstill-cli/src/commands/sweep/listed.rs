//! What a sweep would run, for people, programs and job schedulers.

use std::{fmt::Write, path::Path};

use potstill_recipe::Sweep;
use serde_json::{Value, json};

use super::{Cell, GridArguments, State};
use crate::{commands::print, failure::Failure, printed::print_json};

/// A command for each run that is not finished, one a line.
pub fn commands(arguments: &GridArguments, cells: &[Cell]) -> Result<String, Failure> {
    let mut words = vec!["potstill".to_owned(), "sweep".into()];
    words.push(quoted(path(&arguments.file)?));
    words.extend(arguments.overrides.iter().map(|text| quoted(text)));
    if let Some(seeds) = arguments.seeds {
        words.extend(["--seeds".into(), seeds.to_string()]);
    }
    words.extend(["--runs".into(), quoted(path(&arguments.runs)?)]);
    let words = words.join(" ");
    let open = cells.iter().filter(|cell| cell.is_open());
    Ok(open.fold(String::new(), |mut text, cell| {
        let _ = writeln!(text, "{words} --cell {}", cell.id());
        text
    }))
}

fn path(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::Usage(format!(
            "{} cannot be written in a list of commands",
            path.display()
        ))
    })
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/=,:+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How many runs there are, and how far they are.
pub fn summary(sweep: &Sweep, cells: &[Cell]) -> String {
    let names: std::collections::BTreeSet<&str> = cells.iter().map(|cell| cell.run.cell.as_str()).collect();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut text = format!(
        "{}: {} of {}",
        sweep.name,
        plural(cells.len(), "run"),
        plural(names.len(), "cell")
    );
    for state in [State::Finished, State::Started] {
        let count = cells.iter().filter(|cell| cell.state == state).count();
        if count > 0 {
            let _ = write!(text, ", {count} {}", state.word());
        }
    }
    text
}

/// Says what would be run.
pub fn dry_run(sweep: &Sweep, folder: &Path, cells: &[Cell], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json(&json!({
            "name": sweep.name,
            "folder": folder,
            "runs": cells.iter().map(described).collect::<Vec<_>>(),
        }));
    }
    let width = cells.iter().map(|cell| cell.id().len()).max().unwrap_or(0);
    let lines = cells.iter().map(|cell| {
        let changes: Vec<String> = cell
            .run
            .changes
            .iter()
            .map(potstill_recipe::Change::as_override)
            .collect();
        let line = format!(
            "{:<8}  {:<width$}  {}",
            cell.state.word(),
            cell.id(),
            changes.join(" ")
        );
        line.trim_end().to_owned() + "\n"
    });
    print(&lines.collect::<String>())
}

/// A run for programs.
pub fn described(cell: &Cell) -> Value {
    let choices = cell.run.choices.iter();
    let choices: serde_json::Map<String, Value> = choices
        .map(|(axis, choice)| (axis.clone(), json!(choice)))
        .collect();
    json!({
        "id": cell.id(),
        "cell": cell.run.cell,
        "seed": cell.run.recipe.seed,
        "choices": choices,
        "folder": cell.folder,
        "state": cell.state.word(),
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell_where_they_must_be() {
        assert_eq!(quoted("runs/a-b_c.toml"), "runs/a-b_c.toml");
        assert_eq!(quoted("methods=[]"), "'methods=[]'");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted(""), "''");
    }
}
