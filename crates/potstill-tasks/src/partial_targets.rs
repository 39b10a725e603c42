//! What is known of a batch of which only some images have labels.

use std::borrow::Cow;

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_data::{Batch, LabelMap};
use potstill_models::Outputs;

use crate::{
    LossTerm, Targets, Task, TaskError, TermContext,
    detection::{ImageObjects, ObjectTargets},
};

/// The targets of some images of a batch. A task learns from those; what compares networks sees every image.
#[derive(Debug, Clone)]
pub struct PartialTargets {
    /// The places in the batch of the images that have labels, ascending.
    pub places: Vec<usize>,
    /// Their targets, those of a batch that has no others.
    pub known: Box<Targets>,
    /// Height and width of every image of the batch before padding.
    pub valid: Vec<[usize; 2]>,
    /// Height and width of the padded images.
    pub size: [usize; 2],
}

impl PartialTargets {
    /// The label maps of the whole batch, `[N, H, W]`: 0 in an image without labels, and [`LabelMap::IGNORE`] in the padding.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if what is known is no map.
    pub fn map(&self) -> Result<Tensor<3, Int>, TaskError> {
        let known = self.known.map()?;
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
        let hidden = Tensor::from_data(pixels, &known.device());
        let mut places = vec![0_i32; self.valid.len()];
        for (at, &place) in self.places.iter().chain(&unknown).enumerate() {
            places[place] = at as i32;
        }
        let places = TensorData::new(places, [self.valid.len()]);
        let places = Tensor::<1, Int>::from_data(places, &known.device());
        Ok(Tensor::cat(vec![known.clone(), hidden], 0).select(0, places))
    }

    /// The objects of the whole batch: none in an image without labels.
    ///
    /// # Errors
    /// [`TaskError::Targets`] if what is known is no objects.
    pub fn objects(&self) -> Result<ObjectTargets, TaskError> {
        let mut images = vec![ImageObjects::default(); self.valid.len()];
        for (&place, objects) in self.places.iter().zip(&self.known.objects()?.images) {
            images[place].clone_from(objects);
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
    if places.is_empty() && !batch.is_empty() {
        return Ok(Targets::None);
    }
    if places.len() == batch.len() {
        return task.targets(batch, device);
    }
    Ok(Targets::Partial(PartialTargets {
        known: Box::new(task.targets(&batch.known_at(&places), device)?),
        places,
        valid: batch.valid.clone(),
        size: [batch.shape[1], batch.shape[2]],
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
        Targets::None => Ok(Vec::new()),
        Targets::Partial(partial) => {
            let indices = partial
                .places
                .iter()
                .filter_map(|&place| context.indices.get(place));
            let indices: Vec<usize> = indices.copied().collect();
            let context = TermContext {
                indices: &indices,
                ..*context
            };
            task.terms(&outputs.of_images(&partial.places), &partial.known, &context)
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
