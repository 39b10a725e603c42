//! Characters that no name and no text of a recipe has: orders to a terminal, which would go on into logs and reports.

use toml::{Table, Value};

use crate::document::join;
use crate::error::Problem;
use crate::origin::Origin;
use potstill_base::printable_lines;

/// Every text in `table` that holds control characters other than line breaks and tabs. A key that does is written out where
/// it is told of as unknown.
pub(crate) fn orders(table: &Table, root: &Origin) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in table {
        collect(value, key, root, &mut problems);
    }
    problems
}

fn collect(value: &Value, at: &str, root: &Origin, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) if printable_lines(text) != *text => {
            let start: String = text.chars().take(40).collect();
            let dots = if start.len() < text.len() { "..." } else { "" };
            let text = format!(
                "holds control characters, which no text of a recipe may have: \"{}{dots}\"",
                potstill_base::printable(&start)
            );
            problems.push(root.problem(at, text));
        }
        Value::Array(array) => {
            for (index, entry) in array.iter().enumerate() {
                collect(entry, &join(at, &index.to_string()), root, problems);
            }
        }
        Value::Table(table) => {
            for (key, entry) in table {
                collect(entry, &join(at, key), root, problems);
            }
        }
        _ => {}
    }
}
