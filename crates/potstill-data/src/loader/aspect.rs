//! Batches of upright images alone, or of lying ones alone: images of one batch are padded to the largest, and an upright one beside a lying
//! one is padded most.

use crate::Dataset;

/// Whether each image of a data set is upright: higher than wide. One whose size cannot be read is told when it is its turn.
pub(super) fn upright(dataset: &dyn Dataset) -> Vec<bool> {
    let is_upright = |index| {
        let shape = dataset.shape(index);
        shape.is_ok_and(|[height, width, _]| height > width)
    };
    (0..dataset.len()).map(is_upright).collect()
}

/// The images in an order in which each batch is of one kind, as far as their numbers go: a batch is complete when so many of a kind have
/// come by in the old order. What is left of both kinds is at the end.
pub(super) fn grouped(order: &[usize], batch: usize, upright: &[bool]) -> Vec<usize> {
    let mut grouped = Vec::with_capacity(order.len());
    let mut waiting: [Vec<usize>; 2] = [Vec::new(), Vec::new()];
    for &index in order {
        let kind = usize::from(upright.get(index).copied().unwrap_or_default());
        waiting[kind].push(index);
        if waiting[kind].len() == batch {
            grouped.append(&mut waiting[kind]);
        }
    }
    grouped.extend(waiting.concat());
    grouped
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn batches_are_of_one_kind_and_nothing_is_lost() {
        let upright: Vec<bool> = (0..10).map(|index| index % 3 == 0).collect();
        let order = [9, 1, 2, 0, 4, 3, 5, 7, 6, 8];
        let found = grouped(&order, 2, &upright);
        assert_eq!(found, [1, 2, 9, 0, 4, 5, 3, 6, 7, 8]);
        // Three of a kind, and what is left of both.
        assert_eq!(grouped(&order, 3, &upright), [1, 2, 4, 9, 0, 3, 5, 7, 8, 6]);
    }
}
