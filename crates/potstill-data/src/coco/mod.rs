//! COCO's JSON files: annotations of a data set, and results of a detector.

mod annotations;
mod results;
mod segmentation;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use annotations::{CocoAnnotation, CocoAnnotations, CocoCategory, CocoImage};
pub use results::{CocoFound, CocoResults, FoundMask};
pub use segmentation::Segmentation;

use crate::DataError;
use crate::limits::MOST_ANNOTATIONS;

/// By what objects are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionKind {
    /// Their boxes.
    Box,
    /// Their pixels.
    Mask,
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    parse_json(
        &potstill_base::read_file(path, MOST_ANNOTATIONS).map_err(DataError::io("read", path))?,
        path,
    )
}

fn parse_json<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, DataError> {
    serde_json::from_slice(bytes).map_err(|error| DataError::Format {
        file: path.display().to_string(),
        place: format!("line {}, column {}", error.line(), error.column()),
        problem: match not_a_number(bytes, &error) {
            Some(word) => format!("`{word}` is no number of JSON; correct the value, or remove the object"),
            None => said(&error),
        },
    })
}

/// What Python writes where there is no number, if the error is about that.
fn not_a_number(bytes: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .nth(error.line().checked_sub(1)?)?;
    // The column is that of the first letter that does not fit.
    let start = error.column().saturating_sub(2).min(line.len());
    let near = &line[start..line.len().min(start + 12)];
    ["NaN", "-Infinity", "Infinity"]
        .into_iter()
        .find(|word| near.windows(word.len()).any(|window| window == word.as_bytes()))
}

/// What serde says, without the place.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// x, y, width and height that are numbers, the latter not below 0.
fn checked_box(sides: [f64; 4]) -> Result<[f64; 4], String> {
    if sides.iter().any(|side| !side.is_finite()) {
        return Err(format!("its `bbox` {sides:?} has what is no number"));
    }
    if sides[2] < 0.0 || sides[3] < 0.0 {
        return Err(format!(
            "its `bbox` {sides:?} has a width or height below 0; COCO's boxes are [x, y, width, height]"
        ));
    }
    Ok(sides)
}
