//! The texts that whoever wrote a file has put beside its graph.

use std::{collections::BTreeMap, path::Path};

use rten_onnx::onnx::ModelProto;

use crate::{OnnxError, network::MOST_BYTES, wire};

/// The texts beside the graph of a file, by their keys.
///
/// # Errors
/// [`OnnxError::Unreadable`]: a file that is missing, or no ONNX file.
pub fn read_metadata(file: &Path) -> Result<BTreeMap<String, String>, OnnxError> {
    let unreadable = |reason: String| OnnxError::Unreadable {
        file: file.into(),
        reason,
    };
    let bytes = potstill_base::read_file(file, MOST_BYTES).map_err(|error| unreadable(error.to_string()))?;
    wire::check(&bytes).map_err(unreadable)?;
    let model =
        ModelProto::parse_buf(&bytes).map_err(|error| unreadable(format!("it is no ONNX file ({error})")))?;
    let entries = model.metadata_props.into_iter();
    Ok(entries
        .filter_map(|entry| Some((entry.key?, entry.value?)))
        .collect())
}
