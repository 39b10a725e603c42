//! How good a network is: metrics by name, and how they are computed from plain numbers.
//!
//! [`Metrics`] is what an evaluation finds: values by name. A [`MetricInfo`] says what such a name means: its unit, and whether
//! more of it is better; a [`MetricSet`] has those of a task. Nothing here knows a tensor library or a file of images, so that predictions of any origin can be
//! measured:
//!
//! * one class per image: [`true_class_ranks`] and [`Hits`] (top-1, top-5);
//! * a set of classes per image: [`Ranking`] (mean average precision, F1);
//! * a class per pixel: [`PixelConfusion`] (mean intersection over union, pixel accuracy);
//! * pairs of images that show the same or not: [`verification`];
//! * beyond metrics ([`Details`]): [`Confusion`], [`Calibration`], [`Agreement`] with a teacher, the worst pictures;
//! * objects by boxes or masks: [`coco`] (average precision as `pycocotools`), [`voc_average_precision`], and masks themselves, [`RunMask`].
//!
//! ```
//! use potstill_metrics::{Hits, TOP1};
//!
//! let mut hits = Hits::default();
//! // Logits of two images over three classes, and their classes.
//! hits.add(&[2.0, 0.5, -1.0, 0.1, 0.2, 0.3], 3, &[0, 1]);
//! let metrics = hits.metrics(3);
//! assert_eq!(metrics[&TOP1.name], 50.0);
//! ```

mod agreement;
mod average_precision;
mod calibration;
pub mod coco;
mod confusion;
mod details;
mod hits;
mod info;
mod mask;
mod metric_set;
mod metrics;
pub mod number;
mod ranking;
mod segmentation;
mod verification;
mod voc;

pub use agreement::{Agreement, AgreementReport};
pub use average_precision::average_precision;
pub use calibration::{Calibration, CalibrationBin, CalibrationReport};
pub use confusion::{ClassResult, Confused, Confusion, ConfusionMatrix};
pub use details::{Details, Mistake};
pub use hits::{Hits, TOP1, TOP5, true_class_ranks};
pub use info::{LOSS, MISSING, MetricInfo, Unit};
pub use mask::{MaskError, RunMask};
pub use metric_set::MetricSet;
pub use metrics::Metrics;
pub use ranking::{CLASSES_LEFT_OUT, F1, MEAN_AVERAGE_PRECISION, Ranking};
pub use segmentation::{CLASS_ACCURACY, FREQUENCY_WEIGHTED_IOU, MEAN_IOU, PIXEL_ACCURACY, PixelConfusion};
pub use verification::{PairScore, Verification, cosine, verification};
pub use voc::{VocDetection, VocObject, VocRule, voc_average_precision};
