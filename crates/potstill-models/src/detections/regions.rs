//! What a two-stage detector gives: its pyramid, what it proposes, and the heads that look at regions.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        activation::{sigmoid, softmax},
    },
};
use potstill_detection::{
    AnchorGrid, BalancedSampler, BoxCoder, Corners, DecodeRule, DenseLevel, Found, proposals,
    region_detections,
};
use potstill_ops::{Mode, Pass};

use super::{LatePass, numbers};
use crate::{Proposed, RegionHeads, SaidOfRegions};

/// The outputs of a two-stage detector for a batch of N images, before a region is looked at: which regions the heads see depends on what is
/// wanted. A training step samples them by what is true, a measurement takes the best proposals.
#[derive(Debug, Clone)]
pub struct RegionDetections {
    /// The pyramid `[N, H_l, W_l, C]`, fine to coarse.
    pub maps: Vec<Tensor<4>>,
    /// What is said of the anchors of each of its levels.
    pub proposed: Vec<Proposed>,
    /// What looks at regions.
    pub heads: RegionHeads,
    /// How all that is read.
    pub rules: RegionRules,
    /// Height and width of the padded images.
    pub size: [usize; 2],
    /// What batch norm does in the heads, as in the pass that these outputs come from.
    pub mode: Mode,
    /// What the heads leave behind in a training step.
    pub late: LatePass,
}

/// How the outputs of a two-stage detector are read.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionRules {
    /// The anchors that regions are proposed by.
    pub anchors: AnchorGrid,
    /// Which proposals a training step has to choose from.
    pub training: DecodeRule,
    /// Which proposals are looked at otherwise.
    pub measuring: DecodeRule,
    /// Which regions are detections.
    pub detections: DecodeRule,
    /// Which anchors of an image the loss of the proposals sees.
    pub proposal_sampler: BalancedSampler,
    /// Which regions of an image the losses of the heads see.
    pub region_sampler: BalancedSampler,
}

/// A detection of a two-stage detector.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRegion {
    /// What it is, from 0, and where.
    pub found: Found,
    /// The probability of the object at each place of a square in its box, row by row; none of a detector that does not outline.
    pub mask: Option<Vec<f32>>,
}

impl RegionDetections {
    /// How many images there are.
    pub fn images(&self) -> usize {
        self.maps.first().map_or(0, |map| map.dims()[0])
    }

    /// All anchors of an image, one level after the other, row by row.
    pub fn anchors(&self) -> Vec<Corners> {
        self.rules.anchors.anchors(self.size, &self.map_sizes())
    }

    /// Height and width of the map of each level.
    fn map_sizes(&self) -> Vec<[usize; 2]> {
        let sizes = self.proposed.iter().map(|level| level.objectness.dims());
        sizes.map(|[_, height, width, _]| [height, width]).collect()
    }

    /// The logit of an object at every anchor, `[N, M]`, and the four numbers of its box, `[N, M, 4]`, in the order of
    /// [`anchors`](Self::anchors).
    pub fn of_anchors(&self) -> (Tensor<2>, Tensor<3>) {
        let images = self.images();
        let objectness = self.proposed.iter().map(|level| {
            let [_, height, width, anchors] = level.objectness.dims();
            level
                .objectness
                .clone()
                .reshape([images, height * width * anchors])
        });
        let codes = self.proposed.iter().map(|level| {
            let [_, height, width, numbers] = level.codes.dims();
            level
                .codes
                .clone()
                .reshape([images, height * width * numbers / 4, 4])
        });
        (
            Tensor::cat(objectness.collect(), 1),
            Tensor::cat(codes.collect(), 1),
        )
    }

    /// The best proposals of each image by this rule, clipped to its size `[H, W]` before padding. No gradient goes through them.
    pub fn proposals(&self, sizes: &[[usize; 2]], rule: &DecodeRule) -> Vec<Vec<Corners>> {
        let maps = self.map_sizes();
        let anchors = self.anchors();
        let (objectness, codes) = self.of_anchors();
        let scores = numbers(sigmoid(objectness));
        let codes = numbers(codes);
        let (codes, _) = codes.as_chunks::<4>();
        let coder = BoxCoder::default();
        let of_image = |(image, size): (usize, &[usize; 2])| {
            let mut first = 0;
            let levels = maps.iter().enumerate().map(|(level, [height, width])| {
                let count = height * width * self.rules.anchors.per_place(level);
                let (own, all) = (first..first + count, image * anchors.len());
                first += count;
                DenseLevel {
                    anchors: &anchors[own.clone()],
                    scores: &scores[all + own.start..all + own.end],
                    codes: &codes[all + own.start..all + own.end],
                }
            });
            let levels: Vec<DenseLevel<'_>> = levels.collect();
            let found = proposals(&levels, *size, |code, anchor| coder.decode(code, anchor), rule);
            found.into_iter().map(|found| found.corners).collect()
        };
        sizes.iter().enumerate().map(of_image).collect()
    }

    /// What the heads say of these boxes of each image, one image after the other.
    pub fn look(&self, boxes: &[Vec<Corners>], pass: &mut Pass<'_>) -> SaidOfRegions {
        self.heads.look(&self.maps, boxes, pass)
    }

    /// The detections in each image with their masks, by falling score, in pixels of the image of this size `[H, W]` before padding. Classes
    /// count from 0.
    pub fn detections(&self, sizes: &[[usize; 2]]) -> Vec<Vec<FoundRegion>> {
        self.outlined(self.found(sizes))
    }

    /// The same without masks.
    pub fn found(&self, sizes: &[[usize; 2]]) -> Vec<Vec<Found>> {
        let boxes = self.proposals(sizes, &self.rules.measuring);
        if boxes.iter().all(Vec::is_empty) {
            return vec![Vec::new(); sizes.len()];
        }
        let SaidOfRegions { logits, codes } = self.look(&boxes, &mut Pass::new(self.mode));
        let columns = logits.dims()[1];
        let (probabilities, codes) = (numbers(softmax(logits, 1)), numbers(codes));
        let (codes, _) = codes.as_chunks::<4>();
        let coder = BoxCoder::weighted();
        let mut first = 0;
        let found = boxes.iter().zip(sizes).map(|(regions, size)| {
            let own = first * columns..(first + regions.len()) * columns;
            first += regions.len();
            let of_region = codes[own.clone()].chunks(columns).zip(regions);
            let decoded =
                of_region.flat_map(|(codes, region)| codes.iter().map(|code| coder.decode(*code, *region)));
            let decoded: Vec<Corners> = decoded.collect();
            let rule = &self.rules.detections;
            let found = region_detections(&probabilities[own], &decoded, columns, *size, rule);
            let without_background = |found: Found| Found {
                class: found.class - 1,
                ..found
            };
            found.into_iter().map(without_background).collect()
        });
        found.collect()
    }

    /// The detections with their masks.
    fn outlined(&self, found: Vec<Vec<Found>>) -> Vec<Vec<FoundRegion>> {
        let corners = |found: &Vec<Found>| found.iter().map(|found| found.corners).collect();
        let boxes: Vec<Vec<Corners>> = found.iter().map(corners).collect();
        let is_empty = boxes.iter().all(Vec::is_empty);
        let outline = || self.heads.outline(&self.maps, &boxes, &mut Pass::new(self.mode));
        let masks = (!is_empty).then(outline).flatten().map(|logits| {
            let [_, height, width, columns] = logits.dims();
            (numbers(sigmoid(logits)), height * width, columns)
        });
        let mut at = 0;
        let mut of_region = |found: Found| {
            let mask = masks.as_ref().map(|(values, pixels, columns)| {
                let own = values[at * pixels * columns..].iter().skip(found.class + 1);
                own.step_by(*columns).take(*pixels).copied().collect()
            });
            at += 1;
            FoundRegion { found, mask }
        };
        let of_image = |found: Vec<Found>| found.into_iter().map(&mut of_region).collect();
        found.into_iter().map(of_image).collect()
    }

    /// The same values on the plain device: constants, through which no gradient goes.
    #[must_use]
    pub fn detached(self) -> Self {
        let proposed = self.proposed.into_iter().map(|level| Proposed {
            objectness: level.objectness.inner(),
            codes: level.codes.inner(),
        });
        Self {
            maps: self.maps.into_iter().map(Tensor::inner).collect(),
            proposed: proposed.collect(),
            heads: self.heads.valid(),
            ..self
        }
    }
}
