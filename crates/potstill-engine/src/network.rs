//! Networks that come from somewhere: a recipe, a weight file, the student folder of a run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use potstill_data::Normalise;
use potstill_models::{BuildOptions, Classifier, Shortcut, find, weights};
use potstill_ops::{Insertion, PointError, Scope};
use potstill_random::Seed;
use potstill_recipe::LowResolution;
use serde::{Deserialize, Serialize};

use crate::{Checkpoint, EngineError, NetworkInput, checkpoint::METADATA_KEY};

/// The `config.json` beside an exported `model.safetensors`: everything needed to use the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The architecture's name in the registry.
    pub architecture: String,
    /// `classification`.
    pub task: String,
    /// Output classes.
    pub classes: usize,
    /// Their names, in the order of the logits.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// The shortcut of a residual network for small images, where it is not the published one: `a` or `b`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<String>,
    /// The layers that a method put in, in that order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inserted: Vec<InsertedConfig>,
    /// What the network takes.
    pub input: InputConfig,
    /// The version that wrote the file.
    pub potstill: String,
}

/// A layer that a method put into a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InsertedConfig {
    /// Under which its tensors stand.
    pub path: String,
    /// The point whose map it replaces.
    pub point: String,
    /// How many templates it has.
    pub templates: usize,
    /// What its residual is multiplied by.
    pub alpha: f64,
}

impl From<Insertion> for InsertedConfig {
    fn from(insertion: Insertion) -> Self {
        Self {
            path: insertion.path,
            point: insertion.point.to_string(),
            templates: insertion.templates,
            alpha: insertion.alpha,
        }
    }
}

impl InsertedConfig {
    fn insertion(&self) -> Result<Insertion, EngineError> {
        let point = self.point.parse();
        let point = point.map_err(|error: PointError| EngineError::Contradiction(error.to_string()))?;
        Ok(Insertion {
            path: self.path.clone(),
            point,
            templates: self.templates,
            alpha: self.alpha,
        })
    }
}

/// What a network takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputConfig {
    /// Height and width of the images, before any degradation.
    pub size: [usize; 2],
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Subtracted from each channel, of pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// Divides each channel.
    pub std: Vec<f32>,
    /// Degrades images of that size before they are normalised; none where the whole image is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_resolution: Option<LowResolution>,
}

impl ModelConfig {
    fn network_input(&self) -> NetworkInput {
        NetworkInput {
            low_resolution: self.input.low_resolution,
            normalise: Normalise {
                mean: self.input.mean.clone(),
                std: self.input.std.clone(),
            },
        }
    }

    /// Puts the layers in that the network was saved with.
    fn insert(&self, classifier: &mut Classifier, scope: &Scope) -> Result<(), EngineError> {
        if self.inserted.is_empty() {
            return Ok(());
        }
        let [height, width] = self.input.size;
        let [height, width, _] = self.network_input().size([height, width, self.input.channels])?;
        for inserted in &self.inserted {
            classifier.insert(&inserted.insertion()?, [height, width], &scope.at(&inserted.path))?;
        }
        Ok(())
    }
}

/// A network with its name and what it takes.
#[derive(Debug, Clone)]
pub struct Network {
    /// The architecture's name in the registry.
    pub model: String,
    /// The shortcut, where it was chosen.
    pub shortcut: Option<Shortcut>,
    /// The network itself.
    pub classifier: Classifier,
    /// How it takes an image; none if nothing said so.
    pub input: Option<NetworkInput>,
}

/// Where a network's architecture and weights come from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The architecture; none to take it from the `config.json` beside the weights.
    pub model: Option<String>,
    /// A weight file, an exported folder, or the folder of a run; none for fresh weights.
    pub weights: Option<PathBuf>,
    /// The shortcut of a residual network for small images.
    pub shortcut: Option<Shortcut>,
    /// Output classes of a fresh network; none for what the weights say, or the published number.
    pub classes: Option<usize>,
    /// Image channels; none for what `config.json` says, or 3.
    pub channels: Option<usize>,
}

impl Source {
    /// Builds the network, with initial values from the streams of `owner`, and loads its weights.
    ///
    /// # Errors
    /// A name that is not in the registry, a file that cannot be read or does not fit, no architecture at all.
    pub fn open(&self, device: &Device, seed: Seed, owner: &str) -> Result<Network, EngineError> {
        let (stored, config) = match &self.weights {
            Some(path) => {
                let (stored, config) = read_weights(path)?;
                (Some(stored), config)
            }
            None => (None, None),
        };
        let config = config.filter(|config| {
            self.model
                .as_ref()
                .is_none_or(|model| *model == config.architecture)
        });
        let model = self
            .model
            .clone()
            .or_else(|| config.as_ref().map(|config| config.architecture.clone()));
        let Some(model) = model else {
            let message =
                "which network is it? name its architecture (`model`), or give a folder with a config.json";
            return Err(EngineError::Contradiction(message.into()));
        };
        let entry = find(&model)?;
        let shortcut = match config.as_ref().and_then(|config| config.shortcut.as_deref()) {
            _ if self.shortcut.is_some() => self.shortcut,
            Some("a") => Some(Shortcut::Subsample),
            Some("b") => Some(Shortcut::Projection),
            _ => None,
        };
        let channels = self
            .channels
            .or(config.as_ref().map(|config| config.input.channels));
        let options = BuildOptions {
            classes: self.classes,
            channels,
            shortcut,
        };
        let scope = Scope::new(device, seed, owner);
        let mut classifier = entry.build(options, &scope)?;
        if let Some(stored) = stored {
            if self.classes.is_none() {
                let classes = weights::classes_in(&stored, &classifier);
                classifier = entry.build(BuildOptions { classes, ..options }, &scope)?;
            }
            if let Some(config) = &config {
                config.insert(&mut classifier, &scope)?;
            }
            weights::load(&mut classifier, &stored)?;
        }
        let input = config.map(|config| config.network_input());
        Ok(Network {
            model,
            shortcut,
            classifier,
            input,
        })
    }
}

/// The weights at `path` (a file, a checkpoint, an exported folder or the folder of a run) and what is said about them there.
fn read_weights(path: &Path) -> Result<(weights::TensorFile, Option<ModelConfig>), EngineError> {
    let folder = [path.to_owned(), path.join("student")]
        .into_iter()
        .find(|folder| folder.join(MODEL).is_file());
    let file = match folder {
        Some(folder) => folder.join(MODEL),
        None if path.is_dir() => {
            let reason = format!("it has neither {MODEL} nor student/{MODEL}; did the run finish?");
            return Err(EngineError::NoRun {
                folder: path.into(),
                reason,
            });
        }
        None => path.to_owned(),
    };
    let stored = weights::TensorFile::read(&file)?;
    let run_state = stored
        .metadata
        .get(METADATA_KEY)
        .and_then(|run_state| serde_json::from_str::<Checkpoint>(run_state).ok());
    let beside = file.with_file_name(CONFIG);
    let config = match run_state {
        Some(run_state) => run_state.student,
        None if beside.is_file() => Some(read_config(&beside)?),
        None => None,
    };
    Ok((stored, config))
}

fn read_config(path: &Path) -> Result<ModelConfig, EngineError> {
    let text = fs::read_to_string(path).map_err(EngineError::io("read", path))?;
    serde_json::from_str(&text).map_err(|error| {
        EngineError::Contradiction(format!(
            "{} is not a model's config.json: {error}",
            path.display()
        ))
    })
}

/// The name of the weights in an exported folder.
pub(crate) const MODEL: &str = "model.safetensors";
/// The name of the configuration in an exported folder.
pub(crate) const CONFIG: &str = "config.json";
