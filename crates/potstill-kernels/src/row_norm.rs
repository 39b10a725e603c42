//! Euclidean norms of rows, and their gradient.

use crate::error::{expect_columns, expect_length};
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::Shared;
use crate::{KernelError, Output, Pool};

/// Rows that one task takes.
const TASK: usize = 64;

/// The norm of every row of `columns` numbers, or `floor` where it is smaller.
///
/// # Errors
/// [`KernelError::Length`] when the input is not whole rows or the output is not one number for each;
/// [`KernelError::Shape`] without columns.
pub fn row_norms(
    x: &[f32],
    columns: usize,
    floor: f32,
    norms: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    let rows = rows_of(x, columns)?;
    let out = Shared::at(norms.room("norms", rows)?);
    let isa = Isa::current();
    pool.run(rows.div_ceil(TASK), |task| {
        for row in task * TASK..rows.min((task + 1) * TASK) {
            let squares = dispatch(isa, Squares(&x[row * columns..][..columns]));
            // SAFETY: the row has a place of its own among the norms.
            unsafe { out.ptr().add(row).write((squares.sqrt() as f32).max(floor)) };
        }
    });
    // SAFETY: the tasks together are all rows.
    unsafe { norms.written(rows) };
    Ok(())
}

/// The gradient of the rows: the unit vector times the gradient of the norm, nothing where the norm is the floor.
///
/// # Errors
/// As [`row_norms`].
pub fn row_norms_backward(
    x: &[f32],
    columns: usize,
    floor: f32,
    [norms, slopes]: [&[f32]; 2],
    gradient: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<(), KernelError> {
    let rows = rows_of(x, columns)?;
    expect_length("norms", rows, norms.len())?;
    expect_length("slopes", rows, slopes.len())?;
    let out = Shared::at(gradient.room("gradient", x.len())?);
    let isa = Isa::current();
    pool.run(rows.div_ceil(TASK), |task| {
        for row in task * TASK..rows.min((task + 1) * TASK) {
            let factor = if norms[row] > floor {
                slopes[row] / norms[row]
            } else {
                0.0
            };
            let scaled = Scaled {
                row: &x[row * columns..][..columns],
                factor,
                // SAFETY: the row is inside the gradient.
                out: unsafe { out.ptr().add(row * columns) },
            };
            dispatch(isa, scaled);
        }
    });
    // SAFETY: the tasks together are all rows.
    unsafe { gradient.written(x.len()) };
    Ok(())
}

fn rows_of(x: &[f32], columns: usize) -> Result<usize, KernelError> {
    expect_columns(columns)?;
    let rows = x.len() / columns;
    expect_length("x", rows * columns, x.len())?;
    Ok(rows)
}

/// The sum of a row's squares.
struct Squares<'a>(&'a [f32]);

impl Kernel for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut sum = L::zero();
        for block in (0..self.0.len()).step_by(LANES) {
            // SAFETY: as many are left in the row as are read.
            let x = unsafe { load::<L>(self.0.as_ptr().add(block), LANES.min(self.0.len() - block)) };
            sum = sum.fma(x, x);
        }
        let mut sums = [0.0; LANES];
        // SAFETY: there are sixteen of them.
        unsafe { sum.add_to_f64(sums.as_mut_ptr()) };
        sums.iter().sum()
    }
}

/// Writes a row times a factor.
struct Scaled<'a> {
    row: &'a [f32],
    factor: f32,
    out: *mut f32,
}

impl Kernel for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let factor = L::splat(self.factor);
        for block in (0..self.row.len()).step_by(LANES) {
            let lanes = LANES.min(self.row.len() - block);
            // SAFETY: as many are left in both rows as are read and written.
            unsafe {
                let x = load::<L>(self.row.as_ptr().add(block), lanes);
                store(x.mul(factor), self.out.add(block), lanes);
            }
        }
    }
}
