//! Losses of rows of logits, each summed in one sweep that writes the gradient: what they share.

use std::ops::Range;

use crate::isa::{Isa, Kernel, dispatch};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// The sum over `[rows, columns]` of a loss. Tasks of `each` rows run the kernel that is made of their range and of the place of their part of
/// the gradient, which the kernel writes in full.
///
/// # Errors
/// [`KernelError::Length`] where the gradient has no room.
pub(crate) fn summed_rows<K: Kernel<Output = f64>>(
    [rows, columns]: [usize; 2],
    each: usize,
    gradient: &mut (impl Output + ?Sized),
    pool: &Pool,
    kernel: impl Fn(Range<usize>, *mut f32) -> K + Sync,
) -> Result<f64, KernelError> {
    let out = Shared::at(gradient.room("gradient", rows * columns)?);
    let mut sums = vec![0.0; rows.div_ceil(each)];
    let shared_sums = Shared::new(&mut sums);
    let isa = Isa::current();
    pool.run(rows.div_ceil(each), |task| {
        let rows = task * each..rows.min((task + 1) * each);
        // SAFETY: the rows are inside the gradient.
        let to = unsafe { out.ptr().add(rows.start * columns) };
        let sum = dispatch(isa, kernel(rows, to));
        // SAFETY: each task has its own sum.
        unsafe { shared_sums.ptr().add(task).write(sum) };
    });
    // SAFETY: the rows together are the gradient.
    unsafe { gradient.written(rows * columns) };
    Ok(sums.iter().sum())
}
