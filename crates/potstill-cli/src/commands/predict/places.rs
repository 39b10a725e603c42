//! What a detector or a segmenter says of a picture: where things are.

use potstill_data::{BoundingBox, LabelMap, Target};
use potstill_engine::Predictor;
use potstill_metrics::RunMask;
use potstill_tasks::Prediction;
use serde::Serialize;

use super::printer::{Answer, field};

/// A picture with what is found in it.
#[derive(Debug, Serialize)]
pub(super) struct Places {
    pub file: String,
    /// Height and width of the picture.
    pub size: [usize; 2],
    /// Of a detector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<Object>>,
    /// Of a segmenter: the classes that some pixel has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<Share>>,
}

/// A detection.
#[derive(Debug, Serialize)]
pub(super) struct Object {
    pub class: String,
    pub score: f32,
    /// Left, upper, right and lower edge in pixels of the picture.
    #[serde(rename = "box")]
    pub edges: [f64; 4],
    /// Its pixels, as COCO's result files write them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// The pixels of a detection.
#[derive(Debug, Serialize)]
pub(super) struct Mask {
    pub size: [usize; 2],
    pub counts: String,
}

/// A class of a class map.
#[derive(Debug, Serialize)]
pub(super) struct Share {
    pub class: String,
    /// The share of the picture's pixels, in `[0, 1]`.
    pub share: f64,
}

impl Mask {
    pub fn of(mask: &potstill_data::Mask) -> Self {
        let size = [mask.height, mask.width];
        Self {
            size,
            counts: RunMask::from_rows(size, &mask.inside).to_text(),
        }
    }
}

impl Places {
    /// What `predictor` said of a picture of this size; detections of a score below `least` are left out.
    pub fn of(file: String, size: [usize; 2], said: &Prediction, least: f32, predictor: &Predictor) -> Self {
        let name = |class: u32| predictor.class_name(class as usize);
        let score = |place: usize| said.scores.get(place).copied().unwrap_or(f32::NAN);
        let object = |place, class, bounds: &BoundingBox, mask| Object {
            class: name(class),
            score: score(place),
            edges: [bounds.left, bounds.top, bounds.right, bounds.bottom],
            mask,
        };
        let objects = match &said.target {
            Target::Boxes(boxes) => {
                let shown = boxes
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| score(*place) >= least);
                Some(
                    shown
                        .map(|(place, found)| object(place, found.class, &found.bounds, None))
                        .collect(),
                )
            }
            Target::Instances(instances) => {
                let shown = instances
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| score(*place) >= least);
                let found = shown.map(|(place, found)| {
                    let mask = Mask::of(&found.shape.mask(size));
                    object(place, found.class, &found.bounds, Some(mask))
                });
                Some(found.collect())
            }
            _ => None,
        };
        let classes = match &said.target {
            Target::Map(map) => Some(shares(map, name)),
            _ => None,
        };
        Self {
            file,
            size,
            objects,
            classes,
        }
    }
}

/// How much of the picture each class has, the largest first.
fn shares(map: &LabelMap, name: impl Fn(u32) -> String) -> Vec<Share> {
    let mut counts = [0u64; 256];
    map.labels
        .iter()
        .for_each(|&label| counts[usize::from(label)] += 1);
    let all = map.labels.len().max(1) as f64;
    let mut found: Vec<(u32, u64)> = map
        .classes()
        .into_iter()
        .map(|class| (class, counts[class as usize]))
        .collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let share = |(class, count): (u32, u64)| Share {
        class: name(class),
        share: count as f64 / all,
    };
    found.into_iter().map(share).collect()
}

impl Answer for Places {
    const COLUMNS: &'static str = "file,class,score,left,top,right,bottom";

    /// The file, and what is found in it, in a line.
    fn text(&self) -> String {
        let objects = self.objects.iter().flatten().map(|object| {
            let [left, top, right, bottom] = object.edges;
            let percent = 100.0 * f64::from(object.score);
            format!(
                "  {} {percent:.0} % at {left:.1},{top:.1},{right:.1},{bottom:.1}",
                object.class
            )
        });
        let classes = self.classes.iter().flatten();
        let classes =
            classes.map(|share| format!("  {} {:.1} % of the pixels", share.class, 100.0 * share.share));
        let words: String = objects.chain(classes).collect();
        let words = if words.is_empty() { "  nothing" } else { &words };
        format!("{}{words}\n", self.file)
    }

    /// A line for each detection. Of a class map the score is the share of the pixels, and there are no edges.
    fn csv(&self) -> String {
        let file = field(&self.file);
        let objects = self.objects.iter().flatten().map(|object| {
            let [left, top, right, bottom] = object.edges;
            let (class, score) = (field(&object.class), object.score);
            format!("{file},{class},{score},{left},{top},{right},{bottom}\n")
        });
        let classes = self.classes.iter().flatten();
        let classes = classes.map(|share| format!("{file},{},{},,,,\n", field(&share.class), share.share));
        objects.chain(classes).collect()
    }
}
