//! The tests of potstill-tasks in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod classification;
mod detection_losses;
mod detection_task;
mod focal_divergence;
mod instances;
mod inverted_losses;
mod multi_label;
mod partial_targets;
mod segmentation;
mod told;
mod two_stage_losses;
