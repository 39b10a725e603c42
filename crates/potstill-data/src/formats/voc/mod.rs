//! Pascal VOC: `JPEGImages`, `Annotations/*.xml`, `ImageSets/Main/SPLIT.txt` for boxes, `SegmentationClass/*.png` and
//! `ImageSets/Segmentation/SPLIT.txt` for class maps, `SegmentationObject/*.png` beside them for instances; also XML files beside their images, in folders of splits or without.

mod pixels;
mod xml;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use self::xml::{Named, read_annotation};
use super::Request;
use super::class_names::ClassNames;
use super::splits;
use super::tree::{Tree, file_name, stem};
use crate::annotated::{Extent, RawObject, Record, Records, Reporter, Truth, settled};
use crate::file_store::StoredFile;
use crate::{DataError, Split, TargetKind};

/// The classes of VOC 2007 to 2012, in the order of the values of its class maps, which start at 1.
const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

const MAPS: &str = "SegmentationClass";
/// Files whose values number the objects of an image, from 1.
const OBJECTS: &str = "SegmentationObject";

pub(super) fn is_at(tree: &Tree) -> bool {
    tree.has_folder(MAPS) || has_annotations(tree)
}

/// Whether an XML file with an annotation belongs to an image: other tools leave XML files too.
fn has_annotations(tree: &Tree) -> bool {
    let files = annotations(tree).filter_map(|(name, _)| tree.file(name));
    files
        .take(LOOKED_AT)
        .any(|file| tree.begins_with_any(file, &["<annotation"]))
}

/// How many XML files are looked at to know the format.
const LOOKED_AT: usize = 20;

pub(super) fn offered(tree: &Tree) -> Vec<TargetKind> {
    let mut kinds = Vec::new();
    if has_annotations(tree) {
        kinds.push(TargetKind::Boxes);
    }
    if tree.has_folder(MAPS) {
        kinds.push(TargetKind::Map);
        if tree.has_folder(OBJECTS) {
            kinds.push(TargetKind::Instances);
        }
    }
    kinds
}

/// The XML files, each with the image of its name, if there is one.
fn annotations(tree: &Tree) -> impl Iterator<Item = (&str, Option<&StoredFile>)> {
    let is_xml = |name: &&str| name.to_lowercase().ends_with(".xml");
    let of_layout = tree.has_folder("JPEGImages");
    tree.names().filter(is_xml).filter_map(move |name| {
        let image = image_of(tree, name);
        (image.is_some() || of_layout || name.starts_with("annotations/")).then_some((name, image))
    })
}

/// The image of an XML file: in the folder of images, or beside it.
fn image_of<'a>(tree: &'a Tree, xml: &str) -> Option<&'a StoredFile> {
    let own = stem(xml);
    let name = file_name(own);
    let beside = tree.image(own);
    beside.or_else(|| {
        let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
        let outer = folder
            .rsplit_once('/')
            .map_or(String::new(), |(outer, _)| format!("{outer}/"));
        ["JPEGImages", "images"]
            .iter()
            .find_map(|images| tree.image(&format!("{outer}{images}/{name}")))
    })
}

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    if request.target != TargetKind::Boxes {
        return pixels::read(request);
    }
    let tree = &request.tree;
    let wanted = Wanted::of(request, "ImageSets/Main")?;
    let mut report = Reporter::new();
    // Classes are numbered alike in all splits: all files are read for their names.
    let mut annotated = Vec::new();
    let mut names = BTreeSet::new();
    for (name, image) in annotations(tree) {
        let is_wanted = wanted.has(name);
        let mut passed_over = Reporter::new();
        let report = if is_wanted { &mut report } else { &mut passed_over };
        let Some(file) = tree.file(name) else { continue };
        report.file(tree.source(file));
        let Some(annotation) = read_annotation(&tree.text(file)?, report) else {
            continue;
        };
        names.extend(annotation.objects.iter().map(|object| object.name.clone()));
        if !is_wanted {
            continue;
        }
        // Some tools give the XML file a name of its own.
        let by_name = annotation.file_name.as_ref().and_then(|own| {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            tree.image(stem(&format!("{folder}/{own}")))
                .or_else(|| image_of(tree, &format!("{folder}/{own}")))
        });
        match image.or(by_name) {
            Some(image) => annotated.push((annotation, image.clone(), name)),
            None => report_missing(tree, name, annotation.file_name.as_deref(), report),
        }
    }
    let classes = classes(request, names)?;
    let mut images = Vec::with_capacity(annotated.len());
    for (annotation, image, name) in annotated {
        if let Some(file) = tree.file(name) {
            report.file(tree.source(file));
        }
        images.push(Record {
            image,
            id: None,
            stated: annotation.size,
            truth: Truth::Objects(
                objects(&annotation.objects, annotation.size, &classes, &mut report),
                Extent::Pixels,
            ),
        });
    }
    Ok(Records {
        format: "VOC",
        store: Arc::clone(&tree.store),
        images,
        classes,
        class_ids: Vec::new(),
        target: TargetKind::Boxes,
        findings: report.findings(),
        notes: Vec::new(),
        has_splits: wanted != Wanted::All,
    })
}

fn report_missing(tree: &Tree, xml: &str, stated: Option<&str>, report: &mut Reporter) {
    let name = stated.unwrap_or_else(|| file_name(xml));
    for folder in ["JPEGImages/", "images/", ""] {
        if let Some((found, _)) = tree.file_by_case(&format!("{folder}{name}")) {
            report.error(
                "file-name-case",
                name,
                &format!("the image is called {found}, which differs in upper and lower case"),
                "write the name as the file has it: other systems tell them apart",
            );
            return;
        }
    }
    report.left_out(
        "label-without-image",
        name,
        "its image is not there",
        "add the image, or remove the file",
    );
}

/// The objects of an image in the classes that there are.
fn objects(
    named: &[Named],
    size: Option<[usize; 2]>,
    classes: &[String],
    report: &mut Reporter,
) -> Vec<RawObject> {
    let mut objects: Vec<RawObject> = Vec::new();
    for object in named {
        report.line(object.line);
        let Some(class) = classes.iter().position(|class| *class == object.name) else {
            report.error(
                "class-out-of-range",
                &object.name,
                &format!("the class is none of the {} there are", classes.len()),
                "correct the name, or add it to the list of classes",
            );
            continue;
        };
        let raw = RawObject {
            class: class as u32,
            ..object.raw.clone()
        };
        let sides = size.map(|size| size.map(|side| side as f64));
        let Some(raw) = settled(raw, sides, report) else {
            continue;
        };
        if objects.contains(&raw) {
            report.warning(
                "duplicate-box",
                &object.name,
                "an earlier object of the file has the same box and class",
                "remove one of them",
            );
        }
        objects.push(raw);
    }
    objects
}

/// The names that are given, VOC's if there are no others, or those that occur.
fn classes(request: &Request<'_>, found: BTreeSet<String>) -> Result<Vec<String>, DataError> {
    if let Some(ClassNames { names, .. }) = ClassNames::find(&request.tree, request.options)? {
        return Ok(names);
    }
    let is_voc = found.iter().all(|name| CLASSES.contains(&name.as_str()));
    Ok(if is_voc {
        CLASSES.map(str::to_owned).to_vec()
    } else {
        found.into_iter().collect()
    })
}

/// Which images are of a split.
#[derive(Debug, PartialEq)]
enum Wanted {
    /// There are no splits.
    All,
    /// Those in this folder.
    Folder(&'static str),
    /// Those of these names.
    Listed(HashSet<String>),
}

impl Wanted {
    /// From lists in this folder, or from folders.
    fn of(request: &Request<'_>, lists: &str) -> Result<Self, DataError> {
        let tree = &request.tree;
        let names: &[&str] = match request.split {
            Split::Train => &["train", "trainval"],
            Split::Validation => &["val"],
            Split::Test => &["test", "val"],
        };
        if tree.has_folder(lists) {
            for name in names {
                let Some(file) = tree.file(&format!("{lists}/{name}.txt")) else {
                    continue;
                };
                let text = tree.text(file)?;
                let firsts = text.lines().filter_map(|line| line.split_whitespace().next());
                let listed: HashSet<String> = firsts.map(str::to_owned).collect();
                // The images of VOC 2012's test have no annotations, though they have a list.
                let is_known = |name: &String| {
                    tree.file(&format!("Annotations/{name}.xml")).is_some()
                        || tree.file(&format!("{MAPS}/{name}.png")).is_some()
                };
                if listed.iter().any(is_known) {
                    return Ok(Self::Listed(listed));
                }
            }
            let problem = format!(
                "there is no list of images of the {} split ({}.txt)",
                request.split,
                names.join(".txt, ")
            );
            return Err(request.wrong(lists, problem));
        }
        let there = |folder: &str| tree.has_folder(folder).then_some(());
        Ok(match splits::wanted(request, "folders", there)? {
            Some((folder, ())) => Self::Folder(folder),
            None => Self::All,
        })
    }

    fn has(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Folder(folder) => path.starts_with(&format!("{folder}/")),
            Self::Listed(names) => names.contains(file_name(stem(path))),
        }
    }
}
