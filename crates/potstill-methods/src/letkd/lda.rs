//! Linear discriminant analysis, by whitening and a singular value decomposition, in double precision.
//!
//! The usual library's SVD solver: within-class covariance `S_w` over `n - C`, `W` with `W^T S_w W = I`, and the right singular vectors
//! of the rows `sqrt(n pi_c / (C - 1)) (m_c - mean) W` in decreasing order. Distances after the projection are Mahalanobis distances.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::rows::Rows;
use crate::MethodError;

/// An affine map to the directions that tell classes apart.
#[derive(Debug, Clone)]
pub struct Discriminants {
    /// `[D, r]`: the directions, most telling first.
    pub projection: DMatrix<f64>,
    /// `[D]`: the mean over classes by their frequency.
    pub mean: DVector<f64>,
    /// How much of the variance between classes each direction has.
    pub shares: Vec<f64>,
}

/// Relative size below which a direction is none.
const TOLERANCE: f64 = 1e-4;

impl Discriminants {
    /// Analyses rows with the class of each; `each` reads them a range at a time. None if there are fewer than two classes, or as few
    /// rows as classes.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub fn of(
        rows: &mut dyn Rows,
        class: &dyn Fn(usize) -> usize,
        classes: usize,
    ) -> Result<Option<Self>, MethodError> {
        let sums = Sums::of(rows, class, classes)?;
        Ok(sums.and_then(Sums::analyse))
    }

    /// The first directions, at most `count`: `[D, r]` row-major, and what is added after the product, `[r]`.
    pub fn affine(&self, count: usize) -> (Vec<f32>, Vec<f32>) {
        let kept = self.projection.columns(0, count.min(self.projection.ncols()));
        let offset = -(kept.transpose() * &self.mean);
        let rows = kept
            .row_iter()
            .flat_map(|row| row.iter().copied().collect::<Vec<_>>());
        (
            rows.map(|value| value as f32).collect(),
            offset.iter().map(|&value| value as f32).collect(),
        )
    }
}

/// What one pass over the rows adds up, all relative to a shift near the mean, which keeps the digits.
struct Sums {
    shift: DVector<f64>,
    total: usize,
    counts: Vec<usize>,
    /// `[D, C]`
    by_class: DMatrix<f64>,
    /// `[D, D]`
    products: DMatrix<f64>,
}

impl Sums {
    fn of(
        rows: &mut dyn Rows,
        class: &dyn Fn(usize) -> usize,
        classes: usize,
    ) -> Result<Option<Self>, MethodError> {
        const AT_ONCE: usize = 2048;
        let (total, columns) = (rows.rows(), rows.columns());
        let mut sums: Option<Self> = None;
        for first in (0..total).step_by(AT_ONCE) {
            let values = rows.read(first, AT_ONCE.min(total - first))?;
            let count = values.len() / columns;
            // Row-major rows are the columns of a column-major matrix.
            let mut block = DMatrix::from_iterator(columns, count, values.into_iter().map(f64::from));
            let sums = sums.get_or_insert_with(|| Self {
                shift: block.column_mean(),
                total,
                counts: vec![0; classes],
                by_class: DMatrix::zeros(columns, classes),
                products: DMatrix::zeros(columns, columns),
            });
            for (i, mut column) in block.column_iter_mut().enumerate() {
                column -= &sums.shift;
                let class = class(first + i);
                if class < classes {
                    sums.counts[class] += 1;
                    let mut sum = sums.by_class.column_mut(class);
                    sum += &column;
                }
            }
            sums.products.gemm(1.0, &block, &block.transpose(), 1.0);
        }
        Ok(sums)
    }

    fn analyse(self) -> Option<Discriminants> {
        let Self {
            shift,
            total,
            counts,
            by_class,
            products,
        } = self;
        let present: Vec<usize> = (0..counts.len()).filter(|&class| counts[class] > 0).collect();
        if present.len() < 2 || total <= present.len() {
            return None;
        }
        let count = |class: usize| counts[class] as f64;
        let means = DMatrix::from_columns(
            &present
                .iter()
                .map(|&class| by_class.column(class) / count(class))
                .collect::<Vec<_>>(),
        );
        let mut within = products;
        for (mean, &class) in means.column_iter().zip(&present) {
            within.ger(-count(class), &mean, &mean, 1.0);
        }
        within /= (total - present.len()) as f64;
        let whitening = whitening(&within)?;
        let mean: DVector<f64> = by_class.column_sum() / total as f64;
        let spread = (present.len() - 1) as f64;
        let weighted = means.column_iter().zip(&present);
        let between = weighted.map(|(of_class, &class)| (of_class - &mean) * (count(class) / spread).sqrt());
        // `[r, C]`: its left singular vectors are the right ones of the rows.
        let between = whitening.transpose() * DMatrix::from_columns(&between.collect::<Vec<_>>());
        let decomposed = between.svd(true, false);
        let (singular, vectors) = (decomposed.singular_values, decomposed.u?);
        let mut order: Vec<usize> = (0..singular.len()).collect();
        order.sort_by(|&a, &b| singular[b].total_cmp(&singular[a]));
        order.retain(|&i| singular[i] > TOLERANCE * singular.max());
        let directions: Vec<_> = order
            .iter()
            .map(|&i| signed(&whitening * vectors.column(i)))
            .collect();
        if directions.is_empty() {
            return None;
        }
        let all = singular.norm_squared();
        Some(Discriminants {
            projection: DMatrix::from_columns(&directions),
            mean: mean + shift,
            shares: order.iter().map(|&i| singular[i].powi(2) / all).collect(),
        })
    }
}

/// `W` with `W^T S W = I` over the directions in which `S` is not nothing, each feature measured by its own deviation.
fn whitening(within: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let deviation = within
        .diagonal()
        .map(|variance| if variance > 0.0 { variance.sqrt() } else { 1.0 });
    let scaled = DMatrix::from_fn(within.nrows(), within.ncols(), |i, j| {
        within[(i, j)] / (deviation[i] * deviation[j])
    });
    let eigen = SymmetricEigen::new(scaled);
    let kept = (0..eigen.eigenvalues.len()).filter(|&i| eigen.eigenvalues[i] > TOLERANCE.powi(2));
    let columns: Vec<_> = kept
        .map(|i| eigen.eigenvectors.column(i).component_div(&deviation) / eigen.eigenvalues[i].sqrt())
        .collect();
    (!columns.is_empty()).then(|| DMatrix::from_columns(&columns))
}

/// A direction with its largest entry positive: which of both it is must not hang on the decomposition.
fn signed(direction: DVector<f64>) -> DVector<f64> {
    let largest = direction[direction.iamax()];
    if largest < 0.0 { -direction } else { direction }
}
