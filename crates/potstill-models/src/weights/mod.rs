//! Weights in and out, strictly.
//!
//! A file is read whole into named tensors ([`TensorFile`]); the tensors of the network are found in it
//! ([`WeightSet::choose`]), whatever they are called and whatever stands beside them; and they are applied only
//! if every one has found its place ([`WeightSet::load`]). The network is not touched otherwise.

mod archive;
mod asked;
mod backbone_file;
mod candidates;
mod detector_names;
mod file_digest;
mod head;
mod pickle_scan;
mod pytorch;
mod renamed;
mod save;
mod several_sets;
mod tensor_file;
mod timm_names;
mod weight_mismatch;
mod weight_set;

pub use asked::Asked;
pub use file_digest::DIGEST_KEY;
pub use save::{PackedTensors, save, write_tensors};
pub use several_sets::SeveralSets;
pub use tensor_file::{StoredTensor, TensorFile};
pub use weight_mismatch::{ShapeMismatch, WeightMismatch};
pub use weight_set::{WeightSet, load, shortcut_of};
