//! A comparison as one HTML page without scripts or other files.

use std::fmt::Write;

use super::Comparison;
use super::cells::{Cells, WORDS};
use crate::xml::escape;

const STYLE: &str = "body{font-family:system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}\
th,td{padding:.25rem .75rem;text-align:right}th{border-bottom:1px solid}.word{text-align:left}";

impl Comparison {
    /// Tables as a page, as papers have them. Everything that comes from outside is escaped.
    pub fn html(&self) -> String {
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>Comparison · Potstill</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        );
        for setup in &self.setups {
            let title = escape(&setup.to_string());
            let _ = write!(text, "<h2>{title}</h2>\n{}", table(&setup.on_paper()));
        }
        text += "<ul>\n";
        for line in self.footer(true) {
            let _ = writeln!(text, "<li>{}</li>", escape(&line));
        }
        text + "</ul>\n</body>\n</html>\n"
    }
}

fn table(cells: &Cells) -> String {
    let head = line("th", &cells.header);
    let rows = cells.rows.iter().map(|row| line("td", row));
    format!(
        "<table>\n<thead>\n{head}</thead>\n<tbody>\n{}</tbody>\n</table>\n",
        rows.collect::<String>()
    )
}

fn line(tag: &str, cells: &[String]) -> String {
    let cells = cells.iter().enumerate().map(|(column, cell)| {
        let class = if column < WORDS { " class=\"word\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escape(cell))
    });
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}
