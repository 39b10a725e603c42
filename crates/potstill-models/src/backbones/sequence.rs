//! PyTorch's `Sequential` of convolutions, batch norms and activations.
//!
//! Its tensors are named by their place, and activations have a place too: 0 convolution, 1 batch norm, 2
//! activation, 3 convolution, …

use burn::module::Module;
use potstill_ops::{BatchNorm, Conv2d, Conv2dConfig, Scope};

/// The places of a sequence; an activation leaves its place empty.
pub(crate) type Sequence = Vec<Option<Layer>>;

/// What has tensors.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "half of the layers are the large one")]
pub(crate) enum Layer {
    Conv(Conv2d),
    Norm(BatchNorm),
}

/// A sequence of these convolutions, each with its batch norm and a place for an activation.
pub(crate) fn sequence(
    convolutions: impl IntoIterator<Item = Conv2dConfig>,
    initial: fn(Conv2dConfig, &Scope) -> Conv2d,
    scope: &Scope,
) -> Sequence {
    let activated = convolutions.into_iter().map(|config| (config, true));
    sequence_with(activated, initial, scope)
}

/// A sequence of these convolutions, each with its batch norm, and with a place for an activation where there
/// is one.
pub(crate) fn sequence_with(
    convolutions: impl IntoIterator<Item = (Conv2dConfig, bool)>,
    initial: fn(Conv2dConfig, &Scope) -> Conv2d,
    scope: &Scope,
) -> Sequence {
    let mut places = Sequence::new();
    for (config, activated) in convolutions {
        let conv = initial(config, &scope.at(places.len()));
        places.push(Some(Layer::Conv(conv)));
        let norm = BatchNorm::new(config.outputs, &scope.at(places.len()));
        places.push(Some(Layer::Norm(norm)));
        if activated {
            places.push(None);
        }
    }
    places
}

/// The convolutions with their batch norms, in order.
pub(crate) fn units(sequence: &Sequence) -> impl Iterator<Item = (&Conv2d, &BatchNorm)> {
    let layers = || sequence.iter().flatten();
    let convolutions = layers().filter_map(|layer| match layer {
        Layer::Conv(conv) => Some(conv),
        Layer::Norm(_) => None,
    });
    let norms = layers().filter_map(|layer| match layer {
        Layer::Norm(norm) => Some(norm),
        Layer::Conv(_) => None,
    });
    convolutions.zip(norms)
}
