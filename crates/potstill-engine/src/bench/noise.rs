//! Images of noise with something known about each.

use potstill_data::{
    BoundingBox, DataError, Dataset, DatasetInfo, Image, Instance, InstanceShape, LabelMap, LabelledBox,
    Polygon, Sample, Target, TargetKind,
};
use potstill_models::ModelEntry;
use potstill_random::{Seed, Stream};
use potstill_tasks::{TaskOptions, task};

use crate::predictor::usual_task;

/// How many objects an image has: the mean of COCO.
const OBJECTS: usize = 7;

/// Images of noise, with random classes, objects or labels.
pub(super) struct Noise {
    info: DatasetInfo,
    size: [usize; 2],
    images: usize,
}

impl Noise {
    /// So many images of this size, of which is known what the network learns from.
    pub fn new(entry: &ModelEntry, size: [usize; 2], images: usize) -> Self {
        let task = task(usual_task(entry.output_kind()), TaskOptions::default());
        let target = task.target_kind();
        let classes = (0..entry.classes).map(|class| class.to_string());
        Self {
            info: DatasetInfo::new("noise", target, classes),
            size,
            images,
        }
    }

    fn class(&self, stream: &mut Stream) -> u32 {
        stream.below(self.info.classes.len()) as u32
    }

    /// A box whose sides are a tenth to a half of the image's.
    fn bounds(&self, stream: &mut Stream) -> BoundingBox {
        let [top, bottom] = between(self.size[0], stream);
        let [left, right] = between(self.size[1], stream);
        BoundingBox::new(left, top, right, bottom)
    }

    fn target(&self, stream: &mut Stream) -> Target {
        let [height, width] = self.size;
        match self.info.target {
            TargetKind::Boxes => {
                let object = |_| LabelledBox::new(self.class(stream), self.bounds(stream));
                Target::Boxes((0..OBJECTS).map(object).collect())
            }
            TargetKind::Instances => {
                let object = |_| {
                    let (class, bounds) = (self.class(stream), self.bounds(stream));
                    Instance::new(class, bounds, rectangle(&bounds))
                };
                Target::Instances((0..OBJECTS).map(object).collect())
            }
            TargetKind::Map => Target::Map(LabelMap {
                height,
                width,
                labels: (0..height * width).map(|_| self.class(stream) as u8).collect(),
            }),
            _ => Target::Class(self.class(stream)),
        }
    }
}

/// The two ends of a stretch of a side.
fn between(side: usize, stream: &mut Stream) -> [f64; 2] {
    let side = side as f64;
    let length = side * (0.1 + 0.4 * stream.unit());
    let start = (side - length) * stream.unit();
    [start, start + length]
}

fn rectangle(bounds: &BoundingBox) -> InstanceShape {
    let BoundingBox {
        left,
        top,
        right,
        bottom,
    } = *bounds;
    let points = vec![[left, top], [right, top], [right, bottom], [left, bottom]];
    InstanceShape::Polygons(vec![Polygon { points }])
}

impl Dataset for Noise {
    fn info(&self) -> &DatasetInfo {
        &self.info
    }

    fn len(&self) -> usize {
        self.images
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.in_range(index)?;
        let mut stream = Seed::new(0).stream("bench", &[index as u64]);
        let [height, width] = self.size;
        let target = self.target(&mut stream);
        let pixels = (0..height * width * 3).map(|_| stream.below(256) as u8);
        let image = Image {
            height,
            width,
            channels: 3,
            pixels: pixels.collect(),
        };
        Ok(Sample { image, target })
    }
}
