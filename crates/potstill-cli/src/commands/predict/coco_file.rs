//! Detections as a COCO result file, which COCO's tools and `potstill eval --predictions` take.

use std::{collections::HashMap, path::Path};

use potstill_data::{
    BoundingBox, Target,
    coco::{CocoAnnotations, CocoFound},
};
use potstill_engine::Predictor;
use potstill_metrics::RunMask;
use potstill_tasks::Prediction;

use crate::failure::Failure;

/// Gathers detections under the ids of an annotation file.
pub(super) struct CocoFile {
    /// The id of each image, by its file's name and by the last part of that.
    images: HashMap<String, i64>,
    /// The id of the category of each class of the network.
    categories: Vec<i64>,
    results: Vec<CocoFound>,
}

fn last_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

impl CocoFile {
    /// Takes the ids from `annotations`. Every class of the network must be a category there, by its name.
    pub fn new(annotations: &Path, predictor: &Predictor) -> Result<Self, Failure> {
        let known = CocoAnnotations::read(annotations)?;
        let names = known.images.iter();
        let names = names.flat_map(|image| {
            let name = image.file_name.as_str();
            [name, last_part(name)].map(|name| (name.to_owned(), image.id))
        });
        let category = |class| {
            let name = predictor.class_name(class);
            let found = known.categories.iter().find(|category| category.name == name);
            found.map(|category| category.id).ok_or_else(|| {
                Failure::Work(format!(
                    "{} has no category `{name}`, which the network finds",
                    annotations.display()
                ))
            })
        };
        Ok(Self {
            images: names.collect(),
            categories: (0..predictor.network.classes())
                .map(category)
                .collect::<Result<_, _>>()?,
            results: Vec::new(),
        })
    }

    /// Adds all detections of a picture.
    pub fn add(&mut self, file: &str, size: [usize; 2], said: &Prediction) -> Result<(), Failure> {
        let known = self.images.get(file).or_else(|| self.images.get(last_part(file)));
        let Some(&image_id) = known else {
            return Err(Failure::Work(format!("the annotations know no image `{file}`")));
        };
        let objects: Vec<(u32, BoundingBox, Option<RunMask>)> = match &said.target {
            Target::Boxes(boxes) => boxes
                .iter()
                .map(|found| (found.class, found.bounds, None))
                .collect(),
            Target::Instances(instances) => instances
                .iter()
                .map(|found| {
                    let mask = RunMask::from_rows(size, &found.shape.mask(size).inside);
                    (found.class, found.bounds, Some(mask))
                })
                .collect(),
            _ => Vec::new(),
        };
        for ((class, bounds, mask), &score) in objects.into_iter().zip(&said.scores) {
            if let Some(&category_id) = self.categories.get(class as usize) {
                let found = CocoFound::new(image_id, category_id, bounds, score);
                self.results.push(match &mask {
                    Some(mask) => found.with_mask(mask),
                    None => found,
                });
            }
        }
        Ok(())
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(CocoFound::write(&self.results, path)?)
    }
}
