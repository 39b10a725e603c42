//! What is known of a batch of which only some images have labels, or none.

use std::borrow::Cow;

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_data::{Batch, LabelMap};
use potstill_models::Outputs;
use potstill_ops::indices;

use crate::{
    LossTerm, Targets, Task, TaskError, TermContext,
    detection::{ImageObjects, ObjectTargets},
};

/// The targets of some images of a batch. A task learns from those; what compares networks sees every image.
#[derive(Debug, Clone)]
pub struct PartialTargets {
    /// The places in the batch of the images that have labels, ascending.
    pub places: Vec<usize>,
    /// Their targets, those of a batch that has no others; `None` if no image has a label.
    pub known: Option<Box<Targets>>,
    /// Height and width of every image of the batch before padding.
    pub valid: Vec<[usize; 2]>,
    /// Height and width of the padded images.
    pub size: [usize; 2],
    /// Where targets are.
    pub device: Device,
}

impl PartialTargets {
    /// The label maps of the whole batch, `[N, H, W]`: 0 in an image without labels, and [`LabelMap::IGNORE`] in the padding.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if what is known is no map.
    pub fn map(&self) -> Result<Tensor<3, Int>, TaskError> {
        let known = self.known.as_deref().map(Targets::map).transpose()?;
        let [height, width] = self.size;
        let unknown: Vec<usize> = self.unknown().collect();
        let mut pixels = vec![i32::from(LabelMap::IGNORE); unknown.len() * height * width];
        for (image, &place) in pixels.chunks_exact_mut((height * width).max(1)).zip(&unknown) {
            let [rows, columns] = self.valid[place];
            for line in image.chunks_exact_mut(width.max(1)).take(rows) {
                line[..columns].fill(0);
            }
        }
        let pixels = TensorData::new(pixels, [unknown.len(), height, width]);
        let hidden = Tensor::from_data(pixels, &self.device);
        let mut places = vec![0; self.valid.len()];
        for (at, &place) in self.places.iter().chain(&unknown).enumerate() {
            places[place] = at;
        }
        let maps: Vec<Tensor<3, Int>> = known.cloned().into_iter().chain([hidden]).collect();
        Ok(Tensor::cat(maps, 0).select(0, indices(&places, &self.device)))
    }

    /// The objects of the whole batch: none in an image without labels.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if what is known is no objects.
    pub fn objects(&self) -> Result<ObjectTargets, TaskError> {
        let mut images = vec![ImageObjects::default(); self.valid.len()];
        if let Some(known) = &self.known {
            for (&place, objects) in self.places.iter().zip(&known.objects()?.images) {
                images[place].clone_from(objects);
            }
        }
        Ok(ObjectTargets {
            images,
            valid: self.valid.clone(),
            size: self.size,
        })
    }

    /// The places of the images without labels.
    fn unknown(&self) -> impl Iterator<Item = usize> {
        (0..self.valid.len()).filter(|place| self.places.binary_search(place).is_err())
    }
}

/// The targets of a batch of which any number of images may have labels.
///
/// # Errors
/// As [`Task::targets`].
pub fn targets_where_known(task: &dyn Task, batch: &Batch, device: &Device) -> Result<Targets, TaskError> {
    let places = batch.labelled();
    if places.len() == batch.len() {
        return task.targets(batch, device);
    }
    let known = if places.is_empty() {
        None
    } else {
        Some(Box::new(task.targets(&batch.known_at(&places), device)?))
    };
    Ok(Targets::Partial(PartialTargets {
        known,
        places,
        valid: batch.valid.clone(),
        size: [batch.shape[1], batch.shape[2]],
        device: device.clone(),
    }))
}

/// The loss terms of the images that have labels; none where no image has one.
///
/// # Errors
/// As [`Task::terms`].
pub fn terms_where_known(
    task: &dyn Task,
    outputs: &Outputs,
    targets: &Targets,
    context: &TermContext<'_>,
) -> Result<Vec<LossTerm>, TaskError> {
    match targets {
        Targets::Partial(partial) => {
            let Some(known) = &partial.known else {
                return Ok(Vec::new());
            };
            let indices = partial
                .places
                .iter()
                .filter_map(|&place| context.indices.get(place));
            let indices: Vec<usize> = indices.copied().collect();
            let context = TermContext {
                indices: &indices,
                ..*context
            };
            task.terms(&outputs.of_images(&partial.places), known, &context)
        }
        whole => task.terms(outputs, whole, context),
    }
}

/// The objects of a batch, in which an image without labels has none.
pub(crate) fn objects_of_all(targets: &Targets) -> Result<Cow<'_, ObjectTargets>, TaskError> {
    match targets {
        Targets::Partial(partial) => Ok(Cow::Owned(partial.objects()?)),
        whole => Ok(Cow::Borrowed(whole.objects()?)),
    }
}
