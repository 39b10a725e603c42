//! The cross-entropy of rows of softmaxes with its gradient, sixteen rows at a time.
//!
//! A segmenter has a row of a dozen classes for every pixel: too few for the lanes of a vector, so a lane is a row here.

use crate::activation::exp;
use crate::error::{expect_columns, expect_length};
use crate::isa::{Kernel, LANES, Lanes};
use crate::row_loss::summed_rows;
use crate::scratch::Scratch;
use crate::{KernelError, Output, Pool};

/// Rows of one task of the pool.
const ROWS: usize = 32 * LANES;

/// The sum over rows of `weights[row] * -log(softmax(scores)[labels[row]])`, of rows of `columns` logits, and its gradient with respect to
/// the scores. A row of weight 0 takes no part, whatever its label.
///
/// # Errors
/// [`KernelError::Length`] when the slices do not have as many rows; [`KernelError::Shape`] without columns, or where a row of some weight
/// has a label beyond the columns.
pub fn softmax_cross_entropy(
    scores: &[f32],
    columns: usize,
    labels: &[u32],
    weights: &[f32],
    gradient: &mut (impl Output + ?Sized),
    pool: &Pool,
) -> Result<f64, KernelError> {
    expect_columns(columns)?;
    let rows = labels.len();
    expect_length("scores", rows * columns, scores.len())?;
    expect_length("weights", rows, weights.len())?;
    let mut each = labels.iter().zip(weights);
    if let Some((label, _)) = each.find(|(label, weight)| **label as usize >= columns && **weight != 0.0) {
        let reason = format!("a label of {label} for {columns} columns");
        return Err(KernelError::Shape { reason });
    }
    summed_rows([rows, columns], ROWS, gradient, pool, |rows, gradient| Rows {
        scores: &scores[rows.start * columns..rows.end * columns],
        columns,
        labels: &labels[rows.clone()],
        weights: &weights[rows],
        gradient,
    })
}

/// The rows of a task.
struct Rows<'a> {
    scores: &'a [f32],
    columns: usize,
    labels: &'a [u32],
    weights: &'a [f32],
    gradient: *mut f32,
}

impl Kernel for Rows<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let mut turned = Scratch::zeroed(self.columns);
        let mut sum = 0.0;
        for first in (0..self.labels.len()).step_by(LANES) {
            let count = LANES.min(self.labels.len() - first);
            // SAFETY: these rows are there, and the scratch has a line for each column.
            sum += unsafe { self.block::<L>(first, count, turned.as_mut_ptr().cast()) };
        }
        sum
    }
}

impl Rows<'_> {
    /// The loss of up to sixteen rows, whose gradient is written.
    ///
    /// # Safety
    /// The `count` rows from `first` are there, and there is room for sixteen numbers of each column at `turned`.
    #[inline(always)]
    unsafe fn block<L: Lanes>(&self, first: usize, count: usize, turned: *mut f32) -> f64 {
        let columns = self.columns;
        let scores = &self.scores[first * columns..(first + count) * columns];
        // SAFETY: as the caller promises: row, column and lane are inside the scores, the gradient and the scratch.
        unsafe {
            for (lane, row) in scores.chunks_exact(columns).enumerate() {
                for (column, score) in row.iter().enumerate() {
                    turned.add(column * LANES + lane).write(*score);
                }
            }
            let mut largest = L::load(turned);
            for column in 1..columns {
                largest = largest.at_least(L::load(turned.add(column * LANES)));
            }
            let mut total = L::zero();
            for column in 0..columns {
                let at = turned.add(column * LANES);
                let power = exp(L::load(at).sub(largest));
                power.store(at);
                total = total.add(power);
            }
            let mut weights = [0.0; LANES];
            weights[..count].copy_from_slice(&self.weights[first..first + count]);
            let scale = L::load(weights.as_ptr()).div(total);
            for column in 0..columns {
                let at = turned.add(column * LANES);
                L::load(at).mul(scale).store(at);
            }
            let (mut largest_of, mut total_of) = ([0.0_f32; LANES], [0.0_f32; LANES]);
            largest.store(largest_of.as_mut_ptr());
            total.store(total_of.as_mut_ptr());
            let mut loss = 0.0;
            for (lane, row) in scores.chunks_exact(columns).enumerate() {
                let to = self.gradient.add((first + lane) * columns);
                if weights[lane] == 0.0 {
                    to.write_bytes(0, columns);
                    continue;
                }
                for column in 0..columns {
                    to.add(column).write(turned.add(column * LANES + lane).read());
                }
                let label = self.labels[first + lane] as usize;
                *to.add(label) -= weights[lane];
                let missed = f64::from(total_of[lane]).ln() + f64::from(largest_of[lane] - row[label]);
                loss += f64::from(weights[lane]) * missed;
            }
            loss
        }
    }
}
