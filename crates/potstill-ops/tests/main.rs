//! The tests of potstill-ops in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod affine_warp;
mod attention;
mod cases;
mod conv;
mod copies;
mod enlarging;
mod fast_and_portable;
mod group_norm;
mod initial_values;
mod kd_layer;
mod layers;
mod losses_of_rows;
mod maps;
mod norm;
mod projector;
mod roi_align;
mod threads;
mod transformer_layers;
mod whole_maps;
