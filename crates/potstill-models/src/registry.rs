//! Every network by name.
//!
//! An entry tells all that can be told without building the network: building a large one takes seconds. Its numbers are held
//! to what a build gives by a test. Lists, completions and documentation come from these entries.

use potstill_ops::{Point, Scope};

use crate::{
    LastStage, Model, ModelError, Names, Shortcut, StageEnd,
    backbones::{Architecture, FAMILIES, NetworkIo},
};

/// One network that can be built by name.
#[derive(Debug, Clone, Copy)]
pub struct ModelEntry {
    /// The name in recipes and on the command line.
    pub name: &'static str,
    /// What it is, in a line, with its source.
    pub about: &'static str,
    /// The input's height and width that the published network takes; others work where the maps do not vanish.
    pub input: [usize; 2],
    /// Classes of the published network.
    pub classes: usize,
    /// Trainable parameters of the published network.
    pub parameters: u64,
    /// Multiply-accumulate operations for one image of the published input; twice as many floating-point operations.
    pub macs: u64,
    /// What its tensors are called.
    pub names: Names,
    /// Known public weights and what their licence is, in a line; empty if none are known.
    pub weights: &'static str,
    /// What is built.
    pub(crate) architecture: Architecture,
}

/// What a user decides about a network.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuildOptions {
    /// Output classes; the published number if none.
    pub classes: Option<usize>,
    /// Image channels; 3 if none.
    pub channels: Option<usize>,
    /// The shortcut of a residual network for small images; the published one if none.
    pub shortcut: Option<Shortcut>,
}

/// Every network, in the order of the documentation.
pub fn registry() -> impl Iterator<Item = &'static ModelEntry> + Clone {
    FAMILIES.iter().copied().flatten()
}

/// The network with this name.
///
/// # Errors
/// [`ModelError::UnknownModel`] with the nearest name.
pub fn find(name: &str) -> Result<&'static ModelEntry, ModelError> {
    registry().find(|entry| entry.name == name).ok_or_else(|| {
        let hint = match potstill_base::nearest(name, registry().map(|entry| entry.name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "and none has a name like it".into(),
        };
        ModelError::UnknownModel {
            name: name.into(),
            hint,
        }
    })
}

impl ModelEntry {
    /// Builds the network with fresh weights from the scope's streams.
    ///
    /// # Errors
    /// An option that the network does not have, or a number that makes no network.
    pub fn build(&self, options: BuildOptions, scope: &Scope) -> Result<Model, ModelError> {
        let ends = NetworkIo {
            channels: options.channels.unwrap_or(3),
            classes: options.classes.unwrap_or(self.classes),
        };
        let NetworkIo { channels, classes } = ends;
        if classes == 0 || channels == 0 {
            let what = format!("{classes} classes and {channels} image channels: both must be at least 1");
            return Err(ModelError::Impossible {
                model: self.name.into(),
                what,
            });
        }
        let architecture = match options.shortcut {
            None => self.architecture,
            Some(shortcut) => {
                let chosen = self.architecture.with_shortcut(shortcut);
                chosen.map_err(|reason| ModelError::Option {
                    model: self.name.into(),
                    option: format!("shortcut = \"{shortcut}\""),
                    reason,
                })?
            }
        };
        Ok(Model::new(*self, architecture, ends, scope))
    }

    /// Where the stem ends: the first map of the network, after its activation.
    pub fn stem(&self) -> Point {
        self.architecture.stem()
    }

    /// Where the stages end, shallow to deep, and the pooled embedding.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        self.architecture.stage_ends()
    }
    /// The ends of the last stage.
    pub fn last_stage(&self) -> LastStage {
        self.architecture.last_stage()
    }
}
