//! The lines of a label file of YOLO: `class cx cy w h`, or `class x1 y1 x2 y2 ...`, an outline; relative to the sides of the image.

use crate::annotated::{Outline, RawObject, Reporter, settled};
use crate::{BoundingBox, ObjectNotes, Polygon};

/// The classes that lines may name.
pub(in crate::formats) struct Classes<'a> {
    /// The number of each class.
    pub ids: &'a [i64],
    /// Where the names are, for messages.
    pub names_in: &'a str,
}

/// The objects of a file; lines that are wrong are told to the reporter. Where outlines are needed a line with a box is a mistake.
pub(in crate::formats) fn read_objects(
    text: &str,
    classes: &Classes<'_>,
    needs_outlines: bool,
    report: &mut Reporter,
) -> Vec<RawObject> {
    if report_pixels(text, report) {
        return Vec::new();
    }
    let mut objects: Vec<RawObject> = Vec::new();
    let mut seen: Vec<(usize, usize)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        report.line(at + 1);
        let Some(object) = object(line, classes, needs_outlines, report) else {
            continue;
        };
        let Some(object) = settled(object, Some([1.0, 1.0]), report) else {
            continue;
        };
        if let Some((_, earlier)) = seen.iter().find(|(own, _)| objects[*own] == object) {
            report.warning(
                "duplicate-box",
                line.trim(),
                &format!("the same object is on line {earlier}"),
                "remove one of the lines",
            );
        }
        seen.push((objects.len(), at + 1));
        objects.push(object);
    }
    objects
}

/// Tells a file whose coordinates are pixels, once.
fn report_pixels(text: &str, report: &mut Reporter) -> bool {
    let mut first = None;
    for (at, line) in text.lines().enumerate() {
        let fields: Option<Vec<f64>> = line
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().ok())
            .collect();
        let Some(fields) = fields else { return false };
        if fields.is_empty() {
            continue;
        }
        // An object at the very edge of the image may have a 0 or a 1.
        if fields.iter().any(|&field| field > 0.0 && field <= 1.0) || !fields.iter().any(|&field| field > 1.0)
        {
            return false;
        }
        first.get_or_insert((at + 1, line.trim()));
    }
    let Some((line, value)) = first else { return false };
    report.line(line);
    report.error(
        "pixel-coordinates",
        value,
        "all coordinates of the file are above 1: these look like pixels",
        "divide x and widths by the width of the image, y and heights by its height",
    );
    true
}

fn object(
    line: &str,
    classes: &Classes<'_>,
    needs_outlines: bool,
    report: &mut Reporter,
) -> Option<RawObject> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (class, numbers) = fields.split_first()?;
    let class = class_of(class, classes, report)?;
    let mut values = Vec::with_capacity(numbers.len());
    for number in numbers {
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => {
                report.error(
                    "not-a-number",
                    number,
                    "a coordinate is no finite number",
                    "write the coordinate again, or remove the line",
                );
                return None;
            }
        }
    }
    let (bounds, outline) = match values.as_slice() {
        &[cx, cy, width, height] if !needs_outlines => (centred([cx, cy, width, height]), Outline::Box),
        &[_, _, _, _] => {
            report.error(
                "box-without-outline",
                line.trim(),
                "the line has a box where an outline is needed",
                "outline the object (`class x1 y1 x2 y2 x3 y3 ...`), or take `task = \"detection\"`",
            );
            return None;
        }
        outline => polygon(outline, line, report)?,
    };
    Some(RawObject {
        class,
        bounds,
        outline,
        notes: ObjectNotes::default(),
    })
}

/// The box about a centre.
fn centred([x, y, width, height]: [f64; 4]) -> BoundingBox {
    BoundingBox::new(
        x - width / 2.0,
        y - height / 2.0,
        x + width / 2.0,
        y + height / 2.0,
    )
}

/// The outline of these numbers with its box.
fn polygon(numbers: &[f64], line: &str, report: &mut Reporter) -> Option<(BoundingBox, Outline)> {
    let (points, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        report.error(
            "odd-polygon",
            line.trim(),
            &format!("there are {} coordinates, and x and y go in pairs", numbers.len()),
            "a line is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`; add what is missing",
        );
        return None;
    }
    if points.len() < 3 {
        report.error(
            "few-points",
            line.trim(),
            &format!(
                "there are {} coordinates: four make a box, six or more an outline",
                numbers.len()
            ),
            "a line is `class cx cy w h` or `class x1 y1 x2 y2 x3 y3 ...`; add what is missing",
        );
        return None;
    }
    let bounds = BoundingBox::around(points.iter().copied())?;
    let polygon = Polygon {
        points: points.to_vec(),
    };
    Some((bounds, Outline::Polygons(vec![polygon])))
}

/// The place of a class among those there are.
fn class_of(text: &str, classes: &Classes<'_>, report: &mut Reporter) -> Option<u32> {
    let number: Option<i64> = match text.parse() {
        Ok(number) => Some(number),
        // Some tools write `3.0`.
        Err(_) => text
            .parse::<f64>()
            .ok()
            .filter(|value| value.fract() == 0.0)
            .map(|value| value as i64),
    };
    let Some(number) = number else {
        report.error(
            "class-out-of-range",
            text,
            "the class is no whole number",
            &format!("a line starts with the number of a class in {}", classes.names_in),
        );
        return None;
    };
    let place = classes.ids.iter().position(|&id| id == number);
    if place.is_none() {
        let (first, last) = (classes.ids.first(), classes.ids.last());
        let range = match (first, last) {
            (Some(first), Some(last)) => format!(
                "the class is none of the {}, {first} to {last}",
                classes.ids.len()
            ),
            _ => "there are no classes".to_owned(),
        };
        report.error(
            "class-out-of-range",
            text,
            &range,
            &format!("correct the class, or add its name to {}", classes.names_in),
        );
    }
    place.map(|place| place as u32)
}

#[cfg(test)]
mod tests {
    use super::{Classes, read_objects};
    use crate::BoundingBox;
    use crate::annotated::{Outline, RawObject, Reporter};

    fn read(text: &str, needs_outlines: bool) -> (Vec<RawObject>, Vec<(&'static str, Option<usize>)>) {
        let classes = Classes {
            ids: &[0, 1, 7],
            names_in: "data.yaml",
        };
        let mut report = Reporter::new();
        let objects = read_objects(text, &classes, needs_outlines, &mut report);
        let findings = report.findings();
        let told = findings.list().iter().map(|finding| (finding.kind, finding.line));
        (objects, told.collect())
    }

    #[test]
    fn boxes_and_outlines_are_read() {
        let (objects, told) = read("7 0.5 0.25 0.5 0.5\n\n1 0.1 0.2 0.3 0.2 0.3 0.6\n", false);
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(
            (objects[0].class, objects[0].bounds),
            (2, BoundingBox::new(0.25, 0.0, 0.75, 0.5))
        );
        assert_eq!(objects[0].outline, Outline::Box);
        assert_eq!(
            (objects[1].class, objects[1].bounds),
            (1, BoundingBox::new(0.1, 0.2, 0.3, 0.6))
        );
        assert_eq!(read("1 0.1 0.2 0.3 0.2 0.3 0.6", true).0, objects[1..]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let one = |text: &str| {
            let (_, told) = read(&format!("0 0.5 0.5 0.2 0.2\n{text}\n"), false);
            assert_eq!(told.len(), 1, "{text}: {told:?}");
            assert_eq!(told[0].1, Some(2), "{text}");
            told[0].0
        };
        assert_eq!(one("2 0.5 0.5 0.1 0.1"), "class-out-of-range");
        assert_eq!(one("cat 0.5 0.5 0.1 0.1"), "class-out-of-range");
        assert_eq!(one("0 0.5 nan 0.1 0.1"), "not-a-number");
        assert_eq!(one("0 0.5 0.5 0 0.1"), "box-without-area");
        assert_eq!(one("0 0.5 0.5 -0.1 0.1"), "box-without-area");
        assert_eq!(one("0 0.95 0.5 0.2 0.1"), "outside-of-image");
        assert_eq!(one("0 0.1 0.1 0.2 0.1 0.2"), "odd-polygon");
        assert_eq!(one("0 0.1 0.1"), "few-points");
        assert_eq!(one("0 0.5 0.5 0.2 0.2"), "duplicate-box");
        let (_, told) = read("0 0.5 0.5 0.2 0.2\n", true);
        assert_eq!(told[0].0, "box-without-outline");
    }

    #[test]
    fn coordinates_in_pixels_are_told_once() {
        let (objects, told) = read("0 50 60 20 30\n1 150 160 20 30\n", false);
        assert_eq!((objects.len(), told), (0, vec![("pixel-coordinates", Some(1))]));
        // One of them alone is outside of the image, no sign of pixels.
        let (_, told) = read("0 0.5 0.5 0.2 0.2\n1 150 160 20 30\n", false);
        assert_eq!(told, [("outside-of-image", Some(2))]);
    }
}
