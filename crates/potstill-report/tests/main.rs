//! The tests of potstill-report in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod compare;
mod pages;
mod papers;
mod records;
mod runs;
mod tensorboard;
mod version_1;
