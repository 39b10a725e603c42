//! Reading tensor files: safetensors, and PyTorch's pickled checkpoints in their zip and legacy forms.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};

use crate::ModelError;

/// One tensor of a file, as 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// The shape in the file.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// Every floating-point tensor of a file, by the name it has there.
#[derive(Debug, Clone)]
pub struct TensorFile {
    /// Where the tensors came from.
    pub path: PathBuf,
    /// The tensors by name.
    pub tensors: BTreeMap<String, StoredTensor>,
    /// The text metadata of a safetensors file.
    pub metadata: BTreeMap<String, String>,
}

impl TensorFile {
    /// Reads a file; its content, not its name, tells the format. Values of 16 and 64 bits become 32-bit
    /// floats; integer tensors (counters such as `num_batches_tracked`) are passed over.
    ///
    /// # Errors
    /// [`ModelError::Unreadable`] if the file is missing, of another format, or broken.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let unreadable = |reason: String| ModelError::Unreadable {
            file: path.into(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let mut file = Self {
            path: path.into(),
            tensors: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        if looks_like_safetensors(&bytes) {
            file.take_safetensors(&bytes).map_err(unreadable)?;
        } else {
            drop(bytes);
            file.take_pytorch(path).map_err(unreadable)?;
        }
        if file.tensors.is_empty() {
            return Err(unreadable("it holds no floating-point tensor".into()));
        }
        Ok(file)
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
                Dtype::F32 => Some(floats(view.data(), f32::from_le_bytes)),
                Dtype::F64 => Some(floats(view.data(), |b| f64::from_le_bytes(b) as f32)),
                Dtype::F16 => Some(floats(view.data(), |b| f16::from_le_bytes(b).to_f32())),
                Dtype::BF16 => Some(floats(view.data(), |b| bf16::from_le_bytes(b).to_f32())),
                _ => None,
            };
            if let Some(values) = values {
                self.tensors.insert(
                    name,
                    StoredTensor {
                        shape: view.shape().to_vec(),
                        values,
                    },
                );
            }
        }
        Ok(())
    }

    fn take_pytorch(&mut self, path: &Path) -> Result<(), String> {
        let reader = PytorchReader::new(path)
            .map_err(|error| format!("neither a safetensors nor a PyTorch file that can be read: {error}"))?;
        for (name, tensor) in reader.into_tensors() {
            let decode: fn(&[u8]) -> Vec<f32> = match tensor.dtype() {
                DType::F32 => |bytes| floats(bytes, f32::from_le_bytes),
                DType::F64 => |bytes| floats(bytes, |b| f64::from_le_bytes(b) as f32),
                DType::F16 => |bytes| floats(bytes, |b| f16::from_le_bytes(b).to_f32()),
                DType::BF16 => |bytes| floats(bytes, |b| bf16::from_le_bytes(b).to_f32()),
                _ => continue,
            };
            let bytes = tensor.read().map_err(|error| error.to_string())?;
            self.tensors.insert(
                name,
                StoredTensor {
                    shape: tensor.shape().to_vec(),
                    values: decode(&bytes),
                },
            );
        }
        Ok(())
    }
}

/// A safetensors file begins with the length of its JSON header and an opening brace.
fn looks_like_safetensors(bytes: &[u8]) -> bool {
    bytes.len() > 8 && bytes[8] == b'{'
}

fn floats<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|&chunk| decode(chunk))
        .collect()
}
