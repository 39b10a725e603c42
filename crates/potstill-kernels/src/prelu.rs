//! The leaky rectifier with learned slopes (He et al. 2015, "Delving Deep into Rectifiers", equation 1), and its gradients.

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// Pixels that one task takes. Fixed, so that sums do not depend on the number of threads.
const PIXELS: usize = 2048;

/// `x` where positive, else the slope times `x`, over pixels of so many channels with one slope for each, or one for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prelu {
    /// Channels of a pixel.
    pub channels: usize,
}

impl Prelu {
    fn pixels(self, x: &[f32], slopes: &[f32]) -> Result<usize, KernelError> {
        if self.channels == 0 || ![1, self.channels].contains(&slopes.len()) {
            let reason = format!("{} slopes for {} channels", slopes.len(), self.channels);
            return Err(KernelError::Shape { reason });
        }
        let pixels = x.len() / self.channels;
        expect_length("x", pixels * self.channels, x.len())?;
        Ok(pixels)
    }

    /// The rectified pixels.
    ///
    /// # Errors
    /// [`KernelError`] when slopes or pixels do not fit the channels.
    pub fn forward(
        self,
        x: &[f32],
        slopes: &[f32],
        y: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        self.pixels(x, slopes)?;
        let (isa, out) = (Isa::current(), Shared::at(y.room("y", x.len())?));
        let step = PIXELS * self.channels;
        pool.run(x.len().div_ceil(step), |task| {
            let x = &x[task * step..];
            let kernel = Forward {
                x: &x[..x.len().min(step)],
                slopes,
                channels: self.channels,
                // SAFETY: the task's pixels are inside the result.
                y: unsafe { out.ptr().add(task * step) },
            };
            dispatch(isa, kernel);
        });
        // SAFETY: the tasks together are all pixels.
        unsafe { y.written(x.len()) };
        Ok(())
    }

    /// From the gradient `dy` of the result, that of `x`, and of the slopes, which is given back.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward(
        self,
        [x, dy]: [&[f32]; 2],
        slopes: &[f32],
        dx: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<Vec<f32>, KernelError> {
        self.pixels(x, slopes)?;
        expect_length("dy", x.len(), dy.len())?;
        let (isa, out) = (Isa::current(), Shared::at(dx.room("dx", x.len())?));
        let (step, padded) = (PIXELS * self.channels, self.channels.next_multiple_of(LANES));
        let tasks = x.len().div_ceil(step);
        let mut sums = vec![0.0_f64; tasks * padded];
        let shared = Shared::new(&mut sums);
        pool.run(tasks, |task| {
            let part = task * step..x.len().min((task + 1) * step);
            let kernel = Backward {
                x: &x[part.clone()],
                dy: &dy[part],
                slopes,
                channels: self.channels,
                // SAFETY: the task's pixels are inside the result.
                dx: unsafe { out.ptr().add(task * step) },
                // SAFETY: each task has its own sums.
                sums: unsafe { shared.part(task * padded, padded) },
            };
            dispatch(isa, kernel);
        });
        // SAFETY: the tasks together are all pixels.
        unsafe { dx.written(x.len()) };
        let mut of_slopes = vec![0.0_f64; slopes.len()];
        for task in sums.chunks_exact(padded) {
            for (channel, sum) in task[..self.channels].iter().enumerate() {
                of_slopes[channel % slopes.len()] += sum;
            }
        }
        Ok(of_slopes.into_iter().map(|sum| sum as f32).collect())
    }
}

/// The slopes of sixteen channels.
///
/// # Safety
/// `lanes` channels are there from `channel` on.
#[inline(always)]
unsafe fn slopes_at<L: Lanes>(slopes: &[f32], channel: usize, lanes: usize) -> L {
    match slopes {
        [slope] => L::splat(*slope),
        // SAFETY: as the caller promises.
        _ => unsafe { load::<L>(slopes.as_ptr().add(channel), lanes) },
    }
}

struct Forward<'a> {
    x: &'a [f32],
    slopes: &'a [f32],
    channels: usize,
    y: *mut f32,
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            x,
            slopes,
            channels,
            y,
        } = self;
        // One slope for all: pixels need not be told apart.
        let channels = if slopes.len() == 1 { x.len() } else { channels };
        for block in (0..channels).step_by(LANES) {
            let lanes = (channels - block).min(LANES);
            for pixel in (0..x.len()).step_by(channels) {
                // SAFETY: whole pixels were checked, the result has as many.
                unsafe {
                    let slope = slopes_at::<L>(slopes, block, lanes);
                    let value = load::<L>(x.as_ptr().add(pixel + block), lanes);
                    let y_ = value.select_above(L::zero(), value, value.mul(slope));
                    store(y_, y.add(pixel + block), lanes);
                }
            }
        }
    }
}

struct Backward<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    slopes: &'a [f32],
    channels: usize,
    dx: *mut f32,
    sums: &'a mut [f64],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            x,
            dy,
            slopes,
            channels,
            dx,
            sums,
        } = self;
        for block in (0..channels).step_by(LANES) {
            let lanes = (channels - block).min(LANES);
            for pixel in (0..x.len()).step_by(channels) {
                let at = pixel + block;
                // SAFETY: whole pixels were checked, the results have as many; there are sums for whole blocks.
                unsafe {
                    let slope = slopes_at::<L>(slopes, block, lanes);
                    let (value, gradient) = (
                        load::<L>(x.as_ptr().add(at), lanes),
                        load::<L>(dy.as_ptr().add(at), lanes),
                    );
                    let passed = value.select_above(L::zero(), gradient, gradient.mul(slope));
                    store(passed, dx.add(at), lanes);
                    let of_slope = value.select_above(L::zero(), L::zero(), gradient.mul(value));
                    of_slope.add_to_f64(sums.as_mut_ptr().add(block));
                }
            }
        }
    }
}
