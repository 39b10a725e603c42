//! The last pages of a run: what it was and what came of it, in one file for programs and one to look at.

use potstill_report::{Data, EpochRow, LastEpoch, Summary, Teacher, html_report, write_summary};

use crate::{EngineError, ModelConfig, export::deploy, machine::peak_rss_mb, run::Run};

impl Run {
    /// Writes what a finished run shows: the student, the summary and the report.
    pub(crate) fn finish(&self) -> Result<(), EngineError> {
        let summary = self.summary(self.teacher_top1()?);
        let recipe = self.plan.recipe.to_toml()?;
        deploy(
            ModelConfig::of(&self.plan, &self.learner),
            &self.learner.student,
            &summary,
            summary.last.top1,
            &recipe,
            &self.folder.student(),
        )?;
        write_summary(self.folder.summary(), &summary)?;
        let page = html_report(&summary, self.rows(), &recipe);
        let path = self.folder.report();
        potstill_base::write_atomically(&path, page.as_bytes()).map_err(EngineError::io("write", path))
    }

    /// The run in one page.
    fn summary(&self, teacher_top1: Option<f64>) -> Summary {
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
