//! The tensors of a file under the names that a network would give them, wherever in the file they stand.

use std::collections::{BTreeMap, BTreeSet};

use super::{StoredTensor, TensorFile, backbone_file::BackboneFile, detector_names, timm_names};
use crate::{Model, names::rename};

/// A file's tensors by the network's names, each still behind what stands before it in the file.
pub(super) struct Renamed<'a> {
    /// The floating-point tensors.
    pub tensors: BTreeMap<String, &'a StoredTensor>,
    /// The types of all others.
    pub others: BTreeMap<String, &'a str>,
    /// What has to be said about the names.
    pub notes: Vec<String>,
    /// The path of the network's backbone, if that is all that the file holds.
    pub backbone: Option<&'static str>,
}

/// Gives the tensors of `file` the names of `network`.
///
/// # Errors
/// Why names that are well known cannot be this network's.
pub(super) fn renamed<'a>(file: &'a TensorFile, network: &Model) -> Result<Renamed<'a>, String> {
    let names = network.names();
    let all: BTreeSet<&str> = file
        .tensors
        .keys()
        .chain(file.others.keys())
        .map(String::as_str)
        .collect();
    let wrapped = Wrapped::find(&all, network);
    let timm = timm_names::Timm::find(&all, network)?;
    let entries = network.parameters().entries();
    let known: BTreeSet<String> = entries.into_iter().map(|entry| entry.path).collect();
    let ours = |name: &str| {
        let name = wrapped.unwrap(name);
        let name = timm.as_ref().and_then(|timm| timm.ours(&name)).unwrap_or(name);
        let name = detector_names::present_name(&name, &known).unwrap_or(name);
        rename(&name, names.aliases)
    };
    let present: Vec<String> = all.iter().map(|name| ours(name)).collect();
    let backbone = BackboneFile::find(present.iter().map(String::as_str), network);
    let ours = |name: &str| {
        let name = ours(name);
        let of_backbone = backbone.as_ref().and_then(|backbone| backbone.name(&name));
        of_backbone.unwrap_or(name)
    };
    let mut found = Renamed {
        backbone: backbone.as_ref().map(|backbone| backbone.path),
        tensors: BTreeMap::new(),
        others: file
            .others
            .iter()
            .map(|(name, kind)| (ours(name), kind.as_str()))
            .collect(),
        notes: timm.iter().filter_map(timm_names::Timm::note).collect(),
    };
    for (name, tensor) in &file.tensors {
        // A name that is taken already stays as it is, and will be told as one that the network has not.
        let ours = Some(ours(name)).filter(|ours| !found.tensors.contains_key(ours));
        found.tensors.insert(ours.unwrap_or_else(|| name.clone()), tensor);
    }
    Ok(found)
}

/// Networks that are stored as a `backbone` and a head beside it: those of MMPretrain, and of many programs.
struct Wrapped {
    /// What stands before `backbone.` (empty, or ending in a dot), and what the head beside it is called.
    places: Vec<(String, &'static str)>,
    head: &'static str,
}

/// What heads beside a backbone are called; MMPretrain's come first.
const HEADS: [&str; 5] = ["head.fc", "head", "fc", "classifier", "linear"];

impl Wrapped {
    fn find(names: &BTreeSet<&str>, network: &Model) -> Self {
        let head = network.names().head;
        let is_ours = |path: &str| path.starts_with("backbone.");
        let mut places = Vec::new();
        if network
            .parameters()
            .entries()
            .iter()
            .any(|entry| is_ours(&entry.path))
        {
            return Self { places, head };
        }
        let before: BTreeSet<&str> = names
            .iter()
            .filter_map(|name| name.split_once("backbone.").map(|(before, _)| before))
            .filter(|before| before.is_empty() || before.ends_with(['.', '/']))
            .collect();
        for before in before {
            let has = |name: &str| names.contains(format!("{before}{name}.weight").as_str());
            if let Some(beside) = HEADS.into_iter().find(|beside| has(beside)) {
                places.push((before.to_owned(), beside));
            }
        }
        Self { places, head }
    }

    fn unwrap(&self, name: &str) -> String {
        for (before, beside) in &self.places {
            let Some(inner) = name.strip_prefix(before.as_str()) else {
                continue;
            };
            if let Some(own) = inner.strip_prefix("backbone.") {
                return format!("{before}{own}");
            }
            if let Some(own) = inner.strip_prefix(beside).filter(|own| own.starts_with('.')) {
                return format!("{before}{}{own}", self.head);
            }
        }
        name.to_owned()
    }
}
