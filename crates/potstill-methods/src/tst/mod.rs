//! **TST**: teaching what you should teach.
//!
//! Shao, Chen, Huang, Gong, Wang and Wu, "Teaching What You Should Teach: A Data-Based Distillation Method", IJCAI 2023. Not the
//! loss changes but the data: an augmentation whose probabilities and magnitudes are learned looks for images that the teacher
//! still gets right and the student does not.

mod affine;
mod augmenter;
mod bank;
mod bank_trainer;
mod closed_form;
mod colour;
mod fit;
mod method;
mod operation;
mod options;
mod pixels;
mod relaxed;
mod search;

pub use affine::AffineNetwork;
pub use augmenter::{Augmenter, DRAWN, Gate, PolicyParameters, superimposed};
pub use bank::{Bank, BankKind, Networks};
pub use bank_trainer::{BATCH, BankEpochs, BankTrainer};
pub use closed_form::closed_form_map;
pub use colour::ColourNetwork;
pub use fit::{BankError, fit};
pub(crate) use method::ENTRY;
pub use method::Tst;
pub use operation::{Kind, MAGNITUDES, Operation};
pub use pixels::PixelRange;
pub use relaxed::{TEMPERATURE, relaxed_bernoulli};
pub use search::{SearchLoss, SearchRate};
