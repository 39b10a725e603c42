//! What a data set says about all of its images.

use std::sync::OnceLock;

use potstill_base::printable;

use crate::{DataError, Findings, Fingerprint, LeftOut, Sample, Target, TargetKind};

/// What a data set says about all of its images.
///
/// ```
/// use potstill_data::{DatasetInfo, TargetKind};
/// let info = DatasetInfo::new("pets train", TargetKind::Class, ["cat", "dog"]);
/// assert_eq!(info.classes, ["cat", "dog"]);
/// ```
#[derive(Debug)]
pub struct DatasetInfo {
    /// A short name for logs: `cifar10 train`.
    pub name: String,
    /// What is known about each image.
    pub target: TargetKind,
    /// The names of the classes, in the order of the labels. A set of label maps whose pixels may show
    /// nothing in particular has a class for that too, such as `background`.
    pub classes: Vec<String>,
    /// The number of each class in the files, where that is not its place: COCO's category ids, which have gaps. Empty otherwise.
    pub class_ids: Vec<i64>,
    /// Files that lie among the images but are left out, and why.
    pub left_out: LeftOut,
    /// What else there is to tell about the images before they are used, a line each.
    pub notes: Vec<String>,
    /// What is wrong, or strange, in the annotations.
    pub findings: Findings,
    /// Whether the images to train with and to test with are apart. Class folders without splits are the same
    /// images whichever is asked for.
    pub has_splits: bool,
    /// Whether some images have no label: their target is [`Target::None`](crate::Target::None), whatever `target` says of the others.
    pub partly_labelled: bool,
    /// Filled by the first call of [`Dataset::fingerprint`](crate::Dataset::fingerprint).
    fingerprint: OnceLock<Fingerprint>,
}

impl DatasetInfo {
    /// What there is to say about a set of this name; no file was left out.
    pub fn new(
        name: impl Into<String>,
        target: TargetKind,
        classes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        Self {
            name: printable(&name.into()).into_owned(),
            target,
            classes: class_names(classes),
            class_ids: Vec::new(),
            left_out: LeftOut::default(),
            notes: Vec::new(),
            findings: Findings::default(),
            has_splits: true,
            partly_labelled: false,
            fingerprint: OnceLock::new(),
        }
    }

    /// The same with these files left out.
    #[must_use]
    pub fn with_left_out(self, left_out: LeftOut) -> Self {
        Self { left_out, ..self }
    }

    /// The same, with or without splits.
    #[must_use]
    pub fn with_splits(self, has_splits: bool) -> Self {
        Self { has_splits, ..self }
    }

    /// The same, where some images may have no label.
    #[must_use]
    pub fn with_partly_labelled(self, partly_labelled: bool) -> Self {
        Self {
            partly_labelled,
            ..self
        }
    }

    /// Everything that is to be told about the images before they are used, a line each: what is left out, where
    /// torchvision would number the classes in another way, annotations that are left out or clipped, orientations that are not followed.
    pub fn told(&self) -> Vec<String> {
        let mut lines = self.told_of_files();
        lines.extend(self.findings.notes(&self.name));
        lines
    }

    /// The same without what is told of annotations.
    pub(crate) fn told_of_files(&self) -> Vec<String> {
        let mut lines = self.left_out.notes(&self.name);
        lines.extend(self.notes.iter().cloned());
        if self.target == TargetKind::Class && self.classes.len() == 1 {
            lines.push(format!(
                "warning: {} has one class only: there is nothing to tell apart, and every network is right",
                self.name
            ));
        }
        let shown = lines.iter().map(|line| printable(line).into_owned());
        shown.collect()
    }

    /// Holds a sample to what holds for all of them.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] for another kind of target; [`DataError::Sample`] for a picture without
    /// pixels or with more or fewer values than its size says, and for a target that does not fit the picture
    /// or the classes.
    pub fn check(&self, sample: &Sample, index: usize) -> Result<(), DataError> {
        if !self.allows(&sample.target) {
            return Err(DataError::TargetKind {
                wanted: self.target,
                found: sample.target.kind(),
            });
        }
        let [height, width, channels] = sample.image.shape();
        let (values, expected) = (sample.image.pixels.len(), height * width * channels);
        let problem = if values != expected || expected == 0 {
            Some(format!(
                "it has {values} values for a size of {height}x{width}x{channels}"
            ))
        } else {
            sample.target.problem([height, width], self.classes.len())
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(DataError::Sample {
                name: self.name.clone(),
                index,
                problem,
            }),
        }
    }

    /// Whether an image of the set may have this target, by its kind.
    pub(crate) fn allows(&self, target: &Target) -> bool {
        target.kind() == self.target || (self.partly_labelled && *target == Target::None)
    }

    /// The fingerprint that was kept, or the one that is now computed and kept.
    pub(crate) fn keep_fingerprint(
        &self,
        compute: impl FnOnce() -> Result<Fingerprint, DataError>,
    ) -> Result<Fingerprint, DataError> {
        if let Some(kept) = self.fingerprint.get() {
            return Ok(*kept);
        }
        let computed = compute()?;
        Ok(*self.fingerprint.get_or_init(|| computed))
    }
}

/// Names of classes, in which characters that a terminal would obey are written out: they go on into logs, reports and models.
pub(crate) fn class_names(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let names = names.into_iter();
    names.map(|name| printable(name.as_ref()).into_owned()).collect()
}

/// A copy is for another data set (a part of this one, say), so it does not have the kept fingerprint.
impl Clone for DatasetInfo {
    fn clone(&self) -> Self {
        let Self {
            name,
            target,
            classes,
            class_ids,
            left_out,
            notes,
            findings,
            has_splits,
            partly_labelled,
            ..
        } = self;
        Self {
            class_ids: class_ids.clone(),
            left_out: left_out.clone(),
            notes: notes.clone(),
            findings: findings.clone(),
            has_splits: *has_splits,
            partly_labelled: *partly_labelled,
            ..Self::new(name, *target, classes)
        }
    }
}
