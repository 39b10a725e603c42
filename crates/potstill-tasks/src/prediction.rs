//! What a network says of an image.

use potstill_data::Target;

/// What a network says of one image, in the form of what is known about images: its answer in place of the truth.
///
/// ```
/// use potstill_data::{BoundingBox, LabelledBox, Target};
/// use potstill_tasks::Prediction;
///
/// let bounds = BoundingBox::new(3.0, 4.0, 20.0, 31.0);
/// let said = Prediction { target: Target::Boxes(vec![LabelledBox::new(2, bounds)]), scores: vec![0.83] };
/// assert_eq!(said.target.classes(), [2]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The answer, in pixels of the image as it is in its file.
    pub target: Target,
    /// How sure the network is of each class or object of the answer, in its order, in `[0, 1]`; nothing for a class map.
    pub scores: Vec<f32>,
}
