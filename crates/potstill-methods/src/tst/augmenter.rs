//! The augmentation: fourteen probabilities and eleven magnitudes, and what they make of a batch.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::sigmoid},
};
use potstill_ops::{Scope, affine_warp};
use potstill_random::Stream;
use potstill_settings::choice;

use super::{
    affine::IDENTITY,
    bank::Bank,
    colour::constant,
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

    fn logits(&self) -> Logits {
        Logits {
            probabilities: self.probabilities.val(),
            magnitudes: self.magnitudes.val(),
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

/// The learned numbers of one use.
struct Logits {
    probabilities: Tensor<1>,
    magnitudes: Tensor<1>,
}

/// Where a logit is cut in images with targets that have places.
const LARGEST_LOGIT: f64 = 10.0;

impl Logits {
    fn clamped(self) -> Self {
        let clamp = |logits: Tensor<1>| logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT);
        Self {
            probabilities: clamp(self.probabilities),
            magnitudes: clamp(self.magnitudes),
        }
    }

    /// The magnitude `[1]` of an operation that has one.
    fn magnitude(&self, operation: Operation) -> Option<Tensor<1>> {
        let index = operation as usize;
        (index < MAGNITUDES).then(|| sigmoid(self.magnitudes.clone().narrow(0, index, 1)))
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
        self.augment_by(&self.strengths.logits(), pixels, stream)
    }

    /// The same without a graph back to the strengths. An autodiff graph without a backward pass is never freed.
    pub fn augment_untracked(&self, pixels: Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        self.augment_by(&self.strengths.valid().logits(), pixels, stream)
    }

    /// The same for images with targets that have places, tracked if the strengths are to learn: what changes tones is added first, and
    /// all that moves places makes one map for each image, by which the result is read once, 0 outside. The pixels, and the maps
    /// `[N, 2, 3]` by which targets are moved.
    ///
    /// The map is `I + sum of gate (A - I)` over the drawn operations on places. Logits of magnitudes and probabilities are cut at
    /// -10 and 10, as in the authors' program for detectors.
    pub fn augment_once(
        &self,
        pixels: Tensor<4>,
        stream: &mut Stream,
        learns: bool,
    ) -> (Tensor<4>, Tensor<3>) {
        let logits = if learns {
            self.strengths.logits()
        } else {
            self.strengths.valid().logits()
        };
        let logits = logits.clamped();
        let scale = self.bank.scale();
        let x = scale.normalised(pixels);
        let identity = identity_maps(&x);
        let (mut toned, mut maps) = (x.clone(), identity.clone());
        for operation in drawn(stream) {
            let gate = self.gate_of(&logits, operation, uniform(stream));
            let magnitude = logits.magnitude(operation);
            let moved = magnitude.and_then(|magnitude| self.bank.maps(operation, &x, magnitude, stream));
            if let Some(moved) = moved {
                maps = maps + (moved - identity.clone()) * gate.reshape([1, 1, 1]);
                continue;
            }
            let operated = self.operated(&logits, operation, &x, stream);
            toned = toned + (operated - x.clone()) * gate.reshape([1, 1, 1, 1]);
        }
        let warped = affine_warp(toned, maps.clone());
        (scale.pixels(warped), maps.inner())
    }

    fn augment_by(&self, logits: &Logits, pixels: Tensor<4>, stream: &mut Stream) -> Tensor<4> {
        let scale = self.bank.scale();
        let x = scale.normalised(pixels);
        let changes = drawn(stream).map(|operation| {
            let gate = self.gate_of(logits, operation, uniform(stream));
            (gate, self.operated(logits, operation, &x, stream))
        });
        scale.pixels(superimposed(&x, changes.into()))
    }

    /// One operation at its present magnitude on normalised images.
    fn operated(
        &self,
        logits: &Logits,
        operation: Operation,
        x: &Tensor<4>,
        stream: &mut Stream,
    ) -> Tensor<4> {
        self.bank.apply(operation, x, logits.magnitude(operation), stream)
    }

    /// The gate `[1]` of an operation for the uniform draw `u`.
    fn gate_of(&self, logits: &Logits, operation: Operation, u: f64) -> Tensor<1> {
        let logit = logits.probabilities.clone().narrow(0, operation as usize, 1);
        let logit = match self.gate {
            Gate::Code => sigmoid(logit),
            Gate::Logit => logit,
        };
        relaxed_bernoulli(logit, u)
    }
}

/// The operations that a batch gets, in the order of their draws.
fn drawn(stream: &mut Stream) -> [Operation; DRAWN] {
    let mut all = Operation::ALL;
    stream.shuffle(&mut all);
    std::array::from_fn(|place| all[place])
}

/// The maps `[N, 2, 3]` that leave images where they are.
fn identity_maps(x: &Tensor<4>) -> Tensor<3> {
    let identity: Tensor<3> = constant(&IDENTITY, [1, 2, 3], x);
    identity.expand([x.dims()[0], 2, 3])
}

/// `x + sum of gate (operated - x)`: gates are `[1]`, images `[N, H, W, C]`.
pub fn superimposed(x: &Tensor<4>, changes: Vec<(Tensor<1>, Tensor<4>)>) -> Tensor<4> {
    changes.into_iter().fold(x.clone(), |sum, (gate, operated)| {
        sum + (operated - x.clone()) * gate.reshape([1, 1, 1, 1])
    })
}
