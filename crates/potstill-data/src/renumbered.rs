//! The same images under the class numbers of somebody else.

use std::sync::Arc;

use crate::{DataError, Dataset, DatasetInfo, Image, LabelMap, Sample, Target, TargetKind};

/// A data set whose labels are the numbers that a network gives the classes.
pub struct Renumbered {
    info: DatasetInfo,
    dataset: Arc<dyn Dataset>,
    /// The new number of each old class.
    numbers: Vec<u32>,
}

impl Renumbered {
    /// The images of `dataset`, whose class `i` becomes class `numbers[i]` of `classes`.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] where images have no labels.
    pub fn new(dataset: Arc<dyn Dataset>, numbers: Vec<u32>, classes: &[String]) -> Result<Self, DataError> {
        let mut info = dataset.info().clone();
        if info.target == TargetKind::None {
            return Err(DataError::TargetKind {
                wanted: TargetKind::Class,
                found: info.target,
            });
        }
        info.classes = classes.to_vec();
        // They belong to the old numbers.
        info.class_ids = Vec::new();
        Ok(Self {
            info,
            dataset,
            numbers,
        })
    }

    fn renumbered(&self, target: Target, index: usize) -> Result<Target, DataError> {
        let number = |class: u32| {
            let number = self.numbers.get(class as usize).copied();
            number.ok_or_else(|| DataError::Sample {
                name: self.info.name.clone(),
                index,
                problem: format!(
                    "its target has class {class} where there are {} classes",
                    self.numbers.len()
                ),
            })
        };
        match target {
            Target::Class(class) => number(class).map(Target::Class),
            Target::Classes(classes) => {
                let mut classes = classes.into_iter().map(number).collect::<Result<Vec<_>, _>>()?;
                classes.sort_unstable();
                Ok(Target::Classes(classes))
            }
            Target::Boxes(mut boxes) => {
                for labelled in &mut boxes {
                    labelled.class = number(labelled.class)?;
                }
                Ok(Target::Boxes(boxes))
            }
            Target::Instances(mut instances) => {
                for instance in &mut instances {
                    instance.class = number(instance.class)?;
                }
                Ok(Target::Instances(instances))
            }
            Target::Map(mut map) => {
                for label in map.labels.iter_mut().filter(|label| **label != LabelMap::IGNORE) {
                    *label = number(u32::from(*label))? as u8;
                }
                Ok(Target::Map(map))
            }
            Target::None => Ok(Target::None),
        }
    }
}

impl Dataset for Renumbered {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let Sample { image, target } = self.dataset.sample(index)?;
        let target = self.renumbered(target, index)?;
        Ok(Sample { image, target })
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.renumbered(self.dataset.target(index)?, index)
    }

    fn is_labelled(&self, index: usize) -> Result<bool, DataError> {
        self.dataset.is_labelled(index)
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        self.dataset.image(index)
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.dataset.shape(index)
    }

    fn image_id(&self, index: usize) -> i64 {
        self.dataset.image_id(index)
    }

    fn source(&self, index: usize) -> String {
        self.dataset.source(index)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        BoundingBox, Dataset, DatasetInfo, Image, InMemory, LabelMap, LabelledBox, Renumbered, Sample,
        Target, TargetKind,
    };

    fn set(kind: TargetKind, targets: Vec<Target>) -> Arc<dyn Dataset> {
        let image = Image {
            height: 1,
            width: 1,
            channels: 1,
            pixels: vec![0],
        };
        let sample = |target| Sample {
            image: image.clone(),
            target,
        };
        let samples = targets.into_iter().map(sample).collect();
        Arc::new(InMemory::new(samples, DatasetInfo::new("set", kind, ["cat", "dog"])).unwrap())
    }

    #[test]
    fn classes_get_the_numbers_of_the_network() {
        let classes = ["ant", "dog", "cat"].map(String::from);
        let data = set(TargetKind::Class, vec![Target::Class(1), Target::Class(0)]);
        let other = Renumbered::new(Arc::clone(&data), vec![2, 1], &classes).unwrap();
        assert_eq!(other.classes(), classes);
        assert_eq!([0, 1].map(|at| other.label(at).unwrap()), [1, 2]);
        assert_eq!(other.sample(1).unwrap().target, Target::Class(2));
        assert_eq!(other.source(1), data.source(1));
        let sets = set(TargetKind::Classes, vec![Target::Classes(vec![0, 1])]);
        let other = Renumbered::new(sets, vec![2, 1], &classes).unwrap();
        assert_eq!(other.target(0).unwrap(), Target::Classes(vec![1, 2]));
        let labels = |labels: [u8; 1]| LabelMap {
            height: 1,
            width: 1,
            labels: labels.to_vec(),
        };
        let maps = set(
            TargetKind::Map,
            vec![Target::Map(labels([0])), Target::Map(labels([LabelMap::IGNORE]))],
        );
        let other = Renumbered::new(maps, vec![2, 1], &classes).unwrap();
        assert_eq!(other.target(0).unwrap(), Target::Map(labels([2])));
        assert_eq!(other.target(1).unwrap(), Target::Map(labels([LabelMap::IGNORE])));
        let bounds = BoundingBox::new(0.0, 0.0, 1.0, 1.0);
        let boxes = |class| Target::Boxes(vec![LabelledBox::new(class, bounds)]);
        let other = Renumbered::new(set(TargetKind::Boxes, vec![boxes(0)]), vec![2, 1], &classes).unwrap();
        assert_eq!(other.target(0).unwrap(), boxes(2));
    }
}
