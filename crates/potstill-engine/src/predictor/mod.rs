//! A network ready for use: it takes images of any size, knows its classes by name, and is measured or asked.
//!
//! This is the one room where a network meets images outside of training. What a run's `config.json` says (fixed steps, size, degraded
//! or not, mean, std, class names) is used by everything here.

mod ask;
mod evaluation;
mod prepared;
mod verification;

use std::path::Path;

use potstill_data::{Augment, Dataset};
use potstill_models::{FrozenModel, OnnxModel, OnnxOutputs, OutputKind};
use potstill_recipe::TaskKind;

pub use self::{ask::Ranked, evaluation::EvaluationSettings, prepared::Prepared};
use crate::{
    error::EngineError, evaluate::Viewer, network_input::NetworkInput, preprocess::Preprocess,
    vision_model::VisionModel,
};

/// A network ready for use.
///
/// ```
/// use potstill_data::{Split, open};
/// use potstill_engine::{EvaluationSettings, Predictor, Preprocess, VisionModel};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut predictor = Predictor::from(&VisionModel::build("cifar_resnet8", 4, 0)?);
/// predictor.preprocess = Preprocess::to_size([16, 16]);
/// let data = open("shapes:size=24,train=8,test=12,classes=4", Split::Test)?;
/// let answers = predictor.ask(&[data.image(0)?, data.image(1)?], 2)?;
/// assert_eq!((answers.len(), answers[0].len()), (2, 2));
/// let prepared = predictor.prepare(data.into())?;
/// let found = predictor.evaluate(&prepared, &EvaluationSettings::default(), &mut |_| ())?;
/// assert_eq!(found.count, 12);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Predictor {
    /// Its architecture's name, or the path of its file.
    pub name: String,
    /// The network.
    pub network: FrozenModel,
    /// How images of any size are brought to what it takes.
    pub preprocess: Preprocess,
    /// How it takes an image then.
    pub input: NetworkInput,
    /// What it was trained for; what such a network does as a rule if nothing says so.
    pub task: TaskKind,
    /// The names of its classes in the order of its outputs; empty if nothing says so.
    pub class_names: Vec<String>,
}

/// The task of networks with such outputs. Those that give a row of logits classify, if nothing else is known.
pub(crate) fn usual_task(outputs: OutputKind) -> TaskKind {
    match outputs {
        OutputKind::Logits => TaskKind::Classification,
        OutputKind::DenseLogits => TaskKind::Segmentation,
        OutputKind::Boxes => TaskKind::Detection,
        OutputKind::Masks => TaskKind::InstanceSegmentation,
    }
}

impl From<&VisionModel> for Predictor {
    fn from(model: &VisionModel) -> Self {
        Self {
            name: model.architecture.clone(),
            network: FrozenModel::from(&model.network),
            preprocess: model.preprocess.clone().unwrap_or_default(),
            input: model.input(),
            task: model
                .task
                .unwrap_or_else(|| usual_task(model.network.output_kind())),
            class_names: model.class_names.clone(),
        }
    }
}

impl Predictor {
    /// A network in an ONNX file, which takes images of this size `[H, W]` if the file leaves it open, and what is asked for of its outputs.
    ///
    /// # Errors
    /// A file that cannot be read or does not take such images.
    pub fn onnx(
        file: &Path,
        asked: &OnnxOutputs,
        input: NetworkInput,
        size: [usize; 2],
    ) -> Result<Self, EngineError> {
        let channels = input.normalise.mean.len();
        let [height, width, _] = OnnxModel::takes(file)?;
        let size = [height.unwrap_or(size[0]), width.unwrap_or(size[1])];
        let network = OnnxModel::open(file, asked, input.size([size[0], size[1], channels])?)?;
        Ok(Self {
            name: file.display().to_string(),
            task: usual_task(network.output_kind()),
            network: FrozenModel::Onnx(network),
            preprocess: Preprocess::to_size(size),
            input,
            class_names: Vec::new(),
        })
    }

    /// What a class is called: its name, or its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        let name = self.class_names.get(class).cloned();
        name.unwrap_or_else(|| class.to_string())
    }

    /// Whether it takes the images of `data`, by the first of them.
    fn check(&self, data: &dyn Dataset) -> Result<(), EngineError> {
        self.input.normalise.check()?;
        let image = data.shape(0)?;
        let (given, channels) = (self.input.normalise.mean.len(), self.network.channels());
        if given != channels || image[2] != channels {
            let reason = format!(
                "the network takes {channels} channels, the images have {}, mean and std give {given} values",
                image[2]
            );
            return Err(EngineError::invalid_plan("input", reason));
        }
        let seen = self.preprocess.augment()?.output_shape(image);
        self.network.check(self.input.size(seen)?)?;
        self.input.check(seen)
    }

    pub(crate) fn viewer(&self) -> Result<Viewer<'_>, EngineError> {
        Ok(Viewer {
            network: &self.network,
            preprocess: self.preprocess.augment()?,
            input: &self.input,
        })
    }

    /// The fixed steps as one pipeline.
    pub(crate) fn augment(&self) -> Result<Augment, EngineError> {
        self.preprocess.augment()
    }
}
