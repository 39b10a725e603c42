//! What a detector gives that looks at every anchor of a pyramid.

use burn::tensor::{Tensor, activation::sigmoid};
use potstill_detection::{
    AnchorGrid, BoxCoding, BoxLoss, Corners, DecodeRule, DenseLevel, Found, Matcher, PointMatcher,
    dense_detections,
};

use super::numbers;

/// The outputs of RetinaNet or FCOS for a batch of N images.
#[derive(Debug, Clone)]
pub struct DenseDetections {
    /// What is said of the anchors of each level, fine to coarse.
    pub levels: Vec<DenseLevelOutputs>,
    /// How that is read and taught.
    pub rules: DenseRules,
    /// Height and width of the padded images.
    pub size: [usize; 2],
}

/// What is said of the anchors of a level: A at each place of a map of h x w.
#[derive(Debug, Clone)]
pub struct DenseLevelOutputs {
    /// Height and width of the map.
    pub size: [usize; 2],
    /// Logits of the classes, each a question of its own, `[N, h * w * A, K]`.
    pub logits: Tensor<3>,
    /// The numbers that mean a box, `[N, h * w * A, 4]`.
    pub codes: Tensor<3>,
    /// Logits of the centre-ness, `[N, h * w * A, 1]`, where the detector has one.
    pub centerness: Option<Tensor<3>>,
}

/// How the outputs of a one-stage detector are read and taught.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseRules {
    /// Where it looks.
    pub anchors: AnchorGrid,
    /// How four numbers mean a box.
    pub coding: BoxCoding,
    /// Which anchors are detections.
    pub detections: DecodeRule,
    /// What anchors learn.
    pub learning: DenseLearning,
}

/// What the anchors of a one-stage detector learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DenseLearning {
    /// The objects that they overlap (RetinaNet), boxes by this loss.
    Overlap(Matcher, BoxLoss),
    /// The objects that their middles are in (FCOS), boxes by their overlap.
    Points(PointMatcher),
}

impl DenseDetections {
    /// How many images there are.
    pub fn images(&self) -> usize {
        self.levels.first().map_or(0, |level| level.logits.dims()[0])
    }

    /// The number of classes K.
    pub fn classes(&self) -> usize {
        self.levels.first().map_or(0, |level| level.logits.dims()[2])
    }

    /// All anchors of an image, one level after the other, row by row.
    pub fn anchors(&self) -> Vec<Corners> {
        let maps: Vec<[usize; 2]> = self.levels.iter().map(|level| level.size).collect();
        self.rules.anchors.anchors(self.size, &maps)
    }

    /// How many of them are of each level.
    pub fn anchors_of_levels(&self) -> Vec<usize> {
        self.levels.iter().map(|level| level.logits.dims()[1]).collect()
    }

    /// Logits of the classes of all anchors, `[N, M, K]`, in the order of [`anchors`](Self::anchors).
    pub fn logits(&self) -> Tensor<3> {
        self.joined(|level| Some(&level.logits))
            .unwrap_or_else(|| unreachable!("a detector has a level"))
    }

    /// The numbers of their boxes, `[N, M, 4]`.
    pub fn codes(&self) -> Tensor<3> {
        self.joined(|level| Some(&level.codes))
            .unwrap_or_else(|| unreachable!("a detector has a level"))
    }

    /// Logits of their centre-ness, `[N, M, 1]`, where the detector has one.
    pub fn centerness(&self) -> Option<Tensor<3>> {
        self.joined(|level| level.centerness.as_ref())
    }

    fn joined(&self, of: impl Fn(&DenseLevelOutputs) -> Option<&Tensor<3>>) -> Option<Tensor<3>> {
        let parts: Option<Vec<Tensor<3>>> = self.levels.iter().map(|level| of(level).cloned()).collect();
        parts
            .filter(|parts| !parts.is_empty())
            .map(|parts| Tensor::cat(parts, 1))
    }

    /// The detections in each image, by falling score, in pixels of the image of this size `[H, W]` before padding. Classes count from 0.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        let anchors = self.anchors();
        let levels: Vec<ReadLevel> = self.levels.iter().map(ReadLevel::of).collect();
        let of_image = |(image, size): (usize, &[usize; 2])| {
            let mut first = 0;
            let parts = levels.iter().map(|level| {
                let own = &anchors[first..first + level.count];
                first += level.count;
                level.part(image, own)
            });
            let parts: Vec<DenseLevel<'_>> = parts.collect();
            let decode = |code, anchor| self.rules.coding.decode(code, anchor);
            dense_detections(&parts, self.classes(), *size, decode, &self.rules.detections)
        };
        sizes
            .iter()
            .take(self.images())
            .enumerate()
            .map(of_image)
            .collect()
    }

    /// The same values on the plain device.
    #[must_use]
    pub fn detached(self) -> Self {
        let levels = self.levels.into_iter().map(|level| DenseLevelOutputs {
            size: level.size,
            logits: level.logits.inner(),
            codes: level.codes.inner(),
            centerness: level.centerness.map(Tensor::inner),
        });
        Self {
            levels: levels.collect(),
            ..self
        }
    }
}

/// The numbers of a level.
struct ReadLevel {
    /// Anchors of an image.
    count: usize,
    classes: usize,
    scores: Vec<f32>,
    codes: Vec<f32>,
}

impl ReadLevel {
    fn of(level: &DenseLevelOutputs) -> Self {
        let [_, count, classes] = level.logits.dims();
        let mut scores = sigmoid(level.logits.clone());
        if let Some(centerness) = &level.centerness {
            scores = (scores * sigmoid(centerness.clone())).sqrt();
        }
        Self {
            count,
            classes,
            scores: numbers(scores),
            codes: numbers(level.codes.clone()),
        }
    }

    fn part<'a>(&'a self, image: usize, anchors: &'a [Corners]) -> DenseLevel<'a> {
        let (codes, _) = self.codes.as_chunks::<4>();
        let own = image * self.count..(image + 1) * self.count;
        DenseLevel {
            anchors,
            scores: &self.scores[own.start * self.classes..own.end * self.classes],
            codes: &codes[own],
        }
    }
}
