//! The divergence of rows of softmaxes, with its gradient, in one sweep over both.
//!
//! A row of some thousand numbers stays in the nearest cache while its largest number, its sum and its gradient are found; from
//! memory each number is read once and its gradient written once.

use crate::activation::exp;
use crate::error::{expect_columns, expect_length};
use crate::isa::{Kernel, LANES, Lanes, load, store};
use crate::row_loss::summed_rows;
use crate::{KernelError, Output, Pool};

/// The sum over rows of `KL(softmax(targets) || softmax(scores))`, both of rows of `columns` logits, and `factor` times its
/// gradient with respect to the scores.
///
/// # Errors
/// [`KernelError::Length`] when the slices differ in length or are not whole rows; [`KernelError::Shape`] without columns.
pub fn softmax_divergence(
    scores: &[f32],
    targets: &[f32],
    columns: usize,
    factor: f32,
    gradient: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<f64, KernelError> {
    expect_columns(columns)?;
    let rows = scores.len() / columns;
    expect_length("scores", rows * columns, scores.len())?;
    expect_length("targets", scores.len(), targets.len())?;
    summed_rows([rows, columns], 1, gradient, pool, |row, gradient| {
        let range = row.start * columns..row.end * columns;
        Row {
            scores: &scores[range.clone()],
            targets: &targets[range],
            factor,
            gradient,
        }
    })
}

/// One row.
struct Row<'a> {
    scores: &'a [f32],
    targets: &'a [f32],
    factor: f32,
    gradient: *mut f32,
}

/// Stands behind the last column: no softmax sees it, and twice it is still a number.
const NOTHING: f32 = -1e30;

impl Kernel for Row<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let Self {
            scores,
            targets,
            factor,
            gradient,
        } = self;
        let (of_scores, of_targets) = (Softmax::<L>::of(scores), Softmax::<L>::of(targets));
        let mut divergence = L::zero();
        for block in (0..scores.len()).step_by(LANES) {
            let (score, target) = (
                of_scores.shifted(block, scores),
                of_targets.shifted(block, targets),
            );
            let student = exp(score).mul(of_scores.scale);
            let teacher = exp(target).mul(of_targets.scale);
            divergence = divergence.fma(teacher, target.sub(score));
            let slope = student.sub(teacher).mul(L::splat(factor));
            // SAFETY: as many elements are left in the row as are written.
            unsafe { store(slope, gradient.add(block), LANES.min(scores.len() - block)) };
        }
        let mut sums = [0.0; LANES];
        // SAFETY: there are sixteen of them.
        unsafe { divergence.add_to_f64(sums.as_mut_ptr()) };
        sums.iter().sum::<f64>() + of_scores.log_sum - of_targets.log_sum
    }
}

/// What turns a row of logits into probabilities.
struct Softmax<L> {
    largest: L,
    /// One over the sum of the exponentials.
    scale: L,
    log_sum: f64,
}

impl<L: Lanes> Softmax<L> {
    #[inline(always)]
    fn of(row: &[f32]) -> Self {
        let mut largest = L::splat(NOTHING);
        for block in (0..row.len()).step_by(LANES) {
            largest = largest.at_least(lanes(block, row));
        }
        let mut each = [0.0_f32; LANES];
        // SAFETY: there is room for sixteen.
        unsafe { largest.store(each.as_mut_ptr()) };
        let mut softmax = Self {
            largest: L::splat(each.into_iter().fold(NOTHING, f32::max)),
            scale: L::zero(),
            log_sum: 0.0,
        };
        let mut sum = L::zero();
        for block in (0..row.len()).step_by(LANES) {
            sum = sum.add(exp(softmax.shifted(block, row)));
        }
        let mut sums = [0.0; LANES];
        // SAFETY: there are sixteen of them.
        unsafe { sum.add_to_f64(sums.as_mut_ptr()) };
        let sum = sums.iter().sum::<f64>();
        softmax.scale = L::splat((1.0 / sum) as f32);
        softmax.log_sum = sum.ln();
        softmax
    }

    /// Sixteen logits of the row, less the largest.
    #[inline(always)]
    fn shifted(&self, block: usize, row: &[f32]) -> L {
        lanes::<L>(block, row).sub(self.largest)
    }
}

/// Sixteen logits of the row, [`NOTHING`] behind its end.
#[inline(always)]
fn lanes<L: Lanes>(block: usize, row: &[f32]) -> L {
    let left = row.len() - block;
    if left >= LANES {
        // SAFETY: sixteen are left.
        return unsafe { L::load(row.as_ptr().add(block)) };
    }
    let mut padded = [NOTHING; LANES];
    padded[..left].copy_from_slice(&row[block..]);
    // SAFETY: there are sixteen of them.
    unsafe { load(padded.as_ptr(), LANES) }
}
