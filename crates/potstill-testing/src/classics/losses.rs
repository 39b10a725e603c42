//! What a method of logits says of rows.

use burn::tensor::{Device, Int, Tensor};
use potstill_methods::{LossTerm, Method, NetworkOutput, TeacherOutput};
use potstill_models::Outputs;
use potstill_ops::Taps;

use crate::networks::{own_terms, terms};

/// A network that gave these logits `[N, K]`.
pub fn of_logits(logits: Tensor<2>) -> NetworkOutput {
    let rows = logits.dims()[0];
    NetworkOutput {
        images: Tensor::zeros([rows, 1, 1, 3], &Device::flex()),
        outputs: Outputs::Logits(logits),
        taps: Taps::default(),
    }
}

/// The loss of a method of logits in an epoch: of the student's and the teacher's `[N, K]`, or of the student's alone.
pub fn loss_of_logits(
    method: &dyn Method,
    student: Tensor<2>,
    teacher: Option<Tensor<2>>,
    labels: &Tensor<1, Int>,
    epoch: usize,
) -> Tensor<1> {
    let student = of_logits(student);
    let found = match teacher {
        Some(logits) => terms(
            "test",
            method,
            &student,
            &TeacherOutput::frozen(of_logits(logits)),
            labels,
            epoch,
        ),
        None => own_terms("test", method, &student, labels, epoch),
    };
    total(found.unwrap())
}

/// The sum of loss terms by their factors.
pub fn total(terms: Vec<LossTerm>) -> Tensor<1> {
    let losses = terms
        .into_iter()
        .filter_map(|term| Some(term.value * term.factor?));
    losses.reduce(|sum, loss| sum + loss).unwrap()
}
