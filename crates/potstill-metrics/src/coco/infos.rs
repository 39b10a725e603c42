//! COCO's twelve numbers as metrics.

use super::CocoScores;
use crate::{MetricInfo, MetricSet, Metrics, coco::ClassScores};

/// Of objects by their boxes, in the order of COCO's tools.
pub static BOX_METRICS: [MetricInfo; 12] = [
    percent("ap", "AP"),
    percent("ap50", "AP50"),
    percent("ap75", "AP75"),
    percent("ap_small", "AP small"),
    percent("ap_medium", "AP medium"),
    percent("ap_large", "AP large"),
    percent("ar1", "AR1"),
    percent("ar10", "AR10"),
    percent("ar100", "AR100"),
    percent("ar_small", "AR small"),
    percent("ar_medium", "AR medium"),
    percent("ar_large", "AR large"),
];

/// Of objects by their masks, in the same order.
pub static MASK_METRICS: [MetricInfo; 12] = [
    percent("mask_ap", "mask AP"),
    percent("mask_ap50", "mask AP50"),
    percent("mask_ap75", "mask AP75"),
    percent("mask_ap_small", "mask AP small"),
    percent("mask_ap_medium", "mask AP medium"),
    percent("mask_ap_large", "mask AP large"),
    percent("mask_ar1", "mask AR1"),
    percent("mask_ar10", "mask AR10"),
    percent("mask_ar100", "mask AR100"),
    percent("mask_ar_small", "mask AR small"),
    percent("mask_ar_medium", "mask AR medium"),
    percent("mask_ar_large", "mask AR large"),
];

const fn percent(name: &'static str, label: &'static str) -> MetricInfo {
    MetricInfo::percent(name, label, "average-precision")
}

/// What is measured of boxes; the headline is AP.
pub fn box_metric_set() -> MetricSet {
    let [headline, others @ ..] = BOX_METRICS.clone();
    MetricSet {
        headline,
        others: others.into(),
    }
}

/// What is measured of masks and boxes; the headline is mask AP.
pub fn mask_metric_set() -> MetricSet {
    let [headline, others @ ..] = MASK_METRICS.clone();
    MetricSet {
        headline,
        others: others.into_iter().chain(BOX_METRICS.clone()).collect(),
    }
}

impl CocoScores {
    /// The twelve numbers in percent, by the names of [`BOX_METRICS`] or [`MASK_METRICS`]. What there is nothing to measure for is left out;
    /// the first is always there, if only as no number.
    pub fn metrics(&self, infos: &[MetricInfo; 12]) -> Metrics {
        let percent = |value: Option<f64>| value.map(|value| 100.0 * value);
        let first = Metrics::new().with(&infos[0], percent(self.ap).unwrap_or(f64::NAN));
        let others = infos.iter().zip(self.named()).skip(1);
        others.fold(first, |metrics, (info, (_, value))| {
            metrics.with_any(info, percent(value))
        })
    }
}

impl ClassScores {
    /// AP in percent; none where no image has the class.
    pub fn percent(&self) -> Option<f64> {
        self.ap.map(|ap| 100.0 * ap)
    }
}
