//! **FGD**: focal and global distillation.
//!
//! Yang, Li, Jiang, Gong, Yuan, Zhao and Yuan, "Focal and Global Knowledge Distillation for Detectors", CVPR 2022. Features of objects and of the
//! background are compared apart, where and in which channels the teacher attends to them ([`attention`]); so are both attentions; and the relation of every place to
//! the whole image, by a context block on each side ([`ContextBlock`]). Boxes say what is an object ([`BoxMasks`]).

mod attention;
mod box_masks;
mod context_block;
mod loss;

pub use self::attention::{Attention, attention};
pub use self::box_masks::BoxMasks;
pub use self::context_block::ContextBlock;
pub use self::loss::{FgdTerms, FgdWeights, fgd_terms};
