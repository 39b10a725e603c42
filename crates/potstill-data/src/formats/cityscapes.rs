//! Cityscapes: `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` beside `gtFine/SPLIT/CITY/*_gtFine_labelIds.png` and `*_gtFine_instanceIds.png`
//! (16 bits, id * 1000 + number). Its ids become the 19 train ids that everybody measures by; all others are ignored.

use std::sync::Arc;

use super::Request;
use super::splits;
use super::tree::{Tree, file_name};
use crate::annotated::{LabelTable, Record, Records, Reporter, Truth};
use crate::{DataError, Split, TargetKind};

/// The classes with their ids, in the order of the train ids (cityscapesScripts, `helpers/labels.py`).
const CLASSES: [(u8, &str); 19] = [
    (7, "road"),
    (8, "sidewalk"),
    (11, "building"),
    (12, "wall"),
    (13, "fence"),
    (17, "pole"),
    (19, "traffic light"),
    (20, "traffic sign"),
    (21, "vegetation"),
    (22, "terrain"),
    (23, "sky"),
    (24, "person"),
    (25, "rider"),
    (26, "car"),
    (27, "truck"),
    (28, "bus"),
    (31, "train"),
    (32, "motorcycle"),
    (33, "bicycle"),
];

/// From here on classes are things, which have instances.
const FIRST_THING: u8 = 24;

const IMAGE: &str = "_leftImg8bit.png";

/// The ids of the classes.
pub(crate) fn ids() -> [u8; 19] {
    CLASSES.map(|(id, _)| id)
}

pub(super) fn is_at(tree: &Tree) -> bool {
    tree.has_folder("leftImg8bit") && tree.has_folder("gtFine")
}

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let tree = &request.tree;
    let split = split(request)?;
    let of_things = request.target != TargetKind::Map;
    let classes: Vec<(u8, &str)> = CLASSES
        .into_iter()
        .filter(|(id, _)| !of_things || *id >= FIRST_THING)
        .collect();
    let ids = classes.iter().map(|(id, _)| *id);
    let table = Arc::new(LabelTable::of_ids(ids, classes.len()).others_ignored());
    let kind = if of_things { "instanceIds" } else { "labelIds" };
    let mut report = Reporter::new();
    let mut images = Vec::new();
    for (name, image) in tree.images(&format!("leftImg8bit/{split}")) {
        let Some(inside) = name
            .strip_prefix("leftImg8bit/")
            .and_then(|name| name.strip_suffix(IMAGE))
        else {
            continue;
        };
        let labels = format!("gtFine/{inside}_gtFine_{kind}.png");
        report.file(tree.source(image));
        match tree.file(&labels) {
            Some(file) => {
                let file = file.clone();
                images.push(Record {
                    image: image.clone(),
                    id: None,
                    stated: None,
                    truth: if of_things {
                        Truth::InstanceIds(file, Arc::clone(&table))
                    } else {
                        Truth::Map(file, Arc::clone(&table))
                    },
                });
            }
            None => report.left_out(
                "image-without-label",
                "",
                &format!("it has no file {}", file_name(&labels)),
                &format!("add {labels}, or remove the image"),
            ),
        }
    }
    unused_labels(tree, split, kind, &mut report);
    Ok(Records {
        format: "Cityscapes",
        store: Arc::clone(&tree.store),
        images,
        classes: classes.iter().map(|(_, name)| (*name).to_owned()).collect(),
        class_ids: classes.iter().map(|(id, _)| i64::from(*id)).collect(),
        target: request.target,
        findings: report.findings(),
        notes: Vec::new(),
        has_splits: true,
    })
}

/// The folder of the split. The labels of Cityscapes' test images are not public, so that its validation images test.
fn split(request: &Request<'_>) -> Result<&'static str, DataError> {
    let there = |folder: &str| {
        let is_there = request.tree.has_folder(&format!("leftImg8bit/{folder}"));
        is_there.then_some(())
    };
    let asked = match request.split {
        Split::Test => Split::Validation,
        other => other,
    };
    let found = splits::find(asked, there).or_else(|| splits::find(request.split, there));
    found
        .map(|(folder, ())| folder)
        .ok_or_else(|| splits::missing(request, "leftImg8bit", there))
}

fn unused_labels(tree: &Tree, split: &str, kind: &str, report: &mut Reporter) {
    let suffix = format!("_gtFine_{kind}.png");
    for (name, file) in tree.below(&format!("gtFine/{split}")) {
        let Some(inside) = name
            .strip_prefix("gtFine/")
            .and_then(|name| name.strip_suffix(&suffix))
        else {
            continue;
        };
        let image = format!("leftImg8bit/{inside}{IMAGE}");
        if tree.file(&image).is_none() {
            report.file(tree.source(file));
            let fix = format!("add {image}, or remove the file");
            report.left_out("label-without-image", "", "there is no image of this name", &fix);
        }
    }
}
