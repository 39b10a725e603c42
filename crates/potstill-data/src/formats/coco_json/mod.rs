//! COCO's JSON as a data set: `coco:FILE?images=FOLDER`, a `.json` file, or a folder with the usual layout (`annotations/instances_SPLIT.json`
//! beside `SPLIT/` or `images/SPLIT/`; `SPLIT/_annotations.coco.json` among the images).

mod lines;
mod objects;
mod place;

use std::sync::Arc;

use self::lines::lines_of;
use self::objects::{Outlines, by_image};
pub(super) use self::place::is_at;
use self::place::{Place, image_named};
use super::Request;
use super::tree::Tree;
use crate::annotated::{Extent, Record, Records, Reporter, Truth};
use crate::coco::{CocoAnnotations, CocoImage};
use crate::file_store::StoredFile;
use crate::{DataError, TargetKind};

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let Place {
        annotations,
        bytes,
        tree,
        folder,
        has_splits,
    } = Place::find(request)?;
    let tree = tree.as_ref().unwrap_or(&request.tree);
    let mut report = Reporter::new();
    report.file(annotations.path.display().to_string());
    report.find_lines(move || lines_of(&bytes, "annotations"));
    if annotations.categories.is_empty() {
        report.error(
            "class-names",
            "",
            "there are no `categories`",
            "add the list of categories with their ids and names",
        );
    }
    report_twice(&annotations, &mut report);
    let outlines = match request.target {
        TargetKind::Instances => Outlines::Needed,
        _ if request.options.report_mistakes => Outlines::Told,
        _ => Outlines::PassedOver,
    };
    let mut objects = by_image(&annotations, outlines, &mut report);
    let mut images = Vec::with_capacity(annotations.images.len());
    for (at, image) in annotations.images.iter().enumerate() {
        report.place(format!("image {}", image.id));
        let Some(file) = file_of(image, tree, &folder, &mut report) else {
            continue;
        };
        images.push(Record {
            image: file,
            id: Some(image.id),
            stated: image.size(),
            truth: Truth::Objects(std::mem::take(&mut objects[at]), Extent::Pixels),
        });
    }
    let listed = tree.images(&folder).count();
    let notes = match listed.saturating_sub(images.len()) {
        0 => Vec::new(),
        more => vec![format!(
            "{more} of the {listed} images in the folder of images are not in {} and are left out",
            annotations.path.display()
        )],
    };
    Ok(Records {
        format: "COCO",
        store: Arc::clone(&tree.store),
        images,
        classes: annotations
            .categories
            .iter()
            .map(|category| category.name.clone())
            .collect(),
        class_ids: annotations
            .categories
            .iter()
            .map(|category| category.id)
            .collect(),
        target: request.target,
        findings: report.findings(),
        notes,
        has_splits,
    })
}

/// The file of an image.
fn file_of(image: &CocoImage, tree: &Tree, folder: &str, report: &mut Reporter) -> Option<StoredFile> {
    if let Some(file) = image_named(tree, folder, &image.file_name) {
        return Some(file.clone());
    }
    let inside = format!("{folder}/{}", image.file_name);
    match tree.file_by_case(inside.trim_start_matches('/')) {
        Some((name, _)) => report.error(
            "file-name-case",
            &image.file_name,
            &format!("the file is called {name}, which differs in upper and lower case"),
            "write the name as the file has it: other systems tell them apart",
        ),
        None => report.error(
            "image-missing",
            &image.file_name,
            "the image is not among the files",
            "add the file, name the folder of images (`coco:FILE?images=FOLDER`), or remove the entry",
        ),
    }
    None
}

/// Tells ids that two images or categories have.
fn report_twice(annotations: &CocoAnnotations, report: &mut Reporter) {
    let images = annotations.images.iter().map(|image| image.id);
    let categories = annotations.categories.iter().map(|category| category.id);
    let mut check = |what: &str, ids: Vec<i64>| {
        report.place(what);
        for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
            report.error(
                "duplicate-id",
                pair[0],
                &format!("two {what} have this id"),
                "give each an id of its own",
            );
        }
    };
    check("images", images.collect());
    check("categories", categories.collect());
}
