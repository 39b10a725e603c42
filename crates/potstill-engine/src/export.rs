//! The student as a folder that deploys.

use std::{collections::BTreeMap, fs, path::Path};

use potstill_data::DatasetEntry;
use potstill_metrics::Metrics;
use potstill_models::{Model, weights};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_report::{CardFacts, Summary, model_card, read_summary};

use crate::{
    checkpoint::{Checkpoint, TensorRestorer},
    device::cpu,
    error::EngineError,
    model_config::{CONFIG, GRAPH, MODEL, ModelConfig},
    plan::spec::BY_A_PROGRAM,
    run::not_finite,
    run_folder::RunFolder,
};

/// Which student of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckpointChoice {
    /// The one after the last epoch. The default: it was not chosen by looking at any images.
    #[default]
    Last,
    /// The one of the best epoch, chosen by the headline on the validation images, or else on the test images.
    Best,
}

/// Exports the student of a finished run to `out`: `model.safetensors`, `config.json` and the model card `README.md`. The folder
/// of the run is enough: neither its data nor its teacher is opened.
///
/// ```no_run
/// use potstill_engine::{CheckpointChoice, RunFolder, VisionModel, export};
///
/// # fn main() -> Result<(), potstill_engine::EngineError> {
/// let run = RunFolder::open("runs/mine".as_ref())?;
/// export(&run, CheckpointChoice::Last, "student".as_ref())?;
/// let student = VisionModel::load("student")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The folder holds no finished run, the checkpoint is broken or not that of the epoch that `summary.json` names, the student holds
/// values that are no numbers, the target cannot be written.
pub fn export(folder: &RunFolder, choice: CheckpointChoice, out: &Path) -> Result<(), EngineError> {
    let finished = Finished::open(folder, choice)?;
    let Finished {
        config,
        student,
        summary,
        recipe,
    } = &finished;
    let metrics = match choice {
        CheckpointChoice::Last => summary.last_metrics(),
        CheckpointChoice::Best => summary.best_metrics(),
    };
    deploy(config.clone(), student, summary, metrics, recipe, out)
}

/// A student of a finished run, with what is known of it.
pub(crate) struct Finished {
    pub config: ModelConfig,
    pub student: Model,
    pub summary: Summary,
    /// The text of its recipe.
    pub recipe: String,
}

impl Finished {
    /// # Errors
    /// The folder holds no finished run, the checkpoint is broken or not that of the epoch that `summary.json` names, the student holds
    /// values that are no numbers.
    pub fn open(folder: &RunFolder, choice: CheckpointChoice) -> Result<Self, EngineError> {
        if !folder.summary().is_file() {
            return Err(EngineError::Unfinished(folder.path().into()));
        }
        let summary = read_summary(folder.summary())?;
        // One that is being extended has no student of its end yet.
        if !summary.finished {
            return Err(EngineError::Unfinished(folder.path().into()));
        }
        let recipe =
            potstill_base::read_text(&folder.recipe()).map_err(EngineError::io("read", folder.recipe()))?;
        let (path, epoch) = match choice {
            CheckpointChoice::Last => (folder.last(), summary.last.epoch),
            CheckpointChoice::Best => (folder.best(), summary.best.epoch),
        };
        let (config, student) = student_of(&path, epoch)?;
        check_numbers(&student, &summary)?;
        Ok(Self {
            config: ModelConfig {
                potstill: env!("CARGO_PKG_VERSION").into(),
                ..config
            },
            student,
            summary,
            recipe,
        })
    }
}

fn check_numbers(student: &Model, summary: &Summary) -> Result<(), EngineError> {
    match not_finite(student.parameters()) {
        Some(tensor) => Err(EngineError::NotANumber {
            run: summary.name.clone(),
            what: format!("its tensor `{tensor}` holds values that are no finite numbers"),
        }),
        None => Ok(()),
    }
}

/// The student of the checkpoint of an epoch, and what it is.
fn student_of(checkpoint: &Path, epoch: usize) -> Result<(ModelConfig, Model), EngineError> {
    let (run_state, mut tensors) = Checkpoint::of_epoch(checkpoint, epoch)?;
    let config = run_state.student.ok_or_else(|| EngineError::Checkpoint {
        file: checkpoint.into(),
        reason: "it does not say which network its student is".into(),
    })?;
    let config = config.found_in(checkpoint);
    let scope = Scope::new(&cpu(), Seed::new(0), "student");
    let mut student = config.build(&scope)?;
    let mut restorer = TensorRestorer::new(&mut tensors);
    restorer.fill("student", student.parameters_mut());
    restorer.done(checkpoint)?;
    Ok((config, student))
}

/// Writes the three files of a deployable student with these `metrics` on the test images. `recipe` is the text of its recipe, or
/// [what a program says instead](crate::RunSpec::text).
///
/// # Errors
/// The folder cannot be written; the student holds values that are no finite numbers.
pub fn deploy(
    config: ModelConfig,
    student: &Model,
    summary: &Summary,
    metrics: &Metrics,
    recipe: &str,
    out: &Path,
) -> Result<(), EngineError> {
    check_numbers(student, summary)?;
    fs::create_dir_all(out).map_err(EngineError::io("make the folder", out))?;
    let config = ModelConfig {
        potstill: env!("CARGO_PKG_VERSION").into(),
        graph: student.graph_file().map(|_| GRAPH.into()),
        ..config
    };
    let mut metadata = BTreeMap::from([
        ("format".to_owned(), "pt".to_owned()),
        ("architecture".to_owned(), config.architecture.clone()),
        ("potstill_version".to_owned(), config.potstill.clone()),
        ("recipe_sha256".to_owned(), summary.recipe_hash.clone()),
        ("methods".to_owned(), summary.methods.join(",")),
    ]);
    metadata.extend(summary.metrics.iter().filter_map(|metric| {
        let value = metrics.of(metric).filter(|value| value.is_finite())?;
        Some((metric.name.clone().into_owned(), metric.unit.number(value)))
    }));
    weights::save(&student.deployed(), &metadata, &out.join(MODEL))?;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        potstill_base::write_atomically(&path, text.as_bytes()).map_err(EngineError::io("write", path))
    };
    let json = config
        .to_json()
        .map_err(|error| EngineError::io("write", out.join(CONFIG))(error.into()))?;
    write(CONFIG, &json)?;
    if let Some(graph) = student.graph_file() {
        let path = out.join(GRAPH);
        potstill_base::write_atomically(&path, graph).map_err(EngineError::io("write", path))?;
    }
    write("README.md", &model_card(&card_facts(summary, recipe)))
}

/// What the model card of a student is made from.
pub(crate) fn card_facts<'a>(summary: &'a Summary, recipe: &'a str) -> CardFacts<'a> {
    let data = DatasetEntry::of(&summary.data.train);
    CardFacts {
        summary,
        recipe,
        command: (!recipe.starts_with(BY_A_PROGRAM)).then_some("potstill train recipe.toml"),
        license: summary.licence.as_deref(),
        teacher_license: None,
        data_license: data.map(|entry| entry.licence),
        data_name: data.map(|entry| entry.name),
        comparison: None,
    }
}
