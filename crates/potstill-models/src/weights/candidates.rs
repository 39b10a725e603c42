//! Where in a file a network's tensors stand: the prefixes under which all or nearly all of them are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use potstill_ops::Entry;

use super::{StoredTensor, head::is_of_head};
use crate::Model;

/// A prefix under which the file has all or nearly all tensors of the network.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// The prefix, with the dot or slash at its end.
    pub prefix: String,
    /// The tensors below it.
    pub tensors: usize,
    /// Their numbers, without running statistics.
    pub parameters: usize,
    /// Whether every tensor has the network's shape, and hardly one is left over: a deeper network has all its
    /// names as well.
    fits: bool,
}

/// Every candidate of a file.
pub(super) struct Candidates<'r, 'a> {
    tensors: &'r BTreeMap<String, &'a StoredTensor>,
    /// The shorter prefix first.
    pub all: Vec<Candidate>,
    /// How many of the tensors that every form of the network has stand under each prefix.
    votes: BTreeMap<String, usize>,
    needed: usize,
}

/// How a choice among several came out.
pub(super) enum Choice {
    /// There was only one, or they all say the same.
    Only(Candidate),
    /// The moving average of others was taken.
    Average { taken: Candidate, plain: Candidate },
    /// Nothing says which.
    Several(Vec<Candidate>),
    /// The network's tensors stand nowhere together.
    None,
}

impl<'r, 'a> Candidates<'r, 'a> {
    pub fn find(tensors: &'r BTreeMap<String, &'a StoredTensor>, network: &Model) -> Self {
        let entries = network.parameters().entries();
        let core = core(&entries, network.names().head);
        let mut votes = BTreeMap::<String, usize>::new();
        for name in tensors.keys() {
            for (prefix, _) in splits(name).filter(|(_, own)| core.contains_key(own)) {
                *votes.entry(prefix.to_owned()).or_default() += 1;
            }
        }
        let needed = core.len();
        let mut prefixes: Vec<&String> = votes
            .iter()
            .filter(|(_, found)| **found * 10 >= needed * 9)
            .map(|(prefix, _)| prefix)
            .collect();
        prefixes.sort_by_key(|prefix| prefix.len());
        let known: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
        let all = prefixes.iter().map(|prefix| {
            let own: BTreeMap<&str, &StoredTensor> = below(tensors, prefix, &prefixes).into_iter().collect();
            let is_alike = |(path, entry): (&&str, &&Entry)| {
                own.get(path)
                    .is_some_and(|tensor| alike(&tensor.shape, &entry.shape))
            };
            let is_extra = |path: &&&str| {
                !(known.contains(**path)
                    || is_of_head(path, network.names().head)
                    || path.contains("downsample")
                    || path.ends_with("num_batches_tracked"))
            };
            Candidate {
                prefix: (*prefix).clone(),
                tensors: own.len(),
                parameters: parameters(&own),
                fits: core.iter().all(is_alike) && own.keys().filter(is_extra).count() * 10 <= needed,
            }
        });
        Self {
            tensors,
            all: all.collect(),
            votes,
            needed,
        }
    }

    /// The one to take; of those that `prefix` names if there is one.
    pub fn choose(&self, prefix: Option<&str>) -> Choice {
        let mut pool: Vec<&Candidate> = match prefix {
            None => self.all.iter().collect(),
            Some(prefix) => named(&self.all, prefix),
        };
        if pool.iter().any(|candidate| candidate.fits) {
            pool.retain(|candidate| candidate.fits);
        }
        if let Some((first, others)) = pool.split_first()
            && others.iter().all(|other| self.are_equal(first, other))
        {
            return Choice::Only((*first).clone());
        }
        match pool[..] {
            [] => Choice::None,
            [one, other] if is_average(&other.prefix) && !is_average(&one.prefix) => average(other, one),
            [one, other] if is_average(&one.prefix) && !is_average(&other.prefix) => average(one, other),
            _ => Choice::Several(pool.into_iter().cloned().collect()),
        }
    }

    /// What stands below a candidate's prefix, without what belongs to another candidate.
    pub fn below(&self, prefix: &str) -> Vec<(&'r str, &'a StoredTensor)> {
        let prefixes: Vec<&String> = self.all.iter().map(|candidate| &candidate.prefix).collect();
        below(self.tensors, prefix, &prefixes)
    }

    /// The prefix under which most of the network's names are, for a list of what is missing there.
    pub fn nearest(&self, prefix: Option<&str>) -> Option<String> {
        let segments: Vec<&str> = prefix.map(segments).unwrap_or_default();
        // The shorter prefix wins a tie, so that the outcome does not hang on the order of names.
        self.votes
            .iter()
            .filter(|(prefix, _)| has_run(&self::segments(prefix), &segments))
            .max_by_key(|(prefix, found)| (**found, std::cmp::Reverse(prefix.len())))
            .map(|(prefix, _)| prefix.clone())
    }

    /// Averages that are there in part: of the weights, say, and not of the running statistics.
    pub fn partial_averages(&self) -> impl Iterator<Item = (&str, usize)> {
        let in_part = |found: usize| found * 2 >= self.needed && found * 10 < self.needed * 9;
        let averages = self
            .votes
            .iter()
            .filter(move |(prefix, found)| is_average(prefix) && in_part(**found));
        averages.map(|(prefix, found)| (prefix.as_str(), *found))
    }

    fn are_equal(&self, one: &Candidate, other: &Candidate) -> bool {
        self.below(&one.prefix) == self.below(&other.prefix)
    }
}

fn average(taken: &Candidate, plain: &Candidate) -> Choice {
    Choice::Average {
        taken: taken.clone(),
        plain: plain.clone(),
    }
}

/// The tensors that every form of the network has: neither the head, whose classes differ, nor the projections
/// of shortcuts, which are a choice. A network that is nothing else is known by all its tensors.
fn core<'a>(entries: &'a [Entry], head: &str) -> HashMap<&'a str, &'a Entry> {
    let by_path = |entry: &'a Entry| (entry.path.as_str(), entry);
    let is_core = |entry: &&Entry| !(is_of_head(&entry.path, head) || entry.path.contains("downsample"));
    let core: HashMap<_, _> = entries.iter().filter(is_core).map(by_path).collect();
    if core.is_empty() {
        entries.iter().map(by_path).collect()
    } else {
        core
    }
}

/// Every way to take a name apart into a prefix of whole segments and the rest.
fn splits(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let ends = name.match_indices(['.', '/']).map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).map(|at| name.split_at(at))
}

/// What stands below a prefix, without what stands below longer ones of `prefixes`.
fn below<'r, 'a>(
    tensors: &'r BTreeMap<String, &'a StoredTensor>,
    prefix: &str,
    prefixes: &[&String],
) -> Vec<(&'r str, &'a StoredTensor)> {
    let is_inner = |name: &str| {
        let mut others = prefixes.iter().filter(|other| other.len() > prefix.len());
        others.any(|other| other.starts_with(prefix) && name.starts_with(other.as_str()))
    };
    let own = tensors.iter().filter(|(name, _)| !is_inner(name));
    own.filter_map(|(name, tensor)| Some((name.strip_prefix(prefix)?, *tensor)))
        .collect()
}

/// The learned numbers among tensors.
fn parameters(tensors: &BTreeMap<&str, &StoredTensor>) -> usize {
    let learned = tensors.iter().filter(|(name, _)| !name.contains("running_"));
    learned.map(|(_, tensor)| tensor.values.len()).sum()
}

/// Whether shapes are the same but for the channels of images, which a network takes from its file.
fn alike(file: &[usize], network: &[usize]) -> bool {
    file == network
        || matches!((file, network), ([a, _, rest @ ..], [b, 1 | 3, others @ ..]) if a == b && rest == others)
}

/// The segments of a prefix or a name.
fn segments(name: &str) -> Vec<&str> {
    name.split(['.', '/'])
        .filter(|segment| !segment.is_empty())
        .collect()
}

/// Whether `part` stands in `whole` as it is.
fn has_run(whole: &[&str], part: &[&str]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// The candidates that a user means: the one of just this prefix, else all that have it in theirs.
fn named<'a>(all: &'a [Candidate], prefix: &str) -> Vec<&'a Candidate> {
    let asked = segments(prefix);
    let exact = all.iter().find(|candidate| segments(&candidate.prefix) == asked);
    match exact {
        Some(exact) => vec![exact],
        None if asked.is_empty() => Vec::new(),
        None => all
            .iter()
            .filter(|candidate| has_run(&segments(&candidate.prefix), &asked))
            .collect(),
    }
}

/// Whether a prefix says that what is below it is a moving average: `state_dict_ema`, `model_ema`, `ema`.
fn is_average(prefix: &str) -> bool {
    prefix
        .split(['.', '/', '_'])
        .any(|word| word.eq_ignore_ascii_case("ema"))
}
