//! Maps resampled along both axes: a new row is a weighted sum of a few neighbouring old rows, a new column alike.
//!
//! Bilinear and nearest-neighbour resizing and adaptive average pooling differ in nothing but the weights, and the gradient of
//! each is the same work with the weights transposed.

use std::ops::Range;

use crate::error::expect_length;
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::{Scratch, Shared};
use crate::{KernelError, Output, Pool};

/// What each new row (or column) takes of a run of old ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    from: usize,
    /// The first old row of each new one.
    first: Vec<usize>,
    /// Where the weights of each new row begin; one more at the end.
    bounds: Vec<usize>,
    weights: Vec<f32>,
}

impl Axis {
    /// An axis from one `(first old row, weights)` for each new row. The runs lie inside `from` rows; first and last rows of the
    /// runs do not go back.
    fn of(from: usize, runs: impl IntoIterator<Item = (usize, Vec<f32>)>) -> Self {
        let mut axis = Self {
            from,
            first: Vec::new(),
            bounds: vec![0],
            weights: Vec::new(),
        };
        for (first, weights) in runs {
            axis.first.push(first);
            axis.weights.extend(weights);
            axis.bounds.push(axis.weights.len());
        }
        axis
    }

    /// Linear interpolation between pixel centres, without antialiasing: PyTorch's `bilinear` with `align_corners=False`.
    pub fn linear(from: usize, to: usize) -> Self {
        let run = |i: usize| {
            let last = from.saturating_sub(1);
            let centre = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
            let first = (centre as usize).min(last);
            let share = (centre - first as f64).min(1.0);
            if first == last {
                (first, vec![1.0])
            } else {
                (first, vec![(1.0 - share) as f32, share as f32])
            }
        };
        Self::of(from, (0..if from == 0 { 0 } else { to }).map(run))
    }

    /// The nearest old pixel, `floor(i * from / to)`: PyTorch's `nearest`.
    pub fn nearest(from: usize, to: usize) -> Self {
        let to = if from == 0 { 0 } else { to };
        Self::of(from, (0..to).map(|i| (i * from / to, vec![1.0])))
    }

    /// Means over `to` bins, `floor(i from / to) .. ceil((i + 1) from / to)`, which overlap where `to` does not divide `from`:
    /// PyTorch's adaptive average pooling.
    pub fn means(from: usize, to: usize) -> Self {
        let run = |i: usize| {
            let bin: Range<usize> = i * from / to..((i + 1) * from).div_ceil(to);
            let weight = 1.0 / bin.len() as f32;
            (bin.start, vec![weight; bin.len()])
        };
        Self::of(from, (0..if from == 0 { 0 } else { to }).map(run))
    }

    /// Old rows.
    pub fn from(&self) -> usize {
        self.from
    }

    /// New rows.
    pub fn to(&self) -> usize {
        self.first.len()
    }

    /// The axis of the gradient: what each old row gives to the new ones.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut runs = vec![(0, Vec::new()); self.from];
        for (new, first) in self.first.iter().enumerate() {
            for (old, weight) in (*first..).zip(self.run(new)) {
                let (start, weights): &mut (usize, Vec<f32>) = &mut runs[old];
                if weights.is_empty() {
                    *start = new;
                }
                weights.resize(new - *start, 0.0);
                weights.push(*weight);
            }
        }
        Self::of(self.to(), runs)
    }

    fn run(&self, new: usize) -> &[f32] {
        &self.weights[self.bounds[new]..self.bounds[new + 1]]
    }
}

/// Images `[images, rows.from(), columns.from(), channels]` to `[images, rows.to(), columns.to(), channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resample {
    /// Images of the batch; may be zero.
    pub images: usize,
    /// Channels.
    pub channels: usize,
    /// From old rows to new ones.
    pub rows: Axis,
    /// From old columns to new ones.
    pub columns: Axis,
}

impl Resample {
    /// Elements of the old images.
    pub fn input_len(&self) -> usize {
        self.images * self.rows.from() * self.columns.from() * self.channels
    }

    /// Elements of the new images.
    pub fn output_len(&self) -> usize {
        self.images * self.rows.to() * self.columns.to() * self.channels
    }

    /// The gradient: [`apply`](Self::apply) takes that of the new images to that of the old ones.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self {
            rows: self.rows.transposed(),
            columns: self.columns.transposed(),
            ..*self
        }
    }

    /// The new images.
    ///
    /// # Errors
    /// [`KernelError`] when a slice does not fit.
    pub fn apply(
        &self,
        old: &[f32],
        new: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<(), KernelError> {
        expect_length("old", self.input_len(), old.len())?;
        let len = self.output_len();
        let target = Shared::at(new.room("new", len)?);
        let (isa, rows) = (Isa::current(), self.rows.to());
        let old_image = self.rows.from() * self.columns.from() * self.channels;
        let new_row = self.columns.to() * self.channels;
        pool.run(self.images * rows, |task| {
            let (image, row) = (task / rows, task % rows);
            let kernel = Line {
                resample: self,
                old: &old[image * old_image..][..old_image],
                row,
                // SAFETY: the row is inside the new images.
                new: unsafe { target.ptr().add(task * new_row) },
            };
            dispatch(isa, kernel);
        });
        // SAFETY: every row of every image is written.
        unsafe { new.written(len) };
        Ok(())
    }
}

/// One new row: the sum of old rows, then its columns.
struct Line<'a> {
    resample: &'a Resample,
    old: &'a [f32],
    row: usize,
    new: *mut f32,
}

impl Kernel for Line<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Resample {
            channels,
            ref rows,
            ref columns,
            ..
        } = *self.resample;
        let wide = columns.from() * channels;
        let mut sum = Scratch::take(wide.div_ceil(LANES));
        let sum = sum.as_mut_ptr().cast::<f32>();
        let old = self.old.as_ptr();
        // SAFETY: an axis's runs lie inside its old rows, lengths were checked, and the sum has room for a row of old columns.
        unsafe {
            let first = old.add(rows.first[self.row] * wide);
            weighted::<L>(first, wide, rows.run(self.row), sum, wide);
            for column in 0..columns.to() {
                let first = sum.add(columns.first[column] * channels);
                let to = self.new.add(column * channels);
                weighted::<L>(first, channels, columns.run(column), to, channels);
            }
        }
    }
}

/// Writes the weighted sum of `weights.len()` runs of `length` elements, `step` apart.
///
/// # Safety
/// The runs are readable, `length` elements are writable at `to`.
#[inline(always)]
unsafe fn weighted<L: Lanes>(from: *const f32, step: usize, weights: &[f32], to: *mut f32, length: usize) {
    for block in (0..length).step_by(LANES) {
        let lanes = (length - block).min(LANES);
        let mut sum = L::zero();
        // SAFETY: as the caller promises.
        unsafe {
            for (i, weight) in weights.iter().enumerate() {
                let value = load::<L>(from.add(i * step + block), lanes);
                sum = sum.fma(value, L::splat(*weight));
            }
            store(sum, to.add(block), lanes);
        }
    }
}
