//! The relaxed Bernoulli gate (Maddison, Mnih and Teh 2017; Jang, Gu and Poole 2017), by which a probability is learned.

use burn::tensor::{Tensor, activation::sigmoid};
use potstill_random::Stream;

/// How soft a gate is: the smaller, the nearer to 0 or 1.
pub const TEMPERATURE: f64 = 0.05;

/// A number in `(0, 1)` for a gate, away from the ends, where its logit is infinite.
pub(super) fn uniform(stream: &mut Stream) -> f64 {
    stream.unit().clamp(1e-6, 1.0 - 1e-6)
}

/// A gate with this logit and the uniform draw `u`, each element for itself: `sigmoid((log u - log(1 - u) + logit) / 0.05)`.
/// It is above one half with probability `sigmoid(logit)`.
pub fn relaxed_bernoulli(logit: Tensor<1>, u: f64) -> Tensor<1> {
    sigmoid((logit + logit_of(u)) / TEMPERATURE)
}

/// The same for a logit that nothing is learned about.
pub(super) fn fixed_gate(logit: f64, u: f64) -> f64 {
    1.0 / (1.0 + (-(logit_of(u) + logit) / TEMPERATURE).exp())
}

fn logit_of(u: f64) -> f64 {
    u.ln() - (1.0 - u).ln()
}
