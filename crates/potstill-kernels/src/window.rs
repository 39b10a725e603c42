//! Maximum and mean over windows of a channels-last map, and their gradients.

use std::ops::Range;

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// Windows over a map `[n, h, w, channels]`; the output is `[n, oh, ow, channels]`. Pairs are `[vertical, horizontal]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// Images in the batch; may be zero.
    pub n: usize,
    /// Height of the map.
    pub h: usize,
    /// Width of the map.
    pub w: usize,
    /// Channels of the map.
    pub channels: usize,
    /// Size of a window.
    pub kernel: [usize; 2],
    /// Distance of windows.
    pub stride: [usize; 2],
    /// Rows and columns that windows reach over the edge; at most half of the kernel.
    pub padding: [usize; 2],
}

/// What is found in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// The largest value; of equal ones, the first in reading order gets the gradient.
    Maximum,
    /// The mean; with `padded`, pixels beyond the edge count as zeros.
    Mean {
        /// Whether pixels beyond the edge count.
        padded: bool,
    },
}

impl WindowShape {
    /// Output height and width: `floor((size + 2 padding - kernel) / stride) + 1`; zero where no window fits.
    pub fn out_size(&self) -> [usize; 2] {
        let size = [self.h, self.w];
        std::array::from_fn(|d| {
            let room = size[d] + 2 * self.padding[d];
            if room < self.kernel[d] || self.stride[d] == 0 {
                0
            } else {
                (room - self.kernel[d]) / self.stride[d] + 1
            }
        })
    }

    /// Elements of the map.
    pub fn input_len(&self) -> usize {
        self.n * self.h * self.w * self.channels
    }

    /// Elements of the output.
    pub fn output_len(&self) -> usize {
        let [oh, ow] = self.out_size();
        self.n * oh * ow * self.channels
    }

    /// Checks that these are windows over a map.
    ///
    /// # Errors
    /// [`KernelError::Shape`] when the kernel or the stride is zero, the padding is more than half of the kernel, or no window
    /// fits the map.
    pub fn validate(&self) -> Result<(), KernelError> {
        let wrong = |reason: String| Err(KernelError::Shape { reason });
        if self.kernel.contains(&0) || self.stride.contains(&0) || self.channels == 0 {
            return wrong("windows need a kernel, a stride and channels".to_owned());
        }
        if (0..2).any(|d| 2 * self.padding[d] > self.kernel[d]) {
            return wrong(format!(
                "padding {:?} is more than half of the window {:?}",
                self.padding, self.kernel
            ));
        }
        if self.out_size().contains(&0) || self.h == 0 || self.w == 0 {
            let Self { kernel, h, w, .. } = self;
            return wrong(format!("no window {kernel:?} fits a map of {h}x{w}"));
        }
        Ok(())
    }

    /// The part of the map that a window covers, in one direction.
    fn cover(&self, d: usize, index: usize) -> Range<usize> {
        let size = [self.h, self.w][d];
        let first = index * self.stride[d];
        first.saturating_sub(self.padding[d])..(first + self.kernel[d] - self.padding[d]).min(size)
    }
}

/// Summarises every window of `x` into `z`.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn window_forward(
    shape: &WindowShape,
    summary: Summary,
    x: &[f32],
    z: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.validate()?;
    expect_length("x", shape.input_len(), x.len())?;
    let len = shape.output_len();
    let target = Shared::at(z.room("z", len)?);
    let (isa, [rows, _]) = (Isa::current(), shape.out_size());
    pool.run(shape.n * rows, |task| {
        let (image, row) = (task / rows, task % rows);
        let windows = Windows {
            shape,
            summary,
            image,
            rows: row..row + 1,
        };
        dispatch(
            isa,
            Forward {
                windows,
                x: x.as_ptr(),
                z: target.ptr(),
            },
        );
    });
    // SAFETY: every row of every image is written.
    unsafe { z.written(len) };
    Ok(())
}

/// From the gradient `dz` of the output, that of the map. `x` and `z` are those of the forward pass; a mean does not read them,
/// and takes empty slices too.
///
/// # Errors
/// [`KernelError`] when the shape is impossible or a slice does not fit it.
pub fn window_backward(
    shape: &WindowShape,
    summary: Summary,
    [x, z, dz]: [&[f32]; 3],
    dx: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    shape.validate()?;
    if summary == Summary::Maximum {
        expect_length("x", shape.input_len(), x.len())?;
        expect_length("z", shape.output_len(), z.len())?;
    }
    expect_length("dz", shape.output_len(), dz.len())?;
    let len = shape.input_len();
    let target = Shared::at(dx.room("dx", len)?);
    let (isa, [rows, _]) = (Isa::current(), shape.out_size());
    let image_len = shape.h * shape.w * shape.channels;
    pool.run(shape.n, |image| {
        let windows = Windows {
            shape,
            summary,
            image,
            rows: 0..rows,
        };
        // SAFETY: every task has the pixels of its image.
        unsafe { target.ptr().add(image * image_len).write_bytes(0, image_len) };
        let backward = Backward {
            windows,
            x: x.as_ptr(),
            z: z.as_ptr(),
            dz: dz.as_ptr(),
            dx: target.ptr(),
        };
        dispatch(isa, backward);
    });
    // SAFETY: every image was set to zero at least.
    unsafe { dx.written(len) };
    Ok(())
}

/// Some rows of windows of an image.
struct Windows<'a> {
    shape: &'a WindowShape,
    summary: Summary,
    image: usize,
    rows: Range<usize>,
}

/// One window, in elements from the start of the batch.
struct Window {
    /// First pixel of the output.
    out: usize,
    /// First pixel that is covered, and from row to row.
    first: usize,
    row: usize,
    rows: usize,
    columns: usize,
    /// What a sum is multiplied by to give the mean.
    share: f32,
}

impl Windows<'_> {
    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> Window {
        let shape = self.shape;
        let [oh, ow] = shape.out_size();
        let (rows, columns) = (shape.cover(0, row), shape.cover(1, column));
        let counted = match self.summary {
            Summary::Mean { padded: true } => shape.kernel[0] * shape.kernel[1],
            _ => rows.len() * columns.len(),
        };
        Window {
            out: ((self.image * oh + row) * ow + column) * shape.channels,
            first: ((self.image * shape.h + rows.start) * shape.w + columns.start) * shape.channels,
            row: shape.w * shape.channels,
            rows: rows.len(),
            columns: columns.len(),
            share: 1.0 / counted as f32,
        }
    }
}

struct Forward<'a> {
    windows: Windows<'a>,
    x: *const f32,
    z: *mut f32,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { windows, x, z } = self;
        let (channels, [_, columns]) = (windows.shape.channels, windows.shape.out_size());
        let is_maximum = windows.summary == Summary::Maximum;
        for row in windows.rows.clone() {
            for column in 0..columns {
                let window = windows.at(row, column);
                for channel in (0..channels).step_by(LANES) {
                    let lanes = (channels - channel).min(LANES);
                    // SAFETY: `cover` gives pixels of the map, lengths were checked.
                    unsafe {
                        let first = x.add(window.first + channel);
                        let mut found = if is_maximum {
                            load::<L>(first, lanes)
                        } else {
                            L::zero()
                        };
                        for i in 0..window.rows {
                            for j in 0..window.columns {
                                let value = load::<L>(first.add(i * window.row + j * channels), lanes);
                                found = if is_maximum {
                                    value.at_least(found)
                                } else {
                                    found.add(value)
                                };
                            }
                        }
                        if !is_maximum {
                            found = found.mul(L::splat(window.share));
                        }
                        store(found, z.add(window.out + channel), lanes);
                    }
                }
            }
        }
    }
}

struct Backward<'a> {
    windows: Windows<'a>,
    x: *const f32,
    z: *const f32,
    dz: *const f32,
    dx: *mut f32,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            windows,
            x,
            z,
            dz,
            dx,
        } = self;
        let (channels, [_, columns]) = (windows.shape.channels, windows.shape.out_size());
        let is_maximum = windows.summary == Summary::Maximum;
        for row in windows.rows.clone() {
            for column in 0..columns {
                let window = windows.at(row, column);
                for channel in (0..channels).step_by(LANES) {
                    let lanes = (channels - channel).min(LANES);
                    // SAFETY: `cover` gives pixels of the map, lengths were checked.
                    unsafe {
                        let mut gradient = load::<L>(dz.add(window.out + channel), lanes);
                        if !is_maximum {
                            gradient = gradient.mul(L::splat(window.share));
                        }
                        for i in 0..window.rows {
                            for j in 0..window.columns {
                                let at = window.first + channel + i * window.row + j * channels;
                                let mut share = gradient;
                                if is_maximum {
                                    // The first that is not below the maximum takes all.
                                    let largest = load::<L>(z.add(window.out + channel), lanes);
                                    let value = load::<L>(x.add(at), lanes);
                                    share = largest.select_above(value, L::zero(), gradient);
                                    gradient = largest.select_above(value, gradient, L::zero());
                                }
                                store(load::<L>(dx.add(at), lanes).add(share), dx.add(at), lanes);
                            }
                        }
                    }
                }
            }
        }
    }
}
