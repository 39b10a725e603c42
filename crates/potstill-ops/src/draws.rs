//! What a forward pass may draw: dropout.

use potstill_random::{Seed, Stream};

/// The draws of a network in one step of a training. Who passes through it in the same step draws the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draws {
    seed: Seed,
    owner: String,
    counters: [u64; 2],
}

impl Draws {
    /// Those of the network that methods and checkpoints call `owner`, in this epoch and step of it.
    pub fn new(seed: Seed, owner: &str, epoch: usize, step: usize) -> Self {
        Self {
            seed,
            owner: owner.into(),
            counters: [epoch as u64, step as u64],
        }
    }

    /// The stream of a layer.
    pub(crate) fn stream(&self, layer: &str) -> Stream {
        let name = format!("{}.dropout.{layer}", self.owner);
        self.seed.stream(&name, &self.counters)
    }
}
