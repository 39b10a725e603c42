//! `[student]`: the network to train, by its name or in an ONNX file.

use std::path::PathBuf;

use potstill_settings::{Described, HeadWeights, Key, Kind, choice, settings};
use serde::{Deserialize, Serialize};

use super::network::{Input, Network, Norms, Weights};
use super::teacher::key;

/// The network to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(clippy::large_enum_variant, reason = "a recipe has one")]
pub enum Student {
    /// A network in an ONNX file.
    Onnx(OnnxStudent),
    /// A network by name, and usually its weights.
    Network(Network),
}

settings! {
    /// A student in an ONNX file: a network of any origin that classifies, exported in evaluation mode with its batch norms.
    pub struct OnnxStudent {
        /// An ONNX file of a network, exported in evaluation mode with its batch norms, which trains under the names of its tensors.
        pub onnx: PathBuf = example "mine.onnx",
        /// The name of the tensor of logits in an ONNX file.
        pub logits: Option<String> [not_empty()] = without "the file's first output" like "logits",
        /// Where the weights of a student in an ONNX file begin: those of the file, or fresh ones.
        pub init: Init = quiet "file",
        /// Weights to start from instead, under the names in the ONNX file.
        pub weights: Option<Weights> = without "as `init` says" like "mine.safetensors",
        /// Whether the last layer has the weights as all others, or starts anew for the classes of the data.
        pub head: HeadWeights = quiet "kept",
        /// How the network takes an image.
        pub input: Option<Input> = without "whole, normalised as is usual for the data set"
            like { mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25] } (also "normalize", "normalise"),
        /// Whether its batch norms learn.
        pub norm: Option<Norms> = without "ordinary" like "frozen",
        /// Parts whose weights do not train, by the beginnings of their paths.
        pub freeze: Option<Vec<String>> [not_empty()] = without "everything trains" like ["conv1", "layer1"],
        /// Parts taken from the teacher before it trains, by the beginnings of their paths.
        pub inherit: Option<Vec<String>> [not_empty()] = without "nothing" like ["layer1"],
    }
}

choice! {
    /// Where the weights of a student in an ONNX file begin.
    pub enum Init = File {
        /// With those of the file.
        File = "file",
        /// With fresh ones: convolutions by their outputs' fan, linear layers normal with deviation 0.02, norms at 1 and 0.
        Fresh = "fresh",
    }
}

/// The keys of both sources together. That exactly one is named, without the keys of the other, is checked apart.
impl Described for Student {
    const KIND: Kind = {
        const KEYS: &[Key] = &[
            key(Network::KEYS, "model").optional("`onnx` is needed"),
            key(OnnxStudent::KEYS, "onnx").optional("`model` is needed"),
            key(OnnxStudent::KEYS, "logits"),
            key(OnnxStudent::KEYS, "init"),
            key(Network::KEYS, "weights"),
            key(Network::KEYS, "head"),
            key(Network::KEYS, "shortcut"),
            key(Network::KEYS, "auxiliary"),
            key(Network::KEYS, "input"),
            key(Network::KEYS, "norm"),
            key(Network::KEYS, "norm_eps"),
            key(Network::KEYS, "freeze"),
            key(Network::KEYS, "inherit"),
        ];
        Kind::table(KEYS)
    };
}

impl Student {
    /// The network by its name, if it is one.
    pub fn network(&self) -> Option<&Network> {
        match self {
            Self::Network(network) => Some(network),
            Self::Onnx(_) => None,
        }
    }

    /// The weights that it starts from, as written.
    pub fn weights(&self) -> Option<&Weights> {
        match self {
            Self::Network(network) => network.weights.as_ref(),
            Self::Onnx(file) => file.weights.as_ref(),
        }
    }

    /// Whether it starts from weights that were trained: those of a file of weights, or of the ONNX file.
    pub fn has_weights(&self) -> bool {
        let named = self.weights().is_some_and(|weights| !weights.are_random());
        named || matches!(self, Self::Onnx(file) if file.weights.is_none() && file.init == Init::File)
    }

    /// How it takes an image.
    pub fn input(&self) -> Option<&Input> {
        match self {
            Self::Network(network) => network.input.as_ref(),
            Self::Onnx(file) => file.input.as_ref(),
        }
    }

    /// How its batch norms are.
    pub fn norm(&self) -> Option<Norms> {
        match self {
            Self::Network(network) => network.norm,
            Self::Onnx(file) => file.norm,
        }
    }

    /// The parts that do not train.
    pub fn freeze(&self) -> Option<&[String]> {
        match self {
            Self::Network(network) => network.freeze.as_deref(),
            Self::Onnx(file) => file.freeze.as_deref(),
        }
    }

    /// The parts that it takes from the teacher.
    pub fn inherit(&self) -> Option<&[String]> {
        match self {
            Self::Network(network) => network.inherit.as_deref(),
            Self::Onnx(file) => file.inherit.as_deref(),
        }
    }
}

impl From<Network> for Student {
    fn from(network: Network) -> Self {
        Self::Network(network)
    }
}

/// By its name, with random weights.
impl From<&str> for Student {
    fn from(model: &str) -> Self {
        Network::from(model).into()
    }
}

impl From<OnnxStudent> for Student {
    fn from(file: OnnxStudent) -> Self {
        Self::Onnx(file)
    }
}

impl OnnxStudent {
    /// The network in a file, with the file's weights.
    pub fn of(file: impl Into<PathBuf>) -> Self {
        Self {
            onnx: file.into(),
            logits: None,
            init: Init::File,
            weights: None,
            head: HeadWeights::Kept,
            input: None,
            norm: None,
            freeze: None,
            inherit: None,
        }
    }
}
