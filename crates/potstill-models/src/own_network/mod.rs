//! Networks of a program's own, as students and teachers beside the built-in ones.

mod erased;

use std::fmt::Debug;

use burn::{
    module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor},
    tensor::{Device, Tensor},
};
use potstill_ops::{Pass, Point};

use crate::{LastStage, LinearHead, ModelError, Names, OutputKind, Outputs, Probe, StageEnd};
use erased::{ConcreteMapper, ConcreteVisitor, Erased};

/// A network of a program's own. [`Model::own`](crate::Model::own) makes a model of it.
///
/// It is any Burn module that runs in a [`Pass`]: made of the layers of `potstill_ops`, it gets batch
/// statistics, fused operations and points without further ado. Its tensors are called by its fields.
///
/// ```
/// use burn::{module::Module, tensor::{Device, Tensor}};
/// use potstill_models::{Model, Network, NetworkDescription, Outputs, StageEnd, probe};
/// use potstill_ops::{
///     Activation, BatchNorm, Conv2d, Conv2dConfig, Linear, Pass, Point, Scope, conv_norm_act, global_avg_pool,
/// };
/// use potstill_random::Seed;
///
/// #[derive(Module, Debug)]
/// struct Small {
///     conv: Conv2d,
///     norm: BatchNorm,
///     fc: Linear,
/// }
///
/// impl Small {
///     fn new(classes: usize, scope: &Scope) -> Self {
///         Self {
///             conv: Conv2d::he_normal(Conv2dConfig::new(3, 16, 3).stride(2), &scope.at("conv")),
///             norm: BatchNorm::new(16, &scope.at("norm")),
///             fc: Linear::new(16, classes, &scope.at("fc")),
///         }
///     }
/// }
///
/// impl Network for Small {
///     fn description(&self) -> NetworkDescription {
///         let classes = self.fc.weight.dims()[0];
///         NetworkDescription {
///             stage_ends: vec![StageEnd::activated("conv")],
///             ..NetworkDescription::classifier("small", classes, "fc")
///         }
///     }
///
///     fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
///         // The map stands at the point `conv`, before (`conv:pre`) and after the ReLU.
///         let map = conv_norm_act(images, &self.conv, &self.norm, None, Activation::Relu, "conv", pass);
///         let embedding = global_avg_pool(map).flatten(1, 3);
///         Outputs::Logits(self.fc.forward(embedding, pass))
///     }
/// }
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "student");
/// let model = Model::own(Small::new(10, &scope));
/// let probe = probe(&model, [32, 32], &Device::flex())?;
/// assert_eq!(probe.size(&Point::post("conv")), Some([16, 16, 16]));
/// assert_eq!(model.parameters().entries()[0].path, "conv.weight");
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
pub trait Network: Module + Sync + 'static {
    /// What is to be known about it. It is asked once, when the model is made.
    fn description(&self) -> NetworkDescription;

    /// What it gives for normalised images `[N, H, W, C]`. A map that is to be read or replaced goes through
    /// [`Pass::show`](potstill_ops::Pass::show), or through a layer that does so.
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs;

    /// The ONNX file that it was read from, without its weights; `None` of a network that a program builds.
    fn graph_file(&self) -> Option<&[u8]> {
        None
    }

    /// Its classifier, if nothing but a linear layer stands behind the mean over all places of a map: what methods of heads read.
    fn linear_head(&self) -> Option<LinearHead> {
        None
    }

    /// Why images of this height and width cannot pass; `None` if they can. It is asked for sizes of at least
    /// 1 only.
    fn refuses(&self, _size: [usize; 2]) -> Option<String> {
        None
    }
}

/// What is known of a network without running it.
#[derive(Debug, Clone)]
pub struct NetworkDescription {
    /// Its name in messages, reports and a `config.json`.
    pub name: String,
    /// The channels of its images.
    pub channels: usize,
    /// Its classes K.
    pub classes: usize,
    /// What it gives.
    pub output_kind: OutputKind,
    /// What its tensors are called.
    pub names: Names,
    /// Where the stem ends: the first map of the network, after its activation. `None` if no method is to
    /// read it.
    pub stem: Option<Point>,
    /// Where the stages end, fine to coarse: what methods read if a recipe names no points.
    pub stage_ends: Vec<StageEnd>,
    /// The ends of the last stage. `None` if no method is to read them.
    pub last_stage: Option<LastStage>,
}

impl NetworkDescription {
    /// A classification network for images of three channels, of which no points are known. The weight of its
    /// last layer stands at `last_layer`, one row for each class.
    pub fn classifier(name: impl Into<String>, classes: usize, last_layer: &'static str) -> Self {
        Self {
            name: name.into(),
            channels: 3,
            classes,
            output_kind: OutputKind::Logits,
            names: Names::own(last_layer),
            stem: None,
            stage_ends: Vec::new(),
            last_stage: None,
        }
    }
}

impl NetworkDescription {
    /// Whether a network with these outputs and points is as it is described.
    pub(crate) fn check(&self, outputs: &Outputs, probe: &Probe) -> Result<(), ModelError> {
        let differs = |what: String| ModelError::Description {
            model: self.name.clone(),
            what,
        };
        if outputs.kind() != self.output_kind {
            let (said, found) = (self.output_kind, outputs.kind());
            return Err(differs(format!("it gives {found}, not {said}")));
        }
        if outputs.classes() != self.classes {
            let (said, found) = (self.classes, outputs.classes());
            return Err(differs(format!(
                "it gives logits of {found} classes, not of {said}"
            )));
        }
        let ends = self.stage_ends.iter().flat_map(|end| [&end.post, &end.pre]);
        let last = self.last_stage.iter();
        let last = last.flat_map(|stage| [&stage.first_block, &stage.last_map]);
        match ends
            .chain(last)
            .chain(&self.stem)
            .find(|point| probe.size(point).is_none())
        {
            Some(point) => Err(differs(format!("it does not come by the point `{point}`"))),
            None => Ok(()),
        }
    }
}

/// A [`Network`] whose type is forgotten.
#[derive(Debug)]
pub(crate) struct OwnNetwork(Box<dyn Erased>);

impl OwnNetwork {
    pub fn new(network: impl Network) -> Self {
        Self(Box::new(network))
    }

    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        self.0.forward(images, pass)
    }

    pub fn refuses(&self, size: [usize; 2]) -> Option<String> {
        self.0.refuses(size)
    }

    pub fn graph_file(&self) -> Option<&[u8]> {
        self.0.graph_file()
    }

    pub fn linear_head(&self) -> Option<LinearHead> {
        self.0.linear_head()
    }
}

impl Clone for OwnNetwork {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl Module for OwnNetwork {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        self.0.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        Self(self.0.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        Self(self.0.to_device(device))
    }

    fn train(self) -> Self {
        Self(self.0.train())
    }

    fn valid(&self) -> Self {
        Self(self.0.valid())
    }

    fn materialize(self) -> Self {
        Self(self.0.materialize())
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        self.0.visit(&mut ConcreteVisitor(visitor));
    }

    fn map<V: ModuleMapper>(self, mapper: &mut V) -> Self {
        Self(self.0.map(&mut ConcreteMapper(mapper)))
    }
}

impl ModuleDisplayDefault for OwnNetwork {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl ModuleDisplay for OwnNetwork {}
