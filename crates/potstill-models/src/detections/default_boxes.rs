//! What a detector gives that looks at default boxes.

use burn::tensor::{Tensor, activation::softmax};
use potstill_detection::{BoxCoder, Corners, DecodeRule, DefaultBoxes, Found, default_box_detections};

use super::numbers;

/// The outputs of SSDLite for a batch of N images.
#[derive(Debug, Clone)]
pub struct DefaultBoxDetections {
    /// What is said of the default boxes of each map, fine to coarse.
    pub maps: Vec<BoxMaps>,
    /// Height and width of the padded images.
    pub size: [usize; 2],
    /// Where it looks.
    pub boxes: DefaultBoxes,
    /// Which boxes are detections.
    pub rule: DecodeRule,
}

/// What is said of every default box of a map: B at each place of h x w.
#[derive(Debug, Clone)]
pub struct BoxMaps {
    /// Height and width of the map.
    pub size: [usize; 2],
    /// Logits of the background and the classes, `[N, h * w * B, 1 + K]`.
    pub logits: Tensor<3>,
    /// The numbers that mean a box, `[N, h * w * B, 4]`.
    pub codes: Tensor<3>,
}

impl DefaultBoxDetections {
    /// The number of classes K.
    pub fn classes(&self) -> usize {
        self.maps
            .first()
            .map_or(0, |map| map.logits.dims()[2].saturating_sub(1))
    }

    /// All default boxes of an image, one map after the other, row by row.
    pub fn default_boxes(&self) -> Vec<Corners> {
        let sizes: Vec<[usize; 2]> = self.maps.iter().map(|map| map.size).collect();
        self.boxes.boxes(self.size, &sizes)
    }

    /// Logits of the background and the classes of all of them, `[N, M, 1 + K]`.
    pub fn logits(&self) -> Tensor<3> {
        Tensor::cat(self.maps.iter().map(|map| map.logits.clone()).collect(), 1)
    }

    /// The numbers of their boxes, `[N, M, 4]`.
    pub fn codes(&self) -> Tensor<3> {
        Tensor::cat(self.maps.iter().map(|map| map.codes.clone()).collect(), 1)
    }

    /// The detections in each image, by falling score, in pixels of the image of this size `[H, W]` before padding. Classes count from 0.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        let defaults = self.default_boxes();
        let columns = self.classes() + 1;
        let (probabilities, codes) = (numbers(softmax(self.logits(), 2)), numbers(self.codes()));
        let (codes, _) = codes.as_chunks::<4>();
        let coder = BoxCoder::weighted();
        let count = defaults.len().max(1);
        let images = probabilities
            .chunks(count * columns)
            .zip(codes.chunks(count))
            .zip(sizes);
        let found = images.map(|((probabilities, codes), size)| {
            let boxes = codes.iter().zip(&defaults);
            let boxes: Vec<Corners> = boxes
                .map(|(code, corners)| coder.decode(*code, *corners))
                .collect();
            let found = default_box_detections(probabilities, &boxes, columns, *size, &self.rule);
            let without_background = |found: Found| Found {
                class: found.class - 1,
                ..found
            };
            found.into_iter().map(without_background).collect()
        });
        found.collect()
    }

    /// The same values on the plain device.
    #[must_use]
    pub fn detached(self) -> Self {
        let maps = self.maps.into_iter().map(|map| BoxMaps {
            size: map.size,
            logits: map.logits.inner(),
            codes: map.codes.inner(),
        });
        Self {
            maps: maps.collect(),
            ..self
        }
    }
}
