//! The end of an epoch: evaluated, recorded, saved.

use std::time::Instant;

use potstill_methods::Event;
use potstill_report::{EpochRow, IndexMap, Training, append_metrics};

use crate::{
    Best, EngineError, Evaluation, Observer, Phase, Position, epoch_line, plan::timeline::EpochKind, run::Run,
};

impl Run {
    /// Evaluates where something was learned that is measured, and records the epoch that `began`.
    pub(super) fn close_epoch(
        &mut self,
        slot: EpochKind,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let training = began.elapsed().as_secs_f64();
        let (student, teacher) = match slot {
            EpochKind::Student { .. } if self.learner.has_online_teacher() => {
                (Some(self.evaluate()?), self.evaluate_teacher()?)
            }
            EpochKind::Student { .. } => (Some(self.evaluate()?), None),
            EpochKind::SearchRound { .. } => (None, None),
        };
        self.seconds += began.elapsed().as_secs_f64();
        let row = self.row(slot, training, student, teacher)?;
        let improved = student.is_some_and(|now| self.best.is_none_or(|best| now.top1 > best.top1));
        if let Some(now) = student.filter(|_| improved) {
            let (epoch, top1) = (row.epoch, now.top1);
            self.best = Some(Best { epoch, top1 });
        }
        append_metrics(self.folder.metrics(), &row)?;
        self.events.epoch(&row)?;
        self.folder.log(&epoch_line(&row, self.plan.timeline.len()))?;
        self.picture(slot)?;
        self.save(improved.then(|| self.folder.best()))?;
        observer.epoch(&row, self.plan.timeline.len());
        self.rows.push(row);
        Ok(())
    }

    /// The epoch in one row; the position goes on to the next, and an augmentation hears that its epoch has ended.
    fn row(
        &mut self,
        slot: EpochKind,
        training: f64,
        student: Option<Evaluation>,
        teacher: Option<Evaluation>,
    ) -> Result<EpochRow, EngineError> {
        let totals = std::mem::take(&mut self.totals);
        let steps = self.position.step;
        self.position = Position {
            epoch: self.position.epoch + 1,
            step: 0,
        };
        let terms = totals
            .terms
            .iter()
            .map(|(name, sum)| (name.clone(), totals.mean(*sum)));
        let (phase, lr) = match slot {
            EpochKind::Student { epoch } => {
                let phase = Phase::at(&self.plan.phases, epoch);
                (
                    phase.name.clone(),
                    phase.rate(epoch, steps.saturating_sub(1), steps),
                )
            }
            EpochKind::SearchRound { method, .. } => {
                let rate = self.learner.augmentation(method)?.rate();
                // The rate of the next epoch hangs on the loss of this one.
                let loss = totals.mean(totals.loss);
                self.learner.notify(method, &Event::RoundEpochEnd { loss })?;
                (format!("{} augmentation", self.learner.methods[method].id), rate)
            }
        };
        Ok(EpochRow {
            epoch: self.position.epoch,
            phase,
            step: (self.position.epoch * steps) as u64,
            lr,
            seconds: self.seconds,
            images_per_second: totals.images as f64 / training,
            train: Training {
                loss: totals.mean(totals.loss),
                top1: student.is_some().then(|| totals.top1()),
                terms: terms.collect::<IndexMap<_, _>>(),
                ..Training::default()
            },
            test: student.map(reported),
            teacher: teacher.map(reported),
            notes: self.learner.metrics().into_iter().collect(),
        })
    }
}

fn reported(found: Evaluation) -> potstill_report::Evaluation {
    potstill_report::Evaluation {
        loss: found.loss,
        top1: found.top1,
        top5: found.top5,
    }
}
