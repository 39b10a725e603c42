//! Right singular vectors of matrices, and one of them as a function of its matrix.

use burn::tensor::{DType, Tensor, TensorData};
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rayon::prelude::*;

/// How many vectors of the student are looked at for one of the teacher.
const LOOKED_AT: usize = 4;

/// How far the squares of two singular values must be apart, beside the largest, for their vectors to be told apart: what the rounding of a
/// map's numbers leaves.
fn apart(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-12,
        DType::F16 | DType::BF16 => 1e-2,
        _ => 1e-6,
    }
}

/// The right singular vectors of one matrix that has any, in double precision.
struct Decomposed {
    /// The squares of the singular values, largest first.
    squares: Vec<f64>,
    /// The vectors, in columns. Those whose square does not count beside the largest are 0.
    vectors: DMatrix<f64>,
}

impl Decomposed {
    /// Of a matrix with numbers by rows: by the products of its columns or of its rows, whichever are fewer. Of the products of rows, `X
    /// X^T u = s^2 u`, the vector is `X^T u / s`.
    fn of(numbers: &[f64], [rows, columns]: [usize; 2], apart: f64) -> Self {
        let kept = rows.min(columns);
        if numbers.iter().any(|number| !number.is_finite()) {
            // The decomposition of these would not end.
            return Self {
                squares: vec![f64::NAN; kept],
                vectors: DMatrix::from_element(columns, kept, f64::NAN),
            };
        }
        let matrix = DMatrix::from_row_slice(rows, columns, numbers);
        let is_wide = rows < columns;
        let products = if is_wide {
            &matrix * matrix.transpose()
        } else {
            matrix.transpose() * &matrix
        };
        let found = SymmetricEigen::new(products);
        let mut order: Vec<usize> = (0..kept).collect();
        order.sort_by(|&one, &other| found.eigenvalues[other].total_cmp(&found.eigenvalues[one]));
        let squares: Vec<f64> = order.iter().map(|&at| found.eigenvalues[at].max(0.0)).collect();
        let own = found.eigenvectors.select_columns(&order);
        let mut vectors = if is_wide { matrix.transpose() * own } else { own };
        for (mut vector, square) in vectors.column_iter_mut().zip(&squares) {
            if *square <= apart * squares[0] {
                vector.fill(0.0);
            } else if is_wide {
                vector /= square.sqrt();
            }
        }
        Self { squares, vectors }
    }

    /// The vector of so many most like another: which it is, and its sign.
    fn most_like(&self, other: &[f64]) -> (usize, f64) {
        let other = DVector::from_column_slice(other);
        let looked_at = self.vectors.column_iter().take(LOOKED_AT);
        let cosines: Vec<f64> = looked_at.map(|vector| vector.dot(&other)).collect();
        let mut best = 0;
        for (at, cosine) in cosines.iter().enumerate() {
            if cosine.abs() > cosines[best].abs() {
                best = at;
            }
        }
        let sign = cosines.get(best).map_or(1.0, |cosine| cosine.signum());
        (best, sign)
    }
}

/// The decompositions of the matrices of a batch.
struct Vectors {
    images: Vec<Decomposed>,
    sides: [usize; 2],
    like: Tensor<3>,
}

impl Vectors {
    /// Of matrices `[N, rows, columns]`.
    fn of(matrices: &Tensor<3>) -> Self {
        let matrices = matrices.clone().inner();
        let [_, rows, columns] = matrices.dims();
        let numbers: Vec<f64> = matrices.to_data().iter::<f64>().collect();
        let images = numbers.par_chunks((rows * columns).max(1));
        let apart = apart(matrices.dtype());
        Self {
            images: images
                .map(|numbers| Decomposed::of(numbers, [rows, columns], apart))
                .collect(),
            sides: [rows, columns],
            like: matrices,
        }
    }

    /// How many vectors a matrix has.
    fn kept(&self) -> usize {
        self.sides[0].min(self.sides[1])
    }

    /// Numbers as a constant `[N, height, width]`.
    fn constant(&self, numbers: Vec<f64>, [height, width]: [usize; 2]) -> Tensor<3> {
        let data = TensorData::new(numbers, [self.images.len(), height, width]);
        Tensor::from_data(data, (&self.like.device(), self.like.dtype()))
    }
}

/// The first vectors of a batch of matrices, whose numbers do not sum to less than 0: the decomposition leaves the sign open.
pub(super) struct Leading {
    /// `[N, columns, 1]`.
    pub vectors: Tensor<3>,
    /// The same, image by image.
    numbers: Vec<f64>,
}

impl Leading {
    /// Of matrices `[N, rows, columns]`.
    pub fn of(matrices: &Tensor<3>) -> Self {
        let found = Vectors::of(matrices);
        let first = found.images.iter().flat_map(|image| {
            let first = image.vectors.column(0);
            let sign = if first.sum() < 0.0 { -1.0 } else { 1.0 };
            first.iter().map(|value| sign * value).collect::<Vec<_>>()
        });
        let numbers: Vec<f64> = first.collect();
        Self {
            vectors: found.constant(numbers.clone(), [found.sides[1], 1]),
            numbers,
        }
    }
}

/// Of the first vectors of each of the student's matrices `[N, rows, columns]` that which is most like the teacher's, with its sign, `[N,
/// columns, 1]`; a function of the matrix.
///
/// With `A = X^T X` the derivative of its eigenvector `v_i` is the sum over `j != i` of `v_j (v_j^T dA v_i) / (l_i - l_j)`; of vectors
/// whose eigenvalue is 0 only what is left of `dA v_i` is needed, `(1 - V V^T) dA v_i / l_i`. Here the decomposition is a constant, and to
/// the vector is added this sum with `dA v_i = d(X^T (X v_i))` less itself as a constant: 0, with that derivative. Vectors that cannot be
/// told apart have none.
pub(super) fn followed(matrices: Tensor<3>, teacher: &Leading) -> Tensor<3> {
    let found = Vectors::of(&matrices);
    let ([_, columns], kept) = (found.sides, found.kept());
    let apart = apart(matrices.dtype());
    let (mut own, mut bases, mut shares, mut rests) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (image, theirs) in found.images.iter().zip(teacher.numbers.chunks(columns)) {
        let Decomposed { squares, vectors } = image;
        let (at, sign) = image.most_like(theirs);
        let least = apart * squares[0];
        let share = |other: usize| {
            let gap = squares[at] - squares[other];
            if other == at || squares[other] <= least || gap.abs() <= least {
                0.0
            } else {
                gap.recip()
            }
        };
        own.extend(vectors.column(at).iter().map(|value| sign * value));
        bases.extend(vectors.transpose().iter());
        shares.extend((0..kept).map(share));
        rests.push(if squares[at] > least {
            squares[at].recip()
        } else {
            0.0
        });
    }
    let own = found.constant(own, [columns, 1]);
    let basis = found.constant(bases, [columns, kept]);
    let (shares, rests) = (found.constant(shares, [kept, 1]), found.constant(rests, [1, 1]));
    let moved = matrices
        .clone()
        .swap_dims(1, 2)
        .matmul(matrices.matmul(own.clone()));
    let change = moved.clone() - moved.inner();
    let along = basis.clone().swap_dims(1, 2).matmul(change.clone());
    let rest = change - basis.clone().matmul(along.clone());
    own + basis.matmul(along * shares) + rest * rests
}
