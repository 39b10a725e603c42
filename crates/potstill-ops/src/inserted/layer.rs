//! Which layers can be put into a network: how each is described, built and run.
//!
//! A new kind of layer is a variant of [`LayerConfig`] and of [`Layer`], and an arm in each `match` of this
//! file. Passes, networks, probes, checkpoints and the `config.json` of a student go through these two enums
//! and know no kind by name.

use std::fmt;

use burn::module::Module;
use serde::{Deserialize, Serialize};

use crate::{ForwardPass, KdLayer, Point, Projector, Scope};

/// A layer that is to be put into a network, and where. In a `config.json` it is one flat table:
/// `{"path": "letkd.penultimate", "point": "layer3.2", "kind": "kd-layer", "templates": 64, "alpha": 1.0}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Insertion {
    /// The path of its tensors and of its points, such as `letkd.penultimate`.
    pub path: String,
    /// The point whose map it replaces.
    pub point: Point,
    /// Which layer.
    #[serde(flatten)]
    pub layer: LayerConfig,
}

/// The description of a layer: what it takes to build it, but for the number of channels that it meets at its
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LayerConfig {
    /// letKD's layer, [`KdLayer`]. It keeps the number of channels.
    KdLayer {
        /// K, the number of its templates; at least 1.
        templates: usize,
        /// What its residual is multiplied by.
        alpha: f64,
    },
    /// SimKD's projector, [`Projector`].
    Projector {
        /// The channels that come out: those of the teacher's map.
        outputs: usize,
        /// The inner convolutions have `outputs / reduction` channels; from 1 to `outputs`.
        reduction: usize,
        /// The height and width that maps are averaged to first, where those of the teacher are smaller; as they are if `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pooled: Option<[usize; 2]>,
    },
}

impl LayerConfig {
    /// Why no layer can be built from this description; `None` if one can.
    pub fn fault(&self) -> Option<&'static str> {
        match *self {
            Self::KdLayer { templates: 0, .. } => Some("a KD layer needs at least one template"),
            Self::Projector {
                outputs, reduction, ..
            } if reduction == 0 || reduction > outputs => {
                Some("a projector needs at least one inner channel: `reduction` is from 1 to `outputs`")
            }
            Self::Projector {
                pooled: Some([0, _] | [_, 0]),
                ..
            } => Some("a projector needs maps of at least one place: `pooled` is from 1 on"),
            Self::KdLayer { .. } | Self::Projector { .. } => None,
        }
    }

    /// The channels that come out where `inputs` go in.
    pub fn outputs(&self, inputs: usize) -> usize {
        match *self {
            Self::KdLayer { .. } => inputs,
            Self::Projector { outputs, .. } => outputs,
        }
    }

    /// The layer with fresh weights from the scope's streams, for maps of `inputs` channels. Its points stand
    /// below `path`.
    pub(crate) fn build(&self, inputs: usize, path: &str, scope: &Scope) -> Layer {
        match *self {
            Self::KdLayer { templates, alpha } => {
                Layer::KdLayer(KdLayer::new(inputs, templates, alpha, path, scope))
            }
            Self::Projector {
                outputs,
                reduction,
                pooled,
            } => Layer::Projector(Projector::new(inputs, outputs, reduction, path, scope).pooled(pooled)),
        }
    }
}

impl fmt::Display for LayerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KdLayer { templates, alpha } => {
                write!(f, "a KD layer of {templates} templates and alpha {alpha}")
            }
            Self::Projector {
                outputs,
                reduction,
                pooled,
            } => {
                write!(f, "a projector to {outputs} channels with reduction {reduction}")?;
                match pooled {
                    Some([height, width]) => write!(f, " of maps averaged to {height}x{width}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A layer of any kind, built.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a network has a few inserted layers")]
pub(crate) enum Layer {
    KdLayer(KdLayer),
    Projector(Projector),
}

impl Layer {
    /// `[N, H, W, I]` to `[N, H, W, O]`, ending at the point of the layer's path.
    pub fn forward<P: ForwardPass>(&self, map: P::Map, pass: &mut P) -> P::Map {
        match self {
            Self::KdLayer(layer) => layer.forward(map, pass),
            Self::Projector(layer) => layer.forward(map, pass),
        }
    }

    /// Brings the weights into the form in which they are deployed. The layer computes the same.
    pub fn deploy(&mut self) {
        match self {
            Self::KdLayer(layer) => layer.normalise_rows(),
            Self::Projector(_) => {}
        }
    }
}
