//! Layer norm: rows by their own mean and variance, and the gradients.

use crate::column_sums::total;
use crate::error::{expect_columns, expect_length};
use crate::isa::{Isa, Kernel, LANES, Lanes, dispatch, load, store};
use crate::scratch::{Line, Shared};
use crate::{KernelError, Output, Pool};

/// Rows that one task takes.
const TASK: usize = 64;

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias` on every row of as many numbers as `weight` has.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// Of each column.
    pub weight: &'a [f32],
    /// Of each column.
    pub bias: &'a [f32],
    /// Added to the biased variance.
    pub epsilon: f64,
}

/// What the rows were normalised by.
#[derive(Debug, Clone, Default)]
pub struct RowStatistics {
    /// Of each row.
    pub mean: Vec<f32>,
    /// `1 / sqrt(variance + epsilon)` of each row.
    pub inv_std: Vec<f32>,
}

/// Gradients of the parameters.
#[derive(Debug, Clone)]
pub struct LayerNormGradients {
    /// Of each column.
    pub weight: Vec<f32>,
    /// Of each column.
    pub bias: Vec<f32>,
}

impl LayerNorm<'_> {
    /// Normalises the rows, and tells by what.
    ///
    /// # Errors
    /// [`KernelError::Length`] when the slices do not fit; [`KernelError::Shape`] without columns.
    pub fn forward(
        &self,
        x: &[f32],
        y: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<RowStatistics, KernelError> {
        let (rows, columns) = self.rows_of(x)?;
        let to = y.room("y", x.len())?;
        // SAFETY: there is room for all rows, and all are written.
        unsafe {
            let statistics = self.forward_to(x, [rows, columns], to, pool);
            y.written(x.len());
            Ok(statistics)
        }
    }

    /// # Safety
    /// `x` is these rows, and there is room for as many at `to`.
    unsafe fn forward_to(
        &self,
        x: &[f32],
        [rows, columns]: [usize; 2],
        to: *mut f32,
        pool: &Pool,
    ) -> RowStatistics {
        let out = Shared::at(to);
        let mut statistics = RowStatistics {
            mean: vec![0.0; rows],
            inv_std: vec![0.0; rows],
        };
        let [means, scales] = [&mut statistics.mean, &mut statistics.inv_std].map(|each| Shared::new(each));
        let isa = Isa::current();
        pool.run(rows.div_ceil(TASK), |task| {
            for row in task * TASK..rows.min((task + 1) * TASK) {
                let kernel = Forward {
                    norm: *self,
                    row: &x[row * columns..][..columns],
                    // SAFETY: the row is inside the output.
                    y: unsafe { out.ptr().add(row * columns) },
                };
                let (mean, inv_std) = dispatch(isa, kernel);
                // SAFETY: each row has its statistics.
                unsafe {
                    means.ptr().add(row).write(mean);
                    scales.ptr().add(row).write(inv_std);
                }
            }
        });
        statistics
    }

    /// The gradient of the rows into `dx`, and those of the parameters.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward(
        &self,
        x: &[f32],
        statistics: &RowStatistics,
        dy: &[f32],
        dx: &mut (impl Output + ?Sized),
        pool: &Pool,
    ) -> Result<LayerNormGradients, KernelError> {
        let (rows, _) = self.rows_of(x)?;
        expect_length("dy", x.len(), dy.len())?;
        expect_length("mean", rows, statistics.mean.len())?;
        expect_length("inv_std", rows, statistics.inv_std.len())?;
        let to = dx.room("dx", x.len())?;
        // SAFETY: there is room for all rows, and all are written.
        unsafe {
            let gradients = self.backward_to(x, statistics, dy, to, pool);
            dx.written(x.len());
            Ok(gradients)
        }
    }

    /// # Safety
    /// `x` and `dy` are as many rows as there are statistics, and there is room for as many at `to`.
    unsafe fn backward_to(
        &self,
        x: &[f32],
        statistics: &RowStatistics,
        dy: &[f32],
        to: *mut f32,
        pool: &Pool,
    ) -> LayerNormGradients {
        let (rows, columns) = (statistics.mean.len(), self.weight.len());
        let out = Shared::at(to);
        let width = columns.div_ceil(LANES);
        let tasks = rows.div_ceil(TASK);
        let (mut weights, mut biases) = (vec![Line::ZERO; tasks * width], vec![Line::ZERO; tasks * width]);
        let shared = [&mut weights, &mut biases].map(|lines| Shared::new(lines));
        let isa = Isa::current();
        pool.run(tasks, |task| {
            let rows = task * TASK..rows.min((task + 1) * TASK);
            let elements = rows.start * columns..rows.end * columns;
            let kernel = Backward {
                weight: self.weight,
                x: &x[elements.clone()],
                dy: &dy[elements.clone()],
                mean: &statistics.mean[rows.clone()],
                inv_std: &statistics.inv_std[rows],
                // SAFETY: the rows are inside the gradient.
                dx: unsafe { out.ptr().add(elements.start) },
                // SAFETY: each task has lines of its own.
                sums: shared.map(|lines| unsafe { lines.part(task * width, width) }),
            };
            dispatch(isa, kernel);
        });
        LayerNormGradients {
            weight: total(&weights, width, columns),
            bias: total(&biases, width, columns),
        }
    }

    fn rows_of(&self, x: &[f32]) -> Result<(usize, usize), KernelError> {
        let columns = self.weight.len();
        expect_columns(columns)?;
        expect_length("bias", columns, self.bias.len())?;
        let rows = x.len() / columns;
        expect_length("x", rows * columns, x.len())?;
        Ok((rows, columns))
    }
}

/// The blocks of a row: first column and lanes of each.
#[inline(always)]
fn blocks(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns)
        .step_by(LANES)
        .map(move |block| (block, LANES.min(columns - block)))
}

/// A number in the first lanes, zero in the others.
#[inline(always)]
fn lanes_of<L: Lanes>(number: f32, lanes: usize) -> L {
    if lanes == LANES {
        return L::splat(number);
    }
    let all: [f32; LANES] = std::array::from_fn(|lane| if lane < lanes { number } else { 0.0 });
    // SAFETY: there are sixteen.
    unsafe { L::load(all.as_ptr()) }
}

struct Forward<'a> {
    norm: LayerNorm<'a>,
    row: &'a [f32],
    y: *mut f32,
}

impl Kernel for Forward<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<L: Lanes>(self) -> (f32, f32) {
        let (x, columns) = (self.row.as_ptr(), self.row.len());
        let mut sum = L::zero();
        for (block, lanes) in blocks(columns) {
            // SAFETY: as many are left in the row as are read.
            sum = sum.add(unsafe { load::<L>(x.add(block), lanes) });
        }
        let mean = sum.total() / columns as f32;
        let mut squares = L::zero();
        for (block, lanes) in blocks(columns) {
            let centre = lanes_of::<L>(mean, lanes);
            // SAFETY: as above. Lanes behind the row are zero, and so is their distance.
            let off = unsafe { load::<L>(x.add(block), lanes) }.sub(centre);
            squares = squares.fma(off, off);
        }
        let variance = f64::from(squares.total()) / columns as f64;
        let inv_std = (1.0 / (variance + self.norm.epsilon).sqrt()) as f32;
        let (centre, scale) = (L::splat(mean), L::splat(inv_std));
        for (block, lanes) in blocks(columns) {
            // SAFETY: as many are left in all four as are read and written.
            unsafe {
                let normal = load::<L>(x.add(block), lanes).sub(centre).mul(scale);
                let weight = load::<L>(self.norm.weight.as_ptr().add(block), lanes);
                let bias = load::<L>(self.norm.bias.as_ptr().add(block), lanes);
                store(bias.fma(normal, weight), self.y.add(block), lanes);
            }
        }
        (mean, inv_std)
    }
}

struct Backward<'a> {
    weight: &'a [f32],
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    inv_std: &'a [f32],
    dx: *mut f32,
    /// Of the weight's gradient and of the bias's.
    sums: [&'a mut [Line]; 2],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            weight,
            sums: [of_weight, of_bias],
            ..
        } = self;
        let columns = weight.len();
        for (row, (&mean, &inv_std)) in self.mean.iter().zip(self.inv_std).enumerate() {
            let (centre, scale) = (L::splat(mean), L::splat(inv_std));
            // SAFETY: both have this row.
            let [x, dy] = [self.x, self.dy].map(|rows| unsafe { rows.as_ptr().add(row * columns) });
            let (mut level, mut along) = (L::zero(), L::zero());
            for (block, lanes) in blocks(columns) {
                // SAFETY: as many are left in all three as are read; a line has sixteen elements.
                unsafe {
                    let dy = load::<L>(dy.add(block), lanes);
                    let normal = load::<L>(x.add(block), lanes).sub(centre).mul(scale);
                    let slope = dy.mul(load(weight.as_ptr().add(block), lanes));
                    level = level.add(slope);
                    along = along.fma(slope, normal);
                    let to = of_weight[block / LANES].0.as_mut_ptr();
                    L::load(to).fma(dy, normal).store(to);
                    let to = of_bias[block / LANES].0.as_mut_ptr();
                    L::load(to).add(dy).store(to);
                }
            }
            let level = L::splat(level.total() / columns as f32);
            let along = L::splat(-along.total() / columns as f32);
            for (block, lanes) in blocks(columns) {
                // SAFETY: as many are left in all four as are read and written.
                unsafe {
                    let normal = load::<L>(x.add(block), lanes).sub(centre).mul(scale);
                    let slope = load::<L>(dy.add(block), lanes).mul(load(weight.as_ptr().add(block), lanes));
                    let dx = slope.sub(level).fma(normal, along).mul(scale);
                    store(dx, self.dx.add(row * columns + block), lanes);
                }
            }
        }
    }
}
