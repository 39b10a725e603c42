//! Sums over rows: the gradient of a bias.

use crate::error::{expect_columns, expect_length};
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load};
use crate::scratch::{Line, Shared};
use crate::{KernelError, Pool};

/// Rows that one task adds up in single precision.
const TASK: usize = 128;

/// The sum of each of the `columns` columns.
///
/// # Errors
/// [`KernelError::Length`] when `x` is not whole rows; [`KernelError::Shape`] without columns.
pub fn column_sums(x: &[f32], columns: usize, pool: &Pool) -> Result<Vec<f32>, KernelError> {
    expect_columns(columns)?;
    let rows = x.len() / columns;
    expect_length("x", rows * columns, x.len())?;
    let width = columns.div_ceil(LANES);
    let mut parts = vec![Line::ZERO; rows.div_ceil(TASK) * width];
    let shared = Shared::new(&mut parts);
    let isa = Isa::current();
    pool.run(rows.div_ceil(TASK), |task| {
        let rows = &x[task * TASK * columns..rows.min((task + 1) * TASK) * columns];
        // SAFETY: each task has lines of its own.
        let to = unsafe { shared.part(task * width, width) };
        dispatch(isa, Sums { rows, columns, to });
    });
    Ok(total(&parts, width, columns))
}

/// The sum of parts of `width` lines each, in double precision and in order.
pub(crate) fn total(parts: &[Line], width: usize, columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; width * LANES];
    for part in parts.chunks_exact(width) {
        let numbers = part.iter().flat_map(|line| line.0);
        sums.iter_mut()
            .zip(numbers)
            .for_each(|(sum, part)| *sum += f64::from(part));
    }
    sums.truncate(columns);
    sums.into_iter().map(|sum| sum as f32).collect()
}

struct Sums<'a> {
    rows: &'a [f32],
    columns: usize,
    to: &'a mut [Line],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for row in self.rows.chunks_exact(self.columns) {
            for (line, block) in self.to.iter_mut().zip((0..self.columns).step_by(LANES)) {
                let to = line.0.as_mut_ptr();
                // SAFETY: as many are left in the row as are read; a line has sixteen elements.
                unsafe {
                    let x = load::<L>(row.as_ptr().add(block), LANES.min(self.columns - block));
                    L::load(to).add(x).store(to);
                }
            }
        }
    }
}
