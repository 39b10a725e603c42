//! The tests of potstill-metrics in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod details;
mod masks;
mod recorded;
mod segmentation;
mod verification;
mod voc;
