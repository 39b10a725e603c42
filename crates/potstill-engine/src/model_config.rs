//! The `config.json` of a student: the file that makes its weights usable.

use std::path::{Path, PathBuf};

use potstill_base::printable;
use potstill_data::{Augment, Normalise};
use potstill_models::{BuildOptions, Model, Shortcut, find};
use potstill_ops::{Insertion, NormRule, Scope};
use potstill_recipe::{LowResolution, TaskKind};
use potstill_settings::ChannelOrder;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

use crate::{
    detector_config::DetectorConfig,
    error::EngineError,
    graph_file::{GraphFile, beside},
    network_input::NetworkInput,
    preprocess::Preprocess,
};

/// The name of the weights in an exported folder.
pub(crate) const MODEL: &str = "model.safetensors";
/// The name of a network's own file in an exported folder.
pub(crate) const GRAPH: &str = "graph.onnx";
/// What the architecture of a network in a file is called.
pub(crate) const IN_A_FILE: &str = "onnx";
/// The name of the configuration in an exported folder.
pub(crate) const CONFIG: &str = "config.json";

/// Pixels of the images that a network takes: 8192x8192.
const MOST_PIXELS: usize = 1 << 26;

/// The `config.json` beside an exported `model.safetensors`: everything needed to use the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The architecture's name in the registry.
    pub architecture: String,
    /// The ONNX file beside it that the network is made of, where it is none of the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<PathBuf>,
    /// What that file was called when the network was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What the network was trained for.
    pub task: TaskKind,
    /// Output classes.
    pub classes: usize,
    /// Their names, in the order of the logits.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// The shortcut of a residual network for small images, where it is not the published one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// What the batch norms of its backbone add to the variance, where that is not what the network has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_eps: Option<f64>,
    /// Where a detector looks, and which of what it sees it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<DetectorConfig>,
    /// Whether a segmenter has an auxiliary classifier for its loss; of no other network is anything said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auxiliary: Option<bool>,
    /// The layers that a method put in, in that order.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "insertions"
    )]
    pub inserted: Vec<Insertion>,
    /// What the network takes.
    pub input: InputConfig,
    /// The version that wrote the file.
    pub potstill: String,
}

/// What a network takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputConfig {
    /// Height and width of the images, before any degradation.
    pub size: [usize; 2],
    /// The fixed steps that bring an image to that size, as they stand in a recipe; none in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preprocess: Option<Augment>,
    /// Whether files are turned as their EXIF data says, before anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exif_orientation: bool,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// In which order the colours come.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub order: ChannelOrder,
    /// Subtracted from each channel, of pixels in `[0, 1]`, in that order.
    pub mean: Vec<f32>,
    /// Divides each channel.
    pub std: Vec<f32>,
    /// Degrades images of that size before they are normalised; none where the whole image is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_resolution: Option<LowResolution>,
}

impl ModelConfig {
    /// Reads a `config.json`.
    pub(crate) fn read(path: &Path) -> Result<Self, EngineError> {
        let text = potstill_base::read_text(path).map_err(EngineError::io("read", path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a `config.json` that stands in this file.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, EngineError> {
        let read = serde_json::from_str(text).and_then(Self::checked);
        read.map_err(|source| EngineError::ModelConfig {
            file: path.into(),
            source,
        })
    }

    /// The same with names that can be shown, if its images are of a size that fits in memory.
    fn checked(mut self) -> Result<Self, serde_json::Error> {
        let [height, width] = self.input.size;
        if height.saturating_mul(width) > MOST_PIXELS {
            let text = format!("images of {height}x{width} have more than {MOST_PIXELS} pixels");
            return Err(serde_json::Error::custom(text));
        }
        for name in self.class_names.iter_mut().chain(&mut self.file) {
            *name = printable(name).into_owned();
        }
        Ok(self)
    }

    /// The text of a `config.json`.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The network, with initial values from `scope` until its weights are loaded.
    pub(crate) fn build(&self, scope: &Scope) -> Result<Model, EngineError> {
        if let Some(graph) = self.graph_file()? {
            let (mut model, _) = graph.build(Some(self.classes), scope)?;
            self.insert(&mut model, scope)?;
            return Ok(model);
        }
        let options = BuildOptions {
            classes: Some(self.classes),
            channels: Some(self.input.channels),
            shortcut: self.shortcut,
            auxiliary: self.auxiliary,
        };
        let norms = NormRule {
            epsilon: self.norm_eps,
            ..NormRule::default()
        };
        let mut classifier = find(&self.architecture)?.build(options, &scope.with_norms(norms))?;
        self.insert(&mut classifier, scope)?;
        Ok(classifier)
    }

    /// The same, read in `file`: what it says to lie beside it is looked for there.
    #[must_use]
    pub(crate) fn found_in(mut self, file: &Path) -> Self {
        self.graph = self.graph.map(|graph| beside(&graph, file));
        self
    }

    /// The file of a network that is none of the registry.
    pub(crate) fn graph_file(&self) -> Result<Option<GraphFile>, EngineError> {
        let Some(graph) = &self.graph else {
            return Ok(None);
        };
        let [height, width] = self.input.size;
        let image = self.network_input().size([height, width, self.input.channels])?;
        Ok(Some(GraphFile::kept(graph.clone(), self.file.clone(), image)))
    }

    pub(crate) fn network_input(&self) -> NetworkInput {
        NetworkInput {
            low_resolution: self.input.low_resolution,
            order: self.input.order,
            normalise: Normalise {
                mean: self.input.mean.clone(),
                std: self.input.std.clone(),
            },
        }
    }

    /// How images of any size are brought to that of the network.
    pub(crate) fn preprocess(&self) -> Preprocess {
        Preprocess {
            steps: self.input.preprocess.clone(),
            size: Some(self.input.size),
            exif_orientation: self.input.exif_orientation,
        }
    }

    /// Puts the layers in that the network was saved with.
    pub(crate) fn insert(&self, classifier: &mut Model, scope: &Scope) -> Result<(), EngineError> {
        if self.inserted.is_empty() {
            return Ok(());
        }
        let [height, width] = self.input.size;
        let [height, width, _] = self.network_input().size([height, width, self.input.channels])?;
        for insertion in &self.inserted {
            classifier.insert(insertion, [height, width], &scope.at(&insertion.path))?;
        }
        Ok(())
    }
}

/// Whether there is nothing to say of an order.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_usual(order: &ChannelOrder) -> bool {
    *order == ChannelOrder::default()
}

/// Reads inserted layers. Files of version 0.1 knew one kind and do not name it.
fn insertions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Insertion>, D::Error> {
    let tables = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let insertion = |mut table: Map<String, Value>| {
        table.entry("kind").or_insert_with(|| "kd-layer".into());
        serde_json::from_value(table.into()).map_err(D::Error::custom)
    };
    tables.into_iter().map(insertion).collect()
}
