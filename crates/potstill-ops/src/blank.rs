//! A place without tensors.

use burn::module::Module;

/// A place in a sequence of layers that holds no tensors. PyTorch numbers the activations and pools of a sequence with its other
/// layers; a blank keeps their place, so that the names of the tensors behind it are the published ones.
#[derive(Module, Debug, Default)]
pub struct Blank {}
