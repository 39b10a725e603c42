//! Where the annotations of a split are, and the images that they speak of.

use std::path::{Path, PathBuf};

use super::super::Request;
use super::super::splits;
use super::super::tree::{Tree, file_name, normalised, stem};
use crate::coco::CocoAnnotations;
use crate::file_store::{FileStore, StoredFile};
use crate::limits::MOST_ANNOTATIONS;
use crate::{DataError, Split};

/// Files of annotations among images, as Roboflow exports them.
const AMONG_IMAGES: &str = "_annotations.coco.json";
/// Folders of annotations.
const FOLDERS: [&str; 2] = ["annotations", ""];

/// The annotations of a split, read, with the folder of its images.
pub(super) struct Place {
    pub annotations: CocoAnnotations,
    /// The text of their file.
    pub bytes: Vec<u8>,
    /// The files, where they are not those of the request.
    pub tree: Option<Tree>,
    /// The folder of images in the tree.
    pub folder: String,
    pub has_splits: bool,
}

/// Whether there is a file of annotations by its name.
pub(in crate::formats) fn is_at(tree: &Tree) -> bool {
    let of_splits = splits::names().filter_map(|split| of_split(tree, split));
    let mut found = of_splits.chain(without_split(tree));
    // Other tools leave JSON files too.
    let is_coco = |name: &str| {
        let is_usual = ["instances", AMONG_IMAGES]
            .iter()
            .any(|start| file_name(name).starts_with(start));
        let says = ["\"images\"", "\"annotations\"", "\"categories\""];
        is_usual
            || tree
                .file(name)
                .is_some_and(|file| tree.begins_with_any(file, &says))
    };
    found.any(is_coco)
}

/// The file of annotations of a split.
fn of_split<'a>(tree: &'a Tree, split: &str) -> Option<&'a str> {
    let among = format!("{split}/{AMONG_IMAGES}");
    if let Some((name, _)) = tree.below(split).find(|(name, _)| *name == among) {
        return Some(name);
    }
    // In the outermost folder lie other files as well.
    let is_annotations = |name: &str| {
        let starts = ["instances", "annotations", "coco"]
            .iter()
            .any(|start| name.starts_with(start));
        name.contains('/') || stem(name) == split || starts
    };
    let is_of_split =
        |name: &&str| is_json(name) && is_annotations(name) && has_word(file_name(stem(name)), split);
    let mut found: Vec<&str> = in_folders(tree).filter(is_of_split).collect();
    // Of instances, captions and keypoints the first.
    found.sort_by_key(|name| !file_name(name).starts_with("instances"));
    found.first().copied()
}

/// The one file of annotations of all images.
fn without_split(tree: &Tree) -> Option<&str> {
    let is_annotations = |name: &&str| {
        let (name, folder) = (file_name(name), name.contains('/'));
        let usual = ["instances", "annotations", "result", "coco", AMONG_IMAGES];
        is_json(name) && (folder || usual.iter().any(|start| name.starts_with(start)))
    };
    let mut found: Vec<&str> = in_folders(tree).filter(is_annotations).collect();
    found.sort_by_key(|name| !file_name(name).starts_with("instances"));
    found.first().copied()
}

fn is_json(name: &str) -> bool {
    name.to_lowercase().ends_with(".json")
}

/// The files directly in the folders of annotations.
fn in_folders(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.names().filter(|name| {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        FOLDERS.contains(&folder)
    })
}

/// Whether a name has a split's name as a word of its own, perhaps with a year behind: `instances_train2017`.
fn has_word(name: &str, split: &str) -> bool {
    let words = name.split(['_', '-', '.', ' ']);
    words
        .map(|word| {
            word.trim_end_matches(|letter: char| letter.is_ascii_digit())
                .to_lowercase()
        })
        .any(|word| word == split)
}

impl Place {
    pub fn find(request: &Request<'_>) -> Result<Self, DataError> {
        if request.path.is_file() && !is_at(&request.tree) {
            return Self::of_file(request);
        }
        let tree = &request.tree;
        let of_split = splits::wanted(request, "annotations", |split| of_split(tree, split))?;
        let has_splits = of_split.is_some();
        let name = of_split
            .map(|(_, name)| name)
            .or_else(|| without_split(tree))
            .ok_or_else(|| request.wrong("annotations", "there is no JSON file of annotations"))?;
        let file = tree.file(name).ok_or_else(|| request.wrong(name, "is missing"))?;
        let bytes = tree.store.read_at_most(file, MOST_ANNOTATIONS)?.into_owned();
        let annotations = CocoAnnotations::parse(&bytes, Path::new(&tree.source(file)))?;
        let folder = match request.query.text("images") {
            Some(images) => normalised(images),
            None => folder_in(tree, name, request.split, &annotations),
        };
        Ok(Self {
            annotations,
            bytes,
            tree: None,
            folder,
            has_splits,
        })
    }

    /// A file by itself: the images are in a folder that is named, or where layouts have them.
    fn of_file(request: &Request<'_>) -> Result<Self, DataError> {
        let bytes = potstill_base::read_file(request.path, MOST_ANNOTATIONS)
            .map_err(DataError::io("read", request.path))?;
        let annotations = CocoAnnotations::parse(&bytes, request.path)?;
        let beside = request.path.parent().unwrap_or(Path::new(""));
        let folder = match request.query.text("images") {
            Some(images) => named_folder(images, beside).ok_or_else(|| DataError::Missing {
                path: PathBuf::from(images),
                advice: format!(
                    "name the folder of the images from the current folder or from that of {}",
                    request.path.display()
                ),
            })?,
            None => guessed_folder(request.path, &annotations),
        };
        Ok(Self {
            annotations,
            bytes,
            tree: Some(Tree::of(FileStore::list(&folder)?)),
            folder: String::new(),
            has_splits: false,
        })
    }
}

/// A folder from the current one, from that of the annotations, or from the one above.
fn named_folder(images: &str, beside: &Path) -> Option<PathBuf> {
    let above = beside.parent().unwrap_or(Path::new(""));
    [PathBuf::from(images), beside.join(images), above.join(images)]
        .into_iter()
        .find(|folder| folder.is_dir())
}

/// The folder on disk that has the first image, by the usual layouts.
fn guessed_folder(file: &Path, annotations: &CocoAnnotations) -> PathBuf {
    let beside = file.parent().unwrap_or(Path::new(""));
    let above = beside.parent().unwrap_or(Path::new(""));
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let split = name.strip_prefix("instances_").unwrap_or(&name);
    let places = [
        beside.to_owned(),
        beside.join("images"),
        beside.join(split),
        above.join(split),
        above.join("images").join(split),
        above.join("images"),
        above.to_owned(),
    ];
    let has_image = |folder: &PathBuf| {
        let images = annotations.images.iter().take(LOOKED_FOR);
        images
            .into_iter()
            .any(|image| folder.join(&image.file_name).is_file())
    };
    let found = places
        .into_iter()
        .find(has_image)
        .unwrap_or_else(|| beside.to_owned());
    // Paths without a folder are of the current one.
    if found.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        found
    }
}

/// How many images are looked for to find their folder.
const LOOKED_FOR: usize = 20;

/// The folder in a tree that has the first images.
fn folder_in(tree: &Tree, file: &str, split: Split, annotations: &CocoAnnotations) -> String {
    let beside = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = file_name(stem(file));
    let suffix = name.strip_prefix("instances_").unwrap_or(name);
    let mut places = vec![suffix.to_owned(), format!("images/{suffix}")];
    for folder in split.folders() {
        places.extend([(*folder).to_owned(), format!("images/{folder}")]);
    }
    places.extend(["images".to_owned(), beside.to_owned(), String::new()]);
    let has_image = |folder: &String| {
        let images = annotations.images.iter().take(LOOKED_FOR);
        images
            .into_iter()
            .any(|image| exactly(tree, folder, &image.file_name).is_some())
    };
    places.into_iter().find(has_image).unwrap_or_default()
}

fn exactly<'a>(tree: &'a Tree, folder: &str, name: &str) -> Option<&'a StoredFile> {
    let inside = normalised(&format!("{folder}/{name}"));
    tree.file(&inside)
}

/// The image of this name in a folder of the tree; of a name with folders of another machine the end tells.
pub(super) fn image_named<'a>(tree: &'a Tree, folder: &str, name: &str) -> Option<&'a StoredFile> {
    let name = normalised(name);
    let parts: Vec<&str> = name.split('/').collect();
    (0..parts.len()).find_map(|from| exactly(tree, folder, &parts[from..].join("/")))
}

#[cfg(test)]
mod tests {
    use super::has_word;

    #[test]
    fn names_of_files_tell_the_split() {
        assert!(
            has_word("instances_train2017", "train")
                && has_word("train", "train")
                && has_word("my-val", "val")
        );
        assert!(!has_word("instances_trainval2014", "train") && !has_word("constraint", "train"));
    }
}
