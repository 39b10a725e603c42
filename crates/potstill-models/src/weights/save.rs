//! Writing weights as safetensors under PyTorch's names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use burn::tensor::Tensor;
use potstill_base::write_atomically;
use safetensors::{Dtype, serialize, tensor::TensorView};

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
    let mut names = BTreeSet::new();
    if let Some((name, ..)) = tensors.iter().find(|(name, ..)| !names.insert(name)) {
        return Err(unwritable(format!("two tensors are called `{name}`")));
    }
    let read = |(name, shape, values): (String, Vec<usize>, Tensor<1>)| (name, shape, values.into_data());
    let tensors: Vec<_> = tensors.into_iter().map(read).collect();
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, shape, data)| {
            TensorView::new(Dtype::F32, shape.clone(), data.bytes()).map(|view| (name, view))
        })
        .collect();
    let views = views.map_err(|error| unwritable(error.to_string()))?;
    let bytes = serialize(views, Some(metadata.clone().into_iter().collect()))
        .map_err(|error| unwritable(error.to_string()))?;
    write_atomically(path, &bytes).map_err(|error| unwritable(error.to_string()))
}
