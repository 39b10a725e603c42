//! The layout of image folders and archives: `[ROOT/][SPLIT/]CLASS/[...]FILE`.

use std::collections::{BTreeSet, HashMap};

use crate::{ClassOrder, LeftOutReason, Split, natural_order};

/// What a list of paths means.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    /// In the order that is asked for; those of all splits, so that the splits number them alike.
    pub classes: Vec<String>,
    /// For each image its place in the list of paths and its class; by class, then in natural order of the
    /// paths.
    pub images: Vec<(usize, u32)>,
    /// Places of paths that are no images of the split, except for those of the other splits.
    pub left_out: Vec<(LeftOutReason, usize)>,
    /// Whether there are folders of splits; without them all images belong to either.
    pub has_splits: bool,
}

/// Why there is no layout.
#[derive(Debug, PartialEq)]
pub(crate) enum NoLayout {
    /// Nothing with the extension of an image lies in a folder; how many images of formats that are not read do.
    NoImages(usize),
    /// There are splits, but not this one; the names of those that are there.
    NoSplit(Vec<String>),
    /// The folders are named after the parts of a detection or segmentation set.
    OtherTask(Vec<String>),
    /// The classes cannot be put into the order that is asked for.
    NoOrder(String),
}

/// Finds the classes of a split in a list of `/`-separated paths. Without split folders all images belong to
/// either split.
pub(crate) fn arrange(
    paths: &[String],
    split: Split,
    order: Option<&ClassOrder>,
) -> Result<Layout, NoLayout> {
    let (mut placed, mut left_out) = in_folders(paths);
    if placed.is_empty() {
        let others = left_out
            .iter()
            .filter(|(reason, _)| *reason == LeftOutReason::OtherImage);
        return Err(NoLayout::NoImages(others.count()));
    }
    let root = strip_root(&mut placed);
    let splits = take_splits(&mut placed, &mut left_out);
    let wanted = split.folders().iter().find(|folder| splits.contains(**folder));
    if !splits.is_empty() && wanted.is_none() {
        return Err(NoLayout::NoSplit(splits.into_iter().collect()));
    }
    let level = usize::from(!splits.is_empty());
    let classes = class_names(&placed, level, order)?;
    let labels: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let is_wanted =
        |folders: &[&str]| wanted.is_none_or(|folder| as_split(folders[0]).as_deref() == Some(folder));
    let mut images: Vec<(usize, u32)> = placed
        .iter()
        .filter(|(_, folders)| is_wanted(folders))
        .map(|(at, folders)| (*at, labels.get(folders[level]).copied().unwrap_or_default()))
        .collect();
    images.sort_by(|a, b| {
        let by_path = || natural_order::compare(&paths[a.0], &paths[b.0]);
        a.1.cmp(&b.1).then_with(by_path)
    });
    // What is left out of another split is told with that one.
    left_out.retain(|(_, at)| {
        let mut folders = folders_of(&paths[*at]).into_iter().skip(root);
        let inside = folders.next().and_then(as_split);
        inside.is_none() || splits.is_empty() || inside.as_deref() == wanted.copied()
    });
    left_out.sort_unstable_by_key(|(_, at)| *at);
    Ok(Layout {
        classes,
        images,
        left_out,
        has_splits: !splits.is_empty(),
    })
}

/// An image's place in the list of paths, and the folders it lies in.
type Placed<'a> = (usize, Vec<&'a str>);

/// The images that lie in a folder, and the rest.
fn in_folders(paths: &[String]) -> (Vec<Placed<'_>>, Vec<(LeftOutReason, usize)>) {
    let (mut placed, mut left_out) = (Vec::new(), Vec::new());
    for (at, path) in paths.iter().enumerate() {
        let folders = folders_of(path);
        match LeftOutReason::of(path) {
            None if folders.is_empty() => left_out.push((LeftOutReason::OutsideClasses, at)),
            None => placed.push((at, folders)),
            Some(reason) => left_out.push((reason, at)),
        }
    }
    (placed, left_out)
}

/// The folders around a file.
fn folders_of(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.pop();
    parts
}

/// The names of the split folders there are; if there are any, what lies beside them is left out.
fn take_splits(placed: &mut Vec<Placed<'_>>, left_out: &mut Vec<(LeftOutReason, usize)>) -> BTreeSet<String> {
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
        left_out.extend(beside.map(|(at, _)| (LeftOutReason::OutsideClasses, at)));
    }
    splits
}

/// The folders at this level, in the order that is asked for.
fn class_names(
    placed: &[Placed<'_>],
    level: usize,
    order: Option<&ClassOrder>,
) -> Result<Vec<String>, NoLayout> {
    let names: BTreeSet<&str> = placed.iter().map(|(_, folders)| folders[level]).collect();
    if names.contains("images") && names.iter().all(|class| is_part_name(class)) {
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names.sort_by(|a, b| natural_order::compare(a, b));
        return Err(NoLayout::OtherTask(names));
    }
    let names = names.into_iter().map(str::to_owned).collect();
    let order = order.unwrap_or(&ClassOrder::Natural);
    order.arranged(names).map_err(NoLayout::NoOrder)
}

impl NoLayout {
    /// What to tell about the folder or archive.
    pub fn problem(&self, split: Split) -> String {
        match self {
            Self::NoImages(others) => {
                let others = match others {
                    0 => String::new(),
                    count => format!(", but {count} of formats that are not read"),
                };
                format!(
                    "there are no images (JPEG, PNG, WebP, BMP, TIFF, GIF, PBM, PGM, PPM) in CLASS/ folders{others}"
                )
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
            Self::NoOrder(problem) => problem.clone(),
        }
    }
}

/// Drops folders that everything lies in (`cifar/train/cat` and `cifar/test/cat`: `cifar`), as long as a
/// class is left; says how many.
fn strip_root(placed: &mut [(usize, Vec<&str>)]) -> usize {
    for stripped in 0.. {
        let root = placed[0].1[0];
        let is_root = as_split(root).is_none()
            && placed
                .iter()
                .all(|(_, folders)| folders.len() > 1 && folders[0] == root)
            && placed
                .iter()
                .any(|(_, folders)| folders[1] != placed[0].1[1] || folders.len() > 2);
        if !is_root {
            return stripped;
        }
        for (_, folders) in placed.iter_mut() {
            folders.remove(0);
        }
    }
    0
}

/// A folder's name in lower case where it is that of a split.
pub(crate) fn as_split(folder: &str) -> Option<String> {
    let name = folder.to_lowercase();
    let known = [Split::Train, Split::Test]
        .iter()
        .any(|split| split.folders().contains(&name.as_str()));
    known.then_some(name)
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
    use super::{Layout, NoLayout};
    use crate::LeftOutReason::{Hidden, NoImage, OutsideClasses};
    use crate::Split::{self, Test, Train};
    use crate::{ClassOrder, LeftOutReason};

    fn arrange(paths: &[String], split: Split) -> Result<Layout, NoLayout> {
        super::arrange(paths, split, None)
    }

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
                left_out: vec![(NoImage, 3), (Hidden, 4), (OutsideClasses, 5)],
                has_splits: false,
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
        assert_eq!(
            (train.images, train.left_out, train.has_splits),
            (vec![(1, 0), (0, 1)], vec![(OutsideClasses, 3)], true)
        );
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
    fn hidden_folders_are_no_classes_and_other_splits_tell_their_own() {
        let paths = paths(&[
            "r/train/cat/1.png",
            "r/train/.ipynb_checkpoints/1-checkpoint.png",
            "r/train/cat/notes.txt",
            "r/val/cat/1.png",
            "r/val/cat/2.heic",
            "r/.git/objects/x.png",
        ]);
        let train = arrange(&paths, Train).unwrap();
        assert_eq!(train.classes, ["cat"]);
        assert_eq!(train.left_out, [(Hidden, 1), (NoImage, 2), (Hidden, 5)]);
        let test = arrange(&paths, Test).unwrap();
        assert_eq!(test.left_out, [(LeftOutReason::OtherImage, 4), (Hidden, 5)]);
    }

    /// `sorted(os.listdir())` of Python, as torchvision's `ImageFolder`.
    #[test]
    fn the_order_of_classes_can_be_that_of_torchvision() {
        let paths = paths(&["1/a.png", "2/a.png", "10/a.png", "11/a.png"]);
        let ascii = super::arrange(&paths, Train, Some(&ClassOrder::Ascii)).unwrap();
        assert_eq!(ascii.classes, ["1", "10", "11", "2"]);
        assert_eq!(ascii.images, [(0, 0), (2, 1), (3, 2), (1, 3)]);
        let listed = ClassOrder::Listed {
            file: "classes.txt".into(),
            names: vec!["1".into(), "2".into(), "10".into()],
        };
        let refused = super::arrange(&paths, Train, Some(&listed)).unwrap_err();
        assert!(
            refused
                .problem(Train)
                .contains("the class `11`, which is none of the 3 in classes.txt")
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
            Err(NoLayout::NoImages(0))
        );
        let others = arrange(&paths(&["a/1.heic", "b/2.avif"]), Train).unwrap_err();
        assert!(
            others
                .problem(Train)
                .ends_with("in CLASS/ folders, but 2 of formats that are not read")
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
