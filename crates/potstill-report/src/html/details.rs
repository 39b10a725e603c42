//! What the last epoch tells beyond its metrics: by class, and picture by picture.

use potstill_metrics::{ClassResult, ConfusionMatrix, Details, Mistake, Unit};

use super::section;
use crate::human;
use crate::xml::escape;

/// Tables of more classes are folded away until asked for.
const OPEN_CLASSES: usize = 30;
/// A larger table of all pairs is no table to look at.
const LARGEST_TABLE: usize = 40;

/// The sections that there is something to say in.
pub(super) fn sections(details: &Details) -> String {
    let mut text = String::new();
    if !details.by_class.is_empty() {
        text += &section("Classes", &(numbers(details) + &by_class(&details.by_class)));
    }
    match &details.confusion {
        Some(confusion) if confusion.classes.len() <= LARGEST_TABLE => {
            text += &section("Confusion", &matrix(confusion));
        }
        _ if !details.most_confused.is_empty() => text += &section("Confused most often", &pairs(details)),
        _ => {}
    }
    if !details.worst.is_empty() {
        text += &section("Most wrong", &worst(&details.worst));
    }
    text
}

/// Calibration and agreement in a line.
fn numbers(details: &Details) -> String {
    let mut said = Vec::new();
    if let Some(calibration) = &details.calibration {
        let ece = human::percent(calibration.ece);
        said.push(format!("Expected calibration error over 15 bins: <b>{ece}</b>."));
    }
    if let Some(agreement) = &details.agreement {
        let (same, divergence) = (
            human::percent(agreement.top1),
            Unit::Nats.number(agreement.divergence),
        );
        said.push(format!(
            "Agrees with its teacher on <b>{same}</b> of the test images, KL <b>{divergence}</b>."
        ));
    }
    match said.len() {
        0 => String::new(),
        _ => format!("<p class=\"lead\">{}</p>\n", said.join(" ")),
    }
}

fn by_class(classes: &[ClassResult]) -> String {
    let title = classes.first().map_or("accuracy", |class| class.headline().0);
    let rows = classes.iter().map(|class| {
        vec![
            class.class.clone(),
            human::count(class.images),
            human::percent(class.headline().1),
        ]
    });
    let table = table(&["class", "test images", title], 1, rows);
    if classes.len() <= OPEN_CLASSES {
        return table;
    }
    format!(
        "<details><summary>All {} classes</summary>\n{table}</details>\n",
        classes.len()
    )
}

/// A row for each true class, a column for each that it was taken for; the diagonal is marked.
fn matrix(ConfusionMatrix { classes, matrix }: &ConfusionMatrix) -> String {
    let head = classes.iter().map(|name| format!("<th>{}</th>", escape(name)));
    let rows = classes
        .iter()
        .zip(matrix)
        .enumerate()
        .map(|(place, (name, row))| {
            let cells = row.iter().enumerate().map(|(column, &images)| {
                let is_right = if column == place { " class=\"right\"" } else { "" };
                let images = if images == 0 {
                    String::new()
                } else {
                    human::count(images)
                };
                format!("<td{is_right}>{images}</td>")
            });
            format!(
                "<tr><td class=\"word\">{}</td>{}</tr>\n",
                escape(name),
                cells.collect::<String>()
            )
        });
    format!(
        "<div class=\"card scroll\"><table>\n<thead><tr><th class=\"word\">shows, taken for</th>{}</tr></thead>\n<tbody>\n{}</tbody>\n\
         </table></div>\n",
        head.collect::<String>(),
        rows.collect::<String>()
    )
}

fn pairs(details: &Details) -> String {
    let rows = details.most_confused.iter().map(|pair| {
        vec![
            pair.truth.clone(),
            pair.prediction.clone(),
            human::count(pair.images),
        ]
    });
    table(&["shows", "taken for", "test images"], 2, rows)
}

fn worst(mistakes: &[Mistake]) -> String {
    let rows = mistakes.iter().map(|mistake| {
        vec![
            mistake.file.clone(),
            mistake.truth.clone(),
            mistake.prediction.clone(),
            human::percent(100.0 * mistake.probability),
            human::percent(100.0 * mistake.probability_of_truth),
        ]
    });
    let titles = [
        "picture",
        "shows",
        "taken for",
        "probability",
        "probability of the truth",
    ];
    table(&titles, 3, rows)
}

/// A table whose first columns are words.
fn table(titles: &[&str], words: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let class = |column: usize| if column < words { " class=\"word\"" } else { "" };
    let head = titles
        .iter()
        .enumerate()
        .map(|(column, title)| format!("<th{}>{}</th>", class(column), escape(title)));
    let rows = rows.map(|row| {
        let cells = row
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("<td{}>{}</td>", class(column), escape(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    });
    format!(
        "<div class=\"card scroll\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        head.collect::<String>(),
        rows.collect::<String>()
    )
}
