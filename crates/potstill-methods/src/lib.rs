//! Distillation methods. One method is one file or folder: its options, its modules, its loss, its source.
//!
//! A [`Method`] says what it reads from each network, brings the modules it trains, and turns one training step into loss
//! [`LossTerm`]s. It knows neither the task nor the training loop, and methods are combined by listing them. [`registry`] has
//! one line per method; everything that names methods derives from it.

mod augmentation;
mod ekd;
mod error;
mod kd;
pub mod letkd;
mod memory;
mod method;
mod plan_context;
mod preparation;
mod registry;
mod review_kd;
pub mod tskd;
pub mod tst;

pub use augmentation::{Augmentation, SearchOutputs, SearchRound};
pub use ekd::{Ekd, GuidedStudent, GuidedTeacher, ImitationLoss, at_the_smaller_size, imitation_loss};
pub use error::MethodError;
pub use kd::Kd;
pub use letkd::LetKd;
pub use memory::Memory;
pub use method::{LossTerm, Method, NetworkOutput, Reads, StepContext, TeacherUpdate};
pub use plan_context::{NetworkInfo, PlanContext};
pub use preparation::{CacheKey, Flow, Preparation, PrepareContext, Prepared, TeacherBatch, TrainBatch};
pub use registry::{MethodEntry, find, registry};
pub use review_kd::{Abf, ReviewChain, ReviewKd, hierarchical_context_loss};
pub use tskd::Tskd;
pub use tst::Tst;
