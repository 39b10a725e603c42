//! What the teacher says of every place: the distributions over templates that the student's scores are held to.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_ops::{LOG_ZERO, select_places};

use super::sub_classes::nearest_of_class;

/// Soft assignments to centres: `softmax_k(-sharpness |f - mu_k|^2)`.
#[derive(Debug, Clone)]
pub struct Centres {
    /// `[1, D]`: the mean of the centres. Distances from it are what the products are made of, which keeps the digits.
    middle: Tensor<2>,
    /// `[D, K]`: the centres, relative to it, times twice the sharpness.
    directions: Tensor<2>,
    /// `[1, K]`: their squared lengths, times minus the sharpness.
    offsets: Tensor<2>,
}

impl Centres {
    /// Of `values`, `[K, columns]` row-major.
    pub fn new(values: Vec<f32>, columns: usize, sharpness: f64, device: &Device) -> Self {
        let count = values.len() / columns;
        let centres = matrix(values, [count, columns], device);
        let middle = centres.clone().mean_dim(0);
        let centres = centres - middle.clone();
        let squares = (centres.clone() * centres.clone()).sum_dim(1);
        Self {
            middle,
            directions: centres.transpose() * (2.0 * sharpness),
            offsets: squares.transpose() * -sharpness,
        }
    }

    /// Logits `[rows, K]` of the assignments of features `[rows, D]`. What all logits of a row share is left out.
    pub fn logits(&self, features: Tensor<2>) -> Tensor<2> {
        (features - self.middle.clone()).matmul(self.directions.clone()) + self.offsets.clone()
    }
}

/// The teacher's decisions: a place is given a sub-class of its image's class, and its target is what that sub-class is taken for.
#[derive(Debug, Clone)]
pub struct Decisions {
    /// `[D, r]` and `[1, r]`: the map to the directions that tell classes apart.
    projection: [Tensor<2>; 2],
    /// `[k C, r]`, row-major.
    centres: Vec<f32>,
    /// k.
    each: usize,
    /// `[k C, k C]`: the logarithms of the score matrix.
    log_scores: Tensor<2>,
}

impl Decisions {
    /// From a projection `[D, r]`, its offset `[r]`, the centres `[k C, r]` of k sub-classes `each`, and the score matrix `[k C, k C]`.
    pub fn new(
        projection: Vec<f32>,
        offset: Vec<f32>,
        centres: Vec<f32>,
        scores: &[f32],
        each: usize,
        device: &Device,
    ) -> Self {
        let columns = offset.len();
        let (rows, count) = (projection.len() / columns, centres.len() / columns);
        let logarithm = |&score: &f32| if score > 0.0 { score.ln() } else { LOG_ZERO as f32 };
        let log_scores = scores.iter().map(logarithm).collect();
        Self {
            projection: [
                matrix(projection, [rows, columns], device),
                matrix(offset, [1, columns], device),
            ],
            centres,
            each,
            log_scores: matrix(log_scores, [count, count], device),
        }
    }

    /// Features `[rows, D]` in the directions that tell classes apart, `[rows, r]`.
    pub fn project(&self, features: Tensor<2>) -> Tensor<2> {
        let [directions, offset] = self.projection.clone();
        features.matmul(directions) + offset
    }

    /// The sub-class of every row of features `[images * per_image, D]` among those of its image's class.
    pub fn assign(&self, features: Tensor<2>, labels: &[usize], per_image: usize) -> Vec<usize> {
        let projected = self.project(features);
        let columns = projected.dims()[1];
        let values: Vec<f32> = projected.into_data().iter().collect();
        let rows = values.chunks_exact(columns).enumerate();
        rows.map(|(i, row)| nearest_of_class(row, &self.centres, labels[i / per_image], self.each))
            .collect()
    }

    /// Logits `[rows, k C]` of what these sub-classes are taken for.
    pub fn logits(&self, assigned: &[usize]) -> Tensor<2> {
        select_places(self.log_scores.clone(), assigned)
    }
}

fn matrix(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
