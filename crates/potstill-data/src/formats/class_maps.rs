//! Images with a PNG file of labels for each: `SPLIT/images/NAME.jpg` and `SPLIT/labels/NAME.png`, or `images/SPLIT` and `labels/SPLIT`, or
//! without splits. Names of classes are in `classes.txt`, one a line, in the order of the values; a line `ignore = 255` there, or `?ignore=255`
//! behind the path, says which value counts for nothing. 255 always does.

use std::collections::HashSet;
use std::sync::Arc;

use super::Request;
use super::class_names::ClassNames;
use super::splits;
use super::tree::{Tree, file_name, stem};
use crate::annotated::{LabelTable, Record, Records, Reporter, Truth};
use crate::{DataError, TargetKind};

/// Folders of label files, the preferred name first.
const LABELS: [&str; 5] = ["labels", "masks", "annotations", "semantic", "SegmentationClass"];

/// The classes of `CamVid` in the order of the label files of `SegNet`, whose 11 is void.
const CAMVID: [&str; 11] = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
];
const CAMVID_VOID: u8 = 11;

/// A folder of images and one of label files.
type Pair = (String, String);

pub(super) fn is_at(tree: &Tree) -> bool {
    let any_split = splits::names().find_map(|split| pair_of(tree, split));
    any_split.or_else(|| pair_without_splits(tree)).is_some()
}

fn pair_of(tree: &Tree, split: &str) -> Option<Pair> {
    let pair = |labels: &&str| {
        let inside = (format!("{split}/images"), format!("{split}/{labels}"));
        let outside = (format!("images/{split}"), format!("{labels}/{split}"));
        [inside, outside].into_iter().find(|pair| is_pair(tree, pair))
    };
    LABELS.iter().find_map(pair)
}

fn pair_without_splits(tree: &Tree) -> Option<Pair> {
    let pairs = LABELS
        .iter()
        .map(|labels| ("images".to_owned(), (*labels).to_owned()));
    pairs.into_iter().find(|pair| is_pair(tree, pair))
}

fn is_pair(tree: &Tree, (images, labels): &Pair) -> bool {
    let has_png = tree
        .below(labels)
        .any(|(name, _)| name.to_lowercase().ends_with(".png"));
    has_png && tree.images(images).next().is_some()
}

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let tree = &request.tree;
    let (pair, has_splits) = pair(request)?;
    let classes = classes(request)?;
    let ignore = match request.query.text("ignore") {
        Some(text) => Some(text.parse().map_err(|_| {
            request.wrong(
                format!("?ignore={text}"),
                "the value to ignore is a number from 0 to 255",
            )
        })?),
        None => classes.ignore,
    };
    let table = Arc::new(LabelTable::plain(classes.names.len(), ignore));
    let mut report = Reporter::new();
    let images = matched(tree, &pair, &table, &mut report);
    Ok(Records {
        format: "class maps",
        store: Arc::clone(&tree.store),
        images,
        classes: classes.names,
        class_ids: Vec::new(),
        target: TargetKind::Map,
        findings: report.findings(),
        notes: Vec::new(),
        has_splits,
    })
}

/// The folders of the split, and whether there are splits.
fn pair(request: &Request<'_>) -> Result<(Pair, bool), DataError> {
    let tree = &request.tree;
    if let Some((_, pair)) = splits::wanted(request, "folders", |folder| pair_of(tree, folder))? {
        return Ok((pair, true));
    }
    let pair = pair_without_splits(tree).ok_or_else(|| {
        let problem = format!(
            "there are no folders of images and of PNG files of labels (SPLIT/images and SPLIT/{})",
            LABELS.join(" or SPLIT/")
        );
        request.wrong("folders", problem)
    })?;
    Ok((pair, false))
}

/// The names of the classes. `CamVid` has no file of them and is known by its name, or those of its images.
fn classes(request: &Request<'_>) -> Result<ClassNames, DataError> {
    if let Some(names) = ClassNames::find(&request.tree, request.options)? {
        return Ok(names);
    }
    let name = request.path.file_name().unwrap_or_default();
    if name.to_string_lossy().to_lowercase().contains("camvid") || is_camvid(&request.tree) {
        return Ok(ClassNames {
            names: CAMVID.map(str::to_owned).to_vec(),
            ignore: Some(CAMVID_VOID),
        });
    }
    let problem = "there are no names of classes; write one a line into classes.txt, in the order of the values of the label files, and \
                   perhaps a line `ignore = 255`";
    Err(request.wrong("classes.txt", problem))
}

/// Whether all images are frames of the drives that `CamVid` is of.
fn is_camvid(tree: &Tree) -> bool {
    const DRIVES: [&str; 4] = ["0001TP_", "0006R0_", "0016E5_", "Seq05VD_"];
    let mut images = tree.images("").map(|(name, _)| file_name(name)).peekable();
    images.peek().is_some() && images.all(|name| DRIVES.iter().any(|drive| name.starts_with(drive)))
}

/// The images that have a file of labels.
fn matched(
    tree: &Tree,
    (images, labels): &Pair,
    table: &Arc<LabelTable>,
    report: &mut Reporter,
) -> Vec<Record> {
    let mut records = Vec::new();
    let mut used = HashSet::new();
    for (name, image) in tree.images(images) {
        let inside = &name[images.len()..];
        let label = format!("{labels}{}.png", stem(inside));
        if let Some(file) = tree.file(&label) {
            used.insert(label);
            records.push(Record {
                image: image.clone(),
                id: None,
                stated: None,
                truth: Truth::Map(file.clone(), Arc::clone(table)),
            });
            continue;
        }
        report.file(tree.source(image));
        if let Some((found, _)) = tree.file_by_case(&label) {
            report.error(
                "file-name-case",
                found,
                "its file of labels differs in upper and lower case",
                "give both the same name: other systems tell them apart",
            );
            used.insert(found.to_owned());
            continue;
        }
        let fix = format!("add {label}, or remove the image");
        report.left_out("image-without-label", "", "it has no file of labels", &fix);
    }
    for (name, file) in tree.below(labels) {
        let is_label = name.to_lowercase().ends_with(".png");
        if is_label && !used.contains(name) {
            report.file(tree.source(file));
            let fix = format!("add the image to {images}, or remove the file");
            report.left_out("label-without-image", "", "there is no image of this name", &fix);
        }
    }
    records
}
