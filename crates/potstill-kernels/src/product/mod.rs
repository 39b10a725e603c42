//! Matrix products: packed, blocked for the caches, on every instruction set.

mod ending;
mod frozen;
mod linear;
mod panels;
mod pass;
mod tile;

pub(crate) use panels::{Panels, Right, pack_panel};
pub(crate) use tile::{Strip, multiply};

pub use frozen::PackedLinear;
pub use linear::{LinearEnding, LinearShape};
