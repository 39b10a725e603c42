//! The JSON Schema of recipes, by an independent validator.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use boon::{Compiler, SchemaIndex, Schemas};
use potstill_methods::schema;
use serde_json::Value;

/// The schema, compiled: a schema that is none does not compile.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler
            .add_resource("recipe.json", schema().json_schema())
            .unwrap();
        let index = compiler.compile("recipe.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// What is wrong with the recipe in this TOML.
    fn error(&self, text: &str) -> Option<String> {
        let value: Value = toml::from_str(text).unwrap();
        self.schemas
            .validate(&value, self.index)
            .err()
            .map(|error| format!("{error:#}"))
    }
}

#[test]
fn every_recipe_of_the_project_is_valid() {
    let validator = Validator::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut tried = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let written = schema().read_text(&text, "x", &[]).unwrap().to_toml().unwrap();
        for text in [&text, &written] {
            assert_eq!(validator.error(text), None, "{}", path.display());
        }
        tried += 1;
    }
    assert!(tried > 60);
}

const GOOD: &str = r#"
version = 1
name = "x"
data.train = "shapes"
student.model = "cifar_resnet8"
teachers.a = { run = "r", precision = "half" }
teachers.b = { model = "m", optimizer = { kind = "adam", lr = 1, betas = [0.5, 0.5] } }
train = { epochs = 1, optimizer = { kind = "sgd", lr = 0.1 } }
methods = [
    { kind = "kd", temperature = 2, teacher = "a" },
    { kind = "tst", teacher = ["a", "b"], inner_gate = "none", bank = { kind = "closed-form" } },
]
"#;

/// What the schema refuses is refused by the reader of recipes too, and here each is the only thing wrong.
#[test]
fn what_is_wrong_is_refused() {
    let validator = Validator::new();
    assert_eq!(validator.error(GOOD), None);
    for (from, to) in [
        ("version = 1", ""),
        ("name = \"x\"", "name = 3"),
        ("name = \"x\"", "name = \" \""),
        ("name = \"x\"", "name = \"x\"\nnmae = \"x\""),
        ("epochs = 1", "epochs = 0"),
        ("epochs = 1", "epochs = 1.5"),
        ("lr = 0.1", "lr = 0"),
        ("lr = 0.1", "lr = 0.1, betas = [0.9, 0.9]"),
        ("kind = \"sgd\"", "kind = \"sdg\""),
        ("betas = [0.5, 0.5]", "betas = [0.5]"),
        ("betas = [0.5, 0.5]", "betas = [0.5, 1]"),
        ("precision = \"half\"", "precision = \"third\""),
        ("temperature = 2", "temperature = 0"),
        ("temperature = 2", "temprature = 2"),
        ("kind = \"kd\"", "kind = \"kdd\""),
        ("teacher = \"a\"", "teacher = []"),
        ("inner_gate = \"none\"", "inner_gate = \"open\""),
        (
            "kind = \"closed-form\"",
            "kind = \"closed-form\", affine_epochs = 1",
        ),
    ] {
        assert_eq!(
            GOOD.matches(from).count(),
            1,
            "`{from}` must be in the recipe once"
        );
        let text = GOOD.replace(from, to);
        assert!(validator.error(&text).is_some(), "`{to}` passes the schema");
        assert!(
            schema().read_text(&text, "x.toml", &[]).is_err(),
            "`{to}` passes the reader"
        );
    }
}

#[test]
fn a_key_tells_an_editor_what_it_is() {
    let schema = schema().json_schema();
    let batch = &schema["properties"]["train"]["properties"]["batch"];
    assert_eq!(batch["description"], "Images in a step.");
    assert_eq!(batch["default"], 64);
    assert_eq!(
        (&batch["type"], &batch["minimum"]),
        (&"integer".into(), &1.into())
    );
}
