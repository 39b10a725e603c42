//! The formats in which detection, instance segmentation and semantic segmentation keep their annotations.
//!
//! A format is told by its files ([`Format::of`]), or named in front of the path (`coco:FILE`). Each reader turns files into
//! [`Records`](crate::annotated::Records) and tells everything that is wrong.

mod cityscapes;
mod class_maps;
mod class_names;
mod coco_json;
mod coco_mini;
mod splits;
mod tree;
mod voc;
mod yolo;

use std::path::{Path, PathBuf};
use std::{fmt, fs};

pub(crate) use cityscapes::ids as cityscapes_ids;

use self::tree::Tree;
use crate::annotated::{Annotated, Records};
use crate::dataset::name_of;
use crate::file_store::FileStore;
use crate::source::Query;
use crate::{DataError, OpenOptions, Split, TargetKind};

/// A format of annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Coco,
    Yolo,
    Voc,
    Cityscapes,
    ClassMaps,
    CocoMini,
}

impl Format {
    pub const ALL: [Self; 6] = [
        Self::Coco,
        Self::Yolo,
        Self::Voc,
        Self::Cityscapes,
        Self::ClassMaps,
        Self::CocoMini,
    ];

    /// What is written in front of a path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Yolo => "yolo",
            Self::Voc => "voc",
            Self::Cityscapes => "cityscapes",
            Self::ClassMaps => "class-maps",
            Self::CocoMini => "coco-mini",
        }
    }

    /// What may stand behind a path of this format (`?key=value`), besides the split.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Coco => &["images"],
            Self::ClassMaps => &["ignore"],
            Self::Yolo | Self::Voc | Self::Cityscapes | Self::CocoMini => &[],
        }
    }

    /// The format that is named in front of a path.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format of a file that is no archive, by its name.
    pub fn of_file(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_lowercase();
        match extension.as_str() {
            "json" => Some(Self::Coco),
            "yaml" | "yml" => Some(Self::Yolo),
            _ => None,
        }
    }

    /// The format of a folder or archive with these files.
    fn of(tree: &Tree) -> Option<Self> {
        let is_format = |format: &Self| match format {
            Self::Cityscapes => cityscapes::is_at(tree),
            Self::CocoMini => coco_mini::is_at(tree),
            Self::Coco => coco_json::is_at(tree),
            Self::Yolo => yolo::is_at(tree),
            Self::Voc => voc::is_at(tree),
            Self::ClassMaps => class_maps::is_at(tree),
        };
        // The stricter ones first: class maps are told by two folders alone.
        [
            Self::Cityscapes,
            Self::CocoMini,
            Self::Yolo,
            Self::Voc,
            Self::Coco,
            Self::ClassMaps,
        ]
        .into_iter()
        .find(is_format)
    }

    /// The kinds of targets that files of a format have, the usual one first.
    fn offered(self, tree: &Tree) -> Vec<TargetKind> {
        use TargetKind::{Boxes, Instances, Map};
        match self {
            Self::Coco | Self::Yolo => vec![Boxes, Instances],
            Self::Voc => voc::offered(tree),
            Self::Cityscapes => vec![Map, Instances, Boxes],
            Self::ClassMaps => vec![Map],
            Self::CocoMini => vec![Boxes, Instances, Map],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is to be read.
pub(crate) struct Request<'a> {
    pub path: &'a Path,
    pub tree: Tree,
    pub split: Split,
    pub target: TargetKind,
    pub options: &'a OpenOptions,
    pub query: &'a Query<'a>,
}

impl Request<'_> {
    /// A mistake of the whole source.
    pub fn wrong(&self, place: impl Into<String>, problem: impl Into<String>) -> DataError {
        DataError::format(self.path, place, problem)
    }
}

/// What is looked for where annotations are needed.
pub(crate) fn looked_for() -> String {
    "annotations of COCO (annotations/instances_SPLIT.json, SPLIT/_annotations.coco.json, or `coco:FILE?images=FOLDER`), YOLO (data.yaml), \
     VOC (Annotations/*.xml, SegmentationClass/*.png), Cityscapes (leftImg8bit, gtFine), and class maps (SPLIT/images/NAME.jpg, \
     SPLIT/labels/NAME.png, classes.txt)"
        .to_owned()
}

/// A folder, archive or file of a known format, listed but not read.
pub(crate) struct Recognised {
    format: Format,
    path: PathBuf,
    tree: Tree,
}

impl Recognised {
    /// Tells the format at a path; `None` for anything else. A format that was named is believed.
    pub fn at(path: &Path, named: Option<Format>) -> Result<Option<Self>, DataError> {
        let by_file = Format::of_file(path).filter(|_| path.is_file());
        if let Some(format) = named.or(by_file).filter(|_| by_file.is_some()) {
            // The reader lists what belongs to the file.
            let (store, _) = FileStore::single(path);
            let tree = Tree::of(crate::file_store::Listed {
                store,
                files: Vec::new(),
                dead_links: Vec::new(),
            });
            return Ok(Some(Self {
                format,
                path: path.to_owned(),
                tree,
            }));
        }
        if !path.is_dir() && !FileStore::is_archive(path)? {
            return Ok(None);
        }
        let tree = Tree::of(FileStore::list(path)?);
        let Some(format) = named.or_else(|| Format::of(&tree)) else {
            return match only_archive(path) {
                Some(archive) => Self::at(&archive, None),
                None => Ok(None),
            };
        };
        Ok(Some(Self {
            format,
            path: path.to_owned(),
            tree,
        }))
    }

    /// Which format it is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The kinds of targets that it has, the usual one first.
    pub fn offered(&self) -> Vec<TargetKind> {
        self.format.offered(&self.tree)
    }

    /// Reads a split of it with this kind of targets.
    pub fn open(
        self,
        split: Split,
        target: TargetKind,
        options: &OpenOptions,
        query: &Query<'_>,
    ) -> Result<Annotated, DataError> {
        query.only(self.format.options(), self.format.name())?;
        let offered = self.offered();
        let path = &self.path;
        if !offered.contains(&target) {
            return Err(DataError::OtherTargets {
                name: path.display().to_string(),
                wanted: target,
                given: offered,
            });
        }
        if options.labels.is_some() {
            return Err(DataError::OpenOption {
                name: path.display().to_string(),
                problem: "has annotations of its own: a table of labels is for images of one class each",
            });
        }
        let request = Request {
            path,
            tree: self.tree,
            split,
            target,
            options,
            query,
        };
        let records = read(self.format, &request)?;
        if records.images.is_empty() && records.findings.first_error().is_none() {
            return Err(request.wrong(format!("{split} split"), "there are no images"));
        }
        Annotated::new(
            name_of(path, split),
            records,
            options.decode,
            options.report_mistakes,
        )
    }
}

/// The one archive in a folder.
fn only_archive(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_archive = |path: &PathBuf| {
        let name = path.to_string_lossy();
        [".tar", ".tar.gz", ".tgz", ".tar.xz", ".zip"]
            .iter()
            .any(|extension| name.ends_with(extension))
    };
    let mut archives = paths.filter(is_archive);
    archives.next().filter(|_| archives.next().is_none())
}

fn read(format: Format, request: &Request<'_>) -> Result<Records, DataError> {
    match format {
        Format::Coco => coco_json::read(request),
        Format::Yolo => yolo::read(request),
        Format::Voc => voc::read(request),
        Format::Cityscapes => cityscapes::read(request),
        Format::ClassMaps => class_maps::read(request),
        Format::CocoMini => coco_mini::read(request),
    }
}
