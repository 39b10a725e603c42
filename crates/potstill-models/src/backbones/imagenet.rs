//! What the networks for ImageNet have in common: images of 224x224, 1000 classes.

use super::family::Architecture;
use crate::{ModelEntry, Names, Scheme, blueprint::Blueprint};

/// Where weights of torchvision's networks are.
pub(crate) const TORCHVISION_WEIGHTS: &str = "ImageNet-1k: torchvision (code BSD-3-Clause; for the weights the terms of ImageNet may count: pytorch.org/vision)";

/// Where weights of timm's networks are.
pub(crate) const TIMM_WEIGHTS: &str = "ImageNet-1k and more: huggingface.co/timm (code Apache-2.0; the licence of the weights stands on each model's card)";

/// The names of torchvision, with the last layer at `head`.
pub(crate) const fn torchvision(head: &'static str) -> Names {
    Names::new(Scheme::Torchvision, head)
}

/// The names of timm, with the last layer at `head`.
pub(crate) const fn timm(head: &'static str) -> Names {
    Names::new(Scheme::Timm, head)
}

/// A network for ImageNet.
pub(crate) const fn entry(
    name: &'static str,
    architecture: Architecture,
    names: Names,
    [parameters, macs]: [u64; 2],
    about: &'static str,
) -> ModelEntry {
    let weights = match names.scheme {
        Scheme::Torchvision => TORCHVISION_WEIGHTS,
        Scheme::Timm => TIMM_WEIGHTS,
        _ => "",
    };
    ModelEntry {
        name,
        about,
        input: [224, 224],
        classes: 1000,
        parameters: Some(parameters),
        macs: Some(macs),
        names,
        weights,
        blueprint: Blueprint::Classification(architecture),
    }
}
