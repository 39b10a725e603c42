//! Writing weights as safetensors under PyTorch's names, to the same bytes whenever the weights are the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
};

use burn::tensor::{DType, Tensor, TensorData};
use potstill_base::{Digest, write_atomically_with};

use super::file_digest::{DIGEST_KEY, blank};
use crate::{Model, ModelError};

/// Writes the tensors of `network` to `path` as safetensors, 32-bit floats, whole or not at all, under the
/// names that the published PyTorch network gives them.
///
/// PyTorch loads the file with `load_state_dict(strict=True)`: `num_batches_tracked` is left to its default
/// there.
///
/// # Errors
/// [`ModelError::Unwritable`] if the folder is missing or the disk is full. What was at `path` is then still
/// there.
pub fn save(network: &Model, metadata: &BTreeMap<String, String>, path: &Path) -> Result<(), ModelError> {
    let (mut tensors, mut copies) = (Vec::new(), Vec::new());
    network.parameters().each(&mut |entry, values| {
        let name = network.names().published_name(&entry.path);
        for copy in network.names().copies_of(&name) {
            copies.push((copy, entry.shape.clone(), values.clone()));
        }
        tensors.push((name, entry.shape.clone(), values));
    });
    let own: BTreeSet<String> = tensors.iter().map(|(name, ..)| name.clone()).collect();
    tensors.extend(copies.into_iter().filter(|(copy, ..)| !own.contains(copy)));
    write_tensors(tensors, metadata, path)
}

/// Writes named tensors (name, shape, flat values) to `path` as safetensors, 32-bit floats, whole or not at
/// all.
///
/// # Errors
/// As [`save`].
pub fn write_tensors(
    tensors: Vec<(String, Vec<usize>, Tensor<1>)>,
    metadata: &BTreeMap<String, String>,
    path: &Path,
) -> Result<(), ModelError> {
    let unwritable = |reason: String| ModelError::Unwritable {
        file: path.into(),
        reason,
    };
    PackedTensors::new(tensors, metadata)
        .map_err(unwritable)?
        .write(path)
}

/// Named tensors and texts as a safetensors file, ready to be written as often as is wanted.
///
/// The texts hold, beside those that are given, the SHA-256 of the file under `potstill_sha256`, taken with 64 zeros in its place;
/// [`TensorFile::read`](super::TensorFile::read) finds by it that a bit has changed. Names and texts stand in their order, so that equal
/// content is equal bytes.
pub struct PackedTensors {
    /// Eight bytes with the length of what follows, and the JSON with names, shapes and places.
    header: Vec<u8>,
    values: Vec<TensorData>,
    digest: String,
}

impl PackedTensors {
    /// Packs tensors (name, shape, flat values) of 32-bit floats.
    ///
    /// # Errors
    /// Two tensors of a name, or values of another type or number than the shape says.
    pub fn new(
        tensors: Vec<(String, Vec<usize>, Tensor<1>)>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut named = BTreeMap::new();
        for (name, shape, values) in tensors {
            let values = values.into_data();
            let of_shape: usize = shape.iter().product();
            if values.dtype() != DType::F32 || values.num_elements() != of_shape {
                return Err(format!("the values of `{name}` are not {of_shape} 32-bit floats"));
            }
            if named.insert(name.clone(), (shape, values)).is_some() {
                return Err(format!("two tensors are called `{name}`"));
            }
        }
        let mut texts = metadata.clone();
        texts.insert(DIGEST_KEY.into(), blank());
        let mut header = json_header(&texts, &named).map_err(|error| error.to_string())?;
        let values: Vec<TensorData> = named.into_values().map(|(_, values)| values).collect();
        let mut digest = Digest::new();
        digest.update(&header);
        for values in &values {
            digest.update(&values.bytes()[..]);
        }
        let digest = digest.hexadecimal();
        super::file_digest::put(&mut header, &digest);
        Ok(Self {
            header,
            values,
            digest,
        })
    }

    /// The SHA-256 that the file carries, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// As [`save`].
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let written: io::Result<()> = write_atomically_with(path, |file| {
            file.write_all(&self.header)?;
            self.values
                .iter()
                .try_for_each(|values| file.write_all(values.bytes()))
        });
        written.map_err(|error| ModelError::Unwritable {
            file: path.into(),
            reason: error.to_string(),
        })
    }
}

/// The length and the JSON of a header, filled up with spaces so that the numbers after it lie at a multiple of eight bytes.
fn json_header(
    texts: &BTreeMap<String, String>,
    tensors: &BTreeMap<String, (Vec<usize>, TensorData)>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = format!("{{\"__metadata__\":{}", serde_json::to_string(texts)?);
    let mut begin = 0;
    for (name, (shape, values)) in tensors {
        let end = begin + values.bytes().len();
        let name = serde_json::to_string(name)?;
        let _ = write!(
            json,
            ",{name}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"
        );
        begin = end;
    }
    json.push('}');
    while !json.len().is_multiple_of(8) {
        json.push(' ');
    }
    let mut header = (json.len() as u64).to_le_bytes().to_vec();
    header.extend(json.into_bytes());
    Ok(header)
}
