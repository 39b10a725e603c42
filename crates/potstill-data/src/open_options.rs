//! How the images of a data set are opened.

use std::path::PathBuf;

use crate::{ClassOrder, DATA_ROOT, DataError, DecodeOptions};

/// How the images of a data set are opened: what recipes and commands share.
///
/// ```
/// use potstill_data::{ClassOrder, OpenOptions, Split, TargetKind, open_with};
/// let options = OpenOptions { class_order: Some(ClassOrder::Ascii), ..OpenOptions::default() };
/// let refused = open_with("shapes", Split::Train, TargetKind::Class, &options).err().unwrap().to_string();
/// assert_eq!(refused, "`shapes` numbers its own classes: the order of classes is for images in class folders");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOptions {
    /// The folder in which data sets are looked for by name.
    pub root: PathBuf,
    /// How the folders of classes are numbered: in natural order, and with a word where torchvision's is another, if
    /// nothing is said.
    pub class_order: Option<ClassOrder>,
    /// A CSV file with the class of each image, in place of class folders.
    pub labels: Option<PathBuf>,
    /// How files are decoded.
    pub decode: DecodeOptions,
    /// Up to so many images that cannot be decoded are left out; more are an error.
    pub skip_unreadable: usize,
    /// Annotations that are wrong are told by [`DatasetInfo::findings`](crate::DatasetInfo::findings) and left out, where they would
    /// otherwise be an error: to look at all of them.
    pub report_mistakes: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            root: PathBuf::from(DATA_ROOT),
            class_order: None,
            labels: None,
            decode: DecodeOptions::default(),
            skip_unreadable: 0,
            report_mistakes: false,
        }
    }
}

impl OpenOptions {
    /// Refuses what is for files of images only, for another data set.
    pub(crate) fn check_own_classes(&self, name: &str) -> Result<(), DataError> {
        let problem = match (&self.class_order, &self.labels) {
            (Some(_), _) => "numbers its own classes: the order of classes is for images in class folders",
            (_, Some(_)) => "has its own labels: a table of labels is for files of images",
            (None, None) => return Ok(()),
        };
        Err(DataError::OpenOption {
            name: name.to_owned(),
            problem,
        })
    }
}
