//! Pairs of images that show the same identity or two different ones, in folds: what verification is measured
//! on.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use potstill_random::{Seed, Stream};

use crate::{DataError, Dataset};

/// Two images of a data set, by index, and whether they are of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The one.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Whether they show the same identity.
    pub same: bool,
}

/// Pairs in folds.
///
/// ```
/// use potstill_data::{Pairs, Split, open};
/// use potstill_random::Seed;
/// let shapes = open("shapes:test=60,classes=3", Split::Test)?;
/// let pairs = Pairs::draw(&shapes, 2, 5, Seed::new(0))?;
/// assert_eq!(pairs.folds()[0].iter().filter(|pair| pair.same).count(), 5);
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairs {
    folds: Vec<Vec<Pair>>,
}

impl Pairs {
    /// Reads pairs in the format of `pairs.txt` of LFW (Huang et al. 2007): in the first line the number of
    /// folds and of pairs of one identity in each, then for each fold so many lines `NAME N M` and as many
    /// `NAME N OTHER M`, all fields apart by tabulators. A name is that of a class; image `N` is the file
    /// `NAME_N.*` (leading zeros do not matter), or, in a class without files called so, its `N`th image.
    ///
    /// # Errors
    /// A file that cannot be read or is of another form, names and images that `dataset` lacks, with their
    /// line; a data set without one class for each image.
    pub fn read(path: &Path, dataset: &dyn Dataset) -> Result<Self, DataError> {
        let text = potstill_base::read_text(path).map_err(DataError::io("read", path))?;
        let broken = |line: usize, problem: String| DataError::Format {
            file: path.display().to_string(),
            place: format!("line {}", line + 1),
            problem,
        };
        let album = Album::of(dataset)?;
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let (folds, each) = lines.next().and_then(|(_, line)| header(line)).ok_or_else(|| {
            broken(
                0,
                "must hold two numbers: folds, of which at least 2, and pairs".into(),
            )
        })?;
        let mut pairs = Vec::new();
        for (at, line) in lines {
            pairs.push(album.pair(line).map_err(|problem| broken(at, problem))?);
        }
        if pairs.len() != folds * 2 * each {
            let found = pairs.len();
            let problem = format!(
                "promises {folds} folds of {each} pairs of one identity and {each} of two, {} lines in all; {found} follow",
                folds * 2 * each
            );
            return Err(broken(0, problem));
        }
        let folds = pairs.chunks_exact(2 * each).map(<[Pair]>::to_vec).collect();
        Ok(Self { folds })
    }

    /// Draws so many folds, each of `each` pairs of one class and as many of two, no pair twice. An identity
    /// may come in several folds, unlike in LFW's.
    ///
    /// # Errors
    /// [`DataError::Pairs`] if the data set has too few images for so many different pairs; a data set
    /// without one class for each image.
    pub fn draw(dataset: &dyn Dataset, folds: usize, each: usize, seed: Seed) -> Result<Self, DataError> {
        let album = Album::of(dataset)?;
        let mut drawn = BTreeSet::new();
        let mut stream = seed.stream("pairs", &[]);
        let folds =
            (0..folds).map(|_| {
                let mut fold = Vec::with_capacity(2 * each);
                for same in [true, false] {
                    for _ in 0..each {
                        fold.push(album.draw(same, &mut drawn, &mut stream).ok_or_else(|| {
                            DataError::Pairs {
                                name: dataset.name().to_owned(),
                                wanted: folds * each,
                                kind: if same { "of one class" } else { "of two classes" },
                            }
                        })?);
                    }
                }
                Ok(fold)
            });
        let folds = folds.collect::<Result<_, DataError>>()?;
        Ok(Self { folds })
    }

    /// The folds.
    pub fn folds(&self) -> &[Vec<Pair>] {
        &self.folds
    }
}

/// The number of folds, and of pairs of one identity in each.
fn header(line: &str) -> Option<(usize, usize)> {
    let numbers: Vec<usize> = line
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [folds, each] if folds >= 2 && each >= 1 => Some((folds, each)),
        _ => None,
    }
}

/// The images of each class.
struct Album<'a> {
    dataset: &'a dyn Dataset,
    classes: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Album<'a> {
    fn of(dataset: &'a dyn Dataset) -> Result<Self, DataError> {
        let names = dataset.classes();
        let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for index in 0..dataset.len() {
            if let Some(name) = names.get(dataset.label(index)? as usize) {
                classes.entry(name).or_default().push(index);
            }
        }
        Ok(Self { dataset, classes })
    }

    fn pair(&self, line: &str) -> Result<Pair, String> {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let (first, second, same) = match fields[..] {
            [name, n, m] => (self.image(name, n)?, self.image(name, m)?, true),
            [name, n, other, m] => (self.image(name, n)?, self.image(other, m)?, false),
            _ => {
                return Err(format!(
                    "has {} fields; `NAME N M` has three and `NAME N OTHER M` four, apart by tabulators",
                    fields.len()
                ));
            }
        };
        Ok(Pair { first, second, same })
    }

    /// The index of an image by its class and number.
    fn image(&self, name: &str, number: &str) -> Result<usize, String> {
        let number: usize = number
            .parse()
            .map_err(|_| format!("`{number}` is no number of an image"))?;
        let members = self
            .classes
            .get(name)
            .ok_or_else(|| format!("`{}` has no class `{name}`", self.dataset.name()))?;
        let numbered: BTreeMap<usize, usize> = members
            .iter()
            .filter_map(|&index| Some((number_in(&self.dataset.source(index), name)?, index)))
            .collect();
        let found = if numbered.is_empty() {
            number.checked_sub(1).and_then(|at| members.get(at))
        } else {
            numbered.get(&number)
        };
        found
            .copied()
            .ok_or_else(|| format!("`{name}` has no image {number}"))
    }

    /// A pair that was not drawn yet; none if there seems to be none left.
    fn draw(&self, same: bool, drawn: &mut BTreeSet<[usize; 2]>, stream: &mut Stream) -> Option<Pair> {
        let least = if same { 2 } else { 1 };
        let classes: Vec<&Vec<usize>> = self.classes.values().filter(|own| own.len() >= least).collect();
        if classes.len() < 3 - least {
            return None;
        }
        for _ in 0..TRIES {
            let one = stream.below(classes.len());
            let (own, others) = if same {
                (classes[one], classes[one])
            } else {
                let other = (one + 1 + stream.below(classes.len() - 1)) % classes.len();
                (classes[one], classes[other])
            };
            let first = own[stream.below(own.len())];
            let second = others[stream.below(others.len())];
            let key = [first.min(second), first.max(second)];
            if first != second && drawn.insert(key) {
                return Some(Pair { first, second, same });
            }
        }
        None
    }
}

/// Draws that may hit what was drawn before.
const TRIES: usize = 10_000;

/// The number `7` of a file `.../NAME_0007.jpg`.
fn number_in(source: &str, name: &str) -> Option<usize> {
    let number = |part: &str| {
        let (digits, _) = part.strip_prefix(name)?.strip_prefix('_')?.split_once('.')?;
        digits.parse().ok()
    };
    source.rsplit(['/', '\\']).find_map(number)
}

#[cfg(test)]
#[path = "pairs_tests.rs"]
mod tests;
