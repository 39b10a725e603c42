//! Which places of a map lie in boxes.

use burn::tensor::{Tensor, TensorData};

/// The weights of the places of a map as objects and as background, `[N, H W, 1]` each.
#[derive(Debug, Clone)]
pub struct BoxMasks {
    /// One over the number of cells of a box in each of its cells, of the smallest where boxes overlap; 0 outside of all.
    pub objects: Tensor<3>,
    /// One over the number of cells outside of all boxes in each of them; 0 elsewhere.
    pub background: Tensor<3>,
}

impl BoxMasks {
    /// Of the boxes of each image, `x1, y1, x2, y2` in pixels of the padded images of size `[H, W]`, for a map on whose device and in
    /// whose precision they are to be.
    ///
    /// A box reaches from the cell of its first corner, rounded down, to that of its last, rounded up and counted in. The authors divide by the size of the
    /// image before padding, which moves boxes where there is padding; here the stride of the padded image counts.
    pub fn of(boxes: &[Vec<[f64; 4]>], padded: [usize; 2], map: &Tensor<4>) -> Self {
        let [n, h, w, _] = map.dims();
        let mut objects = vec![0.0; n * h * w];
        let mut background = vec![0.0; n * h * w];
        let cells = (h * w).max(1);
        let images = objects
            .chunks_exact_mut(cells)
            .zip(background.chunks_exact_mut(cells));
        for ((objects, background), boxes) in images.zip(boxes.iter().chain(std::iter::repeat(&Vec::new()))) {
            for bounds in boxes {
                fill(objects, [h, w], cell_range(*bounds, padded, [h, w]));
            }
            let free = objects.iter().filter(|&&weight| weight == 0.0).count();
            for (background, object) in background.iter_mut().zip(&*objects) {
                *background = if *object == 0.0 { 1.0 / free as f64 } else { 0.0 };
            }
        }
        let device = map.device().inner();
        let tensor = |weights: Vec<f64>| {
            let weights = TensorData::new(weights, [n, h * w, 1]);
            Tensor::from_data(weights, (&device, map.dtype()))
        };
        Self {
            objects: tensor(objects),
            background: tensor(background),
        }
    }
}

/// First and last row, first and last column of a box in the cells of a map. The last may lie outside.
fn cell_range([x1, y1, x2, y2]: [f64; 4], [height, width]: [usize; 2], [h, w]: [usize; 2]) -> [usize; 4] {
    let (rows, columns) = (h as f64 / height as f64, w as f64 / width as f64);
    // A cast of a float saturates: what lies left of the image starts in column 0.
    let first = |at: f64, share: f64| (at * share).floor() as usize;
    let last = |at: f64, share: f64| (at * share).ceil() as usize;
    [
        first(y1, rows),
        last(y2, rows),
        first(x1, columns),
        last(x2, columns),
    ]
}

/// Enters a box. Its cells outside of the map count in its size.
fn fill(weights: &mut [f64], [h, w]: [usize; 2], [top, bottom, left, right]: [usize; 4]) {
    let cells = (bottom.saturating_sub(top) + 1) * (right.saturating_sub(left) + 1);
    let weight = 1.0 / cells as f64;
    for row in top..=bottom.min(h.saturating_sub(1)) {
        for column in left..=right.min(w.saturating_sub(1)) {
            let place = &mut weights[row * w + column];
            *place = place.max(weight);
        }
    }
}
