//! Files whose pixels are labels: a class, or an instance.

use crate::decode::LabelImage;
use crate::{Instance, InstanceShape, LabelMap, Mask, ObjectNotes};

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

/// The instances of a file whose values are `id * 1000 + number`, in the order of the values. A plain `id` of a class of things is a group
/// that is not told apart: a crowd.
pub(crate) fn instances_of_ids(image: &LabelImage, table: &LabelTable) -> Vec<Instance> {
    let mut values: Vec<u16> = image.values.clone();
    values.sort_unstable();
    values.dedup();
    let instance = |value: u16| {
        let (id, crowd) = if value >= 1000 {
            (value / 1000, false)
        } else {
            (value, true)
        };
        let id = u8::try_from(id).ok()?;
        let class = table.labels[usize::from(id)].filter(|&class| class != LabelMap::IGNORE)?;
        let mask = Mask {
            height: image.height,
            width: image.width,
            inside: image.values.iter().map(|&own| own == value).collect(),
        };
        let bounds = mask.bounds()?;
        let mut instance = Instance::new(u32::from(class), bounds, InstanceShape::Mask(mask));
        instance.notes = ObjectNotes {
            crowd,
            ..ObjectNotes::default()
        };
        Some(instance)
    };
    values.into_iter().filter_map(instance).collect()
}
