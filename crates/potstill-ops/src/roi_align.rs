//! What maps show inside boxes, differentiable in the maps.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use potstill_kernels::{RoiAlign as Plan, RoiRule};

use crate::{Region, fast::pooled_regions};

/// `RoIAlign` (He et al. 2017, section 3): a map under each of several boxes as a small map of fixed size, each bin the mean over a grid of
/// bilinear samples. No gradient goes to the boxes.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_ops::{Region, RoiAlign};
///
/// let map = Tensor::ones([1, 8, 8, 3], &Device::flex());
/// let region = Region { image: 0, corners: [4.0, 4.0, 28.0, 20.0] };
/// let pooled = RoiAlign::torchvision(7, 4).forward(&map, &[region]);
/// assert_eq!(pooled.dims(), [1, 7, 7, 3]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// Rows and columns of the small map.
    pub bins: [usize; 2],
    /// Pixels of the map for one pixel of the image: 1 / stride.
    pub scale: f64,
    /// Samples along each axis of a bin; if none, as many as it has pixels, rounded up.
    pub sampling: Option<usize>,
    /// Whether everything is moved by the half pixel between the edge of a pixel and its centre (Detectron2's "V2").
    pub aligned: bool,
}

impl RoiAlign {
    /// As torchvision's detectors read a map of this stride: two samples along each axis of each of `side * side` bins, not aligned.
    pub fn torchvision(side: usize, stride: usize) -> Self {
        Self {
            bins: [side; 2],
            scale: 1.0 / stride as f64,
            sampling: Some(2),
            aligned: false,
        }
    }

    /// As torchvision cuts the targets of a mask head from masks of the image's size: as many samples as there are pixels.
    pub fn mask_targets(side: usize) -> Self {
        Self {
            sampling: None,
            ..Self::torchvision(side, 1)
        }
    }

    /// `[N, H, W, C]` under R regions to `[R, rows, columns, C]`. A region in an image that is not there, or whose corners are no numbers,
    /// gives zeros.
    pub fn forward(&self, map: &Tensor<4>, regions: &[Region]) -> Tensor<4> {
        let known = |region: &Region| {
            let is_there = region.image < map.dims()[0] && region.corners.iter().all(|at| at.is_finite());
            if is_there { *region } else { NOWHERE }
        };
        let regions: Vec<Region> = regions.iter().map(known).collect();
        let Ok(plan) = Plan::new(map.dims(), &regions, &self.rule()).map(Arc::new) else {
            let [rows, columns] = self.bins;
            let dims = [regions.len(), rows, columns, map.dims()[3]];
            return Tensor::zeros(dims, (&map.device(), map.dtype()));
        };
        pooled_regions(map, &plan).unwrap_or_else(|| portable(map, &regions, &plan))
    }

    fn rule(&self) -> RoiRule {
        RoiRule {
            bins: self.bins,
            scale: self.scale,
            sampling: self.sampling,
            aligned: self.aligned,
        }
    }
}

/// A region that shows nothing: it ends where every map begins.
const NOWHERE: Region = Region {
    image: 0,
    corners: [-1e9; 4],
};

/// Two products with matrices for the regions of each image, so that every backend has the gradient.
fn portable(map: &Tensor<4>, regions: &[Region], plan: &Plan) -> Tensor<4> {
    let [_, height, width, channels] = map.dims();
    let [count, rows, columns, _] = plan.pooled_dims();
    let options = (&map.device(), map.dtype());
    if count == 0 {
        return Tensor::zeros([0, rows, columns, channels], options);
    }
    let [of_rows, of_columns] = plan.matrices();
    let of_rows = Tensor::<3>::from_data(TensorData::new(of_rows, [count, rows, height]), options);
    let of_columns = Tensor::<4>::from_data(TensorData::new(of_columns, [count, 1, columns, width]), options);
    let mut first = 0;
    let runs = regions.chunk_by(|one, next| one.image == next.image);
    let pooled = runs.map(|run| {
        let (all, count) = (first..first + run.len(), run.len());
        first += count;
        let image = map
            .clone()
            .narrow(0, run[0].image, 1)
            .reshape([height, width * channels]);
        let across = of_rows
            .clone()
            .narrow(0, all.start, count)
            .reshape([count * rows, height]);
        let across = across.matmul(image).reshape([count, rows, width, channels]);
        of_columns.clone().narrow(0, all.start, count).matmul(across)
    });
    Tensor::cat(pooled.collect(), 0)
}
