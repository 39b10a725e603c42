//! Sweeps: which runs a file makes, in which order, and what is said of a file that is wrong.

use potstill_recipe::{BaseRecipe, RecipeError, Schema, Sweep, SweepRun};

const BASE: &str = r#"version = 1
name = "base"
seed = 5
[data]
train = "shapes:train=64"
[student]
model = "cifar_resnet8"
shortcut = "a"
[teacher]
model = "cifar_resnet20"
weights = "teacher.pth"
[train]
epochs = 2
batch = 16
optimizer = { kind = "sgd", lr = 0.1, momentum = 0.9 }
[[methods]]
kind = "kd"
temperature = 4
"#;

fn base(name: &str) -> Result<BaseRecipe, RecipeError> {
    let text = match name {
        "wide" => BASE.replace("cifar_resnet8", "cifar_resnet14"),
        "missing" => return BaseRecipe::from_path("nowhere/missing.toml".as_ref()),
        "broken" => BASE.replace("epochs = 2", "epoch = 2"),
        _ => BASE.to_owned(),
    };
    Ok(BaseRecipe {
        text,
        origin: format!("{name}.toml"),
    })
}

fn runs(text: &str) -> Result<Vec<SweepRun>, RecipeError> {
    let text = format!("version = 1\nname = \"first\"\n{text}");
    Sweep::from_text(&text, "s.toml")?.runs(&Schema::default(), &base)
}

fn ids(text: &str) -> Vec<String> {
    runs(text).expect(text).iter().map(SweepRun::id).collect()
}

fn message(text: &str) -> String {
    runs(text).expect_err(text).to_string()
}

#[test]
fn every_combination_is_a_cell_in_the_order_of_the_file() {
    let found = ids(r#"recipe = "base"
seeds = 2
[axes.size]
small = {}
large.student.model = "cifar_resnet14"
[axes.method]
kd = {}
alone = { methods = [] }
"#);
    assert_eq!(
        found,
        [
            "small-kd/seed-5",
            "small-alone/seed-5",
            "large-kd/seed-5",
            "large-alone/seed-5",
            "small-kd/seed-6",
            "small-alone/seed-6",
            "large-kd/seed-6",
            "large-alone/seed-6",
        ]
    );
    assert_eq!(
        ids("recipe = \"base\"\nseeds = [3, 1]"),
        ["base/seed-3", "base/seed-1"]
    );
    assert_eq!(ids("recipe = \"base\""), ["base/seed-5"]);
}

#[test]
fn what_stands_in_braces_is_a_value_and_what_is_dotted_changes_one_key() {
    let found = runs(
        r#"recipe = "base"
set.train.epochs = 7
[axes.teacher]
dotted = { teacher.weights = "other.pth" }
quoted = { "teacher.weights" = "third.pth" }
braces = { teacher = { run = "runs/teacher" } }
[axes.teacher.header.teacher]
precision = "half"
[[axes.teacher.header.methods]]
kind = "at"
"#,
    )
    .expect("a sweep");
    let text = |run: &SweepRun| run.recipe.to_toml().expect("TOML");
    let [dotted, quoted, braces, header] = found.as_slice() else {
        panic!("four cells, not {}", found.len())
    };
    for run in &found {
        assert_eq!(run.recipe.total_epochs(), 7);
        assert_eq!(run.recipe.name, run.cell);
    }
    assert!(text(dotted).contains("model = \"cifar_resnet20\"\nweights = \"other.pth\""));
    assert!(text(quoted).contains("model = \"cifar_resnet20\"\nweights = \"third.pth\""));
    assert!(text(braces).contains("run = \"runs/teacher\"") && !text(braces).contains("cifar_resnet20"));
    assert!(text(header).contains("cifar_resnet20") && text(header).contains("precision = \"half\""));
    let kinds = |run: &SweepRun| {
        run.recipe
            .methods
            .iter()
            .map(|method| method.kind.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(header), ["at"]);
    assert_eq!(kinds(braces), ["kd"]);
    assert_eq!(
        dotted
            .changes
            .iter()
            .map(potstill_recipe::Change::as_override)
            .collect::<Vec<_>>(),
        ["train.epochs=7", "teacher.weights=\"other.pth\""]
    );
}

#[test]
fn an_axis_is_a_key_with_values_too_and_a_choice_can_name_another_recipe() {
    let found = runs(
        r#"recipe = "base"
[axes.rate]
key = "train.optimizer.lr"
values = [0.05, 0.1]
[axes.pair]
narrow = {}
wide = { recipe = "wide" }
"#,
    )
    .expect("a sweep");
    let cells: Vec<_> = found.iter().map(|run| run.cell.as_str()).collect();
    assert_eq!(
        cells,
        [
            "rate-0.05-narrow",
            "rate-0.05-wide",
            "rate-0.1-narrow",
            "rate-0.1-wide"
        ]
    );
    let model = |run: &SweepRun| run.recipe.student.network().expect("a network").model.clone();
    assert_eq!(model(&found[0]), "cifar_resnet8");
    assert_eq!(model(&found[1]), "cifar_resnet14");
    assert!(
        found
            .iter()
            .all(|run| run.changes.iter().all(|change| change.key != "recipe"))
    );
}

#[test]
fn combinations_are_left_out_and_picked() {
    let axes = r#"recipe = "base"
axes.method = { alone = { methods = [] }, kd = {} }
axes.lr = { key = "train.optimizer.lr", values = [0.05, 0.1, 0.2] }
"#;
    let with = |more: &str| ids(&format!("{axes}{more}"));
    assert_eq!(with("").len(), 6);
    assert_eq!(
        with("exclude = [{ method = \"alone\", lr = [0.05, \"lr-0.2\"] }, { lr = 0.1 }]"),
        ["kd-lr-0.05/seed-5", "kd-lr-0.2/seed-5"]
    );
    assert_eq!(
        with("only = [{ method = \"alone\", lr = 0.1 }, { method = \"kd\" }]\nexclude = [{ lr = 0.2 }]"),
        ["alone-lr-0.1/seed-5", "kd-lr-0.05/seed-5", "kd-lr-0.1/seed-5"]
    );
}

#[test]
fn mistakes_of_the_file_are_told_together_with_their_lines() {
    for (text, expected) in [
        (
            "recipes = \"base\"",
            "s.toml:3: unknown key `recipes`; did you mean `recipe`?",
        ),
        (
            "epochs = 3",
            "s.toml:3: unknown key `epochs`; a sweep has `version`, `name`, `about`, `recipe`, `seeds`, `teacher_cache`, `set`, \
             `axes`, `exclude`, `only`, `tune`",
        ),
        ("seeds = 0", "s.toml:3: `seeds` must be at least 1"),
        ("seeds = [1, 2, 1]", "s.toml:3: `seeds` has 1 twice"),
        ("seeds = []", "s.toml:3: `seeds` must not be an empty array"),
        (
            "seeds = \"all\"",
            "s.toml:3: `seeds` must be a whole number of at least 0, or an array, each entry a whole number of at least 0, not the \
             text \"all\"",
        ),
        (
            "set = 3",
            "s.toml:3: `set` must be a table of what is changed, such as `{ methods = [] }`, not 3",
        ),
        (
            "set.seed = 3\nset.name = \"x\"",
            "s.toml:3: a sweep does not set `seed`: `seeds` of the sweep says it\n\
             s.toml:4: a sweep does not set `name`: the choices make it",
        ),
        (
            "[axes.method]\nkd = 3",
            "s.toml:4: `axes.method.kd` must be a table of what is changed, such as `{ methods = [] }`, not 3",
        ),
        ("[axes.method]", "s.toml:3: `axes.method` has no choices"),
        (
            "[axes.method]\nKD = {}",
            "s.toml:4: `axes.method.KD` is a folder's name and must be of a-z, 0-9, `.`, `_` and `-`, not \"KD\"; for example `kd`",
        ),
        (
            "axes.lr = { key = \"train.optimizer.lr\", values = [[1]] }",
            "s.toml:3: `axes.lr.values.0` is an array: give such choices names (`[axes.lr]` with `NAME = { ... }`)",
        ),
        (
            "axes.lr = { values = [1] }",
            "s.toml:3: `axes.lr.key` must name the key of the recipe that takes these values",
        ),
        (
            "axes.m = { kd = {}, at = {} }\nexclude = [{ n = \"kd\" }, { m = \"ad\" }, 3]",
            "s.toml:4: `exclude.0.n` is no axis of the sweep; there are `m`\n\
             s.toml:4: `exclude.1.m` has no choice like the text \"ad\"; did you mean `at`?\n\
             s.toml:4: `exclude.2` must be a table of axes and their choices, such as `{ method = \"kd\" }`, not 3",
        ),
        (
            "tune.factor = 1\ntune.budget_hours = 0",
            "s.toml:3: `tune.factor` must be a whole number of at least 2, not 1\n\
             s.toml:4: `tune.budget_hours` must be a number above 0, not 0",
        ),
    ] {
        assert_eq!(message(text), expected, "for {text}");
    }
    let other = Sweep::from_text("version = 2\nwhat = 1", "s.toml").unwrap_err();
    assert_eq!(
        other.to_string(),
        "s.toml:1: `version` is 2, and this program reads sweeps of version 1"
    );
}

#[test]
fn mistakes_of_every_cell_are_told_once_with_their_place() {
    let axes = |choices: &str| message(&format!("recipe = \"base\"\n[axes.m]\n{choices}"));
    // A mistake of some cells names the first of them; a mistake of all is the recipe's or that of `set`.
    assert_eq!(
        axes("a = { train.epoch = 3 }\nb = { methods = [], \"methods.0.weight\" = 2 }\nc = {}"),
        "s.toml:5: unknown key `train.epoch`; did you mean `train.epochs`? (in the cell `a`)\n\
         s.toml:6: `methods` is empty, so there is no `methods.0`; give the whole array, `methods=[...]` (in the cell `b`)"
    );
    assert_eq!(
        message("recipe = \"broken\"\naxes.m = { a = {}, b = { methods = [] } }"),
        "broken.toml:13: unknown key `train.epoch`; did you mean `train.epochs`?"
    );
    assert_eq!(
        message("recipe = \"base\"\nset.train.batch = 0\naxes.m = { a = {}, b = { methods = [] } }"),
        "s.toml:4: `train.batch` must be a whole number of at least 1, not 0"
    );
    let missing = axes("a = { recipe = \"missing\" }");
    assert!(
        missing.starts_with("s.toml:5: cannot read the recipe nowhere/missing.toml: "),
        "{missing}"
    );
    assert_eq!(
        message("axes.m = { a = {} }"),
        "s.toml: `recipe` must name a recipe: not every cell has a choice that names its own"
    );
    assert_eq!(
        axes("a = {}\nb = { train.epochs = 2 }"),
        "s.toml:6: the cells `a` and `b` are the same recipe: leave one out (`exclude`)"
    );
    assert_eq!(
        message(
            "recipe = \"base\"\n[axes.m]\nx = {}\nx-y = { methods = [] }\n[axes.n]\ny-z = {}\nz = { train.epochs = 9 }"
        ),
        "s.toml:6: two cells would be called `x-y-z`: m x, n y-z and m x-y, n z; rename a choice"
    );
    let only = "recipe = \"base\"\naxes.m = { a = {} }\nexclude = [{ m = \"a\" }]";
    assert_eq!(
        message(only),
        "s.toml:4: `axes` leave no combination: `exclude` and `only` take all away"
    );
}

#[test]
fn a_grid_that_nobody_waits_for_is_refused_before_it_is_made() {
    let values: Vec<String> = (0..1000).map(|value| value.to_string()).collect();
    let axis = |name: &str| {
        format!(
            "axes.{name} = {{ key = \"train.epochs\", values = [{}] }}\n",
            values.join(",")
        )
    };
    let text = ["a", "b", "c", "d", "e", "f", "g"].map(axis).concat();
    let said = message(&format!("recipe = \"base\"\n{text}"));
    assert!(said.contains("and at most 10000 are taken"), "{said}");
    let said = message("recipe = \"base\"\nseeds = 10000\naxes.m = { a = {}, b = { methods = [] } }");
    assert!(
        said.ends_with("make a grid of 20000 runs, and at most 10000 are taken"),
        "{said}"
    );
}
