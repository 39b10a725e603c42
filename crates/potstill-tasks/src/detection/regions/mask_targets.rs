//! What a mask head learns: the masks of objects, cut out at the regions that are on them.

use burn::tensor::{Device, Tensor, TensorData};
use potstill_detection::Corners;
use potstill_ops::{Region, RoiAlign};

use crate::detection::{ImageObjects, ObjectTargets};

/// The masks of regions, `[P, side, side]`, with values from 0 to 1: of each image its regions, each with the object that it is on. All
/// objects have outlines.
pub fn mask_targets(
    targets: &ObjectTargets,
    regions: &[Vec<(Corners, usize)>],
    side: usize,
    device: &Device,
) -> Tensor<3> {
    let images = targets.images.iter().zip(&targets.valid).zip(regions);
    let cut = images.filter(|(_, regions)| !regions.is_empty());
    let cut = cut.map(|((objects, valid), regions)| of_image(objects, *valid, regions, side, device));
    let parts: Vec<Tensor<4>> = cut.collect();
    if parts.is_empty() {
        return Tensor::zeros([0, side, side], device);
    }
    let all = Tensor::cat(parts, 0);
    let [count, ..] = all.dims();
    all.reshape([count, side, side])
}

/// The masks of the regions of an image of this size, `[P, side, side, 1]`.
fn of_image(
    objects: &ImageObjects,
    [height, width]: [usize; 2],
    regions: &[(Corners, usize)],
    side: usize,
    device: &Device,
) -> Tensor<4> {
    // Only objects that a region is on are drawn.
    let mut drawn: Vec<usize> = regions.iter().map(|(_, object)| *object).collect();
    drawn.sort_unstable();
    drawn.dedup();
    let pixels = drawn.iter().flat_map(|&object| {
        let mask = objects.instances[object].shape.mask([height, width]);
        mask.inside.into_iter().map(|inside| f32::from(u8::from(inside)))
    });
    let bitmaps = TensorData::new(pixels.collect::<Vec<f32>>(), [drawn.len(), height, width, 1]);
    let region = |(corners, object): &(Corners, usize)| Region {
        image: drawn.partition_point(|known| known < object),
        corners: corners.map(f64::from),
    };
    let regions: Vec<Region> = regions.iter().map(region).collect();
    RoiAlign::mask_targets(side).forward(&Tensor::from_data(bitmaps, device), &regions)
}
