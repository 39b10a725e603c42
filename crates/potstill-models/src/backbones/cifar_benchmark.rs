//! What the networks of the CIFAR-100 distillation benchmark have in common (Tian, Krishnan and Isola 2020,
//! section 4).

use potstill_ops::{Conv2d, Conv2dConfig, Scope};

use super::family::Architecture;
use crate::{ModelEntry, Names, Scheme, blueprint::Blueprint};

/// The benchmark's names, with the last layer at `head`.
pub(crate) const fn names(head: &'static str) -> Names {
    Names::new(Scheme::DistillationBenchmark, head)
}

/// A network of the benchmark: images of 32x32, 100 classes.
pub(crate) const fn entry(
    name: &'static str,
    architecture: Architecture,
    names: Names,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    ModelEntry {
        name,
        about,
        input: [32, 32],
        classes: 100,
        parameters: Some(parameters),
        macs: Some(macs),
        names,
        weights: "CIFAR-100: github.com/HobbitLong/RepDistiller (code BSD-2-Clause; nothing is said about the weights)",
        blueprint: Blueprint::Classification(architecture),
    }
}

/// The initial values of most of its convolutions: normal with variance `2 / (kh kw outputs)`, whatever the
/// groups; bias 0.
pub(crate) fn by_outputs(config: Conv2dConfig, scope: &Scope) -> Conv2d {
    let fan = config.kernel[0] * config.kernel[1] * config.outputs;
    Conv2d::normal(config, (2.0 / fan as f64).sqrt(), scope)
}
