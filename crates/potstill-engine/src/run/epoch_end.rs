//! The end of an epoch: evaluated, recorded, saved.

use std::time::Instant;

use potstill_methods::{Event, PlannedMethod};
use potstill_metrics::{MetricInfo, Metrics};
use potstill_report::{EpochResult, EpochRow, IndexMap, Training};

use super::{Run, measure::Measured};
use crate::{
    checkpoint::Position,
    error::EngineError,
    observer::{EpochProgress, Observer},
    plan::{
        phases::Phase,
        timeline::{EpochKind, RunEpoch, SearchEpoch},
    },
    train::teacher::LiveTeacher,
};

impl Run {
    /// Evaluates where something was learned that is measured, and records the epoch that `began`.
    pub(super) fn close_epoch(
        &mut self,
        kind: EpochKind,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let training = began.elapsed().as_secs_f64();
        let (student, teachers) = match kind {
            EpochKind::Student { .. } => {
                let images = self.spec.data.chosen_by();
                let teachers = self.measure_teachers(images, LiveTeacher::is_online)?;
                (self.measure_epoch()?, teachers)
            }
            EpochKind::SearchRound(_) => (Measured::default(), IndexMap::new()),
        };
        self.check_measured(&student)?;
        self.check_weights()?;
        self.seconds += began.elapsed().as_secs_f64();
        let row = self.row(kind, training, student, teachers)?;
        let measured = self.spec.task.metrics();
        let result = row.chosen_by().map(|metrics| EpochResult {
            epoch: row.epoch,
            metrics: metrics.clone(),
        });
        let improved = result.filter(|now| self.improves(&measured.headline, &now.metrics));
        let is_best = improved.is_some();
        self.best = improved.or(self.best.take());
        if is_best && self.output.is_none() && self.spec.data.validation.is_some() {
            self.best_in_memory = Some(self.learner.student.clone());
        }
        let progress = EpochProgress {
            row: &row,
            epochs: self.spec.timeline.len(),
            metrics: &measured,
        };
        if let Some(output) = &mut self.output {
            output.epoch(&progress)?;
        }
        if let EpochKind::SearchRound(search) = kind {
            self.preview(search)?;
        }
        self.save(is_best)?;
        observer.epoch(&progress);
        self.rows.push(row);
        self.warn_of_still_loss(observer);
        Ok(())
    }

    /// The mean weights of the entries whose weight changes.
    fn changing_weights(&self, kind: EpochKind) -> IndexMap<String, f64> {
        let EpochKind::Student { epoch } = kind else {
            return IndexMap::new();
        };
        let weight = |planned: &PlannedMethod| Some((planned.id.clone(), planned.weight.mean(epoch)?));
        self.learner.methods.iter().filter_map(weight).collect()
    }

    /// Whether these metrics are better than those of the best epoch so far.
    fn improves(&self, headline: &MetricInfo, now: &Metrics) -> bool {
        let value = |metrics: &Metrics| metrics.of(headline).unwrap_or(f64::NAN);
        let best = self.best.as_ref();
        best.is_none_or(|best| headline.is_better(value(now), value(&best.metrics)))
    }

    /// The epoch in one row; the position goes on to the next, and an augmentation hears that its epoch has ended.
    fn row(
        &mut self,
        kind: EpochKind,
        training: f64,
        student: Measured,
        teachers: IndexMap<String, Metrics>,
    ) -> Result<EpochRow, EngineError> {
        let totals = std::mem::take(&mut self.totals);
        let steps = self.position.step;
        self.position = Position {
            epoch: RunEpoch(self.position.epoch.0 + 1),
            step: 0,
        };
        let (phase, lr) = match kind {
            EpochKind::Student { epoch } => {
                let phase = Phase::at(&self.spec.phases, epoch);
                (
                    phase.name.clone(),
                    phase.rate(epoch, steps.saturating_sub(1), steps),
                )
            }
            EpochKind::SearchRound(SearchEpoch { method, .. }) => {
                let rate = self.learner.augmentation(method)?.rate();
                // The rate of the next epoch hangs on the loss of this one.
                let loss = totals.mean_loss();
                self.learner.notify(method, &Event::RoundEpochEnd { loss })?;
                (format!("{} augmentation", self.learner.methods[method].id), rate)
            }
        };
        Ok(EpochRow {
            epoch: self.position.epoch.0,
            phase,
            search: matches!(kind, EpochKind::SearchRound(_)),
            step: (self.position.epoch.0 * steps) as u64,
            lr,
            seconds: self.seconds,
            images_per_second: totals.images as f64 / training,
            train: Training {
                loss: totals.mean_loss(),
                metrics: match kind {
                    EpochKind::Student { .. } => totals.metrics(&self.spec.task.metrics()),
                    EpochKind::SearchRound(_) => Metrics::new(),
                },
                terms: totals.mean_terms().collect::<IndexMap<_, _>>(),
                weights: self.changing_weights(kind),
            },
            validation: student.validation,
            test: student.test,
            teachers,
            notes: self.learner.metrics().into_iter().collect(),
        })
    }
}
