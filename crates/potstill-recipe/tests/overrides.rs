//! Overrides win over the file, have types, and are quoted when they are wrong.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{
    Decay, Milestones, OptimizerSpec, Recipe, RecipeError, RunTeacher, Teacher, TeacherSource, Validation,
};

const TEXT: &str = r#"version = 1
name = "small"
data.train = "shapes"
student.model = "cifar_resnet8"
train.epochs = 2
train.optimizer = { kind = "sgd", lr = 0.1 }
methods = [{ kind = "kd", temperature = 4 }, { kind = "review-kd" }]
"#;

fn with(overrides: &[&str]) -> Result<Recipe, RecipeError> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Recipe::from_text(TEXT, "x.toml", &overrides)
}

fn message(text: &str) -> String {
    let message = with(&[text]).unwrap_err().to_string();
    message
        .strip_prefix(&format!("override `{text}`: "))
        .unwrap_or(&message)
        .to_owned()
}

#[test]
fn override_wins_over_file_and_file_over_default() {
    let plain = with(&[]).unwrap();
    assert_eq!(
        (plain.train.epochs, plain.train.batch, plain.seed),
        (Some(2), 64, 0)
    );
    let changed = with(&["train.epochs=3", "train.batch=8", "seed = 5", "train.epochs=4"]).unwrap();
    assert_eq!(
        (changed.train.epochs, changed.train.batch, changed.seed),
        (Some(4), 8, 5)
    );
}

#[test]
fn values_have_the_type_of_their_key() {
    let recipe = with(&[
        "name=7",
        "train.clip_norm=5",
        "train.drop_last=false",
        "about=one, two",
        "data.test=../x.tar",
    ]);
    let recipe = recipe.unwrap();
    assert_eq!(recipe.name, "7");
    assert_eq!(recipe.train.clip_norm, Some(5.0));
    assert!(!recipe.train.drop_last);
    assert_eq!(recipe.about.as_deref(), Some("one, two"));
    assert_eq!(recipe.data.test_source(), "../x.tar");
    let validation = |text: &str| with(&[text]).unwrap().data.validation;
    assert_eq!(validation("data.validation=0.1"), Some(Validation::Share(0.1)));
    let source = Some(Validation::Source("photos/val".into()));
    assert_eq!(validation("data.validation=photos/val"), source);
}

#[test]
fn tables_and_arrays_can_be_given_whole_or_in_part() {
    let recipe = with(&[
        "train.optimizer={ kind = \"adamw\", lr = 1e-3 }",
        "train.schedule.kind=milestones",
        "train.schedule.at=[1, 2]",
        "teacher.run=runs/a",
        "methods.0.temperature=2.5",
        "methods.1.weight=0.6",
    ]);
    let recipe = recipe.unwrap();
    assert!(matches!(&recipe.train.optimizer, OptimizerSpec::AdamW(adamw) if adamw.weight_decay == 0.01));
    assert_eq!(
        recipe.train.schedule.decay,
        Decay::Milestones(Milestones {
            at: vec![1, 2],
            gamma: 0.1
        })
    );
    assert_eq!(
        recipe.teacher,
        Some(Teacher::from(TeacherSource::Run(RunTeacher {
            run: "runs/a".into()
        })))
    );
    assert_eq!(recipe.methods[0].options["temperature"].as_float(), Some(2.5));
    assert_eq!(recipe.methods[1].weight, 0.6);
    assert!(with(&["methods=[]"]).unwrap().methods.is_empty());
}

#[test]
fn wrong_overrides_are_quoted() {
    let form = "an override is written `key=value`, for example `train.epochs=3`";
    let cases = [
        (
            "train.epochs=few",
            "`train.epochs` must be a whole number of at least 1, not the text \"few\"",
        ),
        (
            "train.epoch=3",
            "unknown key `train.epoch`; did you mean `train.epochs`?",
        ),
        ("epochs=3", "unknown key `epochs`; did you mean `train.epochs`?"),
        ("train.epochs", form),
        ("=3", form),
        ("train..epochs=3", form),
        (
            "train.epochs=",
            "`train.epochs` has no value; write text that is empty as `\"\"`",
        ),
        (
            "train.epochs.x=2",
            "`train.epochs` is 2, so there is no `train.epochs.x`",
        ),
        (
            "methods.2.weight=2",
            "`methods` has 2 entries, `methods.0` to `methods.1`; there is no `methods.2`",
        ),
        (
            "methods.kd.weight=2",
            "`methods` has 2 entries, `methods.0` to `methods.1`; there is no `methods.kd`",
        ),
        (
            "train.phases.0.epochs=2",
            "`train.phases` is empty, so there is no `train.phases.0`; give the whole array, `train.phases=[...]`",
        ),
        (
            "train.optimizer.lr=[1",
            "the value of `train.optimizer.lr` is not valid TOML: unclosed array, expected `]`: [1",
        ),
        (
            "version=2",
            "`version` is 2, and this program reads recipes of version 1",
        ),
        ("train=3", "`train` must be a table, not 3"),
    ];
    for (text, expected) in cases {
        assert_eq!(message(text), expected, "{text}");
        assert!(
            with(&[text])
                .unwrap_err()
                .to_string()
                .starts_with(&format!("override `{text}`: "))
        );
    }
}
