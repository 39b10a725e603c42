//! The teacher of a plan: the student of a run, a network by name, or an ONNX file.

use burn::tensor::Device;
use potstill_data::Normalise;
use potstill_methods::Side;
use potstill_models::{FrozenClassifier, OnnxClassifier};
use potstill_ops::Precision;
use potstill_random::Seed;
use potstill_recipe::{Precision as Asked, Teacher};

use crate::{
    EngineError, Source,
    plan::{default_input, normalise, shortcut},
};

/// The teacher of a plan.
pub struct PlannedTeacher {
    /// Its architecture's name, or the name of its file.
    pub model: String,
    /// The network, frozen.
    pub network: FrozenClassifier,
    /// How its images are normalised.
    pub input: Normalise,
    /// What the probe saw of it.
    pub side: Side,
}

impl PlannedTeacher {
    /// Opens the teacher of a recipe for images of size `[H, W, C]`, and runs it once.
    pub(crate) fn open(
        spec: &Teacher,
        image: [usize; 3],
        seed: Seed,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let (model, network, input) = match spec {
            Teacher::Run { run, precision } => {
                let source = Source {
                    weights: Some(run.clone()),
                    ..Source::default()
                };
                let (model, network, input) = ours(&source, seed, device)?;
                (model, network.with_precision(in_kernels(*precision)), input)
            }
            Teacher::Network(named) => {
                let source = Source {
                    model: Some(named.model.clone()),
                    weights: named.weights.clone(),
                    shortcut: named.shortcut.map(shortcut),
                    ..Source::default()
                };
                let (model, network, input) = ours(&source, seed, device)?;
                let network = network.with_precision(in_kernels(named.precision));
                (model, network, named.input.as_ref().map(normalise).or(input))
            }
            Teacher::Onnx(file) => {
                let network = OnnxClassifier::open(&file.onnx, file.logits.as_deref(), image)?;
                let name = file.onnx.file_name().unwrap_or(file.onnx.as_os_str());
                let model = name.to_string_lossy().into_owned();
                let input = file.input.as_ref().map(normalise);
                (model, FrozenClassifier::Onnx(network), input)
            }
        };
        Ok(Self {
            side: Side::of(network.clone(), image, device)?,
            network,
            input: input.unwrap_or_else(|| default_input(image[2])),
            model,
        })
    }
}

fn in_kernels(asked: Asked) -> Precision {
    match asked {
        Asked::Single => Precision::Single,
        Asked::Half => Precision::Half,
    }
}

/// A network of ours with its name, and how its images are normalised if its weights say so.
fn ours(
    source: &Source,
    seed: Seed,
    device: &Device,
) -> Result<(String, FrozenClassifier, Option<Normalise>), EngineError> {
    let network = source.open(device, seed, "teacher")?;
    let frozen = FrozenClassifier::from(&network.classifier);
    Ok((network.model, frozen, network.normalise))
}
