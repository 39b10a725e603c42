//! What a reader is told about a recipe that is wrong: the whole text, for each kind of mistake.

use potstill_recipe::Recipe;

const GOOD: &str = r#"version = 1
name = "small"
[data]
train = "shapes:train=64"
[student]
model = "cifar_resnet8"
[teacher]
run = "runs/teacher"
[train]
epochs = 2
batch = 16
optimizer = { kind = "sgd", lr = 0.1, momentum = 0.9 }
[[methods]]
kind = "kd"
temperature = 4
"#;

/// The error of the good recipe in which `from` is replaced by `to`.
fn message(from: &str, to: &str) -> String {
    assert_eq!(
        GOOD.matches(from).count(),
        1,
        "`{from}` must be in the recipe once"
    );
    let text = GOOD.replace(from, to);
    Recipe::from_text(&text, "x.toml", &[]).expect_err(to).to_string()
}

/// Each replacement must give the message after it.
fn assert_messages(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        assert_eq!(message(from, to), *expected, "for `{to}`");
    }
}

#[test]
fn the_good_recipe_is_good() {
    Recipe::from_text(GOOD, "x.toml", &[]).unwrap();
}

#[test]
fn unknown_keys() {
    assert_messages(&[
        (
            "epochs = 2",
            "epoch = 2",
            "x.toml:10: unknown key `train.epoch`; did you mean `train.epochs`?",
        ),
        (
            "batch = 16",
            "batch_size = 16",
            "x.toml:11: unknown key `train.batch_size`; did you mean `train.batch`?",
        ),
        (
            "[train]",
            "[training]",
            "x.toml:9: unknown key `training`; did you mean `train`?",
        ),
        (
            "batch = 16",
            "lr = 3",
            "x.toml:11: unknown key `train.lr`; did you mean `train.optimizer.lr`?",
        ),
        (
            "batch = 16",
            "learning-rate = 3",
            "x.toml:11: unknown key `train.learning-rate`; did you mean `train.optimizer.lr`?",
        ),
        (
            "model =",
            "xyz = 1\nmodel =",
            "x.toml:6: unknown key `student.xyz`; `student` has `model`, `onnx`, `logits`, `init`, `weights`, `head`, `shortcut`, `auxiliary`, `input`, `norm`, `norm_eps`, `freeze`, `inherit`",
        ),
        (
            "momentum = 0.9",
            "betas = [0.9]",
            "x.toml:12: unknown key `train.optimizer.betas` for kind `sgd`; `sgd` has `lr`, `momentum`, `nesterov`, \
             `dampening`, `weight_decay`",
        ),
    ]);
}

#[test]
fn missing_keys() {
    assert_messages(&[
        (
            "version = 1",
            "",
            "x.toml: missing key `version`; write for example `version = 1`",
        ),
        (
            "lr = 0.1,",
            "",
            "x.toml:12: missing key `train.optimizer.lr`; write for example `lr = 0.1`",
        ),
        (
            "kind = \"kd\"",
            "",
            "x.toml:13: missing key `methods.0.kind`; write for example `kind = \"kd\"`",
        ),
        (
            "epochs = 2",
            "",
            "x.toml:9: missing key `train.epochs`; write for example `epochs = 12`",
        ),
        (
            "kind = \"sgd\", ",
            "",
            "x.toml:12: missing key `train.optimizer.kind`; it is one of `sgd`, `dot`, `adam`, `adamw`",
        ),
        (
            "[data]\ntrain = \"shapes:train=64\"",
            "",
            "x.toml: missing table `[data]`; write for example `data = { train = \"cifar10\" }`",
        ),
        (
            "run = \"runs/teacher\"",
            "",
            "x.toml:7: `teacher` needs `model` and its `weights`, `run`, the folder of a finished run, or `onnx`, a file",
        ),
    ]);
}

#[test]
fn wrong_types() {
    assert_messages(&[
        (
            "model =",
            "weights = 3\nmodel =",
            "x.toml:6: `student.weights` must be text, or a table, not 3",
        ),
        (
            "model =",
            "weights = { prefix = \"ema\" }\nmodel =",
            "x.toml:6: missing key `student.weights.file`; write for example `file = \"checkpoint.pth\"`",
        ),
        (
            "model =",
            "weights = { file = \"a.pth\", preffix = \"ema\" }\nmodel =",
            "x.toml:6: unknown key `student.weights.preffix`; did you mean `student.weights.prefix`?",
        ),
        (
            "model =",
            "head = \"fresh\"\nmodel =",
            "x.toml:6: `student.head` must be one of `kept`, `new`, not \"fresh\"",
        ),
        (
            "epochs = 2",
            "epochs = \"2\"",
            "x.toml:10: `train.epochs` must be a whole number of at least 1, not the text \"2\"; take away the quotes",
        ),
        (
            "epochs = 2",
            "epochs = 2.5",
            "x.toml:10: `train.epochs` must be a whole number of at least 1, not 2.5",
        ),
        (
            "batch = 16",
            "drop_last = 1",
            "x.toml:11: `train.drop_last` must be true or false, not 1",
        ),
        (
            "name = \"small\"",
            "name = 3",
            "x.toml:2: `name` must be text, not 3",
        ),
        (
            "batch = 16",
            "schedule = \"cosine\"",
            "x.toml:11: `train.schedule` must be a table with `kind` one of `constant`, `milestones`, `cosine`, `poly`, \
             not the text \"cosine\"; write `{ kind = \"cosine\", ... }`",
        ),
        (
            "[[methods]]",
            "[methods]",
            "x.toml:13: `methods` must be an array, each entry a table, not a table; write the name of the table in two \
             pairs of brackets, `[[...]]`",
        ),
        (
            "[student]",
            "[[student]]",
            "x.toml:5: `student` must be a table, not an array; write the name of the table in one pair of brackets, `[...]`",
        ),
    ]);
}

#[test]
fn wrong_values() {
    assert_messages(&[
        (
            "version = 1",
            "version = 2",
            "x.toml:1: `version` is 2, and this program reads recipes of version 1",
        ),
        (
            "epochs = 2",
            "epochs = 0",
            "x.toml:10: `train.epochs` must be a whole number of at least 1, not 0",
        ),
        (
            "lr = 0.1",
            "lr = 0.0",
            "x.toml:12: `train.optimizer.lr` must be a number above 0, not 0.0",
        ),
        (
            "lr = 0.1",
            "lr = inf",
            "x.toml:12: `train.optimizer.lr` must be a finite number, not inf",
        ),
        (
            "temperature",
            "weight = -1\ntemperature",
            "x.toml:15: `methods.0.weight` must be a number of at least 0, not -1",
        ),
        (
            "momentum = 0.9",
            "momentum = 1",
            "x.toml:12: `train.optimizer.momentum` must be a number of at least 0 and below 1, not 1: at 1 a past gradient \
             would never fade",
        ),
        (
            "batch = 16",
            "label_smoothing = 1.0",
            "x.toml:11: `train.label_smoothing` must be a number of at least 0 and below 1, not 1.0: at 1 the labels would \
             carry no information",
        ),
        (
            "kind = \"sgd\", lr = 0.1, momentum = 0.9",
            "kind = \"adam\", lr = 0.1, betas = [0.9]",
            "x.toml:12: `train.optimizer.betas` must be an array of 2 values, each a number of at least 0 and below 1, not \
             an array of 1",
        ),
        (
            "kind = \"sgd\"",
            "kind = \"sdg\"",
            "x.toml:12: `train.optimizer.kind` must be one of `sgd`, `dot`, `adam`, `adamw`, not \"sdg\"; did you mean `sgd`?",
        ),
        (
            "batch = 16",
            "task_weight = nan",
            "x.toml:11: `train.task_weight` must be a finite number, not NaN",
        ),
        (
            "batch = 16",
            "phases = []",
            "x.toml:11: `train.phases` must not be an empty array",
        ),
        (
            "[student]",
            "[student]\ninput = { mean = [0.5], std = [0.0] }",
            "x.toml:6: `student.input.std.0` must be a number above 0, not 0.0",
        ),
        (
            "[student]",
            "[student]\ninput = { low_resolution = { size = 0 } }",
            "x.toml:6: `student.input.low_resolution.size` must be a whole number of at least 1, not 0",
        ),
        (
            "[student]",
            "[student]\ninput = { low_resolution = { size = 8, enlarge = \"bilinar\" } }",
            "x.toml:6: `student.input.low_resolution.enlarge` must be one of `nearest`, `bilinear`, `none`, not \"bilinar\"; \
             did you mean `bilinear`?",
        ),
        (
            "[data]",
            "[data]\nfew_samples = 1.5",
            "x.toml:4: `data.few_samples` must be a number above 0 and at most 1, not 1.5",
        ),
        (
            "[data]",
            "[data]\nvalidation = 1",
            "x.toml:4: `data.validation` must be a number above 0 and below 1, not 1",
        ),
        (
            "[data]",
            "[data]\nvalidation = true",
            "x.toml:4: `data.validation` must be a number above 0 and below 1, or text, not true",
        ),
        (
            "model = \"cifar_resnet8\"",
            "model = \"\"",
            "x.toml:6: `student.model` must not be empty",
        ),
    ]);
}

#[test]
fn names_that_are_no_folders() {
    let rule = "is a folder's name and must be of a-z, 0-9, `.`, `_` and `-`";
    let expected = format!("x.toml:2: `name` {rule}, not \"Big One/2\"; for example `big-one-2`");
    assert_eq!(message("name = \"small\"", "name = \"Big One/2\""), expected);
    let expected = "x.toml:2: `name` must start with a letter or a digit, not as \"..\"";
    assert_eq!(message("name = \"small\"", "name = \"..\""), expected);
}

#[test]
fn validation_images_that_do_not_fit() {
    assert_messages(&[
        (
            "[data]",
            "[data]\nvalidation = \"photos/val\"\nvalidation_seed = 1",
            "x.toml:5: `data.validation_seed` says which images `data.validation` holds back, and does nothing without a share \
             there",
        ),
        (
            "[data]",
            "[data]\nvalidation_limit = 100",
            "x.toml:4: `data.validation_limit` says how many images of `data.validation` are taken, and does nothing without it",
        ),
    ]);
}

#[test]
fn weights_of_classes_are_a_rule_or_one_for_each() {
    assert_messages(&[
        (
            "batch = 16",
            "batch = 16\nclass_weights = \"balance\"",
            "x.toml:12: `train.class_weights` must be `balanced`, not \"balance\"; did you mean `balanced`?",
        ),
        (
            "batch = 16",
            "batch = 16\nclass_weights = [1.0, 0.0]",
            "x.toml:12: `train.class_weights.1` must be a number above 0, not 0.0",
        ),
        (
            "batch = 16",
            "batch = 16\nclass_weights = 2",
            "x.toml:12: `train.class_weights` must be `balanced`, or an array, each entry a number above 0, not 2",
        ),
    ]);
}

#[test]
fn values_that_do_not_fit_together() {
    assert_messages(&[
        (
            "batch = 16",
            "schedule = { kind = \"milestones\", at = [3, 3] }",
            "x.toml:11: `train.schedule.at` must increase, not be [3, 3]",
        ),
        (
            "batch = 16",
            "schedule = { kind = \"cosine\", min_lr = 0.5 }",
            "x.toml:11: `train.schedule.min_lr` is 0.5, above the learning rate 0.1 that it should come down from",
        ),
        (
            "momentum = 0.9",
            "nesterov = true",
            "x.toml:12: `train.optimizer.nesterov` looks ahead along the momentum: it needs `momentum` above 0 and no \
             `dampening`",
        ),
        (
            "[student]",
            "[student]\ninput = { mean = [0.5], std = [0.5, 0.5] }",
            "x.toml:6: `student.input.std` has 2 values where `mean` has 1; give one for each channel to both",
        ),
        (
            "[student]",
            "[student]\ninput = { mean = [0.5] }",
            "x.toml:6: `student.input.mean` needs `std` beside it; give both or neither",
        ),
        (
            "[student]",
            "[student]\ninput = { std = [0.5] }",
            "x.toml:6: `student.input.std` needs `mean` beside it; give both or neither",
        ),
        (
            "[data]",
            "[data]\nfew_samples = 0.5\ntrain_limit = 9",
            "x.toml:4: `data.few_samples` takes a part of the training images, as `data.train_limit` does; leave out one or \
             the other",
        ),
        (
            "[data]",
            "[data]\nfew_samples_seed = 1",
            "x.toml:4: `data.few_samples_seed` says which images `data.few_samples` takes, and does nothing without it",
        ),
        (
            "batch = 16",
            "phases = [{ name = \"a\", epochs = 1 }]",
            "x.toml:10: `train.epochs` does nothing beside `train.phases`, which have epochs of their own; leave one of them \
             out, or override for example `train.phases.0.epochs`",
        ),
        (
            "run = \"runs/teacher\"",
            "run = \"runs/teacher\"\nmodel = \"cifar_resnet20\"",
            "x.toml:8: `teacher.run` takes the student of that run as it is, so `model` cannot stand beside it; leave out one \
             or the other, or override the whole table, `teacher={ run = \"...\" }`",
        ),
        (
            "run = \"runs/teacher\"",
            "onnx = \"a.onnx\"\nweights = \"a.pth\"\nshortcut = \"a\"",
            "x.toml:8: `teacher.onnx` takes network and weights from that file, so `weights`, `shortcut` cannot stand beside \
             it; leave out one or the other, or override the whole table, `teacher={ onnx = \"...\" }`",
        ),
        (
            "run = \"runs/teacher\"",
            "onnx = \"a.onnx\"\nprecision = \"half\"",
            "x.toml:8: `teacher.onnx` takes network and weights from that file, so `precision` cannot stand beside it; leave \
             out one or the other, or override the whole table, `teacher={ onnx = \"...\" }`",
        ),
        (
            "run = \"runs/teacher\"",
            "onnx = \"a.onnx\"\nbatch_norm = \"batch\"",
            "x.toml:8: `teacher.onnx` takes network and weights from that file, so `batch_norm` cannot stand beside it; leave \
             out one or the other, or override the whole table, `teacher={ onnx = \"...\" }`",
        ),
        (
            "run = \"runs/teacher\"",
            "run = \"runs/teacher\"\nprecision = \"half\"\nbatch_norm = \"batch\"",
            "x.toml:9: `teacher.precision` needs batch norms that are folded into their convolutions, and `batch_norm = \"batch\"` \
             folds none; leave one of them out",
        ),
        (
            "run = \"runs/teacher\"",
            "model = \"cifar_resnet20\"\nlogits = \"fc\"",
            "x.toml:8: `teacher.model` takes a network by its name, so `logits` cannot stand beside it; leave out one or the \
             other, or override the whole table, `teacher={ model = \"...\" }`",
        ),
    ]);
}

#[test]
fn phases_with_names_that_are_taken_or_unknown() {
    let phases =
        "phases = [\n{ name = \"a\", epochs = 1 },\n{ name = \"a\", epochs = 1, trains = [\"kdd\"] },\n]";
    let expected = "x.toml:12: `train.phases.1.name` is \"a\", as that of `train.phases.0`; each phase needs its own\n\
                    x.toml:12: `train.phases.1.trains.0` is \"kdd\", and no part of this recipe has that name; did you mean \
                    `kd`?";
    assert_eq!(message("epochs = 2", phases), expected);
}

#[test]
fn text_that_is_not_toml() {
    let not = "this is not valid TOML";
    let cases = [
        (
            "batch = sixteen",
            format!(
                "x.toml:11: {not}: string values must be quoted, expected literal string: batch = sixteen"
            ),
        ),
        (
            "epochs = 3",
            format!("x.toml:11: {not}: duplicate key: epochs = 3"),
        ),
        (
            "batch = 99999999999999999999",
            format!("x.toml:11: {not}: this whole number is too large: batch = 99999999999999999999"),
        ),
    ];
    for (to, expected) in cases {
        assert_eq!(message("batch = 16", to), expected);
    }
}

#[test]
fn several_mistakes_are_told_together_in_the_order_of_the_file() {
    let text = GOOD
        .replace("name = \"small\"", "")
        .replace("model", "modle")
        .replace("batch = 16", "batch = 0")
        .replace("momentum = 0.9", "momentun = 0.9");
    let overrides = ["methods.0.weight=x".to_owned(), "train.epochs".to_owned()];
    let message = Recipe::from_text(&text, "x.toml", &overrides)
        .unwrap_err()
        .to_string();
    let expected = "x.toml: missing key `name`; write for example `name = \"my-run\"`\n\
        x.toml:6: unknown key `student.modle`; did you mean `student.model`?\n\
        x.toml:11: `train.batch` must be a whole number of at least 1, not 0\n\
        x.toml:12: unknown key `train.optimizer.momentun` for kind `sgd`; did you mean `train.optimizer.momentum`?\n\
        override `methods.0.weight=x`: `methods.0.weight` must be a number of at least 0, not the text \"x\"\n\
        override `train.epochs`: an override is written `key=value`, for example `train.epochs=3`";
    assert_eq!(message, expected);
}

#[test]
fn a_file_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cifar10-kd.toml"), GOOD).unwrap();
    let wrong = folder.path().join("cifar10-dk.toml");
    let message = Recipe::from_path(&wrong, &[]).unwrap_err().to_string();
    let right = folder.path().join("cifar10-kd.toml");
    assert!(
        message.starts_with(&format!("cannot read the recipe {}: ", wrong.display())),
        "{message}"
    );
    assert!(
        message.ends_with(&format!("; did you mean {}?", right.display())),
        "{message}"
    );
    assert_eq!(Recipe::from_path(&right, &[]).unwrap().name, "small");
}

/// No text may panic: every prefix of a recipe, and every recipe with one character replaced.
#[test]
fn no_text_panics() {
    for end in 0..GOOD.len() {
        let _ = Recipe::from_text(&GOOD[..end], "x.toml", &[]);
        for odd in ["[", "\"", "=", ".", "\n", "é", "-1"] {
            let text = format!("{}{odd}{}", &GOOD[..end], &GOOD[end + 1..]);
            let _ = Recipe::from_text(&text, "x.toml", &[]);
        }
    }
}
