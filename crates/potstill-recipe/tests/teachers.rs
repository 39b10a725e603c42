//! Ids of methods, several teachers, and who learns from whom.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{Precision, Recipe, RecipeError, TaskKind, TeacherSource};

const HEAD: &str = r#"version = 1
name = "x"
data.train = "shapes"
student.model = "cifar_resnet8"
train = { epochs = 1, optimizer = { kind = "sgd", lr = 0.1 } }
"#;

const TWO: &str = r#"teachers.large = { model = "cifar_resnet56", weights = "large.pth" }
teachers.small.run = "runs/small"
"#;

fn read(rest: &str) -> Result<Recipe, RecipeError> {
    Recipe::from_text(&format!("{HEAD}{rest}"), "x.toml", &[])
}

fn message(rest: &str) -> String {
    read(rest).expect_err(rest).to_string()
}

/// The teachers of each method, with their shares.
fn shares(rest: &str) -> Vec<Vec<(String, f64)>> {
    let recipe = read(rest).unwrap();
    let of = |method| {
        let teachers = recipe.teachers_of(method).into_iter();
        teachers.map(|teacher| (teacher.name, teacher.share)).collect()
    };
    recipe.methods.iter().map(of).collect()
}

fn named(shares: &[(&str, f64)]) -> Vec<(String, f64)> {
    shares
        .iter()
        .map(|&(name, share)| (name.to_owned(), share))
        .collect()
}

#[test]
fn a_method_is_called_after_its_kind_unless_it_has_a_name() {
    let recipe = read(
        "methods = [{ kind = \"kd\" }, { kind = \"review-kd\" }, { kind = \"kd\" }, { kind = \"kd\", name = \"soft\" }, { kind = \"kd\" }]",
    )
    .unwrap();
    assert_eq!(recipe.method_ids(), ["kd", "review-kd", "kd-2", "soft", "kd-4"]);
}

#[test]
fn names_are_unique_and_well_formed() {
    let form = "is a name and must be of a-z, 0-9, `_` and `-`, with a letter or a digit first";
    let other = "each method needs a `name` of its own";
    let cases = [
        (
            "methods = [{ kind = \"kd\" }, { kind = \"tst\", name = \"kd\" }]",
            format!("x.toml:6: `methods.1.name` is \"kd\", as that of `methods.0`; {other}"),
        ),
        (
            "methods = [{ kind = \"tst\", name = \"kd-2\" }, { kind = \"kd\" }, { kind = \"kd\" }]",
            format!("x.toml:6: `methods.2.name` is \"kd-2\", as that of `methods.0`; {other}"),
        ),
        (
            "teachers.kd = { run = \"r\" }\nmethods = [{ kind = \"kd\" }]",
            format!("x.toml:7: `methods.0.name` is \"kd\", as that of `teachers.kd`; {other}"),
        ),
        (
            "methods = [{ kind = \"kd\", name = \"a.b\" }]",
            format!("x.toml:6: `methods.0.name` {form}, not \"a.b\""),
        ),
        (
            "methods = [{ kind = \"kd\", name = \"-a\" }]",
            format!("x.toml:6: `methods.0.name` {form}, not \"-a\""),
        ),
        (
            "methods = [{ kind = \"kd\", name = \"student\" }]",
            "x.toml:6: `methods.0.name` is \"student\", which has another meaning in a run; take another name".to_owned(),
        ),
        (
            "teachers.Big = { run = \"r\" }",
            format!("x.toml:6: `teachers.Big` {form}, not \"Big\""),
        ),
    ];
    for (rest, expected) in cases {
        assert_eq!(message(rest), expected, "{rest}");
    }
}

#[test]
fn the_only_teacher_teaches_every_method() {
    for teacher in ["teacher", "teachers.mine"] {
        let text =
            format!("{teacher} = {{ run = \"r\" }}\nmethods = [{{ kind = \"kd\" }}, {{ kind = \"tst\" }}]");
        let name = teacher.rsplit('.').next().unwrap();
        assert_eq!(shares(&text), vec![named(&[(name, 1.0)]); 2]);
    }
    assert_eq!(shares("methods = [{ kind = \"kd\" }]"), [[]]);
}

#[test]
fn a_method_names_its_teachers() {
    let text = format!(
        "{TWO}methods = [\n{{ kind = \"kd\", teacher = \"small\" }},\n{{ kind = \"kd\", teacher = [\"small\", \"large\"] }},\n\
         {{ kind = \"kd\", teacher = [\"large\", \"small\"], teacher_weights = [3, 1] }},\n{{ kind = \"tst\" }},\n]"
    );
    let expected = [
        named(&[("small", 1.0)]),
        named(&[("small", 0.5), ("large", 0.5)]),
        named(&[("large", 0.75), ("small", 0.25)]),
        named(&[]),
    ];
    assert_eq!(shares(&text), expected);
}

#[test]
fn teachers_are_listed_by_name() {
    let recipe = read(&format!(
        "{TWO}methods = [{{ kind = \"kd\", teacher = [\"small\", \"large\"] }}]"
    ))
    .unwrap();
    let names: Vec<&str> = recipe.all_teachers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["large", "small"]);
    assert_eq!(recipe.teacher_key("small"), "teachers.small");
    assert!(matches!(recipe.teachers["small"].source, TeacherSource::Run(_)));

    let recipe = read("teacher.run = \"r\"").unwrap();
    assert_eq!(recipe.all_teachers()[0].0, "teacher");
    assert_eq!(recipe.teacher_key("teacher"), "teacher");
}

#[test]
fn teachers_that_do_not_fit_are_refused() {
    let with = |method: &str| format!("{TWO}methods = [{{ kind = \"kd\", {method} }}]");
    let cases = [
        (
            format!("{TWO}teacher.run = \"r\""),
            "x.toml:6: `teachers` stands beside `teacher`, the only teacher; give each teacher a table `[teachers.NAME]`, or keep \
             `[teacher]` alone",
        ),
        (
            with("teacher = [\"large\", \"smal\"]"),
            "x.toml:7: `teachers.small` teaches no method; name it in one, `teacher = \"small\"`, or leave it out\n\
             x.toml:8: `methods.0.teacher.1` is \"smal\", and no teacher of this recipe has that name; did you mean `small`?",
        ),
        (
            with("teacher = \"large\""),
            "x.toml:7: `teachers.small` teaches no method; name it in one, `teacher = \"small\"`, or leave it out",
        ),
        (
            with("teacher = [\"large\", \"small\", \"large\"]"),
            "x.toml:8: `methods.0.teacher.2` is \"large\" for the second time; name each teacher once",
        ),
        (
            with("teacher = []"),
            "x.toml:8: `methods.0.teacher` must not be an empty array",
        ),
        (
            with("teacher = 3"),
            "x.toml:8: `methods.0.teacher` must be text, not 3",
        ),
        (
            with("teacher = [\"large\", \"small\"], teacher_weights = [1]"),
            "x.toml:8: `methods.0.teacher_weights` must be one weight for each of the 2 teachers, not 1 weights",
        ),
        (
            with("teacher = [\"large\", \"small\"], teacher_weights = [0, 0]"),
            "x.toml:8: `methods.0.teacher_weights` must not all be 0: there is no average without weights",
        ),
        (
            with("teacher = [\"large\", \"small\"], teacher_weights = [1, -1]"),
            "x.toml:8: `methods.0.teacher_weights.1` must be a number of at least 0, not -1",
        ),
        (
            "teacher.run = \"r\"\nmethods = [{ kind = \"kd\", teacher_weights = [1] }]".to_owned(),
            "x.toml:7: `methods.0.teacher_weights` needs the names of the teachers beside it, `teacher = [\"a\", \"b\"]`",
        ),
        (
            "methods = [{ kind = \"kd\", teacher = \"a\" }]".to_owned(),
            "x.toml:6: `methods.0.teacher` is \"a\", and no teacher of this recipe has that name; the recipe has no teacher",
        ),
        (
            "teachers.a = { onnx = \"a.onnx\", optimizer = { kind = \"sgd\", lr = 1 } }".to_owned(),
            "x.toml:6: `teachers.a.onnx` takes network and weights from that file, so `optimizer` cannot stand beside it; leave out \
             one or the other, or override the whole table, `teachers.a={ onnx = \"...\" }`",
        ),
        (
            "teachers.a = { run = \"r\", cache_taps = true }".to_owned(),
            "x.toml:6: `teachers.a.cache_taps` does nothing without `cache = true` beside it",
        ),
        (
            "teachers.a = { run = \"r\", wights = \"w\" }".to_owned(),
            "x.toml:6: unknown key `teachers.a.wights`; did you mean `teachers.a.weights`?",
        ),
    ];
    for (rest, expected) in cases {
        assert_eq!(message(&rest), expected, "{rest}");
    }
}

#[test]
fn teachers_may_stand_by_while_the_student_trains_alone() {
    assert!(read(TWO).is_ok());
}

#[test]
fn caches_views_and_tasks_are_read() {
    let recipe = read(
        "task = \"multi-label\"\nseed = 3\ndata.views = 4\n\
         teacher = { run = \"r\", cache = true, cache_taps = true, cache_precision = \"half\" }",
    )
    .unwrap();
    assert_eq!(recipe.task, TaskKind::MultiLabel);
    assert_eq!((recipe.data.views, recipe.augment_seed()), (Some(4), 3));
    let teacher = recipe.teacher.unwrap();
    assert!(teacher.cache && teacher.cache_taps);
    assert_eq!(teacher.cache_precision, Precision::Half);

    let recipe = read("data.augment_seed = 7").unwrap();
    assert_eq!((recipe.data.views, recipe.augment_seed()), (None, 7));
}

#[test]
fn what_was_read_is_written_and_read_again() {
    let text = format!(
        "{TWO}methods = [{{ kind = \"kd\", name = \"a\", teacher = [\"small\", \"large\"], teacher_weights = [1, 2] }}, \
         {{ kind = \"kd\", teacher = \"small\" }}]\ndata.views = 2\ndata.augment_seed = 1\nteachers.small.cache = true\n"
    );
    let recipe = read(&text).unwrap();
    let written = recipe.to_toml().unwrap();
    let again = Recipe::from_text(&written, "y.toml", &[]).unwrap();
    assert_eq!(again, recipe, "{written}");
    assert_eq!(again.to_toml().unwrap(), written);
}

#[test]
fn batch_norms_of_a_teacher_by_its_name_are_read() {
    let teacher =
        "teacher = { model = \"m\", weights = \"w\", norm = \"frozen\", norm_eps = 0.0, auxiliary = true }";
    let read = read(teacher).unwrap().teacher.unwrap();
    let TeacherSource::Network(network) = read.source else {
        panic!("{read:?}")
    };
    assert_eq!((network.norm_eps, network.auxiliary), (Some(0.0), Some(true)));
    let beside_run = teacher.replace("model = \"m\", weights = \"w\"", "run = \"r\"");
    let refused = self::read(&beside_run).unwrap_err().to_string();
    assert!(
        refused.contains("norm_eps") && refused.contains("auxiliary"),
        "{refused}"
    );
}
