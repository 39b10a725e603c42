//! Attention without its matrix in memory (Dao et al. 2022): blocks of queries meet blocks of keys, and of each pair of blocks the
//! scores live in the nearest caches only. The forward pass keeps a running maximum and sum for each query; the backward pass works
//! the probabilities out again from the logarithm of that sum.

mod backward;
mod forward;
mod operands;
mod probabilities;
mod shape;

pub use backward::AttentionBackward;
pub use shape::AttentionShape;
