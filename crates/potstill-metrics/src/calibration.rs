//! Whether a network is as often right as it is sure (Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural
//! Networks", ICML 2017).

use serde::{Deserialize, Serialize};

/// Bins of equal width, as in the paper.
const BINS: usize = 15;

/// Gathers how sure a network was, and whether it was right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibration {
    bins: [Bin; BINS],
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    images: u64,
    confidence: f64,
    right: u64,
}

/// How sure and how right a network was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// The expected calibration error in percent: the mean distance between confidence and accuracy over bins of confidence, by
    /// their images.
    pub ece: f64,
    /// The bins that have an image.
    pub bins: Vec<CalibrationBin>,
}

/// Images of which a network was about equally sure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Confidence above this, in percent,
    pub above: f64,
    /// and up to this.
    pub to: f64,
    /// Images.
    pub images: u64,
    /// Their mean confidence in percent.
    pub confidence: f64,
    /// Percent of them that were told right.
    pub accuracy: f64,
}

impl Calibration {
    /// Adds an image: the largest probability that the network gave to a class, and whether that was the right one. A confidence that
    /// is no number is passed over.
    pub fn add(&mut self, confidence: f64, right: bool) {
        if confidence.is_nan() {
            return;
        }
        // Bin m has the confidences in (m / 15, (m + 1) / 15].
        let place = (confidence * BINS as f64).ceil() as usize;
        let bin = &mut self.bins[place.clamp(1, BINS) - 1];
        bin.images += 1;
        bin.confidence += confidence;
        bin.right += u64::from(right);
    }

    /// What was found; `None` without an image.
    pub fn report(&self) -> Option<CalibrationReport> {
        let all: u64 = self.bins.iter().map(|bin| bin.images).sum();
        if all == 0 {
            return None;
        }
        let gap = |bin: &Bin| (bin.confidence - bin.right as f64).abs() / all as f64;
        let edge = |place: usize| 100.0 * place as f64 / BINS as f64;
        let used = self.bins.iter().enumerate().filter(|(_, bin)| bin.images > 0);
        let bins = used.map(|(place, bin)| CalibrationBin {
            above: edge(place),
            to: edge(place + 1),
            images: bin.images,
            confidence: 100.0 * bin.confidence / bin.images as f64,
            accuracy: 100.0 * bin.right as f64 / bin.images as f64,
        });
        Some(CalibrationReport {
            ece: 100.0 * self.bins.iter().map(gap).sum::<f64>(),
            bins: bins.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Calibration;

    #[test]
    fn two_bins_by_hand() {
        let mut calibration = Calibration::default();
        assert_eq!(calibration.report(), None);
        // 0.9 and 0.92 are in the bin from 13/15 to 14/15, one of two right; 0.3 is in that from 4/15 to 5/15, wrong.
        for (confidence, right) in [(0.9, true), (0.92, false), (0.3, false), (f64::NAN, true)] {
            calibration.add(confidence, right);
        }
        let report = calibration.report().unwrap();
        let expected = 100.0 * (2.0 / 3.0 * (0.91_f64 - 0.5) + 1.0 / 3.0 * 0.3);
        assert!((report.ece - expected).abs() < 1e-12, "{}", report.ece);
        assert_eq!((report.bins.len(), report.bins[0].images), (2, 1));
        assert!((report.bins[1].confidence - 91.0).abs() < 1e-12);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        let mut calibration = Calibration::default();
        for confidence in [0.2, 1.0, 0.0] {
            calibration.add(confidence, true);
        }
        let edges: Vec<f64> = calibration
            .report()
            .unwrap()
            .bins
            .iter()
            .map(|bin| bin.to)
            .collect();
        assert_eq!(edges, [100.0 / 15.0, 20.0, 100.0]);
    }
}
