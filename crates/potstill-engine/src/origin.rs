//! What a run learns from, so that a run that goes on knows whether it is still the same.

use std::{collections::BTreeMap, sync::Arc};

use potstill_base::Digest;
use potstill_data::{DataError, Dataset, Subset};
use potstill_report::human;
use serde::{Deserialize, Serialize};

use crate::{error::EngineError, plan::spec::RunSpec, run::hash_weights, train::teacher::LiveTeacher};

/// Values of pixels that are looked at of a part of the data: decoding them takes a second or so on two cores.
const PIXELS: usize = 200_000_000;
/// So many images say how large the others are.
const PROBES: usize = 16;

/// The images and the teachers of a run, by their digests, and the version that began it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The version of Potstill.
    potstill: String,
    /// The parts of the data, by name.
    images: BTreeMap<String, Images>,
    /// The weights of the teachers that stay as they are, and how they take images, by name.
    teachers: BTreeMap<String, String>,
    /// The file that the student is made of, without its weights; `None` of a network by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    graph: Option<String>,
    /// The weights that such a student began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_weights: Option<String>,
}

/// A part of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Images {
    count: usize,
    /// Of so many of them, evenly spread, the digest is.
    looked_at: usize,
    digest: String,
}

impl Origin {
    /// What a run learns from as it is now. Of each part of the data as many images are looked at as `then`, when the run began.
    pub fn of(spec: &RunSpec, teachers: &[LiveTeacher], then: Option<&Self>) -> Result<Self, EngineError> {
        let data = &spec.data;
        let parts = [
            ("training", Some(&data.train)),
            ("validation", data.validation.as_ref()),
            ("test", data.test.as_ref()),
        ];
        let mut images = BTreeMap::new();
        for (name, set) in parts {
            if let Some(set) = set {
                let before = then.and_then(|then| then.images.get(name));
                let looked_at = before.map(|before| before.looked_at);
                images.insert(name.to_owned(), Images::of(set, looked_at)?);
            }
        }
        let mut weights = BTreeMap::new();
        for teacher in teachers.iter().filter(|teacher| !teacher.is_online()) {
            let mut digest = Digest::new();
            teacher.input.hash(&mut digest);
            hash_weights(&mut digest, &teacher.network.frozen())?;
            weights.insert(teacher.name.clone(), digest.hexadecimal());
        }
        Ok(Self {
            potstill: env!("CARGO_PKG_VERSION").into(),
            images,
            teachers: weights,
            graph: spec.student.graph.clone(),
            first_weights: spec.student.first_weights.clone(),
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
        let graph = self
            .graph
            .iter()
            .map(|graph| ("student's file".to_owned(), graph.clone()));
        let first = self
            .first_weights
            .iter()
            .map(|digest| ("student's first weights".to_owned(), digest.clone()));
        images
            .chain(self.teachers.clone())
            .chain(graph)
            .chain(first)
            .collect()
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
            } else if before.looked_at == now.looked_at && before.digest != now.digest {
                differences.push(format!(
                    "the {name} images are not those that it began with: as many, but with other pixels or labels, or in another order"
                ));
            }
        }
        for (name, before) in &self.teachers {
            if now.teachers.get(name).is_none_or(|now| now != before) {
                differences.push(format!(
                    "the weights of `{name}`, or how it takes images, are not those that it began with"
                ));
            }
        }
        if self.graph.is_some() && self.graph != now.graph {
            differences.push("the ONNX file of the student is not the one that it began with".into());
        } else if self.first_weights.is_some() && self.first_weights != now.first_weights {
            differences
                .push("the first weights of the student, whose network is an ONNX file, are not those that it began with".into());
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
    /// A part of the data, of which so many images are looked at; if not given, as many as `PIXELS` says.
    fn of(set: &Arc<dyn Dataset>, looked_at: Option<usize>) -> Result<Self, EngineError> {
        let count = set.len();
        let looked_at = match looked_at {
            Some(looked_at) => looked_at.min(count),
            None => affordable(set.as_ref())?,
        };
        let digest = if looked_at < count {
            Subset::of(Arc::clone(set), spread(looked_at, count).collect())?.fingerprint()?
        } else {
            set.fingerprint()?
        };
        Ok(Self {
            count,
            looked_at,
            digest: digest.to_string(),
        })
    }
}

/// How many images have `PIXELS` values together, by the sizes of some: the first may be an icon.
fn affordable(set: &dyn Dataset) -> Result<usize, DataError> {
    let probes = set.len().min(PROBES);
    let mut values = 0_usize;
    for index in spread(probes, set.len()) {
        values = values.saturating_add(set.shape(index)?.iter().product());
    }
    let affordable = PIXELS.saturating_mul(probes) / values.max(1);
    Ok(affordable.max(1).min(set.len()))
}

/// So many indices of `count` images, evenly spread.
fn spread(some: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..some).map(move |index| index * count / some)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use potstill_data::{DataError, Dataset, DatasetInfo, Image, InMemory, Sample, TargetKind};

    use super::{Images, Origin, affordable};

    /// An icon, and photos that are never decoded.
    struct Photos(DatasetInfo);

    impl Dataset for Photos {
        fn info(&self) -> &DatasetInfo {
            &self.0
        }
        fn len(&self) -> usize {
            1000
        }
        fn sample(&self, index: usize) -> Result<Sample, DataError> {
            Err(DataError::OutOfRange {
                name: "decoded".into(),
                index,
                len: 0,
            })
        }
        fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
            let side = if index == 0 { 32 } else { 2000 };
            Ok([side, side, 3])
        }
    }

    #[test]
    fn an_icon_in_front_does_not_say_how_large_the_photos_are() {
        let photos = Photos(DatasetInfo::new("photos", TargetKind::Class, ["cat"]));
        // 200,000,000 x 16 / (15 x 12,000,000 + 3,072), by hand.
        assert_eq!(affordable(&photos).unwrap(), 17);
    }

    fn shades(shades: [u8; 4]) -> Arc<dyn Dataset> {
        let images = shades.map(|shade| Image {
            height: 1,
            width: 1,
            channels: 1,
            pixels: vec![shade],
        });
        Arc::new(InMemory::classification(images.to_vec(), vec![0; 4], ["cat"]).unwrap())
    }

    #[test]
    fn as_many_images_are_compared_as_were_looked_at() {
        let origin = |images: Images| Origin {
            images: BTreeMap::from([("training".to_owned(), images)]),
            ..Origin::default()
        };
        let (then, now) = (shades([1, 2, 3, 4]), shades([1, 9, 3, 9]));
        // Two of four are the first and the third.
        for (looked_at, differs) in [(None, true), (Some(2), false), (Some(3), true)] {
            let then = origin(Images::of(&then, looked_at).unwrap());
            let now = Images::of(&now, Some(then.images["training"].looked_at)).unwrap();
            assert_eq!(then.difference(&origin(now)).is_some(), differs, "{looked_at:?}");
        }
    }
}
