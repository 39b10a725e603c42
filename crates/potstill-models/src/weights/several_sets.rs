//! The error about a file of several networks, of which nothing says which is meant.

use std::{fmt, path::PathBuf};

use super::{Asked, candidates::Candidate};

/// A file in which a network's tensors stand under several prefixes, or not under the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeveralSets {
    /// The file.
    pub file: PathBuf,
    /// The prefix that was asked for.
    pub asked_prefix: Option<String>,
    /// Whether there is something below that prefix.
    pub is_there: bool,
    /// Each prefix that can be meant, with its numbers of tensors and of parameters.
    pub sets: Vec<(String, usize, usize)>,
    /// Where the network was asked for.
    pub asked: Asked,
}

impl std::error::Error for SeveralSets {}

impl SeveralSets {
    pub(super) fn new(
        file: PathBuf,
        (prefix, is_there): (Option<&str>, bool),
        candidates: &[Candidate],
        asked: &Asked,
    ) -> Self {
        let set = |candidate: &Candidate| {
            let prefix = candidate.prefix.trim_end_matches(['.', '/']).to_owned();
            (prefix, candidate.tensors, candidate.parameters)
        };
        Self {
            file,
            asked_prefix: prefix.map(str::to_owned),
            is_there,
            sets: candidates.iter().map(set).collect(),
            asked: asked.clone(),
        }
    }
}

impl fmt::Display for SeveralSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.asked_prefix {
            Some(prefix) if self.sets.is_empty() => {
                return write!(
                    f,
                    "{file} has no weights of this network below the prefix `{prefix}`, nor anywhere else"
                );
            }
            Some(prefix) if self.is_there => write!(
                f,
                "the prefix `{prefix}` does not say which weights of {file} are meant; below it are"
            ),
            Some(prefix) => write!(
                f,
                "{file} has no weights of this network below the prefix `{prefix}`, but below"
            ),
            None => write!(f, "{file} has weights of this network {} times", self.sets.len()),
        }?;
        for (prefix, tensors, parameters) in &self.sets {
            let shown = if prefix.is_empty() { "\"\"" } else { prefix };
            write!(f, "\n    {shown}: {tensors} tensors, {parameters} parameters")?;
        }
        let Some((first, ..)) = self.sets.last() else {
            return Ok(());
        };
        write!(
            f,
            "\n  say which, for example {}",
            self.asked.prefix(&self.file, first)
        )
    }
}
