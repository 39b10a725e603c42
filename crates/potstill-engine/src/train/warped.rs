//! Targets of images that an augmentation has moved.

use burn::tensor::Tensor;
use potstill_data::{AffineMatrix, Batch, LabelMap, Target};

/// The batch with its targets moved as its padded images were, by maps `[N, 2, 3]` that say where each new place takes its colour from,
/// in coordinates from -1 to 1 between the edges of the padded images.
///
/// Pixels are left out: the augmentation has moved them itself. Boxes become the smallest around their moved corners, cut at the edges of the padded images; what has no area there is dropped. Label maps take
/// the nearest label, and are to be ignored where there was no picture.
pub(crate) fn warped(batch: &Batch, maps: &Tensor<3>) -> Batch {
    let [_, height, width, _] = batch.shape;
    let size = [height, width];
    let rows: Vec<f64> = maps.clone().inner().into_data().iter().collect();
    let (rows, _) = rows.as_chunks::<6>();
    let moved = |(target, map): (&Target, &[f64; 6])| {
        let target = match target {
            Target::Map(map) => Target::Map(padded(map, size)),
            other => other.clone(),
        };
        match places(map, size).inverse() {
            Some(matrix) => target.warped(size, &matrix, 0.0),
            None => nothing(target),
        }
    };
    Batch {
        images: Vec::new(),
        shape: batch.shape,
        valid: vec![size; batch.len()],
        targets: batch.targets.iter().zip(rows).map(moved).collect(),
        truth: Vec::new(),
        second: Vec::new(),
        indices: batch.indices.clone(),
    }
}

/// Where each new place, in pixels, takes its colour from.
fn places(&[a, b, c, d, e, f]: &[f64; 6], [height, width]: [usize; 2]) -> AffineMatrix {
    let (x, y) = (width as f64 / 2.0, height as f64 / 2.0);
    AffineMatrix::translation([-x, -y])
        .then(&AffineMatrix::scaling([1.0 / x, 1.0 / y]))
        .then(&AffineMatrix::new([[a, b, c], [d, e, f]]))
        .then(&AffineMatrix::scaling([x, y]))
        .then(&AffineMatrix::translation([x, y]))
}

/// A label map of the size of the padded images, ignored in the padding.
fn padded(map: &LabelMap, [height, width]: [usize; 2]) -> LabelMap {
    let mut labels = vec![LabelMap::IGNORE; height * width];
    for (new, old) in labels
        .chunks_exact_mut(width.max(1))
        .zip(map.labels.chunks_exact(map.width.max(1)))
    {
        new[..map.width].copy_from_slice(old);
    }
    LabelMap {
        height,
        width,
        labels,
    }
}

/// What is left of a target whose image was squeezed to nothing.
fn nothing(target: Target) -> Target {
    match target {
        Target::Boxes(_) => Target::Boxes(Vec::new()),
        Target::Instances(_) => Target::Instances(Vec::new()),
        Target::Map(mut map) => {
            map.labels.fill(LabelMap::IGNORE);
            Target::Map(map)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use potstill_data::{Batch, BoundingBox, LabelMap, LabelledBox, Target};

    use super::warped;

    fn batch(target: Target, [height, width]: [usize; 2], valid: [usize; 2]) -> Batch {
        Batch {
            images: vec![0.0; height * width * 3],
            shape: [1, height, width, 3],
            valid: vec![valid],
            targets: vec![target],
            truth: Vec::new(),
            second: Vec::new(),
            indices: vec![0],
        }
    }

    fn moved(batch: &Batch, map: [f64; 6]) -> Target {
        let map = TensorData::new(map.to_vec(), [1, 2, 3]);
        warped(
            batch,
            &Tensor::from_data(map, (&Device::flex(), burn::tensor::DType::F64)),
        )
        .targets
        .remove(0)
    }

    /// `tst.md`, section 7.8: the map, an image of 48x64, and three boxes before and after.
    #[test]
    fn boxes_go_where_the_authors_program_takes_them() {
        let old = [
            [10.0, 12.0, 30.0, 40.0],
            [0.0, 0.0, 6.0, 5.0],
            [40.0, 2.0, 63.0, 10.0],
        ];
        let new = [
            [2.84644e-1, 16.1292, 28.8989, 48.0],
            [6.59176e-1, 3.6573, 8.22472, 9.52809],
            [39.6105, 3.50281, 64.0, 13.4607],
        ];
        let boxes = old.map(|[x1, y1, x2, y2]| LabelledBox::new(1, BoundingBox::new(x1, y1, x2, y2)));
        let batch = batch(Target::Boxes(boxes.to_vec()), [48, 64], [40, 64]);
        let Target::Boxes(moved) = moved(&batch, [1.0, 0.2, 0.1, 0.05, 0.9, -0.2]) else {
            panic!("boxes stay boxes");
        };
        assert_eq!(moved.len(), 3);
        for (moved, recorded) in moved.iter().zip(new) {
            let [[left, top], _, [right, bottom], _] = moved.bounds.corners();
            for (ours, theirs) in [left, top, right, bottom].iter().zip(recorded) {
                assert!((ours - theirs).abs() < 1e-4, "{moved:?} is not {recorded:?}");
            }
        }
    }

    /// Section 7.9: half a map's width to the right at four columns is one column.
    #[test]
    fn label_maps_take_the_nearest_label_and_ignore_what_was_not_there() {
        let ignore = LabelMap::IGNORE;
        let labels = vec![0, 1, 2, 3, 4, 5, 6, 7, 18, ignore, 9, 10, 11, 12, 13, 14];
        let map = LabelMap {
            height: 4,
            width: 4,
            labels,
        };
        let Target::Map(moved) = moved(
            &batch(Target::Map(map), [4, 4], [4, 4]),
            [1.0, 0.0, -0.5, 0.0, 1.0, 0.0],
        ) else {
            panic!("a map stays a map");
        };
        let expected = [
            ignore, 0, 1, 2, ignore, 4, 5, 6, ignore, 18, ignore, 9, ignore, 11, 12, 13,
        ];
        assert_eq!(moved.labels, expected);
    }

    #[test]
    fn a_map_smaller_than_the_padded_image_is_ignored_in_the_padding() {
        let map = LabelMap {
            height: 1,
            width: 2,
            labels: vec![3, 4],
        };
        let batch = batch(Target::Map(map), [2, 3], [1, 2]);
        let Target::Map(moved) = moved(&batch, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]) else {
            panic!("a map stays a map");
        };
        let ignore = LabelMap::IGNORE;
        assert_eq!(moved.labels, [3, 4, ignore, ignore, ignore, ignore]);
    }
}
