//! Every network by name.
//!
//! An entry tells all that can be told without building the network: building a large one takes seconds. Its
//! numbers are held to what a build gives by a test. Lists, completions and documentation come from these
//! entries.

use potstill_ops::{Point, Scope};

use crate::{
    Backbone, HeadConfig, LastStage, Model, ModelError, Names, NeckConfig, NetworkDescription, OutputKind,
    Shortcut, Stage, StageEnd,
    assembly::DenseConfig,
    backbones::{Architecture, Extent, FAMILIES},
    blueprint::Blueprint,
    detectors::DETECTORS,
    patterns,
};

/// One network that can be built by name.
#[derive(Debug, Clone, Copy)]
pub struct ModelEntry {
    /// The name in recipes and on the command line.
    pub name: &'static str,
    /// What it is, in a line, with its source.
    pub about: &'static str,
    /// The input's height and width that the published network takes; others work where the maps do not
    /// vanish.
    pub input: [usize; 2],
    /// Classes of the published network.
    pub classes: usize,
    /// Trainable parameters of the published network; `None` of one that is only known by the pattern of its name.
    pub parameters: Option<u64>,
    /// Multiply-accumulate operations for one image of the published input; twice as many floating-point
    /// operations. `None` as for the parameters.
    pub macs: Option<u64>,
    /// What its tensors are called.
    pub names: Names,
    /// Known public weights and what their licence is, in a line; empty if none are known.
    pub weights: &'static str,
    /// What is built.
    pub(crate) blueprint: Blueprint,
}

/// What a user decides about a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Output classes; the published number if none.
    pub classes: Option<usize>,
    /// Image channels; 3 if none.
    pub channels: Option<usize>,
    /// The shortcut of a residual network for small images; the published one if none.
    pub shortcut: Option<Shortcut>,
    /// Whether a segmenter has an auxiliary classifier for its loss; if none, as the published network is built.
    pub auxiliary: Option<bool>,
}

/// Every network, in the order of the documentation.
///
/// ```
/// let small = potstill_models::registry().filter(|entry| entry.parameters < Some(100_000));
/// assert!(small.into_iter().any(|entry| entry.name == "cifar_resnet8"));
/// ```
pub fn registry() -> impl Iterator<Item = &'static ModelEntry> + Clone {
    FAMILIES.iter().chain(DETECTORS).copied().flatten()
}

/// The network with this name: one of the [`registry`], or one whose name is a pattern around the name of a backbone there, such as
/// `fcn_cifar_resnet20`.
///
/// # Errors
/// [`ModelError::UnknownModel`] with the nearest name.
pub fn find(name: &str) -> Result<&'static ModelEntry, ModelError> {
    let known = registry().find(|entry| entry.name == name);
    known.or_else(|| patterns::resolve(name)).ok_or_else(|| {
        let hint = match potstill_base::nearest(name, registry().map(|entry| entry.name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "and none has a name like it".into(),
        };
        ModelError::UnknownModel {
            name: name.into(),
            hint,
        }
    })
}

/// Classes of a network; the last layer of one with features of 2048 takes 8 GB then.
const MOST_CLASSES: usize = 1_000_000;

/// Channels of images: those of satellites have some hundreds.
const MOST_CHANNELS: usize = 10_000;

impl ModelEntry {
    /// Builds the network with fresh weights from the scope's streams.
    ///
    /// # Errors
    /// [`ModelError::Option`] or [`ModelError::Impossible`]: an option that the network does not have, or a
    /// number that makes no network.
    pub fn build(&self, options: BuildOptions, scope: &Scope) -> Result<Model, ModelError> {
        let (blueprint, [channels, classes]) = self.chosen(options)?;
        let description = NetworkDescription {
            name: self.name.into(),
            channels,
            classes,
            output_kind: blueprint.output_kind(),
            names: self.names,
            stem: Some(blueprint.stem()),
            stage_ends: blueprint.stage_ends(),
            last_stage: Some(blueprint.last_stage()),
        };
        Ok(Model::built(
            blueprint.build([channels, classes], scope),
            description,
        ))
    }

    /// Builds a model for every pixel on this backbone, with a neck or none between, and fresh weights from
    /// the scope's streams.
    ///
    /// It is called after its head and its backbone, such as `fcn_resnet18`. The backbone's tensors and
    /// points stand below `backbone`, or below `backbone.body` where there is a neck (`backbone.fpn`), and
    /// the head's below `classifier`, or below `decode_head` of PSPNet. Those are torchvision's names if the backbone is a ResNet.
    /// The backbone keeps its strides; the published segmenters, whose last stages are dilated, are entries of their own.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use potstill_models::{BuildOptions, FpnConfig, HeadConfig, NeckConfig, find};
    /// use potstill_ops::{Mode, Pass, Scope};
    /// use potstill_random::Seed;
    ///
    /// let scope = Scope::new(&Device::flex(), Seed::new(0), "example");
    /// let options = BuildOptions { classes: Some(4), ..BuildOptions::default() };
    /// let neck = Some(NeckConfig::Fpn(FpnConfig::new(16)));
    /// let model = find("cifar_resnet8")?.build_dense(neck, HeadConfig::Fcn, options, &scope)?;
    /// let images = Tensor::zeros([2, 24, 40, 3], &Device::flex());
    /// let outputs = model.forward(images, &mut Pass::new(Mode::Running));
    /// assert_eq!(outputs.into_dense_logits()?.full().dims(), [2, 24, 40, 4]);
    /// # Ok::<(), potstill_models::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build); and [`ModelError::Impossible`] for a neck of no channels.
    pub fn build_dense(
        &self,
        neck: Option<NeckConfig>,
        head: HeadConfig,
        options: BuildOptions,
        scope: &Scope,
    ) -> Result<Model, ModelError> {
        if neck.is_some_and(|neck| neck.channels() == 0) {
            return Err(self.impossible("a neck of 0 channels".into()));
        }
        let name = format!("{}_{}", head.name(), self.name);
        let auxiliary = false;
        let entry = self.dense(DenseConfig {
            neck,
            head,
            auxiliary,
        })?;
        let mut model = entry.build(options, scope)?;
        model.rename(name);
        Ok(model)
    }

    /// The entry of a model for every pixel on this backbone; its name is that of the backbone.
    pub(crate) fn dense(&self, config: DenseConfig) -> Result<Self, ModelError> {
        let architecture = self.architecture()?;
        let head = config.head;
        Ok(Self {
            parameters: None,
            macs: None,
            names: self.names.with_other_heads(head.last_layers()),
            blueprint: Blueprint::Dense(architecture, config),
            ..*self
        })
    }

    /// Builds the backbone alone, up to its last stage, with fresh weights from the scope's streams, for
    /// images of `channels` channels.
    ///
    /// # Errors
    /// [`ModelError::Impossible`] if there are no channels.
    pub fn backbone(&self, channels: usize, scope: &Scope) -> Result<Backbone, ModelError> {
        if channels == 0 {
            return Err(self.impossible("0 image channels".into()));
        }
        let architecture = self.architecture()?;
        Ok(Backbone::new(architecture, channels, Extent::Stages, scope))
    }

    fn architecture(&self) -> Result<Architecture, ModelError> {
        let architecture = self.blueprint.architecture();
        architecture.ok_or_else(|| self.impossible("a backbone: the network is none with a head".into()))
    }

    /// What is built by these options: channels and classes come last.
    fn chosen(&self, options: BuildOptions) -> Result<(Blueprint, [usize; 2]), ModelError> {
        let channels = options.channels.unwrap_or(3);
        let classes = options.classes.unwrap_or(self.classes);
        if classes == 0 || channels == 0 {
            return Err(self.impossible(format!(
                "{classes} classes and {channels} image channels: both must be at least 1"
            )));
        }
        if classes > MOST_CLASSES || channels > MOST_CHANNELS {
            return Err(self.impossible(format!(
                "{classes} classes and {channels} image channels: at most {MOST_CLASSES} and {MOST_CHANNELS}"
            )));
        }
        if let Some(reason) = self.blueprint.refuses_channels(channels) {
            return Err(self.impossible(reason));
        }
        let refused = |option: String| {
            move |reason| ModelError::Option {
                model: self.name.into(),
                option,
                reason,
            }
        };
        let mut blueprint = self.blueprint;
        if let Some(shortcut) = options.shortcut {
            let chosen = blueprint.with_shortcut(shortcut);
            blueprint = chosen.map_err(refused(format!("shortcut {shortcut}")))?;
        }
        if let Some(auxiliary) = options.auxiliary {
            let chosen = blueprint.with_auxiliary(auxiliary);
            blueprint = chosen.map_err(refused("an auxiliary classifier".into()))?;
        }
        Ok((blueprint, [channels, classes]))
    }

    /// Whether the network can be built with this shortcut.
    pub fn takes_shortcut(&self, shortcut: Shortcut) -> bool {
        self.blueprint.with_shortcut(shortcut).is_ok()
    }

    /// Whether the network can be built with an auxiliary classifier for its loss.
    pub fn takes_auxiliary(&self) -> bool {
        self.blueprint.with_auxiliary(true).is_ok()
    }

    fn impossible(&self, what: String) -> ModelError {
        let model = self.name.into();
        ModelError::Impossible { model, what }
    }

    /// Where the stem ends: the first map of the network, after its activation.
    pub fn stem(&self) -> Point {
        self.blueprint.stem()
    }

    /// The stages of the backbone with their channels and strides, in the order of the network.
    pub fn stages(&self) -> Vec<Stage> {
        self.blueprint.stages()
    }

    /// Which kind of outputs the network gives.
    pub fn output_kind(&self) -> OutputKind {
        self.blueprint.output_kind()
    }

    /// What a method may read, in the order of the network: where the stages end, and the pooled embedding of a classifier.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        self.blueprint.stage_ends()
    }

    /// The ends of the last stage.
    pub fn last_stage(&self) -> LastStage {
        self.blueprint.last_stage()
    }
}
