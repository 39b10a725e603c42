//! The tests of potstill-methods in one program: each program that links the tensor library takes a
//! link of its own and much room on the disk. `cargo xtask check` holds this list to the folder.

mod crd;
mod dense_losses;
mod ekd;
mod ekd_invariants;
mod ekd_plan;
mod heads;
mod ignored_pixels;
mod json_schema;
mod kd;
mod letkd;
mod letkd_offline;
mod letkd_plan;
mod logit_values;
mod logits;
mod logits_invariants;
mod logits_plan;
mod maps;
mod maps_invariants;
mod maps_plan;
mod masked_maps;
mod options;
mod review_kd;
mod review_kd_invariants;
mod review_kd_plan;
mod single_precision;
mod tasks;
mod tskd;
mod tskd_forecaster;
mod tskd_invariants;
mod tskd_plan;
mod tst;
mod tst_bank;
mod tst_invariants;
mod uskd;
