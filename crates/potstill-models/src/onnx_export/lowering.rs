//! From the steps of a trace to a graph, one after the other.

use std::collections::HashMap;

use burn::module::ParamId;
use potstill_onnx::write::{Attribute, GraphWriter, OnnxFile, Opset};
use potstill_ops::{Operation, Step, TracedGraph, TracedMap, Weight};

use super::{
    IMAGES, OnnxOptions,
    forms::{Form, Tensors},
    pixels::PixelInput,
};
use crate::Model;

/// A graph that grows step by step.
pub(super) struct Lowering<'a> {
    pub(super) graph: GraphWriter,
    traced: &'a TracedGraph,
    /// The tensors of each map.
    tensors: Vec<Tensors>,
    /// What the tensors of maps are to be called, once they are made.
    labels: HashMap<TracedMap, String>,
    /// The published names of the network's parameters.
    names: HashMap<ParamId, String>,
    pub(super) keep_norms: bool,
}

impl<'a> Lowering<'a> {
    /// Nothing yet, in this graph.
    pub fn new(graph: GraphWriter, traced: &'a TracedGraph, network: &Model, options: &OnnxOptions) -> Self {
        let entries = network.parameters().entries().into_iter();
        let published = network.names();
        Self {
            graph,
            traced,
            tensors: vec![Tensors::default(); traced.steps.len()],
            labels: HashMap::new(),
            names: entries
                .map(|entry| (entry.id, published.published_name(&entry.path)))
                .collect(),
            keep_norms: options.keep_norms,
        }
    }

    /// Keeps a name for the tensor of a map, unless it has one.
    pub fn label(&mut self, map: TracedMap, name: &str) {
        if let std::collections::hash_map::Entry::Vacant(free) = self.labels.entry(map) {
            free.insert(name.into());
            self.graph.reserve(name);
        }
    }

    /// Writes every step.
    pub fn run(&mut self, pixels: Option<&PixelInput>) {
        for (at, step) in self.traced.steps.iter().enumerate() {
            self.step(TracedMap(at), step, pixels);
        }
    }

    fn step(&mut self, map: TracedMap, step: &Step, pixels: Option<&PixelInput>) {
        let x = step.inputs.first().copied().unwrap_or(map);
        match &step.operation {
            Operation::Images => self.images(map, pixels),
            Operation::Convolution {
                config,
                weight,
                bias,
                norm,
            } => self.convolution(map, x, config, (weight, bias.as_ref()), norm.as_ref()),
            Operation::BatchNorm(norm) => self.batch_norm(map, x, norm),
            Operation::LayerNorm {
                weight,
                bias,
                epsilon,
            } => self.layer_norm(map, x, [weight, bias], *epsilon),
            Operation::Linear { weight, bias } => self.linear(map, x, weight, bias.as_ref()),
            Operation::Activate(activation) => self.activate(map, x, *activation),
            Operation::Gate(gate) => self.gate(map, x, *gate),
            Operation::Add => self.of_two(map, "Add", &step.inputs),
            Operation::Multiply => self.of_two(map, "Mul", &step.inputs),
            Operation::Times(factor) => self.times(map, x, *factor),
            Operation::Scale(scale) => self.scale(map, x, scale),
            Operation::InverseLength(scale) => self.inverse_length(map, x, scale),
            Operation::MaxPool(window) => self.pool(map, x, "MaxPool", *window, None),
            Operation::AvgPool(window, border) => self.pool(map, x, "AveragePool", *window, Some(*border)),
            Operation::Mean => self.mean(map, x),
            Operation::Resample { rows, columns } => self.resample(map, x, [rows, columns]),
            Operation::Shuffle(groups) => self.shuffle(map, x, *groups),
            Operation::Subsample(stride) => self.subsample(map, x, *stride),
            Operation::PadChannels(around) => self.pad_channels(map, x, *around),
            Operation::Concat(axis) => self.concat(map, &step.inputs, *axis),
            Operation::Narrow { axis, start, length } => self.narrow(map, x, *axis, [*start, start + length]),
            Operation::Reshape => self.reshape(map, x),
            Operation::ClassToken { class, positions } => self.class_token(map, x, class, positions),
            Operation::Attend { heads, bias } => self.attend(map, x, *heads, bias.as_ref()),
            Operation::Partition(window) => self.partition(map, x, *window),
            Operation::Merge(window) => self.merge(map, x, *window),
            Operation::MergePatches => self.merge_patches(map, x),
        }
    }

    /// Writes every step, where the images are this tensor with channels first.
    pub fn run_behind(&mut self, images: &str) {
        for (at, step) in self.traced.steps.iter().enumerate() {
            match step.operation {
                Operation::Images => self.tensors[at].note(Form::First, images.into()),
                _ => self.step(TracedMap(at), step, None),
            }
        }
    }

    /// The operators of a part that ends with this map, channels first, under a name that it was labelled with.
    pub fn into_part(mut self, end: TracedMap, name: &str) -> GraphWriter {
        let made = self.get(end, Form::First);
        if made != name {
            self.graph.node_as("Identity", &[&made], vec![], name);
        }
        self.graph
    }

    /// The input, and what becomes of its pixels before the network.
    fn images(&mut self, map: TracedMap, pixels: Option<&PixelInput>) {
        let [height, width, channels] = self.size(map);
        let given = pixels.map_or([height, width], |pixels| pixels.size);
        let is_sized = self.traced.is_sized || pixels.is_some_and(PixelInput::is_sized);
        let [height, width] = given.map(|size| is_sized.then_some(size));
        let input = self.graph.input(IMAGES, &[None, Some(channels), height, width]);
        let name = match pixels {
            Some(pixels) => pixels.lower(input, &mut self.graph),
            None => input,
        };
        self.tensors[map.0].note(Form::First, name);
    }

    /// Makes a map one of the outputs.
    pub fn output(&mut self, map: TracedMap, name: &str) {
        let form = match self.made(map) {
            Form::Last => Form::First,
            form => form,
        };
        self.output_in(map, form, name);
    }

    /// Makes a map one of the outputs, in this form.
    pub fn output_in(&mut self, map: TracedMap, form: Form, name: &str) {
        let tensor = self.get(map, form);
        if tensor != name {
            self.graph.node_as("Identity", &[&tensor], vec![], name);
        }
        let [height, width, channels] = self.size(map);
        let open = |size: usize| self.traced.is_sized.then_some(size);
        if form == Form::Rows {
            return self.graph.output(name, &[None, Some(channels)]);
        }
        let [height, width] = if height * width == 1 {
            [Some(1); 2]
        } else {
            [open(height), open(width)]
        };
        self.graph.output(name, &[None, Some(channels), height, width]);
    }

    pub fn finish(self, mut metadata: Vec<(String, String)>) -> OnnxFile {
        metadata.sort();
        self.graph.finish(metadata)
    }

    /// The size `[H, W, C]` of a map.
    pub(super) fn size(&self, map: TracedMap) -> [usize; 3] {
        self.traced.steps[map.0].size
    }

    pub(super) fn channels(&self, map: TracedMap) -> usize {
        self.size(map)[2]
    }

    /// The form in which a map was made.
    pub(super) fn made(&self, map: TracedMap) -> Form {
        self.tensors[map.0].made()
    }

    /// The form in which the channels of each place are the last axis.
    pub(super) fn by_place(&self, map: TracedMap) -> Form {
        match self.size(map) {
            [1, 1, _] => Form::Rows,
            _ => Form::Last,
        }
    }

    /// A form that both maps have; that of the first if there is none.
    pub(super) fn common(&self, maps: &[TracedMap]) -> Form {
        let all_have = |form: &Form| maps.iter().all(|map| self.tensors[map.0].get(*form).is_some());
        let made = self.made(maps[0]);
        if all_have(&made) {
            return made;
        }
        Form::ALL.into_iter().find(all_have).unwrap_or(made)
    }

    /// The tensor of a map in a form, turned if it has none yet.
    pub(super) fn get(&mut self, map: TracedMap, form: Form) -> String {
        if let Some(name) = self.tensors[map.0].get(form) {
            return name.clone();
        }
        let made = self.made(map);
        let from = self.tensors[map.0].get(made).cloned().unwrap_or_default();
        let permuted = |order: [i64; 4]| vec![Attribute::Ints("perm", order.into())];
        let (kind, shape, attributes) = match (made, form) {
            (_, Form::Rows) => ("Flatten", None, vec![Attribute::Int("axis", 1)]),
            (Form::Rows, Form::First) => ("Reshape", Some([0, -1, 1, 1]), vec![]),
            (Form::Rows, Form::Last) => ("Reshape", Some([0, 1, 1, -1]), vec![]),
            (Form::First, _) => ("Transpose", None, permuted([0, 2, 3, 1])),
            (Form::Last, _) => ("Transpose", None, permuted([0, 3, 1, 2])),
        };
        match shape {
            Some(shape) => {
                let shape = self.graph.list(&shape);
                self.emit(map, form, kind, &[&from, &shape], attributes)
            }
            None => self.emit(map, form, kind, &[&from], attributes),
        }
    }

    /// Writes the operator that makes a map in a form.
    pub(super) fn emit(
        &mut self,
        map: TracedMap,
        form: Form,
        kind: &'static str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        // Whoever reads the file by the names of points expects channels first, as in any file.
        let label = match form {
            Form::Last => None,
            Form::First | Form::Rows => self.labels.remove(&map),
        };
        let name = match label {
            Some(label) => {
                self.graph.node_as(kind, inputs, attributes, &label);
                label
            }
            None => self.inner(kind, inputs, attributes),
        };
        self.tensors[map.0].note(form, name.clone());
        name
    }

    /// Writes an operator whose tensor is no map of the trace.
    pub(super) fn inner(
        &mut self,
        kind: &'static str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        self.graph
            .node(kind, inputs, attributes, &format!("{}_0", kind.to_lowercase()))
    }

    /// Writes a weight as it is, under its published name.
    pub(super) fn weight(&mut self, weight: &Weight) -> String {
        self.weight_as(weight, &weight.shape.clone(), &numbers(weight))
    }

    /// Writes a weight in another shape or with other values.
    pub(super) fn weight_as(&mut self, weight: &Weight, shape: &[usize], values: &[f32]) -> String {
        let name = self.name_of(weight);
        self.graph.floats(&name, shape, values)
    }

    /// The published name of a weight.
    pub(super) fn name_of(&self, weight: &Weight) -> String {
        let name = self.names.get(&weight.id).cloned();
        name.unwrap_or_else(|| "weight".into())
    }

    /// Writes sums over axes of a tensor, which were an attribute once and are an input of newer versions.
    pub(super) fn reduce(
        &mut self,
        (map, form): (TracedMap, Form),
        kind: &'static str,
        x: &str,
        axes: &[i64],
        is_inner: bool,
    ) -> String {
        let mut attributes = vec![Attribute::Int("keepdims", 1)];
        let mut inputs = vec![x.to_owned()];
        match self.graph.opset() {
            Opset::V17 => attributes.push(Attribute::Ints("axes", axes.into())),
            Opset::V20 => inputs.push(self.graph.list(axes)),
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        if is_inner {
            self.inner(kind, &inputs, attributes)
        } else {
            self.emit(map, form, kind, &inputs, attributes)
        }
    }
}

/// The numbers of a weight.
pub(super) fn numbers(weight: &Weight) -> Vec<f32> {
    weight.values.clone().into_data().iter().collect()
}
