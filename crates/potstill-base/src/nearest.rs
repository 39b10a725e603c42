//! The valid name that somebody probably meant.

/// The candidate most similar to `name`, if any is similar enough to be meant.
///
/// Case does not count, nor whether words are joined by `-` or `_`. A candidate is meant if few letters differ for its length; else
/// if one of both is a word of the other or begins it, or if both begin alike for at least half their length.
///
/// ```
/// use potstill_base::nearest;
/// assert_eq!(nearest("reviewkd", ["kd", "review-kd", "tst"]), Some("review-kd"));
/// assert_eq!(nearest("batch_size", ["batch", "epochs"]), Some("batch"));
/// assert_eq!(nearest("fitnet", ["kd", "review-kd", "tst"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let name = plain(name);
    let mut near = None;
    let mut akin = None;
    for candidate in candidates.into_iter().filter(|name| name.len() <= LONGEST) {
        let compared = plain(candidate);
        let distance = strsim::damerau_levenshtein(&name, &compared);
        let best = if distance <= allowed(&name, &compared) {
            &mut near
        } else if is_akin(&name, &compared) {
            &mut akin
        } else {
            continue;
        };
        if best.is_none_or(|(least, _)| distance < least) {
            *best = Some((distance, candidate));
        }
    }
    near.or(akin).map(|(_, candidate)| candidate)
}

/// The end of a sentence about a wrong name: `; did you mean ...?`, or nothing.
pub fn did_you_mean(candidate: Option<&str>) -> String {
    let question = candidate.map(|name| format!("; did you mean `{name}`?"));
    question.unwrap_or_default()
}

/// The names quoted and separated by commas.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

/// Nobody types a longer name, and comparing takes time and memory by the product of both lengths.
const LONGEST: usize = 200;

fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// How many letters may differ: a third of the candidate's; one always may if the word begins right.
fn allowed(name: &str, candidate: &str) -> usize {
    let begins_right = name.chars().next() == candidate.chars().next();
    (candidate.chars().count() / 3).max(usize::from(begins_right))
}

/// Shorter parts and beginnings of words say nothing.
const TELLING: usize = 3;

fn is_akin(name: &str, candidate: &str) -> bool {
    let begins = |whole: &str, part: &str| part.len() >= TELLING && whole.starts_with(part);
    let is_word = |whole: &str, part: &str| {
        let mut words = whole.split(|letter: char| !letter.is_alphanumeric());
        part.len() > 1 && words.any(|word| word == part)
    };
    let shared = name.chars().zip(candidate.chars());
    let shared = shared.take_while(|(one, other)| one == other).count();
    let longer = name.chars().count().max(candidate.chars().count());
    begins(name, candidate)
        || begins(candidate, name)
        || is_word(name, candidate)
        || is_word(candidate, name)
        || (shared >= TELLING && 2 * shared >= longer)
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest, quoted};

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
            ("optim", "optimizer"),
            ("lrs", "lr"),
        ];
        for (name, key) in meant {
            assert_eq!(nearest(name, KEYS), Some(key), "{name}");
        }
    }

    #[test]
    fn nothing_is_offered_for_what_is_far_from_all() {
        for name in ["", "xyz", "temperature", "be", "workers", "learning_rate"] {
            assert_eq!(nearest(name, KEYS), None, "{name}");
        }
        assert_eq!(nearest("lr", []), None);
        let long = "epochs".repeat(100_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
        let sets = ["cifar10", "cifar100", "mnist", "shapes"];
        assert_eq!(nearest("imagenet", sets), None);
    }

    #[test]
    fn names_of_networks_data_and_points_are_found() {
        let names = [
            "cifar_resnet20",
            "cifar_resnet32",
            "wrn_40_2",
            "layer1.0",
            "layer3.2:pre",
        ];
        let meant = [
            ("resnet20", "cifar_resnet20"),
            ("cifar-resnet-20", "cifar_resnet20"),
            ("wrn40_2", "wrn_40_2"),
            ("layer9", "layer1.0"),
            ("layer3.1:pre", "layer3.2:pre"),
        ];
        for (name, found) in meant {
            assert_eq!(nearest(name, names), Some(found), "{name}");
        }
        assert_eq!(
            nearest("fc", ["/Relu_output_0", "/fc/Gemm_output_0"]),
            Some("/fc/Gemm_output_0")
        );
    }

    #[test]
    fn the_nearer_of_two_is_meant_and_the_first_of_equals() {
        assert_eq!(nearest("cifar-10", ["cifar100", "cifar10"]), Some("cifar10"));
        assert_eq!(
            nearest("cifar_resnet21", ["cifar_resnet20", "cifar_resnet29"]),
            Some("cifar_resnet20")
        );
    }

    #[test]
    fn names_stand_in_a_sentence() {
        assert_eq!(did_you_mean(Some("mnist")), "; did you mean `mnist`?");
        assert_eq!(did_you_mean(None), "");
        assert_eq!(quoted(["a", "b"]), "`a`, `b`");
    }
}
