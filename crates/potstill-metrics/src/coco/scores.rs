//! COCO's twelve numbers.

use serde::Serialize;

use super::average::{Averages, THRESHOLDS};

/// COCO's twelve numbers, and some of each class; in `[0, 1]`, none where there is nothing to measure (`-1` in COCO's tools).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CocoScores {
    /// Average precision over the overlaps .50 to .95, of all areas.
    pub ap: Option<f64>,
    /// At the overlap .50.
    pub ap50: Option<f64>,
    /// At the overlap .75.
    pub ap75: Option<f64>,
    /// Of objects of at most 32x32 pixels.
    pub ap_small: Option<f64>,
    /// Of objects of 32x32 to 96x96 pixels.
    pub ap_medium: Option<f64>,
    /// Of larger objects.
    pub ap_large: Option<f64>,
    /// Average recall of the best detection of an image and class.
    pub ar1: Option<f64>,
    /// Of the best ten.
    pub ar10: Option<f64>,
    /// Of the best hundred.
    pub ar100: Option<f64>,
    /// Of small objects.
    pub ar_small: Option<f64>,
    /// Of medium objects.
    pub ar_medium: Option<f64>,
    /// Of large objects.
    pub ar_large: Option<f64>,
    /// Of each class.
    pub classes: Vec<ClassScores>,
}

/// The numbers of a class; none where no image has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Average precision over the overlaps .50 to .95.
    pub ap: Option<f64>,
    /// At the overlap .50.
    pub ap50: Option<f64>,
    /// Average recall of the best hundred.
    pub ar100: Option<f64>,
}

/// The places of the thresholds .50 and .75.
const AT_50: usize = 0;
const AT_75: usize = 5;

impl CocoScores {
    /// The twelve numbers by name, in the order of COCO's tools.
    pub fn named(&self) -> [(&'static str, Option<f64>); 12] {
        [
            ("ap", self.ap),
            ("ap50", self.ap50),
            ("ap75", self.ap75),
            ("ap_small", self.ap_small),
            ("ap_medium", self.ap_medium),
            ("ap_large", self.ap_large),
            ("ar1", self.ar1),
            ("ar10", self.ar10),
            ("ar100", self.ar100),
            ("ar_small", self.ar_small),
            ("ar_medium", self.ar_medium),
            ("ar_large", self.ar_large),
        ]
    }

    /// From the averages of each class.
    pub(super) fn of(classes: &[Averages]) -> Self {
        let mean = |of: &dyn Fn(&Averages) -> Option<f64>| {
            let values: Vec<f64> = classes.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let precision = |range| mean(&|class| class.precision(range, 0..THRESHOLDS));
        let at = |threshold| mean(&|class| class.precision(0, threshold..threshold + 1));
        let recall = |range, detections| mean(&|class| class.recall(range, detections));
        Self {
            ap: precision(0),
            ap50: at(AT_50),
            ap75: at(AT_75),
            ap_small: precision(1),
            ap_medium: precision(2),
            ap_large: precision(3),
            ar1: recall(0, 0),
            ar10: recall(0, 1),
            ar100: recall(0, 2),
            ar_small: recall(1, 2),
            ar_medium: recall(2, 2),
            ar_large: recall(3, 2),
            classes: classes
                .iter()
                .map(|class| ClassScores {
                    ap: class.precision(0, 0..THRESHOLDS),
                    ap50: class.precision(0, AT_50..AT_50 + 1),
                    ar100: class.recall(0, 2),
                })
                .collect(),
        }
    }
}
