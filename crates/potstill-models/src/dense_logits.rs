//! Class scores of every pixel.

use burn::tensor::Tensor;
use potstill_ops::{resize_bilinear, select_places};

/// What a segmenter gives for a batch of N images: K class scores for each place of its map, before any softmax.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_models::DenseLogits;
///
/// let logits = Tensor::zeros([1, 4, 6, 3], &Device::flex());
/// let dense = DenseLogits { logits, auxiliary: None, size: [30, 45] };
/// assert_eq!(dense.full().dims(), [1, 30, 45, 3]);
/// ```
#[derive(Debug, Clone)]
pub struct DenseLogits {
    /// `[N, h, w, K]` at the stride of the head.
    pub logits: Tensor<4>,
    /// The same of an auxiliary head, which only trains the backbone; `None` where there is none.
    pub auxiliary: Option<Tensor<4>>,
    /// Height and width of the images.
    pub size: [usize; 2],
}

impl DenseLogits {
    /// The scores of every pixel, `[N, H, W, K]`: those of the map, resized bilinearly with half-pixel centres (`align_corners = false`).
    pub fn full(&self) -> Tensor<4> {
        resize_bilinear(self.logits.clone(), self.size)
    }

    /// The same of the auxiliary head.
    pub fn full_auxiliary(&self) -> Option<Tensor<4>> {
        self.auxiliary
            .as_ref()
            .map(|logits| resize_bilinear(logits.clone(), self.size))
    }

    /// The number of classes K.
    pub fn classes(&self) -> usize {
        self.logits.dims()[3]
    }

    /// The scores of the images at these places of the batch.
    pub(crate) fn of_images(&self, places: &[usize]) -> Self {
        Self {
            logits: select_places(self.logits.clone(), places),
            auxiliary: self
                .auxiliary
                .as_ref()
                .map(|logits| select_places(logits.clone(), places)),
            size: self.size,
        }
    }

    /// The same values on the plain device.
    #[must_use]
    pub fn detached(self) -> Self {
        Self {
            logits: self.logits.inner(),
            auxiliary: self.auxiliary.map(Tensor::inner),
            size: self.size,
        }
    }
}
