//! What a program gives as a student or as a teacher.

use std::path::PathBuf;

use burn::tensor::Device;
use potstill_engine::{
    EngineError, NetworkInput, PlannedData, PlannedTeacher, Source, VisionModel, default_input,
};
use potstill_models::{FrozenModel, Model, OnnxModel, OnnxOutputs};
use potstill_ops::{Mode, Precision};
use potstill_random::Seed;

/// The network that is trained.
pub enum Student {
    /// A network of the registry with fresh weights from the run's seed, for the classes and the channels of the data.
    Named(String),
    /// A network that is there already.
    Ready(Box<VisionModel>),
}

impl From<&str> for Student {
    fn from(architecture: &str) -> Self {
        Self::Named(architecture.into())
    }
}

impl From<VisionModel> for Student {
    fn from(model: VisionModel) -> Self {
        Self::Ready(Box::new(model))
    }
}

impl From<Model> for Student {
    fn from(network: Model) -> Self {
        VisionModel::from(network).into()
    }
}

impl Student {
    pub(crate) fn built(
        self,
        data: &PlannedData,
        seed: u64,
        device: &Device,
    ) -> Result<VisionModel, EngineError> {
        match self {
            Self::Ready(model) => Ok(*model),
            Self::Named(architecture) => {
                let source = Source {
                    model: Some(architecture),
                    classes: Some(data.train.classes().len()),
                    channels: Some(data.image[2]),
                    ..Source::default()
                };
                source.open(device, Seed::new(seed), "student")
            }
        }
    }
}

/// A network that teaches. A [`VisionModel`] becomes one.
pub struct TeacherModel {
    source: TeacherSource,
    precision: Precision,
    mode: Mode,
}

enum TeacherSource {
    Network(Box<VisionModel>),
    Onnx {
        file: PathBuf,
        logits: Option<String>,
        input: Option<NetworkInput>,
    },
}

impl From<VisionModel> for TeacherModel {
    fn from(model: VisionModel) -> Self {
        TeacherSource::Network(Box::new(model)).into()
    }
}

impl From<Model> for TeacherModel {
    fn from(network: Model) -> Self {
        VisionModel::from(network).into()
    }
}

impl From<TeacherSource> for TeacherModel {
    fn from(source: TeacherSource) -> Self {
        Self {
            source,
            precision: Precision::Single,
            mode: Mode::Running,
        }
    }
}

impl TeacherModel {
    /// A network in an ONNX file, whatever made it. Its first output is its logits, or the tensor that is named.
    pub fn onnx(file: impl Into<PathBuf>, logits: Option<&str>) -> Self {
        let source = TeacherSource::Onnx {
            file: file.into(),
            logits: logits.map(Into::into),
            input: None,
        };
        source.into()
    }

    /// The same, which takes its images so.
    #[must_use]
    pub fn with_input(mut self, taken: impl Into<NetworkInput>) -> Self {
        match &mut self.source {
            TeacherSource::Network(model) => model.input = Some(taken.into()),
            TeacherSource::Onnx { input, .. } => *input = Some(taken.into()),
        }
        self
    }

    /// In what precision its frozen convolutions compute; half needs a machine that has it, and changes nothing elsewhere.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// By which statistics it normalises as long as it is frozen: the running ones, or those of the batch ([`Mode::Batch`]).
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    pub(crate) fn planned(
        self,
        name: &str,
        data: &PlannedData,
        device: &Device,
    ) -> Result<PlannedTeacher, EngineError> {
        let mut planned = match self.source {
            TeacherSource::Network(model) => PlannedTeacher::new(name, *model, data, device)?,
            TeacherSource::Onnx { file, logits, input } => {
                let input = input.unwrap_or_else(|| default_input(data.image[2]).into());
                let asked = OnnxOutputs {
                    logits: logits.into_iter().collect(),
                    ..data.onnx_outputs()
                };
                let network = OnnxModel::open(&file, &asked, input.size(data.image)?)?;
                let model = file
                    .file_name()
                    .unwrap_or(file.as_os_str())
                    .to_string_lossy()
                    .into_owned();
                PlannedTeacher::frozen(name, model, FrozenModel::Onnx(network), input, data, device)?
            }
        };
        planned.network = planned.network.with_precision(self.precision);
        planned.facts.mode = self.mode;
        Ok(planned)
    }
}
