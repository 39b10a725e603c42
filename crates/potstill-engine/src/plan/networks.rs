//! The student of a plan, and what is known about each network.

use burn::tensor::Device;
use potstill_base::Digest;
use potstill_data::Normalise;
use potstill_methods::{NetworkInfo, PlannedMethod};
use potstill_models::{Model, Shortcut};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_recipe::{Norms, Recipe, Student};

use super::data::PlannedData;
use crate::{
    error::EngineError, network_input::NetworkInput, run::hash_tensors, source::Source,
    vision_model::VisionModel,
};

/// The student of a plan.
pub struct PlannedStudent {
    /// The network.
    pub network: Model,
    /// What is known about it.
    pub facts: NetworkFacts,
}

/// What is known about a network of a plan.
#[derive(Debug, Clone)]
pub struct NetworkFacts {
    /// Its architecture's name, or the name of its file.
    pub model: String,
    /// The shortcut of a residual network for small images, where it was chosen.
    pub shortcut: Option<Shortcut>,
    /// What the batch norms of its backbone add to the variance, where that was chosen.
    pub norm_eps: Option<f64>,
    /// The digest of the ONNX file that it is made of, without its weights; `None` of a network by name.
    pub graph: Option<String>,
    /// The digest of the weights that such a network begins with.
    pub first_weights: Option<String>,
    /// How it takes an image.
    pub input: NetworkInput,
    /// Height and width of the images that it was trained on, where its weights say so.
    pub trained_on: Option<[usize; 2]>,
    /// What the probe saw of it.
    pub info: NetworkInfo,
    /// What has to be said about how its weights were found, in a line each.
    pub notes: Vec<String>,
}

impl NetworkFacts {
    /// The network in a line that tells it from others.
    pub(crate) fn describe(&self) -> String {
        let probe = &self.info.probe;
        format!(
            "{}, {} parameters, {} multiply-accumulates, {:?}",
            self.model, probe.parameters, probe.macs, self.input
        )
    }
}

impl PlannedStudent {
    /// A network that takes images as it says, or else normalised as the data.
    ///
    /// # Errors
    /// Images that it cannot take.
    pub fn new(network: VisionModel, data: &PlannedData, device: &Device) -> Result<Self, EngineError> {
        let VisionModel {
            architecture,
            shortcut,
            norm_eps,
            network,
            input,
            preprocess,
            notes,
            ..
        } = network;
        let input = input.unwrap_or_else(|| data.normalise.clone().into());
        check_input("student", &input, network.channels(), data.image)?;
        let mut info = NetworkInfo::of(&network, input.size(data.image)?, device)?;
        info.class_names = data.train.classes().to_vec();
        let graph = network.graph_file().map(Digest::of);
        let first_weights = graph.as_ref().map(|_| {
            let mut digest = Digest::new();
            hash_tensors(&mut digest, network.parameters());
            digest.hexadecimal()
        });
        Ok(Self {
            network,
            facts: NetworkFacts {
                model: architecture,
                shortcut,
                norm_eps,
                graph,
                first_weights,
                input,
                trained_on: preprocess.and_then(|preprocess| preprocess.size),
                info,
                notes,
            },
        })
    }

    /// The student of a recipe. It takes an image as the recipe says, else as its weights say, else normalised as `usual`. A resolution
    /// is nobody's but its own.
    pub(crate) fn open(
        recipe: &Recipe,
        data: &PlannedData,
        usual: Normalise,
        device: &Device,
    ) -> Result<Self, EngineError> {
        let spec = &recipe.student;
        let start = recipe.start_folder();
        if let Some(run) = start.as_ref().filter(|run| !run.exists()) {
            let reason = format!("there is no run in {}", run.display());
            return Err(EngineError::invalid_plan("start", reason));
        }
        if spec.norm() == Some(Norms::Frozen) && !spec.has_weights() && start.is_none() {
            let reason = "frozen batch norms of random weights would be constants that mean nothing: give the student `weights`, or leave `norm` out";
            return Err(EngineError::invalid_plan("student.norm", reason));
        }
        let named = match spec {
            Student::Network(network) => Source::of(network, "student"),
            Student::Onnx(file) => {
                let input = NetworkInput::of(file.input.as_ref(), None, || usual.clone());
                check_input("student", &input, data.image[2], data.image)?;
                Source::of_file(file, input.size(data.image)?, "student")
            }
        };
        let source = Source {
            weights: start.or_else(|| named.weights.clone()),
            classes: Some(data.train.classes().len()),
            channels: Some(data.image[2]),
            ..named
        };
        let mut network = source.open(device, Seed::new(recipe.seed), "student")?;
        let input = NetworkInput::of(spec.input(), network.input.take(), || usual);
        network.input = Some(input);
        Self::new(network, data, device)
    }

    /// Puts the layers of the methods in.
    pub(crate) fn insert(
        &mut self,
        methods: &[PlannedMethod],
        image: [usize; 3],
        seed: Seed,
        device: &Device,
    ) -> Result<(), EngineError> {
        let seen = self.facts.input.size(image)?;
        let mut any = false;
        for PlannedMethod { id, method, .. } in methods {
            for insertion in method.info().insertions {
                let scope = Scope::new(device, seed, id).at(&insertion.path);
                self.network.insert(&insertion, [seen[0], seen[1]], &scope)?;
                any = true;
            }
        }
        if any {
            self.facts.info = NetworkInfo::of(&self.network, seen, device)?;
        }
        Ok(())
    }
}

/// Whether a network of so many channels can take images of this size as its input says.
pub(crate) fn check_input(
    name: &str,
    input: &NetworkInput,
    channels: usize,
    [height, width, _]: [usize; 3],
) -> Result<(), EngineError> {
    input
        .check([height, width, channels])
        .map_err(|error| match error {
            EngineError::InvalidPlan { key, reason } => {
                EngineError::invalid_plan(format!("{name}.input.{key}"), reason)
            }
            error => EngineError::invalid_plan(format!("{name}.input"), error.to_string()),
        })
}
