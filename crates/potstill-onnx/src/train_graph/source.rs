//! A file as a network is made of it: its weights inside, training switched off.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    io::{Read, Seek, SeekFrom},
    mem,
    path::Path,
};

use rten_onnx::onnx::{
    DataLocation, DataType, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
};

use super::{
    compose::compose,
    literal::sizes,
    rewrite::{cut_sequences, open_batch, open_size, switch_training_off},
};
use crate::{
    constants::{is_float, width},
    external::{External, unreadable},
    graph::{Graph, Input},
    network::MOST_BYTES,
    wire,
    write::value,
};

/// The key in a file's metadata that says where its weights are.
const WEIGHTS: &str = "potstill.weights";

/// What stands there in a file without weights.
const APART: &str = "apart";

/// A file, read whole.
pub(super) struct GraphSource {
    /// Its operators and tensors.
    pub graph: GraphProto,
    /// What was switched off in it, in words.
    pub notes: Vec<String>,
    /// The number of images that the file states, though it may take others.
    pub batch: Option<i64>,
    ir_version: Option<i64>,
    operator_sets: Vec<OperatorSetIdProto>,
}

impl GraphSource {
    /// Reads a file and the weights beside it.
    ///
    /// # Errors
    /// A file that cannot be read, is no ONNX, or is what a run keeps of one.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::read_as(file, false)
    }

    /// Reads what a run keeps of a file, with zeros for its weights.
    ///
    /// # Errors
    /// As [`read`](Self::read); more weights than there can be.
    pub fn read_kept(file: &Path) -> Result<Self, String> {
        Self::read_as(file, true)
    }

    /// What has to be given to the graph of a file. No weights beside it are read.
    ///
    /// # Errors
    /// A file that cannot be read, or is no ONNX.
    pub fn inputs(file: &Path) -> Result<Vec<Input>, String> {
        Ok(Graph::inputs_of(&graph_of(parsed(file)?.graph)?))
    }

    /// The same of the bytes of what a run keeps, which once was this file.
    ///
    /// # Errors
    /// As [`read_kept`](Self::read_kept).
    pub fn of_kept(bytes: &[u8], file: &Path) -> Result<Self, String> {
        Self::of(model_of(bytes)?, file, true)
    }

    fn read_as(file: &Path, is_kept: bool) -> Result<Self, String> {
        Self::of(parsed(file)?, file, is_kept)
    }

    fn of(model: ModelProto, file: &Path, is_kept: bool) -> Result<Self, String> {
        let is_apart = model
            .metadata_props
            .iter()
            .any(|entry| entry.key.as_deref() == Some(WEIGHTS) && entry.value.as_deref() == Some(APART));
        if is_apart && !is_kept {
            return Err("it is what a run keeps of a file, without weights: take the file that the run was made of, and the run's \
                 `student/model.safetensors` by `weights`"
                .into());
        }
        let mut graph = graph_of(model.graph)?;
        let (mut taken, mut filled) = (HashMap::new(), 0);
        for tensor in &mut graph.initializer {
            take_in(tensor, file, &mut taken)?;
            if is_apart {
                fill(tensor, &mut filled)?;
            }
        }
        cut_sequences(&mut graph)?;
        compose(&mut graph, opset(&model.opset_import))?;
        Ok(Self {
            batch: open_batch(&mut graph),
            notes: switch_training_off(&mut graph)?,
            graph,
            ir_version: model.ir_version,
            operator_sets: model.opset_import,
        })
    }

    /// Lets the file take images of any height and width, as far as its operators do.
    #[must_use]
    pub fn with_open_size(mut self) -> Self {
        open_size(&mut self.graph);
        self
    }

    /// The version of ONNX's own operators.
    pub fn opset(&self) -> i64 {
        opset(&self.operator_sets)
    }

    /// The bytes of the file as it is here.
    pub fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let graph = mem::take(&mut self.graph);
        let model = self.model(graph, Vec::new());
        let bytes = model.write_buf().map_err(|error| error.to_string());
        self.graph = model.graph.unwrap_or_default();
        bytes
    }

    /// The bytes of the file without the values of these tensors, with the logits of so many classes as its only output: some kilobytes.
    /// [`read_kept`](Self::read_kept) reads it, and puts zeros there.
    pub fn into_bytes_without(
        mut self,
        names: &BTreeSet<&str>,
        (logits, classes): (&str, usize),
    ) -> Result<Vec<u8>, String> {
        let mut graph = mem::take(&mut self.graph);
        graph.output = vec![value(logits, &[None, Some(classes)], &|_| "n".into())];
        for tensor in &mut graph.initializer {
            if tensor.name.as_deref().is_some_and(|name| names.contains(name)) {
                tensor.raw_data = None;
                tensor.float_data.clear();
                tensor.int32_data.clear();
                tensor.double_data.clear();
            }
        }
        let apart = StringStringEntryProto {
            key: Some(WEIGHTS.into()),
            value: Some(APART.into()),
        };
        let model = self.model(graph, vec![apart]);
        model.write_buf().map_err(|error| error.to_string())
    }

    fn model(&self, graph: GraphProto, metadata: Vec<StringStringEntryProto>) -> ModelProto {
        ModelProto {
            ir_version: self.ir_version,
            graph: Some(graph),
            opset_import: self.operator_sets.clone(),
            metadata_props: metadata,
            producer_name: Some("potstill".into()),
            ..ModelProto::default()
        }
    }
}

/// The version of ONNX's own operators.
fn opset(sets: &[OperatorSetIdProto]) -> i64 {
    let own = sets
        .iter()
        .filter(|set| matches!(set.domain.as_deref(), None | Some("" | "ai.onnx")));
    own.filter_map(|set| set.version).max().unwrap_or(1)
}

fn parsed(file: &Path) -> Result<ModelProto, String> {
    model_of(&potstill_base::read_file(file, MOST_BYTES).map_err(|error| error.to_string())?)
}

fn model_of(bytes: &[u8]) -> Result<ModelProto, String> {
    wire::check(bytes)?;
    ModelProto::parse_buf(bytes).map_err(|error| format!("it is no ONNX file ({error})"))
}

fn graph_of(graph: Option<GraphProto>) -> Result<GraphProto, String> {
    graph.ok_or_else(|| "it is no ONNX file (it has no graph)".into())
}

/// Puts the values of a tensor that lie in a file beside into the tensor. Of each file no more is `taken` than it has.
fn take_in(tensor: &mut TensorProto, file: &Path, taken: &mut HashMap<String, u64>) -> Result<(), String> {
    if tensor.data_location != Some(DataLocation::EXTERNAL) {
        return Ok(());
    }
    let name = tensor.name.clone().unwrap_or_default();
    let named = |problem: String| format!("the tensor `{name}` {problem}");
    let mut external = External::open(tensor, file).map_err(named)?;
    let location = external.location.clone();
    let refused = |problem: String| named(unreadable(&location, &problem));
    let kind = tensor.data_type.unwrap_or(DataType::FLOAT);
    let count = sizes(tensor).map(|(_, count)| count as u64);
    let wanted = count.zip(width(kind)).map(|(count, width)| count * width as u64);
    let wanted = wanted.ok_or_else(|| refused(format!("it states the sizes {:?}", tensor.dims)))?;
    let all = taken.entry(location.clone()).or_default();
    *all = all.saturating_add(wanted);
    if wanted > external.bytes() || *all > external.whole {
        return Err(refused(format!(
            "it has {} bytes, and more are wanted",
            external.whole
        )));
    }
    let mut raw = Vec::new();
    let read = external.file.seek(SeekFrom::Start(external.offset));
    let read = read.and_then(|_| (&mut external.file).take(wanted).read_to_end(&mut raw));
    read.map_err(|error| refused(error.to_string()))?;
    tensor.raw_data = Some(RefCell::new(raw));
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

/// Gives a tensor of floats that was left out its size back, in zeros; so many bytes were `filled` before.
fn fill(tensor: &mut TensorProto, filled: &mut usize) -> Result<(), String> {
    let kind = tensor.data_type.unwrap_or(DataType::FLOAT);
    let is_there = tensor
        .raw_data
        .as_ref()
        .is_some_and(|raw| !raw.borrow().is_empty())
        || !tensor.float_data.is_empty()
        || !tensor.int32_data.is_empty()
        || !tensor.double_data.is_empty();
    if !is_float(kind) || is_there {
        return Ok(());
    }
    let numbers = sizes(tensor).map(|(_, count)| count);
    let bytes = numbers
        .and_then(|count| count.checked_mul(4))
        .filter(|&bytes| (*filled + bytes) as u64 <= MOST_BYTES)
        .ok_or_else(|| format!("a tensor states the sizes {:?}, which none has", tensor.dims))?;
    *filled += bytes;
    tensor.data_type = Some(DataType::FLOAT);
    tensor.raw_data = Some(RefCell::new(vec![0; bytes]));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, fs};

    use rten_onnx::onnx::{DataLocation, DataType, StringStringEntryProto, TensorProto};

    use super::{MOST_BYTES, fill, take_in};

    fn tensor(location: &str) -> TensorProto {
        TensorProto {
            name: Some("w".into()),
            dims: vec![4],
            data_type: Some(DataType::FLOAT),
            data_location: Some(DataLocation::EXTERNAL),
            external_data: vec![StringStringEntryProto {
                key: Some("location".into()),
                value: Some(location.into()),
            }],
            ..TensorProto::default()
        }
    }

    #[test]
    fn values_are_read_beside_the_file_only_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let file = inner.join("mine.onnx");
        for place in [folder.path().join("up.bin"), inner.join("data.bin")] {
            fs::write(place, [0; 20]).unwrap();
        }
        let absolute = inner.join("data.bin").display().to_string();
        for location in ["../up.bin", "./../up.bin", absolute.as_str(), ""] {
            let refused = take_in(&mut tensor(location), &file, &mut HashMap::new()).unwrap_err();
            assert!(refused.contains("has to lie beside"), "{location}: {refused}");
        }
        let (mut first, mut taken) = (tensor("data.bin"), HashMap::new());
        take_in(&mut first, &file, &mut taken).unwrap();
        assert_eq!(first.raw_data.unwrap().borrow().len(), 16);
        let refused = take_in(&mut tensor("data.bin"), &file, &mut taken).unwrap_err();
        assert!(refused.contains("20 bytes"), "{refused}");
    }

    #[test]
    fn zeros_for_weights_are_bounded_together() {
        let mut left_out = tensor("");
        left_out.external_data.clear();
        let mut filled = MOST_BYTES as usize - 8;
        assert!(fill(&mut left_out, &mut filled).is_err());
        filled -= 8;
        fill(&mut left_out, &mut filled).unwrap();
        assert_eq!(filled, MOST_BYTES as usize);
    }
}
