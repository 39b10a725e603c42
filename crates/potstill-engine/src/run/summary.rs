//! The last pages of a run: what it was and what came of it, in one file for programs and one to look at.

use potstill_report::{Data, Details, EpochResult, EpochRow, Summary, Teacher, html_report, write_summary};

use super::Run;
use crate::{
    error::EngineError,
    export::deploy,
    machine::peak_rss_mb,
    model_config::{InputConfig, ModelConfig},
    plan::{data::PlannedData, networks::NetworkFacts, spec::RunSpec},
};

impl Run {
    /// Writes what a finished run shows: the student, the summary and the report. A run in memory writes nothing.
    pub(super) fn finish(&self) -> Result<(), EngineError> {
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let summary = Summary {
            details: self.details()?,
            ..self.summary()?
        };
        let recipe = self.spec.text()?;
        deploy(
            self.model_config(),
            &self.learner.student,
            &summary,
            &summary.last.metrics,
            &recipe,
            &folder.student(),
        )?;
        write_summary(folder.summary(), &summary)?;
        let page = html_report(&summary, self.rows(), &recipe);
        let path = folder.report();
        potstill_base::write_atomically(&path, page.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// The run in one page. It measures the teachers.
    ///
    /// # Errors
    /// A test image that cannot be read.
    pub fn summary(&self) -> Result<Summary, EngineError> {
        let (spec, found) = (&self.spec, self.evaluate_teachers(|_| true)?);
        let measured = |row: &EpochRow| {
            let (epoch, metrics) = (row.epoch, row.test.clone()?);
            Some(EpochResult { epoch, metrics })
        };
        let last = self.rows.iter().rev().find_map(measured).unwrap_or_default();
        let teachers = spec.teachers.iter().map(|facts| Teacher {
            name: facts.name.clone(),
            network: network(&facts.network),
            metrics: found.get(&facts.name).cloned().unwrap_or_default(),
        });
        Ok(Summary {
            name: spec.settings.name.clone(),
            seed: spec.settings.seed,
            task: spec.task.kind().to_string(),
            metrics: spec.task.metrics(),
            potstill: env!("CARGO_PKG_VERSION").into(),
            recipe_hash: self.recipe_hash.clone(),
            student: network(&spec.student),
            teachers: teachers.collect(),
            methods: spec.methods.iter().map(|method| method.kind.clone()).collect(),
            data: data(spec),
            epochs: spec.epochs(),
            best: self.best.clone().unwrap_or_default(),
            finished: last.epoch == spec.timeline.len(),
            last,
            seconds: self.seconds,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            step_ms_median: median(&self.step_seconds).map(|seconds| 1e3 * seconds),
            peak_rss_mb: peak_rss_mb(),
            loader_wait_percent: self.loader_wait_percent(),
            details: Details::default(),
        })
    }

    /// What the student is, as its `config.json` says it.
    pub fn model_config(&self) -> ModelConfig {
        let spec = &self.spec;
        let RunSpec { student, data, .. } = spec;
        let ([_, _, channels], input) = (data.image, &student.input);
        let network = &self.learner.student;
        ModelConfig {
            architecture: student.model.clone(),
            task: spec.task.kind(),
            classes: network.classes(),
            class_names: data.train.classes().to_vec(),
            shortcut: student.shortcut,
            inserted: network.insertions(),
            input: InputConfig {
                size: data.shown_size(),
                preprocess: Some(data.preprocess.clone()),
                channels,
                mean: input.normalise.mean.clone(),
                std: input.normalise.std.clone(),
                low_resolution: input.low_resolution,
            },
            potstill: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// The part of the training time in which a step waited for its batch, percent.
    fn loader_wait_percent(&self) -> Option<f64> {
        let training = self.waited + self.step_seconds.iter().sum::<f64>();
        (training > 0.0).then(|| 100.0 * self.waited / training)
    }
}

fn network(facts: &NetworkFacts) -> potstill_report::Network {
    potstill_report::Network {
        model: facts.model.clone(),
        params: facts.info.probe.parameters as u64,
        macs: facts.info.probe.macs,
    }
}

fn data(spec: &RunSpec) -> Data {
    let PlannedData { train, test, .. } = &spec.data;
    let sources = spec.recipe.as_ref().map(|recipe| &recipe.data);
    Data {
        train: sources.map_or_else(|| train.name().to_owned(), |data| data.train.clone()),
        test: sources.map_or_else(|| test.name().to_owned(), |data| data.test_source().to_owned()),
        train_images: train.len(),
        test_images: test.len(),
        classes: train.classes().len(),
    }
}

/// The median; `None` if empty.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
