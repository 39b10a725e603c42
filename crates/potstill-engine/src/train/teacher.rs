//! A teacher of a run.

use std::cell::OnceCell;

use potstill_methods::TeacherUpdate;
use potstill_models::{FrozenModel, LinearHead, Model};
use potstill_ops::Mode;

use super::teacher_cache::TeacherCache;
use crate::network_input::NetworkInput;

/// A teacher of a run, and how it takes an image.
pub(crate) struct LiveTeacher {
    /// What phases and checkpoints call it.
    pub name: String,
    pub network: TeacherNetwork,
    /// How it trains.
    pub update: TeacherUpdate,
    /// In what mode a frozen one runs. An online one trains, by the statistics of the batch.
    pub mode: Mode,
    pub input: NetworkInput,
    /// The classifier of a frozen one, once a method has read it.
    pub head: OnceCell<Option<LinearHead>>,
    /// What a frozen one said about augmented images, if that is kept.
    pub cache: Option<TeacherCache>,
}

/// A teacher that stays as it is, or one that trains.
#[allow(clippy::large_enum_variant, reason = "there are one or two of them")]
pub(crate) enum TeacherNetwork {
    Frozen(FrozenModel),
    Online(Model),
}

impl LiveTeacher {
    /// Whether it trains beside the student.
    pub fn is_online(&self) -> bool {
        matches!(self.network, TeacherNetwork::Online(_))
    }
}

impl TeacherNetwork {
    /// The teacher as it is now.
    pub fn frozen(&self) -> FrozenModel {
        match self {
            Self::Frozen(network) => network.clone(),
            Self::Online(network) => FrozenModel::from(network),
        }
    }
}
