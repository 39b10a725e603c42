//! What an evaluation tells beyond its metrics, as short tables for a terminal.

use std::fmt::Write;

use potstill_metrics::{ClassResult, ConfusionMatrix, Details, Unit};

use crate::human;

/// Longer lists of classes are cut to their worst.
const CLASSES: usize = 20;
/// The width of names; longer ones are cut.
const NAME: usize = 24;
/// Larger tables of all pairs are left to JSON and to the report.
const TABLE: usize = 12;

/// What an evaluation tells beyond its metrics, as short tables: nothing of what was not measured.
pub fn details_text(details: &Details) -> String {
    let parts = [
        numbers(details),
        by_class(&details.by_class),
        confusion(details),
        worst(details),
    ];
    parts.concat()
}

fn numbers(details: &Details) -> String {
    let mut text = String::new();
    if let Some(calibration) = &details.calibration {
        let ece = human::percent(calibration.ece);
        let _ = writeln!(text, "calibration error {ece}  (ECE of 15 bins)");
    }
    if let Some(agreement) = &details.agreement {
        let (same, divergence) = (human::percent(agreement.top1), agreement.divergence);
        let _ = writeln!(
            text,
            "agreement with the teacher {same}  KL {}",
            Unit::Nats.number(divergence)
        );
    }
    text
}

/// A line for each class, or for the worst of many.
fn by_class(classes: &[ClassResult]) -> String {
    let value = |class: &ClassResult| class.headline().1;
    let mut shown: Vec<&ClassResult> = classes.iter().collect();
    let Some((title, _)) = classes.first().map(ClassResult::headline) else {
        return String::new();
    };
    let mut text = String::new();
    if classes.len() > CLASSES {
        shown.sort_by(|a, b| value(a).total_cmp(&value(b)));
        shown.truncate(CLASSES);
        let _ = writeln!(text, "\nthe worst {CLASSES} of {} classes", classes.len());
    } else {
        text.push('\n');
    }
    let names: Vec<String> = shown.iter().map(|class| cut(&class.class)).collect();
    let width = width(&names).max("class".len());
    let _ = writeln!(text, "{:<width$}  {:>7}  {title:>8}", "class", "images");
    for (name, class) in names.iter().zip(&shown) {
        let (images, percent) = (human::count(class.images), human::percent(value(class)));
        let _ = writeln!(text, "{name:<width$}  {images:>7}  {percent:>8}");
    }
    text
}

/// The whole table of few classes, or the pairs that are confused most often.
fn confusion(details: &Details) -> String {
    match &details.confusion {
        Some(confusion) if confusion.classes.len() <= TABLE => table(confusion),
        _ => pairs(details),
    }
}

fn table(ConfusionMatrix { classes, matrix }: &ConfusionMatrix) -> String {
    let names: Vec<String> = classes.iter().map(|name| cut(name)).collect();
    let first = width(&names);
    let counts = matrix
        .iter()
        .flatten()
        .map(|count| count.to_string().chars().count());
    let width = counts.max().unwrap_or(0).max(8);
    let mut text =
        "\nconfusion: a row for what images show, a column for what they were taken for\n".to_owned();
    let head = names
        .iter()
        .map(|name| format!("  {:>width$}", start(name, width)));
    let _ = writeln!(text, "{:<first$}{}", "", head.collect::<String>());
    for (name, row) in names.iter().zip(matrix) {
        let cells = row.iter().map(|count| match count {
            0 => format!("  {:>width$}", "."),
            count => format!("  {count:>width$}"),
        });
        let _ = writeln!(text, "{name:<first$}{}", cells.collect::<String>());
    }
    text
}

fn pairs(details: &Details) -> String {
    if details.most_confused.is_empty() {
        return String::new();
    }
    let mut text = "\nconfused most often\n".to_owned();
    for pair in &details.most_confused {
        let _ = writeln!(
            text,
            "{:>7}  {} taken for {}",
            human::count(pair.images),
            pair.truth,
            pair.prediction
        );
    }
    text
}

fn worst(details: &Details) -> String {
    if details.worst.is_empty() {
        return String::new();
    }
    let mut text = "\nmost wrong\n".to_owned();
    for mistake in &details.worst {
        let probability = human::percent(100.0 * mistake.probability);
        let of_truth = human::percent(100.0 * mistake.probability_of_truth);
        let _ = writeln!(
            text,
            "{}: {} taken for {} with {probability} (the truth {of_truth})",
            mistake.file, mistake.truth, mistake.prediction
        );
    }
    text
}

fn width(names: &[String]) -> usize {
    let widths = names.iter().map(|name| name.chars().count());
    widths.max().unwrap_or(0)
}

/// A name that is not longer than a column.
fn cut(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    start(name, NAME - 1) + "…"
}

fn start(name: &str, length: usize) -> String {
    name.chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use potstill_metrics::{Calibration, ClassResult, Confusion, Details, Mistake};

    use super::details_text;

    fn details(names: &[String], pairs: &[(u32, u32)]) -> Details {
        let (mut confusion, mut calibration) = (Confusion::default(), Calibration::default());
        for &(truth, prediction) in pairs {
            confusion.add(truth, prediction);
            calibration.add(0.9, truth == prediction);
        }
        Details {
            by_class: confusion.by_class(names),
            confusion: confusion.matrix(names),
            most_confused: confusion.most_confused(names, 10),
            calibration: calibration.report(),
            ..Details::default()
        }
    }

    #[test]
    fn few_classes_are_told_whole() {
        let names = ["cat", "dog"].map(String::from);
        let mut details = details(&names, &[(0, 0), (0, 1), (1, 1)]);
        details.worst = vec![Mistake {
            index: 1,
            file: "cat/1.png".into(),
            truth: "cat".into(),
            prediction: "dog".into(),
            probability: 0.875,
            probability_of_truth: 0.125,
        }];
        let expected = "\
calibration error 23.33 %  (ECE of 15 bins)

class   images  accuracy
cat          2   50.00 %
dog          1  100.00 %

confusion: a row for what images show, a column for what they were taken for
          cat       dog
cat         1         1
dog         .         1

most wrong
cat/1.png: cat taken for dog with 87.50 % (the truth 12.50 %)
";
        assert_eq!(details_text(&details), expected);
    }

    #[test]
    fn of_many_classes_the_worst_are_told() {
        let names: Vec<String> = (0..30).map(|class| format!("class {class}")).collect();
        let pairs: Vec<(u32, u32)> = (0..30)
            .map(|class| (class, if class == 7 { 8 } else { class }))
            .collect();
        let text = details_text(&details(&names, &pairs));
        assert!(text.contains("the worst 20 of 30 classes"), "{text}");
        assert!(text.contains("      1  class 7 taken for class 8"), "{text}");
        assert!(text.lines().nth(4).unwrap().starts_with("class 7 "), "{text}");
    }

    #[test]
    fn nothing_is_said_of_what_was_not_measured() {
        assert_eq!(details_text(&Details::default()), "");
        let precision = ClassResult {
            class: "a name that is far too long for a column".into(),
            images: 3,
            accuracy: None,
            average_precision: Some(25.0),
            iou: None,
        };
        let details = Details {
            by_class: vec![precision],
            ..Details::default()
        };
        let text = details_text(&details);
        assert!(
            text.contains("AP") && text.contains("a name that is far too …"),
            "{text}"
        );
    }
}
