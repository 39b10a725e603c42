//! What a detector is to find in an image.

use potstill_detection::{Corners, has_sides};

/// The objects of an image: their boxes in pixels of the padded image, and their classes from 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageObjects {
    /// Of each object.
    pub boxes: Vec<Corners>,
    /// Of each object.
    pub classes: Vec<usize>,
}

impl ImageObjects {
    /// The same without boxes that have no inside: no anchor could learn them.
    #[must_use]
    pub fn with_sides(mut self) -> Self {
        let keep: Vec<bool> = self
            .boxes
            .iter()
            .map(|&corners| has_sides(corners, f32::MIN_POSITIVE))
            .collect();
        let mut kept = keep.iter();
        self.boxes.retain(|_| kept.next().copied().unwrap_or(false));
        let mut kept = keep.iter();
        self.classes.retain(|_| kept.next().copied().unwrap_or(false));
        self
    }
}
