//! The augmentation: fourteen probabilities and eleven magnitudes, and what they make of a batch.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid},
};
use potstill_ops::Scope;
use potstill_random::Stream;
use potstill_settings::choice;

use super::{
    bank::Bank,
    operation::{MAGNITUDES, Operation},
    relaxed::{relaxed_bernoulli, uniform},
};

/// How many operations a batch gets.
pub const DRAWN: usize = 4;

choice! {
    /// What the gate of an operation takes as its logit.
    pub enum Gate = Code {
        /// The probability itself, as the authors' code does: an operation is applied with a probability between 0.5 and 0.731.
        Code = "code",
        /// The logit of the probability, so that the probability is what it says.
        Logit = "logit",
    }
}

/// The learned numbers, all 0 at first.
#[derive(Module, Debug)]
pub struct PolicyParameters {
    /// Logits of the probabilities, `[14]`.
    pub probabilities: Param<Tensor<1>>,
    /// Logits of the magnitudes, `[11]`.
    pub magnitudes: Param<Tensor<1>>,
}

impl PolicyParameters {
    /// Every probability and magnitude one half.
    pub fn new(scope: &Scope) -> Self {
        Self {
            probabilities: scope.constant([Operation::ALL.len()], 0.0),
            magnitudes: scope.constant([MAGNITUDES], 0.0),
        }
    }

    /// How probable each operation is, once drawn, and how strong.
    pub fn values(&self, gate: Gate) -> Vec<(Operation, f64, Option<f64>)> {
        let values = |logits: Tensor<1>| -> Vec<f64> { sigmoid(logits.inner()).into_data().iter().collect() };
        let mut probabilities = values(self.probabilities.val());
        if gate == Gate::Code {
            for probability in &mut probabilities {
                *probability = 1.0 / (1.0 + (-*probability).exp());
            }
        }
        let magnitudes = values(self.magnitudes.val());
        let both = Operation::ALL.into_iter().zip(probabilities);
        both.map(|(operation, probability)| {
            let magnitude = magnitudes.get(operation as usize).copied();
            (operation, probability, magnitude)
        })
        .collect()
    }
}

/// The augmentation.
#[derive(Debug, Clone)]
pub struct Augmenter {
    /// What it learns.
    pub strengths: PolicyParameters,
    /// What its gates take.
    pub gate: Gate,
    /// What it applies.
    pub bank: Bank,
}

impl Augmenter {
    /// Pixels `[N, H, W, 3]` in `[0, 1]` with four operations added, each by its own gate. The result is not clipped.
    ///
    /// Every operation sees the original images and adds what it changes: two shifts at once show two ghosts.
    pub fn augment(&self, pixels: Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        self.augment_by(&self.strengths, pixels, stream)
    }

    /// The same without a graph back to the strengths. An autodiff graph without a backward pass is never freed.
    pub fn augment_untracked(&self, pixels: Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        self.augment_by(&self.strengths.valid(), pixels, stream)
    }

    fn augment_by(&self, strengths: &PolicyParameters, pixels: Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        let scale = self.bank.scale();
        let x = scale.normalised(pixels);
        let mut drawn = Operation::ALL;
        stream.shuffle(&mut drawn);
        let changes = drawn.into_iter().take(DRAWN).map(|operation| {
            let gate = self.gate_of(strengths, operation, uniform(stream));
            (gate, self.operated(strengths, operation, &x, stream))
        });
        let changes: Vec<_> = changes.collect();
        scale.pixels(superimposed(&x, changes))
    }

    /// One operation at its present magnitude on normalised images.
    fn operated(
        &self,
        strengths: &PolicyParameters,
        operation: Operation,
        x: &Tensor<4>,
        stream: &mut Stream,
    ) -> Tensor<4> {
        let index = operation as usize;
        let magnitude = (index < MAGNITUDES).then(|| sigmoid(strengths.magnitudes.val().narrow(0, index, 1)));
        self.bank.apply(operation, x, magnitude, stream)
    }

    /// The gate `[1]` of an operation for the uniform draw `u`.
    fn gate_of(&self, strengths: &PolicyParameters, operation: Operation, u: f64) -> Tensor<1> {
        let logit = strengths.probabilities.val().narrow(0, operation as usize, 1);
        let logit = match self.gate {
            Gate::Code => sigmoid(logit),
            Gate::Logit => logit,
        };
        relaxed_bernoulli(logit, u)
    }
}

/// `x + sum of gate (operated - x)`: gates are `[1]`, images `[N, H, W, C]`.
pub fn superimposed(x: &Tensor<4>, changes: Vec<(Tensor<1>, Tensor<4>)>) -> Tensor<4> {
    changes.into_iter().fold(x.clone(), |sum, (gate, operated)| {
        sum + (operated - x.clone()) * gate.reshape([1, 1, 1, 1])
    })
}
