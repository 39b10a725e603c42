//! Convolutions whose windows lie side by side: how transformers read images and halve maps. Each window is a row, and the
//! convolution a linear layer on the rows.

use super::shape::ConvShape;
use crate::product::{LinearEnding, LinearShape};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// Rows of windows that one task copies.
const TASK: usize = 4;

impl ConvShape {
    /// Whether windows neither overlap nor see anything but the map.
    pub(super) fn is_patches(&self) -> bool {
        self.groups == 1
            && self.kernel == self.stride
            && self.kernel != [1, 1]
            && self.padding == [0, 0]
            && self.dilation == [1, 1]
    }

    fn as_linear(&self) -> LinearShape {
        let [oh, ow] = self.out_size();
        LinearShape {
            rows: self.n * oh * ow,
            inputs: self.kernel[0] * self.kernel[1] * self.c_in,
            outputs: self.c_out,
        }
    }

    /// Where the numbers of each window lie, row by row of the window: calls `visit(place in the rows, place on the map, numbers)` for
    /// the windows of a row of the output.
    fn each_run(&self, row: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let [kh, kw] = self.kernel;
        let [oh, ow] = self.out_size();
        let run = kw * self.c_in;
        let (image, above) = (row / oh, row % oh * kh);
        for column in 0..ow {
            for i in 0..kh {
                let window = row * ow + column;
                let pixel = (image * self.h + above + i) * self.w + column * kw;
                visit((window * kh + i) * run, pixel * self.c_in, run);
            }
        }
    }
}

/// As [`conv_forward`](super::conv_forward), with a bias or without; lengths are those of the shape.
pub(super) fn forward(
    shape: &ConvShape,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    out: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    let ending = LinearEnding {
        bias,
        ..LinearEnding::default()
    };
    let rows = rows_of(shape, x, pool);
    shape
        .as_linear()
        .forward(&rows, &by_places(shape, weight), ending, out, pool)
}

/// As [`conv_backward_data`](super::conv_backward_data); lengths are those of the shape.
///
/// # Errors
/// As there.
///
/// # Safety
/// There is room for the whole gradient at `dx`, which is written.
pub(super) unsafe fn backward_data(
    shape: &ConvShape,
    dy: &[f32],
    weight: &[f32],
    dx: *mut f32,
    pool: &Pool,
) -> Result<(), KernelError> {
    let mut rows = Vec::new();
    shape
        .as_linear()
        .backward_data(dy, &by_places(shape, weight), &mut rows, pool)?;
    let [oh, ow] = shape.out_size();
    if [oh * shape.kernel[0], ow * shape.kernel[1]] != [shape.h, shape.w] {
        // No window reaches the last rows or columns.
        // SAFETY: as the caller promises.
        unsafe { std::ptr::write_bytes(dx, 0, shape.input_len()) };
    }
    let to = Shared::at(dx);
    in_tasks(shape, pool, |row| {
        shape.each_run(row, |from, place, count| {
            // SAFETY: windows do not overlap, and each lies on the map.
            unsafe { std::ptr::copy_nonoverlapping(rows[from..].as_ptr(), to.ptr().add(place), count) };
        });
    });
    Ok(())
}

/// As [`conv_backward_weight`](super::conv_backward_weight); lengths are those of the shape.
pub(super) fn backward_weight(
    shape: &ConvShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    pool: &Pool,
) -> Result<(), KernelError> {
    let mut found = Vec::new();
    let rows = rows_of(shape, x, pool);
    shape.as_linear().backward_weight(&rows, dy, &mut found, pool)?;
    each_weight(shape, |by_channel, by_place| dw[by_channel] = found[by_place]);
    Ok(())
}

/// Every window as a row: by its places first, by channels last.
fn rows_of(shape: &ConvShape, x: &[f32], pool: &Pool) -> Vec<f32> {
    let LinearShape { rows, inputs, .. } = shape.as_linear();
    let mut windows: Vec<f32> = Vec::with_capacity(rows * inputs);
    let to = Shared::at(windows.as_mut_ptr());
    in_tasks(shape, pool, |row| {
        shape.each_run(row, |place, from, count| {
            // SAFETY: every window has a row of its own.
            unsafe {
                std::ptr::copy_nonoverlapping(x[from..from + count].as_ptr(), to.ptr().add(place), count);
            };
        });
    });
    // SAFETY: the tasks together wrote all windows.
    unsafe { windows.set_len(rows * inputs) };
    windows
}

/// Calls `body` with every row of every image's output.
fn in_tasks(shape: &ConvShape, pool: &Pool, body: impl Fn(usize) + Sync) {
    let rows = shape.n * shape.out_size()[0];
    pool.run(rows.div_ceil(TASK), |task| {
        (task * TASK..rows.min((task + 1) * TASK)).for_each(&body);
    });
}

/// Weights in the order of the rows.
fn by_places(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let mut turned = vec![0.0; weight.len()];
    each_weight(shape, |by_channel, by_place| {
        turned[by_place] = weight[by_channel];
    });
    turned
}

/// Calls `visit` with the place of every weight in `[c_out, c_in, kh, kw]` and in `[c_out, kh, kw, c_in]`.
fn each_weight(shape: &ConvShape, mut visit: impl FnMut(usize, usize)) {
    let (area, channels) = (shape.kernel[0] * shape.kernel[1], shape.c_in);
    for output in 0..shape.c_out {
        let first = output * area * channels;
        for channel in 0..channels {
            for place in 0..area {
                visit(first + channel * area + place, first + place * channels + channel);
            }
        }
    }
}
