//! Data sets, decoding, augmentation and batches.
//!
//! Everything random is a function of the seed, the epoch and the image's index, so an epoch has the same
//! bits whatever the number of worker threads, and a resumed run sees what an uninterrupted one would have
//! seen.
//!
//! * A [`Dataset`] gives [`Sample`]s: an [`Image`] and a [`Target`], which is a class, boxes, a label map or
//!   another [`TargetKind`].
//! * [`open`] turns a name (`cifar10`, `shapes:size=48`) or a path into a data set; [`registry`] lists the
//!   names. [`InMemory`] is one of images that a program has at hand.
//! * [`Augment`] turns an [`Image`] into floats; [`Normalise`] is apart from it, because a teacher and its
//!   student may be normalised differently.
//! * [`Loader`] gives the [`Batch`]es of an epoch from background threads.
//! * [`check`] reads every image of a data set once and reports; [`fetch`] downloads a data set.
//!
//! ```
//! use potstill_data::{Augment, Loader, LoaderConfig, Split, open};
//! let dataset = open("shapes:train=64", Split::Train)?;
//! let config = LoaderConfig { batch: 16, ..LoaderConfig::default() };
//! let loader = Loader::new(dataset.into(), Augment::none(), config)?;
//! for batch in loader.epoch(0, 0) {
//!     assert_eq!(batch?.shape, [16, 32, 32, 3]);
//! }
//! # Ok::<(), potstill_data::DataError>(())
//! ```

mod annotated;
mod archive_members;
pub mod augment;
mod check;
pub mod cifar;
mod cifar_binary;
mod cifar_pickle;
mod class_match;
mod class_order;
pub mod coco;
mod curl;
mod dataset;
mod dataset_entry;
mod decode;
mod error;
mod fetch;
mod file_store;
mod fingerprint;
mod formats;
mod hold_out;
mod image;
mod image_files;
mod in_channels;
mod in_memory;
mod info;
mod keep_in_memory;
mod label_table;
mod labelled;
mod layout;
mod left_out;
mod limits;
mod loader;
mod mnist_idx;
mod named;
mod natural_order;
mod normalise;
mod open;
mod open_options;
mod open_path;
mod orientation;
mod pairs;
mod parallel;
mod partly_labelled;
mod pickle;
mod pictures;
pub mod pil_ops;
mod readable;
mod registry;
mod renumbered;
mod sample;
pub mod shapes;
mod source;
mod subset;
mod target;
mod unlabelled;

pub use annotated::{Finding, FindingCount, Findings, Severity};
pub use augment::{AffineMatrix, Augment, FloatImage};
pub use check::{CheckReport, ClassCount, SizeCount, Unreadable, check, check_as, check_dataset};
pub use cifar::{Cifar, CifarKind};
pub use class_match::ClassMatch;
pub use class_order::ClassOrder;
pub use dataset::{Dataset, Split};
pub use dataset_entry::{DatasetEntry, Download};
pub use decode::{DecodeOptions, decode, decode_with};
pub use error::DataError;
pub use fetch::{Progress, download, downloads, fetch};
pub use fingerprint::Fingerprint;
pub use hold_out::hold_out;
pub use image::Image;
pub use image_files::ImageFiles;
pub use in_channels::InChannels;
pub use in_memory::InMemory;
pub use info::DatasetInfo;
pub use keep_in_memory::keep_in_memory;
pub use left_out::{LeftOut, LeftOutGroup, LeftOutReason};
pub use loader::{Batch, Epoch, Loader, LoaderConfig, Truth};
pub use mnist_idx::MnistIdx;
pub use normalise::Normalise;
pub use open::{DATA_ROOT, open, open_for, open_with, target_kinds};
pub use open_options::OpenOptions;
pub use pairs::{Pair, Pairs};
pub use partly_labelled::PartlyLabelled;
pub use pictures::Pictures;
pub use registry::registry;
pub use renumbered::Renumbered;
pub use sample::Sample;
pub use shapes::{Shapes, ShapesOptions};
pub use subset::{FewSamples, Subset};
pub use target::{
    BoundingBox, Instance, InstanceShape, LabelMap, LabelledBox, Mask, ObjectNotes, Polygon, Target,
    TargetKind,
};
pub use unlabelled::Unlabelled;
