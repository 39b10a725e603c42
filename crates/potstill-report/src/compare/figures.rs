//! The published figure of a row.

use potstill_metrics::{TOP1, Unit};
use serde::Serialize;

use super::{Role, Row, Setup};
use crate::published::{PublishedPair, pairs_on};

/// What others have published for a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Published {
    /// The headline's value.
    pub value: f64,
    /// Where it was published, as a key of [`source_of`](crate::source_of).
    pub source: String,
    /// What the student alone has in that source, where it started from another one than the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub student: Option<f64>,
    /// Why it should be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

impl Published {
    /// `71.97`; with a question mark if it is doubtful, and with the student that it started from if that was another one.
    pub(super) fn text(&self, unit: Unit) -> String {
        let doubt = if self.doubt.is_some() { "?" } else { "" };
        let from = self
            .student
            .map(|student| format!(" (from {})", unit.number(student)));
        format!("{}{doubt}{}", unit.number(self.value), from.unwrap_or_default())
    }
}

impl Setup {
    /// The published figure of a row, if there is one for its networks, images and methods; `name` is what tables call these methods.
    pub(super) fn published_of(&self, row: &Row, name: Option<&str>) -> Option<Published> {
        if self.headline.name != TOP1.name {
            return None;
        }
        let mut pairs = pairs_on(&self.data).filter(|pair| pair.student == self.student.model);
        match row.role {
            Role::Alone => pairs.next().map(|pair| of_benchmark(pair, pair.student_top1)),
            Role::Teacher => {
                let pair = pairs.find(|pair| pair.teacher == row.name)?;
                Some(of_benchmark(pair, pair.teacher_top1))
            }
            Role::Distilled => {
                let [teacher] = row.teachers.as_slice() else {
                    return None;
                };
                let pair = pairs.find(|pair| pair.teacher == *teacher)?;
                let kinds = row.methods.join(" + ");
                let figure = pair.figures.get(name.unwrap_or(&kinds))?;
                Some(Published {
                    value: figure.top1,
                    source: figure.source.clone(),
                    student: figure.student_top1,
                    doubt: figure.doubt.clone(),
                })
            }
        }
    }
}

/// A figure of a network by itself: those of CIFAR-100 are `RepDistiller`'s, those of ImageNet torchvision's, whoever cites them.
fn of_benchmark(pair: &PublishedPair, value: f64) -> Published {
    let source = if pair.data == "cifar100" {
        "repdistiller"
    } else {
        "torchvision"
    };
    Published {
        value,
        source: source.to_owned(),
        student: None,
        doubt: None,
    }
}
