//! YOLO's layout: `data.yaml` with the names of the classes and the folders (or lists) of images; for each image a text file, whose path is
//! that of the image with its last `images/` turned into `labels/`. An image without a file has no objects.

mod config;
pub(super) mod lines;
mod yaml;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use self::config::Config;
use self::lines::{Classes, read_objects};
use super::Request;
use super::tree::{Tree, file_name, normalised, stem};
use crate::annotated::{Extent, Record, Records, Reporter, Truth};
use crate::decode::format::extension;
use crate::file_store::{FileStore, StoredFile};
use crate::{DataError, Split, TargetKind};

/// Whether there is a file that names classes or images: other tools leave YAML files too.
pub(super) fn is_at(tree: &Tree) -> bool {
    let Some(file) = config_name(tree).and_then(|name| tree.file(name)) else {
        return false;
    };
    let has_labels = tree
        .names()
        .any(|name| name.split('/').any(|part| part == "labels"));
    has_labels || tree.begins_with_any(file, &["names", "nc:", "train:"])
}

/// The file with the names of the classes.
fn config_name(tree: &Tree) -> Option<&str> {
    let is_yaml = |name: &&str| !name.contains('/') && matches!(&*extension(name), "yaml" | "yml");
    let mut found = tree.names().filter(is_yaml);
    let usual = ["data.yaml", "data.yml", "dataset.yaml"]
        .into_iter()
        .find(|name| tree.file(name).is_some());
    usual.or_else(|| found.next().filter(|_| found.next().is_none()))
}

pub(super) fn read(request: &Request<'_>) -> Result<Records, DataError> {
    let source = Source::of(request)?;
    let tree = source.tree(request);
    let mut report = Reporter::new();
    report.file(&source.config_file);
    check_config(&source.config, &mut report);
    let images = source.images_of(request, request.split)?;
    let ids: Vec<i64> = (0..source.config.names.len() as i64).collect();
    let classes = Classes {
        ids: &ids,
        names_in: &source.config_file,
    };
    let mut records = Vec::with_capacity(images.len());
    let (mut used, mut without) = (HashSet::new(), 0);
    for name in images {
        let Some(image) = tree.file(&name) else { continue };
        let label = label_of(&name);
        let objects = if let Some(file) = tree.file(&label) {
            report.file(tree.source(file));
            let needs_outlines = request.target == TargetKind::Instances;
            read_objects(&tree.text(file)?, &classes, needs_outlines, &mut report)
        } else {
            without += 1;
            Vec::new()
        };
        used.insert(label);
        records.push(Record {
            image: image.clone(),
            id: None,
            stated: None,
            truth: Truth::Objects(objects, Extent::Sides),
        });
    }
    report_unused(tree, &used, &mut report);
    if without > 0 {
        report.file(request.path.display().to_string());
        report.warning(
            "image-without-label",
            format!("{without} of {}", records.len()),
            "images have no label file, and count as images without objects",
            "add the files if there are objects; an empty file says that there are none",
        );
    }
    let other = match request.split {
        Split::Train => Split::Test,
        Split::Validation | Split::Test => Split::Train,
    };
    Ok(Records {
        format: "YOLO",
        store: Arc::clone(&tree.store),
        has_splits: source.config.images_of(other) != source.config.images_of(request.split),
        images: records,
        classes: source.config.names,
        class_ids: Vec::new(),
        target: request.target,
        findings: report.findings(),
        notes: Vec::new(),
    })
}

/// A `data.yaml` with the files that it speaks of.
struct Source {
    config: Config,
    /// For messages.
    config_file: String,
    /// The files, where they are not those of the request.
    own: Option<Tree>,
}

impl Source {
    /// Reads `data.yaml`: the path itself, or a file in the folder or archive.
    fn of(request: &Request<'_>) -> Result<Self, DataError> {
        let (text, config_file) = if request.path.is_file() && config_name(&request.tree).is_none() {
            let text = potstill_base::read_text(request.path).map_err(DataError::io("read", request.path))?;
            (text, request.path.display().to_string())
        } else {
            let name = config_name(&request.tree)
                .ok_or_else(|| request.wrong("data.yaml", "this file of YOLO's layout is missing"))?;
            let file = request
                .tree
                .file(name)
                .ok_or_else(|| request.wrong(name, "is missing"))?;
            (request.tree.text(file)?, request.tree.source(file))
        };
        let config = Config::parse(&text).map_err(|(line, problem)| DataError::Format {
            file: config_file.clone(),
            place: format!("line {line}"),
            problem,
        })?;
        let own = own_tree(request, &config)?;
        Ok(Self {
            config,
            config_file,
            own,
        })
    }

    fn tree<'a>(&'a self, request: &'a Request<'_>) -> &'a Tree {
        self.own.as_ref().unwrap_or(&request.tree)
    }

    /// The paths of the images of a split.
    fn images_of(&self, request: &Request<'_>, split: Split) -> Result<Vec<String>, DataError> {
        let wrong = |problem: String| DataError::Format {
            file: self.config_file.clone(),
            place: format!("{split} split"),
            problem,
        };
        let paths = self.config.images_of(split);
        let paths = paths
            .ok_or_else(|| wrong("there is no key for its images (`train`, `val` or `test`)".to_owned()))?;
        let tree = self.tree(request);
        let mut images = Vec::new();
        for path in paths {
            let found = self
                .places(path)
                .into_iter()
                .find_map(|place| images_at(tree, &place));
            let found = found.ok_or_else(|| {
                wrong(format!(
                    "`{path}` is no folder with images and no list of images in {}",
                    request.path.display()
                ))
            })?;
            images.extend(found?);
        }
        Ok(images)
    }

    /// Where a path of the file may lead to, from the root of the files.
    fn places(&self, path: &str) -> Vec<String> {
        let mut places = Vec::new();
        if let Some(root) = &self.config.root {
            places.push(normalised(&format!("{root}/{path}")));
        }
        let path = normalised(path);
        // What was written on another machine, or for another working folder: the end of the path tells.
        let parts: Vec<&str> = path.split('/').collect();
        places.extend((0..parts.len()).map(|from| parts[from..].join("/")));
        places
    }
}

/// The files around a `data.yaml` that was named itself, or in the folder that its `path` names.
fn own_tree(request: &Request<'_>, config: &Config) -> Result<Option<Tree>, DataError> {
    let is_folder = request.path.is_dir();
    if !is_folder && config_name(&request.tree).is_some() {
        return Ok(None);
    }
    let beside = if is_folder {
        request.path
    } else {
        // A file without a folder lies in the current one.
        let above = request
            .path
            .parent()
            .filter(|above| !above.as_os_str().is_empty());
        above.unwrap_or(Path::new("."))
    };
    let named = config
        .root
        .as_ref()
        .filter(|root| !matches!(root.trim_end_matches('/'), "" | "."))
        .map(|root| beside.join(root))
        .filter(|root| root.is_dir());
    match named {
        Some(root) => Ok(Some(Tree::of(FileStore::list(&root)?))),
        None if is_folder => Ok(None),
        None => Ok(Some(Tree::of(FileStore::list(beside)?))),
    }
}

/// The images of a folder, or of a list, at a place of the tree.
fn images_at(tree: &Tree, place: &str) -> Option<Result<Vec<String>, DataError>> {
    if let Some(file) = tree.file(place).filter(|_| extension(place) == "txt") {
        return Some(listed(tree, place, file));
    }
    let images: Vec<String> = tree.images(place).map(|(name, _)| name.to_owned()).collect();
    (!images.is_empty()).then_some(Ok(images))
}

/// The images that a list names, a path each line, from the list's folder or in full.
fn listed(tree: &Tree, place: &str, file: &StoredFile) -> Result<Vec<String>, DataError> {
    let folder = place.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut images = Vec::new();
    for (at, line) in tree.text(file)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let path = normalised(line);
        let parts: Vec<&str> = path.split('/').collect();
        let beside = normalised(&format!("{folder}/{path}"));
        let ends = (0..parts.len()).map(|from| parts[from..].join("/"));
        let found = std::iter::once(beside)
            .chain(ends)
            .find(|name| tree.file(name).is_some());
        images.push(found.ok_or_else(|| DataError::Format {
            file: tree.source(file),
            place: format!("line {}", at + 1),
            problem: format!("the image `{line}` is not there"),
        })?);
    }
    Ok(images)
}

/// The path of an image's label file.
fn label_of(image: &str) -> String {
    let rooted = format!("/{}.txt", stem(image));
    let label = match rooted.rfind("/images/") {
        Some(at) => format!("{}/labels/{}", &rooted[..at], &rooted[at + "/images/".len()..]),
        None => rooted,
    };
    label.trim_start_matches('/').to_owned()
}

/// Tells label files of the folders at hand that no image has.
fn report_unused(tree: &Tree, used: &HashSet<String>, report: &mut Reporter) {
    let folder = |name: &str| name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let folders: HashSet<String> = used.iter().map(|name| folder(name)).collect();
    let by_case: HashSet<String> = used.iter().map(|name| name.to_lowercase()).collect();
    for name in tree.names() {
        let is_label = extension(name) == "txt" && folder(name).contains("labels");
        if !is_label
            || used.contains(name)
            || !folders.contains(&folder(name))
            || name.ends_with("classes.txt")
        {
            continue;
        }
        let Some(file) = tree.file(name) else { continue };
        report.file(tree.source(file));
        if by_case.contains(&name.to_lowercase()) {
            report.error(
                "file-name-case",
                file_name(name),
                "the image of this label file differs in upper and lower case",
                "give both the same name: other systems tell them apart",
            );
            continue;
        }
        report.left_out(
            "label-without-image",
            "",
            "there is no image of this name",
            "add the image, or remove the file",
        );
    }
}

fn check_config(config: &Config, report: &mut Reporter) {
    let names = config.names.len();
    if names == 0 {
        report.error(
            "class-names",
            "",
            "there are no `names` of classes",
            "add `names: [first, second]`, in the order of the numbers of the label files",
        );
    } else if let Some(count) = config.count.filter(|&count| count != names) {
        report.error(
            "class-names",
            format!("nc: {count}"),
            &format!("`nc` says {count} classes and there are {names} names"),
            "make them agree",
        );
    }
    let twice = config
        .names
        .iter()
        .enumerate()
        .find(|(at, name)| config.names[..*at].contains(name));
    if let Some((_, name)) = twice {
        report.error(
            "class-names",
            name,
            "two classes have this name",
            "give each class its own name",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::label_of;

    #[test]
    fn labels_are_beside_the_last_folder_of_images() {
        assert_eq!(label_of("images/train/1.jpg"), "labels/train/1.txt");
        assert_eq!(label_of("train/images/1.jpg"), "train/labels/1.txt");
        assert_eq!(label_of("images/a/images/1.x.jpg"), "images/a/labels/1.x.txt");
        assert_eq!(label_of("set/1.jpg"), "set/1.txt");
    }
}
