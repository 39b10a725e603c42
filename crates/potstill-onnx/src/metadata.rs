//! The texts that whoever wrote a file has put beside its graph.

use std::{collections::BTreeMap, path::Path};

use crate::{
    OnnxError,
    network::MOST_BYTES,
    wire::{self, Field},
};

/// The field of a model that holds a text with its key, and the fields of these two.
const TEXT: u64 = 14;
const KEY: u64 = 1;
const VALUE: u64 = 2;

/// The texts beside the graph of a file, by their keys. Weights are passed over.
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
    let texts = fields(&bytes).filter(|(number, _)| *number == TEXT);
    Ok(texts
        .map(|(_, text)| (part(text, KEY), part(text, VALUE)))
        .collect())
}

/// A text that is a field of a message; an empty one if the message has none.
fn part(message: &[u8], wanted: u64) -> String {
    let mut found = fields(message).filter(|(number, _)| *number == wanted);
    let text = found.next().map(|(_, content)| content);
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

/// The fields of a message that have contents, with their numbers.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let Field { number, start, inner } = Field::read(message)?;
            let end = start + inner.unwrap_or(0);
            let content = message.get(start..end)?;
            message = message.get(end..)?;
            if inner.is_some() {
                return Some((number, content));
            }
        }
        None
    })
}
