//! What a detector gives that looks at the cells of one map.

use burn::tensor::{
    Tensor,
    activation::{sigmoid, softmax},
};
use potstill_detection::{DecodeRule, Found, cell_detections};

use super::numbers;

/// The outputs of FastestDet for a batch of N images.
#[derive(Debug, Clone)]
pub struct CellDetections {
    /// What is said of the cells.
    pub cells: CellMaps,
    /// Height and width of the padded images.
    pub size: [usize; 2],
    /// Which cells are detections.
    pub rule: DecodeRule,
}

/// What is said of every cell of a map of h x w.
#[derive(Debug, Clone)]
pub struct CellMaps {
    /// Logits of the objectness, `[N, h, w, 1]`.
    pub objectness: Tensor<4>,
    /// Middle and sides, `[N, h, w, 4]`.
    pub codes: Tensor<4>,
    /// Logits of the classes, of which one is there, `[N, h, w, K]`.
    pub logits: Tensor<4>,
}

impl CellMaps {
    /// As the published network gives it, `[N, h, w, 1 + 4 + K]`: the probability of an object, middle and sides, the probabilities of the
    /// classes.
    pub fn published(&self) -> Tensor<4> {
        let parts = [
            sigmoid(self.objectness.clone()),
            self.codes.clone(),
            softmax(self.logits.clone(), 3),
        ];
        Tensor::cat(parts.into(), 3)
    }
}

impl CellDetections {
    /// The number of classes K.
    pub fn classes(&self) -> usize {
        self.cells.logits.dims()[3]
    }

    /// The detections in each image, by falling score, in pixels of the image of this size `[H, W]` before padding. Boxes may reach over
    /// its edge.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        let [_, rows, columns, classes] = self.cells.logits.dims();
        let objectness = numbers(sigmoid(self.cells.objectness.clone()));
        let codes = numbers(self.cells.codes.clone());
        let (codes, _) = codes.as_chunks::<4>();
        let probabilities = numbers(softmax(self.cells.logits.clone(), 3));
        let cells = rows * columns;
        let parts = objectness
            .chunks(cells.max(1))
            .zip(codes.chunks(cells.max(1)))
            .zip(probabilities.chunks((cells * classes).max(1)));
        // Cells lie in the padded image.
        let size = self.size.map(|side| side as f32);
        let found = parts
            .take(sizes.len())
            .map(|((objectness, codes), probabilities)| {
                cell_detections(
                    [objectness, probabilities],
                    codes,
                    (columns, classes),
                    size,
                    &self.rule,
                )
            });
        found.collect()
    }

    /// The same values on the plain device.
    #[must_use]
    pub fn detached(self) -> Self {
        let CellMaps {
            objectness,
            codes,
            logits,
        } = self.cells;
        Self {
            cells: CellMaps {
                objectness: objectness.inner(),
                codes: codes.inner(),
                logits: logits.inner(),
            },
            ..self
        }
    }
}
