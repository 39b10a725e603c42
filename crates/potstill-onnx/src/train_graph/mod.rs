//! Files that train: from the operators of an ONNX file to the layers and steps of a network.
//!
//! [`TrainGraph::open`] reads a file in evaluation mode that keeps its batch norms and the names of its tensors, and makes a checked plan
//! of it in four passes: what is constant (`trace`), where axes lie (`lower`), what several operators stand for (`patterns`, `units`), and
//! where stages end (`stages`). It knows no tensor library: who runs the steps has one.

mod extent;
mod head;
mod layers;
mod literal;
mod lower;
mod node;
mod patterns;
mod plan;
mod rewrite;
mod source;
mod stages;
mod steps;
mod trace;
mod units;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem,
    path::{Path, PathBuf},
};

use rten_onnx::onnx::DataType;

pub use self::{
    head::HeadPlan,
    plan::{
        Binary, ConvShape, KeptTensor, LayerPlan, MapView, Nonlinearity, Op, PointPlan, Reduction, Size,
        Step, Unary, Unit, WindowShape,
    },
    stages::{StagePlan, Stages},
};
use self::{
    layers::Layers, literal::Literal, lower::Lowering, node::Node, source::GraphSource, stages::Shapes,
    trace::Trace,
};
use crate::{OnnxError, OnnxNetwork, constants::is_float, images::takes_images};

/// The line of Python that makes a file that trains.
pub const EXPORT_LINE: &str = "torch.onnx.export(model.eval(), torch.zeros(2, 3, 224, 224), \"mine.onnx\", dynamo=False, \
     opset_version=17, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, input_names=[\"images\"], \
     dynamic_axes={\"images\": {0: \"n\"}})";

/// A file as a network that trains.
#[derive(Debug, Clone)]
pub struct TrainGraph {
    /// The file.
    pub file: PathBuf,
    /// The size `[H, W, C]` of the images that the steps are for.
    pub image: [usize; 3],
    /// Whether images of another size take other steps.
    pub is_bound: bool,
    /// Classes of the logits.
    pub classes: usize,
    /// The tensors that the network keeps, in the file's order.
    pub tensors: Vec<KeptTensor>,
    /// Its layers.
    pub layers: Vec<LayerPlan>,
    /// The steps of a pass.
    pub steps: Vec<Step>,
    /// The number of values of a pass, the images counted.
    pub values: usize,
    /// The value `[N, K]` of the logits.
    pub logits: usize,
    /// The last layer; none if the logits do not come straight from one.
    pub head: Option<HeadPlan>,
    /// Where its stages end.
    pub stages: Stages,
    /// What has to be said about the file, in a line each.
    pub notes: Vec<String>,
    /// The file without its weights: from it and a state dict comes the same network again.
    pub skeleton: Vec<u8>,
}

impl TrainGraph {
    /// Reads a file for images of size `[H, W, C]`. `logits` names the tensor of logits; without it the file's first output is meant.
    ///
    /// # Errors
    /// A file that cannot be read or does not take such images; operators that there is no code for, all of them in one message; an
    /// output that is no row of logits for each image.
    pub fn open(file: &Path, logits: Option<&str>, image: [usize; 3]) -> Result<Self, OnnxError> {
        Self::of(GraphSource::read(file), file, logits, image)
    }

    /// Reads what a run keeps of a file ([`skeleton`](Self::skeleton)), to be given its weights.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reopen(file: &Path, image: [usize; 3]) -> Result<Self, OnnxError> {
        Self::of(GraphSource::read_kept(file), file, None, image)
    }

    fn of(
        source: Result<GraphSource, String>,
        file: &Path,
        logits: Option<&str>,
        [height, width, channels]: [usize; 3],
    ) -> Result<Self, OnnxError> {
        let unreadable = |reason: String| OnnxError::Unreadable {
            file: file.into(),
            reason,
        };
        let refused = |reason: String| OnnxError::NotTrainable {
            file: file.into(),
            reason,
        };
        let mut source = source.map_err(unreadable)?;
        let bytes = source.bytes().map_err(unreadable)?;
        let network = OnnxNetwork::of_bytes(file, bytes, logits)?;
        network.check(&[1, channels, height, width])?;
        let logits = network.logits().to_owned();
        let Read {
            nodes,
            tensors,
            constants,
        } = Read::of(&source, &network).map_err(unreadable)?;
        let weights: HashSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let image = [channels, height, width];
        let trace = Trace::of(&network, &nodes, &weights, constants, image);
        let trace = trace.map_err(|error| match source.batch {
            Some(count) => refused(format!(
                "it was exported for {count} images at a time, and takes no other number. Export it with an open batch: {EXPORT_LINE}"
            )),
            None => error,
        })?;
        let images = network.input_name().to_owned();
        let is_folded = is_folded(&nodes);
        let mut lowering = Lowering::of(&nodes, &trace, Layers::of(tensors), &images, image);
        let missing = lowering.run();
        if !missing.is_empty() {
            return Err(refused(not_known(&missing)));
        }
        let (value, classes) = row_of_logits(&mut lowering, &network, &logits)
            .map_err(|reason| network.no_logits(&logits, reason))?;
        let Lowering {
            layers,
            steps,
            values,
            ..
        } = lowering;
        let (tensors, mut layers, idle) = layers.finish();
        let stages = stages::stages(&steps, &layers, &Shapes(&tensors), value, [height, width]);
        let steps = units::united(patterns::simplified(steps, value), &mut layers, value);
        let kept: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let notes = notes(mem::take(&mut source.notes), is_folded, &idle);
        let skeleton = source.into_bytes_without(&kept, (&logits, classes));
        let skeleton = skeleton.map_err(unreadable)?;
        Ok(Self {
            file: file.into(),
            image: [height, width, channels],
            is_bound: extent::is_bound(&steps),
            classes,
            head: head::head(&steps, &layers, &tensors, value, classes),
            tensors,
            layers,
            steps,
            values,
            logits: value,
            stages,
            notes,
            skeleton,
        })
    }

    /// The size `[H, W, C]` of the images that a file takes; none where it leaves it open.
    ///
    /// # Errors
    /// A file that cannot be read, or takes no images.
    pub fn takes(file: &Path) -> Result<[Option<usize>; 3], OnnxError> {
        let unreadable = |reason: String| OnnxError::Unreadable {
            file: file.into(),
            reason,
        };
        let inputs = GraphSource::inputs(file).map_err(unreadable)?;
        let [_, channels, height, width] = takes_images(file, &inputs)?;
        Ok([height, width, channels])
    }

    /// The places among the tensors of running statistics.
    pub fn statistics(&self) -> BTreeSet<usize> {
        let of = |layer: &LayerPlan| match layer {
            LayerPlan::BatchNorm {
                tensors: [_, _, mean, variance],
                ..
            } => vec![*mean, *variance],
            _ => Vec::new(),
        };
        self.layers.iter().flat_map(of).collect()
    }

    /// The same network for other classes: its last layer, whose tensors have as many rows then, is to be drawn anew.
    ///
    /// # Errors
    /// No classes, or logits that do not come straight from a layer.
    pub fn for_classes(mut self, classes: usize) -> Result<Self, OnnxError> {
        if classes == self.classes {
            return Ok(self);
        }
        let Some(head) = self.head.clone().filter(|_| classes > 0) else {
            return Err(OnnxError::NotTrainable {
                file: self.file,
                reason: format!(
                    "it tells {} classes apart, not {classes}, and its logits do not come straight from a linear layer that could be \
                     drawn anew. Export the network with {classes} classes",
                    self.classes
                ),
            });
        };
        head.restate(&mut self.steps, self.classes, classes);
        let axis = match self.layers[head.layer] {
            LayerPlan::Linear { rows_are_inputs, .. } => usize::from(rows_are_inputs),
            _ => 0,
        };
        for tensor in self.layers[head.layer].tensors() {
            let tensor = &mut self.tensors[tensor];
            let axis = if tensor.shape.len() == 1 { 0 } else { axis };
            tensor.shape[axis] = classes;
            tensor.values = vec![0.0; tensor.shape.iter().product()].into();
        }
        self.classes = classes;
        Ok(self)
    }

    /// The units of convolution, batch norm, sum and activation that were found.
    pub fn units(&self) -> usize {
        let is_unit = |step: &&Step| matches!(step.op, Op::Unit(_));
        self.steps.iter().filter(is_unit).count()
    }
}

/// What a file says, read.
struct Read {
    /// Its operators in an order in which they can run, those left out that only give a tensor of the file another name.
    nodes: Vec<Node>,
    /// The tensors that train, and running statistics.
    tensors: Vec<KeptTensor>,
    /// The other tensors in the file.
    constants: HashMap<String, Literal>,
}

impl Read {
    fn of(source: &GraphSource, network: &OnnxNetwork) -> Result<Self, String> {
        let mut tensors: Vec<KeptTensor> = Vec::new();
        let mut constants = HashMap::new();
        for tensor in &source.graph.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            let Some(literal) = Literal::of(tensor)? else {
                continue;
            };
            let floats = literal.as_floats().cloned();
            let floats = floats.filter(|_| !is_number(&name, &literal));
            if let Some(values) = floats.filter(|_| is_float(tensor.data_type.unwrap_or(DataType::FLOAT))) {
                let shape = literal.shape;
                tensors.push(KeptTensor { name, shape, values });
            } else {
                constants.insert(name, literal);
            }
        }
        let mut nodes = Vec::new();
        for index in network.graph.order()? {
            let node = Node::of(&source.graph.node[index])?;
            // Exporters store equal tensors once: what has a name of its own trains by itself.
            let copied = (node.kind == "Identity")
                .then(|| {
                    tensors
                        .iter()
                        .find(|tensor| Some(tensor.name.as_str()) == node.input(0))
                })
                .flatten()
                .filter(|_| is_own_name(node.output()));
            if let Some(copied) = copied {
                tensors.push(KeptTensor {
                    name: node.output().to_owned(),
                    ..copied.clone()
                });
            } else if node.kind == "Constant" {
                if let Some(literal) = node.constant() {
                    constants.insert(node.output().to_owned(), literal);
                }
            } else {
                nodes.push(node);
            }
        }
        Ok(Self {
            nodes,
            tensors,
            constants,
        })
    }
}

/// Whether a name is that of a tensor of a state dict, not of a place in the graph.
fn is_own_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('/') && !name.contains("::")
}

/// Whether a tensor is a number that operators take, not one that trains.
fn is_number(name: &str, literal: &Literal) -> bool {
    literal.shape.iter().product::<usize>() == 1 && !name.contains('.')
}

/// At least five convolutions with a bias and no norm of any kind.
fn is_folded(nodes: &[Node]) -> bool {
    let is_norm = |node: &Node| node.kind.ends_with("Normalization");
    let biased = nodes
        .iter()
        .filter(|node| node.kind == "Conv" && node.input(2).is_some());
    biased.count() >= 5 && !nodes.iter().any(is_norm)
}

/// All operators that there is no code for, once each with how often it is there.
fn not_known(missing: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = match missing.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let shown: Vec<&str> = missing.iter().take(SHOWN).map(String::as_str).collect();
    format!(
        "there is no code to train through {}{more}. A file in evaluation mode, with nothing folded, has the fewest operators: \
         {EXPORT_LINE}. As a frozen teacher the file works as it is (`teacher.onnx`)",
        shown.join(", ")
    )
}

/// What has to be said about a file.
fn notes(mut notes: Vec<String>, is_folded: bool, idle: &[String]) -> Vec<String> {
    notes.extend(is_folded.then(|| {
        format!(
            "it has convolutions with a bias and no batch norm: if the network had some, they are folded into the convolutions, and \
             it trains badly. Export it with them: {EXPORT_LINE}"
        )
    }));
    notes.extend((!idle.is_empty()).then(|| {
        format!(
            "nothing reads its {}",
            potstill_base::quoted(idle.iter().map(String::as_str))
        )
    }));
    notes
}

/// The value of the logits and their number.
fn row_of_logits(
    lowering: &mut Lowering<'_>,
    network: &OnnxNetwork,
    logits: &str,
) -> Result<(usize, usize), String> {
    if let Some((kind, before)) = network.activation_before(logits) {
        return Err(format!(
            "{kind} makes probabilities of them; name the tensor before it, `{before}`, by `logits`"
        ));
    }
    let rows = lowering.rows(logits);
    rows.ok_or_else(|| "it is no row of numbers for each image, and a student classifies".into())
}
