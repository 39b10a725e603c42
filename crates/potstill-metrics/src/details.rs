//! What an evaluation tells beyond its metrics: class by class, and picture by picture.

use serde::{Deserialize, Serialize};

use crate::number::or_nan;
use crate::{AgreementReport, CalibrationReport, ClassResult, Confused, ConfusionMatrix};

/// What an evaluation tells beyond its metrics. What does not apply is left out of the JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// Every class that has an image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_class: Vec<ClassResult>,
    /// What the images of each class were taken for; left out for more than 200 classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<ConfusionMatrix>,
    /// The classes that were confused most often.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub most_confused: Vec<Confused>,
    /// Whether the network is as often right as it is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationReport>,
    /// How far it says the same as its teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementReport>,
    /// The pictures that it got most wrong, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<Mistake>,
}

impl Details {
    /// True where there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A picture that was told wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The index of the picture in the data set.
    pub index: usize,
    /// Where it comes from.
    pub file: String,
    /// What it shows.
    pub truth: String,
    /// What the network says.
    pub prediction: String,
    /// The probability that the network gives to what it says.
    #[serde(deserialize_with = "or_nan")]
    pub probability: f64,
    /// The probability that it gives to the truth.
    #[serde(deserialize_with = "or_nan")]
    pub probability_of_truth: f64,
}

#[cfg(test)]
mod tests {
    use super::{Details, Mistake};
    use crate::AgreementReport;

    /// A summary that cannot be read again would lose a run.
    #[test]
    fn what_is_no_number_comes_back_from_json() {
        let mistake = Mistake {
            index: 3,
            file: "3.png".into(),
            truth: "cat".into(),
            prediction: "dog".into(),
            probability: f64::NAN,
            probability_of_truth: f64::NAN,
        };
        let details = Details {
            agreement: Some(AgreementReport {
                top1: 0.0,
                divergence: f64::INFINITY,
            }),
            worst: vec![mistake],
            ..Details::default()
        };
        let json = serde_json::to_string(&details).unwrap();
        let read: Details = serde_json::from_str(&json).unwrap();
        assert!(read.worst[0].probability.is_nan() && read.worst[0].file == "3.png");
        assert!(read.agreement.unwrap().divergence.is_nan());
        assert_eq!(serde_json::to_string(&Details::default()).unwrap(), "{}");
    }
}
