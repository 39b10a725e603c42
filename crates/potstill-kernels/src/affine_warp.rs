//! Bilinear sampling of each image of a batch under an affine map of its own (Jaderberg et al. 2015, "Spatial Transformer
//! Networks", section 3), with zeros outside.
//!
//! Coordinates run from -1 to 1 between the outer edges of the outermost pixels, so that the centre of pixel `j` of `n` is at
//! `(2 j + 1) / n - 1`.

use crate::error::expect_length;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// The shape of a warp: images `[images, height, width, channels]`, and for each `[a, b, c, d, e, f]`, so that the new pixel at
/// `(x, y)` is read at `(a x + b y + c, d x + e y + f)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AffineWarp {
    /// Images of the batch.
    pub images: usize,
    /// Height and width.
    pub size: [usize; 2],
    /// Channels.
    pub channels: usize,
}

/// Gradients of a warp.
#[derive(Debug, Clone)]
pub struct AffineWarpGradients {
    /// Of the images; empty if it was not asked for.
    pub images: Vec<f32>,
    /// Of the maps.
    pub maps: Vec<f32>,
}

/// Where a new pixel is read: its coordinates, the old pixel up and to the left, and how far it is past that one.
struct Place {
    x: f64,
    y: f64,
    column: isize,
    row: isize,
    across: f32,
    down: f32,
}

impl AffineWarp {
    fn image(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    fn check(&self, images: &[f32], maps: &[f32]) -> Result<(), KernelError> {
        expect_length("images", self.images * self.image(), images.len())?;
        expect_length("maps", self.images * 6, maps.len())
    }

    /// Where each new pixel of an image is read, row by row: itself, and as far beside it as the map differs from the identity,
    /// so that the identity is exact whatever the size.
    fn places(self, map: &[f32]) -> impl Iterator<Item = Place> {
        let [height, width] = self.size;
        let m: [f64; 6] = std::array::from_fn(|i| map.get(i).copied().unwrap_or(0.0).into());
        (0..height * width).map(move |index| {
            let x = (2 * (index % width) + 1) as f64 / width as f64 - 1.0;
            let y = (2 * (index / width) + 1) as f64 / height as f64 - 1.0;
            let across = ((m[0] - 1.0) * x + m[1] * y + m[2]) * width as f64 / 2.0;
            let down = (m[3] * x + (m[4] - 1.0) * y + m[5]) * height as f64 / 2.0;
            let u = (index % width) as f64 + across;
            let v = (index / width) as f64 + down;
            // Anything beyond reads zeros; a number that is none becomes 0 pixels and stays none in the weights.
            let [column, row] = [u, v].map(|at| at.floor().clamp(-2.0, f64::from(i32::MAX)) as isize);
            Place {
                x,
                y,
                column,
                row,
                across: (u - u.floor()) as f32,
                down: (v - v.floor()) as f32,
            }
        })
    }

    /// The four old pixels around a place, where there are any: first element, weight, and the weight's slope across and down.
    fn corners(self, place: &Place) -> impl Iterator<Item = (usize, f32, [f32; 2])> {
        let [height, width] = self.size.map(|side| side as isize);
        let channels = self.channels;
        let (column, row, a, d) = (place.column, place.row, place.across, place.down);
        let corners = [
            (0, 0, (1.0 - a) * (1.0 - d), [d - 1.0, a - 1.0]),
            (0, 1, a * (1.0 - d), [1.0 - d, -a]),
            (1, 0, (1.0 - a) * d, [-d, 1.0 - a]),
            (1, 1, a * d, [d, a]),
        ];
        corners
            .into_iter()
            .filter_map(move |(down, right, weight, slope)| {
                let (row, column) = (row + down, column + right);
                let is_inside = (0..height).contains(&row) && (0..width).contains(&column);
                is_inside.then(|| ((row * width + column) as usize * channels, weight, slope))
            })
    }

    /// The new images.
    ///
    /// # Errors
    /// [`KernelError`] when lengths do not fit.
    pub fn forward(
        &self,
        images: &[f32],
        maps: &[f32],
        warped: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(images, maps)?;
        let (image, channels) = (self.image(), self.channels);
        let out = Shared::at(warped.room("warped", images.len())?);
        pool.run(self.images, |index| {
            let from = &images[index * image..][..image];
            // SAFETY: each image has its own part of the result, which is written in full below: zeroed, then added to.
            let to = unsafe {
                let first = out.ptr().add(index * image);
                first.write_bytes(0, image);
                std::slice::from_raw_parts_mut(first, image)
            };
            let pixels = to.chunks_exact_mut(channels.max(1));
            for (pixel, place) in pixels.zip(self.places(&maps[index * 6..][..6])) {
                for (at, weight, _) in self.corners(&place) {
                    for (sum, value) in pixel.iter_mut().zip(&from[at..]) {
                        *sum += weight * value;
                    }
                }
            }
        });
        // SAFETY: the images together are the batch.
        unsafe { warped.written(images.len()) };
        Ok(())
    }

    /// Gradients of the maps and, if wanted, of the images, from that of the new images.
    ///
    /// # Errors
    /// [`KernelError`] when lengths do not fit.
    pub fn backward(
        &self,
        images: &[f32],
        maps: &[f32],
        gradient: &[f32],
        with_images: bool,
        pool: &Pool,
    ) -> Result<AffineWarpGradients, KernelError> {
        self.check(images, maps)?;
        expect_length("gradient", images.len(), gradient.len())?;
        let image = self.image();
        let mut of_images = vec![0.0; if with_images { images.len() } else { 0 }];
        let mut of_maps = vec![0.0; maps.len()];
        let (to_images, to_maps) = (Shared::new(&mut of_images), Shared::new(&mut of_maps));
        pool.run(self.images, |index| {
            let (start, length) = if with_images {
                (index * image, image)
            } else {
                (0, 0)
            };
            // SAFETY: each image has its own part of both gradients.
            let (to_image, to_map) = unsafe { (to_images.part(start, length), to_maps.part(index * 6, 6)) };
            let map = &maps[index * 6..][..6];
            let slopes = self.image_backward(
                &images[index * image..][..image],
                map,
                &gradient[index * image..][..image],
                to_image,
            );
            to_map.copy_from_slice(&slopes.map(|slope| slope as f32));
        });
        Ok(AffineWarpGradients {
            images: of_images,
            maps: of_maps,
        })
    }

    /// The gradient of one map; that of the image is added to `to_image`, unless it is empty.
    fn image_backward(&self, from: &[f32], map: &[f32], gradient: &[f32], to_image: &mut [f32]) -> [f64; 6] {
        let [height, width] = self.size.map(|side| side as f64);
        let mut slopes = [0.0; 6];
        let pixels = gradient.chunks_exact(self.channels.max(1));
        for (gradient, place) in pixels.zip(self.places(map)) {
            let mut slope = [0.0; 2];
            for (at, weight, weight_slope) in self.corners(&place) {
                let change: f32 = gradient.iter().zip(&from[at..]).map(|(g, value)| g * value).sum();
                slope[0] += change * weight_slope[0];
                slope[1] += change * weight_slope[1];
                if let Some(to) = to_image.get_mut(at..) {
                    to.iter_mut()
                        .zip(gradient)
                        .for_each(|(sum, g)| *sum += weight * g);
                }
            }
            let across = f64::from(slope[0]) * width / 2.0;
            let down = f64::from(slope[1]) * height / 2.0;
            let changes = [
                across * place.x,
                across * place.y,
                across,
                down * place.x,
                down * place.y,
                down,
            ];
            slopes
                .iter_mut()
                .zip(changes)
                .for_each(|(sum, change)| *sum += change);
        }
        slopes
    }
}
