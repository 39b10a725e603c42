//! Objects held to the image that they are in.

use super::record::{Outline, RawObject};
use super::reporter::Reporter;
use crate::{BoundingBox, Polygon};

/// By which share of the image's side an edge may lie outside before that is told: files round.
const TOLERANCE: f64 = 1e-3;

/// The object with its box clipped to an image of these sides `[height, width]`, in the units of its coordinates; `None` where nothing of
/// it can be used. Tells the reporter what is wrong. Without sides nothing is clipped.
///
/// Outlines stay as they are: what fills them clips them.
pub(crate) fn settled(
    object: RawObject,
    sides: Option<[f64; 2]>,
    report: &mut Reporter,
) -> Option<RawObject> {
    let written = written(&object.bounds);
    let edges = edges(&object.bounds);
    if edges.iter().any(|edge| !edge.is_finite()) || !is_finite(&object.outline) {
        report.error(
            "not-a-number",
            written,
            "a coordinate is no finite number",
            "write the coordinate again, or remove the object",
        );
        return None;
    }
    if object.bounds.width() <= 0.0 || object.bounds.height() <= 0.0 {
        report.left_out(
            "box-without-area",
            written,
            "the box has no width or no height",
            "draw it again, or remove the object",
        );
        return None;
    }
    let Some([height, width]) = sides else {
        return Some(object);
    };
    let frame = if [height, width] == [1.0; 2] {
        "coordinates go from 0 to 1".to_owned()
    } else {
        format!("it has {height}x{width}, height x width")
    };
    let BoundingBox {
        left,
        top,
        right,
        bottom,
    } = object.bounds;
    let clipped = BoundingBox::new(
        left.clamp(0.0, width),
        top.clamp(0.0, height),
        right.clamp(0.0, width),
        bottom.clamp(0.0, height),
    );
    if clipped.area() <= 0.0 {
        report.left_out(
            "outside-of-image",
            written,
            &format!("all of the object lies outside of the image ({frame})"),
            "move it into the image, or remove it",
        );
        return None;
    }
    let beyond = (-left / width)
        .max(-top / height)
        .max(right / width - 1.0)
        .max(bottom / height - 1.0);
    if beyond > TOLERANCE {
        report.warning(
            "outside-of-image",
            written,
            &format!("a part of the object lies outside of the image ({frame}), and is clipped"),
            "move the corner into the image",
        );
    }
    Some(RawObject {
        bounds: clipped,
        ..object
    })
}

/// The edges x1, y1, x2, y2.
fn edges(bounds: &BoundingBox) -> [f64; 4] {
    [bounds.left, bounds.top, bounds.right, bounds.bottom]
}

/// A box as it is shown in messages.
fn written(bounds: &BoundingBox) -> String {
    let [left, top, right, bottom] = edges(bounds).map(|edge| {
        // Four digits behind the point, none of them idle.
        let text = format!("{edge:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    });
    format!("x1 {left}, y1 {top}, x2 {right}, y2 {bottom}")
}

fn is_finite(outline: &Outline) -> bool {
    let finite = |polygon: &Polygon| {
        polygon
            .points
            .as_flattened()
            .iter()
            .all(|value| value.is_finite())
    };
    match outline {
        Outline::Polygons(polygons) => polygons.iter().all(finite),
        Outline::Box | Outline::Runs(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::settled;
    use crate::annotated::{Outline, RawObject, Reporter, Severity};
    use crate::{BoundingBox, ObjectNotes};

    fn told(
        left: f64,
        top: f64,
        right: f64,
        bottom: f64,
    ) -> (Option<BoundingBox>, Option<(Severity, &'static str)>) {
        let mut report = Reporter::new();
        let object = RawObject {
            class: 0,
            bounds: BoundingBox::new(left, top, right, bottom),
            outline: Outline::Box,
            notes: ObjectNotes::default(),
        };
        let bounds = settled(object, Some([100.0, 200.0]), &mut report).map(|object| object.bounds);
        let findings = report.findings();
        let told = findings
            .list()
            .first()
            .map(|finding| (finding.severity, finding.kind));
        (bounds, told)
    }

    #[test]
    fn boxes_are_clipped_and_what_is_wrong_is_told() {
        let inside = BoundingBox::new(0.0, 0.0, 200.0, 100.0);
        assert_eq!(told(0.0, 0.0, 200.0, 100.0), (Some(inside), None));
        // A tenth of a pixel of a hundred is what rounding does.
        assert_eq!(told(-0.1, 0.0, 200.1, 100.05), (Some(inside), None));
        let outside = (Severity::Warning, "outside-of-image");
        assert_eq!(told(-0.3, 0.0, 200.0, 100.0), (Some(inside), Some(outside)));
        let gone = (Severity::LeftOut, "outside-of-image");
        assert_eq!(told(200.0, 0.0, 210.0, 100.0), (None, Some(gone)));
        let flat = (Severity::LeftOut, "box-without-area");
        assert_eq!(told(5.0, 5.0, 5.0, 9.0), (None, Some(flat)));
        assert_eq!(told(9.0, 5.0, 5.0, 9.0), (None, Some(flat)));
        let number = (Severity::Error, "not-a-number");
        assert_eq!(told(f64::NAN, 5.0, 5.0, 9.0), (None, Some(number)));
    }
}
