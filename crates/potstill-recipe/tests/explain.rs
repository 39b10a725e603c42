//! What a reader is told who asks for a key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{Schema, SchemaEntry};
use potstill_settings::{Named, Variant, settings};

settings! {
    /// The options of a method.
    struct Options {
        /// How much is softened.
        temperature: f64 [above(0.0)] = default 4.0,
        /// How many to take.
        count: Option<usize> [at_least(1.0)] = without "all" like 3,
    }
}

fn schema() -> Schema {
    let method = |name| Variant {
        kind: Named { name, about: "" },
        keys: Options::KEYS,
    };
    Schema::new([method("kd"), method("other")])
}

/// The keys that are found, each with its kinds of table.
fn found(name: &str) -> Vec<(String, Vec<&'static str>)> {
    let entries = schema().explain(name).unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key, entry.only_for))
        .collect()
}

fn nearest(name: &str) -> Option<String> {
    schema().explain(name).unwrap_err()
}

#[test]
fn a_key_is_found_by_its_path_or_the_end_of_it() {
    let rate = ("train.optimizer.lr".to_owned(), vec![]);
    assert_eq!(found("train.optimizer.lr"), [rate]);
    let teacher = [("teacher.precision".to_owned(), vec![])];
    assert_eq!(found("precision"), teacher);
    assert_eq!(found("teachers.large.precision"), teacher);
    assert_eq!(
        found("train.phases.0.epochs"),
        [("train.phases.N.epochs".to_owned(), vec![])]
    );
    let rates: Vec<String> = found("lr").into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        rates,
        [
            "teacher.optimizer.lr",
            "train.optimizer.lr",
            "train.phases.N.optimizer.lr"
        ]
    );
}

#[test]
fn a_key_of_several_kinds_of_table_is_told_for_each() {
    let decay = |kinds: &[&'static str]| ("train.optimizer.weight_decay".to_owned(), kinds.to_vec());
    assert_eq!(
        found("train.optimizer.weight_decay"),
        [decay(&["sgd", "adam"]), decay(&["dot"]), decay(&["adamw"])]
    );
}

#[test]
fn an_option_is_found_under_its_method() {
    let option = |method| ("methods.N.temperature".to_owned(), vec![method]);
    assert_eq!(found("kd.temperature"), [option("kd")]);
    assert_eq!(found("methods.other.temperature"), [option("other")]);
    assert_eq!(found("methods.0.temperature"), [option("kd"), option("other")]);
    assert_eq!(found("temperature"), [option("kd"), option("other")]);
}

#[test]
fn an_unknown_key_gets_the_nearest_name() {
    assert_eq!(nearest("train.optimzer"), Some("train.optimizer".to_owned()));
    assert_eq!(nearest("temprature"), Some("temperature".to_owned()));
    assert_eq!(nearest("xyzzy"), None);
}

#[test]
fn an_explanation_has_value_default_and_example() {
    let text = |name| {
        schema()
            .explain(name)
            .unwrap()
            .iter()
            .map(SchemaEntry::to_string)
            .collect::<String>()
    };
    assert_eq!(
        text("train.optimizer.momentum"),
        "train.optimizer.momentum  (of kind sgd)\n  \
         The share of the last step's direction that is kept.\n\n  \
         value    a number of at least 0 and below 1: at 1 a past gradient would never fade\n  \
         default  0.0\n  \
         example  momentum = 0.0\n\
         train.optimizer.momentum  (of kind dot)\n  \
         The share of the last step's direction that is kept, before `delta`.\n\n  \
         value    a number of at least 0 and below 1: at 1 a past gradient would never fade\n  \
         default  0.9\n  \
         example  momentum = 0.9\n"
    );
    assert_eq!(
        text("student.shortcut"),
        "student.shortcut\n  \
         The shortcut of a CIFAR ResNet.\n\n  \
         value    one of `a`, `b`\n             \
         a  Option A: every second row and column, with zeros for half of the new channels before and half after. It has \
         no parameters.\n             \
         b  Option B: a 1x1 convolution with batch norm.\n  \
         without  as published\n  \
         example  shortcut = \"b\"\n"
    );
    assert!(text("data.train").ends_with("  required\n  example  train = \"cifar10\"\n"));
    assert!(text("kd.count").ends_with("  without  all\n  example  count = 3\n"));
}
