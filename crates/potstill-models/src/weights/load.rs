//! Matching a file's tensors to a network's, and applying them all or none.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Tensor, TensorData};
use potstill_ops::Entry;

use super::{ShapeMismatch, StoredTensor, TensorFile, WeightMismatch};
use crate::{Model, ModelError, names::rename};

/// Puts every tensor of `file` into `network`.
///
/// Names may carry any prefix (`module.`, `state_dict.`, `model.`): the one that matches most of the network
/// is taken off, and what stands outside it (an optimiser's state) is not looked at. Renamed classifier heads
/// and shortcuts are recognised.
///
/// ```no_run
/// use burn::tensor::Device;
/// use potstill_models::{BuildOptions, find, weights};
/// use potstill_ops::Scope;
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "teacher");
/// let mut network = find("cifar_resnet20")?.build(BuildOptions::default(), &scope)?;
/// weights::load(&mut network, &weights::TensorFile::read("resnet20-12fca82f.th".as_ref())?)?;
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
///
/// # Errors
/// [`ModelError::WeightMismatch`] listing every missing, extra and wrongly shaped tensor. The network is then
/// as it was.
pub fn load(network: &mut Model, file: &TensorFile) -> Result<(), ModelError> {
    let entries = network.parameters().entries();
    let mut stored = under_network_names(file, &entries, network.names().aliases);
    let mut mismatch = WeightMismatch {
        file: file.path.clone(),
        missing: Vec::new(),
        extra: Vec::new(),
        wrong_shape: Vec::new(),
        head: network.names().head,
    };
    for entry in &entries {
        match stored.get(&entry.path) {
            None => mismatch.missing.push(entry.path.clone()),
            Some(tensor) if tensor.shape != entry.shape => mismatch.wrong_shape.push(ShapeMismatch {
                name: entry.path.clone(),
                file: tensor.shape.clone(),
                network: entry.shape.clone(),
            }),
            Some(_) => {}
        }
    }
    let known: BTreeSet<&String> = entries.iter().map(|entry| &entry.path).collect();
    mismatch.extra = stored
        .keys()
        .filter(|name| !known.contains(name))
        .cloned()
        .collect();
    if !(mismatch.missing.is_empty() && mismatch.extra.is_empty() && mismatch.wrong_shape.is_empty()) {
        return Err(mismatch.into());
    }
    network.parameters_mut().rewrite(&mut |entry, present| {
        let tensor = stored.remove(&entry.path)?;
        let length = tensor.values.len();
        Some(Tensor::from_data(
            TensorData::new(tensor.values, [length]),
            &present.device(),
        ))
    });
    Ok(())
}

/// The number of classes that the network in `file` tells apart: the rows of its classifier.
///
/// `network` is any network of the right architecture; its own number of classes does not matter.
pub fn classes_in(file: &TensorFile, network: &Model) -> Option<usize> {
    let entries = network.parameters().entries();
    let stored = under_network_names(file, &entries, network.names().aliases);
    stored
        .get(&format!("{}.weight", network.names().head))
        .and_then(|weight| weight.shape.first().copied())
}

/// The file's tensors by the names that the network would give them.
fn under_network_names(
    file: &TensorFile,
    entries: &[Entry],
    aliases: &[(&str, &str)],
) -> BTreeMap<String, StoredTensor> {
    let renamed: BTreeMap<String, &StoredTensor> = file
        .tensors
        .iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .map(|(name, tensor)| (rename(name, aliases), tensor))
        .collect();
    let prefix = most_matching_prefix(&renamed, entries);
    let inside = renamed.into_iter().filter_map(|(name, tensor)| {
        name.strip_prefix(&prefix)
            .map(|own| (own.to_owned(), tensor.clone()))
    });
    inside.collect()
}

/// The prefix under which the file has most of the network's names; none if nothing matches anywhere.
fn most_matching_prefix(tensors: &BTreeMap<String, &StoredTensor>, entries: &[Entry]) -> String {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries {
        for name in tensors.keys() {
            if let Some(prefix) = name.strip_suffix(entry.path.as_str())
                && (prefix.is_empty() || prefix.ends_with(['.', '/']))
            {
                *votes.entry(prefix).or_default() += 1;
            }
        }
    }
    // The shorter prefix wins a tie, so that the outcome does not hang on the order of names.
    let best = votes
        .into_iter()
        .max_by_key(|(prefix, votes)| (*votes, std::cmp::Reverse(prefix.len())));
    best.map(|(prefix, _)| prefix.to_owned()).unwrap_or_default()
}
