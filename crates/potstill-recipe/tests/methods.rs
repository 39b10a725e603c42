//! Options that a method reads into its own struct, with errors as good as the recipe's own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{MethodSpec, Recipe, RecipeError, Schema};
use potstill_settings::{Described, Kind, Named, Variant, choice, settings, variants};

settings! {
    /// The options of a method.
    struct Options {
        /// How much is softened.
        temperature: f64 [above(0.0)] = default 4.0 (also "tau"),
        /// Epochs of a ramp.
        ramp_epochs: usize [at_least(0.0).at_most(1000.0)] = default 0,
        /// Whether to normalise.
        normalise: bool = default false,
        /// A number or a word.
        gate: Gate = default 4.0,
        /// Where it reads.
        levels: Vec<Level> = default [],
        /// How it searches.
        search: Search = default { kind = "grid" },
    }
}

settings! {
    /// A place.
    struct Level {
        /// A point.
        point: String = example "layer1",
        /// On which side.
        side: Side = default "pre-activation",
        /// From which channels.
        channels: Option<usize> [at_least(1.0)] = without "all" like 8,
    }
}

choice! {
    /// A side.
    enum Side {
        /// Before.
        PreActivation = "pre-activation",
        /// After.
        PostActivation = "post-activation",
    }
}

variants! {
    /// A search.
    enum Search {
        /// At every point.
        Grid = "grid",
        /// At some points.
        Random(RandomSearch) = "random",
    }
}

settings! {
    /// The settings of a random search.
    struct RandomSearch {
        /// How many points.
        points: usize [at_least(2.0)] = default 10,
    }
}

/// A number or `none`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum Gate {
    Number(f64),
    Word(String),
}

impl Described for Gate {
    const KIND: Kind = Kind::NumberOr(&[Named {
        name: "none",
        about: "No gate.",
    }]);
}

fn schema() -> Schema {
    let method = |name, keys| Variant {
        kind: Named { name, about: "" },
        keys,
    };
    Schema::new([method("kd", Options::KEYS), method("no-options", &[])])
}

const HEAD: &str = "version = 1\nname = \"x\"\ndata.train = \"shapes\"\nstudent.model = \"m\"\ntrain.epochs = 1\n\
                    train.optimizer = { kind = \"sgd\", lr = 0.1 }\n[[methods]]\n";

fn recipe(options: &str, overrides: &[&str]) -> Recipe {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Recipe::from_text(&format!("{HEAD}kind = \"kd\"\n{options}"), "x.toml", &overrides).unwrap()
}

/// The options as the method itself reads them, from a recipe that was read without knowing the method.
fn read(options: &str, overrides: &[&str]) -> Result<Options, RecipeError> {
    recipe(options, overrides).methods[0].options()
}

/// What is said of an entry of a recipe that is read with all methods known.
fn known(entry: &str) -> String {
    let text = format!("{HEAD}{entry}");
    schema().read_text(&text, "x.toml", &[]).unwrap_err().to_string()
}

#[test]
fn options_are_read_and_the_rest_has_defaults() {
    let options = read("", &[]).unwrap();
    let defaults = Options {
        temperature: 4.0,
        ramp_epochs: 0,
        normalise: false,
        gate: Gate::Number(4.0),
        levels: Vec::new(),
        search: Search::Grid,
    };
    assert_eq!(options, defaults);
    let options = read(
        "weight = 2\nname = \"soft\"\ntemperature = 2\ngate = \"none\"\nsearch = { kind = \"random\" }\n\
         levels = [{ point = \"layer1\", side = \"post-activation\" }, { point = \"layer2\", channels = 3 }]",
        &[],
    );
    let options = options.unwrap();
    assert_eq!(options.temperature, 2.0);
    assert_eq!(options.gate, Gate::Word("none".to_owned()));
    assert_eq!(options.search, Search::Random(RandomSearch { points: 10 }));
    let level = |point: &str, side, channels| Level {
        point: point.to_owned(),
        side,
        channels,
    };
    let expected = [
        level("layer1", Side::PostActivation, None),
        level("layer2", Side::PreActivation, Some(3)),
    ];
    assert_eq!(options.levels, expected);
}

/// The same mistakes, met by a recipe that knows its methods and by a method that reads its own options. Only the former says of which
/// method it speaks.
#[test]
fn wrong_options_have_line_key_and_nearest_name() {
    let cases = [
        (
            "\ntemprature = 2",
            "x.toml:10: unknown key `methods.0.temprature` for kind `kd`; did you mean `methods.0.temperature`?",
        ),
        (
            "tau = 2",
            "x.toml:9: unknown key `methods.0.tau` for kind `kd`; did you mean `methods.0.temperature`?",
        ),
        (
            "wieght = 2",
            "x.toml:9: unknown key `methods.0.wieght` for kind `kd`; did you mean `methods.0.weight`?",
        ),
        (
            "temperature = \"hot\"",
            "x.toml:9: `methods.0.temperature` must be a number above 0, not the text \"hot\"",
        ),
        (
            "temperature = 0",
            "x.toml:9: `methods.0.temperature` must be a number above 0, not 0",
        ),
        (
            "temperature = nan",
            "x.toml:9: `methods.0.temperature` must be a finite number, not NaN",
        ),
        (
            "ramp_epochs = -1",
            "x.toml:9: `methods.0.ramp_epochs` must be a whole number of at least 0 and at most 1000, not -1",
        ),
        (
            "ramp_epochs = 1.5",
            "x.toml:9: `methods.0.ramp_epochs` must be a whole number of at least 0 and at most 1000, not 1.5",
        ),
        (
            "normalise = 1",
            "x.toml:9: `methods.0.normalise` must be true or false, not 1",
        ),
        (
            "gate = \"open\"",
            "x.toml:9: `methods.0.gate` must be a number or `none`, not \"open\"",
        ),
        (
            "gate = inf",
            "x.toml:9: `methods.0.gate` must be a finite number, not inf",
        ),
        (
            "levels = 1",
            "x.toml:9: `methods.0.levels` must be an array, each entry a table, not 1",
        ),
        (
            "levels = [\n3]",
            "x.toml:10: `methods.0.levels.0` must be a table, not 3",
        ),
        (
            "levels = [\n{}]",
            "x.toml:10: missing key `methods.0.levels.0.point`; write for example `point = \"layer1\"`",
        ),
        (
            "levels = [{ point = \"a\",\nsied = 1 }]",
            "x.toml:10: unknown key `methods.0.levels.0.sied`; did you mean `methods.0.levels.0.side`?",
        ),
        (
            "levels = [{ point = \"a\", channels = 0 }]",
            "x.toml:9: `methods.0.levels.0.channels` must be a whole number of at least 1, not 0",
        ),
        (
            "levels = [{ point = \"a\", side = \"post\" }]",
            "x.toml:9: `methods.0.levels.0.side` must be one of `pre-activation`, `post-activation`, not \"post\"; did you \
             mean `post-activation`?",
        ),
        (
            "search = { kind = \"random\", points = 1 }",
            "x.toml:9: `methods.0.search.points` must be a whole number of at least 2, not 1",
        ),
        (
            "search = { kind = \"grid\", points = 9 }",
            "x.toml:9: unknown key `methods.0.search.points` for kind `grid`; `grid` has no other keys",
        ),
    ];
    for (options, expected) in cases {
        assert_eq!(known(&format!("kind = \"kd\"\n{options}")), expected, "{options}");
        let message = read(options, &[]).unwrap_err().to_string();
        assert_eq!(message, expected.replace(" for kind `kd`", ""), "{options}");
    }
}

#[test]
fn an_option_that_is_like_no_other_is_refused_with_all_that_there_are() {
    let of_all = "`temperature`, `ramp_epochs`, `normalise`, `gate`, `levels`, `search`";
    let own = "`kind`, `name`, `weight`, `schedule`, `teacher`, `teacher_weights`";
    assert_eq!(
        known("kind = \"kd\"\nxyz = 2"),
        format!("x.toml:9: unknown key `methods.0.xyz` for kind `kd`; `kd` has {own}, {of_all}")
    );
}

#[test]
fn an_unknown_method_is_refused_with_the_nearest_name() {
    let unknown = "and no method has that name";
    assert_eq!(
        known("kind = \"no-option\""),
        format!("x.toml:8: `methods.0.kind` is \"no-option\", {unknown}; did you mean `no-options`?")
    );
    assert_eq!(
        known("kind = \"xyz\""),
        format!("x.toml:8: `methods.0.kind` is \"xyz\", {unknown}; there are `kd`, `no-options`")
    );
}

#[test]
fn mistakes_in_options_are_told_with_all_others() {
    let text = format!("{HEAD}kind = \"kd\"\ntemprature = 2\nnormalise = \"no\"\n")
        .replace("epochs = 1", "epochs = 0");
    let message = schema().read_text(&text, "x.toml", &[]).unwrap_err().to_string();
    let expected = "x.toml:5: `train.epochs` must be a whole number of at least 1, not 0\n\
                    x.toml:9: unknown key `methods.0.temprature` for kind `kd`; did you mean `methods.0.temperature`?\n\
                    x.toml:10: `methods.0.normalise` must be true or false, not the text \"no\"";
    assert_eq!(message, expected);
}

#[test]
fn a_wrong_option_from_an_override_quotes_it() {
    let message = read("temperature = 2", &["methods.0.temperature=hot"])
        .unwrap_err()
        .to_string();
    let expected = "override `methods.0.temperature=hot`: `methods.0.temperature` must be a number above 0, not the text \"hot\"";
    assert_eq!(message, expected);
}

#[test]
fn methods_can_report_what_their_table_cannot_say() {
    let recipe = recipe("\ntemperature = 1", &[]);
    let method = &recipe.methods[0];
    let message = method.invalid_option("temperature", "needs a ramp").to_string();
    assert_eq!(message, "x.toml:10: `methods.0.temperature` needs a ramp");
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
    let message = method.options::<Options>().unwrap_err().to_string();
    assert_eq!(
        message,
        "the recipe: unknown key `temprature`; did you mean `temperature`?"
    );
}

#[derive(Debug, PartialEq, serde::Deserialize)]
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
