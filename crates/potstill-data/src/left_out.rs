//! Files that lie among the images of a data set but are none of it, and why.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::decode::format::{extension, is_image, is_other_image};

/// Why a file is left out of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutReason {
    /// By its extension it is an image of a format that is not read.
    OtherImage,
    /// An image that lies in no folder of a class.
    OutsideClasses,
    /// An image that cannot be decoded.
    Unreadable,
    /// An image that the table of labels does not name.
    Unlabelled,
    /// A link that leads nowhere.
    DeadLink,
    /// By its extension it is no image.
    NoImage,
    /// Its name, or that of a folder around it, starts with a dot.
    Hidden,
    /// What an editor or a desktop leaves behind.
    Editor,
}

impl LeftOutReason {
    /// Why a file of this path, with its folders, is no image of a data set; `None` if it is one.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        if folders.split('/').any(is_hidden_folder) {
            return Some(Self::Hidden);
        }
        if is_of_editor(file) {
            return Some(Self::Editor);
        }
        if file.starts_with('.') {
            return Some(Self::Hidden);
        }
        if is_image(file) {
            return None;
        }
        let is_other = is_other_image(&extension(file));
        Some(if is_other { Self::OtherImage } else { Self::NoImage })
    }

    /// Whether somebody may have meant the file as an image of the set.
    fn is_loud(self) -> bool {
        self <= Self::DeadLink
    }

    /// Whether files of this reason are told apart by their extensions.
    fn is_by_extension(self) -> bool {
        matches!(self, Self::OtherImage | Self::OutsideClasses | Self::NoImage)
    }

    fn words(self) -> &'static str {
        match self {
            Self::OtherImage => " of a format that is not read",
            Self::OutsideClasses => " outside of the class folders",
            Self::Unreadable => " that cannot be decoded",
            Self::Unlabelled => " without a row in the table of labels",
            Self::DeadLink => " as a link that leads nowhere",
            Self::NoImage => "",
            Self::Hidden => " hidden",
            Self::Editor => " of an editor or a desktop",
        }
    }
}

/// Folders that hold no images that anybody meant: hidden ones, and what macOS and Synology put into archives.
fn is_hidden_folder(folder: &str) -> bool {
    let is_dots = folder.chars().all(|character| character == '.');
    (folder.starts_with('.') && !is_dots) || matches!(folder, "__MACOSX" | "@eaDir")
}

fn is_of_editor(file: &str) -> bool {
    file.ends_with('~')
        || file.starts_with(".#")
        || (file.starts_with('#') && file.ends_with('#'))
        || matches!(extension(file).as_str(), "swp" | "swo")
        || matches!(file, "Thumbs.db" | "desktop.ini" | ".DS_Store")
}

/// Files that are left out of a data set.
///
/// ```
/// use potstill_data::{LeftOut, LeftOutReason};
/// let mut left_out = LeftOut::default();
/// left_out.add(LeftOutReason::OtherImage, "cat/1.heic".to_owned());
/// left_out.add(LeftOutReason::OtherImage, "cat/2.heic".to_owned());
/// assert_eq!(left_out.groups()[0].count, 2);
/// assert_eq!(
///     left_out.notes("pets train"),
///     ["warning: 2 files are left out of pets train: 2 .heic of a format that is not read (cat/1.heic)"]
/// );
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    files: Vec<(LeftOutReason, String)>,
}

/// Files of a kind that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutGroup {
    /// Why.
    pub reason: LeftOutReason,
    /// Their extension in lower case, where that is the reason.
    pub extension: Option<String>,
    /// How many there are.
    pub count: usize,
    /// The first of them.
    pub example: String,
}

impl LeftOut {
    /// Adds a file.
    pub fn add(&mut self, reason: LeftOutReason, file: String) {
        self.files.push((reason, file));
    }

    /// The files with their reasons.
    pub fn files(&self) -> &[(LeftOutReason, String)] {
        &self.files
    }

    /// The files by kind, those first that may have been meant as images.
    pub fn groups(&self) -> Vec<LeftOutGroup> {
        let mut groups: BTreeMap<_, (usize, &String)> = BTreeMap::new();
        for (reason, file) in &self.files {
            let extension = reason.is_by_extension().then(|| extension(file));
            groups.entry((*reason, extension)).or_insert((0, file)).0 += 1;
        }
        let group = |((reason, extension), (count, example)): (_, (usize, &String))| LeftOutGroup {
            reason,
            extension,
            count,
            example: example.clone(),
        };
        groups.into_iter().map(group).collect()
    }

    /// What to tell about the set of this name: a warning about what may have been meant as an image, a line about the
    /// rest.
    pub fn notes(&self, name: &str) -> Vec<String> {
        let (loud, quiet): (Vec<_>, Vec<_>) = self
            .groups()
            .into_iter()
            .partition(|group| group.reason.is_loud());
        let line = |start: &str, groups: &[LeftOutGroup]| {
            let count: usize = groups.iter().map(|group| group.count).sum();
            let (plural, verb) = if count == 1 { ("", "is") } else { ("s", "are") };
            let kinds: Vec<String> = groups.iter().map(LeftOutGroup::words).collect();
            format!(
                "{start}{count} file{plural} {verb} left out of {name}: {}",
                kinds.join(", ")
            )
        };
        let lines = [("warning: ", loud), ("", quiet)];
        let lines = lines.iter().filter(|(_, groups)| !groups.is_empty());
        lines.map(|(start, groups)| line(start, groups)).collect()
    }
}

impl LeftOutGroup {
    fn words(&self) -> String {
        let extension = match self.extension.as_deref() {
            Some("") => " without an extension".to_owned(),
            Some(extension) => format!(" .{extension}"),
            None => String::new(),
        };
        format!(
            "{}{extension}{} ({})",
            self.count,
            self.reason.words(),
            self.example
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{LeftOut, LeftOutReason};

    #[test]
    fn each_file_has_its_reason() {
        use LeftOutReason::{Editor, Hidden, NoImage, OtherImage};
        let reasons = [
            ("cat/1.JPG", None),
            ("cat/1.webp", None),
            ("cat/1.heic", Some(OtherImage)),
            ("cat/notes.txt", Some(NoImage)),
            ("cat/Makefile", Some(NoImage)),
            ("cat/._1.jpg", Some(Hidden)),
            (".ipynb_checkpoints/1.png", Some(Hidden)),
            ("__MACOSX/cat/1.png", Some(Hidden)),
            ("./cat/1.png", None),
            ("cat/.#1.png", Some(Editor)),
            ("cat/1.png~", Some(Editor)),
            ("cat/#1.png#", Some(Editor)),
            ("cat/Thumbs.db", Some(Editor)),
        ];
        for (path, reason) in reasons {
            assert_eq!(LeftOutReason::of(path), reason, "{path}");
        }
    }

    #[test]
    fn kinds_are_counted_and_images_are_told_loudly() {
        let mut left_out = LeftOut::default();
        assert!(left_out.notes("pets").is_empty());
        for (reason, file) in [
            (LeftOutReason::NoImage, "a/notes.txt"),
            (LeftOutReason::OutsideClasses, "1.png"),
            (LeftOutReason::OtherImage, "a/1.heic"),
            (LeftOutReason::OtherImage, "b/2.HEIC"),
            (LeftOutReason::NoImage, "b/Makefile"),
            (LeftOutReason::DeadLink, "b/gone.png"),
        ] {
            left_out.add(reason, file.to_owned());
        }
        assert_eq!(
            left_out.notes("pets"),
            [
                "warning: 4 files are left out of pets: 2 .heic of a format that is not read (a/1.heic), 1 .png outside of the \
                 class folders (1.png), 1 as a link that leads nowhere (b/gone.png)",
                "2 files are left out of pets: 1 without an extension (b/Makefile), 1 .txt (a/notes.txt)"
            ]
        );
    }
}
