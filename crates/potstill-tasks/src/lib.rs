//! What networks are trained for: the targets, the loss and the metrics of each task.
//!
//! A [`Task`] turns the targets of a batch into tensors, what a network gives for it into loss terms, and what it gives for the test
//! images into metrics. Nothing above this crate knows what a label is; nothing below it knows what is done with one.
//!
//! | task | what each image has | what a network gives | loss | headline |
//! |---|---|---|---|---|
//! | [`Classification`] | one class | a row of logits | cross-entropy | top-1 |
//! | [`MultiLabel`] | a set of classes | a row of logits | binary cross-entropy | mAP |
//! | [`DetectionTask`] | objects with boxes | boxes with scores | those of the detector's kind | AP |
//! | [`InstanceSegmentation`] | objects with outlines | boxes and masks with scores | those of the detector and its masks | mask AP |
//! | [`Segmentation`] | a class for each pixel | logits for each place | cross-entropy of the pixels | mIoU |
//!
//! [`Verifier`] measures the embeddings of a trained network on pairs of images.
//!
//! ```
//! use potstill_data::TargetKind;
//! use potstill_tasks::{Task, TaskKind, TaskOptions};
//!
//! let options = TaskOptions { classes: vec!["cat".into(), "dog".into()], label_smoothing: 0.0, class_weights: None };
//! let task = potstill_tasks::task(TaskKind::MultiLabel, options);
//! assert_eq!(task.target_kind(), TargetKind::Classes);
//! assert_eq!(task.metrics().headline.label, "mAP");
//! ```

mod classification;
pub mod detection;
mod error;
mod instances;
mod log_of_others;
mod loss_term;
mod multi_label;
mod partial_targets;
mod prediction;
mod probabilities;
mod rows;
mod segmentation;
mod sense;
mod targets;
mod task;
mod verification;

pub use classification::{Classification, cross_entropy, weighted_cross_entropy};
pub use detection::DetectionTask;
pub use error::TaskError;
pub use instances::InstanceSegmentation;
pub use log_of_others::{is_column, log_of_others, without_column};
pub use loss_term::LossTerm;
pub use multi_label::{MultiLabel, binary_cross_entropy};
pub use partial_targets::{PartialTargets, targets_where_known, terms_where_known};
pub use potstill_recipe::TaskKind;
pub use prediction::Prediction;
pub use probabilities::Probabilities;
pub use rows::{RowSet, Rows};
pub use segmentation::{Segmentation, inverted_pixel_cross_entropy, labels_at_places, pixel_cross_entropy};
pub use sense::Sense;
pub use targets::Targets;
pub use task::{Evaluator, Task, TaskOptions, TermContext, fits_classes, task};
pub use verification::Verifier;
