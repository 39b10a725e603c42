//! The last pages of a run: what it was and what came of it, in one file for programs and one to look at.

use potstill_metrics::Metrics;
use potstill_report::{Details, EpochResult, Summary, Teacher, Validated, html_report, write_summary};

use super::Run;
use crate::{
    detector_config::DetectorConfig,
    error::EngineError,
    export::deploy,
    machine::peak_rss_mb,
    model_config::{GRAPH, IN_A_FILE, InputConfig, ModelConfig},
    plan::{networks::NetworkFacts, spec::RunSpec, teachers::TeacherFacts},
};

impl Run {
    /// Measures what is left to measure, and writes what a finished run shows: the student, the summary and the report. A run in
    /// memory writes nothing.
    pub(super) fn finish(&mut self) -> Result<(), EngineError> {
        self.final_test = self.final_test()?;
        let Some(folder) = self.folder() else {
            return Ok(());
        };
        let summary = Summary {
            details: self.details()?,
            ..self.summary()
        };
        let recipe = self.spec.text()?;
        deploy(
            self.model_config(),
            &self.learner.student,
            &summary,
            summary.last_metrics(),
            &recipe,
            &folder.student(),
        )?;
        write_summary(folder.summary(), &summary)?;
        self.draw_answers()?;
        let page = html_report(&summary, self.rows(), &recipe);
        let path = folder.report();
        potstill_base::write_atomically(&path, page.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// The run in one page.
    pub fn summary(&self) -> Summary {
        let spec = &self.spec;
        let last = self.rows.iter().rev().find(|row| row.chosen_by().is_some());
        let last_epoch = last.map_or(0, |row| row.epoch);
        let best = self.best.clone().unwrap_or_default();
        let validation = spec.data.validation.as_ref().map(|_| Validated {
            best: best.metrics.clone(),
            last: last.and_then(|row| row.validation.clone()).unwrap_or_default(),
        });
        let tested = self.final_test.as_ref();
        let best = match &validation {
            None => best,
            Some(_) => EpochResult {
                epoch: best.epoch,
                metrics: tested.map(|found| found.best.clone()).unwrap_or_default(),
            },
        };
        Summary {
            name: spec.settings.name.clone(),
            seed: spec.settings.seed,
            task: spec.task.kind().to_string(),
            licence: spec.recipe.as_ref().and_then(|recipe| recipe.licence.clone()),
            source: spec.recipe.as_ref().and_then(|recipe| recipe.source.clone()),
            metrics: spec.task.metrics(),
            potstill: env!("CARGO_PKG_VERSION").into(),
            recipe_hash: self.recipe_hash.clone(),
            student: network(&spec.student),
            teachers: spec.teachers.iter().map(|facts| self.teacher(facts)).collect(),
            methods: spec.methods.iter().map(|method| method.kind.clone()).collect(),
            data: spec.images(),
            epochs: spec.epochs(),
            best,
            finished: last_epoch == spec.timeline.len(),
            last: EpochResult {
                epoch: last_epoch,
                metrics: last.and_then(|row| row.test.clone()).unwrap_or_default(),
            },
            validation,
            seconds: self.seconds,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            step_ms_median: median(&self.step_seconds).map(|seconds| 1e3 * seconds),
            peak_rss_mb: peak_rss_mb(),
            loader_wait_percent: self.loader_wait_percent(),
            details: Details::default(),
        }
    }

    /// A teacher with what was measured of it: one that stays as it is before the first step, one that learns after the last epoch.
    fn teacher(&self, facts: &TeacherFacts) -> Teacher {
        let name = &facts.name;
        let last = self.rows.iter().rev().find_map(|row| row.teachers.get(name));
        let chosen = self
            .teacher_metrics
            .get(name)
            .or(last)
            .cloned()
            .unwrap_or_default();
        let tested = self
            .final_test
            .as_ref()
            .and_then(|found| found.teachers.get(name));
        let (metrics, validation) = match &self.spec.data.validation {
            None => (chosen, Metrics::new()),
            Some(_) => (tested.cloned().unwrap_or_default(), chosen),
        };
        Teacher {
            name: name.clone(),
            network: network(&facts.network),
            metrics,
            validation,
        }
    }

    /// What the student is, as its `config.json` says it.
    pub fn model_config(&self) -> ModelConfig {
        let spec = &self.spec;
        let RunSpec { student, data, .. } = spec;
        let ([_, _, channels], input) = (data.image, &student.input);
        let network = &self.learner.student;
        let graph = network.graph_file().map(|_| GRAPH.into());
        ModelConfig {
            architecture: graph
                .as_ref()
                .map_or_else(|| student.model.clone(), |_| IN_A_FILE.into()),
            file: graph.as_ref().map(|_| student.model.clone()),
            graph,
            task: spec.task.kind(),
            classes: network.classes(),
            class_names: data.train.classes().to_vec(),
            shortcut: student.shortcut,
            norm_eps: student.norm_eps,
            detector: network.detector().map(DetectorConfig::from),
            auxiliary: network.auxiliary(),
            inserted: network.insertions(),
            input: InputConfig {
                size: data.shown_size(),
                preprocess: Some(data.preprocess.clone()),
                exif_orientation: self.exif_orientation(),
                channels,
                mean: input.normalise.mean.clone(),
                std: input.normalise.std.clone(),
                low_resolution: input.low_resolution,
                order: input.order,
            },
            potstill: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// Whether the images of the recipe are turned as their EXIF data says.
    pub(super) fn exif_orientation(&self) -> bool {
        let recipe = self.spec.recipe.as_ref();
        recipe
            .and_then(|recipe| recipe.data.exif_orientation)
            .unwrap_or_default()
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

/// The median; `None` if empty.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
