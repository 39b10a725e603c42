//! The annotations of a COCO file, held to the images and categories that they name.

use std::collections::HashMap;

use crate::annotated::{Outline, RawObject, Reporter, settled};
use crate::coco::{CocoAnnotation, CocoAnnotations, Segmentation};
use crate::{BoundingBox, ObjectNotes, Polygon};

/// The objects of each image, in the order of the file.
pub(super) fn by_image(
    file: &CocoAnnotations,
    lines: &[usize],
    needs_outlines: bool,
    report: &mut Reporter,
) -> Vec<Vec<RawObject>> {
    let mut objects: Vec<Vec<RawObject>> = vec![Vec::new(); file.images.len()];
    let mut ids = HashMap::new();
    for (at, annotation) in file.annotations.iter().enumerate() {
        let id = annotation.id.map_or(String::new(), |id| format!(" (id {id})"));
        report.annotation(format!("annotation {at}{id}"), lines.get(at).copied());
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
        let Some(object) = object(annotation, class as u32, size, needs_outlines, report) else {
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
    needs_outlines: bool,
    report: &mut Reporter,
) -> Option<RawObject> {
    let outline = match annotation.segmentation.as_ref().filter(|own| !is_empty(own)) {
        Some(segmentation) => outline(segmentation, size, report)?,
        None if needs_outlines => {
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

fn outline(segmentation: &Segmentation, size: Option<[usize; 2]>, report: &mut Reporter) -> Option<Outline> {
    let Segmentation::Polygons(flats) = segmentation else {
        return match segmentation.mask(size) {
            Ok(runs) => Some(Outline::Runs(runs)),
            Err(problem) => {
                report.error(
                    "wrong-runs",
                    "",
                    &problem,
                    "encode the mask again (`pycocotools.mask.encode`)",
                );
                None
            }
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
            let problem = format!("a polygon has {} numbers, and {rule}", flat.len());
            report.left_out(
                kind,
                format!("{flat:?}"),
                &problem,
                "draw the outline again, or remove it",
            );
            return None;
        }
        polygons.push(Polygon {
            points: points.to_vec(),
        });
    }
    Some(Outline::Polygons(polygons))
}
