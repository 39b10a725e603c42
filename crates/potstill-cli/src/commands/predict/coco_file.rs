//! Detections as a COCO result file, which COCO's tools and `potstill eval --predictions` take.

use std::{collections::HashMap, path::Path};

use potstill_data::{BoundingBox, Target, coco::CocoAnnotations};
use potstill_engine::Predictor;
use potstill_tasks::Prediction;
use serde::Serialize;

use super::places::Mask;
use crate::failure::Failure;

/// Gathers detections under the ids of an annotation file.
pub(super) struct CocoFile {
    /// The id of each image, by its file's name and by the last part of that.
    images: HashMap<String, i64>,
    /// The id of the category of each class of the network.
    categories: Vec<i64>,
    results: Vec<ResultLine>,
}

#[derive(Debug, Serialize)]
struct ResultLine {
    image_id: i64,
    category_id: i64,
    /// x, y, width and height.
    bbox: [f64; 4],
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    segmentation: Option<Mask>,
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
        let objects: Vec<(u32, BoundingBox, Option<Mask>)> = match &said.target {
            Target::Boxes(boxes) => boxes
                .iter()
                .map(|found| (found.class, found.bounds, None))
                .collect(),
            Target::Instances(instances) => instances
                .iter()
                .map(|found| (found.class, found.bounds, Some(Mask::of(&found.shape.mask(size)))))
                .collect(),
            _ => Vec::new(),
        };
        for ((class, bounds, segmentation), &score) in objects.into_iter().zip(&said.scores) {
            if let Some(&category_id) = self.categories.get(class as usize) {
                self.results.push(ResultLine {
                    image_id,
                    category_id,
                    bbox: [bounds.left, bounds.top, bounds.width(), bounds.height()],
                    score,
                    segmentation,
                });
            }
        }
        Ok(())
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec(&self.results)?;
        potstill_base::write_atomically(path, &text)
            .map_err(|error| Failure::Work(format!("cannot write {}: {error}", path.display())))
    }
}
