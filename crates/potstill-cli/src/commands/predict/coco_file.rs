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
    /// The name and the id of each image, by the last part of the name.
    images: HashMap<String, Vec<(String, i64)>>,
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
        let mut images: HashMap<String, Vec<(String, i64)>> = HashMap::new();
        for image in &known.images {
            let (name, id) = (&image.file_name, image.id);
            let alike = images.entry(last_part(name).to_owned()).or_default();
            alike.push((name.clone(), id));
        }
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
            images,
            categories: (0..predictor.network.classes())
                .map(category)
                .collect::<Result<_, _>>()?,
            results: Vec::new(),
        })
    }

    /// Adds all detections of a picture.
    pub fn add(&mut self, file: &str, size: [usize; 2], said: &Prediction) -> Result<(), Failure> {
        let image_id = self.image(file)?;
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

    /// The id of a picture: that of the only image whose name ends alike, or of the longest name with which its path ends.
    fn image(&self, file: &str) -> Result<i64, Failure> {
        let alike = self.images.get(last_part(file)).map_or(&[][..], Vec::as_slice);
        if let [(_, id)] = alike {
            return Ok(*id);
        }
        let ends = |name: &str| {
            let before = file.strip_suffix(name);
            before.is_some_and(|before| before.is_empty() || before.ends_with(['/', '\\', ':']))
        };
        let named = alike.iter().filter(|(name, _)| ends(name));
        let longest = named.max_by_key(|(name, _)| name.len());
        longest.map(|(_, id)| *id).ok_or_else(|| {
            Failure::Work(match alike {
                [] => format!("the annotations know no image `{file}`"),
                _ => format!(
                    "the annotations know several images of the name of `{file}`, and none by its path"
                ),
            })
        })
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(CocoFound::write(&self.results, path)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{CocoFile, last_part};

    #[test]
    fn pictures_of_one_name_are_told_apart_by_their_paths() {
        let mut file = CocoFile {
            images: std::collections::HashMap::new(),
            categories: Vec::new(),
            results: Vec::new(),
        };
        for (name, id) in [("a/1.jpg", 1), ("b/1.jpg", 2), ("val/2.jpg", 3)] {
            let alike = file.images.entry(last_part(name).to_owned()).or_default();
            alike.push((name.to_owned(), id));
        }
        let id = |path: &str| file.image(path).map_err(|error| error.to_string());
        assert_eq!(id("/data/a/1.jpg"), Ok(1));
        assert_eq!(id("photos.tar:b/1.jpg"), Ok(2));
        assert_eq!(id("elsewhere/2.jpg"), Ok(3), "it is the only one of this name");
        assert!(id("c/1.jpg").unwrap_err().contains("several images of the name"));
        assert!(id("3.jpg").unwrap_err().contains("know no image"));
    }
}
