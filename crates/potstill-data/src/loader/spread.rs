//! Labelled images spread evenly over an epoch: a batch without one would teach the task nothing, and in one with many each would count little.

use crate::Dataset;

/// Whether each image of a data set has a label. One that cannot be read is told when it is its turn.
pub(super) fn labelled(dataset: &dyn Dataset) -> Vec<bool> {
    (0..dataset.len())
        .map(|index| dataset.is_labelled(index).unwrap_or_default())
        .collect()
}

/// The images in an order in which any stretch of them has its share of labelled ones, to the nearest whole number. Among themselves
/// labelled images keep their order, and so do the others.
pub(super) fn evenly(order: &[usize], labelled: &[bool]) -> Vec<usize> {
    let is_labelled = |index: &usize| labelled.get(*index).copied().unwrap_or_default();
    let (with, without): (Vec<usize>, Vec<usize>) = order.iter().copied().partition(is_labelled);
    let (count, all) = (with.len(), order.len().max(1));
    let (mut with, mut without) = (with.into_iter(), without.into_iter());
    let next = |place: usize| {
        let is_due = (place + 1) * count / all > place * count / all;
        if is_due { with.next() } else { without.next() }
    };
    (0..order.len()).filter_map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn every_batch_has_its_share_and_nothing_is_lost() {
        let labelled: Vec<bool> = (0..12).map(|index| index < 4).collect();
        let order = [7, 0, 1, 11, 2, 3, 4, 5, 6, 10, 8, 9];
        let found = evenly(&order, &labelled);
        assert_eq!(found, [7, 11, 0, 4, 5, 1, 6, 10, 2, 8, 9, 3]);
        // 7 of 10 in batches of 4: the share of 2.8 is 2 or 3.
        let labelled: Vec<bool> = (0..10).map(|index| index % 3 != 2).collect();
        let order: Vec<usize> = (0..10).rev().collect();
        let found = evenly(&order, &labelled);
        let counts: Vec<usize> = found
            .chunks(4)
            .map(|batch| batch.iter().filter(|index| labelled[**index]).count())
            .collect();
        assert_eq!(counts, [2, 3, 2]);
        let mut sorted = found;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        // Without a label, and with all of them, the order stays.
        assert_eq!(evenly(&order, &[false; 10]), order);
        assert_eq!(evenly(&order, &[true; 10]), order);
    }
}
