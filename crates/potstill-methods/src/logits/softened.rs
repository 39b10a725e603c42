//! Rows of softened probabilities, and how far one is from another.
//!
//! Logits are multiplied with `1 / T`: the tensor library takes the derivative of a division by a number in single precision.

use burn::tensor::{Int, Tensor, activation::log_softmax};

/// The logarithms of the probabilities of logits `[R, K]`, softened by the temperature.
pub(crate) fn log_softened(logits: Tensor<2>, temperature: f64) -> Tensor<2> {
    log_softmax(logits * (1.0 / temperature), 1)
}

/// `KL(teacher || student)` of each row, `[R]`, of logarithms of probabilities `[R, K]`.
pub(crate) fn divergences(student: Tensor<2>, teacher: Tensor<2>) -> Tensor<1> {
    summed_products(teacher.clone().exp(), teacher - student)
}

/// The cross-entropy of each row with its class, `[R]`, of logarithms of probabilities `[R, K]`.
pub(crate) fn cross_entropies(log: Tensor<2>, classes: Tensor<1, Int>) -> Tensor<1> {
    -log.gather(1, classes.unsqueeze_dim::<2>(1)).squeeze_dim::<1>(1)
}

/// `sum_k a_k b_k` of each row, `[R]`.
pub(crate) fn summed_products(one: Tensor<2>, other: Tensor<2>) -> Tensor<1> {
    (one * other).sum_dim(1).squeeze_dim::<1>(1)
}
