//! Pooling: the largest value or the mean of each window of a map, and their gradients.
//!
//! Work is cut by images, so that the gradients of windows that overlap need no order among threads.

use std::ops::Range;

use crate::error::expect_length;
use crate::scratch::Shared;
use crate::{KernelError, Pool};

/// A pooling of `[n, h, w, channels]` maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// Images.
    pub n: usize,
    /// Rows of the input.
    pub h: usize,
    /// Columns of the input.
    pub w: usize,
    /// Channels.
    pub channels: usize,
    /// Height and width of the window; at most 255 positions.
    pub kernel: [usize; 2],
    /// Vertical and horizontal distance of two windows.
    pub stride: [usize; 2],
    /// Rows and columns added on each side; at most half of the window.
    pub padding: [usize; 2],
}

/// One window: where its pixels lie in an image, and their places in the window.
struct Place {
    rows: Range<usize>,
    columns: Range<usize>,
    /// The first row and column of the window, which may lie in the padding.
    origin: [isize; 2],
}

impl WindowShape {
    /// Rows and columns of the output.
    pub fn out_size(&self) -> [usize; 2] {
        let out = |size: usize, d: usize| {
            let padded = size + 2 * self.padding[d];
            padded.saturating_sub(self.kernel[d]) / self.stride[d].max(1) + 1
        };
        [out(self.h, 0), out(self.w, 1)]
    }

    /// Numbers of the input.
    pub fn input_len(&self) -> usize {
        self.n * self.h * self.w * self.channels
    }

    /// Numbers of the output.
    pub fn output_len(&self) -> usize {
        let [h, w] = self.out_size();
        self.n * h * w * self.channels
    }

    /// Whether this is a pooling at all.
    ///
    /// # Errors
    /// [`KernelError::Shape`] with the rule that is broken.
    pub fn validate(&self) -> Result<(), KernelError> {
        let Self {
            kernel,
            stride,
            padding,
            ..
        } = *self;
        let broken = if [
            self.h,
            self.w,
            self.channels,
            kernel[0],
            kernel[1],
            stride[0],
            stride[1],
        ]
        .contains(&0)
        {
            Some("every size must be at least 1".to_owned())
        } else if (0..2).any(|d| 2 * padding[d] > kernel[d]) {
            Some(format!(
                "padding {padding:?} is more than half of the window {kernel:?}"
            ))
        } else if self.h + 2 * padding[0] < kernel[0] || self.w + 2 * padding[1] < kernel[1] {
            Some(format!("the window {kernel:?} is larger than the map"))
        } else if kernel[0] * kernel[1] > usize::from(u8::MAX) {
            Some(format!("the window {kernel:?} has more than 255 positions"))
        } else {
            None
        };
        broken.map_or(Ok(()), |reason| Err(KernelError::Shape { reason }))
    }

    fn check(&self, inputs: usize, outputs: usize) -> Result<(), KernelError> {
        self.validate()?;
        expect_length("input", self.input_len(), inputs)?;
        expect_length("output", self.output_len(), outputs)
    }

    /// Calls `body` with each output pixel of an image, by number, and its window.
    fn each_window(&self, mut body: impl FnMut(usize, &Place)) {
        let [rows, columns] = self.out_size();
        let inside = |i: usize, d: usize, size: usize| {
            let first = (i * self.stride[d]) as isize - self.padding[d] as isize;
            let end = (first + self.kernel[d] as isize).clamp(0, size as isize);
            (first, first.max(0) as usize..end as usize)
        };
        for row in 0..rows {
            for column in 0..columns {
                let ((y, rows), (x, columns_inside)) = (inside(row, 0, self.h), inside(column, 1, self.w));
                let place = Place {
                    rows,
                    columns: columns_inside,
                    origin: [y, x],
                };
                body(row * columns + column, &place);
            }
        }
    }

    /// Calls `body` with the offset of each pixel of a window in its image, and its place in the window.
    fn each_pixel(&self, place: &Place, mut body: impl FnMut(usize, usize)) {
        for y in place.rows.clone() {
            for x in place.columns.clone() {
                let (down, right) = (y as isize - place.origin[0], x as isize - place.origin[1]);
                body(
                    (y * self.w + x) * self.channels,
                    down as usize * self.kernel[1] + right as usize,
                );
            }
        }
    }

    fn image_len(&self) -> usize {
        self.h * self.w * self.channels
    }

    fn out_image_len(&self) -> usize {
        self.output_len() / self.n.max(1)
    }

    /// One over the number that a mean is divided by.
    fn share(&self, place: &Place, counts_padding: bool) -> f32 {
        let count = if counts_padding {
            self.kernel[0] * self.kernel[1]
        } else {
            place.rows.len() * place.columns.len()
        };
        1.0 / count as f32
    }
}

/// The largest value of each window, and its place in the window (the first of equal ones), which the gradient needs. Padding
/// never wins; what is not a number does.
///
/// # Errors
/// [`KernelError`] when the shape makes no sense or lengths do not fit.
pub fn max_pool_forward(
    shape: &WindowShape,
    x: &[f32],
    out: &mut [f32],
    winners: &mut [u8],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(x.len(), out.len())?;
    expect_length("winners", out.len(), winners.len())?;
    let (len, out_len, channels) = (shape.image_len(), shape.out_image_len(), shape.channels);
    let (out, winners) = (Shared::new(out), Shared::new(winners));
    pool.run(shape.n, |image| {
        let x = &x[image * len..][..len];
        // SAFETY: every task has an image of its own.
        let (out, winners) = unsafe {
            (
                out.part(image * out_len, out_len),
                winners.part(image * out_len, out_len),
            )
        };
        shape.each_window(|pixel, place| {
            let out = &mut out[pixel * channels..][..channels];
            let winners = &mut winners[pixel * channels..][..channels];
            let mut is_first = true;
            shape.each_pixel(place, |at, number| {
                let x = &x[at..][..channels];
                if std::mem::take(&mut is_first) {
                    out.copy_from_slice(x);
                    winners.fill(number as u8);
                    return;
                }
                for ((best, winner), &value) in out.iter_mut().zip(winners.iter_mut()).zip(x) {
                    if value > *best || value.is_nan() {
                        *best = value;
                        *winner = number as u8;
                    }
                }
            });
        });
    });
    Ok(())
}

/// The gradient of the input: that of each output goes to the winner of its window. `dx` is overwritten.
///
/// # Errors
/// As [`max_pool_forward`].
pub fn max_pool_backward(
    shape: &WindowShape,
    dz: &[f32],
    winners: &[u8],
    dx: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(dx.len(), dz.len())?;
    expect_length("winners", dz.len(), winners.len())?;
    let (len, out_len, channels) = (shape.image_len(), shape.out_image_len(), shape.channels);
    let dx = Shared::new(dx);
    pool.run(shape.n, |image| {
        let (dz, winners) = (
            &dz[image * out_len..][..out_len],
            &winners[image * out_len..][..out_len],
        );
        // SAFETY: every task has an image of its own.
        let dx = unsafe { dx.part(image * len, len) };
        dx.fill(0.0);
        let mut offsets = [0; u8::MAX as usize];
        shape.each_window(|pixel, place| {
            shape.each_pixel(place, |at, number| offsets[number] = at);
            let part = pixel * channels..(pixel + 1) * channels;
            for (c, (dz, &winner)) in dz[part.clone()].iter().zip(&winners[part]).enumerate() {
                dx[offsets[usize::from(winner)] + c] += dz;
            }
        });
    });
    Ok(())
}

/// The mean of each window, over all its positions or over those inside the map.
///
/// # Errors
/// [`KernelError`] when the shape makes no sense or lengths do not fit.
pub fn mean_pool_forward(
    shape: &WindowShape,
    counts_padding: bool,
    x: &[f32],
    out: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(x.len(), out.len())?;
    let (len, out_len, channels) = (shape.image_len(), shape.out_image_len(), shape.channels);
    let out = Shared::new(out);
    pool.run(shape.n, |image| {
        let x = &x[image * len..][..len];
        // SAFETY: every task has an image of its own.
        let out = unsafe { out.part(image * out_len, out_len) };
        shape.each_window(|pixel, place| {
            let out = &mut out[pixel * channels..][..channels];
            out.fill(0.0);
            shape.each_pixel(place, |at, _| {
                out.iter_mut()
                    .zip(&x[at..])
                    .for_each(|(sum, value)| *sum += value);
            });
            let share = shape.share(place, counts_padding);
            out.iter_mut().for_each(|sum| *sum *= share);
        });
    });
    Ok(())
}

/// The gradient of the input: each window gives every pixel its share. `dx` is overwritten.
///
/// # Errors
/// As [`mean_pool_forward`].
pub fn mean_pool_backward(
    shape: &WindowShape,
    counts_padding: bool,
    dz: &[f32],
    dx: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.check(dx.len(), dz.len())?;
    let (len, out_len, channels) = (shape.image_len(), shape.out_image_len(), shape.channels);
    let dx = Shared::new(dx);
    pool.run(shape.n, |image| {
        let dz = &dz[image * out_len..][..out_len];
        // SAFETY: every task has an image of its own.
        let dx = unsafe { dx.part(image * len, len) };
        dx.fill(0.0);
        shape.each_window(|pixel, place| {
            let dz = &dz[pixel * channels..][..channels];
            let share = shape.share(place, counts_padding);
            shape.each_pixel(place, |at, _| {
                dx[at..].iter_mut().zip(dz).for_each(|(dx, dz)| *dx += share * dz);
            });
        });
    });
    Ok(())
}
