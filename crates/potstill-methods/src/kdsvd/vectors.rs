//! Right singular vectors of matrices, and one of them as a function of its matrix.

use burn::tensor::{Tensor, TensorData};
use nalgebra::{DMatrix, SymmetricEigen};

/// How many vectors of the student are looked at for one of the teacher.
const LOOKED_AT: usize = 4;
/// How far the squares of two singular values must be apart, beside the largest, for their vectors to be told apart.
const APART: f64 = 1e-12;

/// The right singular vectors of the matrices of a batch, in double precision: those of the products `X^T X`.
pub(super) struct Vectors {
    /// Of each image the squares of the singular values, largest first, and the vectors in columns.
    images: Vec<(Vec<f64>, DMatrix<f64>)>,
    columns: usize,
    like: Tensor<3>,
}

impl Vectors {
    /// Of matrices `[N, rows, columns]`.
    pub fn of(matrices: &Tensor<3>) -> Self {
        let matrices = matrices.clone().inner();
        let [_, rows, columns] = matrices.dims();
        let numbers: Vec<f64> = matrices.to_data().iter::<f64>().collect();
        let of_image = |numbers: &[f64]| {
            let matrix = DMatrix::from_row_slice(rows, columns, numbers);
            let found = SymmetricEigen::new(matrix.transpose() * &matrix);
            let mut order: Vec<usize> = (0..columns).collect();
            order.sort_by(|&one, &other| found.eigenvalues[other].total_cmp(&found.eigenvalues[one]));
            let squares = order.iter().map(|&at| found.eigenvalues[at].max(0.0)).collect();
            (squares, found.eigenvectors.select_columns(&order))
        };
        Self {
            images: numbers.chunks((rows * columns).max(1)).map(of_image).collect(),
            columns,
            like: matrices,
        }
    }

    /// Numbers as a constant `[N, columns, width]`.
    fn constant(&self, numbers: Vec<f64>, width: usize) -> Tensor<3> {
        let data = TensorData::new(numbers, [self.images.len(), self.columns, width]);
        Tensor::from_data(data, (&self.like.device(), self.like.dtype()))
    }
}

/// The first vector of each image, `[N, columns, 1]`, whose numbers do not sum to less than 0: the decomposition leaves the sign open.
pub(super) fn leading(vectors: &Vectors) -> Tensor<3> {
    let first = vectors.images.iter().flat_map(|(_, columns)| {
        let first = columns.column(0);
        let sign = if first.sum() < 0.0 { -1.0 } else { 1.0 };
        first.iter().map(|value| sign * value).collect::<Vec<_>>()
    });
    vectors.constant(first.collect(), 1)
}

/// Of the first vectors of each of the student's matrices `[N, rows, columns]` that which is most like the teacher's `[N, columns, 1]`, with its sign; a function of the matrix.
///
/// With `A = X^T X` the derivative of its eigenvector `v_i` is the sum over `j != i` of `v_j (v_j^T dA v_i) / (l_i - l_j)`. Here the decomposition is a constant, and to the vector
/// is added this sum with `A` less itself as a constant: 0, with that derivative. Vectors that cannot be told apart have none.
pub(super) fn followed(matrices: Tensor<3>, teacher: &Tensor<3>) -> Tensor<3> {
    let vectors = Vectors::of(&matrices);
    let columns = vectors.columns;
    let theirs: Vec<f64> = teacher.to_data().iter::<f64>().collect();
    let (mut chosen, mut shares, mut bases) = (Vec::new(), Vec::new(), Vec::new());
    for ((squares, found), theirs) in vectors.images.iter().zip(theirs.chunks(columns)) {
        let cosine = |at: usize| {
            found
                .column(at)
                .iter()
                .zip(theirs)
                .map(|(a, b)| a * b)
                .sum::<f64>()
        };
        let looked_at = 0..LOOKED_AT.min(columns);
        let own = looked_at.max_by(|&one, &other| {
            cosine(one)
                .abs()
                .total_cmp(&cosine(other).abs())
                .then(other.cmp(&one))
        });
        let own = own.unwrap_or(0);
        let sign = cosine(own).signum();
        chosen.extend(found.column(own).iter().map(|value| sign * value));
        let share = |other: usize| {
            let apart = squares[own] - squares[other];
            if other == own || apart.abs() <= APART * squares[0] {
                0.0
            } else {
                apart.recip()
            }
        };
        shares.extend((0..columns).map(share));
        bases.extend(found.transpose().iter());
    }
    let own = vectors.constant(chosen, 1);
    let (shares, basis) = (vectors.constant(shares, 1), vectors.constant(bases, columns));
    let products = matrices.clone().swap_dims(1, 2).matmul(matrices);
    let change = products.clone() - products.inner();
    let along = basis.clone().swap_dims(1, 2).matmul(change.matmul(own.clone()));
    own + basis.matmul(along * shares)
}
