//! `cargo xtask docs`: the pages, and the parts of pages, that say what the registries say; and the recipes and sweeps of the pairs of
//! networks that there are published figures of.
//!
//! The program itself is asked, so that nothing here knows a key or a network: it is built as for the tests,
//! and prints its registries as JSON.

mod cli;
mod knobs;
mod methods;
mod models;
mod page;
mod pairs;
mod recipe;
mod recipes;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// Why the pages cannot be made.
type Error = Box<dyn std::error::Error>;

/// Writes every generated page; or, with `check`, only tells which of them are not as they would be written.
/// Whether all is well.
pub fn docs(check: bool) -> bool {
    match pages() {
        Ok(pages) if check => stale(&pages),
        Ok(pages) => written(&pages),
        Err(error) => {
            eprintln!("== generated documentation: {error}");
            false
        }
    }
}

/// Every page with its text.
fn pages() -> Result<Vec<(PathBuf, String)>, Error> {
    let program = Program::build()?;
    let keys = program.json(&["explain", "--json"])?;
    let models = program.json(&["list", "models", "--json"])?;
    let methods = program.json(&["list", "methods", "--json"])?;
    let mut pages = vec![
        ("docs/reference/recipe.md".into(), recipe::page(&keys, &methods)),
        ("docs/reference/cli.md".into(), cli::page(&program)?),
        (
            "docs/reference/recipes.md".into(),
            recipes::page(&program.json(&["list", "recipes", "--json"])?),
        ),
        (
            "docs/models.md".into(),
            models::page(&read("docs/models.md")?, &models)?,
        ),
    ];
    pages.push((
        "docs/methods.md".into(),
        methods::page(&read("docs/methods.md")?, &methods)?,
    ));
    pages.extend(pairs::files(&methods)?);
    for method in &methods {
        let name = method["name"].as_str().unwrap_or_default();
        let path = format!("docs/methods/{name}.md");
        let text = knobs::page(&read(&path)?, name, &keys)?;
        pages.push((path.into(), text));
    }
    Ok(pages)
}

fn read(path: &str) -> Result<String, Error> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}").into())
}

fn written(pages: &[(PathBuf, String)]) -> bool {
    for (path, text) in pages {
        let file = root().join(path);
        let folder = file.parent().unwrap_or(root());
        if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text)) {
            eprintln!("== {}: {error}", path.display());
            return false;
        }
    }
    println!("{} pages are written", pages.len());
    true
}

fn stale(pages: &[(PathBuf, String)]) -> bool {
    let mut good = true;
    for (path, text) in pages {
        let found = fs::read_to_string(root().join(path)).unwrap_or_default();
        if found != *text {
            let line = found
                .lines()
                .zip(text.lines())
                .take_while(|(one, other)| one == other)
                .count()
                + 1;
            eprintln!(
                "== {}:{line} is not what the registries say; run `cargo xtask docs`",
                path.display()
            );
            good = false;
        }
    }
    good
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The built program.
struct Program(PathBuf);

impl Program {
    fn build() -> Result<Self, Error> {
        // With a test among the targets the dependencies have the features that they have for the tests, and are built once for both.
        let arguments = [
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "potstill",
            "--test",
            "recipe",
            "--message-format",
            "json-render-diagnostics",
        ];
        let built = Command::new("cargo")
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()?;
        if !built.status.success() {
            return Err("the program cannot be built".into());
        }
        let messages = String::from_utf8(built.stdout)?;
        let mut programs = messages.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let is_program = message["target"]["name"] == "potstill" && message["target"]["kind"][0] == "bin";
            message["executable"]
                .as_str()
                .filter(|_| is_program)
                .map(PathBuf::from)
        });
        Ok(Self(programs.next_back().ok_or("cargo built no program")?))
    }

    /// What it prints, as wide as a page.
    fn text(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = Command::new(&self.0);
        command.args(arguments).env("COLUMNS", "100").stdin(Stdio::null());
        let output = command.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("potstill {}: {said}", arguments.join(" ")).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn json(&self, arguments: &[&str]) -> Result<Vec<Value>, Error> {
        Ok(serde_json::from_str(&self.text(arguments)?)?)
    }
}
