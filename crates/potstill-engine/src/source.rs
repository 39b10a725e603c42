//! Networks that come from somewhere: a recipe, a weight file, the student folder of a run.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use potstill_models::{
    BuildOptions, HeadWeights, Model, ModelEntry, Shortcut, find,
    weights::{self, Asked, TensorFile, WeightSet},
};
use potstill_ops::{NormRule, Scope};
use potstill_random::Seed;
use potstill_recipe::{Network, Norms, OnnxStudent};

use crate::{
    checkpoint::{Checkpoint, METADATA_KEY},
    device::cpu,
    error::EngineError,
    graph_file::GraphFile,
    model_config::{CONFIG, MODEL, ModelConfig},
    network_input::NetworkInput,
    preprocess::Preprocess,
    vision_model::VisionModel,
};

/// Where a network's architecture and weights come from.
///
/// ```
/// use potstill_engine::{Source, cpu};
/// use potstill_random::Seed;
///
/// let source = Source {
///     model: Some("cifar_resnet8".into()),
///     classes: Some(5),
///     ..Source::default()
/// };
/// let model = source.open(&cpu(), Seed::new(0), "student")?;
/// assert_eq!(model.network.classes(), 5);
/// # Ok::<(), potstill_engine::EngineError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The architecture; none to take it from the `config.json` beside the weights.
    pub model: Option<String>,
    /// The ONNX file that the network is made of, in the place of an architecture.
    pub graph: Option<GraphFile>,
    /// A weight file, an exported folder, or the folder of a run; none for fresh weights.
    pub weights: Option<PathBuf>,
    /// Below which prefix of the file the weights are, where it holds several networks; a part of it will do.
    pub prefix: Option<String>,
    /// Whether the head has the file's weights as well, or starts anew.
    pub head: HeadWeights,
    /// The shortcut of a residual network for small images; none for what the weights have, or the published one.
    pub shortcut: Option<Shortcut>,
    /// How its batch norms are made; of a network with a neck those of the backbone.
    pub norms: NormRule,
    /// Whether a segmenter has an auxiliary classifier; none for what the weights have, or as the published network is built.
    pub auxiliary: Option<bool>,
    /// Output classes of a fresh network or head; none for what the weights say, or the published number.
    pub classes: Option<usize>,
    /// Image channels; none for what `config.json` or the weights say, or 3.
    pub channels: Option<usize>,
    /// Where all this was asked for, for messages.
    pub asked: Asked,
}

impl Source {
    /// What a recipe says of a network in this table.
    pub(crate) fn of(spec: &Network, table: &str) -> Self {
        let weights = spec.weights.as_ref().filter(|_| spec.has_weights());
        Self {
            model: Some(spec.model.clone()),
            graph: None,
            weights: weights.map(|weights| weights.file().to_owned()),
            prefix: weights.and_then(|weights| weights.prefix().map(str::to_owned)),
            head: spec.head,
            shortcut: spec.shortcut,
            norms: NormRule {
                frozen: spec.norm == Some(Norms::Frozen),
                momentum: None,
                epsilon: spec.norm_eps,
            },
            auxiliary: spec.auxiliary,
            classes: None,
            channels: None,
            asked: Asked::Recipe(table.into()),
        }
    }

    /// What a recipe says in this table of a student in an ONNX file that sees images of size `[H, W, C]`.
    pub(crate) fn of_file(spec: &OnnxStudent, image: [usize; 3], table: &str) -> Self {
        let weights = spec.weights.as_ref().filter(|weights| !weights.are_random());
        Self {
            graph: Some(GraphFile::of(spec, image)),
            weights: weights.map(|weights| weights.file().to_owned()),
            prefix: weights.and_then(|weights| weights.prefix().map(str::to_owned)),
            head: spec.head,
            norms: NormRule {
                frozen: spec.norm == Some(Norms::Frozen),
                ..NormRule::default()
            },
            asked: Asked::Recipe(table.into()),
            ..Self::default()
        }
    }

    /// Builds the network, with initial values from the streams of `owner`, and loads its weights.
    ///
    /// # Errors
    /// A name that is not in the registry, a file that cannot be read or does not fit, no architecture at all.
    pub fn open(&self, device: &Device, seed: Seed, owner: &str) -> Result<VisionModel, EngineError> {
        let (stored, config) = match &self.weights {
            Some(path) => {
                let (stored, config) = read_weights(path)?;
                (Some(stored), config)
            }
            None => (None, None),
        };
        let kept = match (&self.model, &config) {
            (None, Some(config)) if self.graph.is_none() => config.graph_file()?,
            _ => None,
        };
        if let Some(graph) = self.graph.as_ref().or(kept.as_ref()) {
            let scope = Scope::new(device, seed, owner).with_norms(self.norms);
            let config = config.filter(|config| config.graph.is_some());
            return self.of_graph(graph, stored.as_ref(), config, owner, &scope);
        }
        self.of_entry(stored.as_ref(), config, device, seed, owner)
    }

    /// Builds a network of the registry, and loads its weights.
    fn of_entry(
        &self,
        stored: Option<&TensorFile>,
        config: Option<ModelConfig>,
        device: &Device,
        seed: Seed,
        owner: &str,
    ) -> Result<VisionModel, EngineError> {
        let config = config.filter(|config| {
            self.model
                .as_ref()
                .is_none_or(|model| *model == config.architecture)
        });
        let model = self
            .model
            .clone()
            .or_else(|| config.as_ref().map(|config| config.architecture.clone()));
        let model = model.ok_or(EngineError::NoArchitecture)?;
        let entry = find(&model)?;
        let norms = NormRule {
            epsilon: self
                .norms
                .epsilon
                .or(config.as_ref().and_then(|config| config.norm_eps)),
            ..self.norms
        };
        let scope = Scope::new(device, seed, owner).with_norms(norms);
        let mut options = BuildOptions {
            classes: self.classes,
            channels: self
                .channels
                .or(config.as_ref().map(|config| config.input.channels)),
            shortcut: self
                .shortcut
                .or(config.as_ref().and_then(|config| config.shortcut)),
            auxiliary: self.auxiliary,
        };
        let mut network = entry.build(options, &scope)?;
        let mut notes = Vec::new();
        if let Some(stored) = stored {
            let mut set = WeightSet::choose(stored, &network, self.prefix.as_deref(), &self.asked)?;
            let told = self.told_by(&set, entry, &network, options)?;
            if told != options {
                options = told;
                network = entry.build(options, &scope)?;
            }
            if let Some(config) = &config {
                config.insert(&mut network, &scope)?;
            }
            notes.append(&mut set.notes);
            let left_out = set.load(&mut network, self.head)?;
            notes.extend(head_note(owner, self.head, &left_out));
        }
        // Published weights without a config want their images as their network was published.
        let rule = stored.and_then(|_| entry.input_rule());
        let (known, scaled) = match &config {
            Some(config) => (Some(config.network_input()), Some(config.preprocess())),
            None => (rule.map(NetworkInput::from), rule.map(Preprocess::published)),
        };
        Ok(VisionModel {
            architecture: model,
            shortcut: options.shortcut,
            norm_eps: norms.epsilon,
            network,
            input: known,
            preprocess: scaled,
            task: config.as_ref().map(|config| config.task),
            class_names: config.map(|config| config.class_names).unwrap_or_default(),
            notes,
        })
    }

    /// Builds the network of a file, and loads the weights that are to be put into it.
    fn of_graph(
        &self,
        graph: &GraphFile,
        stored: Option<&TensorFile>,
        config: Option<ModelConfig>,
        owner: &str,
        scope: &Scope,
    ) -> Result<VisionModel, EngineError> {
        let classes = self.classes.or(config.as_ref().map(|config| config.classes));
        let (mut network, found) = graph.build(classes, scope)?;
        // What was found in the file that a run keeps was said when it began.
        let mut notes = if self.graph.is_some() { found } else { Vec::new() };
        if let Some(stored) = stored {
            let mut set = WeightSet::choose(stored, &network, self.prefix.as_deref(), &self.asked)?;
            if let Some(config) = &config {
                config.insert(&mut network, scope)?;
            }
            notes.append(&mut set.notes);
            let left_out = set.load(&mut network, self.head)?;
            notes.extend(head_note(owner, self.head, &left_out));
        }
        Ok(VisionModel {
            architecture: graph.name(),
            shortcut: None,
            norm_eps: None,
            network,
            input: config.as_ref().map(ModelConfig::network_input),
            preprocess: config.as_ref().map(ModelConfig::preprocess),
            task: config.as_ref().map(|config| config.task),
            class_names: config.map(|config| config.class_names).unwrap_or_default(),
            notes,
        })
    }

    /// Takes what the weights tell of their network where nobody asked for something else. `built` is the network without that.
    fn told_by(
        &self,
        set: &WeightSet<'_>,
        entry: &ModelEntry,
        built: &Model,
        options: BuildOptions,
    ) -> Result<BuildOptions, EngineError> {
        let mut told = BuildOptions {
            classes: options.classes.or_else(|| set.classes()),
            channels: options.channels.or_else(|| set.channels()),
            auxiliary: options
                .auxiliary
                .or_else(|| set.auxiliary().filter(|_| entry.takes_auxiliary())),
            ..options
        };
        let has_choice = |shortcut: &Shortcut| entry.takes_shortcut(*shortcut);
        if let Some(shortcut) = set.shortcut().filter(has_choice)
            && shortcut != weights::shortcut_of(built)
        {
            if let Some(asked) = self.shortcut {
                return Err(set.other_shortcut(asked, shortcut).into());
            }
            told.shortcut = Some(shortcut);
        }
        Ok(told)
    }
}

/// What is said of a head that starts anew.
fn head_note(owner: &str, head: HeadWeights, left_out: &[String]) -> Option<String> {
    let left = match left_out {
        [] => "the file has none".to_owned(),
        names => format!("left out of the file: {}", names.join(", ")),
    };
    (head == HeadWeights::New).then(|| format!("the {owner}'s head starts anew; {left}"))
}

impl VisionModel {
    /// A network of the registry for so many classes, with fresh weights from this seed.
    ///
    /// # Errors
    /// A name that is not in the registry, 0 classes.
    pub fn build(architecture: &str, classes: usize, seed: u64) -> Result<Self, EngineError> {
        let source = Source {
            model: Some(architecture.into()),
            classes: Some(classes),
            ..Source::default()
        };
        source.open(&cpu(), Seed::new(seed), "student")
    }

    /// A network with its weights, from a place that says which network it is: an exported folder, the folder of a run, a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit, no `config.json` beside it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let source = Source {
            weights: Some(path.as_ref().into()),
            ..Source::default()
        };
        source.open(&cpu(), Seed::new(0), "student")
    }

    /// The same network with the weights of a file or folder, and with what is said about them there. So a program's own network, which no
    /// name builds, gets its weights back.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit. The network is lost then.
    pub fn with_weights(mut self, path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let (stored, config) = read_weights(path.as_ref())?;
        if let Some(config) = config.filter(|config| config.architecture == self.architecture) {
            let scope = Scope::new(&cpu(), Seed::new(0), "student");
            config.insert(&mut self.network, &scope)?;
            self.input = Some(config.network_input());
            self.preprocess = Some(config.preprocess());
            self.task = Some(config.task);
            self.class_names = config.class_names;
        }
        let mut set = WeightSet::choose(&stored, &self.network, None, &Asked::Program)?;
        self.notes.append(&mut set.notes);
        set.load(&mut self.network, HeadWeights::Kept)?;
        Ok(self)
    }

    /// A network of the registry with the weights of a PyTorch or safetensors file, for as many classes as they are for.
    ///
    /// # Errors
    /// A name that is not in the registry, a file that cannot be read or does not fit.
    pub fn load_weights(architecture: &str, file: impl AsRef<Path>) -> Result<Self, EngineError> {
        let source = Source {
            model: Some(architecture.into()),
            weights: Some(file.as_ref().into()),
            ..Source::default()
        };
        source.open(&cpu(), Seed::new(0), "student")
    }
}

/// The weights at `path` (a file, a checkpoint, an exported folder or the folder of a run) and what is said about them there.
fn read_weights(path: &Path) -> Result<(TensorFile, Option<ModelConfig>), EngineError> {
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
    let mut stored = TensorFile::read(&file)?;
    if let Some(run_state) = stored.metadata.get(METADATA_KEY) {
        let broken = |reason| EngineError::Checkpoint {
            file: file.clone(),
            reason,
        };
        let run_state = Checkpoint::parse(run_state).map_err(broken)?;
        // A teacher that trains has tensors of the same names.
        stored.tensors.retain(|name, _| name.starts_with("student/"));
        return Ok((stored, run_state.student.map(|config| config.found_in(&file))));
    }
    let beside = file.with_file_name(CONFIG);
    let config = if beside.is_file() {
        Some(ModelConfig::read(&beside)?.found_in(&beside))
    } else {
        None
    };
    Ok((stored, config))
}
