//! What the offline pass keeps in the cache: named numbers in one file that is trusted by its digest only.

use std::{collections::BTreeMap, path::Path};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_base::Digest;
use potstill_models::weights::{TensorFile, write_tensors};

use super::failed;
use crate::MethodError;

/// Numbers by name, each with its shape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Where the digest and the owner of a file are written.
const CHECKSUM: &str = "sha256";
const OWNER: &str = "of";

impl Kept {
    /// With these numbers besides.
    #[must_use]
    pub fn with(mut self, name: &str, shape: [usize; 2], values: Vec<f32>) -> Self {
        self.tensors.insert(name.into(), (shape.to_vec(), values));
        self
    }

    /// The numbers of this name, if they are there in this shape.
    pub fn get(&self, name: &str, shape: [usize; 2]) -> Option<Vec<f32>> {
        let (found, values) = self.tensors.get(name)?;
        (*found == shape).then(|| values.clone())
    }

    /// The columns of the numbers of this name.
    pub fn columns(&self, name: &str) -> Option<usize> {
        self.tensors.get(name)?.0.last().copied()
    }

    /// Writes the file whole or not at all. `owner` says for what it was made.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path, owner: &str) -> Result<(), MethodError> {
        let metadata = BTreeMap::from([
            (CHECKSUM.to_owned(), self.digest(owner)),
            (OWNER.to_owned(), owner.to_owned()),
        ]);
        let tensor = |values: &Vec<f32>| {
            Tensor::from_data(TensorData::new(values.clone(), [values.len()]), &Device::flex())
        };
        let tensors = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| (name.clone(), shape.clone(), tensor(values)));
        write_tensors(tensors.collect(), &metadata, path).map_err(failed)
    }

    /// Reads a file that [`write`](Self::write) wrote for this owner; none if there is no file.
    ///
    /// # Errors
    /// Why the file is not to be trusted, as the end of a sentence about it.
    pub fn read(path: &Path, owner: &str) -> Result<Option<Self>, String> {
        if !path.exists() {
            return Ok(None);
        }
        let file = TensorFile::read(path).map_err(|error| error.to_string())?;
        let tensors = file.tensors.into_iter();
        let kept = Self {
            tensors: tensors
                .map(|(name, tensor)| (name, (tensor.shape, tensor.values)))
                .collect(),
        };
        if file.metadata.get(OWNER).map(String::as_str) != Some(owner) {
            return Err("it was made for something else".into());
        }
        if file.metadata.get(CHECKSUM) != Some(&kept.digest(owner)) {
            return Err("its digest is not that of its content".into());
        }
        Ok(Some(kept))
    }

    fn digest(&self, owner: &str) -> String {
        let mut hash = Digest::new();
        hash.update(owner);
        for (name, (shape, values)) in &self.tensors {
            hash.update(format!("\n{name} {shape:?}\n"));
            hash.update_floats(values);
        }
        hash.hexadecimal()
    }
}
