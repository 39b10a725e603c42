//! The teacher of a plan: the student of a run, a network by name, or an ONNX file.

use burn::tensor::Device;
use potstill_data::Normalise;
use potstill_methods::{NetworkInfo, PlannedMethod, TeacherUpdate};
use potstill_models::{FrozenModel, Model, OnnxModel};
use potstill_ops::Mode;
use potstill_random::Seed;
use potstill_recipe::{OptimizerSpec, Precision, Schedule, Teacher, TeacherSource};

use crate::{
    EngineError, NetworkInput, Source,
    plan::default_input,
    train::teacher::{LiveTeacher, TeacherNetwork},
};

/// The teacher of a plan.
pub struct PlannedTeacher {
    /// Its architecture's name, or the name of its file.
    pub model: String,
    /// The network, frozen.
    pub network: FrozenModel,
    /// The same network before it was frozen; none for an ONNX file.
    pub classifier: Option<Model>,
    /// In what mode it runs in training as long as it is frozen.
    pub mode: Mode,
    /// What the methods make of it.
    pub teacher_update: TeacherUpdate,
    /// Its own optimiser and schedule, if it trains and has them.
    pub rule: (Option<OptimizerSpec>, Option<Schedule>),
    /// How it takes an image.
    pub input: NetworkInput,
    /// What the probe saw of it.
    pub side: NetworkInfo,
}

impl PlannedTeacher {
    /// Opens the teacher of a recipe for images of size `[H, W, C]`, and runs it once. A fresh one is to tell so many `classes` apart,
    /// and takes its images as is usual for the data.
    pub(crate) fn open(
        spec: &Teacher,
        image: [usize; 3],
        classes: usize,
        of_data: &Normalise,
        seed: Seed,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let usual = || default_input(image[2]);
        let (model, network, classifier, input) = match &spec.source {
            TeacherSource::Run(teacher) => {
                let source = Source {
                    weights: Some(teacher.run.clone()),
                    ..Source::default()
                };
                let (model, network, classifier, input) = ours(&source, spec.precision, seed, device)?;
                (model, network, classifier, NetworkInput::of(None, input, usual))
            }
            TeacherSource::Network(named) => {
                let source = Source {
                    model: Some(named.model.clone()),
                    weights: named.weights.clone(),
                    shortcut: named.shortcut,
                    // A fresh teacher is to learn this task.
                    classes: named.weights.is_none().then_some(classes),
                    channels: named.weights.is_none().then_some(image[2]),
                };
                let (model, network, classifier, input) = ours(&source, spec.precision, seed, device)?;
                let usual = || {
                    named
                        .weights
                        .as_ref()
                        .map_or_else(|| of_data.clone(), |_| usual())
                };
                let input = NetworkInput::of(named.input.as_ref(), input, usual);
                (model, network, classifier, input)
            }
            TeacherSource::Onnx(file) => {
                let input = NetworkInput::of(file.input.as_ref(), None, usual);
                let network = OnnxModel::open(&file.onnx, file.logits.as_deref(), input.size(image)?)?;
                let name = file.onnx.file_name().unwrap_or(file.onnx.as_os_str());
                let model = name.to_string_lossy().into_owned();
                (model, FrozenModel::Onnx(network), None, input)
            }
        };
        let side = NetworkInfo::of(network.clone(), input.size(image)?, device)?;
        Ok(Self {
            side: side.with_weights(spec.has_weights()),
            network,
            classifier,
            mode: spec.batch_norm.into(),
            teacher_update: TeacherUpdate::Frozen,
            rule: (spec.optimizer.clone(), spec.schedule.clone()),
            input,
            model,
        })
    }

    /// Lets the teacher be what the methods make of it.
    ///
    /// # Errors
    /// A method that this teacher cannot serve.
    pub(crate) fn set_update(&mut self, methods: &[PlannedMethod]) -> Result<(), EngineError> {
        for planned in methods {
            let info = planned.method.info();
            let update = info.teacher.update();
            let asked = match update {
                TeacherUpdate::Online | TeacherUpdate::OnlineFirst => {
                    "the teacher is to learn beside the student"
                }
                TeacherUpdate::Frozen if !info.rounds.is_empty() => {
                    "an augmentation is to learn through the teacher"
                }
                TeacherUpdate::Frozen => continue,
            };
            if self.classifier.is_none() {
                let reason = format!(
                    "{asked} (`{}`), and no gradient goes through `{}`, an ONNX file: name a network (`teacher.model`)",
                    planned.id, self.model
                );
                return Err(EngineError::invalid_plan("teacher.onnx", reason));
            }
            self.teacher_update = self.teacher_update.max(update);
        }
        Ok(())
    }

    /// The teacher for a run, in the form that its role needs. An online one has to be a network of ours.
    pub(crate) fn live(&self) -> LiveTeacher {
        let trains = self.teacher_update != TeacherUpdate::Frozen;
        LiveTeacher {
            name: "teacher".into(),
            network: match self.classifier.as_ref().filter(|_| trains) {
                Some(network) => TeacherNetwork::Online(network.clone()),
                None => TeacherNetwork::Frozen(self.network.clone()),
            },
            update: self.teacher_update,
            mode: self.mode,
            input: self.input.clone(),
        }
    }
}

type Opened = (String, FrozenModel, Option<Model>, Option<NetworkInput>);

/// A network of ours with its name, frozen and as it is, and how it takes an image if its weights say so.
fn ours(source: &Source, precision: Precision, seed: Seed, device: &Device) -> Result<Opened, EngineError> {
    let network = source.open(device, seed, "teacher")?;
    let frozen = FrozenModel::from(&network.classifier).with_precision(precision);
    Ok((network.model, frozen, Some(network.classifier), network.input))
}
