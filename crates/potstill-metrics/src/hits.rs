//! Accuracy where every image has one class: how often it is among the likeliest.

use std::cmp::Ordering;

use crate::{MetricInfo, Metrics};

/// Percent of images whose true class has the largest logit.
pub const TOP1: MetricInfo = MetricInfo::percent("top1", "top-1", "accuracy");

/// Percent of images whose true class has one of the five largest logits. Not measured with five classes or fewer, where every image
/// would be a hit.
pub const TOP5: MetricInfo = MetricInfo::percent("top5", "top-5", "accuracy");

/// For each row of `logits` (`[N, K]`, row-major), how many classes have a larger logit than the true one: 0 is a top-1 hit,
/// less than 5 a top-5 hit. A true class whose logit is not a number ranks last.
///
/// # Panics
/// Where a label is not below `classes`.
pub fn true_class_ranks(logits: &[f32], classes: usize, labels: &[u32]) -> Vec<usize> {
    logits
        .chunks_exact(classes)
        .zip(labels)
        .map(|(row, &label)| {
            let own = row[label as usize];
            // A NaN is no smaller than anything, so it counts as a better rival, and everything is one to a NaN.
            let beats = |other: &f32| other.partial_cmp(&own).is_none_or(Ordering::is_gt);
            row.iter()
                .enumerate()
                .filter(|&(k, other)| k != label as usize && beats(other))
                .count()
        })
        .collect()
}

/// Counts images whose true class is among the likeliest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// Images seen.
    pub images: usize,
    /// Those whose true class had the largest logit.
    pub top1: usize,
    /// Those whose true class had one of the five largest logits.
    pub top5: usize,
}

impl Hits {
    /// Adds images: logits `[N, K]`, row-major, over `classes` classes, and the class of each.
    ///
    /// # Panics
    /// Where a label is not below `classes`.
    pub fn add(&mut self, logits: &[f32], classes: usize, labels: &[u32]) {
        for rank in true_class_ranks(logits, classes, labels) {
            self.top1 += usize::from(rank == 0);
            self.top5 += usize::from(rank < 5);
        }
        self.images += labels.len();
    }

    /// [`TOP1`], and [`TOP5`] where there are more than five `classes`.
    pub fn metrics(&self, classes: usize) -> Metrics {
        let percent = |hits: usize| 100.0 * hits as f64 / self.images.max(1) as f64;
        Metrics::new()
            .with(&TOP1, percent(self.top1))
            .with_any(&TOP5, (classes > 5).then(|| percent(self.top5)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Hits, TOP1, TOP5, true_class_ranks};

    #[test]
    fn what_is_not_a_number_is_never_a_hit() {
        let rank = |logits: [f32; 4], label| true_class_ranks(&logits, 4, &[label])[0];
        assert_eq!(
            rank([f32::NAN, 1.0, 2.0, 3.0], 0),
            3,
            "the true logit is none: last"
        );
        assert_eq!(rank([f32::NAN; 4], 2), 3, "nothing is a number: last");
        assert_eq!(
            rank([f32::NAN, 9.0, 2.0, 3.0], 1),
            1,
            "a rival that is none counts as better"
        );
        assert_eq!(
            rank([f32::INFINITY, f32::NEG_INFINITY, 2.0, 3.0], 0),
            0,
            "infinity is a number"
        );
        assert_eq!(rank([5.0, 5.0, 5.0, 1.0], 1), 0, "a tie is no larger logit");
        assert!(true_class_ranks(&[], 4, &[]).is_empty());
    }

    #[test]
    fn the_five_likeliest_of_five_say_nothing() {
        let mut hits = Hits::default();
        hits.add(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6, &[4]);
        hits.add(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6, &[5]);
        hits.add(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6, &[0]);
        hits.add(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6, &[0]);
        let metrics = hits.metrics(6);
        assert_eq!((metrics.of(&TOP1), metrics.of(&TOP5)), (Some(50.0), Some(75.0)));
        assert_eq!(hits.metrics(5).of(&TOP5), None);
        assert_eq!(Hits::default().metrics(10).of(&TOP1), Some(0.0));
    }
}
