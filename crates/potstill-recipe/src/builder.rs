//! Recipes made in code.

use potstill_settings::HeadWeights;
use toml::{Table, Value};

use crate::document::Places;
use crate::error::Place;
use crate::{
    MethodSpec, Network, OnnxTeacher, OptimizerSpec, Origin, Problem, Recipe, RecipeError, RunTeacher,
    Schedule, Schema, Student, TaskKind, Teacher, TeacherSource, overrides,
};

/// Makes a recipe in code, with the checks and the defaults of one that is read from a file.
///
/// ```
/// use potstill_recipe::{MethodSpec, Network, Recipe, RunTeacher, Sgd};
///
/// let recipe = Recipe::builder("mine")
///     .data("shapes")
///     .student("cifar_resnet8")
///     .teacher(RunTeacher { run: "runs/teacher".into() })
///     .epochs(30)
///     .optimizer(Sgd { momentum: 0.9, nesterov: true, ..Sgd::with_rate(0.05) })
///     .method(MethodSpec::new("kd").with_weight(0.9).with("temperature", 2.0))
///     .set("train.task_weight", 0.1)
///     .build()?;
/// assert_eq!(recipe.total_epochs(), 30);
/// assert_eq!(recipe.train.batch, 64);
///
/// let wrong = Recipe::builder("mine").data("shapes").student("cifar_resnet8").epochs(0).build();
/// assert_eq!(
///     wrong.unwrap_err().to_string(),
///     "the recipe: `train.epochs` must be a whole number of at least 1, not 0\n\
///      the recipe: missing key `train.optimizer`; write for example \
///      `optimizer = { kind = \"sgd\", lr = 0.1, momentum = 0.9 }`",
/// );
/// # Ok::<(), potstill_recipe::RecipeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecipeBuilder {
    table: Table,
    problems: Vec<Problem>,
}

impl Recipe {
    /// A recipe to be made in code, for a run of this name.
    pub fn builder(name: impl Into<String>) -> RecipeBuilder {
        let builder = RecipeBuilder {
            table: Table::new(),
            problems: Vec::new(),
        };
        builder.set("version", 1).set("name", name.into())
    }
}

impl RecipeBuilder {
    /// The training images: a data set's name, or a path. The test split of the same is measured with, unless
    /// `data.test` is set.
    #[must_use]
    pub fn data(self, train: impl Into<String>) -> Self {
        self.set("data.train", train.into())
    }

    /// What the networks do with an image.
    #[must_use]
    pub fn task(self, task: TaskKind) -> Self {
        self.set_from("task", task)
    }

    /// The network to train: its name, a [`Network`] with weights and more, or an [`OnnxStudent`](crate::OnnxStudent).
    #[must_use]
    pub fn student(self, network: impl Into<Student>) -> Self {
        self.set_from("student", network.into())
    }

    /// The only teacher.
    #[must_use]
    pub fn teacher(self, teacher: impl Into<Teacher>) -> Self {
        self.set_from("teacher", teacher.into())
    }

    /// One of several teachers, under a name.
    #[must_use]
    pub fn named_teacher(self, name: &str, teacher: impl Into<Teacher>) -> Self {
        self.set_from(&format!("teachers.{name}"), teacher.into())
    }

    /// How many times to go through the training images.
    #[must_use]
    pub fn epochs(self, epochs: usize) -> Self {
        self.set_from("train.epochs", epochs)
    }

    /// Images in a step.
    #[must_use]
    pub fn batch(self, images: usize) -> Self {
        self.set_from("train.batch", images)
    }

    /// The rule of a step.
    #[must_use]
    pub fn optimizer(self, optimizer: impl Into<OptimizerSpec>) -> Self {
        self.set_from("train.optimizer", optimizer.into())
    }

    /// How the learning rate changes.
    #[must_use]
    pub fn schedule(self, schedule: Schedule) -> Self {
        self.set_from("train.schedule", schedule)
    }

    /// Where every random draw starts from.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        self.set_from("seed", seed)
    }

    /// One more method.
    #[must_use]
    pub fn method(mut self, method: MethodSpec) -> Self {
        match Value::try_from(method) {
            Ok(method) => {
                let methods = self
                    .table
                    .entry("methods")
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(methods) = methods {
                    methods.push(method);
                }
            }
            Err(error) => self.refuse("methods", &error.to_string()),
        }
        self
    }

    /// Any key, dotted as in an override: `train.label_smoothing`, `methods.0.weight`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Err(problem) = overrides::put_value(&mut self.table, key, value.into()) {
            self.refuse(key, &problem);
        }
        self
    }

    fn set_from(mut self, key: &str, value: impl serde::Serialize) -> Self {
        match Value::try_from(value) {
            Ok(value) => self.set(key, value),
            Err(error) => {
                self.refuse(key, &format!("`{key}` cannot be written as TOML: {error}"));
                self
            }
        }
    }

    fn refuse(&mut self, key: &str, text: &str) {
        self.problems.push(Problem {
            place: Place::File("the recipe".into()),
            key: key.to_owned(),
            text: text.to_owned(),
        });
    }

    /// The recipe, checked. Which methods there are, and their options, is left to whoever plans them.
    ///
    /// # Errors
    /// With everything that is wrong; see [`Schema::read_text`].
    pub fn build(self) -> Result<Recipe, RecipeError> {
        self.build_by(&Schema::default())
    }

    /// The recipe, checked with the options of the methods that `schema` knows.
    ///
    /// # Errors
    /// With everything that is wrong; see [`Schema::read_text`].
    pub fn build_by(self, schema: &Schema) -> Result<Recipe, RecipeError> {
        schema.read_table(self.table, Origin::root(Places::default()), self.problems)
    }
}

/// By its name, with random weights.
impl From<&str> for Network {
    fn from(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            weights: None,
            head: HeadWeights::Kept,
            shortcut: None,
            auxiliary: None,
            input: None,
            norm: None,
            norm_eps: None,
            freeze: None,
            inherit: None,
        }
    }
}

impl From<RunTeacher> for Teacher {
    fn from(run: RunTeacher) -> Self {
        TeacherSource::Run(run).into()
    }
}

impl From<OnnxTeacher> for Teacher {
    fn from(file: OnnxTeacher) -> Self {
        TeacherSource::Onnx(file).into()
    }
}

impl From<Network> for Teacher {
    fn from(network: Network) -> Self {
        TeacherSource::Network(network).into()
    }
}
