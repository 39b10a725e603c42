//! The annotations of a data set.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use potstill_metrics::coco::TrueObject;
use serde::{Deserialize, Deserializer};

use super::{RegionKind, Segmentation, checked_box, parse_json, read_json, segmentation::region};
use crate::DataError;

/// What a COCO annotation file says.
#[derive(Debug, Clone, PartialEq)]
pub struct CocoAnnotations {
    /// The file.
    pub path: PathBuf,
    /// The images, by ascending id.
    pub images: Vec<CocoImage>,
    /// The categories, by ascending id: a class is its place here.
    pub categories: Vec<CocoCategory>,
    /// The objects, in the file's order.
    pub annotations: Vec<CocoAnnotation>,
}

/// An image of an annotation file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CocoImage {
    /// Its number in the file.
    pub id: i64,
    /// Its file, from the folder of the images.
    #[serde(default)]
    pub file_name: String,
    /// Its rows, if the file says them.
    #[serde(default)]
    pub height: Option<usize>,
    /// Its columns, if the file says them.
    #[serde(default)]
    pub width: Option<usize>,
}

impl CocoImage {
    /// Height and width, if the file says them.
    pub fn size(&self) -> Option<[usize; 2]> {
        Some([self.height?, self.width?])
    }
}

/// A category of an annotation file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CocoCategory {
    /// Its number in the file; numbers have gaps.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// An object of an annotation file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CocoAnnotation {
    /// Its number in the file, if it has one.
    #[serde(default)]
    pub id: Option<i64>,
    /// The image's id.
    pub image_id: i64,
    /// The category's id.
    pub category_id: i64,
    /// x, y, width and height.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    /// Its area, which decides whether it counts as small, medium or large.
    #[serde(default)]
    pub area: Option<f64>,
    /// Whether it stands for a group of objects.
    #[serde(default, deserialize_with = "flag")]
    pub iscrowd: bool,
    /// Its pixels.
    #[serde(default)]
    pub segmentation: Option<Segmentation>,
}

#[derive(Deserialize)]
struct File {
    images: Vec<CocoImage>,
    #[serde(default)]
    categories: Vec<CocoCategory>,
    #[serde(default)]
    annotations: Vec<CocoAnnotation>,
}

impl CocoAnnotations {
    /// Reads a file such as `instances_val2017.json`.
    ///
    /// # Errors
    /// A file that is not there or no annotations, two images or categories of one id, an object of an unknown image or category, boxes
    /// that are none; with the object's id.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let read = Self::of(read_json(path)?, path);
        read.check()?;
        Ok(read)
    }

    /// The same from the bytes of a file, without looking at what they say.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, DataError> {
        Ok(Self::of(parse_json(bytes, path)?, path))
    }

    fn of(file: File, path: &Path) -> Self {
        let File {
            mut images,
            mut categories,
            annotations,
        } = file;
        images.sort_by_key(|image| image.id);
        categories.sort_by_key(|category| category.id);
        Self {
            path: path.into(),
            images,
            categories,
            annotations,
        }
    }

    fn check(&self) -> Result<(), DataError> {
        if let Some(pair) = self.images.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(self.wrong("images", format!("two images have the id {}", pair[0].id)));
        }
        if let Some(pair) = self.categories.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(self.wrong("categories", format!("two categories have the id {}", pair[0].id)));
        }
        let mut ids = HashMap::new();
        for (at, annotation) in self.annotations.iter().enumerate() {
            let wrong = |problem| Err(self.wrong_at(at, problem));
            if let Some(earlier) = annotation.id.and_then(|id| ids.insert(id, at)) {
                return wrong(format!("annotation {earlier} (from 0) has the same id"));
            }
            if self.class_of(annotation.category_id).is_none() {
                return wrong(format!("there is no category {}", annotation.category_id));
            }
            if self.image_of(annotation.image_id).is_none() {
                return wrong(format!("there is no image {}", annotation.image_id));
            }
            if let Some(Err(problem)) = annotation.bbox.map(checked_box) {
                return wrong(problem);
            }
            if annotation
                .area
                .is_some_and(|area| !area.is_finite() || area < 0.0)
            {
                return wrong("its `area` is no number of at least 0".into());
            }
        }
        Ok(())
    }

    /// The class of a category id: its place among the categories.
    pub fn class_of(&self, category: i64) -> Option<usize> {
        self.categories
            .binary_search_by_key(&category, |category| category.id)
            .ok()
    }

    /// The place of an image id among the images.
    pub fn image_of(&self, image: i64) -> Option<usize> {
        self.images.binary_search_by_key(&image, |image| image.id).ok()
    }

    /// The objects, as they are measured against.
    ///
    /// # Errors
    /// An object without a box, or without a mask, or one whose mask is none.
    pub fn truth(&self, kind: RegionKind) -> Result<Vec<TrueObject>, DataError> {
        let objects = self.annotations.iter().enumerate();
        objects
            .map(|(at, annotation)| {
                self.object(annotation, kind)
                    .map_err(|problem| self.wrong_at(at, problem))
            })
            .collect()
    }

    fn object(&self, annotation: &CocoAnnotation, kind: RegionKind) -> Result<TrueObject, String> {
        let image = self.image_of(annotation.image_id).ok_or("its image is unknown")?;
        let size = self.images[image].size();
        let region = region(kind, annotation.bbox, annotation.segmentation.as_ref(), size)?;
        Ok(TrueObject {
            image,
            class: self
                .class_of(annotation.category_id)
                .ok_or("its category is unknown")?,
            area: annotation.area.unwrap_or_else(|| region.area()),
            region,
            crowd: annotation.iscrowd,
        })
    }

    fn wrong_at(&self, at: usize, problem: String) -> DataError {
        let id = self.annotations[at]
            .id
            .map_or(String::new(), |id| format!(" (id {id})"));
        self.wrong(&format!("annotation {at}{id}"), problem)
    }

    fn wrong(&self, place: &str, problem: String) -> DataError {
        DataError::Format {
            file: self.path.display().to_string(),
            place: place.to_owned(),
            problem,
        }
    }
}

/// 0, 1, false or true.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Number(u8),
        Word(bool),
    }
    Ok(match Flag::deserialize(deserializer)? {
        Flag::Number(number) => number != 0,
        Flag::Word(word) => word,
    })
}
