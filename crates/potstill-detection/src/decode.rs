//! From what the heads of a detector say to its detections.

use crate::{
    Corners,
    boxes::{clip, has_sides},
    suppress::suppress_by_class,
};

/// What a detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Where.
    pub corners: Corners,
    /// How sure it is, in `[0, 1]`.
    pub score: f32,
    /// Of which class; of a proposal its level.
    pub class: usize,
}

/// Which of many candidates are detections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeRule {
    /// Scores must be above this.
    pub threshold: f32,
    /// How many candidates of a level, or of a class where all classes have the same boxes, are looked at.
    pub candidates: usize,
    /// Both sides of a box must be at least this long.
    pub least_side: f32,
    /// A detection that a better one of its class overlaps by more than this is dropped.
    pub overlap: f32,
    /// How many detections an image has at most.
    pub most: usize,
}

impl DecodeRule {
    /// That of RetinaNet.
    pub fn retinanet() -> Self {
        Self {
            threshold: 0.05,
            candidates: 1000,
            least_side: 0.0,
            overlap: 0.5,
            most: 300,
        }
    }

    /// That of FCOS.
    pub fn fcos() -> Self {
        Self {
            threshold: 0.2,
            candidates: 1000,
            least_side: 0.0,
            overlap: 0.6,
            most: 100,
        }
    }

    /// That of region proposals when measuring.
    pub fn proposals() -> Self {
        Self {
            threshold: 0.0,
            candidates: 1000,
            least_side: 1e-3,
            overlap: 0.7,
            most: 1000,
        }
    }

    /// That of heads on regions.
    pub fn roi_heads() -> Self {
        Self {
            threshold: 0.05,
            candidates: usize::MAX,
            least_side: 1e-2,
            overlap: 0.5,
            most: 100,
        }
    }

    /// That of SSDLite.
    pub fn ssdlite() -> Self {
        Self {
            threshold: 0.001,
            candidates: 300,
            least_side: 0.0,
            overlap: 0.55,
            most: 300,
        }
    }

    /// That of FastestDet when measuring.
    pub fn fastestdet() -> Self {
        Self {
            threshold: 0.01,
            candidates: usize::MAX,
            least_side: 0.0,
            overlap: 0.45,
            most: 100,
        }
    }

    /// The detections among `candidates`, which are sorted out by class.
    fn detections(&self, mut candidates: Vec<Found>) -> Vec<Found> {
        candidates.retain(|found| has_sides(found.corners, self.least_side));
        let corners: Vec<Corners> = candidates.iter().map(|found| found.corners).collect();
        let scores: Vec<f32> = candidates.iter().map(|found| found.score).collect();
        let classes: Vec<usize> = candidates.iter().map(|found| found.class).collect();
        let kept = suppress_by_class(&corners, &scores, &classes, self.overlap);
        kept.into_iter()
            .take(self.most)
            .map(|at| candidates[at])
            .collect()
    }
}

/// What the heads say at one level of a pyramid.
#[derive(Debug, Clone, Copy)]
pub struct DenseLevel<'a> {
    /// The anchors.
    pub anchors: &'a [Corners],
    /// Of each anchor the probability of each class, one anchor after the other.
    pub scores: &'a [f32],
    /// Of each anchor four numbers that mean a box.
    pub codes: &'a [[f32; 4]],
}

impl DenseLevel<'_> {
    /// The best candidates: of every anchor and class, if their score is above the threshold.
    fn candidates(
        &self,
        classes: usize,
        image: [usize; 2],
        decode: &impl Fn([f32; 4], Corners) -> Corners,
        rule: &DecodeRule,
    ) -> Vec<Found> {
        let places = 0..self
            .scores
            .len()
            .min(classes * self.anchors.len().min(self.codes.len()));
        let best = best(places.map(|at| (at, self.scores[at])), rule);
        best.map(|(at, score)| {
            let anchor = at / classes;
            Found {
                corners: clip(decode(self.codes[anchor], self.anchors[anchor]), image),
                score,
                class: at % classes,
            }
        })
        .collect()
    }
}

/// The candidates with a score above the threshold, by falling score, not more than are looked at. Equal ones stay in their order.
fn best(all: impl Iterator<Item = (usize, f32)>, rule: &DecodeRule) -> impl Iterator<Item = (usize, f32)> {
    let mut best: Vec<(usize, f32)> = all.filter(|(_, score)| *score > rule.threshold).collect();
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    best.truncate(rule.candidates);
    best.into_iter()
}

/// The detections of a detector that looks at each anchor for each of so many classes, in an image of `[height, width]` before padding:
/// RetinaNet and FCOS. `decode` makes a box of four numbers and an anchor.
pub fn dense_detections(
    levels: &[DenseLevel<'_>],
    classes: usize,
    image: [usize; 2],
    decode: impl Fn([f32; 4], Corners) -> Corners,
    rule: &DecodeRule,
) -> Vec<Found> {
    let candidates = levels
        .iter()
        .flat_map(|level| level.candidates(classes.max(1), image, &decode, rule));
    rule.detections(candidates.collect())
}

/// The regions that are worth a look: as [`dense_detections`] of a single class, but levels are sorted out by themselves. The class of a
/// proposal is its level.
pub fn proposals(
    levels: &[DenseLevel<'_>],
    image: [usize; 2],
    decode: impl Fn([f32; 4], Corners) -> Corners,
    rule: &DecodeRule,
) -> Vec<Found> {
    let candidates = levels.iter().enumerate().flat_map(|(class, level)| {
        let found = level.candidates(1, image, &decode, rule);
        found.into_iter().map(move |found| Found { class, ..found })
    });
    rule.detections(candidates.collect())
}

/// The detections of heads on regions: each has a probability of each of so many `classes`, the first of which is the background, and a
/// box for each class.
pub fn region_detections(
    probabilities: &[f32],
    boxes: &[Corners],
    classes: usize,
    image: [usize; 2],
    rule: &DecodeRule,
) -> Vec<Found> {
    let all = probabilities.iter().zip(boxes).enumerate();
    let candidates = all.filter_map(|(at, (&score, &corners))| {
        let class = at % classes.max(1);
        let corners = clip(corners, image);
        (class > 0 && score > rule.threshold).then_some(Found {
            corners,
            score,
            class,
        })
    });
    rule.detections(candidates.collect())
}

/// The detections of SSD: each default box, decoded, has a probability of each of so many `classes`, the first of which is the background.
pub fn default_box_detections(
    probabilities: &[f32],
    boxes: &[Corners],
    classes: usize,
    image: [usize; 2],
    rule: &DecodeRule,
) -> Vec<Found> {
    let of_class = |class: usize| {
        let scores = probabilities.iter().skip(class).step_by(classes).copied();
        best(scores.enumerate().take(boxes.len()), rule).map(move |(at, score)| Found {
            corners: clip(boxes[at], image),
            score,
            class,
        })
    };
    rule.detections((1..classes).flat_map(of_class).collect())
}

/// The detections of FastestDet: each of `columns` cells of every row has an objectness, four numbers that mean a box, and a probability of each
/// of so many `classes`, of which the likeliest counts. Boxes are in pixels of an image of `[height, width]`, and not clipped to it.
pub fn cell_detections(
    [objectness, probabilities]: [&[f32]; 2],
    codes: &[[f32; 4]],
    (columns, classes): (usize, usize),
    [height, width]: [f32; 2],
    rule: &DecodeRule,
) -> Vec<Found> {
    let rows = codes.len() / columns.max(1);
    let of_cells = probabilities
        .chunks_exact(classes.max(1))
        .zip(objectness)
        .zip(codes);
    let candidates = of_cells
        .enumerate()
        .filter_map(|(at, ((own, objectness), code))| {
            let likelier = |best: (usize, f32), next: (usize, f32)| if next.1 > best.1 { next } else { best };
            let (class, probability) = own.iter().copied().enumerate().reduce(likelier)?;
            let score = objectness.powf(0.6) * probability.powf(0.4);
            let sigmoid = |value: f32| 1.0 / (1.0 + (-value).exp());
            let [x, y] = [
                code[0].tanh() + (at % columns) as f32,
                code[1].tanh() + (at / columns) as f32,
            ];
            let (x, y) = (x / columns as f32 * width, y / rows as f32 * height);
            let [across, down] = [0.5 * sigmoid(code[2]) * width, 0.5 * sigmoid(code[3]) * height];
            (score > rule.threshold).then_some(Found {
                corners: [x - across, y - down, x + across, y + down],
                score,
                class,
            })
        });
    rule.detections(candidates.collect())
}
