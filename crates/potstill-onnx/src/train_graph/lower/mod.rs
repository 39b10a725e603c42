//! From the operators of a file to steps over channels-last values.
//!
//! Every tensor of the file is a value and a [`Layout`]: where the file's axes lie in it. Convolutions ask for channels last, element-wise
//! operators keep what comes, a `Transpose` moves nothing, and a `Reshape` moves what it has to. What is made of constants alone is no step.

mod convolutions;
mod layout;
mod live;
mod maps;
mod norms;
mod numbers;
mod pairs;
mod pools;
mod resample;
mod rows;
mod shapes;

use std::collections::{HashMap, HashSet};

use self::{layout::Layout, live::Live};
use super::{
    layers::Layers,
    literal::Literal,
    node::Node,
    plan::{Op, Size, Step},
    rewrite::dropout_ratio,
    shared::Readers,
    trace::{Origin, Trace},
};

/// Why an operator is none for training.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no code for it.
    Unknown,
    /// It is used in a way that there is no code for.
    Form(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Form(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self::Form(reason.into())
    }
}

type Lowered = Result<(), Refusal>;

/// What the operators of a file come to.
#[derive(Debug)]
pub(super) struct Lowering<'a> {
    nodes: &'a [Node],
    trace: &'a Trace,
    /// The layers and their tensors.
    pub layers: Layers,
    /// The steps so far.
    pub steps: Vec<Step>,
    /// The number of values so far; 0 are the images.
    pub values: usize,
    /// The tensors of the file that are values.
    live: HashMap<String, Live>,
    /// Values in other layouts than they came in.
    moved: HashMap<(usize, Vec<usize>), usize>,
    /// Operators that another has taken along.
    taken: HashSet<usize>,
    /// The operators that read each tensor.
    readers: HashMap<&'a str, Vec<usize>>,
    /// The operator that makes each tensor.
    makers: HashMap<&'a str, usize>,
    /// Names that stand for others.
    aliases: HashMap<String, String>,
    /// Loose weights that are values already.
    weights: HashMap<usize, usize>,
    /// The operators on images that read each weight.
    pub read_by: Readers,
    /// The version of ONNX's operators.
    opset: i64,
}

impl<'a> Lowering<'a> {
    /// Nothing yet but the images, called `images`, of sizes `[N, C, H, W]`.
    pub fn of(
        nodes: &'a [Node],
        trace: &'a Trace,
        layers: Layers,
        (images, image): (&str, [usize; 3]),
        opset: i64,
    ) -> Self {
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut makers = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                readers.entry(name).or_default().push(index);
            }
            makers.extend(node.outputs.iter().map(|name| (name.as_str(), index)));
        }
        let given = Live {
            value: 0,
            layout: Layout::channels_last(4),
            sizes: std::iter::once(Size::PerImage(1))
                .chain(image.map(Size::Fixed))
                .collect(),
            channels: Some(1),
        };
        Self {
            nodes,
            trace,
            layers,
            steps: Vec::new(),
            values: 1,
            live: HashMap::from([(images.to_owned(), given)]),
            moved: HashMap::new(),
            taken: HashSet::new(),
            readers,
            makers,
            aliases: HashMap::new(),
            weights: HashMap::new(),
            read_by: Readers::default(),
            opset,
        }
    }

    /// Goes through all operators that something live goes into. Gives those that there is no code for, in words.
    pub fn run(&mut self) -> Vec<String> {
        let mut refused = Vec::new();
        // What comes after an operator that was refused is not its own fault.
        let mut lost: HashSet<&str> = HashSet::new();
        let idle = self.idle();
        for (index, node) in self.nodes.iter().enumerate() {
            let is_constant = self.origin(node.output()) == Origin::Constant;
            if is_constant || self.taken.contains(&index) || idle.contains(&index) {
                continue;
            }
            if node.inputs.iter().any(|name| lost.contains(name.as_str())) {
                lost.extend(node.outputs.iter().map(String::as_str));
                continue;
            }
            self.note_weights(index);
            if let Err(refusal) = self.node(index) {
                let Node {
                    kind, domain, name, ..
                } = node;
                let of = if domain.is_empty() || domain == "ai.onnx" {
                    String::new()
                } else {
                    format!(" of {domain}")
                };
                refused.push(match refusal {
                    Refusal::Unknown => format!("{kind}{of} (`{name}`)"),
                    Refusal::Form(reason) => format!("{kind}{of} (`{name}`), which {reason}"),
                });
                lost.extend(node.outputs.iter().map(String::as_str));
            }
        }
        refused
    }

    /// Notes which weights an operator on images reads.
    fn note_weights(&mut self, index: usize) {
        let node = &self.nodes[index];
        if self.origin(node.output()) != Origin::Images || is_pass_through(node) {
            return;
        }
        for name in &node.inputs {
            let linear = || self.linear_weight(name).map(|(place, _)| place);
            if let Some(place) = self.weight(name).or_else(linear) {
                self.read_by.note(place, index);
            }
        }
    }

    /// The operators on weights alone that layers do not need: a linear layer takes its weight from before the transpose.
    fn idle(&mut self) -> HashSet<usize> {
        for node in self.nodes {
            if is_pass_through(node)
                && let Some(name) = node.input(0)
                && self.origin(node.output()) == Origin::Weights
            {
                self.aliases.insert(node.output().to_owned(), name.to_owned());
            }
        }
        let mut needed: HashSet<&str> = HashSet::new();
        let mut idle = HashSet::new();
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let is_needed = match self.origin(node.output()) {
                Origin::Images => true,
                Origin::Weights => node.outputs.iter().any(|name| needed.contains(name.as_str())),
                Origin::Constant => false,
            };
            if !is_needed {
                idle.insert(index);
                continue;
            }
            let of_images = |name: &str| self.origin(name) == Origin::Images;
            let is_linear = matches!(node.kind.as_str(), "MatMul" | "Gemm")
                && node.input(0).is_some_and(of_images)
                && node
                    .input(1)
                    .is_some_and(|name| self.linear_weight(name).is_some());
            let read = node.inputs.iter().enumerate();
            let read = read.filter(|(at, name)| !(name.is_empty() || is_linear && *at == 1));
            needed.extend(read.map(|(_, name)| name.as_str()));
        }
        idle
    }

    fn node(&mut self, index: usize) -> Lowered {
        let node = &self.nodes[index];
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(Refusal::Unknown);
        }
        if is_pass_through(node) {
            return self.pass_through(node);
        }
        if let Some(ratio) = dropout_ratio(node) {
            return self.each(node, Op::Dropout(ratio, node.output().to_owned()));
        }
        match node.kind.as_str() {
            "Conv" => self.conv(node),
            "BatchNormalization" => self.batch_norm(node),
            "InstanceNormalization" => self.instance_norm(node),
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalAveragePool" => self.global_mean(node),
            "GlobalMaxPool" => self.global_maximum(node),
            "Resize" | "Upsample" => self.resize(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "LayerNormalization" => self.layer_norm(node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "ReduceMean" | "ReduceSum" | "ReduceL2" | "ReduceMax" => self.reduce(node),
            "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" | "Sum" => self.binary(node),
            "Pow" => self.power(node),
            "Clip" => self.clip(node),
            "PRelu" => self.prelu(node),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.reshape(node),
            "Transpose" => self.transpose(node),
            "Slice" => self.slice(node),
            "Split" => self.split(node),
            "Concat" => self.concat(node),
            "Gather" => self.gather(node),
            "Expand" => self.expand(node),
            "Tile" => self.tile(node),
            "Pad" => self.pad(node),
            _ => self.unary(node),
        }
    }

    /// A float tensor goes on as it is.
    fn pass_through(&mut self, node: &Node) -> Lowered {
        let name = node.input(0).ok_or("reads nothing")?.to_owned();
        if self.weight(&name).is_some() {
            // Known by its other name.
            return Ok(());
        }
        let live = self.live(&name)?;
        // The same value under two names is a point by the first alone.
        self.live.insert(node.output().to_owned(), live);
        Ok(())
    }

    /// What a tensor is made from.
    fn origin(&self, name: &str) -> Origin {
        let known = self.trace.origins.get(name).copied();
        known.unwrap_or(if self.layers.place(name).is_some() {
            Origin::Weights
        } else if self.trace.constants.contains_key(name) {
            Origin::Constant
        } else {
            Origin::Images
        })
    }

    /// The values of a constant.
    fn constant(&self, name: Option<&str>) -> Option<&'a Literal> {
        self.trace.constants.get(name?)
    }

    /// The sizes of a tensor.
    fn sizes(&self, name: &str) -> Result<Vec<Size>, Refusal> {
        let sizes = self.trace.sizes.get(name).cloned();
        sizes.ok_or_else(|| {
            Refusal::Form(format!(
                "makes `{name}`, whose size depends on the batch in another way than in proportion"
            ))
        })
    }

    /// The sizes of a tensor as it is here: a single number is a row of one.
    fn sizes_made(&self, name: &str) -> Result<Vec<Size>, Refusal> {
        let sizes = self.sizes(name)?;
        Ok(if sizes.is_empty() {
            vec![Size::Fixed(1)]
        } else {
            sizes
        })
    }

    /// The one operator that reads a tensor, if there is only one.
    fn only_reader(&self, name: &str) -> Option<usize> {
        match self.readers.get(name).map(Vec::as_slice) {
            Some([reader]) => Some(*reader),
            _ => None,
        }
    }

    /// The operator that makes a tensor.
    fn maker(&self, name: &str) -> Option<&'a Node> {
        self.makers.get(name).map(|&index| &self.nodes[index])
    }

    /// The place of the weight that a name stands for, over operators that pass it through.
    fn weight(&self, name: &str) -> Option<usize> {
        let mut name = name;
        while let Some(other) = self
            .aliases
            .get(name)
            .filter(|_| self.layers.place(name).is_none())
        {
            name = other;
        }
        self.layers.place(name)
    }

    /// Adds a step; its value.
    fn emit(&mut self, op: Op, inputs: Vec<usize>) -> usize {
        let output = self.values;
        self.values += 1;
        self.steps.push(Step {
            op,
            inputs,
            output,
            point: None,
        });
        output
    }
}

/// Whether an operator gives what it gets, in training as well.
fn is_pass_through(node: &Node) -> bool {
    matches!(node.kind.as_str(), "Identity" | "Cast" | "CastLike" | "Dropout")
        && dropout_ratio(node).is_none()
}
