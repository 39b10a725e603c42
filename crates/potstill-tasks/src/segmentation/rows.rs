//! The rows of a segmenter: the places of the student's map.

use burn::tensor::{Int, Tensor, TensorData};
use potstill_data::LabelMap;
use potstill_models::DenseLogits;
use potstill_ops::resize_bilinear;

use super::answer::columns;
use crate::{Probabilities, RowSet, Rows, TaskError};

/// What is known of the pixels of a batch.
pub(super) enum Labels {
    /// The class of each, `[N, H, W]`.
    Of(Tensor<3, Int>),
    /// Which of them count, those that are not [`LabelMap::IGNORE`], `[N, H, W]`; their classes are not all known.
    Counting(Tensor<3, Int>),
}

/// A row for each place of the student's logits, with the first `classes` scores of both networks: a column behind them is for what is not
/// labelled, and is cut off before any softmax. A teacher's logits are resized to the student's map. Places whose nearest pixel has
/// no label do not count.
pub(super) fn rows(
    student: &DenseLogits,
    teachers: &[&DenseLogits],
    labels: Labels,
    classes: usize,
) -> Result<RowSet, TaskError> {
    let [images, height, width, all] = student.logits.dims();
    let classes = columns(all, classes);
    let count = images * height * width;
    let flat = |logits: Tensor<4>| {
        let columns = logits.dims()[3];
        logits
            .narrow(3, 0, classes.min(columns))
            .reshape([count as i64, -1])
    };
    let beside = |teacher: &&DenseLogits| flat(resize_bilinear(teacher.logits.clone(), [height, width]));
    let at_rows = |labels| labels_at_places(labels, [height, width]).reshape([count]);
    let (labels, has_classes) = match labels {
        Labels::Of(labels) => (at_rows(labels), true),
        Labels::Counting(labels) => (at_rows(labels), false),
    };
    let ignored = labels.clone().equal_elem(i64::from(LabelMap::IGNORE));
    let rows = Rows {
        weights: Some(ignored.clone().bool_not().float()),
        classes: has_classes.then(|| labels.mask_fill(ignored, 0)),
        map: Some([images, height, width]),
        ..Rows::alike(flat(student.logits.clone()), Probabilities::Softmax)
    };
    RowSet::new(rows, teachers.iter().map(beside).collect())
}

/// The labels `[N, H, W]` at the nearest pixels of a map's places, `[N, h, w]`: that at the middle of each.
pub fn labels_at_places(labels: Tensor<3, Int>, [height, width]: [usize; 2]) -> Tensor<3, Int> {
    let [_, rows, columns] = labels.dims();
    let nearest = |from: usize, to: usize| {
        let middles: Vec<i32> = (0..to)
            .map(|at| ((2 * at + 1) * from / (2 * to)) as i32)
            .collect();
        Tensor::<1, Int>::from_data(TensorData::new(middles, [to]), &labels.device())
    };
    let (down, across) = (nearest(rows, height), nearest(columns, width));
    labels.select(1, down).select(2, across)
}
