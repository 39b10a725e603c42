//! ONNX files that carry the `config.json` of their network.

use std::{collections::BTreeMap, path::Path};

use potstill_data::Normalise;
use potstill_models::{FrozenModel, OnnxModel, OnnxOutputs};
use potstill_onnx::read_metadata;
use potstill_tasks::TaskOptions;

use crate::{
    error::EngineError,
    model_config::{CONFIG, ModelConfig},
    network_input::NetworkInput,
    predictor::Predictor,
};

/// The key of the text of the `config.json` in the metadata of a file.
const CONFIG_KEY: &str = "potstill_config";
/// The key of what the file takes.
const TAKES_KEY: &str = "potstill_takes";
const PIXELS: &str = "pixels";
const NORMALISED: &str = "normalised images";

/// An ONNX file that says how it is used: in its metadata, or by a `config.json` beside it.
#[derive(Debug, Clone)]
pub struct ExportedOnnx {
    config: ModelConfig,
    takes_pixels: bool,
    /// Whether the config stands beside the file, where it may be that of another network.
    is_beside: bool,
}

/// The texts by which a file is known again.
pub(super) fn texts(
    config: &ModelConfig,
    takes_pixels: bool,
) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let takes = if takes_pixels { PIXELS } else { NORMALISED };
    Ok(BTreeMap::from([
        (CONFIG_KEY.to_owned(), config.to_json()?),
        (TAKES_KEY.to_owned(), takes.to_owned()),
    ]))
}

impl ExportedOnnx {
    /// What a file says of itself, or the `config.json` beside it; `None` of a file that nothing is said of.
    ///
    /// # Errors
    /// A file that cannot be read, metadata that do not describe a network.
    pub fn read(file: &Path) -> Result<Option<Self>, EngineError> {
        let metadata = read_metadata(file).map_err(potstill_models::ModelError::from)?;
        if let Some(text) = metadata.get(CONFIG_KEY) {
            return Ok(Some(Self {
                config: ModelConfig::parse(text, file)?,
                takes_pixels: metadata.get(TAKES_KEY).is_some_and(|takes| takes == PIXELS),
                is_beside: false,
            }));
        }
        let beside = file.with_file_name(CONFIG);
        // Hubs have a file of this name with other things in it.
        let config = ModelConfig::read(&beside).ok();
        Ok(config.map(|config| Self {
            config,
            takes_pixels: false,
            is_beside: true,
        }))
    }

    /// How a file that says it itself takes images; `None` of any other, whatever lies beside it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn input_of(file: &Path) -> Result<Option<NetworkInput>, EngineError> {
        let known = Self::read(file)?.filter(|exported| !exported.is_beside);
        Ok(known.map(|exported| exported.input()))
    }

    /// The size `[H, W, C]` of what the file takes.
    ///
    /// # Errors
    /// A size that cannot be degraded as the config says.
    pub fn image(&self) -> Result<[usize; 3], EngineError> {
        let [height, width] = self.config.input.size;
        self.input().size([height, width, self.config.input.channels])
    }

    /// How pixels become what the file takes.
    fn input(&self) -> NetworkInput {
        if !self.takes_pixels {
            return self.config.network_input();
        }
        let channels = self.config.input.channels;
        NetworkInput::from(Normalise {
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        })
    }

    /// The network ready for use; `logits` names its tensor of logits where that is not the first output. `None` if the config stands
    /// beside the file and is that of another network.
    ///
    /// # Errors
    /// A file that cannot be run, or does not take what the config says.
    pub fn open(&self, file: &Path, logits: &[String]) -> Result<Option<Predictor>, EngineError> {
        match self.fitting(file, logits) {
            Err(_) if self.is_beside => Ok(None),
            opened => opened.map(Some),
        }
    }

    fn fitting(&self, file: &Path, logits: &[String]) -> Result<Predictor, EngineError> {
        let wanted = potstill_tasks::task(self.config.task, TaskOptions::default()).output_kind();
        let asked = OnnxOutputs {
            logits: logits.to_vec(),
            ..OnnxOutputs::of(wanted, Some(self.config.classes))
        };
        let network = OnnxModel::open(file, &asked, self.image()?)?;
        if network.classes() != self.config.classes {
            let reason = format!(
                "{} gives {} classes, and its config tells {}",
                file.display(),
                network.classes(),
                self.config.classes
            );
            return Err(EngineError::invalid_plan("classes", reason));
        }
        Ok(Predictor {
            name: file.display().to_string(),
            network: FrozenModel::Onnx(network),
            preprocess: self.config.preprocess(),
            input: self.input(),
            task: self.config.task,
            class_names: self.config.class_names.clone(),
        })
    }
}
