//! The tests of potstill-cli in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod checkpoints;
mod commands;
mod data_sets;
mod detection;
mod evaluation;
mod explain;
mod hostile;
mod interrupts;
mod onnx_export;
mod onnx_students;
mod predict;
mod recipes;
mod score;
mod sweeps;
mod teachers;
mod tuning;
mod verify;
mod weights;
