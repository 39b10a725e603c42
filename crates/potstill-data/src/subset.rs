//! A part of a data set: chosen indices, or few samples of each class.

use std::sync::Arc;

use potstill_random::Seed;

use crate::{
    BoundingBox, DataError, Dataset, DatasetInfo, Findings, Image, LeftOut, ObjectNotes, Sample, Target,
    TargetKind,
};

/// How many images of each class to keep.
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Dataset, FewSamples, Split, Subset, open};
/// use potstill_random::Seed;
/// let whole: Arc<dyn Dataset> = open("shapes:train=240", Split::Train)?.into();
/// let tenth = Subset::few_samples(whole, FewSamples::Fraction(0.1), Seed::new(0))?;
/// assert_eq!(tenth.len(), 12 * 2, "2 of each 20");
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FewSamples {
    /// This many, or all where a class has fewer.
    PerClass(usize),
    /// This share of them, in `0..=1`, rounded down (0.29 of 100 is 29); at least one unless it is 0.
    Fraction(f64),
    /// About this many in all, the same from each class; where it does not divide evenly, the first classes
    /// have one more.
    Total(usize),
}

/// Some images of another data set, with its classes and targets.
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Dataset, FewSamples, Split, Subset, open};
/// use potstill_random::Seed;
/// let whole: Arc<dyn Dataset> = open("shapes:train=240", Split::Train)?.into();
/// let few = Subset::few_samples(Arc::clone(&whole), FewSamples::PerClass(5), Seed::new(0))?;
/// let first = Subset::of(whole, vec![0, 1, 2])?;
/// assert_eq!((few.len(), first.len()), (12 * 5, 3));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
pub struct Subset {
    info: DatasetInfo,
    dataset: Arc<dyn Dataset>,
    indices: Vec<usize>,
}

impl Subset {
    /// The images with these indices, in this order.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an index beyond the end.
    pub fn of(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Result<Self, DataError> {
        indices.iter().try_for_each(|&index| dataset.in_range(index))?;
        Ok(Self::kept(dataset, indices))
    }

    /// Few samples of each class, chosen by the seed, in their original order.
    ///
    /// The choices are nested: those of a smaller number are among those of a greater one (same seed). An
    /// image that shows several classes counts for the one that fewest images show, so that no class is lost;
    /// one that shows none counts for a class of their own. Images with label maps, or without labels, are of one class here.
    ///
    /// # Errors
    /// A target that cannot be read, or that has a class beyond the names.
    pub fn few_samples(dataset: Arc<dyn Dataset>, amount: FewSamples, seed: Seed) -> Result<Self, DataError> {
        let mut groups = groups(&*dataset)?;
        let count = groups.len().max(1);
        let mut indices = Vec::new();
        for (group, members) in groups.iter_mut().enumerate() {
            seed.stream("subset", &[group as u64]).shuffle(members);
            let keep = match amount {
                FewSamples::PerClass(keep) => keep,
                FewSamples::Fraction(share) if share > 0.0 => share_of(members.len(), share).max(1),
                FewSamples::Fraction(_) => 0,
                FewSamples::Total(total) => total / count + usize::from(group < total % count),
            };
            indices.extend(members.iter().take(keep));
        }
        indices.sort_unstable();
        Ok(Self::kept(dataset, indices))
    }

    /// The images that show an object that can be learned from: with both sides above a pixel, and no crowd. It is the rule of torchvision's
    /// and Detectron2's training; without it images of background stay.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use potstill_data::{Dataset, Split, Subset, TargetKind, open_for};
    /// let scenes: Arc<dyn Dataset> = open_for("shapes:size=32,figures=0-1,train=40", Split::Train, TargetKind::Boxes)?.into();
    /// let shown = Subset::with_objects(Arc::clone(&scenes))?;
    /// assert!(shown.len() < scenes.len());
    /// # Ok::<(), potstill_data::DataError>(())
    /// ```
    ///
    /// # Errors
    /// A target that cannot be read; [`DataError::TargetKind`] for images without objects of their own.
    pub fn with_objects(dataset: Arc<dyn Dataset>) -> Result<Self, DataError> {
        let mut indices = Vec::new();
        for index in 0..dataset.len() {
            if shows_object(&dataset.target(index)?)? {
                indices.push(index);
            }
        }
        Ok(Self::kept(dataset, indices))
    }

    fn kept(dataset: Arc<dyn Dataset>, indices: Vec<usize>) -> Self {
        Self {
            info: dataset.info().clone(),
            dataset,
            indices,
        }
    }

    /// The same images, with these files left out.
    #[must_use]
    pub(crate) fn with_left_out(mut self, left_out: LeftOut) -> Self {
        self.info.left_out = left_out;
        self
    }

    /// The same images under another name. What is to be told about the whole set is told by its other part.
    #[must_use]
    pub(crate) fn held_back(mut self, name: String) -> Self {
        self.info.name = name;
        self.info.left_out = LeftOut::default();
        self.info.notes.clear();
        self.info.findings = Findings::default();
        self
    }

    /// The index in the whole data set of each image of this part.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

/// Whether there is an object to learn from.
fn shows_object(target: &Target) -> Result<bool, DataError> {
    let is_object = |bounds: &BoundingBox, notes: &ObjectNotes| {
        !notes.crowd && bounds.width() > 1.0 && bounds.height() > 1.0
    };
    match target {
        Target::Boxes(boxes) => Ok(boxes.iter().any(|own| is_object(&own.bounds, &own.notes))),
        Target::Instances(instances) => Ok(instances.iter().any(|own| is_object(&own.bounds, &own.notes))),
        other => Err(DataError::TargetKind {
            wanted: TargetKind::Boxes,
            found: other.kind(),
        }),
    }
}

/// The images of each class; where an image may show none, there is one more group for those.
pub(crate) fn groups(dataset: &dyn Dataset) -> Result<Vec<Vec<usize>>, DataError> {
    if matches!(dataset.info().target, TargetKind::Map | TargetKind::None) {
        return Ok(vec![(0..dataset.len()).collect()]);
    }
    let classes = dataset.classes().len();
    let shown: Vec<Vec<u32>> = (0..dataset.len())
        .map(|index| classes_of(dataset, index))
        .collect::<Result<_, _>>()?;
    let mut images = vec![0usize; classes];
    shown
        .iter()
        .flatten()
        .for_each(|&class| images[class as usize] += 1);
    let may_be_empty = dataset.info().target != TargetKind::Class || dataset.info().partly_labelled;
    let mut groups = vec![Vec::new(); classes + usize::from(may_be_empty)];
    for (index, own) in shown.iter().enumerate() {
        let rarest = own
            .iter()
            .map(|&class| class as usize)
            .min_by_key(|&class| images[class]);
        groups[rarest.unwrap_or(classes)].push(index);
    }
    Ok(groups)
}

/// The classes that an image shows.
fn classes_of(dataset: &dyn Dataset, index: usize) -> Result<Vec<u32>, DataError> {
    let target = dataset.target(index)?;
    if !dataset.info().allows(&target) {
        return Err(DataError::TargetKind {
            wanted: dataset.info().target,
            found: target.kind(),
        });
    }
    let (shown, classes) = (target.classes(), dataset.classes().len());
    match shown.last() {
        Some(&class) if class as usize >= classes => Err(DataError::Sample {
            name: dataset.name().to_owned(),
            index,
            problem: format!("its target has class {class} where there are {classes} classes"),
        }),
        _ => Ok(shown),
    }
}

/// `share` of `count`, rounded down. A decimal share is rarely a binary number: 0.29 * 100 is just below 29
/// in floating point, so a product that rounding alone keeps below a whole number counts as that number.
fn share_of(count: usize, share: f64) -> usize {
    (count as f64 * share * (1.0 + 4.0 * f64::EPSILON)).floor() as usize
}

impl Dataset for Subset {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.indices.len()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.in_range(index)?;
        self.dataset.sample(self.indices[index])
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        self.dataset.target(self.indices[index])
    }

    fn is_labelled(&self, index: usize) -> Result<bool, DataError> {
        self.in_range(index)?;
        self.dataset.is_labelled(self.indices[index])
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        self.in_range(index)?;
        self.dataset.image(self.indices[index])
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        self.in_range(index)?;
        self.dataset.shape(self.indices[index])
    }

    fn image_id(&self, index: usize) -> i64 {
        self.indices
            .get(index)
            .map_or(index as i64, |&index| self.dataset.image_id(index))
    }

    fn source(&self, index: usize) -> String {
        self.indices
            .get(index)
            .map_or_else(String::new, |&index| self.dataset.source(index))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use potstill_random::Seed;

    use super::{groups, share_of};
    use crate::{
        Dataset, DatasetInfo, FewSamples, Image, InMemory, Sample, Split, Subset, Target, TargetKind, open,
    };

    fn subset(amount: FewSamples, seed: u64) -> Subset {
        let whole: Arc<dyn Dataset> = open("shapes:classes=4,train=80,size=16", Split::Train)
            .unwrap()
            .into();
        Subset::few_samples(whole, amount, Seed::new(seed)).unwrap()
    }

    #[test]
    fn few_samples_are_balanced_nested_and_seeded() {
        let few = subset(FewSamples::PerClass(3), 1);
        let more = subset(FewSamples::PerClass(8), 1);
        let mut counts = [0; 4];
        (0..few.len()).for_each(|at| counts[few.label(at).unwrap() as usize] += 1);
        assert_eq!(counts, [3; 4]);
        assert!(
            few.indices().is_sorted() && few.indices().iter().all(|index| more.indices().contains(index))
        );
        assert_ne!(few.indices(), subset(FewSamples::PerClass(3), 2).indices());
        assert_eq!(
            few.image(5).unwrap(),
            more.dataset.image(few.indices()[5]).unwrap()
        );
        assert_eq!(few.source(5), more.dataset.source(few.indices()[5]));
    }

    #[test]
    fn every_way_to_state_the_amount_works() {
        let len = |amount| subset(amount, 0).len();
        assert_eq!(len(FewSamples::PerClass(1000)), 80);
        assert_eq!(len(FewSamples::Fraction(0.25)), 20);
        assert_eq!(len(FewSamples::Fraction(1e-9)), 4);
        assert_eq!(len(FewSamples::Fraction(0.0)), 0);
        assert_eq!(len(FewSamples::Total(10)), 10);
        assert_eq!(len(FewSamples::Total(3)), 3);
    }

    #[test]
    fn shares_are_rounded_down_and_are_what_the_decimals_say() {
        assert_eq!(share_of(100, 0.29), 29);
        assert_eq!(share_of(19, 0.1), 1);
        assert_eq!(share_of(999, 0.999), 998);
        for per_class in [500, 5000] {
            let counts = [0.05, 0.10, 0.25, 0.50, 0.75].map(|share| share_of(per_class, share));
            let expected = [25, 50, 125, 250, 375].map(|count| count * per_class / 500);
            assert_eq!(counts, expected);
        }
        // Every share in whole percent of every class size.
        for count in 1..=500 {
            for percent in 1..=100 {
                let exact = count * percent / 100;
                assert_eq!(
                    share_of(count, percent as f64 / 100.0),
                    exact,
                    "{percent} % of {count}"
                );
            }
        }
    }

    #[test]
    fn an_image_with_several_classes_counts_for_the_rarest() {
        let image = || Image {
            height: 1,
            width: 1,
            channels: 1,
            pixels: vec![0],
        };
        let sets = [vec![0], vec![0, 1], vec![0], vec![0, 1, 2], vec![], vec![1]];
        let samples = sets.map(|classes| Sample {
            image: image(),
            target: Target::Classes(classes),
        });
        let info = DatasetInfo::new("sets", TargetKind::Classes, ["a", "b", "c"]);
        let whole: Arc<dyn Dataset> = Arc::new(InMemory::new(samples.to_vec(), info).unwrap());
        // Four images show a, three b, one c, and one none.
        let expected = [vec![0, 2], vec![1, 5], vec![3], vec![4]];
        assert_eq!(groups(&*whole).unwrap(), expected);
        let one = Subset::few_samples(whole, FewSamples::PerClass(1), Seed::new(0)).unwrap();
        assert!(one.len() == 4 && one.indices().contains(&3) && one.indices().contains(&4));
    }

    /// A subset of the few-sample protocol is told by its share and its own seed.
    #[test]
    fn shares_are_nested_and_every_class_has_its_own() {
        let shares = [0.05, 0.10, 0.25, 0.50, 0.75, 1.0].map(|share| subset(FewSamples::Fraction(share), 7));
        for (few, more) in shares.iter().zip(&shares[1..]) {
            assert!(few.len() < more.len());
            assert!(few.indices().iter().all(|index| more.indices().contains(index)));
        }
        for (set, expected) in shares.iter().zip([1, 2, 5, 10, 15, 20]) {
            let mut counts = [0; 4];
            (0..set.len()).for_each(|at| counts[set.label(at).unwrap() as usize] += 1);
            assert_eq!(counts, [expected; 4]);
        }
    }

    #[test]
    fn chosen_indices_keep_their_order_and_are_checked() {
        let whole: Arc<dyn Dataset> = open("shapes:train=24", Split::Train).unwrap().into();
        let chosen = Subset::of(Arc::clone(&whole), vec![7, 2]).unwrap();
        assert_eq!(
            [0, 1].map(|at| chosen.label(at).unwrap()),
            [7, 2].map(|at| whole.label(at).unwrap())
        );
        assert!(
            Subset::of(whole, vec![24])
                .err()
                .unwrap()
                .to_string()
                .contains("no image 24")
        );
    }
}
