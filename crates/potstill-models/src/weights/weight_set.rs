//! The tensors of one network in a file: which they are, what they tell, and how they are applied, all or none.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use burn::tensor::{Tensor, TensorData};

use super::{
    Asked, SeveralSets, ShapeMismatch, StoredTensor, TensorFile, WeightMismatch,
    candidates::{Candidates, Choice},
    head::{find_last_layer, is_below, is_of_head},
    renamed::{Renamed, renamed},
};
use crate::{HeadWeights, Model, ModelError, Names, Shortcut};

/// Where auxiliary classifiers stand.
const AUXILIARY: [&str; 2] = ["aux_classifier", "auxiliary_head"];

/// The tensors of a network that a file holds, by the network's names.
///
/// Names may carry any prefix (`module.`, `state_dict.`, `model.`), last layers and shortcuts may be called as
/// they are in circulation, and the file may hold more: an optimiser's state, another network, a moving
/// average of the weights.
///
/// ```no_run
/// use burn::tensor::Device;
/// use potstill_models::weights::{Asked, TensorFile, WeightSet};
/// use potstill_models::{BuildOptions, HeadWeights, find};
/// use potstill_ops::Scope;
/// use potstill_random::Seed;
///
/// let scope = Scope::new(&Device::flex(), Seed::new(0), "teacher");
/// let mut network = find("resnet34")?.build(BuildOptions::default(), &scope)?;
/// let file = TensorFile::read("checkpoint.pth".as_ref())?;
/// let set = WeightSet::choose(&file, &network, Some("student"), &Asked::Program)?;
/// let left_out = set.load(&mut network, HeadWeights::Kept)?;
/// assert!(left_out.is_empty());
/// # Ok::<(), potstill_models::ModelError>(())
/// ```
#[derive(Debug)]
pub struct WeightSet<'a> {
    file: PathBuf,
    tensors: BTreeMap<String, &'a StoredTensor>,
    names: Names,
    stem: Option<String>,
    /// Whether the network was recognised in it.
    is_whole: bool,
    /// The path of the network's backbone, if that is all that there is.
    backbone: Option<&'static str>,
    asked: Asked,
    /// What has to be said about how the tensors were found, in a line each.
    pub notes: Vec<String>,
}

impl<'a> WeightSet<'a> {
    /// Finds the tensors of `network` in `file`. Its shapes need not be the file's: a network of other classes
    /// or channels is recognised as well.
    ///
    /// Where the file holds several networks of this kind, `prefix` says which: the whole prefix or a part of
    /// it, such as `student`. Without it a moving average is taken rather than the weights that it averages,
    /// as timm does.
    ///
    /// # Errors
    /// [`ModelError::SeveralSets`] if it is open which tensors are meant, or the prefix is not there;
    /// [`ModelError::Unreadable`] for tensors that are no numbers of 16, 32 or 64 bits, and for networks that
    /// are known to be others.
    pub fn choose(
        file: &'a TensorFile,
        network: &Model,
        prefix: Option<&str>,
        asked: &Asked,
    ) -> Result<Self, ModelError> {
        let unreadable = |reason| ModelError::Unreadable {
            file: file.path.clone(),
            reason,
        };
        let mut renamed = renamed(file, network).map_err(unreadable)?;
        let mut notes = std::mem::take(&mut renamed.notes);
        let candidates = Candidates::find(&renamed.tensors, network);
        let several = |is_there: bool, sets: &[_]| {
            ModelError::from(Box::new(SeveralSets::new(
                file.path.clone(),
                (prefix, is_there),
                sets,
                asked,
            )))
        };
        let (prefix, is_whole) = match candidates.choose(prefix) {
            Choice::Only(only) => {
                notes.extend(incomplete_averages(&candidates, &only.prefix));
                (only.prefix, true)
            }
            Choice::Average { taken, plain } => {
                let [average, others] = [&taken, &plain].map(|set| set.prefix.trim_end_matches(['.', '/']));
                let other = asked.prefix(&file.path, others);
                notes.push(format!(
                    "{} holds weights and their moving average: the average `{average}` is taken, as timm does; {other} takes the others",
                    file.path.display()
                ));
                (taken.prefix, true)
            }
            Choice::Several(sets) => return Err(several(true, &sets)),
            Choice::None => match candidates.nearest(prefix) {
                Some(nearest) if candidates.all.is_empty() => (nearest, false),
                None if prefix.is_none() => (String::new(), false),
                _ => return Err(several(false, &candidates.all)),
            },
        };
        check_types(&renamed, network, &prefix).map_err(unreadable)?;
        let mut tensors: BTreeMap<String, &StoredTensor> = candidates
            .below(&prefix)
            .into_iter()
            .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
            .map(|(name, tensor)| (name.to_owned(), tensor))
            .collect();
        let names = *network.names();
        drop_copies(&mut tensors, network);
        find_last_layer(&mut tensors, names.head);
        Ok(Self {
            file: file.path.clone(),
            tensors,
            names,
            stem: network
                .parameters()
                .entries()
                .first()
                .map(|entry| entry.path.clone()),
            is_whole,
            backbone: renamed.backbone,
            asked: asked.clone(),
            notes,
        })
    }

    /// The number of classes that the network tells apart: the rows of its last layer, without the background's.
    pub fn classes(&self) -> Option<usize> {
        let weight = self.tensors.get(&format!("{}.weight", self.names.head))?;
        self.names.classes_of(*weight.shape.get(self.names.class_axis)?)
    }

    /// Whether there is an auxiliary classifier for the loss; `None` if the network was not recognised.
    pub fn auxiliary(&self) -> Option<bool> {
        let is_auxiliary = |name: &String| AUXILIARY.iter().any(|path| is_below(name, path));
        self.is_whole.then(|| self.tensors.keys().any(is_auxiliary))
    }

    /// The channels of the images that it takes: the columns of its first layer, a convolution.
    pub fn channels(&self) -> Option<usize> {
        match self.tensors.get(self.stem.as_ref()?)?.shape[..] {
            [_, channels, _, _] => Some(channels),
            _ => None,
        }
    }

    /// The shortcut of a residual network for small images; `None` if the network was not recognised. Of
    /// another kind of network it says nothing.
    pub fn shortcut(&self) -> Option<Shortcut> {
        let names = self.tensors.keys().map(String::as_str);
        self.is_whole.then(|| shortcut_among(names))
    }

    /// The error about a shortcut that was asked for where the weights have another.
    pub fn other_shortcut(&self, asked: Shortcut, told: Shortcut) -> ModelError {
        let found = match told {
            Shortcut::Projection => "projections (\"b\")",
            Shortcut::Subsample => "without weights (\"a\")",
        };
        ModelError::OtherShortcut {
            file: self.file.clone(),
            asked: self.asked.shortcut(asked),
            found: found.into(),
            mended: self.asked.shortcut(told),
        }
    }

    /// Puts every tensor into `network`. Tells which tensors of the file were left out: those of the head if it
    /// is to start anew. A file of a backbone alone, a classifier's, then starts the backbone, and all else is fresh.
    ///
    /// # Errors
    /// [`ModelError::WeightMismatch`] listing every missing, extra and wrongly shaped tensor;
    /// [`ModelError::NotFinite`] naming the tensors that hold something else than numbers. The network is then
    /// as it was.
    pub fn load(mut self, network: &mut Model, head: HeadWeights) -> Result<Vec<String>, ModelError> {
        let entries = network.parameters().entries();
        let known: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let is_left_out = |path: &str| {
            head == HeadWeights::New
                && (self.names.heads().any(|head| is_below(path, head))
                    || is_of_head(path, self.names.head) && !known.contains(path)
                    || self.backbone.is_some_and(|backbone| !is_below(path, backbone)))
        };
        let left_out: Vec<String> = self
            .tensors
            .keys()
            .filter(|path| is_left_out(path))
            .cloned()
            .collect();
        let mut mismatch = WeightMismatch {
            file: self.file.clone(),
            missing: Vec::new(),
            extra: Vec::new(),
            wrong_shape: Vec::new(),
            head: self.names.head,
            asked: self.asked.clone(),
        };
        for entry in entries.iter().filter(|entry| !is_left_out(&entry.path)) {
            match self.tensors.get(&entry.path) {
                None => mismatch.missing.push(entry.path.clone()),
                Some(tensor) if tensor.shape != entry.shape => mismatch.wrong_shape.push(ShapeMismatch {
                    name: entry.path.clone(),
                    file: tensor.shape.clone(),
                    network: entry.shape.clone(),
                }),
                Some(_) => {}
            }
        }
        let is_extra = |path: &&String| !known.contains(path.as_str()) && !is_left_out(path);
        mismatch.extra = self.tensors.keys().filter(is_extra).cloned().collect();
        if !mismatch.is_empty() {
            return Err(Box::new(mismatch).into());
        }
        for path in &left_out {
            self.tensors.remove(path);
        }
        self.check_values()?;
        network.parameters_mut().rewrite(&mut |entry, present| {
            let values = self.tensors.get(&entry.path)?.values.clone();
            let length = values.len();
            Some(Tensor::from_data(
                TensorData::new(values, [length]),
                &present.device(),
            ))
        });
        Ok(left_out)
    }

    /// A network with one value that is no number answers nothing but that, whatever it is shown.
    fn check_values(&self) -> Result<(), ModelError> {
        let broken = self.tensors.iter().filter_map(|(name, tensor)| {
            let broken = tensor.values.iter().filter(|value| !value.is_finite()).count();
            (broken > 0).then(|| format!("`{name}` ({broken} of {})", tensor.values.len()))
        });
        let tensors: Vec<String> = broken.collect();
        if tensors.is_empty() {
            return Ok(());
        }
        Err(ModelError::NotFinite {
            file: self.file.clone(),
            tensors: tensors.join(", "),
        })
    }
}

/// The shortcut of a residual network for small images that was built.
pub fn shortcut_of(network: &Model) -> Shortcut {
    let entries = network.parameters().entries();
    shortcut_among(entries.iter().map(|entry| entry.path.as_str()))
}

fn shortcut_among<'n>(mut names: impl Iterator<Item = &'n str>) -> Shortcut {
    if names.any(|name| name.contains(".downsample.")) {
        Shortcut::Projection
    } else {
        Shortcut::Subsample
    }
}

/// Puts every tensor of `file` into `network`, the only one of its kind in it.
///
/// # Errors
/// As [`WeightSet::choose`] and [`WeightSet::load`]. The network is then as it was.
pub fn load(network: &mut Model, file: &TensorFile) -> Result<(), ModelError> {
    let set = WeightSet::choose(file, network, None, &Asked::Program)?;
    set.load(network, HeadWeights::Kept).map(drop)
}

/// Leaves out what a file stores twice and the network has once, where both are the same.
fn drop_copies(tensors: &mut BTreeMap<String, &StoredTensor>, network: &Model) {
    let (names, entries) = (network.names(), network.parameters().entries());
    if names.copies.is_empty() {
        return;
    }
    let known: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let is_copy = |(name, tensor): &(&String, &&StoredTensor)| {
        let original = names.original(name).and_then(|original| tensors.get(&original));
        !known.contains(name.as_str()) && original.is_some_and(|original| original.values == tensor.values)
    };
    let copies: Vec<String> = tensors
        .iter()
        .filter(is_copy)
        .map(|(name, _)| name.clone())
        .collect();
    for name in copies {
        tensors.remove(&name);
    }
}

/// Averages that could not be taken.
fn incomplete_averages(candidates: &Candidates<'_, '_>, taken: &str) -> Vec<String> {
    let taken = taken.trim_end_matches(['.', '/']);
    let averages = candidates.partial_averages().map(|(prefix, tensors)| {
        let prefix = prefix.trim_end_matches(['.', '/']);
        format!("the moving average `{prefix}` has only {tensors} of the network's tensors: the plain weights `{taken}` are taken")
    });
    averages.collect()
}

/// Whether a tensor that the network needs, or that is more than a counter, has a type that is not read.
fn check_types(renamed: &Renamed<'_>, network: &Model, prefix: &str) -> Result<(), String> {
    let entries = network.parameters().entries();
    for (name, kind) in &renamed.others {
        let Some(own) = name.strip_prefix(prefix) else {
            continue;
        };
        let is_counted = ["int", "uint", "i", "u", "bool"].iter().any(|start| {
            kind.strip_prefix(start)
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
        });
        let is_weight = entries.iter().any(|entry| entry.path == own);
        if is_weight && is_counted {
            return Err(format!(
                "`{own}` holds whole numbers ({kind}): it is quantised; take the floating-point weights that it was made from"
            ));
        }
        if is_weight || !is_counted {
            return Err(format!(
                "`{own}` is of type {kind}, which is not read: save it as 32-bit floats (`tensor.float()`)"
            ));
        }
    }
    Ok(())
}
