//! The student as a folder that deploys, and the last pages of a run.

use std::{collections::BTreeMap, fs, path::Path};

use potstill_data::DatasetEntry;
use potstill_models::{Shortcut, weights};
use potstill_report::{
    CardFacts, Data, EpochRow, LastEpoch, Summary, Teacher, html_report, model_card, read_summary,
    write_summary,
};

use crate::{
    Checkpoint, EngineError, Plan, Run, RunFolder,
    checkpoint::TensorRestorer,
    machine::peak_rss_mb,
    network::{CONFIG, InputConfig, MODEL, ModelConfig},
    train::learner::Learner,
};

/// Which student of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckpointChoice {
    /// The one after the last epoch. The default: it was not chosen by looking at the test images.
    #[default]
    Last,
    /// The one with the best accuracy on the test images.
    Best,
}

/// Exports the student of a finished run to `out`: `model.safetensors`, `config.json` and the model card `README.md`.
///
/// # Errors
/// The folder holds no finished run, the checkpoint is broken, the target cannot be written.
pub fn export(
    mut plan: Plan,
    folder: &RunFolder,
    choice: CheckpointChoice,
    out: &Path,
) -> Result<(), EngineError> {
    let unfinished = |_| {
        let reason =
            "it has no summary.json: the run is not finished, `potstill train --resume` continues it".into();
        EngineError::NoRun {
            folder: folder.path().into(),
            reason,
        }
    };
    let summary = read_summary(folder.summary()).map_err(unfinished)?;
    let path = match choice {
        CheckpointChoice::Last => folder.last(),
        CheckpointChoice::Best => folder.best(),
    };
    let mut learner = Learner::of(&mut plan);
    let (_, mut tensors) = Checkpoint::read(&path)?;
    let mut put_back = TensorRestorer::new(&mut tensors);
    put_back.fill("student", learner.student.parameters_mut());
    put_back.done(&path)?;
    let top1 = match choice {
        CheckpointChoice::Last => summary.last.top1,
        CheckpointChoice::Best => summary.best.top1,
    };
    write_student(&plan, &learner, &summary, top1, out)
}

/// What the student of a plan is.
fn model_config(plan: &Plan, learner: &Learner) -> ModelConfig {
    let [height, width, channels] = plan.image;
    ModelConfig {
        architecture: plan.student.model.clone(),
        task: "classification".into(),
        classes: learner.student.classes(),
        class_names: plan.train.classes().to_vec(),
        shortcut: plan.student.shortcut.map(|shortcut| match shortcut {
            Shortcut::Subsample => "a".into(),
            Shortcut::Projection => "b".into(),
        }),
        inserted: learner.student.insertions().into_iter().map(Into::into).collect(),
        input: InputConfig {
            size: [height, width],
            channels,
            mean: learner.student_input.normalise.mean.clone(),
            std: learner.student_input.normalise.std.clone(),
            low_resolution: learner.student_input.low_resolution,
        },
        potstill: env!("CARGO_PKG_VERSION").into(),
    }
}

/// Writes the three files of a deployable student that has `top1` percent on the test images.
fn write_student(
    plan: &Plan,
    learner: &Learner,
    summary: &Summary,
    top1: f64,
    out: &Path,
) -> Result<(), EngineError> {
    fs::create_dir_all(out).map_err(EngineError::io("make the folder", out))?;
    let config = model_config(plan, learner);
    let metadata = BTreeMap::from([
        ("format".to_owned(), "pt".to_owned()),
        ("architecture".to_owned(), config.architecture.clone()),
        ("potstill_version".to_owned(), config.potstill.clone()),
        ("recipe_sha256".to_owned(), summary.recipe_hash.clone()),
        ("methods".to_owned(), summary.methods.join(",")),
        ("top1".to_owned(), format!("{top1:.2}")),
    ]);
    weights::save(&learner.student.deployed(), &metadata, &out.join(MODEL))?;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        weights::write_atomically(&path, text.as_bytes()).map_err(EngineError::io("write", path))
    };
    let json = serde_json::to_string_pretty(&config)
        .map_err(|error| EngineError::Contradiction(error.to_string()))?;
    write(CONFIG, &(json + "\n"))?;
    let recipe = plan.recipe.to_toml()?;
    let data = DatasetEntry::of(&plan.recipe.data.train);
    let facts = CardFacts {
        summary,
        recipe: &recipe,
        command: "potstill train recipe.toml",
        license: None,
        teacher_license: None,
        data_license: data.map(|entry| entry.licence),
        data_name: data.map(|entry| entry.name),
        comparison: None,
    };
    write("README.md", &model_card(&facts))
}

impl Run {
    /// What the student is.
    pub(crate) fn model_config(&self) -> ModelConfig {
        model_config(&self.plan, &self.learner)
    }

    /// Writes what a finished run shows: the student, the summary and the report.
    pub(crate) fn finish(&self) -> Result<(), EngineError> {
        let summary = self.summary(self.teacher_top1()?);
        let top1 = summary.last.top1;
        write_student(&self.plan, &self.learner, &summary, top1, &self.folder.student())?;
        write_summary(self.folder.summary(), &summary)?;
        let page = html_report(&summary, self.rows(), &self.plan.recipe.to_toml()?);
        let path = self.folder.report();
        weights::write_atomically(&path, page.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// The run in one page.
    pub(crate) fn summary(&self, teacher_top1: Option<f64>) -> Summary {
        let plan = &self.plan;
        let measured = |row: &EpochRow| row.test.map(|test| (row.epoch, test));
        let last = self.rows.iter().rev().find_map(measured);
        Summary {
            name: plan.recipe.name.clone(),
            seed: plan.recipe.seed,
            task: "classification".into(),
            potstill: env!("CARGO_PKG_VERSION").into(),
            recipe_hash: self.recipe_hash.clone(),
            student: network(&plan.student.model, &plan.student_side),
            teacher: plan.teacher.as_ref().map(|teacher| Teacher {
                network: network(&teacher.model, &teacher.side),
                top1: teacher_top1,
            }),
            methods: plan
                .recipe
                .methods
                .iter()
                .map(|method| method.kind.clone())
                .collect(),
            data: Data {
                train: plan.recipe.data.train.clone(),
                test: plan.recipe.data.test_source().into(),
                train_images: plan.train.len(),
                test_images: plan.test.len(),
                classes: plan.train.classes().len(),
            },
            epochs: plan.recipe.total_epochs(),
            best: self
                .best
                .map(|best| potstill_report::BestEpoch {
                    epoch: best.epoch,
                    top1: best.top1,
                })
                .unwrap_or_default(),
            last: last
                .map(|(epoch, test)| LastEpoch {
                    epoch,
                    top1: test.top1,
                    top5: test.top5,
                    loss: test.loss,
                })
                .unwrap_or_default(),
            seconds: self.seconds,
            finished: last.is_some_and(|(epoch, _)| epoch == plan.timeline.len()),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            step_ms_median: median(&self.step_seconds).map(|seconds| 1e3 * seconds),
            peak_rss_mb: peak_rss_mb(),
            loader_wait_percent: self.loader_wait_percent(),
        }
    }
}

impl Run {
    /// The part of the training time in which a step waited for its batch, percent.
    fn loader_wait_percent(&self) -> Option<f64> {
        let training = self.waited + self.step_seconds.iter().sum::<f64>();
        (training > 0.0).then(|| 100.0 * self.waited / training)
    }
}

fn network(model: &str, side: &potstill_methods::NetworkInfo) -> potstill_report::Network {
    potstill_report::Network {
        model: model.into(),
        params: side.probe.parameters as u64,
        macs: side.probe.macs,
    }
}

/// The median; `None` if empty.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
