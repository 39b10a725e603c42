//! Pictures of what an augmentation has learned, after each of its rounds.

use std::{fs, sync::Arc};

use burn::tensor::Tensor;
use potstill_base::write_atomically;
use potstill_data::{Batch, Loader, LoaderConfig, Subset};

use crate::{
    error::EngineError,
    evaluate::padded_for,
    plan::timeline::SearchEpoch,
    run::{
        Run,
        preview_grid::{Specimen, draw},
    },
    train::warped::warped,
};

impl Run {
    /// Draws some images of those that no network learns from, before and after the augmentation, if a round has just ended and wants a picture.
    pub(super) fn preview(&self, search: SearchEpoch) -> Result<(), EngineError> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let SearchEpoch { method, before, .. } = search;
        let augmentation = self.learner.augmentation(method)?;
        let wanted = augmentation
            .preview_images()
            .min(self.spec.data.chosen_by().len());
        if !search.is_last() || wanted == 0 {
            return Ok(());
        }
        let Some(batch) = self.some_images(wanted)? else {
            return Ok(());
        };
        let (id, pair) = (
            &self.learner.methods[method].id,
            self.learner.frozen_pair(method)?,
        );
        let task = &self.learner.task;
        let clean = self.learner.filled_pixels(&batch);
        // Each image has draws of its own; a batch shares them.
        let counters = |image: usize| [before.0 as u64, image as u64];
        let made = (0..wanted).map(|image| {
            let name = format!("{id}.picture");
            let mut stream = self.learner.seed.stream(&name, &counters(image));
            augmentation.augment(clean.clone().narrow(0, image, 1), &mut stream, false)
        });
        let (after, maps): (Vec<_>, Vec<_>) = made.map(|made| (made.pixels, made.maps)).unzip();
        let after = Tensor::cat(after, 0);
        let maps: Option<Vec<_>> = maps.into_iter().collect();
        let moved = match maps {
            Some(maps) => warped(&batch, &Tensor::cat(maps, 0)),
            None => batch.clone(),
        };
        let mut confidence = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
        for (index, (images, batch)) in [(clean.clone(), &batch), (after.clone(), &moved)]
            .into_iter()
            .enumerate()
        {
            for (network, outputs) in pair.forward(images)?.iter().enumerate() {
                confidence[network][index] = task.confidence(outputs, batch)?;
            }
        }
        let [student, teacher] = confidence;
        let specimen = Specimen {
            before: clean,
            after,
            student,
            teacher,
            names: batch.targets.iter().map(|target| task.describe(target)).collect(),
        };
        let picture = draw(&specimen)?;
        let folder = folder.pictures();
        fs::create_dir_all(&folder).map_err(EngineError::io("make the folder", &folder))?;
        let path = folder.join(format!("{id}-before-epoch-{}.svg", before.0 + 1));
        write_atomically(&path, picture.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// So many images from all over the set, which may be sorted by class, as one batch.
    fn some_images(&self, wanted: usize) -> Result<Option<Batch>, EngineError> {
        let all = self.spec.data.chosen_by();
        let images = all.len();
        let spread = (0..wanted).map(|index| index * images / wanted);
        let some = Subset::of(Arc::clone(all), spread.collect())?;
        let config = LoaderConfig {
            batch: wanted,
            ..padded_for(self.learner.task.as_ref(), LoaderConfig::default())
        };
        let loader = Loader::new(Arc::new(some), self.spec.data.preprocess.clone(), config)?;
        Ok(loader.epoch(0, 0).next().transpose()?)
    }
}
