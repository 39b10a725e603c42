//! What a two-stage detector runs on regions: box head and mask head.

use burn::{
    module::Module,
    tensor::{Int, Tensor, TensorData},
};
use potstill_detection::{Corners, RegionLevels};
use potstill_ops::{Pass, Region, RoiAlign, Scope};

use super::{
    Pyramid, TwoStageConfig,
    box_head::{BoxHead, BoxPredictor},
    mask_head::{MaskHead, MaskPredictor},
};

/// The heads of a detector that look at regions of its pyramid. They are no part of a forward pass of its images: which regions they see is
/// found out after it, from what it proposed or from what is true.
///
/// A clone shares the tensors, and gradients reach them through it.
#[derive(Module, Debug)]
pub struct RegionHeads {
    box_head: BoxHead,
    box_predictor: BoxPredictor,
    mask_head: Option<MaskHead>,
    mask_predictor: Option<MaskPredictor>,
    #[module(skip)]
    reading: Reading,
}

/// How regions are read from the pyramid.
#[derive(Debug, Clone)]
struct Reading {
    columns: usize,
    strides: Vec<usize>,
    /// The sides of pooled regions: for boxes, for masks.
    sides: [usize; 2],
}

/// What is said about R regions.
#[derive(Debug, Clone)]
pub struct SaidOfRegions {
    /// One logit for each of K columns, the first of which is the background, `[R, K]`.
    pub logits: Tensor<2>,
    /// Four numbers for each column that mean a box, `[R, K, 4]`.
    pub codes: Tensor<3>,
}

impl RegionHeads {
    pub(super) fn new(config: &TwoStageConfig, pyramid: &Pyramid, columns: usize, scope: &Scope) -> Self {
        let (channels, width) = (pyramid.channels, config.width);
        let [side, mask_side] = config.sides;
        let at = scope.at("box_head");
        let box_head = if config.second_generation {
            BoxHead::convolutional([channels, side], width, &at)
        } else {
            BoxHead::linear([channels, side], width, &at)
        };
        let mask_head = || {
            MaskHead::new(
                channels,
                channels,
                config.second_generation,
                &scope.at("mask_head"),
            )
        };
        let mask_predictor = || MaskPredictor::new(channels, columns, &scope.at("mask_predictor"));
        Self {
            box_head,
            box_predictor: BoxPredictor::new(width, columns, &scope.at("box_predictor")),
            mask_head: config.masks.then(mask_head),
            mask_predictor: config.masks.then(mask_predictor),
            reading: Reading {
                columns,
                strides: pyramid.strides.clone(),
                sides: [side, mask_side],
            },
        }
    }

    /// How many classes they tell apart, without the background.
    pub fn classes(&self) -> usize {
        self.reading.columns - 1
    }

    /// Whether it outlines objects.
    pub fn has_masks(&self) -> bool {
        self.mask_predictor.is_some()
    }

    /// What it says of these boxes of each image, one image after the other, from a pyramid `[N, H_l, W_l, C]`, fine to coarse.
    pub fn look(&self, maps: &[Tensor<4>], boxes: &[Vec<Corners>], pass: &mut Pass<'_>) -> SaidOfRegions {
        let pooled = self.reading.pool(maps, boxes, self.reading.sides[0]);
        let embedding = self.box_head.forward(pooled, pass);
        let (logits, codes) = self.box_predictor.forward(embedding, pass);
        SaidOfRegions { logits, codes }
    }

    /// The logits of a mask for each column of each of these boxes, `[R, 28, 28, K]`; none if it does not outline objects.
    pub fn outline(
        &self,
        maps: &[Tensor<4>],
        boxes: &[Vec<Corners>],
        pass: &mut Pass<'_>,
    ) -> Option<Tensor<4>> {
        let (head, predictor) = (self.mask_head.as_ref()?, self.mask_predictor.as_ref()?);
        let pooled = self.reading.pool(maps, boxes, self.reading.sides[1]);
        Some(predictor.forward(head.forward(pooled, pass), pass))
    }

    /// What the pyramid shows in these boxes, as the box head reads it: `[R, 7, 7, C]`.
    pub fn pooled(&self, maps: &[Tensor<4>], boxes: &[Vec<Corners>]) -> Tensor<4> {
        self.reading.pool(maps, boxes, self.reading.sides[0])
    }
}

impl Reading {
    /// Each region from its level, `[R, side, side, C]`.
    fn pool(&self, maps: &[Tensor<4>], boxes: &[Vec<Corners>], side: usize) -> Tensor<4> {
        let levels = RegionLevels::of_strides(&self.strides);
        let regions: Vec<(usize, Region)> = boxes
            .iter()
            .enumerate()
            .flat_map(|(image, boxes)| boxes.iter().map(move |corners| (image, *corners)))
            .map(|(image, corners)| (levels.level(corners), region(image, corners)))
            .collect();
        let mut order = Vec::with_capacity(regions.len());
        let mut pooled = Vec::new();
        for (level, (map, &stride)) in maps.iter().zip(&self.strides).enumerate() {
            let here = regions.iter().enumerate().filter(|(_, (at, _))| *at == level);
            let (places, of_level): (Vec<usize>, Vec<Region>) =
                here.map(|(place, (_, region))| (place, *region)).unzip();
            // An empty part would only cost a copy; one has to be there when there is no region at all.
            if !of_level.is_empty() || (level == 0 && regions.is_empty()) {
                order.extend(places);
                pooled.push(RoiAlign::torchvision(side, stride).forward(map, &of_level));
            }
        }
        in_order(Tensor::cat(pooled, 0), &order)
    }
}

fn region(image: usize, corners: Corners) -> Region {
    Region {
        image,
        corners: corners.map(f64::from),
    }
}

/// The rows in the order that they had: row `i` of `rows` was number `order[i]`.
fn in_order(rows: Tensor<4>, order: &[usize]) -> Tensor<4> {
    if order.iter().enumerate().all(|(at, &place)| at == place) {
        return rows;
    }
    let mut back = vec![0_i32; order.len()];
    for (at, &place) in order.iter().enumerate() {
        back[place] = at as i32;
    }
    let back = Tensor::<1, Int>::from_data(TensorData::new(back, [order.len()]), &rows.device());
    rows.select(0, back)
}
