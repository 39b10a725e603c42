//! Sizes and moments of the pixels of many images.

use std::collections::BTreeMap;

use super::SizeCount;
use crate::Image;

/// What is kept of the pixels of one image: whole numbers, so that the order of adding cannot matter.
pub(super) struct Facts {
    pub size: [usize; 2],
    /// Sum and sum of squares of each channel.
    pub sums: Vec<[u64; 2]>,
}

impl Facts {
    pub fn of(image: &Image) -> Self {
        let mut sums = vec![[0; 2]; image.channels];
        for pixel in image.pixels.chunks_exact(image.channels.max(1)) {
            for (sums, &value) in sums.iter_mut().zip(pixel) {
                *sums = [sums[0] + value as u64, sums[1] + value as u64 * value as u64];
            }
        }
        Self {
            size: [image.height, image.width],
            sums,
        }
    }
}

pub(super) struct Totals {
    sums: Vec<[u64; 2]>,
    pixels: u64,
    sizes: BTreeMap<[usize; 2], usize>,
}

impl Totals {
    /// Of images of this many channels.
    pub fn new(channels: usize) -> Self {
        Self {
            sums: vec![[0; 2]; channels],
            pixels: 0,
            sizes: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, facts: &Facts) {
        for (total, sums) in self.sums.iter_mut().zip(&facts.sums) {
            *total = [total[0] + sums[0], total[1] + sums[1]];
        }
        self.pixels += (facts.size[0] * facts.size[1]) as u64;
        *self.sizes.entry(facts.size).or_default() += 1;
    }

    pub fn mean_and_std(&self) -> (Vec<f64>, Vec<f64>) {
        let count = self.pixels.max(1) as f64;
        let moments = |&[sum, squares]: &[u64; 2]| {
            let mean = sum as f64 / count;
            (
                mean / 255.0,
                (squares as f64 / count - mean * mean).max(0.0).sqrt() / 255.0,
            )
        };
        self.sums.iter().map(moments).unzip()
    }

    /// Least height and width, and greatest; 0 without images.
    pub fn extremes(&self) -> ([usize; 2], [usize; 2]) {
        let mut sizes = self.sizes.keys();
        let Some(&first) = sizes.next() else {
            return ([0; 2], [0; 2]);
        };
        sizes.fold((first, first), |(least, most), &[height, width]| {
            (
                [least[0].min(height), least[1].min(width)],
                [most[0].max(height), most[1].max(width)],
            )
        })
    }

    pub fn histogram(&self) -> Vec<SizeCount> {
        let mut sizes: Vec<SizeCount> = self
            .sizes
            .iter()
            .map(|(&[height, width], &images)| SizeCount {
                height,
                width,
                images,
            })
            .collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
        sizes
    }
}
