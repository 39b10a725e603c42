//! Any network, built.

use burn::{module::Module, tensor::Tensor};
use potstill_ops::{
    ForwardPass, Frozen, Inserted, Insertion, Mode, Parameters, Pass, Point, Scope, Trace, TracedMap,
};

use crate::{
    DetectorFacts, LastStage, LinearHead, ModelError, Names, Network, NetworkDescription, OutputError,
    OutputKind, Outputs, StageEnd, assembly::Assembly, detectors::WholeDetector, named::Named,
    own_network::OwnNetwork, probe, segmenters::Enet,
};

/// A network with the layers that were put into it: one of the registry, or a program's own.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use potstill_models::{BuildOptions, find};
/// use potstill_ops::{Mode, Pass, Point, Scope, Taps};
/// use potstill_random::Seed;
///
/// let device = Device::flex();
/// let scope = Scope::new(&device, Seed::new(0), "student");
/// let options = BuildOptions { classes: Some(7), ..BuildOptions::default() };
/// let network = find("cifar_resnet8")?.build(options, &scope)?;
/// let last = Point::pre("layer3.0");
/// let mut taps = Taps::at(&[last.clone()]);
/// let mut pass = Pass::visited(Mode::Batch, &mut taps);
/// let outputs = network.forward(Tensor::ones([2, 32, 32, 3], &device), &mut pass);
/// assert_eq!(outputs.logits()?.dims(), [2, 7]);
/// assert_eq!(taps.map(&last).map(|map| map.dims()), Some([2, 8, 8, 64]));
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Module, Debug)]
pub struct Model {
    network: Inserted<Source>,
    #[module(skip)]
    description: NetworkDescription,
}

/// Where a network comes from.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a program has a few networks")]
pub(crate) enum Source {
    Assembly(Assembly),
    Whole(WholeDetector),
    Enet(Named<Enet>),
    Own(OwnNetwork),
}

impl Source {
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        match self {
            Self::Assembly(assembly) => assembly.forward(images, pass),
            Self::Whole(detector) => detector.forward(images, pass),
            Self::Enet(network) => network.get().outputs(images, pass),
            Self::Own(network) => network.forward(images, pass),
        }
    }

    fn refuses(&self, size: [usize; 2]) -> Option<String> {
        match self {
            Self::Assembly(assembly) => assembly.refuses(size),
            Self::Whole(_) => None,
            Self::Enet(_) => Enet::refuses(size),
            Self::Own(network) => network.refuses(size),
        }
    }
}

impl Model {
    pub(crate) fn built(source: Source, description: NetworkDescription) -> Self {
        Self {
            network: Inserted::none(source),
            description,
        }
    }

    /// A network of a program's own, with the values that it has.
    pub fn own(network: impl Network) -> Self {
        Self {
            description: network.description(),
            network: Inserted::none(Source::Own(OwnNetwork::new(network))),
        }
    }

    pub(crate) fn description(&self) -> &NetworkDescription {
        &self.description
    }

    /// The name of the network.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// What the network gives for normalised images `[N, H, W, C]` that [`check`](Self::check) has nothing
    /// against.
    pub fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        self.network
            .forward(pass, |network, pass| network.forward(images, pass))
    }

    /// Runs the network for the maps at these points, which the pass's visitor sees. Heads that no point lies in
    /// are left out.
    pub fn come_by(&self, points: &[Point], images: Tensor<4>, pass: &mut Pass<'_>) {
        self.network.forward(pass, |network, pass| match network {
            Source::Assembly(assembly) => assembly.come_by(points, images, pass),
            network => drop(network.forward(images, pass)),
        });
    }

    /// Traces the way from images to logits `[N, 1, 1, K]`; `None` of a network that gives something else, or is a program's own.
    pub(crate) fn trace(&self, images: TracedMap, trace: &mut Trace) -> Option<TracedMap> {
        self.network.trace(trace, |network, trace| match network {
            Source::Assembly(assembly) => assembly.trace(images, trace),
            Source::Whole(_) | Source::Enet(_) | Source::Own(_) => None,
        })
    }

    /// Traces the layers that stand at a point, for a map that goes in there.
    pub(crate) fn trace_layers(&self, point: &Point, map: TracedMap, trace: &mut Trace) -> TracedMap {
        self.network
            .trace(trace, |_, trace| trace.show(&point.path, point.side, map))
    }

    /// Gives the network another name.
    pub(crate) fn rename(&mut self, name: String) {
        self.description.name = name;
    }

    /// Which kind of outputs the network gives.
    pub fn output_kind(&self) -> OutputKind {
        self.description.output_kind
    }

    /// Puts a layer in, with initial values from `scope`. The number of its channels is found by a probe with
    /// an image of size `[H, W]`. A network that has this very layer already (it was loaded with it) keeps
    /// it.
    ///
    /// A layer that changes the number of channels can stand where a classification head reads its map. The
    /// head is then drawn anew for the new number, with initial values from `scope`.
    ///
    /// # Errors
    /// [`ModelError::Insertion`] if the network has no such point, if another layer has the path, or if no
    /// such layer can be built there.
    pub fn insert(
        &mut self,
        insertion: &Insertion,
        size: [usize; 2],
        scope: &Scope,
    ) -> Result<(), ModelError> {
        let name = self.description.name.clone();
        let refused = |reason: String| ModelError::Insertion {
            model: name.clone(),
            path: insertion.path.clone(),
            reason,
        };
        let Insertion { path, point, layer } = insertion;
        if let Some(present) = self.network.insertions().find(|known| known.path == *path) {
            if present == insertion {
                return Ok(());
            }
            let Insertion { point, layer, .. } = present;
            return Err(refused(format!("it has one of that name at `{point}`, {layer}")));
        }
        if path.is_empty() {
            return Err(refused("a layer needs a name".into()));
        }
        if let Some(fault) = layer.fault() {
            return Err(refused(fault.into()));
        }
        let probed = probe(self, size, scope.device())?;
        let Some([_, _, channels]) = probed.size(point) else {
            return Err(refused(format!("the network has no point `{point}`")));
        };
        let outputs = layer.outputs(channels);
        if outputs != channels && !self.redraw_head(point, outputs, scope) {
            return Err(refused(format!(
                "the map at `{point}` has {channels} channels, and what follows cannot take {outputs}"
            )));
        }
        self.network.insert(insertion.clone(), channels, scope);
        Ok(())
    }

    /// Draws the head anew for a map of `inputs` channels at `point`; false if no head reads its map there.
    fn redraw_head(&mut self, point: &Point, inputs: usize, scope: &Scope) -> bool {
        let classes = self.description.classes;
        match self.network.get_mut() {
            Source::Assembly(assembly) => assembly.redraw_head(point, [inputs, classes], scope),
            Source::Enet(_) | Source::Whole(_) | Source::Own(_) => false,
        }
    }

    /// Whether there is an auxiliary classifier for the loss; `None` of a network that is no segmenter on a backbone.
    pub fn auxiliary(&self) -> Option<bool> {
        match self.network.get() {
            Source::Assembly(assembly) => assembly.auxiliary(),
            Source::Enet(_) | Source::Whole(_) | Source::Own(_) => None,
        }
    }

    /// The layers that were put in, in order.
    pub fn insertions(&self) -> Vec<Insertion> {
        self.network.insertions().cloned().collect()
    }

    /// The network as it is deployed, on the plain device: the weights of its inserted layers in their
    /// simplest form. It computes the same.
    #[must_use]
    pub fn deployed(&self) -> Self {
        let mut network = self.valid();
        network.network.deploy_layers();
        network
    }

    /// Logits `[N, K]` of a frozen network by its running statistics, read at no point. No graph is kept.
    ///
    /// # Errors
    /// [`OutputError`] if it gives outputs of another kind.
    pub fn logits(frozen: &Frozen<Self>, images: Tensor<4>) -> Result<Tensor<2>, OutputError> {
        let mut pass = Pass::new(Mode::Running);
        frozen.prepare(&mut pass);
        frozen.get().forward(images, &mut pass).into_logits()
    }

    /// Whether the network takes images of this size `[H, W, C]`.
    ///
    /// # Errors
    /// [`ModelError::Input`] with the reason why not.
    pub fn check(&self, [height, width, channels]: [usize; 3]) -> Result<(), ModelError> {
        let refused = |reason| ModelError::Input {
            model: self.description.name.clone(),
            image: format!("{height}x{width}x{channels}"),
            reason,
        };
        if channels != self.description.channels {
            let plural = if self.description.channels == 1 { "" } else { "s" };
            let reason = format!(
                "it was built for images of {} channel{plural}",
                self.description.channels
            );
            return Err(refused(reason));
        }
        if height == 0 || width == 0 {
            return Err(refused("there is not one pixel in it".into()));
        }
        self.network
            .get()
            .refuses([height, width])
            .map_or(Ok(()), |reason| Err(refused(reason)))
    }

    /// Where the stem ends: the first map of the network, after its activation. `None` if a program's own
    /// network does not say.
    pub fn stem(&self) -> Option<Point> {
        self.description.stem.clone()
    }

    /// Where the stages end, fine to coarse, and the pooled embedding of a classification network; empty if a
    /// program's own network does not say.
    pub fn stage_ends(&self) -> Vec<StageEnd> {
        self.description.stage_ends.clone()
    }

    /// The ends of the last stage. `None` if a program's own network does not say.
    pub fn last_stage(&self) -> Option<LastStage> {
        self.description.last_stage.clone()
    }

    /// Where a detector looks, and which of what it sees it tells; `None` of any other network.
    pub fn detector(&self) -> Option<DetectorFacts> {
        match self.network.get() {
            Source::Assembly(assembly) => assembly.detector_facts(),
            Source::Whole(detector) => Some(detector.detector()),
            Source::Own(_) | Source::Enet(_) => None,
        }
    }

    /// The classifier, whatever was put in before it.
    pub(crate) fn own_linear_head(&self) -> Option<LinearHead> {
        match self.network.get() {
            Source::Assembly(assembly) => assembly.linear_head(),
            Source::Own(network) => network.linear_head(),
            Source::Enet(_) | Source::Whole(_) => None,
        }
    }

    /// The ONNX file that it was read from, without its weights; `None` of any other network.
    pub fn graph_file(&self) -> Option<&[u8]> {
        match self.network.get() {
            Source::Own(network) => network.graph_file(),
            Source::Assembly(_) | Source::Enet(_) | Source::Whole(_) => None,
        }
    }

    /// Output classes.
    pub fn classes(&self) -> usize {
        self.description.classes
    }

    /// Image channels.
    pub fn channels(&self) -> usize {
        self.description.channels
    }

    /// What the network's tensors are called.
    pub fn names(&self) -> &Names {
        &self.description.names
    }

    /// The network's tensors by their PyTorch names.
    pub fn parameters(&self) -> &dyn Parameters {
        &self.network
    }

    /// The network's tensors by their PyTorch names, to be replaced.
    pub fn parameters_mut(&mut self) -> &mut dyn Parameters {
        &mut self.network
    }
}
