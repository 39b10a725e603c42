//! The layout of image folders and archives: `[ROOT/][SPLIT/]CLASS/[...]FILE`.

use std::collections::BTreeSet;

use crate::decode::format;
use crate::{Split, natural_order};

/// What a list of paths means.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// In natural order; those of all splits, so that the splits number them alike.
    pub classes: Vec<String>,
    /// For each image its place in the list of paths and its class; by class, then in natural order of the
    /// paths.
    pub images: Vec<(usize, u32)>,
    /// Paths that are no images, or images outside a class.
    pub ignored: Vec<usize>,
}

/// Why there is no layout.
#[derive(Debug, PartialEq)]
pub(crate) enum NoLayout {
    /// Nothing with the extension of an image lies in a folder.
    NoImages,
    /// There are splits, but not this one; the names of those that are there.
    NoSplit(Vec<String>),
    /// The folders are named after the parts of a detection or segmentation set.
    OtherTask(Vec<String>),
}

/// Finds the classes of a split in a list of `/`-separated paths. Without split folders all images belong to
/// either split.
pub(crate) fn arrange(paths: &[String], split: Split) -> Result<Layout, NoLayout> {
    let (mut placed, mut ignored) = in_folders(paths);
    if placed.is_empty() {
        return Err(NoLayout::NoImages);
    }
    strip_root(&mut placed);
    let splits = take_splits(&mut placed, &mut ignored);
    let wanted = split.folders().iter().find(|folder| splits.contains(**folder));
    if !splits.is_empty() && wanted.is_none() {
        return Err(NoLayout::NoSplit(splits.into_iter().collect()));
    }
    let level = usize::from(!splits.is_empty());
    let classes = class_names(&placed, level)?;
    let label = |name: &str| {
        let found = classes.binary_search_by(|class| natural_order::compare(class, name));
        found.unwrap_or(0) as u32
    };
    let is_wanted =
        |folders: &[&str]| wanted.is_none_or(|folder| as_split(folders[0]).as_deref() == Some(folder));
    let mut images: Vec<(usize, u32)> = placed
        .iter()
        .filter(|(_, folders)| is_wanted(folders))
        .map(|(at, folders)| (*at, label(folders[level])))
        .collect();
    images.sort_by(|a, b| {
        let by_path = || natural_order::compare(&paths[a.0], &paths[b.0]);
        a.1.cmp(&b.1).then_with(by_path)
    });
    ignored.sort_unstable();
    Ok(Layout {
        classes,
        images,
        ignored,
    })
}

/// An image's place in the list of paths, and the folders it lies in.
type Placed<'a> = (usize, Vec<&'a str>);

/// The images that lie in a folder, and the rest.
fn in_folders(paths: &[String]) -> (Vec<Placed<'_>>, Vec<usize>) {
    let (mut placed, mut ignored) = (Vec::new(), Vec::new());
    for (at, path) in paths.iter().enumerate() {
        let mut folders: Vec<&str> = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        let file = folders.pop().unwrap_or_default();
        if is_image(file) && !folders.is_empty() {
            placed.push((at, folders));
        } else {
            ignored.push(at);
        }
    }
    (placed, ignored)
}

/// The names of the split folders there are; if there are any, what lies beside them is ignored.
fn take_splits(placed: &mut Vec<Placed<'_>>, ignored: &mut Vec<usize>) -> BTreeSet<String> {
    let split_of = |folders: &[&str]| {
        if folders.len() > 1 {
            as_split(folders[0])
        } else {
            None
        }
    };
    let splits: BTreeSet<String> = placed
        .iter()
        .filter_map(|(_, folders)| split_of(folders))
        .collect();
    if !splits.is_empty() {
        let beside = placed.extract_if(.., |(_, folders)| split_of(folders).is_none());
        ignored.extend(beside.map(|(at, _)| at));
    }
    splits
}

/// The folders at this level, in natural order.
fn class_names(placed: &[Placed<'_>], level: usize) -> Result<Vec<String>, NoLayout> {
    let names: BTreeSet<&str> = placed.iter().map(|(_, folders)| folders[level]).collect();
    let mut classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
    classes.sort_by(|a, b| natural_order::compare(a, b));
    if classes.iter().any(|class| class == "images") && classes.iter().all(|class| is_part_name(class)) {
        return Err(NoLayout::OtherTask(classes));
    }
    Ok(classes)
}

impl NoLayout {
    /// What to tell about the folder or archive.
    pub fn problem(&self, split: Split) -> String {
        match self {
            Self::NoImages => {
                "there are no images (JPEG, PNG, WebP, BMP, TIFF, GIF, PBM, PGM, PPM) in CLASS/ folders"
                    .to_owned()
            }
            Self::NoSplit(found) => {
                format!(
                    "there is no {split} split: {} found, one of {} needed",
                    found.join(", "),
                    split.folders().join(", ")
                )
            }
            Self::OtherTask(found) => format!(
                "the folders {} belong to a detection or segmentation set; a classification set has CLASS/ folders",
                found.join(", ")
            ),
        }
    }
}

/// Drops folders that everything lies in (`cifar/train/cat` and `cifar/test/cat`: `cifar`), as long as a
/// class is left.
fn strip_root(placed: &mut [(usize, Vec<&str>)]) {
    loop {
        let root = placed[0].1[0];
        let is_root = as_split(root).is_none()
            && placed
                .iter()
                .all(|(_, folders)| folders.len() > 1 && folders[0] == root)
            && placed
                .iter()
                .any(|(_, folders)| folders[1] != placed[0].1[1] || folders.len() > 2);
        if !is_root {
            return;
        }
        for (_, folders) in placed.iter_mut() {
            folders.remove(0);
        }
    }
}

/// A folder's name in lower case where it is that of a split.
fn as_split(folder: &str) -> Option<String> {
    let name = folder.to_lowercase();
    let known = [Split::Train, Split::Test]
        .iter()
        .any(|split| split.folders().contains(&name.as_str()));
    known.then_some(name)
}

pub(crate) fn is_image(file: &str) -> bool {
    !file.starts_with('.') && format::is_image(file)
}

fn is_part_name(folder: &str) -> bool {
    [
        "images",
        "labels",
        "masks",
        "boxes",
        "instances",
        "semantic",
        "annotations",
    ]
    .contains(&folder)
}

#[cfg(test)]
mod tests {
    use super::{Layout, NoLayout, arrange};
    use crate::Split::{Test, Train};

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn classes_and_files_are_in_natural_order() {
        let paths = paths(&[
            "c10/b.png",
            "c2/10.jpg",
            "c2/9.JPEG",
            "c2/notes.txt",
            "c2/._9.jpg",
            "stray.jpg",
        ]);
        let layout = arrange(&paths, Train).unwrap();
        let classes = ["c2", "c10"].map(str::to_owned).to_vec();
        assert_eq!(
            layout,
            Layout {
                classes,
                images: vec![(2, 0), (1, 0), (0, 1)],
                ignored: vec![3, 4, 5]
            }
        );
        assert_eq!(
            arrange(&paths, Test).unwrap(),
            layout,
            "without split folders both splits are everything"
        );
    }

    #[test]
    fn splits_share_their_classes() {
        let paths = paths(&[
            "root/train/cat/1.png",
            "root/train/ant/1.png",
            "root/val/cat/2.png",
            "root/extra/x.png",
        ]);
        let train = arrange(&paths, Train).unwrap();
        assert_eq!((train.images, train.ignored), (vec![(1, 0), (0, 1)], vec![3]));
        let test = arrange(&paths, Test).unwrap();
        assert_eq!(
            (test.classes, test.images),
            (vec!["ant".to_owned(), "cat".to_owned()], vec![(2, 1)])
        );
        assert_eq!(
            arrange(&paths[..2], Test),
            Err(NoLayout::NoSplit(vec!["train".to_owned()]))
        );
    }

    #[test]
    fn a_single_class_is_not_taken_for_a_root() {
        assert_eq!(
            arrange(&paths(&["cat/1.png", "cat/2.png"]), Train)
                .unwrap()
                .classes,
            ["cat"]
        );
        assert_eq!(
            arrange(&paths(&["r/cat/1.png", "r/dog/2.png"]), Train)
                .unwrap()
                .classes,
            ["cat", "dog"]
        );
        assert_eq!(
            arrange(&paths(&["cat/a/1.png", "dog/b/2.png"]), Train)
                .unwrap()
                .classes,
            ["cat", "dog"]
        );
    }

    #[test]
    fn what_is_no_classification_set_is_told() {
        assert_eq!(
            arrange(&paths(&["1.png", "a/b.txt"]), Train),
            Err(NoLayout::NoImages)
        );
        let found = arrange(&paths(&["train/images/1.jpg", "train/labels/1.png"]), Train);
        assert_eq!(
            found,
            Err(NoLayout::OtherTask(vec![
                "images".to_owned(),
                "labels".to_owned()
            ]))
        );
    }
}
