//! A comparison as Markdown.

use std::fmt::Write;

use super::Comparison;
use super::cells::{Cells, WORDS};

impl Comparison {
    /// Tables for Markdown, as papers have them.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for setup in &self.setups {
            let title = escape_markdown(&setup.to_string());
            let _ = write!(text, "**{title}**\n\n{}\n", table(&setup.on_paper()));
        }
        let footer = self.footer(true);
        footer
            .into_iter()
            .fold(text, |text, line| text + "- " + &escape_markdown(&line) + "\n")
    }
}

fn table(cells: &Cells) -> String {
    let columns = 0..cells.header.len();
    let rules = columns.map(|column| if column < WORDS { "---" } else { "---:" }.to_owned());
    let mut text = line(cells.header.clone()) + &line(rules);
    for row in &cells.rows {
        text += &line(row.iter().map(|cell| escape_markdown(cell)));
    }
    text
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    cells
        .into_iter()
        .fold(String::from("|"), |line, cell| line + " " + &cell + " |")
        + "\n"
}

/// Keeps a name from being read as Markdown.
pub fn escape_markdown(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut escaped, character| {
            if matches!(character, '|' | '*' | '`' | '<' | '[' | '\\') {
                escaped.push('\\');
            }
            escaped.push(if character.is_control() { ' ' } else { character });
            escaped
        })
}
