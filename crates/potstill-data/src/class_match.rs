//! Which of a network's classes each class of a data set is: by name, never by position in silence.

use std::sync::Arc;

use crate::{DataError, Dataset, Renumbered};

/// How the classes of a data set and those of a network belong together.
///
/// ```
/// use potstill_data::ClassMatch;
/// let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
/// let network = names(&["ant", "cat", "dog"]);
/// let found = ClassMatch::of("pets", &names(&["dog", "cat"]), &network)?;
/// assert_eq!(found, ClassMatch::ByName { numbers: vec![2, 1], missing: names(&["ant"]) });
/// let refused = ClassMatch::of("pets", &names(&["cat", "cow"]), &network).unwrap_err();
/// assert!(refused.to_string().contains("`cow`"));
/// # Ok::<(), potstill_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassMatch {
    /// The same names in the same order.
    Same,
    /// By their names.
    ByName {
        /// The network's number of each class of the data.
        numbers: Vec<u32>,
        /// Classes of the network that the data does not have.
        missing: Vec<String>,
    },
    /// The data's names are numbers, and the network's are not: the network's classes of these numbers, counted from 0.
    ByNumber {
        /// The network's number of each class of the data.
        numbers: Vec<u32>,
    },
    /// By position, because nothing says what the network's classes are called.
    ByPosition,
}

impl ClassMatch {
    /// Finds for each class of the data set `name` its number in the network, whose classes are called so; empty if nothing says it.
    ///
    /// A network whose classes are called `0`, `1`, `2`, ... has numbers, not names.
    ///
    /// # Errors
    /// [`DataError::UnknownClasses`] with the names that the network does not have.
    pub fn of(name: &str, data: &[String], network: &[String]) -> Result<Self, DataError> {
        if network.is_empty() {
            return Ok(Self::ByPosition);
        }
        if data == network {
            return Ok(Self::Same);
        }
        let known = data.iter().map(|class| only_place(class, network));
        if let Some(numbers) = known.collect::<Option<Vec<u32>>>() {
            let is_missing = |class: &&String| !data.contains(class);
            let missing = network.iter().filter(is_missing).cloned().collect();
            return Ok(Self::ByName { numbers, missing });
        }
        if let Some(numbers) = numbers_below(data, network.len()) {
            return Ok(Self::ByNumber { numbers });
        }
        if data.len() == network.len() && is_counted(network) {
            return Ok(Self::ByPosition);
        }
        let unknown = data.iter().filter(|class| only_place(class, network).is_none());
        Err(DataError::UnknownClasses {
            name: name.to_owned(),
            unknown: unknown.cloned().collect(),
            known: network.to_vec(),
        })
    }

    /// The data set with the network's classes, of which there are so many.
    ///
    /// # Errors
    /// [`DataError::TargetKind`] for targets that cannot be renumbered.
    pub fn apply(&self, data: Arc<dyn Dataset>, network: &[String]) -> Result<Arc<dyn Dataset>, DataError> {
        match self {
            Self::Same | Self::ByPosition => Ok(data),
            Self::ByName { numbers, .. } | Self::ByNumber { numbers } => {
                Ok(Arc::new(Renumbered::new(data, numbers.clone(), network)?))
            }
        }
    }
}

/// Where the name stands, if it stands there once.
fn only_place(class: &str, network: &[String]) -> Option<u32> {
    let mut places = (0..).zip(network).filter(|(_, name)| *name == class);
    match (places.next(), places.next()) {
        (Some((place, _)), None) => Some(place),
        _ => None,
    }
}

/// The names as different numbers below `count`.
fn numbers_below(names: &[String], count: usize) -> Option<Vec<u32>> {
    let number = |name: &String| {
        name.parse()
            .ok()
            .filter(|&number: &u32| (number as usize) < count)
    };
    let numbers: Vec<u32> = names.iter().map(number).collect::<Option<_>>()?;
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == numbers.len()).then_some(numbers)
}

/// Whether the names are `0`, `1`, `2`, ...
fn is_counted(names: &[String]) -> bool {
    names
        .iter()
        .enumerate()
        .all(|(place, name)| *name == place.to_string())
}

#[cfg(test)]
mod tests {
    use super::ClassMatch;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn found(data: &[&str], network: &[&str]) -> ClassMatch {
        ClassMatch::of("set", &names(data), &names(network)).unwrap()
    }

    #[test]
    fn names_decide_and_their_order_does_not() {
        assert_eq!(found(&["a", "b"], &["a", "b"]), ClassMatch::Same);
        let turned = ClassMatch::ByName {
            numbers: vec![1, 0],
            missing: vec![],
        };
        assert_eq!(found(&["a", "b"], &["b", "a"]), turned);
        // Numeric folders are names as long as the network has the same: natural order against plain order.
        let numeric = ClassMatch::ByName {
            numbers: vec![0, 2, 1],
            missing: names(&["11"]),
        };
        assert_eq!(found(&["1", "2", "10"], &["1", "10", "2", "11"]), numeric);
    }

    #[test]
    fn numbers_stand_for_classes_where_there_are_no_names() {
        let by_number = ClassMatch::ByNumber { numbers: vec![0, 2] };
        assert_eq!(found(&["0", "2"], &["cat", "dog", "owl"]), by_number);
        assert_eq!(found(&["cat", "dog"], &["0", "1"]), ClassMatch::ByPosition);
        assert_eq!(found(&["cat", "dog"], &[]), ClassMatch::ByPosition);
    }

    #[test]
    fn what_the_network_does_not_know_is_refused_by_name() {
        let refused = |data: &[&str], network: &[&str]| {
            ClassMatch::of("pets test", &names(data), &names(network))
                .unwrap_err()
                .to_string()
        };
        let said = refused(&["ant", "cat", "dog"], &["cat", "dog", "zebra"]);
        assert_eq!(
            said,
            "`pets test` has a class that the network does not know: `ant`; the network's classes are cat, dog, zebra"
        );
        // A number beyond the last class, or twice the same, is no number of a class.
        assert!(
            refused(&["0", "3"], &["cat", "dog", "owl"])
                .contains("classes that the network does not know: `0`, `3`")
        );
        assert!(refused(&["1", "01"], &["cat", "dog"]).contains("`01`"));
        assert!(refused(&["cat", "dog", "owl"], &["0", "1"]).contains("`owl`"));
        assert!(refused(&["crane"], &["crane", "dog", "crane"]).contains("`crane`"));
    }

    #[test]
    fn long_lists_are_shortened() {
        let many: Vec<String> = (0..100).map(|at| format!("class-{at}")).collect();
        let said = ClassMatch::of("set", &names(&["x"]), &many)
            .unwrap_err()
            .to_string();
        assert!(said.ends_with("class-10, class-11 and 88 more"), "{said}");
    }
}
