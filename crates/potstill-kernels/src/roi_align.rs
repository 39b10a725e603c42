//! `RoIAlign` (He et al. 2017, "Mask R-CNN", section 3): what a map shows inside a box, as a small map of fixed size.
//!
//! A bin is the mean over a grid of bilinear samples. Both are products of a part along the rows and one along the columns, so a bin is a
//! weighted sum over a small rectangle of pixels whose weights are products too: [`Shares`] along each axis, worked out once for a region
//! and not for each sample. Without a grid of fixed size that is a fraction of the reads.

use crate::error::expect_length;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// More samples than these along an axis of a bin change nothing that can be seen.
const MOST_SAMPLES: usize = 1024;
/// Channels of a task of the backward pass.
const BLOCK: usize = 64;

/// A box in an image of the batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// The index of the image.
    pub image: usize,
    /// Left, top, right and bottom in pixels of the image.
    pub corners: [f64; 4],
}

/// How regions are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiRule {
    /// Rows and columns of the small map.
    pub bins: [usize; 2],
    /// Pixels of the map for one pixel of the image: 1 / stride.
    pub scale: f64,
    /// Samples along each axis of a bin; if none, as many as it has pixels, rounded up.
    pub sampling: Option<usize>,
    /// Whether the centre of a pixel is half a pixel from its edges. If not, as torchvision's detectors have it, everything is read half a
    /// pixel further, and a region is at least one pixel of the map wide and high.
    pub aligned: bool,
}

/// Regions of maps of one shape, ready to be pooled.
#[derive(Debug, Clone)]
pub struct RoiAlign {
    map: [usize; 4],
    bins: [usize; 2],
    regions: Vec<Planned>,
}

#[derive(Debug, Clone)]
struct Planned {
    image: usize,
    rows: Shares,
    columns: Shares,
}

/// What each bin takes of the pixels along one axis.
#[derive(Debug, Clone, Default)]
struct Shares {
    /// Where the shares of each bin end.
    ends: Vec<usize>,
    /// Pixel and weight.
    shares: Vec<(usize, f64)>,
}

impl Shares {
    /// Of `bins` bins between two places of an axis of `side` pixels.
    fn new([start, end]: [f64; 2], bins: usize, side: usize, rule: &RoiRule) -> Self {
        let least = if rule.aligned { 0.0 } else { 1.0 };
        let length = (end - start).max(least) / bins as f64;
        let samples = rule.sampling.unwrap_or(length.ceil() as usize).min(MOST_SAMPLES);
        let mut shares = Self::default();
        for bin in 0..bins {
            let first = shares.shares.len();
            for sample in 0..samples {
                let within = (sample as f64 + 0.5) * length / samples as f64;
                shares.add(first, start + bin as f64 * length + within, side, samples);
            }
            shares.ends.push(shares.shares.len());
        }
        shares
    }

    /// Adds one of so many samples at `place` to the bin whose shares begin at `first`. More than a pixel outside there is nothing.
    fn add(&mut self, first: usize, place: f64, side: usize, samples: usize) {
        if !(-1.0..=side as f64).contains(&place) || side == 0 {
            return;
        }
        let place = place.clamp(0.0, (side - 1) as f64);
        let (pixel, past) = (place as usize, place.fract());
        for (pixel, part) in [(pixel, 1.0 - past), (pixel + 1, past)] {
            let weight = part / samples as f64;
            if weight == 0.0 {
                continue;
            }
            // Places rise, so a pixel that was there before is among the last two.
            match self.shares[first..].iter_mut().rev().find(|(at, _)| *at == pixel) {
                Some((_, sum)) => *sum += weight,
                None => self.shares.push((pixel, weight)),
            }
        }
    }

    fn of(&self, bin: usize) -> &[(usize, f64)] {
        let first = if bin == 0 { 0 } else { self.ends[bin - 1] };
        &self.shares[first..self.ends[bin]]
    }
}

impl RoiAlign {
    /// Regions of a map `[N, H, W, C]`.
    ///
    /// # Errors
    /// [`KernelError::Region`] for a region of an image that is not there, or whose corners are no numbers.
    pub fn new(map: [usize; 4], regions: &[Region], rule: &RoiRule) -> Result<Self, KernelError> {
        let [images, height, width, _] = map;
        let planned = |(index, region): (usize, &Region)| {
            if region.image >= images || !region.corners.iter().all(|corner| corner.is_finite()) {
                return Err(KernelError::Region { index, images });
            }
            let offset = if rule.aligned { 0.5 } else { 0.0 };
            let [left, top, right, bottom] = region.corners.map(|corner| corner * rule.scale - offset);
            Ok(Planned {
                image: region.image,
                rows: Shares::new([top, bottom], rule.bins[0], height, rule),
                columns: Shares::new([left, right], rule.bins[1], width, rule),
            })
        };
        let regions = regions
            .iter()
            .enumerate()
            .map(planned)
            .collect::<Result<_, _>>()?;
        let bins = rule.bins;
        Ok(Self { map, bins, regions })
    }

    /// The dimensions of the small maps, `[R, rows, columns, C]`.
    pub fn pooled_dims(&self) -> [usize; 4] {
        let [rows, columns] = self.bins;
        [self.regions.len(), rows, columns, self.map[3]]
    }

    /// The same as matrices: what each row of each small map takes of the rows of the map, `[R, rows, H]`, and what each column takes of its
    /// columns, `[R, columns, W]`. A small map is the product of the map with both.
    pub fn matrices(&self) -> [Vec<f64>; 2] {
        let dense = |bins: usize, side: usize, of: fn(&Planned) -> &Shares| {
            let mut matrix = vec![0.0; self.regions.len() * bins * side];
            for (index, region) in self.regions.iter().enumerate() {
                for bin in 0..bins {
                    for &(pixel, weight) in of(region).of(bin) {
                        matrix[(index * bins + bin) * side + pixel] = weight;
                    }
                }
            }
            matrix
        };
        [
            dense(self.bins[0], self.map[1], |region| &region.rows),
            dense(self.bins[1], self.map[2], |region| &region.columns),
        ]
    }

    /// Calls `visit` with each bin of a region, and each pixel of the map that it takes: first element of the bin, first element of the
    /// pixel, weight.
    fn each_share(&self, index: usize, mut visit: impl FnMut(usize, usize, f32)) {
        let ([_, height, width, channels], [rows, columns]) = (self.map, self.bins);
        let region = &self.regions[index];
        for bin in 0..rows * columns {
            let to = (index * rows * columns + bin) * channels;
            for &(row, down) in region.rows.of(bin / columns) {
                for &(column, across) in region.columns.of(bin % columns) {
                    let from = ((region.image * height + row) * width + column) * channels;
                    visit(to, from, (down * across) as f32);
                }
            }
        }
    }

    /// The small maps of all regions.
    ///
    /// # Errors
    /// [`KernelError`] when lengths do not fit.
    pub fn forward(
        &self,
        map: &[f32],
        pooled: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        let ([_, _, _, channels], [rows, columns]) = (self.map, self.bins);
        expect_length("map", self.map.iter().product(), map.len())?;
        let (length, region) = (self.pooled_dims().iter().product(), rows * columns * channels);
        let out = Shared::at(pooled.room("pooled", length)?);
        pool.run(self.regions.len(), |index| {
            // SAFETY: each region has its own part of the result, which is written in full here: zeroed, then added to.
            let to = unsafe {
                let first = out.ptr().add(index * region);
                first.write_bytes(0, region);
                std::slice::from_raw_parts_mut(first, region)
            };
            self.each_share(index, |bin, pixel, weight| {
                let sums = &mut to[bin - index * region..][..channels];
                for (sum, value) in sums.iter_mut().zip(&map[pixel..]) {
                    *sum += weight * value;
                }
            });
        });
        // SAFETY: the regions together are the result.
        unsafe { pooled.written(length) };
        Ok(())
    }

    /// The gradient of the map from that of the small maps. Boxes get none.
    ///
    /// # Errors
    /// [`KernelError`] when lengths do not fit.
    pub fn backward(&self, gradient: &[f32], pool: &Pool) -> Result<Vec<f32>, KernelError> {
        let [images, _, _, channels] = self.map;
        expect_length("gradient", self.pooled_dims().iter().product(), gradient.len())?;
        let mut of_map = vec![0.0; self.map.iter().product()];
        let to = Shared::new(&mut of_map);
        // Regions of an image overlap, so tasks share it by channels.
        let blocks = channels.div_ceil(BLOCK);
        pool.run(images * blocks, |task| {
            let (image, first) = (task / blocks, task % blocks * BLOCK);
            let count = BLOCK.min(channels - first);
            let of_image = (0..self.regions.len()).filter(|&index| self.regions[index].image == image);
            of_image.for_each(|index| {
                self.each_share(index, |bin, pixel, weight| {
                    // SAFETY: each image and block of channels belongs to one task.
                    let sums = unsafe { to.part(pixel + first, count) };
                    for (sum, value) in sums.iter_mut().zip(&gradient[bin + first..]) {
                        *sum += weight * value;
                    }
                });
            });
        });
        Ok(of_map)
    }
}
