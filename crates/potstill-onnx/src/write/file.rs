//! A whole ONNX file in memory, and its way to the disk.

use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

use rten_onnx::onnx::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};

use super::graph::named;
use crate::OnnxError;

/// Which version of the operators a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Opset {
    /// Version 17, the oldest with layer norms: most runtimes know it.
    #[default]
    V17,
    /// Version 20, with GELU as one operator.
    V20,
}

impl Opset {
    /// The number of the version.
    pub fn version(self) -> i64 {
        match self {
            Self::V17 => 17,
            Self::V20 => 20,
        }
    }

    /// The version of the file format that belongs to it.
    fn format(self) -> i64 {
        match self {
            Self::V17 => 8,
            Self::V20 => 9,
        }
    }
}

/// The name that every graph gets: checkers demand one, and nobody reads it.
const GRAPH: &str = "potstill";

/// A message of Protocol Buffers has less than 2 GiB.
const MOST_BYTES: u64 = (1 << 31) - 1;

/// An ONNX file, ready to be written.
pub struct OnnxFile(ModelProto);

impl OnnxFile {
    pub(super) fn new(graph: GraphProto, opset: Opset, metadata: Vec<(String, String)>) -> Self {
        let entry = |(key, value)| StringStringEntryProto {
            key: Some(key),
            value: Some(value),
        };
        Self(ModelProto {
            ir_version: Some(opset.format()),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto {
                domain: Some(String::new()),
                version: Some(opset.version()),
            }],
            metadata_props: metadata.into_iter().map(entry).collect(),
            producer_name: Some("potstill".into()),
            producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        })
    }

    pub(super) fn of(model: ModelProto) -> Self {
        Self(model)
    }

    /// The number of operators.
    pub fn operators(&self) -> usize {
        self.0.graph.as_ref().map_or(0, |graph| graph.node.len())
    }

    /// The version of its operators.
    pub fn opset(&self) -> i64 {
        let sets = self.0.opset_import.iter();
        let own = sets.filter(|set| set.domain.as_deref().unwrap_or_default().is_empty());
        own.filter_map(|set| set.version).max().unwrap_or_default()
    }

    /// The name of its input, and those of its outputs.
    pub fn ends(&self) -> (&str, Vec<&str>) {
        let graph = self.0.graph.as_ref();
        let inputs = graph.and_then(|graph| graph.input.first());
        let outputs = graph.iter().flat_map(|graph| &graph.output);
        (inputs.map_or("", named), outputs.map(named).collect())
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// [`OnnxError::Unwritable`] for one that is too large; `file` is named in it.
    pub fn to_bytes(&self, file: &Path) -> Result<Vec<u8>, OnnxError> {
        let unwritable = |reason: String| OnnxError::Unwritable {
            file: file.into(),
            reason,
        };
        let size = self.weight_bytes();
        if size > MOST_BYTES {
            return Err(unwritable(format!(
                "its weights have {size} bytes, and an ONNX file holds less than 2 GiB"
            )));
        }
        let model = self
            .0
            .write_buf()
            .map_err(|error| unwritable(error.to_string()))?;
        Ok([named_graph(), model].concat())
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`OnnxError::Unwritable`]: too large, or whatever the file system says. What was at `file` is then still there.
    pub fn write(&self, file: &Path) -> Result<(), OnnxError> {
        let bytes = self.to_bytes(file)?;
        let written: io::Result<()> = potstill_base::write_atomically_with(file, |to| to.write_all(&bytes));
        written.map_err(|error| OnnxError::Unwritable {
            file: file.into(),
            reason: error.to_string(),
        })
    }

    fn weight_bytes(&self) -> u64 {
        let weights = self.0.graph.iter().flat_map(|graph| &graph.initializer);
        let bytes = weights.filter_map(|weight| Some(weight.raw_data.as_ref()?.borrow().len() as u64));
        bytes.sum()
    }
}

/// A graph of nothing but a name, as a field of a model.
///
/// `rten-onnx` knows no name of a graph, which the checker demands. Readers merge the parts of a message that come apart, so this one
/// stands in front of the real graph; `rten-onnx` itself takes the last, the real one.
fn named_graph() -> Vec<u8> {
    // Field 2 of a graph is its name, field 7 of a model its graph; both have a length (wire type 2), which is short here.
    let name = [&[2 << 3 | 2, GRAPH.len() as u8], GRAPH.as_bytes()].concat();
    [&[7 << 3 | 2, name.len() as u8], &name[..]].concat()
}

impl fmt::Debug for OnnxFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxFile")
            .field("operators", &self.operators())
            .finish_non_exhaustive()
    }
}
