//! What a run learns from, so that a run that goes on knows whether it is still the same.

use std::{collections::BTreeMap, sync::Arc};

use potstill_base::Digest;
use potstill_data::{Dataset, Subset};
use potstill_report::human;
use serde::{Deserialize, Serialize};

use crate::{error::EngineError, plan::spec::RunSpec, run::hash_teacher, train::teacher::LiveTeacher};

/// Pixels that are looked at of a part of the data: decoding them takes some ten seconds on two cores.
const PIXELS: usize = 2_000_000_000;

/// The images and the teachers of a run, by their digests, and the version that began it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The version of Potstill.
    potstill: String,
    /// The parts of the data, by name.
    images: BTreeMap<String, Images>,
    /// The weights of the teachers that stay as they are, by name.
    teachers: BTreeMap<String, String>,
}

/// A part of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Images {
    count: usize,
    /// Of all images, or of as many as `PIXELS` says, evenly spread.
    digest: String,
}

impl Origin {
    /// What a run learns from as it is now.
    pub fn of(spec: &RunSpec, teachers: &[LiveTeacher]) -> Result<Self, EngineError> {
        let data = &spec.data;
        let parts = [
            ("training", Some(&data.train)),
            ("validation", data.validation.as_ref()),
            ("test", data.test.as_ref()),
        ];
        let mut images = BTreeMap::new();
        for (name, set) in parts {
            if let Some(set) = set {
                images.insert(name.to_owned(), Images::of(set)?);
            }
        }
        let mut weights = BTreeMap::new();
        for teacher in teachers.iter().filter(|teacher| !teacher.is_online()) {
            let mut digest = Digest::new();
            hash_teacher(&mut digest, &teacher.network.frozen(), &teacher.input)?;
            weights.insert(teacher.name.clone(), digest.hexadecimal());
        }
        Ok(Self {
            potstill: env!("CARGO_PKG_VERSION").into(),
            images,
            teachers: weights,
        })
    }

    /// The version that began the run.
    pub fn version(&self) -> &str {
        &self.potstill
    }

    /// Every digest by the name of what it is of.
    pub fn digests(&self) -> BTreeMap<String, String> {
        let images = self.images.iter();
        let images = images.map(|(name, images)| (format!("{name} images"), images.digest.clone()));
        images.chain(self.teachers.clone()).collect()
    }

    /// How what is there `now` differs from what a run began with, in words; `None` where it does not.
    pub fn difference(&self, now: &Self) -> Option<String> {
        let mut differences = Vec::new();
        for (name, before) in &self.images {
            let Some(now) = now.images.get(name) else {
                differences.push(format!("there are no {name} images any more"));
                continue;
            };
            let [then, there] = [before.count, now.count].map(|count| human::count(count as u64));
            if before.count != now.count {
                differences.push(format!(
                    "there were {then} {name} images when it began, and there are {there} now"
                ));
            } else if before.digest != now.digest {
                differences.push(format!(
                    "the {name} images are not those that it began with: as many, but with other pixels or labels, or in another order"
                ));
            }
        }
        for (name, before) in &self.teachers {
            if now.teachers.get(name).is_none_or(|now| now != before) {
                differences.push(format!(
                    "the weights of `{name}` are not those that it began with"
                ));
            }
        }
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// What is said of a run that another version began.
    pub fn version_note(&self, now: &Self) -> Option<String> {
        (self.potstill != now.potstill).then(|| {
            format!(
                "Potstill {} began this run, and {} goes on with it: its numbers may differ from those of one version alone",
                self.potstill, now.potstill
            )
        })
    }
}

impl Images {
    fn of(set: &Arc<dyn Dataset>) -> Result<Self, EngineError> {
        let count = set.len();
        let shape = if count == 0 {
            [1; 3]
        } else {
            set.sample(0)?.image.shape()
        };
        let looked_at = (PIXELS / shape.iter().product::<usize>().max(1)).max(1);
        let digest = if looked_at < count {
            let spread = (0..looked_at).map(|index| index * count / looked_at);
            Subset::of(Arc::clone(set), spread.collect())?.fingerprint()?
        } else {
            set.fingerprint()?
        };
        Ok(Self {
            count,
            digest: digest.to_string(),
        })
    }
}
