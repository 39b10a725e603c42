//! Reading tensor files: safetensors, and PyTorch's pickled checkpoints in their zip and legacy forms.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use potstill_base::{open_file, printable};
use safetensors::{Dtype, SafeTensors};

use super::{file_digest, pytorch};
use crate::ModelError;

/// One tensor of a file, as 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// Every tensor of a file by the name it has there.
#[derive(Debug, Clone)]
pub struct TensorFile {
    /// Where the tensors came from.
    pub path: PathBuf,
    /// The floating-point tensors by name.
    pub tensors: BTreeMap<String, StoredTensor>,
    /// The types of the tensors whose values are not read, by name: counters, indices, masks, and numbers
    /// that are no 16, 32 or 64-bit floats.
    pub others: BTreeMap<String, String>,
    /// The text metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
}

/// What a reader makes of a tensor: its values, or the name of a type that it does not read.
pub(super) type Read = Result<StoredTensor, String>;

impl TensorFile {
    /// Reads a file; its content, not its name, tells the format. Values of 16 and 64 bits become 32-bit
    /// floats; of tensors of other types only the type is kept.
    ///
    /// # Errors
    /// [`ModelError::Unreadable`] if the file is missing, of another format, or broken; a file of ours also if a bit of it has changed
    /// since it was written.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |reason: String| ModelError::Unreadable {
            file: path.into(),
            reason: printable(&reason).into_owned(),
        };
        let bytes = read_start(path).map_err(|error| unreadable(error.to_string()))?;
        let mut file = Self {
            path: path.into(),
            tensors: BTreeMap::new(),
            others: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        if looks_like_safetensors(&bytes) {
            check_header(&bytes).map_err(unreadable)?;
            let bytes =
                potstill_base::read_file(path, u64::MAX).map_err(|error| unreadable(error.to_string()))?;
            file_digest::verify(&bytes).map_err(unreadable)?;
            file.take_safetensors(&bytes).map_err(unreadable)?;
        } else {
            let tensors = pytorch::read(path).map_err(unreadable)?;
            for (name, tensor) in tensors {
                file.take(&name, tensor).map_err(unreadable)?;
            }
        }
        if file.tensors.is_empty() && file.others.is_empty() {
            return Err(unreadable("it holds no tensor".into()));
        }
        Ok(file)
    }

    /// Takes a tensor, in whose name the characters that a terminal would obey are written out: no network has such a name, and a
    /// list of misfits shows it.
    fn take(&mut self, name: &str, tensor: Read) -> Result<(), String> {
        if name.len() > LONGEST_NAME {
            return Err(format!("a tensor's name has {} bytes", name.len()));
        }
        let name = printable(name).into_owned();
        match tensor {
            Ok(tensor) => drop(self.tensors.insert(name, tensor)),
            Err(kind) => drop(self.others.insert(name, kind)),
        }
        Ok(())
    }

    fn take_safetensors(&mut self, bytes: &[u8]) -> Result<(), String> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|error| format!("not a whole safetensors file: {error}"))?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        self.metadata = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        for (name, view) in tensors.tensors() {
            let values = match view.dtype() {
                Dtype::F32 => Ok(floats(view.data(), f32::from_le_bytes)),
                Dtype::F64 => Ok(floats(view.data(), |b| f64::from_le_bytes(b) as f32)),
                Dtype::F16 => Ok(floats(view.data(), |b| f16::from_le_bytes(b).to_f32())),
                Dtype::BF16 => Ok(floats(view.data(), |b| bf16::from_le_bytes(b).to_f32())),
                Dtype::F8_E4M3 => Err("float8_e4m3fn".to_owned()),
                Dtype::F8_E5M2 => Err("float8_e5m2".to_owned()),
                other => Err(format!("{other:?}").to_lowercase()),
            };
            let shape = view.shape().to_vec();
            self.take(&name, values.map(|values| StoredTensor { shape, values }))?;
        }
        Ok(())
    }
}

/// No path in a network is longer, and the ways to take a name apart are tried one by one.
const LONGEST_NAME: usize = 1000;

/// Bytes of a header: names, types and shapes of a hundred thousand tensors.
const MOST_HEADER: u64 = 16 << 20;

/// The first bytes of a file, by which formats are told apart.
fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    open_file(path)?.take(9).read_to_end(&mut start)?;
    Ok(start)
}

/// Whether the header that a safetensors file states is one that is read.
fn check_header(start: &[u8]) -> Result<(), String> {
    let length = start
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    if length > MOST_HEADER {
        let most = MOST_HEADER;
        return Err(format!(
            "not a whole safetensors file: its header has {length} bytes, and at most {most} are read"
        ));
    }
    Ok(())
}

/// A safetensors file begins with the length of its JSON header and an opening brace.
fn looks_like_safetensors(bytes: &[u8]) -> bool {
    bytes.len() > 8 && bytes[8] == b'{'
}

/// Numbers of `N` bytes as 32-bit floats.
pub(super) fn floats<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|&chunk| decode(chunk))
        .collect()
}
