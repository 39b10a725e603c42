//! The valid name that somebody probably meant.

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

/// The candidate most similar to `name`, if any is similar enough to be meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let name = name.to_lowercase().replace('-', "_");
    by_spelling(&name, &candidates)
        .or_else(|| by_alias(&name, &candidates))
        .or_else(|| by_part(&name, &candidates))
}

/// Few letters differ, for the length of the word; one always may if the word begins right.
fn by_spelling<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(name, &candidate.replace('-', "_"));
    let best = candidates
        .iter()
        .map(|candidate| (distance(candidate), *candidate))
        .min()?;
    let begins_right = name.chars().next() == best.1.chars().next();
    (best.0 <= (best.1.len() / 3).max(usize::from(begins_right))).then_some(best.1)
}

fn by_alias<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let meant = ALSO_KNOWN_AS.iter().find(|(other, _)| *other == name)?.1;
    candidates.iter().copied().find(|candidate| *candidate == meant)
}

/// One is a word or the beginning of the other: `batch_size` and `batch`, `training` and `train`.
fn by_part<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let begins = |whole: &str, part: &str| part.len() > 2 && whole.starts_with(part);
    let contains = |whole: &str, part: &str| begins(whole, part) || whole.split('_').any(|word| word == part);
    candidates
        .iter()
        .copied()
        .find(|candidate| contains(name, candidate) || contains(candidate, name))
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean(candidate: Option<&str>) -> String {
    candidate
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// The names quoted and separated by commas.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 8] = [
        "epochs",
        "batch",
        "optimizer",
        "label_smoothing",
        "lr",
        "at",
        "weight_decay",
        "eval_batch",
    ];

    #[test]
    fn what_was_meant_is_found() {
        let meant = [
            ("optimzer", "optimizer"),
            ("optimiser", "optimizer"),
            ("Epochs", "epochs"),
            ("epoch", "epochs"),
            ("label-smoothing", "label_smoothing"),
            ("smoothing", "label_smoothing"),
            ("batch_size", "batch"),
            ("learning_rate", "lr"),
            ("milestones", "at"),
            ("optim", "optimizer"),
            ("lrs", "lr"),
        ];
        for (name, key) in meant {
            assert_eq!(nearest(name, KEYS), Some(key), "{name}");
        }
    }

    #[test]
    fn nothing_is_offered_for_what_is_far_from_all() {
        for name in ["", "xyz", "temperature", "be", "workers"] {
            assert_eq!(nearest(name, KEYS), None, "{name}");
        }
        assert_eq!(nearest("lr", []), None);
    }
}
