//! A part of COCO with relative coordinates in text files: `SPLIT/images`, `SPLIT/boxes` (YOLO's lines), `SPLIT/instances` (a line for each
//! object: its category and a polygon) and `SPLIT/semantic` (a PNG file of labels), with the names in `classes-detection.txt`,
//! `classes-instance.txt` and `classes-semantic.txt`, `NUMBER NAME` a line. An image without a file of boxes has none; of the other two
//! kinds only images that have a file are taken.

use std::sync::Arc;

use super::Request;
use super::class_names::numbered;
use super::splits;
use super::tree::{Tree, file_name, stem};
use super::yolo::lines::{Classes, read_objects};
use crate::annotated::{Extent, LabelTable, Record, Records, Reporter, Truth};
use crate::{DataError, TargetKind};

/// The value of pixels that nobody labelled.
const UNLABELLED: i64 = 0;

/// The folder of annotations and the file of names of a kind.
fn parts(target: TargetKind) -> (&'static str, &'static str) {
    match target {
        TargetKind::Map => ("semantic", "classes-semantic.txt"),
        TargetKind::Instances => ("instances", "classes-instance.txt"),
        _ => ("boxes", "classes-detection.txt"),
    }
}

pub(super) fn is_at(tree: &Tree) -> bool {
    [TargetKind::Boxes, TargetKind::Instances, TargetKind::Map]
        .into_iter()
        .any(|target| tree.file(parts(target).1).is_some())
}

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let tree = &request.tree;
    let (folder, file) = parts(request.target);
    let split = split(request, folder)?;
    let mut names = names(request, file)?;
    let mut report = Reporter::new();
    let images = if request.target == TargetKind::Map {
        names.retain(|(number, _)| *number != UNLABELLED);
        maps(request, split, &names)?
    } else {
        objects(request, split, folder, &names, &mut report)?
    };
    let (class_ids, classes) = names.into_iter().unzip();
    Ok(Records {
        format: "COCO in text files",
        store: Arc::clone(&tree.store),
        images,
        classes,
        class_ids,
        target: request.target,
        findings: report.findings(),
        notes: Vec::new(),
        has_splits: true,
    })
}

fn split(request: &Request<'_>, folder: &str) -> Result<&'static str, DataError> {
    let there = |split: &str| {
        let has = |part: &str| request.tree.has_folder(&format!("{split}/{part}"));
        (has("images") && has(folder)).then_some(())
    };
    let found = splits::find(request.split, there);
    found
        .map(|(split, ())| split)
        .ok_or_else(|| splits::missing(request, "folders", there))
}

fn names(request: &Request<'_>, name: &str) -> Result<Vec<(i64, String)>, DataError> {
    let file = request
        .tree
        .file(name)
        .ok_or_else(|| request.wrong(name, "the file of the names of classes is missing"))?;
    numbered(&request.tree.text(file)?).map_err(|(line, problem)| DataError::Format {
        file: request.tree.source(file),
        place: format!("line {line}"),
        problem,
    })
}

/// The images that have a file of labels.
fn maps(request: &Request<'_>, split: &str, names: &[(i64, String)]) -> Result<Vec<Record>, DataError> {
    let ids: Result<Vec<u8>, _> = names.iter().map(|(number, _)| u8::try_from(*number)).collect();
    let ids = ids.map_err(|_| request.wrong("classes-semantic.txt", "a number is beyond 255"))?;
    let table = Arc::new(
        LabelTable::of_ids(ids, names.len())
            .ignoring(UNLABELLED as u8)
            .ignoring(255),
    );
    let tree = &request.tree;
    let record = |(name, image): (&str, &crate::file_store::StoredFile)| {
        let file = tree.file(&format!("{split}/semantic/{}.png", stem(file_name(name))))?;
        Some(Record {
            image: image.clone(),
            id: None,
            stated: None,
            truth: Truth::Map(file.clone(), Arc::clone(&table)),
        })
    };
    Ok(tree
        .images(&format!("{split}/images"))
        .filter_map(record)
        .collect())
}

fn objects(
    request: &Request<'_>,
    split: &str,
    folder: &str,
    names: &[(i64, String)],
    report: &mut Reporter,
) -> Result<Vec<Record>, DataError> {
    let tree = &request.tree;
    let ids: Vec<i64> = names.iter().map(|(number, _)| *number).collect();
    let classes = Classes {
        ids: &ids,
        names_in: parts(request.target).1,
    };
    let of_outlines = request.target == TargetKind::Instances;
    let mut records = Vec::new();
    for (name, image) in tree.images(&format!("{split}/images")) {
        let label = tree.file(&format!("{split}/{folder}/{}.txt", stem(file_name(name))));
        let objects = match label {
            Some(file) => {
                report.file(tree.source(file));
                read_objects(&tree.text(file)?, &classes, of_outlines, report)
            }
            // Nobody outlined the objects of this image.
            None if of_outlines => continue,
            None => Vec::new(),
        };
        records.push(Record {
            image: image.clone(),
            id: None,
            stated: None,
            truth: Truth::Objects(objects, Extent::Sides),
        });
    }
    Ok(records)
}
