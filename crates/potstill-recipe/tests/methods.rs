//! Options that a method reads into its own struct, with errors as good as the recipe's own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{MethodSpec, Recipe, RecipeError};
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    temperature: f64,
    ramp_epochs: usize,
    normalise: bool,
    levels: Vec<Level>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    point: String,
    #[serde(default)]
    side: Side,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    #[default]
    PreActivation,
    PostActivation,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            temperature: 4.0,
            ramp_epochs: 0,
            normalise: false,
            levels: Vec::new(),
        }
    }
}

fn recipe(options: &str, overrides: &[&str]) -> Recipe {
    let head = "version = 1\nname = \"x\"\ndata.train = \"shapes\"\nstudent.model = \"m\"\ntrain.epochs = 1\n\
                train.optimizer = { kind = \"sgd\", lr = 0.1 }\n[[methods]]\nkind = \"kd\"\n";
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Recipe::from_text(&format!("{head}{options}"), "x.toml", &overrides).unwrap()
}

fn read(options: &str, overrides: &[&str]) -> Result<Options, RecipeError> {
    recipe(options, overrides).methods[0].options_as()
}

fn message(options: &str) -> String {
    read(options, &[]).unwrap_err().to_string()
}

#[test]
fn options_are_read_and_the_rest_has_defaults() {
    assert_eq!(read("", &[]).unwrap(), Options::default());
    let options = read(
        "weight = 2\ntemperature = 2\nlevels = [{ point = \"layer1\", side = \"post-activation\" }]",
        &[],
    );
    let options = options.unwrap();
    assert_eq!(options.temperature, 2.0);
    assert_eq!(
        options.levels,
        [Level {
            point: "layer1".to_owned(),
            side: Side::PostActivation
        }]
    );
}

#[test]
fn wrong_options_have_line_key_and_nearest_name() {
    let cases = [
        (
            "\ntemprature = 2",
            "x.toml:10: unknown key `methods.0.temprature`; did you mean `methods.0.temperature`?",
        ),
        (
            "wieght = 2",
            "x.toml:9: unknown key `methods.0.wieght`; did you mean `methods.0.weight`?",
        ),
        (
            "xyz = 2",
            "x.toml:9: unknown key `methods.0.xyz`; there are `temperature`, `ramp_epochs`, `normalise`, `levels`",
        ),
        (
            "temperature = \"hot\"",
            "x.toml:9: `methods.0.temperature` must be a number, not the text \"hot\"",
        ),
        (
            "ramp_epochs = -1",
            "x.toml:9: `methods.0.ramp_epochs` must be a whole number of at least 0, not -1",
        ),
        (
            "ramp_epochs = 1.5",
            "x.toml:9: `methods.0.ramp_epochs` must be a whole number of at least 0, not 1.5",
        ),
        (
            "normalise = 1",
            "x.toml:9: `methods.0.normalise` must be true or false, not 1",
        ),
        (
            "levels = 1",
            "x.toml:9: `methods.0.levels` must be an array, not 1",
        ),
        (
            "levels = [\n3]",
            "x.toml:10: `methods.0.levels.0` must be a table, not 3",
        ),
        (
            "levels = [\n{}]",
            "x.toml:10: missing key `methods.0.levels.0.point`",
        ),
        (
            "levels = [{ point = \"a\",\nsied = 1 }]",
            "x.toml:10: unknown key `methods.0.levels.0.sied`; did you mean `methods.0.levels.0.side`?",
        ),
        (
            "levels = [{ point = \"a\", side = \"post\" }]",
            "x.toml:9: `methods.0.levels.0.side` must be one of `pre-activation`, `post-activation`, not \"post\"; did you \
             mean `post-activation`?",
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(message(options), expected, "{options}");
    }
}

#[test]
fn several_wrong_options_are_told_together() {
    let expected = "x.toml:9: unknown key `methods.0.temprature`; did you mean `methods.0.temperature`?\n\
                    x.toml:10: `methods.0.normalise` must be true or false, not \"no\"";
    let expected = expected.replace("not \"no\"", "not the text \"no\"");
    assert_eq!(message("temprature = 2\nnormalise = \"no\""), expected);
}

#[test]
fn a_wrong_option_from_an_override_quotes_it() {
    let message = read("temperature = 2", &["methods.0.temperature=hot"])
        .unwrap_err()
        .to_string();
    let expected = "override `methods.0.temperature=hot`: `methods.0.temperature` must be a number, not the text \"hot\"";
    assert_eq!(message, expected);
}

#[test]
fn methods_can_report_what_their_struct_cannot_check() {
    let recipe = recipe("\ntemperature = -1", &[]);
    let method = &recipe.methods[0];
    let message = method.wrong("temperature", "must be above 0, not -1").to_string();
    assert_eq!(
        message,
        "x.toml:10: `methods.0.temperature` must be above 0, not -1"
    );
    assert_eq!(method.line(), Some(7));
}

#[test]
fn a_key_can_be_reported_later() {
    let recipe = recipe("", &["teacher.run=nowhere"]);
    let found = recipe
        .wrong("student.model", "is \"m\", and there is no such network")
        .to_string();
    assert_eq!(
        found,
        "x.toml:4: `student.model` is \"m\", and there is no such network"
    );
    let found = recipe.wrong("teacher.run", "does not exist").to_string();
    assert_eq!(
        found,
        "override `teacher.run=nowhere`: `teacher.run` does not exist"
    );
}

#[test]
fn a_method_made_in_code_has_no_place_but_is_checked() {
    let mut method = MethodSpec::new("kd");
    method.options.insert("temprature".to_owned(), 2.0.into());
    let message = method.options_as::<Options>().unwrap_err().to_string();
    assert_eq!(
        message,
        "the recipe: unknown key `temprature`; did you mean `temperature`?"
    );
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Step {
    Flip,
    PadCrop { pad: usize },
}

/// The augmentation is read by another crate, through the same door.
#[test]
fn the_augmentation_is_kept_as_written() {
    let steps = |written: &str| {
        let recipe = recipe("", &[&format!("data.augment={written}")]);
        recipe.data.augment.unwrap().read_as::<Vec<Step>>()
    };
    let good = steps("[\"flip\", { pad-crop = { pad = 4 } }]").unwrap();
    assert_eq!(good, [Step::Flip, Step::PadCrop { pad: 4 }]);
    let cases = [
        (
            "[\"flp\"]",
            "`data.augment.0` must be one of `flip`, `pad-crop`, not \"flp\"; did you mean `flip`?",
        ),
        (
            "[{ pad-crop = { pda = 4 } }]",
            "unknown key `data.augment.0.pad-crop.pda`; did you mean `data.augment.0.pad-crop.pad`?",
        ),
        (
            "[{ pad-crop = { pad = -4 } }]",
            "`data.augment.0.pad-crop.pad` must be a whole number of at least 0, not -4",
        ),
        (
            "[\"flip\", { pad-crop = {} }]",
            "missing key `data.augment.1.pad-crop.pad`",
        ),
        (
            "\"flip\"",
            "`data.augment` must be an array, not the text \"flip\"",
        ),
    ];
    for (written, expected) in cases {
        let message = steps(written).unwrap_err().to_string();
        assert_eq!(message, format!("override `data.augment={written}`: {expected}"));
    }
}
