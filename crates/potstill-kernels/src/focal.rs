//! The focal loss of rows of sigmoids with its gradient, in one sweep.
//!
//! A detector has a row of sigmoids for every anchor, and nearly all of them are background: the sweep takes every number for
//! background, and the few that are an object's class are put right afterwards.

use crate::activation::exp;
use crate::error::{expect_columns, expect_length};
use crate::isa::{Kernel, LANES, Lanes, load, store};
use crate::row_loss::summed_rows;
use crate::{KernelError, Output, Pool};

/// The focal loss with gamma 2 (Lin et al. 2017, equation 5).
#[derive(Debug, Clone, Copy)]
pub struct FocalLoss {
    /// What a target of 1 counts; a target of 0 counts one less this.
    pub alpha: f32,
    /// Whether every probability in it is replaced by what is left of it to 1.
    pub inverted: bool,
}

/// Rows of one task of the pool.
const ROWS: usize = 256;

impl FocalLoss {
    /// The loss of rows of `columns` logits, each row times its weight, summed, and its gradient with respect to the logits. The target of a
    /// row is 1 in the column `targets[row]`, if there is one, and 0 elsewhere. A row of weight 0 takes no part.
    ///
    /// # Errors
    /// [`KernelError::Length`] when the slices do not have as many rows; [`KernelError::Shape`] without columns.
    pub fn of_rows(
        self,
        logits: &[f32],
        columns: usize,
        targets: &[Option<usize>],
        weights: &[f32],
        gradient: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<f64, KernelError> {
        expect_columns(columns)?;
        let rows = targets.len();
        expect_length("logits", rows * columns, logits.len())?;
        expect_length("weights", rows, weights.len())?;
        summed_rows([rows, columns], ROWS, gradient, pool, |rows, gradient| Rows {
            loss: self,
            logits: &logits[rows.start * columns..rows.end * columns],
            columns,
            targets: &targets[rows.clone()],
            weights: &weights[rows],
            gradient,
        })
    }

    /// Which way a logit with this target should go, and what it counts.
    fn aim(self, is_target: bool) -> (f32, f32) {
        let towards = if self.inverted { -1.0 } else { 1.0 };
        if is_target {
            (towards, self.alpha)
        } else {
            (-towards, 1.0 - self.alpha)
        }
    }

    /// The loss of one logit, and its slope.
    fn of(self, logit: f32, is_target: bool) -> (f64, f64) {
        let (sign, factor) = self.aim(is_target);
        let (sign, factor) = (f64::from(sign), f64::from(factor));
        let signed = f64::from(logit) * sign;
        let small = (-signed.abs()).exp();
        let [likely, unlikely] = [1.0 / (1.0 + small), small / (1.0 + small)];
        let (p, q) = if signed > 0.0 {
            (likely, unlikely)
        } else {
            (unlikely, likely)
        };
        let log_p = signed.min(0.0) - small.ln_1p();
        (
            -factor * q * q * log_p,
            sign * factor * q * q * (2.0 * p * log_p - q),
        )
    }
}

/// The rows of a task.
struct Rows<'a> {
    loss: FocalLoss,
    logits: &'a [f32],
    columns: usize,
    targets: &'a [Option<usize>],
    weights: &'a [f32],
    gradient: *mut f32,
}

impl Kernel for Rows<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self) -> f64 {
        let (sign, factor) = self.loss.aim(false);
        let mut sum = 0.0;
        let mut first = 0;
        // Neighbours of one weight are one range.
        for rows in self.weights.chunk_by(|a, b| a == b) {
            let range = first * self.columns..(first + rows.len()) * self.columns;
            first += rows.len();
            // SAFETY: the range is inside the gradient.
            let to = unsafe { self.gradient.add(range.start) };
            if rows[0] == 0.0 {
                // SAFETY: as above.
                unsafe { to.write_bytes(0, range.len()) };
            } else {
                // SAFETY: as above.
                sum += unsafe { background::<L>(&self.logits[range], sign, factor * rows[0], to) };
            }
        }
        sum + self.put_right()
    }
}

impl Rows<'_> {
    /// Gives the targets of 1 their gradient; what they add to the loss of background.
    fn put_right(&self) -> f64 {
        let mut sum = 0.0;
        for (row, (target, &weight)) in self.targets.iter().zip(self.weights).enumerate() {
            let Some(column) = target.filter(|column| *column < self.columns && weight != 0.0) else {
                continue;
            };
            let at = row * self.columns + column;
            let (ours, slope) = self.loss.of(self.logits[at], true);
            let (taken, _) = self.loss.of(self.logits[at], false);
            sum += f64::from(weight) * (ours - taken);
            // SAFETY: the row is one of the task's.
            unsafe { self.gradient.add(at).write(weight * slope as f32) };
        }
        sum
    }
}

/// The loss of logits that are all background, times `factor`; the gradient is written to `to`.
///
/// # Safety
/// As many writable numbers at `to` as there are logits.
#[inline(always)]
unsafe fn background<L: Lanes>(logits: &[f32], sign: f32, factor: f32, to: *mut f32) -> f64 {
    let [zero, one] = [L::zero(), L::splat(1.0)];
    let (sign, factor) = (L::splat(sign), L::splat(factor));
    let mut sums = [0.0; LANES];
    for block in (0..logits.len()).step_by(LANES) {
        let count = LANES.min(logits.len() - block);
        // SAFETY: as many logits are left.
        let signed = unsafe { load::<L>(logits.as_ptr().add(block), count) }.mul(sign);
        let away = zero.sub(signed);
        let small = exp(signed.at_most(away));
        let likely = one.div(one.add(small));
        let unlikely = small.mul(likely);
        let p = signed.select_above(zero, likely, unlikely);
        let q = signed.select_above(zero, unlikely, likely);
        let log_p = signed.at_most(zero).sub(log_of_one_and(small));
        let weighted = q.mul(q).mul(factor);
        let slope = p.add(p).mul(log_p).sub(q).mul(weighted).mul(sign);
        // SAFETY: as many are written as are left.
        unsafe { store(slope, to.add(block), count) };
        let mut losses = [0.0; LANES];
        // SAFETY: there is room for sixteen.
        unsafe { zero.sub(weighted.mul(log_p)).store(losses.as_mut_ptr()) };
        // Lanes behind the end are of no logit.
        losses[count..].fill(0.0);
        // SAFETY: sixteen of each.
        unsafe { L::load(losses.as_ptr()).add_to_f64(sums.as_mut_ptr()) };
    }
    sums.iter().sum()
}

/// `ln(1 + x)` for x from 0 to 1: twice the inverse hyperbolic tangent of `x / (2 + x)`, whose series ends early as that is at most a third.
#[inline(always)]
fn log_of_one_and<L: Lanes>(x: L) -> L {
    let z = x.div(x.add(L::splat(2.0)));
    let square = z.mul(z);
    let mut sum = L::splat(1.0 / 15.0);
    for coefficient in [
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
        1.0,
    ] {
        sum = L::splat(coefficient).fma(sum, square);
    }
    z.add(z).mul(sum)
}
