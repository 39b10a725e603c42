//! Files whose pixels are labels: a class, or an instance.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::decode::LabelImage;
use crate::{BoundingBox, Instance, InstanceShape, LabelMap, LabelledBox, Mask, ObjectNotes};

/// What the values of a label file mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelTable {
    /// The label of each value: a class, [`LabelMap::IGNORE`], or `None` where the value must not occur.
    labels: [Option<u8>; 256],
    /// How many classes there are.
    classes: usize,
}

impl LabelTable {
    /// Values that are classes as they are; `ignore` and 255 count for nothing.
    pub fn plain(classes: usize, ignore: Option<u8>) -> Self {
        let mut table = Self::of_ids(0..classes.min(255) as u8, classes);
        table.labels[255] = Some(LabelMap::IGNORE);
        if let Some(ignore) = ignore {
            table.labels[usize::from(ignore)] = Some(LabelMap::IGNORE);
        }
        table
    }

    /// Values that are ids, in the order of the classes; no other may occur.
    pub fn of_ids(ids: impl IntoIterator<Item = u8>, classes: usize) -> Self {
        let mut labels = [None; 256];
        for (class, id) in ids.into_iter().enumerate() {
            labels[usize::from(id)] = Some(class as u8);
        }
        Self { labels, classes }
    }

    /// The same, where all other values count for nothing.
    pub fn others_ignored(mut self) -> Self {
        for label in &mut self.labels {
            label.get_or_insert(LabelMap::IGNORE);
        }
        self
    }

    /// The same without the class of the first value, which counts for nothing: the others move up.
    pub fn without_first(mut self) -> Self {
        for label in self.labels.iter_mut().flatten() {
            *label = match *label {
                0 | LabelMap::IGNORE => LabelMap::IGNORE,
                class => class - 1,
            };
        }
        self.classes = self.classes.saturating_sub(1);
        self
    }

    /// The same, where this value counts for nothing.
    pub fn ignoring(mut self, value: u8) -> Self {
        self.labels[usize::from(value)] = Some(LabelMap::IGNORE);
        self
    }

    /// The label map of a file.
    ///
    /// # Errors
    /// Values that must not occur; all of them are named.
    pub fn map(&self, image: &LabelImage) -> Result<LabelMap, String> {
        let mut occurs = [false; 256];
        let mut labels = Vec::with_capacity(image.values.len());
        for &value in &image.values {
            let value = u8::try_from(value).map_err(|_| {
                format!("has the value {value}, beyond 255; a file of 16 bits holds instances, not classes")
            })?;
            occurs[usize::from(value)] = true;
            labels.push(self.labels[usize::from(value)].unwrap_or_default());
        }
        let is_wrong = |value: &usize| occurs[*value] && self.labels[*value].is_none();
        let wrong: Vec<String> = (0..256).filter(is_wrong).map(|value| value.to_string()).collect();
        if wrong.is_empty() {
            return Ok(LabelMap {
                height: image.height,
                width: image.width,
                labels,
            });
        }
        let present: Vec<usize> = (0..256).filter(|&value| occurs[value]).collect();
        Err(self.unknown_values(&wrong, &present))
    }

    fn unknown_values(&self, wrong: &[String], present: &[usize]) -> String {
        let hint = if looks_like_cityscapes(present) {
            ": these look like Cityscapes ids, which are read from its own layout (leftImg8bit, gtFine), or turned into train ids"
        } else {
            "; correct the map, add the names to classes.txt, or say there which value is to be ignored (`ignore = N`)"
        };
        let present: Vec<String> = present.iter().map(usize::to_string).collect();
        format!(
            "has the values {}, of which {} are no class: there are {} classes, 0 to {}, and 255 is ignored{hint}",
            shortened(&present),
            shortened(wrong),
            self.classes,
            self.classes.saturating_sub(1)
        )
    }
}

/// The first values of a list.
fn shortened(values: &[String]) -> String {
    const SHOWN: usize = 24;
    let more = if values.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", values[..values.len().min(SHOWN)].join(", "))
}

/// Whether these values may be ids of Cityscapes: at least three of those that are trained on, and none beyond its last.
fn looks_like_cityscapes(present: &[usize]) -> bool {
    let ids = crate::formats::cityscapes_ids();
    let known = present
        .iter()
        .filter(|&&value| ids.iter().any(|&id| usize::from(id) == value));
    known.count() >= 3 && present.iter().all(|&value| value <= 33 || value == 255)
}

/// What a value of a file of instances, `id * 1000 + number`, stands for: the class, and whether it is a group that is not told apart (a
/// plain `id` of a class of things). `None` of what is no thing.
fn thing(value: u16, table: &LabelTable) -> Option<(u32, ObjectNotes)> {
    let (id, crowd) = if value >= 1000 {
        (value / 1000, false)
    } else {
        (value, true)
    };
    let id = u8::try_from(id).ok()?;
    let class = table.labels[usize::from(id)].filter(|&class| class != LabelMap::IGNORE)?;
    let notes = ObjectNotes {
        crowd,
        ..ObjectNotes::default()
    };
    Some((u32::from(class), notes))
}

/// The instances of such a file, in the order of the values.
pub(crate) fn instances_of_ids(image: &LabelImage, table: &LabelTable) -> Vec<Instance> {
    let mut values: Vec<u16> = image.values.clone();
    values.sort_unstable();
    values.dedup();
    let instance = |value: u16| {
        let (class, notes) = thing(value, table)?;
        let mask = Mask {
            height: image.height,
            width: image.width,
            inside: image.values.iter().map(|&own| own == value).collect(),
        };
        let bounds = mask.bounds()?;
        let mut instance = Instance::new(class, bounds, InstanceShape::Mask(mask));
        instance.notes = notes;
        Some(instance)
    };
    values.into_iter().filter_map(instance).collect()
}

/// The instances of a file that numbers the objects of an image from 1, in the order of the numbers; 0 is the background and 255 the seam
/// between them. The class of an object is the one that most of its pixels have in `classes`.
///
/// # Errors
/// An object without a class; values of classes that must not occur.
pub(crate) fn instances_of_numbers(
    image: &LabelImage,
    classes: &LabelImage,
    table: &LabelTable,
) -> Result<Vec<Instance>, String> {
    let map = table.map(classes)?;
    let mut votes: BTreeMap<u16, BTreeMap<u8, usize>> = BTreeMap::new();
    for (&number, &class) in image.values.iter().zip(&map.labels) {
        if matches!(number, 0 | SEAM) {
            continue;
        }
        let own = votes.entry(number).or_default();
        if class != LabelMap::IGNORE {
            *own.entry(class).or_default() += 1;
        }
    }
    let instance = |(number, own): (u16, BTreeMap<u8, usize>)| {
        // Of as many pixels the first class.
        let most = own
            .iter()
            .max_by_key(|(class, count)| (**count, Reverse(**class)));
        let (&class, _) = most.ok_or_else(|| {
            format!("has an object {number} whose pixels have no class in the file of classes; correct one of the two")
        })?;
        let mask = Mask {
            height: image.height,
            width: image.width,
            inside: image.values.iter().map(|&value| value == number).collect(),
        };
        let bounds = mask.bounds().unwrap_or(BoundingBox::new(0.0, 0.0, 0.0, 0.0));
        Ok(Instance::new(u32::from(class), bounds, InstanceShape::Mask(mask)))
    };
    votes.into_iter().map(instance).collect()
}

/// What VOC's files have between two objects.
const SEAM: u16 = 255;

/// The boxes of the instances of [`instances_of_ids`], without their masks: one pass over the file.
pub(crate) fn boxes_of_ids(image: &LabelImage, table: &LabelTable) -> Vec<LabelledBox> {
    // First and last column and row of each value.
    let mut spans: BTreeMap<u16, [usize; 4]> = BTreeMap::new();
    for (row, line) in image.values.chunks_exact(image.width.max(1)).enumerate() {
        let mut column = 0;
        for run in line.chunk_by(|one, next| one == next) {
            let last = column + run.len() - 1;
            let span = spans.entry(run[0]).or_insert([column, row, last, row]);
            *span = [span[0].min(column), span[1], span[2].max(last), row];
            column = last + 1;
        }
    }
    let labelled = |(value, [left, top, right, bottom]): (u16, [usize; 4])| {
        let (class, notes) = thing(value, table)?;
        let [left, top] = [left, top].map(|side| side as f64);
        let [right, bottom] = [right, bottom].map(|side| (side + 1) as f64);
        Some(LabelledBox {
            notes,
            ..LabelledBox::new(class, BoundingBox::new(left, top, right, bottom))
        })
    };
    spans.into_iter().filter_map(labelled).collect()
}

#[cfg(test)]
mod tests {
    use super::{LabelTable, boxes_of_ids, instances_of_ids, instances_of_numbers};
    use crate::decode::LabelImage;

    #[test]
    fn boxes_are_those_around_the_masks() {
        let table = LabelTable::of_ids([24, 26], 2).others_ignored();
        let image = LabelImage {
            height: 3,
            width: 4,
            values: vec![
                24_000, 7, 26_001, 26_001, //
                24_000, 24_000, 7, 26_001, //
                24, 7, 24_000, 24,
            ],
        };
        let boxes = boxes_of_ids(&image, &table);
        let instances = instances_of_ids(&image, &table);
        assert_eq!(boxes.len(), 3);
        for (own, instance) in boxes.iter().zip(&instances) {
            assert_eq!(
                (own.class, own.bounds, own.notes),
                (instance.class, instance.bounds, instance.notes)
            );
        }
        let first = boxes[0].bounds;
        assert_eq!(
            (
                boxes[0].notes.crowd,
                [first.left, first.top, first.right, first.bottom]
            ),
            (true, [0.0, 2.0, 4.0, 3.0])
        );
    }

    #[test]
    fn an_object_has_the_class_of_most_of_its_pixels() {
        // Background, two classes, and a seam.
        let table = LabelTable::plain(3, None).without_first();
        let image = |values: &[u16]| LabelImage {
            height: 2,
            width: 3,
            values: values.to_vec(),
        };
        let objects = image(&[1, 1, 255, 0, 1, 2]);
        let found = instances_of_numbers(&objects, &image(&[2, 2, 255, 0, 1, 1]), &table).unwrap();
        let classes: Vec<u32> = found.iter().map(|own| own.class).collect();
        assert_eq!(classes, [1, 0]);
        let second = found[1].bounds;
        assert_eq!(
            [second.left, second.top, second.right, second.bottom],
            [2.0, 1.0, 3.0, 2.0]
        );
        let none = instances_of_numbers(&objects, &image(&[2, 2, 255, 0, 1, 0]), &table);
        assert!(
            none.unwrap_err().contains("has an object 2"),
            "0 is no class of an object"
        );
    }
}
