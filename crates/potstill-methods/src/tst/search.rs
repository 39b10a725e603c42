//! What the augmentation minimises, and its learning rate.

use burn::tensor::{DType, Int, Tensor, activation::softmax};
use potstill_tasks::cross_entropy;
use serde::Deserialize;
use serde_json::{Value, json};

/// How much an image fails to teach: the teacher's cross-entropy, and how sure the student is of the true class.
#[derive(Debug, Clone)]
pub struct SearchLoss {
    /// `mean(-log p_teacher(y))`, a tensor with one element.
    pub teacher: Tensor<1>,
    /// `mean(-log(1 - p_student(y) + 1e-8))`.
    pub student: Tensor<1>,
}

impl SearchLoss {
    /// From both networks' logits `[N, K]` and classes `[N]`, in single precision at least.
    pub fn new(student: Tensor<2>, teacher: Tensor<2>, labels: &Tensor<1, Int>) -> Self {
        let (student, teacher) = (precise(student), precise(teacher));
        Self {
            teacher: cross_entropy(teacher, labels.clone(), 0.0),
            student: certainty(student, labels),
        }
    }
}

/// `mean(-log(1 - p(y) + 1e-8))`. What is left of a probability near 1 is added up from the other classes, since a difference
/// from 1 would be nothing but rounding.
fn certainty(logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let classes = logits.dims()[1];
    let all = Tensor::<1, Int>::arange(0..classes as i64, &labels.device());
    let others = all
        .unsqueeze_dim::<2>(0)
        .not_equal(labels.clone().unsqueeze_dim(1))
        .float()
        .cast(logits.dtype());
    let left = (softmax(logits, 1) * others).sum_dim(1);
    -(left + 1e-8).log().mean()
}

fn precise(logits: Tensor<2>) -> Tensor<2> {
    match logits.dtype() {
        DType::F32 | DType::F64 => logits,
        _ => logits.cast(DType::F32),
    }
}

/// The learning rate of a round ("ALRS"): a tenth less after every epoch that gained too little.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct SearchRate {
    rate: f64,
    before: f64,
}

/// The gain, in loss and in share of the loss, below which the rate falls.
const LEAST_GAIN: f64 = 0.02;

impl SearchRate {
    /// The first rate of a round.
    pub fn new(rate: f64) -> Self {
        Self { rate, before: 999.0 }
    }

    /// What a checkpoint keeps of it.
    pub fn state(&self) -> Value {
        json!({ "rate": self.rate, "before": self.before })
    }

    /// The present rate.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Hears the mean loss of an epoch. A loss that rises by more than a fiftieth of itself does not lower the rate.
    pub fn end_epoch(&mut self, loss: f64) {
        let gain = self.before - loss;
        if gain < LEAST_GAIN && gain.abs() / (self.before - 1e-6) < LEAST_GAIN {
            self.rate *= 0.9;
        }
        self.before = loss;
    }
}
