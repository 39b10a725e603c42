//! A network in an ONNX file that trains: layers under the file's names, and the steps of a pass between them.

mod functions;
mod layer;
mod loose;
mod proof;
mod run;
mod value;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use burn::{
    module::{Content, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Tensor},
};
use potstill_onnx::train_graph::{MapView, Op, StagePlan, TrainGraph};
use potstill_ops::{Linear, Pass, Point, Scope};

use self::layer::{Change, Layer, NamedLayer, Start};
use crate::{
    HeadWeights, LastStage, LinearHead, Model, ModelError, Names, Network, NetworkDescription, OutputKind,
    Outputs, StageEnd,
};

/// The first values of a network in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GraphWeights {
    /// Those of the file.
    #[default]
    File,
    /// Drawn as those of a built-in network: convolutions by the outputs' fan, linear layers with deviation 0.02, norms 1 and 0. Weights
    /// that are neither (a class token, places, scales of layers) keep the file's values.
    Fresh,
}

/// How a network in a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GraphStart {
    /// Its weights.
    pub weights: GraphWeights,
    /// Whether its last layer has them as well, or is drawn anew.
    pub head: HeadWeights,
}

impl From<GraphWeights> for GraphStart {
    fn from(weights: GraphWeights) -> Self {
        Self {
            weights,
            head: HeadWeights::Kept,
        }
    }
}

/// A network in a file, that trains.
#[derive(Debug, Clone)]
pub struct GraphNetwork {
    graph: Arc<TrainGraph>,
    /// What it is called.
    name: String,
    layers: Vec<NamedLayer>,
    /// The values that nobody reads after each step.
    done: Arc<Vec<Vec<usize>>>,
    /// Whether images of other sizes pass, as far as that was asked.
    sizes: Arc<Mutex<BTreeMap<[usize; 2], bool>>>,
}

impl GraphNetwork {
    /// Builds the network of a file for so many classes, with fresh values from the streams of `scope` where it has none of the file: all
    /// of them if asked for, and the last layer if asked for or where the file's classes are others.
    ///
    /// # Errors
    /// [`ModelError::Onnx`] if the last layer cannot be drawn anew.
    pub fn build(
        graph: TrainGraph,
        classes: usize,
        start: impl Into<GraphStart>,
        scope: &Scope,
    ) -> Result<Self, ModelError> {
        let GraphStart { weights, head } = start.into();
        let has_new_head = classes != graph.classes || head == HeadWeights::New;
        if head == HeadWeights::New {
            graph.new_head()?;
        }
        let graph = graph.for_classes(classes)?;
        let head = graph
            .head
            .as_ref()
            .map(|head| head.layer)
            .filter(|_| has_new_head);
        let drawn = graph.drawn();
        let start = |layer: usize| match weights {
            _ if head == Some(layer) => Start::NewHead,
            GraphWeights::File => Start::File,
            GraphWeights::Fresh => Start::Fresh(drawn.get(&layer).copied()),
        };
        let layers = graph.layers.iter().enumerate();
        let layers = layers.map(|(index, plan)| NamedLayer::build(plan, &graph.tensors, start(index), scope));
        Ok(Self {
            layers: layers.collect(),
            done: Arc::new(done(&graph)),
            name: {
                let name = graph.file.file_name().unwrap_or(graph.file.as_os_str());
                name.to_string_lossy().into_owned()
            },
            sizes: Arc::default(),
            graph: Arc::new(graph),
        })
    }

    /// The same network under another name than its file's.
    #[must_use]
    pub fn called(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// The plan that it was built by.
    pub fn graph(&self) -> &TrainGraph {
        &self.graph
    }

    /// The same as a model.
    pub fn into_model(self) -> Model {
        Model::own(self)
    }

    /// Where its weights are.
    fn device(&self) -> Device {
        let devices = self.collect_devices(Vec::new());
        devices.into_iter().next().unwrap_or_default()
    }

    fn each(self, change: impl Fn(Layer) -> Layer) -> Self {
        let layers = self.layers.into_iter();
        Self {
            layers: layers.map(|named| named.changed(&change)).collect(),
            ..self
        }
    }
}

/// The values that are read for the last time at each step.
fn done(graph: &TrainGraph) -> Vec<Vec<usize>> {
    let mut left = vec![true; graph.values];
    left[graph.logits] = false;
    let mut done: Vec<Vec<usize>> = graph
        .steps
        .iter()
        .rev()
        .map(|step| {
            let mut last = Vec::new();
            for &value in &step.inputs {
                // One that is read twice is still there for the second time.
                let is_single = step.inputs.iter().filter(|&&other| other == value).count() == 1;
                if std::mem::replace(&mut left[value], false) && is_single {
                    last.push(value);
                }
            }
            last
        })
        .collect();
    done.reverse();
    done
}

impl Network for GraphNetwork {
    fn description(&self) -> NetworkDescription {
        let graph = &*self.graph;
        let head = graph.head.as_ref().map_or("", |head| &head.path);
        let stages = &graph.stages;
        let end = |plan: &StagePlan| StageEnd {
            post: Point::post(&plan.post),
            pre: Point::post(&plan.pre),
        };
        let pooled = stages.pooled.as_ref().map(StageEnd::linear);
        let last_map = stages.ends.last().map(|end| Point::post(&end.post));
        let first_block = stages.first_of_last.as_ref().map(Point::post);
        NetworkDescription {
            name: self.name.clone(),
            channels: graph.image[2],
            classes: graph.classes,
            output_kind: OutputKind::Logits,
            names: Names::of_file(head),
            stem: stages.stem.as_ref().map(Point::post),
            stage_ends: stages.ends.iter().map(end).chain(pooled).collect(),
            last_stage: first_block
                .zip(last_map)
                .map(|(first_block, last_map)| LastStage {
                    first_block,
                    last_map,
                }),
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        Outputs::Logits(self.logits(images, pass))
    }

    fn graph_file(&self) -> Option<&[u8]> {
        Some(&self.graph.skeleton)
    }

    fn linear_head(&self) -> Option<LinearHead> {
        let tail = self.graph.linear_tail()?;
        let of = |weight: &Param<Tensor<2>>, bias: &Option<Param<Tensor<1>>>| {
            LinearHead::new(Point::post(tail.map), weight.val(), bias.as_ref().map(Param::val))
        };
        match &self.layers[tail.layer].layer {
            Layer::Linear(Linear { weight, bias, .. }) => Some(of(weight, bias)),
            Layer::Transposed { weight, bias } => Some(of(weight, bias).of_transposed()),
            _ => None,
        }
    }

    fn refuses(&self, size: [usize; 2]) -> Option<String> {
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let passes = *sizes.entry(size).or_insert_with(|| self.graph.takes_size(size));
        let [height, width, _] = self.graph.image;
        (!passes).then(|| format!("its operators state sizes, and were read for images of {height}x{width}"))
    }
}

impl Module for GraphNetwork {
    fn collect_devices(&self, devices: Vec<Device>) -> Vec<Device> {
        let mut seeing = Devices(devices);
        self.visit(&mut seeing);
        seeing.0
    }

    fn fork(self, device: &Device) -> Self {
        self.each(|layer| layer.each(&Fork(device)))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each(|layer| layer.each(&ToDevice(device)))
    }

    fn train(self) -> Self {
        self.each(|layer| layer.each(&Train))
    }

    fn valid(&self) -> Self {
        self.clone().each(|layer| layer.each(&Valid))
    }

    fn materialize(self) -> Self {
        self.each(|layer| layer.each(&Materialize))
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        for layer in &self.layers {
            layer.visit(visitor);
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let layers = self.layers.into_iter().map(|layer| layer.map(mapper));
        Self {
            layers: layers.collect(),
            ..self
        }
    }
}

impl ModuleDisplayDefault for GraphNetwork {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl ModuleDisplay for GraphNetwork {}

struct Devices(Vec<Device>);

impl ModuleVisitor for Devices {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let device = param.val().device();
        if !self.0.contains(&device) {
            self.0.push(device);
        }
    }
}

struct Fork<'d>(&'d Device);
struct ToDevice<'d>(&'d Device);
struct Train;
struct Valid;
struct Materialize;

impl Change for Fork<'_> {
    fn of<M: Module>(&self, module: M) -> M {
        module.fork(self.0)
    }
}

impl Change for ToDevice<'_> {
    fn of<M: Module>(&self, module: M) -> M {
        module.to_device(self.0)
    }
}

impl Change for Train {
    fn of<M: Module>(&self, module: M) -> M {
        module.train()
    }
}

impl Change for Valid {
    fn of<M: Module>(&self, module: M) -> M {
        module.valid()
    }
}

impl Change for Materialize {
    fn of<M: Module>(&self, module: M) -> M {
        module.materialize()
    }
}
