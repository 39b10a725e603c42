//! The annotations of a COCO file, held to the images and categories that they name.

use std::collections::HashMap;

use crate::annotated::{Outline, RawObject, Reporter, settled};
use crate::coco::{CocoAnnotation, CocoAnnotations, Segmentation};
use crate::{BoundingBox, ObjectNotes, Polygon};

/// What is to be known of outlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlines {
    /// Every object needs one.
    Needed,
    /// Boxes are enough: a fault of an outline is told, and the box is used.
    Told,
    /// The same, and encoded masks are not looked at.
    PassedOver,
}

/// The objects of each image, in the order of the file.
pub(super) fn by_image(
    file: &CocoAnnotations,
    outlines: Outlines,
    report: &mut Reporter,
) -> Vec<Vec<RawObject>> {
    let mut objects: Vec<Vec<RawObject>> = vec![Vec::new(); file.images.len()];
    let mut ids = HashMap::new();
    for (at, annotation) in file.annotations.iter().enumerate() {
        report.annotation(at, annotation.id);
        if let Some(earlier) = annotation.id.and_then(|id| ids.insert(id, at)) {
            report.error(
                "duplicate-id",
                annotation.id.unwrap_or_default(),
                &format!("annotation {earlier} (from 0) has the same id"),
                "give each annotation an id of its own",
            );
        }
        let Some(image) = file.image_of(annotation.image_id) else {
            report.error(
                "unknown-image",
                annotation.image_id,
                "there is no image of this id",
                "correct `image_id`, or remove the annotation",
            );
            continue;
        };
        let Some(class) = file.class_of(annotation.category_id) else {
            report.error(
                "class-out-of-range",
                annotation.category_id,
                "there is no category of this id",
                "correct `category_id`, or add the category",
            );
            continue;
        };
        let size = file.images[image].size();
        let Some(object) = object(annotation, class as u32, size, outlines, report) else {
            continue;
        };
        let sides = size.map(|size| size.map(|side| side as f64));
        let Some(object) = settled(object, sides, report) else {
            continue;
        };
        let is_same = |own: &RawObject| own.class == object.class && own.bounds == object.bounds;
        if !object.notes.crowd && objects[image].iter().any(is_same) {
            report.warning(
                "duplicate-box",
                format!("{:?}", annotation.bbox.unwrap_or_default()),
                "an earlier annotation of the image has the same box and class",
                "remove one of them",
            );
        }
        objects[image].push(object);
    }
    objects
}

fn object(
    annotation: &CocoAnnotation,
    class: u32,
    size: Option<[usize; 2]>,
    outlines: Outlines,
    report: &mut Reporter,
) -> Option<RawObject> {
    let segmentation = annotation.segmentation.as_ref().filter(|own| !is_empty(own));
    let outline = match segmentation {
        Some(segmentation) if outlines != Outlines::Needed && annotation.bbox.is_some() => {
            let is_told = outlines == Outlines::Told || matches!(segmentation, Segmentation::Polygons(_));
            if let Some(fault) = is_told.then(|| outline(segmentation, size).err()).flatten() {
                let fix = format!("{} (the box is used as it is)", fault.fix);
                report.warning(fault.kind, &fault.value, &fault.problem, &fix);
            }
            Outline::Box
        }
        Some(segmentation) => match outline(segmentation, size) {
            Ok(outline) => outline,
            Err(Fault {
                kind,
                value,
                problem,
                fix,
            }) => {
                if kind == WRONG_RUNS {
                    report.error(kind, &value, &problem, fix);
                } else {
                    report.left_out(kind, &value, &problem, fix);
                }
                return None;
            }
        },
        None if outlines == Outlines::Needed => {
            report.error(
                "box-without-outline",
                "",
                "the annotation has no `segmentation`, which instance segmentation needs",
                "outline the object, or take `task = \"detection\"`",
            );
            return None;
        }
        None => Outline::Box,
    };
    let bounds = match (annotation.bbox, &outline) {
        (Some([x, y, width, height]), _) => BoundingBox::new(x, y, x + width, y + height),
        (None, Outline::Polygons(polygons)) => {
            BoundingBox::around(polygons.iter().flat_map(|polygon| polygon.points.iter().copied()))?
        }
        (None, Outline::Runs(runs)) => {
            let [x, y, width, height] = runs.bounds();
            BoundingBox::new(x, y, x + width, y + height)
        }
        (None, Outline::Box) => {
            report.error(
                "box-missing",
                "",
                "the annotation has neither `bbox` nor `segmentation`",
                "add `bbox` ([x, y, width, height]), or remove the annotation",
            );
            return None;
        }
    };
    if annotation
        .area
        .is_some_and(|area| !area.is_finite() || area < 0.0)
    {
        report.error(
            "not-a-number",
            annotation.area.unwrap_or_default(),
            "`area` is no number of at least 0",
            "write the area in pixels, or leave the key out",
        );
        return None;
    }
    Some(RawObject {
        class,
        bounds,
        outline,
        notes: ObjectNotes {
            crowd: annotation.iscrowd,
            difficult: false,
            area: annotation.area,
        },
    })
}

/// Files of boxes alone have an empty list.
fn is_empty(segmentation: &Segmentation) -> bool {
    matches!(segmentation, Segmentation::Polygons(polygons) if polygons.iter().all(Vec::is_empty))
}

/// What is wrong with an outline.
struct Fault {
    kind: &'static str,
    value: String,
    problem: String,
    fix: &'static str,
}

/// The kind of fault of an encoded mask.
const WRONG_RUNS: &str = "wrong-runs";

fn outline(segmentation: &Segmentation, size: Option<[usize; 2]>) -> Result<Outline, Fault> {
    let Segmentation::Polygons(flats) = segmentation else {
        return match segmentation.mask(size) {
            Ok(runs) => Ok(Outline::Runs(runs)),
            Err(problem) => Err(Fault {
                kind: WRONG_RUNS,
                value: String::new(),
                problem,
                fix: "encode the mask again (`pycocotools.mask.encode`)",
            }),
        };
    };
    let mut polygons = Vec::with_capacity(flats.len());
    for flat in flats {
        let (points, rest) = flat.as_chunks::<2>();
        let problem = if !rest.is_empty() {
            Some(("odd-polygon", "x and y go in pairs"))
        } else if points.len() < 3 {
            Some(("few-points", "an outline has at least three corners"))
        } else {
            None
        };
        if let Some((kind, rule)) = problem {
            return Err(Fault {
                kind,
                value: format!("{flat:?}"),
                problem: format!("a polygon has {} numbers, and {rule}", flat.len()),
                fix: "draw the outline again, or remove it",
            });
        }
        polygons.push(Polygon {
            points: points.to_vec(),
        });
    }
    Ok(Outline::Polygons(polygons))
}
