//! A comparison for a terminal.

use std::fmt::{self, Display, Write};

use comfy_table::{CellAlignment, Table, TableComponent, presets};

use super::cells::{Cells, WORDS};
use super::{Comparison, Setup};
use crate::{Network, human};

impl Comparison {
    /// Tables for a terminal, as wide as they need to be.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for setup in &self.setups {
            let _ = write!(text, "{setup}\n\n{}\n\n", table(&setup.for_terminal()));
        }
        let footer = self.footer(false);
        footer.into_iter().fold(text, |text, line| text + &line + "\n")
    }
}

impl Display for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            student: Network { model, macs, .. },
            data,
            epochs,
            ..
        } = self;
        write!(
            out,
            "{model} ({} MACs) on {}: {}, {} classes, {epochs} epochs",
            human::magnitude(*macs),
            data.label(),
            data.counts(),
            human::count(data.classes as u64),
        )
    }
}

fn table(cells: &Cells) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_header(&cells.header)
        .add_rows(&cells.rows);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    for column in table.column_iter_mut().skip(WORDS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // comfy-table fills the last column with blanks; trailing blanks only hurt in logs and diffs.
    table
        .to_string()
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}
