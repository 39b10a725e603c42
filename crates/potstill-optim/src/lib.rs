//! Optimisers that equal PyTorch's, step for step, and gradient clipping.
//!
//! The state of an [`Optimizer`] is kept by parameter *name*, so that a checkpoint is an ordinary tensor file and a resumed run finds
//! its momentum whatever identities the parameters have in this process. Learning rates come from outside, step by step.
//!
//! Each rule has two forms, as layers have: one sweep of a kernel over numbers where they lie, for `f32` on the CPU, and plain
//! tensor operations for everything else.

mod adam;
mod clip;
mod dot;
mod optimizer;
mod sgd;

pub use adam::Adam;
pub use clip::{GlobalNorm, clip_by_global_norm};
pub use dot::Dot;
pub use optimizer::{Optimizer, ParameterState};
pub use sgd::Sgd;
