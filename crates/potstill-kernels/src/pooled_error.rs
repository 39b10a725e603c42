//! The squared error of two maps at several scales, in one pass over both.
//!
//! Pooling is linear: the error of two pooled maps is the pooled difference. So one sweep squares the differences of the maps
//! and sums them into the bins of every pooling; nothing of the size of a map is written. Backward, one more sweep spreads the
//! bins' share over the differences.

use std::ops::Range;

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// A weighted sum of mean squared errors of two maps `[N, H, W, C]` and of their average poolings to `s x s` bins, bin `i` of
/// `H` rows being rows `floor(i H / s) .. ceil((i + 1) H / s)` as in PyTorch.
#[derive(Debug, Clone)]
pub struct PooledError {
    shape: [usize; 4],
    weight: f64,
    grids: Vec<Grid>,
    /// Begins of the bins that each pixel lies in: one for each grid, up to four where bins overlap.
    places: Vec<usize>,
    /// Where the places of each pixel begin, and the end.
    first_place: Vec<usize>,
}

/// One pooling.
#[derive(Debug, Clone)]
struct Grid {
    weight: f64,
    /// Rows and columns of each bin.
    rows: Vec<Range<usize>>,
    columns: Vec<Range<usize>>,
    /// Where the bins begin in an image's sums.
    offset: usize,
}

impl Grid {
    /// Begins of the bins that the pixel lies in.
    fn places(&self, row: usize, column: usize, channels: usize) -> impl Iterator<Item = usize> {
        let rows = self
            .rows
            .iter()
            .enumerate()
            .filter(move |(_, rows)| rows.contains(&row));
        rows.flat_map(move |(r, _)| {
            let columns = self
                .columns
                .iter()
                .enumerate()
                .filter(move |(_, columns)| columns.contains(&column));
            columns.map(move |(c, _)| self.offset + (r * self.columns.len() + c) * channels)
        })
    }

    /// Begin of the bin in an image's sums, and its number of pixels.
    fn bins(&self, channels: usize) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self
            .rows
            .iter()
            .flat_map(|rows| self.columns.iter().map(move |columns| (rows, columns)));
        pairs
            .enumerate()
            .map(move |(bin, (rows, columns))| (self.offset + bin * channels, rows.len() * columns.len()))
    }
}

/// The sums of differences in the bins of every image: what [`PooledError::backward`] needs besides the maps.
#[derive(Debug, Clone)]
pub struct BinSums(Vec<f32>);

impl PooledError {
    /// The error of maps of this shape themselves, with `weight`, and of their poolings to each `(s, weight)`.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when a grid has no bins or more than the map has rows or columns, or there are no channels.
    pub fn new(shape: [usize; 4], weight: f64, poolings: &[(usize, f64)]) -> Result<Self, KernelError> {
        let [_, h, w, channels] = shape;
        if channels == 0 || poolings.iter().any(|&(size, _)| size == 0 || size > h.min(w)) {
            let reason = format!("an error of {h}x{w} maps of {channels} channels in {poolings:?} bins");
            return Err(KernelError::Shape { reason });
        }
        let mut offset = 0;
        let grids = poolings.iter().map(|&(size, weight)| {
            let ranges = |length: usize| {
                (0..size)
                    .map(|i| i * length / size..((i + 1) * length).div_ceil(size))
                    .collect()
            };
            let grid = Grid {
                weight,
                rows: ranges(h),
                columns: ranges(w),
                offset,
            };
            offset += size * size * channels;
            grid
        });
        let grids: Vec<Grid> = grids.collect();
        let (mut places, mut first_place) = (Vec::new(), vec![0]);
        for (row, column) in (0..h).flat_map(|row| (0..w).map(move |column| (row, column))) {
            places.extend(grids.iter().flat_map(|grid| grid.places(row, column, channels)));
            first_place.push(places.len());
        }
        Ok(Self {
            shape,
            weight,
            grids,
            places,
            first_place,
        })
    }

    /// Elements of a map.
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn image_len(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Sums of an image.
    fn sums_len(&self) -> usize {
        let bins: usize = self
            .grids
            .iter()
            .map(|grid| grid.rows.len() * grid.columns.len())
            .sum();
        bins * self.shape[3]
    }

    /// The error, not a number for an empty batch as in PyTorch, and the sums for the backward pass.
    ///
    /// # Errors
    /// [`KernelError::Length`] when a map does not have the shape.
    pub fn forward(&self, map: &[f32], target: &[f32], pool: &Pool) -> Result<(f64, BinSums), KernelError> {
        expect_length("map", self.len(), map.len())?;
        expect_length("target", self.len(), target.len())?;
        let (image, sums_len) = (self.image_len(), self.sums_len());
        let images = self.shape[0];
        let mut sums = vec![0.0; images * sums_len];
        let mut errors = vec![0.0; images];
        let (shared_sums, shared_errors) = (Shared::new(&mut sums), Shared::new(&mut errors));
        let isa = Isa::current();
        pool.run(images, |index| {
            // SAFETY: each image has its own sums and its own error.
            let (sums, error) = unsafe {
                (
                    shared_sums.part(index * sums_len, sums_len),
                    shared_errors.part(index, 1),
                )
            };
            let range = index * image..(index + 1) * image;
            let (map, target) = (&map[range.clone()], &target[range]);
            let squares = dispatch(
                isa,
                Differences {
                    plan: self,
                    map,
                    target,
                    sums,
                },
            );
            error[0] = self.of_image(squares, sums);
        });
        Ok((errors.iter().sum::<f64>() / images as f64, BinSums(sums)))
    }

    /// The error of one image, whose squared differences sum to `squares`.
    fn of_image(&self, squares: f64, sums: &[f32]) -> f64 {
        let channels = self.shape[3];
        let of_grid = |grid: &Grid| {
            let of_bin = |(at, pixels): (usize, usize)| {
                let squares = sums[at..][..channels]
                    .iter()
                    .map(|&sum| f64::from(sum).powi(2))
                    .sum::<f64>();
                squares / (pixels * pixels) as f64
            };
            let bins = grid.rows.len() * grid.columns.len();
            grid.weight * grid.bins(channels).map(of_bin).sum::<f64>() / (bins * channels) as f64
        };
        self.weight * squares / self.image_len() as f64 + self.grids.iter().map(of_grid).sum::<f64>()
    }

    /// The gradient of `scale` times the error with respect to the map. That of the target is its negative.
    ///
    /// # Errors
    /// [`KernelError::Length`] when a map, the sums or the output do not have the shape.
    pub fn backward(
        &self,
        map: &[f32],
        target: &[f32],
        sums: &BinSums,
        scale: f64,
        gradient: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("map", self.len(), map.len())?;
        expect_length("target", self.len(), target.len())?;
        let (image, sums_len) = (self.image_len(), self.sums_len());
        expect_length("sums", self.shape[0] * sums_len, sums.0.len())?;
        let out = Shared::at(gradient.room("gradient", self.len())?);
        let scale = 2.0 * scale / self.shape[0] as f64;
        let isa = Isa::current();
        pool.run(self.shape[0], |index| {
            let range = index * image..(index + 1) * image;
            let spread = Spread {
                plan: self,
                map: &map[range.clone()],
                target: &target[range],
                shares: &self.shares(&sums.0[index * sums_len..][..sums_len], scale),
                factor: (scale * self.weight / image as f64) as f32,
                // SAFETY: the image is inside the map.
                out: unsafe { out.ptr().add(index * image) },
            };
            dispatch(isa, spread);
        });
        // SAFETY: the images together are the map.
        unsafe { gradient.written(self.len()) };
        Ok(())
    }

    /// What each bin of an image adds to the gradient of each of its pixels.
    fn shares(&self, sums: &[f32], scale: f64) -> Vec<f32> {
        let channels = self.shape[3];
        let mut shares = sums.to_vec();
        for grid in &self.grids {
            let elements = (grid.rows.len() * grid.columns.len() * channels) as f64;
            for (at, pixels) in grid.bins(channels) {
                let factor = scale * grid.weight / (elements * (pixels * pixels) as f64);
                for share in &mut shares[at..][..channels] {
                    *share = (f64::from(*share) * factor) as f32;
                }
            }
        }
        shares
    }

    /// Begins of the bins that a pixel lies in.
    #[inline(always)]
    fn places(&self, pixel: usize) -> &[usize] {
        &self.places[self.first_place[pixel]..self.first_place[pixel + 1]]
    }
}

/// Sums one image's differences into the bins; gives the sum of their squares.
struct Differences<'a> {
    plan: &'a PooledError,
    map: &'a [f32],
    target: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Differences<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let Self {
            plan,
            map,
            target,
            sums,
        } = self;
        let [_, h, w, channels] = plan.shape;
        let mut squares = [0.0; LANES];
        for row in 0..h {
            let mut row_squares = L::zero();
            for column in 0..w {
                let places = plan.places(row * w + column);
                let pixel = (row * w + column) * channels;
                for block in (0..channels).step_by(LANES) {
                    let lanes = LANES.min(channels - block);
                    // SAFETY: the pixel lies in both maps, its places in the sums, and `lanes` channels are left in each.
                    unsafe {
                        let difference = load::<L>(map.as_ptr().add(pixel + block), lanes)
                            .sub(load(target.as_ptr().add(pixel + block), lanes));
                        row_squares = row_squares.fma(difference, difference);
                        for place in places {
                            let sum = sums.as_mut_ptr().add(place + block);
                            store(load::<L>(sum, lanes).add(difference), sum, lanes);
                        }
                    }
                }
            }
            // SAFETY: there are sixteen of them.
            unsafe { row_squares.add_to_f64(squares.as_mut_ptr()) };
        }
        squares.iter().sum()
    }
}

/// Writes one image's gradient.
struct Spread<'a> {
    plan: &'a PooledError,
    map: &'a [f32],
    target: &'a [f32],
    shares: &'a [f32],
    factor: f32,
    out: *mut f32,
}

impl Kernel for Spread<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let [_, h, w, channels] = self.plan.shape;
        let factor = L::splat(self.factor);
        for row in 0..h {
            for column in 0..w {
                let places = self.plan.places(row * w + column);
                let pixel = (row * w + column) * channels;
                for block in (0..channels).step_by(LANES) {
                    let lanes = LANES.min(channels - block);
                    // SAFETY: the pixel lies in all three maps, its places in the shares, and `lanes` channels are left.
                    unsafe {
                        let difference = load::<L>(self.map.as_ptr().add(pixel + block), lanes)
                            .sub(load(self.target.as_ptr().add(pixel + block), lanes));
                        let mut gradient = difference.mul(factor);
                        for place in places {
                            gradient = gradient.add(load(self.shares.as_ptr().add(place + block), lanes));
                        }
                        store(gradient, self.out.add(pixel + block), lanes);
                    }
                }
            }
        }
    }
}
