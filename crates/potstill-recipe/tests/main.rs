//! The tests of potstill-recipe in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod explain;
mod messages;
mod methods;
mod overrides;
mod round_trip;
mod schedule;
mod sweeps;
mod teachers;
mod weight_schedule;
