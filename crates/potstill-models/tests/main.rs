//! The tests of potstill-models in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod archives;
mod backbone_weights;
mod backbones;
mod cifar_zoo;
mod dense;
mod documentation;
mod fast_and_portable;
mod formula;
mod hostile_weights;
mod imagenet;
mod inserted;
mod linear_head;
mod names;
mod one_piece;
mod one_stage;
mod onnx_export;
mod onnx_export_files;
mod onnx_outputs;
mod onnx_read;
mod onnx_read_operators;
mod onnx_sketch;
mod onnx_student_networks;
mod onnx_students;
mod own_network;
mod points;
mod reference;
mod registry;
mod segmenters;
mod teachers;
mod timm_names;
mod two_stage;
mod variants;
mod weight_sets;
mod weights;
