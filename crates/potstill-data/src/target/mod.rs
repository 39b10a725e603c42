//! What is known about an image: the truth that a network learns to predict.

mod bounding_box;
mod instance;
mod kind;
mod label_map;
mod mask;
mod object_notes;
mod polygon;
mod rasterise;

use crate::DataError;
pub use bounding_box::{BoundingBox, LabelledBox};
pub use instance::{Instance, InstanceShape};
pub use kind::TargetKind;
pub use label_map::LabelMap;
pub use mask::Mask;
pub use object_notes::ObjectNotes;
pub use polygon::Polygon;

/// The truth about one image. All images of a data set have targets of one kind,
/// [`DatasetInfo::target`](crate::DatasetInfo).
///
/// Coordinates are pixels of the image that the target belongs to; classes are indices into the data set's
/// class names.
///
/// ```
/// use potstill_data::{BoundingBox, LabelledBox, Target};
/// let target = Target::Boxes(vec![LabelledBox::new(2, BoundingBox::new(4.0, 6.0, 20.0, 31.5))]);
/// assert_eq!(target.classes(), [2]);
/// let error = target.class().unwrap_err();
/// assert_eq!(error.to_string(), "each image needs a class, but this one has boxes");
/// # assert_eq!(Target::Class(7).class()?, 7);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// The one class of the image.
    Class(u32),
    /// The set of classes that the image shows: ascending, each once, possibly none.
    Classes(Vec<u32>),
    /// The objects of the image with their boxes, in the order of the file.
    Boxes(Vec<LabelledBox>),
    /// The objects of the image with their boxes and outlines, in the order of the file.
    Instances(Vec<Instance>),
    /// The class of every pixel.
    Map(LabelMap),
    /// Nothing is known of the image.
    None,
}

impl Target {
    /// Which kind of target this is.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Class(_) => TargetKind::Class,
            Self::Classes(_) => TargetKind::Classes,
            Self::Boxes(_) => TargetKind::Boxes,
            Self::Instances(_) => TargetKind::Instances,
            Self::Map(_) => TargetKind::Map,
            Self::None => TargetKind::None,
        }
    }

    /// The class of the image, for classification.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] for any other kind of target.
    pub fn class(&self) -> Result<u32, DataError> {
        match self {
            Self::Class(class) => Ok(*class),
            other => Err(DataError::TargetKind {
                wanted: TargetKind::Class,
                found: other.kind(),
            }),
        }
    }

    /// The classes that occur, ascending, each once. [`LabelMap::IGNORE`] is no class.
    pub fn classes(&self) -> Vec<u32> {
        let mut classes: Vec<u32> = match self {
            Self::Class(class) => vec![*class],
            Self::Classes(classes) => classes.clone(),
            Self::Boxes(boxes) => boxes.iter().map(|labelled| labelled.class).collect(),
            Self::Instances(instances) => instances.iter().map(|instance| instance.class).collect(),
            Self::Map(map) => map.classes(),
            Self::None => Vec::new(),
        };
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Says what is wrong with the target of an image of this `[height, width]` in a set of so many classes.
    pub(crate) fn problem(&self, [height, width]: [usize; 2], classes: usize) -> Option<String> {
        if let Some(&class) = self.classes().last().filter(|&&class| class as usize >= classes) {
            return Some(format!(
                "its target has class {class} where there are {classes} classes"
            ));
        }
        match self {
            Self::Class(_) | Self::None => None,
            Self::Classes(own) if own.is_sorted_by(|a, b| a < b) => None,
            Self::Classes(own) => Some(format!("its classes {own:?} must be ascending, each once")),
            Self::Boxes(boxes) => boxes.iter().find_map(|labelled| labelled.bounds.problem()),
            Self::Instances(instances) => instances
                .iter()
                .find_map(|instance| instance.problem([height, width])),
            Self::Map(map) => map.problem([height, width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BoundingBox, LabelMap, LabelledBox, Target};

    #[test]
    fn the_classes_of_a_target_are_a_set() {
        let bounds = BoundingBox::new(0.0, 0.0, 1.0, 1.0);
        let boxes = Target::Boxes([5, 1, 5].map(|class| LabelledBox::new(class, bounds)).to_vec());
        assert_eq!(boxes.classes(), [1, 5]);
        let map = LabelMap {
            height: 1,
            width: 4,
            labels: vec![3, LabelMap::IGNORE, 0, 3],
        };
        assert_eq!(Target::Map(map).classes(), [0, 3]);
    }

    #[test]
    fn targets_that_cannot_be_are_told() {
        let problem = |target: Target| target.problem([2, 2], 3).unwrap_or_default();
        assert!(problem(Target::Class(3)).contains("class 3 where there are 3"));
        assert!(problem(Target::Classes(vec![1, 1])).contains("ascending, each once"));
        let bounds = BoundingBox::new(1.0, 0.0, 1.0, 1.0);
        assert!(problem(Target::Boxes(vec![LabelledBox::new(0, bounds)])).contains("no area"));
        let map = LabelMap {
            height: 1,
            width: 2,
            labels: vec![0, 0],
        };
        assert!(problem(Target::Map(map)).contains("1x2 where the image has 2x2"));
        assert_eq!(problem(Target::Classes(vec![])), "");
    }
}
