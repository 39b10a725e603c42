//! VOC's files of pixels: the class of each, and the object of each.

use std::sync::Arc;

use super::super::Request;
use super::super::class_names::ClassNames;
use super::super::tree::{file_name, stem};
use super::{CLASSES, MAPS, OBJECTS, Wanted};
use crate::annotated::{LabelTable, Record, Records, Reporter, Truth};
use crate::{DataError, TargetKind};

/// The images that have a class map, and for instances a map of objects beside it.
pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let tree = &request.tree;
    let of_objects = request.target == TargetKind::Instances;
    let wanted = Wanted::of(request, "ImageSets/Segmentation")?;
    let classes = classes(request)?;
    let table = LabelTable::plain(classes.names.len(), classes.ignore);
    let table = Arc::new(if of_objects { table.without_first() } else { table });
    let mut report = Reporter::new();
    let mut images = Vec::new();
    let is_map = |name: &str| name.to_lowercase().ends_with(".png");
    let folder = if of_objects { OBJECTS } else { MAPS };
    for (name, file) in tree
        .below(folder)
        .filter(|(name, _)| is_map(name) && wanted.has(name))
    {
        let own = file_name(stem(name));
        let map = if of_objects {
            tree.file(&format!("{MAPS}/{}", file_name(name)))
        } else {
            Some(file)
        };
        match (tree.image(&format!("JPEGImages/{own}")), map) {
            (Some(image), Some(map)) => images.push(Record {
                image: image.clone(),
                id: None,
                stated: None,
                truth: if of_objects {
                    Truth::ObjectNumbers(file.clone(), map.clone(), Arc::clone(&table))
                } else {
                    Truth::Map(map.clone(), Arc::clone(&table))
                },
            }),
            (image, _) => {
                report.file(tree.source(file));
                let (kind, problem, fix) = match image {
                    None => (
                        "label-without-image",
                        "its image is not there",
                        "add the image, or remove the file",
                    ),
                    Some(_) => (
                        "objects-without-classes",
                        "it has no file of classes",
                        "add the file of the same name to SegmentationClass, or remove this one",
                    ),
                };
                report.left_out(kind, "", problem, fix);
            }
        }
    }
    // The background is no object.
    let names = classes.names.into_iter().skip(usize::from(of_objects));
    Ok(Records {
        format: "VOC",
        store: Arc::clone(&tree.store),
        images,
        classes: names.collect(),
        class_ids: Vec::new(),
        target: request.target,
        findings: report.findings(),
        notes: Vec::new(),
        has_splits: wanted != Wanted::All,
    })
}

/// The names that are given, the background first, or VOC's.
fn classes(request: &Request<'_>) -> Result<ClassNames, DataError> {
    Ok(match ClassNames::find(&request.tree, request.options)? {
        Some(given) => given,
        None => ClassNames {
            names: std::iter::once("background")
                .chain(CLASSES)
                .map(str::to_owned)
                .collect(),
            ignore: None,
        },
    })
}
