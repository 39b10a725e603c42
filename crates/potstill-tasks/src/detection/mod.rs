//! **Detection**: every image has objects, each with a class and a box.

mod columns;
mod decoded;
mod default_box_loss;
mod dense_loss;
mod objects;
mod one_scale_loss;
mod overlap_loss;
mod rows;
mod smooth_l1;

pub use decoded::decoded_corners;
pub use default_box_loss::default_box_losses;
pub use dense_loss::{AnchorOutputs, fcos_losses, retinanet_losses};
pub use objects::ImageObjects;
pub use one_scale_loss::{CellOutputs, ONE_SCALE_WEIGHTS, one_scale_losses};
pub use overlap_loss::overlap_losses;
pub use smooth_l1::smooth_l1;
