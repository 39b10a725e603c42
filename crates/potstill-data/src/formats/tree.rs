//! The files of a data set by their paths inside, whatever folder they are packed in.

use std::collections::HashMap;
use std::sync::Arc;

use crate::decode::format::is_image;
use crate::file_store::{FileStore, Listed, StoredFile};
use crate::layout::as_split;
use crate::{DataError, LeftOutReason};

/// The files of a folder or archive, without hidden ones and without the folders that everything lies in.
pub(crate) struct Tree {
    pub store: Arc<FileStore>,
    /// In the order of their names.
    files: Vec<(String, StoredFile)>,
    by_name: HashMap<String, usize>,
    /// By the name in lower case: files of other systems differ in case.
    by_lower: HashMap<String, usize>,
    /// Images by their path without the extension.
    by_stem: HashMap<String, usize>,
}

/// Folders that belong to the layout of a format, so that no outer folder is called so.
const PARTS: [&str; 14] = [
    "images",
    "labels",
    "masks",
    "boxes",
    "instances",
    "semantic",
    "annotations",
    "Annotations",
    "JPEGImages",
    "SegmentationClass",
    "ImageSets",
    "leftImg8bit",
    "gtFine",
    "data",
];

impl Tree {
    /// The files of a listing.
    pub fn of(listed: Listed) -> Self {
        let is_kept = |file: &StoredFile| {
            !matches!(
                LeftOutReason::of(&file.name),
                Some(LeftOutReason::Hidden | LeftOutReason::Editor)
            )
        };
        let files = listed.files.into_iter().filter(is_kept);
        let named = files.map(|file| (file.name.trim_start_matches("./").to_owned(), file));
        let mut files: Vec<(String, StoredFile)> = named.collect();
        while let Some(root) = common_folder(&files) {
            for (name, _) in &mut files {
                name.drain(..root);
            }
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let places = |name: fn(&str) -> String, wanted: fn(&str) -> bool| {
            let named = files.iter().enumerate().filter(|(_, (own, _))| wanted(own));
            named.map(|(at, (own, _))| (name(own), at)).collect()
        };
        Self {
            by_name: places(str::to_owned, |_| true),
            by_lower: places(str::to_lowercase, |_| true),
            by_stem: places(|name| stem(name).to_owned(), is_image),
            store: Arc::new(listed.store),
            files,
        }
    }

    /// All paths, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Whether a folder of this path has files.
    pub fn has_folder(&self, folder: &str) -> bool {
        self.below(folder).next().is_some()
    }

    /// The files below a folder with their paths, in order.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &StoredFile)> {
        let prefix = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let start = self
            .files
            .partition_point(|(name, _)| name.as_str() < prefix.as_str());
        self.files[start..]
            .iter()
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(name, file)| (name.as_str(), file))
    }

    /// The images below a folder, in order.
    pub fn images(&self, folder: &str) -> impl Iterator<Item = (&str, &StoredFile)> {
        self.below(folder).filter(|(name, _)| is_image(name))
    }

    /// The file of this path.
    pub fn file(&self, name: &str) -> Option<&StoredFile> {
        let at = self.by_name.get(name)?;
        Some(&self.files[*at].1)
    }

    /// The path and the file whose path differs from this one in case only.
    pub fn file_by_case(&self, name: &str) -> Option<(&str, &StoredFile)> {
        let at = self.by_lower.get(&name.to_lowercase())?;
        let (own, file) = &self.files[*at];
        Some((own, file))
    }

    /// The image of this path without its extension.
    pub fn image(&self, stem: &str) -> Option<&StoredFile> {
        let at = self.by_stem.get(stem)?;
        Some(&self.files[*at].1)
    }

    /// The text of a file; bytes that are no UTF-8 are replaced.
    pub fn text(&self, file: &StoredFile) -> Result<String, DataError> {
        let bytes = self.store.read(file)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(text.trim_start_matches('\u{feff}').to_owned())
    }

    /// Whether one of these words is near the beginning of a file. One that cannot be read has none.
    pub fn begins_with_any(&self, file: &StoredFile, words: &[&str]) -> bool {
        let Ok(beginning) = self.store.beginning(file, BEGINNING) else {
            return false;
        };
        let has = |word: &&str| {
            let mut windows = beginning.windows(word.len());
            windows.any(|window| window == word.as_bytes())
        };
        words.iter().any(has)
    }

    /// Where a file is, for messages.
    pub fn source(&self, file: &StoredFile) -> String {
        self.store.source(&file.name)
    }
}

/// How many bytes of a file tell what it is.
const BEGINNING: usize = 1 << 16;

/// The length of the folder that all files lie in, with its separator, unless it is a part of a layout.
fn common_folder(files: &[(String, StoredFile)]) -> Option<usize> {
    let (first, _) = files.first()?;
    let (folder, _) = first.split_once('/')?;
    let is_outer = !PARTS.contains(&folder) && as_split(folder).is_none();
    let prefix = &first[..=folder.len()];
    let shared = is_outer && files.iter().all(|(name, _)| name.starts_with(prefix));
    shared.then_some(folder.len() + 1)
}

/// A path without the extension of its file.
pub(crate) fn stem(path: &str) -> &str {
    let file = path.rfind('/').map_or(0, |at| at + 1);
    match path[file..].rfind('.') {
        Some(dot) if dot > 0 => &path[..file + dot],
        _ => path,
    }
}

/// The name of a file, without its folders.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A path of `/`-separated parts without `.` and `..`; the latter takes away the part before it, where there is one.
pub(crate) fn normalised(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Tree, file_name, normalised, stem};
    use crate::file_store::FileStore;

    #[test]
    fn outer_folders_are_dropped_and_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/b/images/x.JPG", "a/b/labels/x.txt", "a/b/.git/x.jpg"] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let tree = Tree::of(FileStore::list(dir.path()).unwrap());
        assert_eq!(tree.names().collect::<Vec<_>>(), ["images/x.JPG", "labels/x.txt"]);
        assert!(tree.has_folder("images") && !tree.has_folder("image") && tree.has_folder(""));
        assert!(tree.file("images/x.jpg").is_none() && tree.image("images/x").is_some());
        assert_eq!(tree.file_by_case("images/x.jpg").unwrap().0, "images/x.JPG");
        let label = tree.file("labels/x.txt").unwrap();
        assert_eq!(tree.text(label).unwrap(), "text");
        assert!(tree.source(label).ends_with("a/b/labels/x.txt"));
        assert!(tree.image("labels/x").is_none(), "it is no image");
    }

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(
            ["a.b/c.d.jpg", "a.b/c", ".hidden"].map(stem),
            ["a.b/c.d", "a.b/c", ".hidden"]
        );
        assert_eq!(
            ["../train/./images", "a\\b", "/x/"].map(normalised),
            ["train/images", "a/b", "x"]
        );
        assert_eq!(file_name("a/b.jpg"), "b.jpg");
    }
}
