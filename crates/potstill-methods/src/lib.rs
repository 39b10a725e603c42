//! Distillation methods. One method is one file or folder: its options, its modules, its loss, its source.
//!
//! A [`Method`] says what it reads from each network, brings the modules it trains, and turns one training step into loss
//! [`LossTerm`]s. It knows neither the task nor the training loop, and methods are combined by listing them. [`registry`] has
//! one line per method; everything that names methods derives from it.

mod augmentation;
mod cached_tensors;
mod class_map;
mod ctkd;
mod cwd;
mod dist;
mod dkd;
mod ekd;
mod entry;
mod epoch;
mod error;
mod event;
mod fgd;
mod fitnet;
mod info;
mod kd;
mod label_smoothing;
pub mod letkd;
mod levels;
mod logits;
mod method;
mod mgd;
mod nkd;
mod output;
mod part;
mod pkd;
mod plan_context;
mod planned;
mod preparation;
mod registry;
mod review_kd;
mod rld;
mod step;
mod tf_kd;
pub mod tskd;
pub mod tst;
mod ttm;
mod wsld;

pub use augmentation::{Augmented, LearnedAugmentation, SearchOutputs};
pub use cached_tensors::CachedTensors;
pub use class_map::ClassMap;
pub use cwd::{Cwd, channel_wise_divergence};
pub use dkd::decoupled_divergences;
pub use ekd::{Ekd, GuidedStudent, GuidedTeacher, ImitationLoss, at_the_smaller_size, imitation_loss};
pub use entry::{Group, MethodEntry};
pub use epoch::{Moment, StudentEpoch};
pub use error::MethodError;
pub use event::Event;
pub use fgd::{Attention, BoxMasks, ContextBlock, Fgd, FgdTerms, FgdWeights, attention, fgd_terms};
pub use fitnet::{FitNet, hint_loss};
pub use info::{MethodInfo, SearchRound, TargetNeed, TeacherUpdate, TeacherUse};
pub use kd::Kd;
pub use letkd::LetKd;
pub use method::{Method, Reads, TeacherLook};
pub use mgd::{Generator, Mgd, summed_squares};
pub use output::{NetworkOutput, TeacherOutput};
pub use part::{OptimizerGroup, Part};
pub use pkd::{Pkd, correlation_loss};
pub use plan_context::{NetworkInfo, PlanContext};
pub use planned::{PlannedMethod, TeacherRef};
pub use potstill_tasks::{LossTerm, Probabilities, Targets};
pub use preparation::{CacheKey, Flow, PrepareContext, Prepared, TeacherBatch, TrainBatch};
pub use registry::{find, registry, schema};
pub use review_kd::{Abf, ReviewChain, ReviewKd, hierarchical_context_loss};
pub use step::{StepContext, StudentStep, TeacherStep};
pub use tskd::Tskd;
pub use tst::Tst;
