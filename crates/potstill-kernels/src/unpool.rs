//! Max-pooling that remembers where each largest value was, and unpooling to those places.
//!
//! Windows do not overlap, so that a place of the map belongs to one window at most and nothing depends on an order.

use crate::error::expect_length;
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// Square windows side by side over maps `[images, height, width, channels]`; rows and columns that fill no window are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpoolShape {
    /// Images of the batch; may be zero.
    pub images: usize,
    /// Height and width of the map.
    pub size: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Height and width of a window, at most 16.
    pub window: usize,
}

impl UnpoolShape {
    /// Height and width of the pooled map.
    pub fn pooled(&self) -> [usize; 2] {
        self.size.map(|side| side / self.window.max(1))
    }

    /// Elements of the map.
    pub fn map_len(&self) -> usize {
        self.images * self.size[0] * self.size[1] * self.channels
    }

    /// Elements of the pooled map.
    pub fn pooled_len(&self) -> usize {
        let [height, width] = self.pooled();
        self.images * height * width * self.channels
    }

    fn validate(&self) -> Result<(), KernelError> {
        if (1..=16).contains(&self.window) && self.channels > 0 {
            return Ok(());
        }
        let Self { window, channels, .. } = self;
        let reason = format!("windows of {window}x{window} over {channels} channels");
        Err(KernelError::Shape { reason })
    }

    /// The elements of an image's map at which the windows begin, in the order of the pooled pixels.
    fn windows(self) -> impl Iterator<Item = usize> {
        let [height, width] = self.pooled();
        let pixels = (0..height).flat_map(move |row| (0..width).map(move |column| (row, column)));
        pixels.map(move |(row, column)| (row * self.size[1] + column) * self.window * self.channels)
    }

    /// How far into the map each place of a window is.
    fn places(self) -> Vec<usize> {
        let inside = (0..self.window).flat_map(|row| (0..self.window).map(move |column| (row, column)));
        let at = |(row, column)| (row * self.size[1] + column) * self.channels;
        inside.map(at).collect()
    }

    /// The largest value of each window and its place in the window, row by row; of equal ones the first.
    ///
    /// # Errors
    /// [`KernelError`] when the windows are impossible or a slice does not fit.
    pub fn pool(
        &self,
        map: &[f32],
        largest: &mut (impl Output + ?Sized),
        places: &mut [u8],
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.validate()?;
        expect_length("map", self.map_len(), map.len())?;
        expect_length("places", self.pooled_len(), places.len())?;
        let len = self.pooled_len();
        let (values, found) = (Shared::at(largest.room("largest", len)?), Shared::new(places));
        let (image_len, inside) = (self.map_len() / self.images.max(1), self.places());
        pool.run(self.images, |image| {
            let map = &map[image * image_len..][..image_len];
            self.each(image, |at, first| {
                let (place, value) = first_largest(inside.iter().map(|place| map[first + place]));
                // SAFETY: each image has its own part of both results.
                unsafe {
                    values.ptr().add(at).write(value);
                    found.ptr().add(at).write(place);
                }
            });
        });
        // SAFETY: every window of every image and channel is written.
        unsafe { largest.written(len) };
        Ok(())
    }

    /// A map of zeros with each value of `pooled` at its place.
    ///
    /// # Errors
    /// [`KernelError`] when the windows are impossible, a slice does not fit, or a place is in no window.
    pub fn unpool(
        &self,
        pooled: &[f32],
        places: &[u8],
        map: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.check(pooled, places)?;
        let len = self.map_len();
        let out = Shared::at(map.room("map", len)?);
        let (image_len, inside) = (len / self.images.max(1), self.places());
        pool.run(self.images, |image| {
            // SAFETY: each image has its own part of the map, which is written in full: zeroed, then overwritten.
            let map = unsafe {
                let first = out.ptr().add(image * image_len);
                first.write_bytes(0, image_len);
                std::slice::from_raw_parts_mut(first, image_len)
            };
            self.each(image, |at, first| {
                map[first + inside[usize::from(places[at])]] = pooled[at];
            });
        });
        // SAFETY: the images together are the map.
        unsafe { map.written(len) };
        Ok(())
    }

    /// The values of a map at their places: the gradient of both [`pool`](Self::pool) transposed and
    /// [`unpool`](Self::unpool).
    ///
    /// # Errors
    /// As [`unpool`](Self::unpool).
    pub fn gather(
        &self,
        map: &[f32],
        places: &[u8],
        pooled: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("map", self.map_len(), map.len())?;
        self.check_places(places)?;
        let len = self.pooled_len();
        let out = Shared::at(pooled.room("pooled", len)?);
        let (image_len, inside) = (self.map_len() / self.images.max(1), self.places());
        pool.run(self.images, |image| {
            let map = &map[image * image_len..][..image_len];
            self.each(image, |at, first| {
                let value = map[first + inside[usize::from(places[at])]];
                // SAFETY: each image has its own part of the result.
                unsafe { out.ptr().add(at).write(value) };
            });
        });
        // SAFETY: every window of every image and channel is written.
        unsafe { pooled.written(len) };
        Ok(())
    }

    fn check(&self, pooled: &[f32], places: &[u8]) -> Result<(), KernelError> {
        expect_length("pooled", self.pooled_len(), pooled.len())?;
        self.check_places(places)
    }

    fn check_places(&self, places: &[u8]) -> Result<(), KernelError> {
        self.validate()?;
        expect_length("places", self.pooled_len(), places.len())?;
        let inside = self.window * self.window;
        match places.iter().find(|place| usize::from(**place) >= inside) {
            None => Ok(()),
            Some(place) => Err(KernelError::Shape {
                reason: format!("place {place} of a window of {inside} pixels"),
            }),
        }
    }

    /// Calls `body` with each element of an image's pooled map, and the first element of its window and channel in the image's
    /// map.
    #[inline]
    fn each(self, image: usize, mut body: impl FnMut(usize, usize)) {
        let mut at = image * (self.pooled_len() / self.images.max(1));
        for first in self.windows() {
            for channel in 0..self.channels {
                body(at, first + channel);
                at += 1;
            }
        }
    }
}

fn first_largest(values: impl Iterator<Item = f32>) -> (u8, f32) {
    let mut largest = (0, f32::NEG_INFINITY);
    for (place, value) in (0..).zip(values) {
        if place == 0 || value > largest.1 {
            largest = (place, value);
        }
    }
    largest
}
