//! A file that is there already, given other weights and more operators.

use std::{collections::HashMap, path::Path};

use rten_onnx::onnx::{
    DataType, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};

use super::{
    GraphWriter, OnnxFile, Opset,
    graph::{named, tensor, value},
};
use crate::{OnnxError, OnnxNetwork, wire};

/// A file whose weights and operators are changed.
pub struct FilledGraph {
    model: ModelProto,
    pub(super) graph: GraphProto,
}

impl FilledGraph {
    /// Reads a file from its bytes, with or without its weights.
    ///
    /// # Errors
    /// Bytes that are no ONNX file, or one that takes or gives nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        wire::check(bytes)?;
        let mut model = ModelProto::parse_buf(bytes).map_err(|error| error.to_string())?;
        let mut graph = model.graph.take().ok_or("it has no graph")?;
        let is_weight = |input: &ValueInfoProto| {
            let mut weights = graph.initializer.iter();
            weights.any(|weight| weight.name == input.name)
        };
        // Old files list their weights among the inputs as well.
        let inputs: Vec<_> = graph
            .input
            .iter()
            .filter(|input| !is_weight(input))
            .cloned()
            .collect();
        graph.input = inputs;
        // Shapes that are noted beside the operators may not be those of other classes.
        graph.value_info.clear();
        if graph.input.len() != 1 || graph.output.is_empty() {
            return Err("it has not one input and an output".into());
        }
        graph.output.truncate(1);
        Ok(Self { model, graph })
    }

    /// The name of its input.
    pub fn input(&self) -> &str {
        named(&self.graph.input[0])
    }

    /// The name of its output.
    pub fn logits(&self) -> &str {
        named(&self.graph.output[0])
    }

    /// How operators of its version are written.
    pub fn opset(&self) -> Opset {
        let sets = self.model.opset_import.iter();
        let own = sets.filter(|set| set.domain.as_deref().unwrap_or_default().is_empty());
        match own.filter_map(|set| set.version).max() {
            Some(18..) => Opset::V20,
            _ => Opset::V17,
        }
    }

    /// The number of axes of these tensors, told by a run on images `[H, W, C]`.
    ///
    /// # Errors
    /// A file that does not run, a name that no tensor of floats with a row for each image has.
    pub fn axes_of(
        &self,
        file: &Path,
        names: &[String],
        [height, width, channels]: [usize; 3],
    ) -> Result<HashMap<String, usize>, OnnxError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let unwritable = |reason: String| OnnxError::Unwritable {
            file: file.into(),
            reason,
        };
        let model = ModelProto {
            graph: Some(self.graph.clone()),
            opset_import: self.model.opset_import.clone(),
            ir_version: self.model.ir_version,
            ..ModelProto::default()
        };
        let bytes = model.write_buf().map_err(|error| unwritable(error.to_string()))?;
        let network = OnnxNetwork::of_bytes(file, bytes, None)?;
        let survey = network.survey([channels, height, width])?;
        let axes = names.iter().map(|name| {
            let shape = survey.shape(name);
            let shape = shape.ok_or_else(|| unwritable(format!("`{name}` has no row for each image")))?;
            Ok((name.clone(), 1 + shape.len()))
        });
        axes.collect()
    }

    /// An empty graph for operators that are to be put into this one: it gives none of its names away.
    pub(super) fn part(&self) -> GraphWriter {
        let mut part = GraphWriter::new(self.opset());
        let of_nodes = self
            .graph
            .node
            .iter()
            .flat_map(|node| node.output.iter().chain(&node.input));
        let of_weights = self
            .graph
            .initializer
            .iter()
            .filter_map(|weight| weight.name.as_ref());
        of_nodes.chain(of_weights).for_each(|name| part.reserve(name));
        part
    }

    /// Gives a weight these values. One that the file makes a copy of another gets a tensor of its own.
    ///
    /// # Errors
    /// A name that no weight of the file has.
    pub fn fill(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<(), String> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let filled = tensor(name, shape, DataType::FLOAT, bytes);
        let mut weights = self.graph.initializer.iter_mut();
        if let Some(weight) = weights.find(|weight| weight.name.as_deref() == Some(name)) {
            *weight = filled;
            return Ok(());
        }
        let makes = |node: &NodeProto| {
            matches!(node.op_type.as_deref(), Some("Identity" | "Constant"))
                && node.output.iter().any(|output| output == name)
        };
        let Some(at) = self.graph.node.iter().position(makes) else {
            return Err(format!("it has no weight `{name}`"));
        };
        self.graph.node.remove(at);
        self.graph.initializer.push(filled);
        Ok(())
    }

    /// Puts operators behind a tensor: they read it under the name that is given, and whoever read it reads what they make of it, which
    /// has the old name.
    ///
    /// # Errors
    /// A name that no operator makes.
    pub fn insert_behind(
        &mut self,
        name: &str,
        build: impl FnOnce(GraphWriter, &str, &str) -> GraphWriter,
    ) -> Result<(), String> {
        let makes = |node: &NodeProto| node.output.iter().any(|output| output == name);
        let Some(at) = self.graph.node.iter().position(makes) else {
            return Err(format!("no operator makes the tensor `{name}`"));
        };
        let mut part = self.part();
        let before = part.name_like(&format!("{name}.before"));
        let part = build(part, &before, name);
        for output in &mut self.graph.node[at].output {
            if output == name {
                output.clone_from(&before);
            }
        }
        let (nodes, weights) = part.into_parts();
        let next = at + 1;
        self.graph.node.splice(next..next, nodes);
        self.graph.initializer.extend(weights);
        Ok(())
    }

    /// Puts operators in front of all others, between the input and whoever read it. The input has this shape `[N, C, H, W]` then, open
    /// where `None`; the old one without any.
    pub fn insert_in_front(
        &mut self,
        shape: Option<&[Option<usize>; 4]>,
        build: impl FnOnce(&mut GraphWriter, String) -> String,
    ) {
        let input = self.input().to_owned();
        let mut part = self.part();
        part.reserve(&input);
        let made = build(&mut part, input.clone());
        for read in self.graph.node.iter_mut().flat_map(|node| &mut node.input) {
            if *read == input {
                read.clone_from(&made);
            }
        }
        let (nodes, weights) = part.into_parts();
        self.graph.node.splice(0..0, nodes);
        self.graph.initializer.extend(weights);
        if let Some(shape) = shape {
            let open = |axis: usize| ["n", "c", "h", "w"][axis].to_owned();
            self.graph.input = vec![value(&input, shape, &open)];
        }
    }

    /// Folds every batch norm into the convolution before it that nobody else reads, in double precision. What is in `wanted` stays.
    pub fn fold_norms(&mut self, wanted: &[String]) {
        let mut at = 0;
        while at < self.graph.node.len() {
            if self.folded(at, wanted).is_some() {
                self.graph.node.remove(at);
            } else {
                at += 1;
            }
        }
        let read: Vec<String> = self
            .graph
            .node
            .iter()
            .flat_map(|node| node.input.clone())
            .collect();
        let is_read = |weight: &TensorProto| {
            let name = weight.name.as_deref().unwrap_or_default();
            read.iter().any(|read| read == name)
        };
        self.graph.initializer.retain(is_read);
    }

    /// Folds the batch norm at this place; `None` if it is none, or stays.
    fn folded(&mut self, at: usize, wanted: &[String]) -> Option<()> {
        let norm = &self.graph.node[at];
        if norm.op_type.as_deref() != Some("BatchNormalization") {
            return None;
        }
        let [x, gamma, beta, mean, variance] = norm.input.as_slice() else {
            return None;
        };
        let makes = |node: &NodeProto| node.output.first() == Some(x);
        let conv_at = self.graph.node.iter().position(makes)?;
        let conv = &self.graph.node[conv_at];
        let kernel = conv.input.get(1)?.clone();
        let is_free = conv.op_type.as_deref() == Some("Conv")
            && self.readers(x) == 1
            && self.readers(&kernel) == 1
            && !wanted.contains(x)
            && self.logits() != x;
        if !is_free {
            return None;
        }
        let bias = conv.input.get(2).filter(|name| !name.is_empty()).cloned();
        let epsilon = norm
            .attribute
            .iter()
            .find(|one| one.name.as_deref() == Some("epsilon"));
        let epsilon = f64::from(epsilon.and_then(|one| one.f).unwrap_or(1e-5));
        let [gamma, beta, mean, variance] =
            [gamma, beta, mean, variance].map(|name| self.numbers(name).map(|(_, values)| values));
        let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
        let (shape, mut kernels) = self.numbers(&kernel)?;
        let shift = match &bias {
            Some(bias) => self.numbers(bias)?.1,
            None => vec![0.0; gamma.len()],
        };
        let scale = fold_scale(&gamma, &variance, epsilon);
        scale_rows(&mut kernels, &scale);
        let shift = fold_shift(&beta, &mean, &shift, &scale);
        let output = norm.output.first()?.clone();
        let shift_name = match kernel.strip_suffix("weight") {
            Some(path) => format!("{path}bias"),
            None => format!("{kernel}.bias"),
        };
        let shift_name = self.part().name_like(&shift_name);
        let kernel_name = self.part().name_like(&format!("{kernel}.folded"));
        let kernel_name = if bias.is_none() {
            kernel.clone()
        } else {
            kernel_name
        };
        self.put(&kernel_name, &shape, &kernels);
        self.put(&shift_name, &[shift.len()], &shift);
        let conv = &mut self.graph.node[conv_at];
        conv.input.truncate(1);
        conv.input.extend([kernel_name, shift_name]);
        conv.output = vec![output];
        Some(())
    }

    /// How often a tensor is read.
    pub(super) fn readers(&self, name: &str) -> usize {
        let read = self.graph.node.iter().flat_map(|node| &node.input);
        read.filter(|read| *read == name).count()
    }

    /// Shape and values of a weight of 32-bit floats.
    fn numbers(&self, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
        let mut weights = self.graph.initializer.iter();
        let weight = weights.find(|weight| weight.name.as_deref() == Some(name))?;
        let raw = weight.raw_data.as_ref()?.borrow();
        let values: Vec<f32> = raw
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let shape: Vec<usize> = weight.dims.iter().map(|&size| size.max(0) as usize).collect();
        let is_whole =
            weight.data_type == Some(DataType::FLOAT) && values.len() == shape.iter().product::<usize>();
        is_whole.then_some((shape, values))
    }

    fn put(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let put = tensor(name, shape, DataType::FLOAT, bytes);
        let mut weights = self.graph.initializer.iter_mut();
        match weights.find(|weight| weight.name.as_deref() == Some(name)) {
            Some(weight) => *weight = put,
            None => self.graph.initializer.push(put),
        }
    }

    /// Ends the changes: a file that gives `[N, classes]` logits and these tensors of so many axes, with texts beside its graph.
    pub fn finish(
        mut self,
        classes: usize,
        tensors: Vec<(&str, usize)>,
        metadata: Vec<(String, String)>,
    ) -> OnnxFile {
        let open = |name: &str, axis: usize| match axis {
            0 => "n".to_owned(),
            _ => format!("{name}.{axis}"),
        };
        let logits = self.logits().to_owned();
        self.graph.output = vec![value(&logits, &[None, Some(classes)], &|axis| {
            open(&logits, axis)
        })];
        for (name, axes) in tensors {
            let output = value(name, &vec![None; axes], &|axis| open(name, axis));
            self.graph.output.push(output);
        }
        let entry = |(key, value)| StringStringEntryProto {
            key: Some(key),
            value: Some(value),
        };
        self.model.metadata_props = metadata.into_iter().map(entry).collect();
        self.model.producer_name = Some("potstill".into());
        self.model.producer_version = Some(env!("CARGO_PKG_VERSION").into());
        self.model.graph = Some(self.graph);
        OnnxFile::of(self.model)
    }
}

/// By what the output channels of a convolution are multiplied that a batch norm is folded into.
pub fn fold_scale(gamma: &[f32], variance: &[f32], epsilon: f64) -> Vec<f64> {
    let channels = gamma.iter().zip(variance);
    channels
        .map(|(&gamma, &variance)| f64::from(gamma) / (f64::from(variance) + epsilon).sqrt())
        .collect()
}

/// The bias of a convolution with this bias that a batch norm is folded into.
pub fn fold_shift(beta: &[f32], mean: &[f32], bias: &[f32], scale: &[f64]) -> Vec<f32> {
    let channels = beta.iter().zip(mean).zip(bias).zip(scale);
    channels
        .map(|(((&beta, &mean), &bias), scale)| {
            (f64::from(beta) + (f64::from(bias) - f64::from(mean)) * scale) as f32
        })
        .collect()
}

/// Multiplies the kernels of each output channel, which lie one after the other, by its number.
pub fn scale_rows(kernels: &mut [f32], scale: &[f64]) {
    let each = (kernels.len() / scale.len().max(1)).max(1);
    for (kernel, scale) in kernels.chunks_mut(each).zip(scale) {
        for value in kernel {
            *value = (f64::from(*value) * scale) as f32;
        }
    }
}
