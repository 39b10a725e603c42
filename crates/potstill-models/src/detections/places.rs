//! What a detector says of its places where its boxes are not read: one that only teaches.

use burn::tensor::Tensor;
use potstill_ops::select_places;

/// Class scores of the places of a detector for a batch of N images.
#[derive(Debug, Clone)]
pub struct PlaceDetections {
    /// Logits of the classes, each a question of its own, of each level `[N, h * w * A, K]` fine to coarse; or of all levels in one tensor.
    /// None where no score is read.
    pub levels: Vec<Tensor<3>>,
    /// The number of classes K.
    pub classes: usize,
}

impl PlaceDetections {
    /// The same for the images at these places of the batch.
    pub(crate) fn of_images(&self, places: &[usize]) -> Self {
        Self {
            levels: self
                .levels
                .iter()
                .map(|level| select_places(level.clone(), places))
                .collect(),
            ..*self
        }
    }

    /// The same values on the plain device.
    #[must_use]
    pub fn detached(self) -> Self {
        Self {
            levels: self.levels.into_iter().map(Tensor::inner).collect(),
            ..self
        }
    }

    /// The levels, where a pyramid has so many places at each; `None` if these have not.
    pub fn split(&self, counts: &[usize]) -> Option<Vec<Tensor<3>>> {
        if let [all] = &self.levels[..]
            && counts.len() > 1
        {
            let [_, places, _] = all.dims();
            if places != counts.iter().sum::<usize>() {
                return None;
            }
            let mut first = 0;
            let level = |&count: &usize| {
                first += count;
                all.clone().narrow(1, first - count, count)
            };
            return Some(counts.iter().map(level).collect());
        }
        let fits = |(level, &count): (&Tensor<3>, &usize)| level.dims()[1] == count;
        let are_alike = self.levels.len() == counts.len() && self.levels.iter().zip(counts).all(fits);
        are_alike.then(|| self.levels.clone())
    }
}
