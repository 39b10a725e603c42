//! Distillation methods. One method is one file or folder: its options, its modules, its loss, its source.
//!
//! A [`Method`] says what it reads from each network, brings the modules it trains, and turns one training step into loss
//! [`Term`]s. It knows neither the task nor the training loop, and methods are combined by listing them. [`registry`] has
//! one line per method; everything that names methods derives from it.

mod augmentation;
mod ekd;
mod error;
mod ground;
mod kd;
pub mod letkd;
mod memory;
mod method;
mod preparation;
mod registry;
mod review_kd;
pub mod tskd;
pub mod tst;

pub use augmentation::{Augmentation, Round, Trial};
pub use ekd::{Ekd, GuidedHalf, ImitationLoss, TaughtHalf, at_the_smaller_size, imitation_loss};
pub use error::MethodError;
pub use ground::{Ground, Side};
pub use kd::Kd;
pub use letkd::LetKd;
pub use memory::Memory;
pub use method::{Method, Reads, Seen, Step, Teaching, Term};
pub use preparation::{Depends, Flow, Lesson, Practice, Preparation, Prepared, Study};
pub use registry::{MethodEntry, find, registry};
pub use review_kd::{Abf, ReviewChain, ReviewKd, hierarchical_context_loss};
pub use tskd::Tskd;
pub use tst::Tst;
