//! What a detector is to find in a batch.

use potstill_data::{Batch, BoundingBox, DataError, Instance, LabelledBox, Target, TargetKind};
use potstill_detection::{Corners, has_sides};

use crate::TaskError;

/// The objects of the images of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObjectTargets {
    /// Of each image.
    pub images: Vec<ImageObjects>,
    /// The height and width of each image before padding.
    pub valid: Vec<[usize; 2]>,
    /// The height and width of the padded images.
    pub size: [usize; 2],
}

/// The objects of an image that are to be found: groups are none, and what has no inside is none either.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageObjects {
    /// Of each object, in pixels of the image.
    pub boxes: Vec<Corners>,
    /// Of each object, from 0.
    pub classes: Vec<usize>,
    /// Their outlines, where they are known.
    pub instances: Vec<Instance>,
}

impl ObjectTargets {
    /// The objects of a batch, each in the part of its box that is inside its image.
    ///
    /// # Errors
    /// [`TaskError::Data`] for images without objects, [`TaskError::Class`] for a class that is none of so many.
    pub fn of(batch: &Batch, classes: usize) -> Result<Self, TaskError> {
        let images = batch.targets.iter().zip(&batch.valid);
        let images = images.map(|(target, valid)| ImageObjects::of(target, *valid, classes));
        Ok(Self {
            images: images.collect::<Result<_, _>>()?,
            valid: batch.valid.clone(),
            size: [batch.shape[1], batch.shape[2]],
        })
    }

    /// Whether all objects have outlines.
    pub fn have_outlines(&self) -> bool {
        let mut images = self.images.iter();
        images.all(|image| image.instances.len() == image.boxes.len())
    }
}

impl ImageObjects {
    fn of(target: &Target, valid: [usize; 2], classes: usize) -> Result<Self, TaskError> {
        let mut objects = Self::default();
        match target {
            Target::Boxes(boxes) => {
                for LabelledBox { class, bounds, notes } in boxes {
                    if !notes.crowd {
                        objects.add(*class, bounds, valid, None);
                    }
                }
            }
            Target::Instances(instances) => {
                for instance in instances.iter().filter(|instance| !instance.notes.crowd) {
                    objects.add(instance.class, &instance.bounds, valid, Some(instance));
                }
            }
            other => {
                return Err(TaskError::Data(DataError::TargetKind {
                    wanted: TargetKind::Boxes,
                    found: other.kind(),
                }));
            }
        }
        match objects.classes.iter().find(|class| **class >= classes) {
            Some(&class) => Err(TaskError::Class {
                class: class as u32,
                classes,
            }),
            None => Ok(objects),
        }
    }

    fn add(&mut self, class: u32, bounds: &BoundingBox, valid: [usize; 2], instance: Option<&Instance>) {
        let inside = bounds.clipped(valid);
        let corners = [inside.left, inside.top, inside.right, inside.bottom].map(|side| side as f32);
        // No anchor could learn a box without an inside.
        if has_sides(corners, f32::MIN_POSITIVE) {
            self.boxes.push(corners);
            self.classes.push(class as usize);
            self.instances.extend(instance.cloned());
        }
    }
}
