//! The data set of a reader's records.

use std::sync::Arc;

use super::finding::{Finding, Severity};
use super::map_reader::{LabelTable, boxes_of_ids, instances_of_ids, instances_of_numbers};
use super::record::{Extent, Outline, RawObject, Record, Records, Truth};
use crate::decode::{Header, LabelImage, decode_with};
use crate::file_store::{FileStore, StoredFile};
use crate::orientation::turned_images;
use crate::{
    BoundingBox, DataError, Dataset, DatasetInfo, DecodeOptions, Image, Instance, InstanceShape, LabelledBox,
    Mask, Polygon, Sample, Target, TargetKind,
};

/// Images with boxes, instances or label maps from files. Images are read and decoded when asked for; objects are kept as their files have
/// them, outlines as polygons and runs.
pub(crate) struct Annotated {
    info: DatasetInfo,
    store: Arc<FileStore>,
    images: Vec<Record>,
    decode: DecodeOptions,
}

impl Annotated {
    /// The data set of these records.
    ///
    /// # Errors
    /// The first mistake that cannot be passed over, unless everything that is wrong is only to be `reported`; no images.
    pub fn new(
        name: String,
        records: Records,
        decode: DecodeOptions,
        reported: bool,
    ) -> Result<Self, DataError> {
        let Records {
            format,
            store,
            images,
            classes,
            class_ids,
            target,
            findings,
            notes,
            has_splits,
        } = records;
        if let Some(first) = findings.first_error().filter(|_| !reported) {
            let more = match findings.of(Severity::Error) - 1 {
                0 => String::new(),
                1 => " (and another mistake; `potstill data check` lists both)".to_owned(),
                more => format!(" ({more} more mistakes; `potstill data check` lists them)"),
            };
            return Err(DataError::Format {
                file: first.file.clone(),
                place: match first.place.as_str() {
                    "" => format.to_owned(),
                    place => place.to_owned(),
                },
                problem: format!("{}{more}", first.sentence()),
            });
        }
        let mut info = DatasetInfo::new(name, target, classes).with_splits(has_splits);
        info.class_ids = class_ids;
        info.notes = notes;
        info.findings = findings;
        let mut opened = Self {
            info,
            store,
            images,
            // Objects belong to the pixels as they are stored.
            decode: DecodeOptions {
                exif_orientation: false,
                ..decode
            },
        };
        let turned = turned_images(opened.images.len(), |index| opened.header(index));
        if let Some((first, count, looked_at)) = turned {
            opened.info.findings.add(Finding {
                severity: Severity::Warning,
                kind: "exif-orientation",
                file: opened.source(first),
                place: String::new(),
                line: None,
                value: format!("{count} of {looked_at} images that were looked at"),
                problem: "the image has an EXIF orientation, which is not followed: annotations belong to the pixels as they are stored"
                    .to_owned(),
                fix: "turn such images upright, and their annotations, if they were drawn on what a viewer shows".to_owned(),
            });
        }
        Ok(opened)
    }

    fn header(&self, index: usize) -> Result<Header, DataError> {
        self.in_range(index)?;
        self.store.header(&self.images[index].image, &self.decode)
    }

    /// What is known of an image of this size.
    fn target_of(&self, index: usize, size: [usize; 2]) -> Result<Target, DataError> {
        let record = &self.images[index];
        self.check_stated(record, size)?;
        match &record.truth {
            Truth::Objects(objects, extent) => Ok(objects_as(self.info.target, objects, *extent, size)),
            Truth::Map(file, table) => {
                let labels = self.labels(file, size)?;
                let map = table.map(&labels).map_err(|problem| self.wrong(file, problem))?;
                Ok(Target::Map(map))
            }
            Truth::ObjectNumbers(objects, classes, table) => self.numbered([objects, classes], table, size),
            Truth::InstanceIds(file, table) => {
                let labels = self.labels(file, size)?;
                Ok(match self.info.target {
                    TargetKind::Boxes => Target::Boxes(boxes_of_ids(&labels, table)),
                    _ => Target::Instances(instances_of_ids(&labels, table)),
                })
            }
        }
    }

    /// The instances of a file that numbers objects.
    fn numbered(
        &self,
        [objects, classes]: [&StoredFile; 2],
        table: &LabelTable,
        size: [usize; 2],
    ) -> Result<Target, DataError> {
        let (numbers, classes) = (self.labels(objects, size)?, self.labels(classes, size)?);
        let instances = instances_of_numbers(&numbers, &classes, table);
        Ok(Target::Instances(
            instances.map_err(|problem| self.wrong(objects, problem))?,
        ))
    }

    /// The labels of an image of this size.
    fn labels(&self, file: &StoredFile, [height, width]: [usize; 2]) -> Result<LabelImage, DataError> {
        let bytes = self.store.read(file)?;
        let labels = LabelImage::decode(&bytes, &self.store.source(&file.name), &self.decode)?;
        if [labels.height, labels.width] == [height, width] {
            return Ok(labels);
        }
        let problem = format!(
            "has {}x{} pixels (height x width) where its image has {height}x{width}; scale it by the nearest pixel, or find the map that \
             belongs to the image",
            labels.height, labels.width
        );
        Err(self.wrong(file, problem))
    }

    fn check_stated(&self, record: &Record, [height, width]: [usize; 2]) -> Result<(), DataError> {
        match record.stated {
            Some([rows, columns]) if [rows, columns] != [height, width] => {
                let problem = format!(
                    "has {height}x{width} pixels (height x width) where its annotation states {rows}x{columns}; correct the annotation, or \
                     find the image that it was made for"
                );
                Err(self.wrong(&record.image, problem))
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, file: &StoredFile, problem: String) -> DataError {
        DataError::Format {
            file: self.store.source(&file.name),
            place: "the whole file".to_owned(),
            problem,
        }
    }
}

impl Dataset for Annotated {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.images.len()
    }

    fn target(&self, index: usize) -> Result<Target, DataError> {
        self.in_range(index)?;
        // Known without opening the image.
        if let (Some(stated), Truth::Objects(..)) = (self.images[index].stated, &self.images[index].truth) {
            return self.target_of(index, stated);
        }
        let header = self.header(index)?;
        self.target_of(index, [header.height, header.width])
    }

    fn image(&self, index: usize) -> Result<Image, DataError> {
        self.in_range(index)?;
        let bytes = self.store.read(&self.images[index].image)?;
        decode_with(&bytes, &self.source(index), &self.decode)
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let image = self.image(index)?;
        let target = self.target_of(index, [image.height, image.width])?;
        Ok(Sample { image, target })
    }

    fn shape(&self, index: usize) -> Result<[usize; 3], DataError> {
        Ok(self.header(index)?.shape(&self.decode))
    }

    fn image_id(&self, index: usize) -> i64 {
        let id = self.images.get(index).and_then(|record| record.id);
        id.unwrap_or(index as i64)
    }

    fn source(&self, index: usize) -> String {
        self.images
            .get(index)
            .map_or_else(String::new, |record| self.store.source(&record.image.name))
    }
}

/// Objects of a file as targets of this kind, in pixels of an image of this size.
fn objects_as(kind: TargetKind, objects: &[RawObject], extent: Extent, size: [usize; 2]) -> Target {
    let [height, width] = size.map(|side| side as f64);
    let factors = match extent {
        Extent::Pixels => [1.0, 1.0],
        Extent::Sides => [width, height],
    };
    let bounds = |object: &RawObject| {
        let BoundingBox {
            left,
            top,
            right,
            bottom,
        } = object.bounds;
        BoundingBox::new(
            left * factors[0],
            top * factors[1],
            right * factors[0],
            bottom * factors[1],
        )
    };
    if kind == TargetKind::Boxes {
        let labelled = |object: &RawObject| LabelledBox {
            notes: object.notes,
            ..LabelledBox::new(object.class, bounds(object))
        };
        return Target::Boxes(objects.iter().map(labelled).collect());
    }
    let instance = |object: &RawObject| {
        let shape = match &object.outline {
            Outline::Polygons(polygons) => {
                InstanceShape::Polygons(polygons.iter().map(|polygon| scaled(polygon, factors)).collect())
            }
            Outline::Runs(runs) => {
                let [height, width] = runs.size();
                InstanceShape::Mask(Mask {
                    height,
                    width,
                    inside: runs.to_rows(),
                })
            }
            // Readers refuse boxes where outlines are needed; what is only reported is its own outline.
            Outline::Box => InstanceShape::Polygons(vec![Polygon {
                points: bounds(object).corners().to_vec(),
            }]),
        };
        Instance {
            notes: object.notes,
            ..Instance::new(object.class, bounds(object), shape)
        }
    };
    Target::Instances(objects.iter().map(instance).collect())
}

fn scaled(polygon: &Polygon, [x_factor, y_factor]: [f64; 2]) -> Polygon {
    Polygon {
        points: polygon
            .points
            .iter()
            .map(|[x, y]| [x * x_factor, y * y_factor])
            .collect(),
    }
}
