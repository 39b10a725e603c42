//! A comparison as LaTeX, for `booktabs`.

use std::fmt::Write;

use super::Comparison;
use super::cells::{Cells, WORDS};

impl Comparison {
    /// Tables for LaTeX, as papers have them; `\usepackage{booktabs}` has the rules. What belongs below a table stands in comments.
    pub fn latex(&self) -> String {
        let mut text = String::from("% \\usepackage{booktabs}\n");
        for setup in &self.setups {
            let _ = writeln!(
                text,
                "{}{}",
                comment(&setup.to_string()),
                table(&setup.on_paper())
            );
        }
        let footer = self.footer(true);
        footer.into_iter().fold(text, |text, line| text + &comment(&line))
    }
}

/// A line that is not set.
fn comment(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    format!("% {}\n", text.chars().map(plain).collect::<String>())
}

fn table(cells: &Cells) -> String {
    let count = cells.header.len();
    let columns = "l".repeat(WORDS) + &"r".repeat(count.saturating_sub(WORDS));
    let mut text = format!(
        "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{}\\midrule\n",
        line(&cells.header)
    );
    for row in &cells.rows {
        text += &line(row);
    }
    text + "\\bottomrule\n\\end{tabular}\n"
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| escape_latex(cell)).collect();
    cells.join(" & ") + " \\\\\n"
}

/// Keeps a name from being read as LaTeX, and writes our signs as LaTeX has them.
fn escape_latex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("$<$"),
            '>' => escaped.push_str("$>$"),
            '±' => escaped.push_str("$\\pm$"),
            '−' => escaped.push_str("$-$"),
            '+' => escaped.push_str("$+$"),
            '–' => escaped.push_str("--"),
            // Two of them are a ligature.
            '-' if escaped.ends_with('-') => escaped.push_str("{}-"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            _ if letter.is_control() => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape_latex;

    #[test]
    fn nothing_of_a_name_is_a_command() {
        assert_eq!(
            escape_latex("a_b & 5 % of {x}\\n $1 #2 ~^<>\n"),
            "a\\_b \\& 5 \\% of \\{x\\}\\textbackslash{}n \\$1 \\#2 \\textasciitilde{}\\textasciicircum{}$<$$>$ "
        );
        assert_eq!(escape_latex("91.00 ± 1.00"), "91.00 $\\pm$ 1.00");
        assert_eq!(escape_latex("−0.50 – a--b top-1"), "$-$0.50 -- a-{}-b top-1");
    }
}
