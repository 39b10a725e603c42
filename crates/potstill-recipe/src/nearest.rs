//! The valid name that somebody probably meant, also where another tool has another word for it.

pub(crate) use potstill_base::{did_you_mean, quoted};

/// Names from other tools, and what they are called in a recipe.
const ALSO_KNOWN_AS: &[(&str, &str)] = &[
    ("learning_rate", "lr"),
    ("wd", "weight_decay"),
    ("decay", "weight_decay"),
    ("beta", "betas"),
    ("epsilon", "eps"),
    ("milestones", "at"),
    ("type", "kind"),
    ("normalize", "input"),
    ("normalise", "input"),
    ("transforms", "augment"),
];

/// The candidate that is meant: under the name that another tool has for it, or by its spelling.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    by_alias(name, &candidates).or_else(|| potstill_base::nearest(name, candidates))
}

fn by_alias<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let meant = ALSO_KNOWN_AS.iter().find(|(other, _)| *other == name)?.1;
    candidates.iter().copied().find(|candidate| *candidate == meant)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 4] = ["epochs", "lr", "at", "weight_decay"];

    #[test]
    fn names_from_other_tools_are_known() {
        let meant = [
            ("learning_rate", "lr"),
            ("Learning-Rate", "lr"),
            ("milestones", "at"),
            ("decay", "weight_decay"),
            ("epoch", "epochs"),
        ];
        for (name, key) in meant {
            assert_eq!(nearest(name, KEYS), Some(key), "{name}");
        }
    }

    #[test]
    fn a_name_from_another_tool_means_nothing_where_its_key_is_not() {
        assert_eq!(nearest("learning_rate", ["epochs", "batch"]), None);
    }
}
