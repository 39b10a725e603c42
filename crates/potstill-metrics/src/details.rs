//! What an evaluation tells beyond its metrics: class by class, and picture by picture.

use serde::{Deserialize, Serialize};

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
    pub probability: f64,
    /// The probability that it gives to the truth.
    pub probability_of_truth: f64,
}
