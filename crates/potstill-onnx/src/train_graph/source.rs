//! A file as a network is made of it: its weights inside, training switched off.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use rten_onnx::onnx::{
    DataLocation, DataType, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
};

use super::{
    literal::{is_float, sizes},
    rewrite::{cut_sequences, open_batch, switch_training_off},
};
use crate::{wire, write::value};

/// The key in a file's metadata that says where its weights are.
const WEIGHTS: &str = "potstill.weights";

/// What stands there in a file without weights.
const APART: &str = "apart";

/// Bytes of a file: Protocol Buffers end here.
const MOST_BYTES: u64 = 2 << 30;

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
    /// A file that cannot be read, or is no ONNX.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = potstill_base::read_file(file, MOST_BYTES).map_err(|error| error.to_string())?;
        wire::check(&bytes)?;
        let model = ModelProto::parse_buf(&bytes).map_err(|error| format!("it is no ONNX file ({error})"))?;
        drop(bytes);
        let is_apart = model
            .metadata_props
            .iter()
            .any(|entry| entry.key.as_deref() == Some(WEIGHTS) && entry.value.as_deref() == Some(APART));
        let mut graph = model.graph.ok_or("it is no ONNX file (it has no graph)")?;
        for tensor in &mut graph.initializer {
            take_in(tensor, file)?;
            if is_apart {
                fill(tensor)?;
            }
        }
        cut_sequences(&mut graph)?;
        Ok(Self {
            batch: open_batch(&mut graph),
            notes: switch_training_off(&mut graph),
            graph,
            ir_version: model.ir_version,
            operator_sets: model.opset_import,
        })
    }

    /// The bytes of the file as it is here.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        self.written(self.graph.clone(), Vec::new())
    }

    /// The bytes of the file without the values of these tensors, with the logits of so many classes as its only output: some kilobytes.
    /// [`read`](Self::read) reads it, and puts zeros there.
    pub fn bytes_without(
        &self,
        names: &BTreeSet<&str>,
        (logits, classes): (&str, usize),
    ) -> Result<Vec<u8>, String> {
        let mut graph = self.graph.clone();
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
        self.written(graph, vec![apart])
    }

    fn written(&self, graph: GraphProto, metadata: Vec<StringStringEntryProto>) -> Result<Vec<u8>, String> {
        let model = ModelProto {
            ir_version: self.ir_version,
            graph: Some(graph),
            opset_import: self.operator_sets.clone(),
            metadata_props: metadata,
            producer_name: Some("potstill".into()),
            ..ModelProto::default()
        };
        model.write_buf().map_err(|error| error.to_string())
    }
}

/// Puts the values of a tensor that lie in a file beside into the tensor.
fn take_in(tensor: &mut TensorProto, file: &Path) -> Result<(), String> {
    if tensor.data_location != Some(DataLocation::EXTERNAL) {
        return Ok(());
    }
    let name = tensor.name.clone().unwrap_or_default();
    let entry = |key: &str| {
        let mut entries = tensor.external_data.iter();
        let found = entries.find(|entry| entry.key.as_deref() == Some(key));
        found.and_then(|entry| entry.value.clone())
    };
    let location = entry("location").unwrap_or_default();
    let unreadable = |problem: String| {
        format!("the tensor `{name}` has its values in `{location}`, which cannot be read: {problem}")
    };
    let number = |key: &str| {
        entry(key).map(|text| {
            text.parse::<u64>()
                .map_err(|_| unreadable(format!("{key} {text}")))
        })
    };
    let (offset, length) = (number("offset").transpose()?, number("length").transpose()?);
    let beside = file.parent().unwrap_or(Path::new("")).join(&location);
    let mut opened = potstill_base::open_file(&beside).map_err(|error| unreadable(error.to_string()))?;
    let io = |error: std::io::Error| unreadable(error.to_string());
    let whole = opened.metadata().map_err(io)?.len();
    let offset = offset.unwrap_or(0).min(whole);
    let length = length
        .unwrap_or(whole - offset)
        .min(whole - offset)
        .min(MOST_BYTES);
    opened.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut raw = Vec::new();
    opened.take(length).read_to_end(&mut raw).map_err(io)?;
    tensor.raw_data = Some(RefCell::new(raw));
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

/// Gives a tensor of floats that was left out its size back, in zeros.
fn fill(tensor: &mut TensorProto) -> Result<(), String> {
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
        .filter(|&bytes| bytes as u64 <= MOST_BYTES)
        .ok_or_else(|| format!("a tensor states the sizes {:?}, which none has", tensor.dims))?;
    tensor.data_type = Some(DataType::FLOAT);
    tensor.raw_data = Some(RefCell::new(vec![0; bytes]));
    Ok(())
}
