//! What an annotation says about an object besides its class and its place.

/// What an annotation says about an object besides its class and its place. It matters to measurements and to what is trained on;
/// moving the object leaves it as it is.
///
/// ```
/// use potstill_data::ObjectNotes;
/// let plain = ObjectNotes::default();
/// assert!(!plain.crowd && !plain.difficult && plain.area.is_none());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ObjectNotes {
    /// COCO's `iscrowd`: many objects of the class under one outline. Nothing is trained on it, and detections inside it are neither
    /// right nor wrong.
    pub crowd: bool,
    /// VOC's `difficult`: nothing is trained on it, and VOC's measure leaves it out.
    pub difficult: bool,
    /// COCO's `area`, in pixels of the image as it was annotated: which sizes of objects it counts to. The area of its outline or box if
    /// `None`.
    pub area: Option<f64>,
}
