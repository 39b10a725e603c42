//! One XML file of VOC.

use roxmltree::{Document, Node};

use crate::annotated::{Outline, RawObject, Reporter};
use crate::{BoundingBox, ObjectNotes};

/// What a file says.
pub(super) struct Annotation {
    pub file_name: Option<String>,
    /// Height and width of the image.
    pub size: Option<[usize; 2]>,
    pub objects: Vec<Named>,
}

/// An object whose class has no number yet.
pub(super) struct Named {
    pub name: String,
    /// The line of its element, from 1.
    pub line: usize,
    pub raw: RawObject,
}

/// Reads a file; what is wrong is told to the reporter. `None` if it is no XML.
pub(super) fn read_annotation(text: &str, report: &mut Reporter) -> Option<Annotation> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            report.line(error.pos().row as usize);
            report.error(
                "no-xml",
                "",
                &format!("the file is no XML: {error}"),
                "write the file again",
            );
            return None;
        }
    };
    let root = document.root_element();
    let size = child(root, "size").and_then(|size| {
        let side = |name| text_of(size, name)?.parse::<f64>().ok().map(|side| side as usize);
        // Some tools write 0 where they do not know.
        Some([side("height")?, side("width")?]).filter(|size| !size.contains(&0))
    });
    let elements = root.children().filter(|node| node.has_tag_name("object"));
    let objects = elements.filter_map(|node| {
        report.line(document.text_pos_at(node.range().start).row as usize);
        object(&document, node, report)
    });
    Some(Annotation {
        objects: objects.collect(),
        file_name: text_of(root, "filename").map(str::to_owned),
        size,
    })
}

fn object(document: &Document<'_>, node: Node<'_, '_>, report: &mut Reporter) -> Option<Named> {
    let line = document.text_pos_at(node.range().start).row as usize;
    let Some(name) = text_of(node, "name").filter(|name| !name.is_empty()) else {
        report.error(
            "class-missing",
            "",
            "the object has no `name`",
            "add the name of its class",
        );
        return None;
    };
    let Some(corners) = child(node, "bndbox") else {
        report.error(
            "box-missing",
            name,
            "the object has no `bndbox`",
            "add its box, or remove the object",
        );
        return None;
    };
    let mut edges = [0.0; 4];
    for (edge, key) in edges.iter_mut().zip(["xmin", "ymin", "xmax", "ymax"]) {
        let text = text_of(corners, key).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => *edge = value,
            _ => {
                report.error(
                    "not-a-number",
                    text,
                    &format!("`{key}` is no finite number"),
                    "write the coordinate again, or remove the object",
                );
                return None;
            }
        }
    }
    let [left, top, right, bottom] = edges;
    for (low, high, axis) in [(left, right, "x"), (top, bottom, "y")] {
        if low > high {
            report.left_out(
                "corners-swapped",
                format!("{axis}min {low}, {axis}max {high}"),
                &format!("`{axis}min` is above `{axis}max`"),
                "swap the two corners",
            );
            return None;
        }
    }
    Some(Named {
        name: name.to_owned(),
        line,
        raw: RawObject {
            class: 0,
            // Corners are the numbers of the outermost pixels, from 1.
            bounds: BoundingBox::new(left - 1.0, top - 1.0, right, bottom),
            outline: Outline::Box,
            notes: ObjectNotes {
                difficult: text_of(node, "difficult").is_some_and(|text| text == "1"),
                ..ObjectNotes::default()
            },
        },
    })
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|node| node.has_tag_name(name))
}

/// The text of an element within another.
fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::read_annotation;
    use crate::BoundingBox;
    use crate::annotated::Reporter;

    #[test]
    fn corners_count_pixels_from_one() {
        let text = "<annotation><filename>1.jpg</filename><size><width>40</width><height>30</height><depth>3</depth></size>\n\
                    <object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>40</xmax>\
                    <ymax>30</ymax></bndbox></object></annotation>";
        let mut report = Reporter::new();
        let read = read_annotation(text, &mut report).unwrap();
        assert_eq!(
            (read.file_name.as_deref(), read.size),
            (Some("1.jpg"), Some([30, 40]))
        );
        let object = &read.objects[0];
        assert_eq!((object.name.as_str(), object.line), ("dog", 2));
        assert_eq!(object.raw.bounds, BoundingBox::new(0.0, 10.0, 40.0, 30.0));
        assert!(object.raw.notes.difficult && report.findings().list().is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let told = |object: &str| {
            let mut report = Reporter::new();
            read_annotation(&format!("<annotation>\n\n{object}</annotation>"), &mut report);
            let findings = report.findings();
            let finding = &findings.list()[0];
            assert_eq!(finding.line, Some(3), "{finding}");
            finding.kind
        };
        let boxed = |x: &str| {
            format!(
                "<object><name>a</name><bndbox><xmin>9</xmin><ymin>1</ymin><xmax>{x}</xmax><ymax>3</ymax></bndbox></object>"
            )
        };
        assert_eq!(told(&boxed("5")), "corners-swapped");
        assert_eq!(told(&boxed("five")), "not-a-number");
        assert_eq!(told("<object><name>a</name></object>"), "box-missing");
        assert_eq!(told("<object></object>"), "class-missing");
        assert_eq!(told("<object>"), "no-xml");
    }
}
