//! The last pages of a run: what it was and what came of it, in one file for programs and one to look at.

use potstill_metrics::Metrics;
use potstill_report::{Data, EpochResult, EpochRow, Summary, Teacher, html_report, write_summary};

use crate::{EngineError, ModelConfig, export::deploy, machine::peak_rss_mb, run::Run, run::TEACHER};

impl Run {
    /// Writes what a finished run shows: the student, the summary and the report.
    pub(crate) fn finish(&self) -> Result<(), EngineError> {
        let summary = self.summary(self.evaluate_teacher()?.unwrap_or_default());
        let recipe = self.plan.recipe.to_toml()?;
        deploy(
            ModelConfig::of(&self.plan, &self.learner),
            &self.learner.student,
            &summary,
            &summary.last.metrics,
            &recipe,
            &self.folder.student(),
        )?;
        write_summary(self.folder.summary(), &summary)?;
        let page = html_report(&summary, self.rows(), &recipe);
        let path = self.folder.report();
        potstill_base::write_atomically(&path, page.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// The run in one page.
    fn summary(&self, teacher: Metrics) -> Summary {
        let plan = &self.plan;
        let measured = |row: &EpochRow| {
            let (epoch, metrics) = (row.epoch, row.test.clone()?);
            Some(EpochResult { epoch, metrics })
        };
        let last = self.rows.iter().rev().find_map(measured).unwrap_or_default();
        let teachers = plan.teacher.as_ref().map(|planned| Teacher {
            name: TEACHER.into(),
            network: network(&planned.model, &planned.side),
            metrics: teacher,
        });
        Summary {
            name: plan.recipe.name.clone(),
            seed: plan.recipe.seed,
            task: plan.task.kind().to_string(),
            metrics: plan.task.metrics(),
            potstill: env!("CARGO_PKG_VERSION").into(),
            recipe_hash: self.recipe_hash.clone(),
            student: network(&plan.student.model, &plan.student_side),
            teachers: teachers.into_iter().collect(),
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
            best: self.best.clone().unwrap_or_default(),
            finished: last.epoch == plan.timeline.len(),
            last,
            seconds: self.seconds,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            step_ms_median: median(&self.step_seconds).map(|seconds| 1e3 * seconds),
            peak_rss_mb: peak_rss_mb(),
            loader_wait_percent: self.loader_wait_percent(),
        }
    }

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
