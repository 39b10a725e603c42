//! Images of which only some keep their labels, for a student that learns from a teacher on all of them.

use std::sync::Arc;

use potstill_random::Seed;

use crate::{DataError, Dataset, DatasetInfo, FewSamples, Image, Sample, Subset, Target};

/// Another data set, whose images are all there and of which some have [`Target::None`].
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Dataset, FewSamples, PartlyLabelled, Split, open};
/// use potstill_random::Seed;
/// let whole: Arc<dyn Dataset> = open("shapes:train=240", Split::Train)?.into();
/// let known = PartlyLabelled::few(whole, FewSamples::Fraction(0.1), Seed::new(0))?;
/// let labelled = (0..known.len()).filter(|&index| known.is_labelled(index).unwrap_or_default());
/// assert_eq!((known.len(), labelled.count()), (240, 12 * 2));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
pub struct PartlyLabelled {
    info: DatasetInfo,
    dataset: Arc<dyn Dataset>,
    is_labelled: Vec<bool>,
}

impl PartlyLabelled {
    /// All images, where those with these indices keep their labels.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index beyond the end.
    pub fn of(dataset: Arc<dyn Dataset>, labelled: &[usize]) -> Result<Self, DataError> {
        let mut is_labelled = vec![false; dataset.len()];
        for &index in labelled {
            dataset.in_range(index)?;
            is_labelled[index] = true;
        }
        Ok(Self {
            info: dataset.info().clone().with_partly_labelled(true),
            dataset,
            is_labelled,
        })
    }

    /// All images, where those that [`Subset::few_samples`] would choose keep their labels.
    ///
    /// # Errors
    /// As there.
    pub fn few(dataset: Arc<dyn Dataset>, amount: FewSamples, seed: Seed) -> Result<Self, DataError> {
        let few = Subset::few_samples(Arc::clone(&dataset), amount, seed)?;
        Self::of(dataset, few.indices())
    }
}

impl Dataset for PartlyLabelled {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.is_labelled.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        if self.is_labelled(index)? {
            return self.dataset.sample(index);
        }
        Ok(Sample {
            image: self.dataset.image(index)?,
            target: Target::None,
        })
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        if self.is_labelled(index)? {
            self.dataset.target(index)
        } else {
            Ok(Target::None)
        }
    }

    fn is_labelled(&self, index: usize) -> Result<bool, DataError> {
        self.in_range(index)?;
        Ok(self.is_labelled[index])
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

    use potstill_random::Seed;

    use super::PartlyLabelled;
    use crate::{Dataset, FewSamples, InMemory, Split, Subset, Target, open};

    fn known(set: &dyn Dataset) -> Vec<usize> {
        let is_known = |index: &usize| {
            let is_known = set.target(*index).unwrap() != Target::None;
            assert_eq!(set.is_labelled(*index).unwrap(), is_known);
            is_known
        };
        (0..set.len()).filter(is_known).collect()
    }

    #[test]
    fn the_images_that_keep_their_labels_are_those_of_few_samples() {
        let whole: Arc<dyn Dataset> = open("shapes:classes=4,train=40,size=16", Split::Train)
            .unwrap()
            .into();
        let (amount, seed) = (FewSamples::Fraction(0.25), Seed::new(3));
        let few = Subset::few_samples(Arc::clone(&whole), amount, seed).unwrap();
        let partly: Arc<dyn Dataset> =
            Arc::new(PartlyLabelled::few(Arc::clone(&whole), amount, seed).unwrap());
        assert_eq!((known(&partly), partly.len()), (few.indices().to_vec(), 40));
        let [hidden, shown] = [0, few.indices()[0]].map(|index| partly.sample(index).unwrap());
        assert_eq!(hidden.image, whole.image(0).unwrap());
        assert_eq!(shown, whole.sample(few.indices()[0]).unwrap());
        // What is known is kept in memory as well, and counted where images are chosen by class.
        let decoded = InMemory::decode(&*partly, 1).unwrap();
        assert_eq!(known(&decoded), few.indices());
        let of_groups = Subset::few_samples(partly, FewSamples::PerClass(1), Seed::new(0)).unwrap();
        assert_eq!(of_groups.len(), 4 + 1, "one of each class, and one of none");
        assert!(
            PartlyLabelled::of(whole, &[40])
                .err()
                .unwrap()
                .to_string()
                .contains("no image 40")
        );
    }
}
