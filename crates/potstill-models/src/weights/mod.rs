//! Weights in and out, strictly.
//!
//! A file is read whole into named tensors ([`TensorFile`]), matched against the network's own names
//! ([`load`]) and applied only if every tensor has found its place; the network is not touched otherwise.

mod load;
mod save;
mod tensor_file;
mod weight_mismatch;

pub use load::{classes_in, load};
pub use save::{save, write_tensors};
pub use tensor_file::{StoredTensor, TensorFile};
pub use weight_mismatch::{ShapeMismatch, WeightMismatch};
