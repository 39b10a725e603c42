//! A recipe whose run takes seconds, to be varied by a test.

use std::path::Path;

use potstill_engine::{Plan, Run, RunFolder};
use potstill_recipe::Recipe;

/// Three steps an epoch, for two epochs.
const TINY: &str = r#"
version = 1
name = "test"
seed = 5
[data]
train = "shapes:size=16,train=96,test=40,classes=6"
augment = ["flip", { pad-crop = { pad = 2 } }]
[student]
model = "cifar_resnet8"
[teacher]
model = "cifar_resnet14"
weights = "random"
[train]
epochs = 2
batch = 32
optimizer = { kind = "sgd", lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }
schedule = { kind = "cosine" }
"#;

/// A recipe as text, with changes as the command line makes them.
#[derive(Debug, Clone)]
pub struct TestRecipe {
    text: String,
    changes: Vec<String>,
}

/// Two small residual networks on drawn images, without a method.
///
/// ```
/// let recipe = potstill_testing::recipe::tiny_recipe()
///     .set("train.batch=16")
///     .method("kd", "temperature = 2.0")
///     .recipe(&["seed=7"]);
/// assert_eq!((recipe.seed, recipe.train.batch, recipe.methods.len()), (7, 16, 1));
/// ```
pub fn tiny_recipe() -> TestRecipe {
    TestRecipe::of(TINY)
}

impl TestRecipe {
    /// A recipe that stands in the test.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.into(),
            changes: Vec::new(),
        }
    }

    /// With `KEY=VALUE`.
    #[must_use]
    pub fn set(mut self, change: &str) -> Self {
        self.changes.push(change.into());
        self
    }

    /// Without this key, which must be there.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        let set = format!("{key}=");
        self.changes.retain(|change| !change.starts_with(&set));
        let name = key.rsplit('.').next().unwrap();
        let beginning = format!("{name} = ");
        let (gone, left): (Vec<_>, Vec<_>) = self.text.lines().partition(|line| line.starts_with(&beginning));
        assert_eq!(gone.len(), 1, "lines that set `{key}`");
        self.text = left.join("\n") + "\n";
        self
    }

    /// Without this table, which must be there.
    #[must_use]
    pub fn without_table(mut self, name: &str) -> Self {
        let header = format!("[{name}]");
        let mut is_inside = false;
        let left = self.text.lines().filter(|line| {
            if line.starts_with('[') {
                is_inside = *line == header;
            }
            !is_inside
        });
        let left: Vec<_> = left.collect();
        let left = left.join("\n") + "\n";
        assert_ne!(left, self.text, "there is no table `{name}`");
        self.text = left;
        self
    }

    /// With one more entry of `[[methods]]`, with these lines besides its kind.
    #[must_use]
    pub fn method(self, kind: &str, options: &str) -> Self {
        self.append(&format!("[[methods]]\nkind = \"{kind}\"\n{options}\n"))
    }

    /// With whole tables at the end.
    #[must_use]
    pub fn append(mut self, tables: &str) -> Self {
        self.text += tables;
        self
    }

    /// The recipe with more changes.
    pub fn recipe(&self, changes: &[&str]) -> Recipe {
        self.read(changes).unwrap()
    }

    /// The plan, or why there is none.
    ///
    /// # Errors
    /// The message that the user would see.
    pub fn plan(&self, changes: &[&str]) -> Result<Plan, String> {
        Plan::new(self.read(changes)?).map_err(|error| error.to_string())
    }

    /// A new run in `folder`.
    pub fn start(&self, changes: &[&str], folder: &Path) -> Run {
        let folder = RunFolder::create(folder, false).unwrap();
        Run::start(self.plan(changes).unwrap(), folder).unwrap()
    }

    /// The run in `folder`, where it was interrupted.
    pub fn resume(&self, changes: &[&str], folder: &Path) -> Run {
        let folder = RunFolder::open(folder).unwrap();
        Run::resume(self.plan(changes).unwrap(), folder).unwrap()
    }

    fn read(&self, changes: &[&str]) -> Result<Recipe, String> {
        let more = changes.iter().map(|&change| change.to_owned());
        let changes: Vec<String> = self.changes.iter().cloned().chain(more).collect();
        Recipe::from_text(&self.text, "test.toml", &changes).map_err(|error| error.to_string())
    }
}
