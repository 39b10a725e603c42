//! **TST**: teaching what you should teach.
//!
//! Shao, Chen, Huang, Gong, Wang and Wu, "Teaching What You Should Teach: A Data-Based Distillation Method", IJCAI 2023. Not the
//! loss changes but the data: an augmentation whose probabilities and magnitudes are learned looks for images that the teacher
//! still gets right and the student does not.

mod affine;
mod apprenticeship;
mod augmenter;
mod bank;
mod bytes;
mod closed_form;
mod colour;
mod fit;
mod method;
mod operation;
mod options;
mod relaxed;
mod search;

pub use affine::AffineNetwork;
pub use apprenticeship::{Apprenticeship, BATCH, Lengths};
pub use augmenter::{Augmenter, DRAWN, Gate, Strengths, superimposed};
pub use bank::{Bank, Forms, Networks};
pub use bytes::Scale;
pub use closed_form::closed_form_map;
pub use colour::ColourNetwork;
pub use fit::{Fit, fit};
pub use method::Tst;
pub use operation::{Kind, MAGNITUDES, Operation};
pub use relaxed::{TEMPERATURE, relaxed_bernoulli};
pub use search::{SearchLoss, SearchRate};
