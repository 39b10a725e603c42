//! Holding a part of the training images back, to measure with while a network learns from the rest.

use std::sync::Arc;

use potstill_random::Seed;

use crate::subset::groups;
use crate::{DataError, Dataset, Subset, TargetKind};

/// Splits a data set into images to train with and images to validate with, chosen by the seed; both keep the
/// order.
///
/// Where each image has a class, the share is taken of each class (rounded to the nearest whole number), and
/// each class of two or more images has at least one in either part; the only image of a class is trained
/// with. Images with other targets are chosen from all. The choices are nested: what a smaller share holds
/// back, a greater one does too (same seed).
///
/// ```
/// use std::sync::Arc;
/// use potstill_data::{Dataset, Split, hold_out, open};
/// use potstill_random::Seed;
/// let whole: Arc<dyn Dataset> = open("shapes:train=240", Split::Train)?.into();
/// let (train, validation) = hold_out(whole, 0.1, Seed::new(0))?;
/// assert_eq!((train.len(), validation.len()), (12 * 18, 12 * 2), "2 of each 20");
/// # Ok::<(), potstill_data::DataError>(())
/// ```
///
/// # Errors
/// [`DataError::HoldOut`] for a share that is not between 0 and 1, and where a part would be empty; a target
/// that cannot be read.
pub fn hold_out(dataset: Arc<dyn Dataset>, share: f64, seed: Seed) -> Result<(Subset, Subset), DataError> {
    let refused = |problem: String| DataError::HoldOut {
        name: dataset.name().to_owned(),
        problem,
    };
    if !(share > 0.0 && share < 1.0) {
        return Err(refused(format!(
            "the share is {share}, and has to lie between 0 and 1"
        )));
    }
    let mut strata = match dataset.info().target {
        TargetKind::Class => groups(&*dataset)?,
        _ => vec![(0..dataset.len()).collect()],
    };
    let mut is_held = vec![false; dataset.len()];
    for (class, members) in strata.iter_mut().enumerate() {
        seed.stream("hold-out", &[class as u64]).shuffle(members);
        for &index in members.iter().take(held_of(members.len(), share)) {
            is_held[index] = true;
        }
    }
    let (validation, train): (Vec<usize>, Vec<usize>) = (0..dataset.len()).partition(|&index| is_held[index]);
    if validation.is_empty() {
        let reason = match dataset.len() {
            0 => "there are no images",
            1 => "there is one image only",
            _ => "every class has one image only",
        };
        return Err(refused(reason.to_owned()));
    }
    let name = format!("{}, held back", dataset.name());
    let train = Subset::of(Arc::clone(&dataset), train)?;
    Ok((train, Subset::of(dataset, validation)?.held_back(name)))
}

/// How many of `count` images are held back: the share of them, but neither none nor all where there are two.
fn held_of(count: usize, share: f64) -> usize {
    if count < 2 {
        return 0;
    }
    ((count as f64 * share).round() as usize).clamp(1, count - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use potstill_random::Seed;

    use super::hold_out;
    use crate::{Dataset, DatasetInfo, Image, InMemory, Sample, Split, Target, TargetKind, open};

    fn image(shade: usize) -> Image {
        Image {
            height: 1,
            width: 1,
            channels: 1,
            pixels: vec![shade as u8],
        }
    }

    /// Classes `a`, `b`, ... of these sizes, their images in turn.
    fn classes(sizes: &[usize]) -> Arc<dyn Dataset> {
        let most = sizes.iter().max().copied().unwrap_or_default();
        let labels: Vec<u32> = (0..most)
            .flat_map(|turn| (0..sizes.len()).filter(move |&class| turn < sizes[class]))
            .map(|class| class as u32)
            .collect();
        let images = (0..labels.len()).map(image).collect();
        let names = ["a", "b", "c", "d"];
        Arc::new(InMemory::classification(images, labels, &names[..sizes.len()]).unwrap())
    }

    fn counts(set: &dyn Dataset) -> Vec<usize> {
        let mut counts = vec![0; set.classes().len()];
        (0..set.len()).for_each(|at| counts[set.label(at).unwrap() as usize] += 1);
        counts
    }

    fn refusal(set: Arc<dyn Dataset>, share: f64) -> String {
        hold_out(set, share, Seed::new(0)).err().unwrap().to_string()
    }

    #[test]
    fn each_class_has_its_share_in_either_part() {
        let whole = classes(&[100, 10, 2, 1]);
        let (train, validation) = hold_out(whole, 0.1, Seed::new(3)).unwrap();
        assert_eq!(counts(&validation), [10, 1, 1, 0]);
        assert_eq!(counts(&train), [90, 9, 1, 1]);
        let most = hold_out(classes(&[100, 10, 2, 1]), 0.99, Seed::new(3)).unwrap();
        assert_eq!(counts(&most.0), [1, 1, 1, 1], "a class is never held back whole");
    }

    #[test]
    fn the_parts_are_the_whole_in_order_and_depend_on_the_seed_alone() {
        let whole = classes(&[30, 30]);
        let split = |share, seed| hold_out(Arc::clone(&whole), share, Seed::new(seed)).unwrap();
        let (train, validation) = split(0.2, 1);
        assert!(train.indices().is_sorted() && validation.indices().is_sorted());
        let all: BTreeSet<usize> = train
            .indices()
            .iter()
            .chain(validation.indices())
            .copied()
            .collect();
        assert_eq!(all.len(), 60);
        assert_eq!(train.len() + validation.len(), 60);
        assert_eq!(split(0.2, 1).1.indices(), validation.indices());
        assert_ne!(split(0.2, 2).1.indices(), validation.indices());
        let more = split(0.5, 1).1;
        assert!(
            validation
                .indices()
                .iter()
                .all(|index| more.indices().contains(index))
        );
    }

    #[test]
    fn a_part_is_a_data_set_of_its_own() {
        let whole = classes(&[10, 10]);
        let kept = whole.fingerprint().unwrap();
        let (train, validation) = hold_out(Arc::clone(&whole), 0.3, Seed::new(0)).unwrap();
        let prints = [
            kept,
            train.fingerprint().unwrap(),
            validation.fingerprint().unwrap(),
        ];
        assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2]);
        let again = hold_out(whole, 0.3, Seed::new(0)).unwrap();
        assert_eq!(again.1.fingerprint().unwrap(), prints[2]);
        assert_eq!((train.name(), validation.name()), ("images", "images, held back"));
        let first = validation.indices()[0];
        assert_eq!(validation.image(0).unwrap().pixels, [first as u8]);
    }

    #[test]
    fn other_targets_are_split_as_one() {
        let samples = (0..10).map(|at| Sample {
            image: image(at),
            target: Target::Classes(vec![]),
        });
        let info = DatasetInfo::new("sets", TargetKind::Classes, ["a", "b"]);
        let whole: Arc<dyn Dataset> = Arc::new(InMemory::new(samples.collect(), info).unwrap());
        let (train, validation) = hold_out(whole, 0.3, Seed::new(0)).unwrap();
        assert_eq!((train.len(), validation.len()), (7, 3));
    }

    #[test]
    fn what_cannot_be_held_back_is_refused_with_the_reason() {
        let one_each = refusal(classes(&[1, 1, 1]), 0.1);
        assert_eq!(
            one_each,
            "no part of `images` can be held back: every class has one image only"
        );
        let none: Arc<dyn Dataset> = open("shapes:train=0", Split::Train).unwrap().into();
        assert!(refusal(none, 0.1).ends_with("there are no images"));
        assert!(refusal(classes(&[1]), 0.1).ends_with("there is one image only"));
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(refusal(classes(&[5]), share).contains("has to lie between 0 and 1"));
        }
    }
}
