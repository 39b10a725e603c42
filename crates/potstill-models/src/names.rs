//! What the tensors of a network are called, here and elsewhere.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// Whose names a network's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The CIFAR-10 residual networks that He et al. (2015) describe, as published for PyTorch in 2018.
    CifarResNet,
    /// The CIFAR-100 distillation benchmark (Tian et al. 2020) and what was built on it.
    DistillationBenchmark,
    /// torchvision.
    Torchvision,
    /// timm.
    Timm,
    /// FastestDet's author.
    FastestDet,
    /// MMSegmentation.
    MmSegmentation,
    /// The PyTorch program of ENet by iArunava.
    Enet,
    /// A program's own: the names of its fields.
    Own,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CifarResNet => "cifar-resnet",
            Self::DistillationBenchmark => "distillation-benchmark",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::FastestDet => "fastestdet",
            Self::MmSegmentation => "mmsegmentation",
            Self::Enet => "enet",
            Self::Own => "own",
        })
    }
}

/// The names of a network's tensors.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// Whose names they are.
    pub scheme: Scheme,
    /// The path of the last layer, whose weight has a row for each class.
    pub head: &'static str,
    /// The paths of further layers of which the same is true, where a network has several.
    pub more_heads: &'static [&'static str],
    /// The axis of the classes in the weight of the last layer: 0, or 1 of a transposed convolution.
    pub class_axis: usize,
    /// Classes of that weight that are none: one of a detector that has one for the background.
    pub(crate) background: usize,
    /// Rows of that weight for each class: as many as a detector has anchors at a place.
    pub(crate) rows_per_class: usize,
    /// Path segments that the published network calls otherwise, or leaves out: `(ours, theirs)`.
    pub(crate) published: &'static [(&'static str, &'static str)],
    /// Path segments that stand for one tensor in the published network, which files store under both: `(ours, copy)`.
    pub(crate) copies: &'static [(&'static str, &'static str)],
    /// Path segments that files in circulation call otherwise: `(theirs, ours)`.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

impl Names {
    /// The published names as they are; the last layer is at `head`.
    pub(crate) const fn new(scheme: Scheme, head: &'static str) -> Self {
        Self {
            scheme,
            head,
            more_heads: &[],
            class_axis: 0,
            background: 0,
            rows_per_class: 1,
            published: &[],
            copies: &[],
            aliases: &[],
        }
    }

    /// The names of a network of a program's own, whose last layer is at `head`.
    pub const fn own(head: &'static str) -> Self {
        Self::new(Scheme::Own, head)
    }

    /// The names in a file, whose last layer is at `head`.
    pub(crate) fn of_file(head: &str) -> Self {
        Self::own(interned(head))
    }

    /// The names of a model that has another head on this backbone, with these last layers: what a classifier's last layer is called
    /// elsewhere would be taken for a path of that head.
    pub(crate) fn with_other_heads(self, heads: &'static [&'static str]) -> Self {
        const SHORTCUT: &[(&str, &str)] = &[("shortcut", "downsample")];
        let has_shortcut = self.aliases.contains(&SHORTCUT[0]);
        Self {
            aliases: if has_shortcut { SHORTCUT } else { &[] },
            ..self
        }
        .with_heads(heads)
    }

    /// With these last layers, the one that gives the logits first.
    pub(crate) const fn with_heads(mut self, heads: &'static [&'static str]) -> Self {
        if let [head, more @ ..] = heads {
            (self.head, self.more_heads) = (head, more);
        }
        self
    }

    /// With segments under which one tensor is stored once more: `(ours, copy)`.
    pub(crate) const fn with_copies(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.copies = pairs;
        self
    }

    /// The further names under which the tensor at this path of ours is stored.
    pub(crate) fn copies_of(&self, path: &str) -> impl Iterator<Item = String> {
        let copies = self
            .copies
            .iter()
            .map(|(ours, copy)| rename(path, &[(*ours, *copy)]));
        copies.filter(move |copy| *copy != path)
    }

    /// The path of ours of which this is a copy.
    pub(crate) fn original(&self, name: &str) -> Option<String> {
        let originals = self
            .copies
            .iter()
            .map(|(ours, copy)| rename(name, &[(*copy, *ours)]));
        originals.into_iter().find(|original| original != name)
    }

    /// The last layer is a transposed convolution.
    pub(crate) const fn transposed(mut self) -> Self {
        self.class_axis = 1;
        self
    }

    /// The paths of all layers whose weights have one row per class.
    pub fn heads(&self) -> impl Iterator<Item = &'static str> {
        [self.head].into_iter().chain(self.more_heads.iter().copied())
    }

    /// What the published network calls the tensor at this path of ours.
    pub fn published_name(&self, path: &str) -> String {
        rename(path, self.published)
    }

    /// Of a network whose last layer has a row for the background besides its classes.
    pub(crate) const fn with_background(mut self) -> Self {
        self.background = 1;
        self
    }

    /// Of a network whose last layer has so many rows for each class.
    pub(crate) const fn with_rows_per_class(mut self, rows: usize) -> Self {
        self.rows_per_class = rows;
        self
    }

    /// The number of classes of a network whose last layer has so many rows; `None` if there cannot be so many.
    pub fn classes_of(&self, rows: usize) -> Option<usize> {
        let columns = rows.checked_div(self.rows_per_class)?;
        (columns * self.rows_per_class == rows).then(|| columns.checked_sub(self.background))?
    }

    /// With segments that the published network calls otherwise: `(ours, theirs)`.
    pub(crate) const fn published_as(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.published = pairs;
        self
    }

    /// With segments that files in circulation call otherwise: `(theirs, ours)`.
    pub(crate) const fn also_known_as(mut self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        self.aliases = pairs;
        self
    }
}

/// A path of a file that is opened, for as long as the process runs: it opens a few.
fn interned(path: &str) -> &'static str {
    static PATHS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = paths.get(path) {
        return known;
    }
    let path: &'static str = Box::leak(path.into());
    paths.insert(path);
    path
}

/// `path` with every segment that has another name in `pairs` (`(from, to)`) replaced; one whose other name is empty is left out.
pub(crate) fn rename(path: &str, pairs: &[(&str, &str)]) -> String {
    let segments = path.split('.').map(|segment| {
        pairs
            .iter()
            .find(|(from, _)| *from == segment)
            .map_or(segment, |(_, to)| to)
    });
    let segments = segments.filter(|segment| !segment.is_empty());
    segments.collect::<Vec<_>>().join(".")
}
