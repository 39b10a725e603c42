//! The tests of potstill-data in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod aspect_groups;
mod coco;
mod formats;
mod image_formats;
mod pil_ops;
mod preprocess;
mod recorded_bits;
