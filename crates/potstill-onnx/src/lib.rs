//! ONNX files, run as they are, with every tensor of theirs within reach by its name.
//!
//! [`OnnxNetwork::open`] reads a file, [`OnnxNetwork::survey`] runs it once on grey images and tells the shape of every tensor, and
//! [`OnnxNetwork::run`] computes any of them for a batch. Everything is plain slices in the file's own layout (`[N, C, H, W]`); this
//! crate knows no tensor library. The work is done by `rten`. [`write`](mod@write) makes such files, and [`train_graph`] reads a file as a network
//! that trains.

mod allowed;
mod array;
mod branches;
mod budget;
mod constants;
mod cost;
mod error;
mod external;
mod graph;
mod images;
mod metadata;
mod network;
mod order;
mod settings;
mod stepwise;
mod survey;
pub mod train_graph;
mod wire;
pub mod write;

pub use array::Array;
pub use error::OnnxError;
pub use metadata::read_metadata;
pub use network::OnnxNetwork;
pub use survey::Survey;
