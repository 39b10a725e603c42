//! Files that hold a backbone alone: what a detector or a segmenter starts from is mostly a classifier.

use std::collections::BTreeSet;

use crate::Model;

/// The backbone of a network that a file's tensors are.
pub(super) struct BackboneFile {
    /// The backbone's path in the network.
    pub path: &'static str,
    /// Its tensors by their names below that path.
    own: BTreeSet<String>,
}

/// Where backbones stand, the longer path first.
const PATHS: [&str; 2] = ["backbone.body", "backbone"];

impl BackboneFile {
    /// The backbone, if these names of a file are those of the network's backbone, and stand for themselves: nearly all are there, and
    /// none below the path that they have in the network.
    pub fn find<'n>(names: impl Iterator<Item = &'n str>, network: &Model) -> Option<Self> {
        let entries = network.parameters().entries();
        let below = |path: &str| -> BTreeSet<String> {
            let own = entries.iter().filter_map(|entry| entry.path.strip_prefix(path));
            own.filter_map(|rest| rest.strip_prefix('.'))
                .map(Into::into)
                .collect()
        };
        let (path, own) = PATHS
            .map(|path| (path, below(path)))
            .into_iter()
            .find(|(_, own)| !own.is_empty())?;
        let backbone = Self { path, own };
        let mut found = BTreeSet::new();
        for name in names {
            let own = backbone.own_name(name);
            if own.is_some_and(|own| name.ends_with(&format!("{path}.{own}"))) {
                return None;
            }
            found.extend(own);
        }
        (found.len() * 10 >= backbone.own.len() * 9).then_some(backbone)
    }

    /// The name of a file's tensor in the network, where it is the backbone's. What stands before it in the file falls away.
    pub fn name(&self, name: &str) -> Option<String> {
        self.own_name(name).map(|own| format!("{}.{own}", self.path))
    }

    /// The longest end of a name that is a tensor of the backbone.
    fn own_name<'n>(&self, name: &'n str) -> Option<&'n str> {
        let ends = name.match_indices(['.', '/']).map(|(at, _)| &name[at + 1..]);
        std::iter::once(name)
            .chain(ends)
            .find(|end| self.own.contains(*end))
    }
}
