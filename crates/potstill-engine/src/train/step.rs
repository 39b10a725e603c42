//! One step of the student's training: teachers, student, losses, gradients, update.

use std::mem;

use potstill_data::Batch;
use potstill_methods::{
    HeadUse, Moment, NetworkOutput, PlannedMethod, SecondView, StepContext, StudentEpoch, StudentStep,
    TeacherLook, TeacherOutput, TeacherRef, TeacherStep, TeacherUpdate,
};
use potstill_metrics::Metrics;
use potstill_models::LinearHead;
use potstill_ops::{BatchStatistics, Mode, Pass};
use potstill_tasks::{LossTerm, terms_where_known};

use super::{
    alone::has_for_itself,
    backward::UpdateContext,
    error::StepError,
    forward::Trace,
    inputs::Inputs,
    learner::Learner,
    parts::OptimizerKey,
    profile::{StepPart, StepProfile},
    terms::{StepLoss, Weighted, read, values},
};

/// What a step did.
pub(crate) struct StepReport {
    /// The weighted loss.
    pub loss: f64,
    /// The unweighted terms.
    pub terms: Vec<(String, f64)>,
    /// What the task counts over the images of the batch, not counting those that an augmentation made, by the name of the metric.
    pub counts: Metrics,
}

/// What the networks of a step did, and what it is worth.
struct Forward {
    seen: Seen,
    weighted: Vec<Weighted>,
    /// What teachers learned from that were updated first.
    lead: StepLoss,
    /// Multiply-accumulates that the student's step goes back through.
    macs: u64,
}

/// What the networks of a step did, and with what: what methods look at.
struct Seen {
    student: NetworkOutput,
    teachers: Vec<Option<TeacherOutput>>,
    second: Option<SeenTwice>,
    inputs: Inputs,
}

/// What the networks of a step did with the second view of the images.
struct SeenTwice {
    student: NetworkOutput,
    teachers: Vec<Option<TeacherOutput>>,
}

impl Seen {
    /// What the student did. The maps that only methods looked at are let go of.
    fn into_student(self) -> NetworkOutput {
        self.student
    }
}

/// What the teachers of a step did.
struct Teachers {
    outputs: Vec<Option<TeacherOutput>>,
    /// Multiply-accumulates of their passes that the student's step goes back through.
    macs: u64,
    /// What those learned from that were updated first.
    lead: StepLoss,
}

impl Learner {
    /// Trains on one batch. Nothing has moved if the step is refused, but for a teacher that is updated first.
    pub fn step(
        &mut self,
        batch: &Batch,
        epoch: StudentEpoch,
        step: usize,
        update: &mut UpdateContext<'_>,
        profile: &mut StepProfile,
    ) -> Result<StepReport, StepError> {
        let mut trace = Trace::new(Moment { epoch, step }, profile);
        let Forward {
            seen,
            weighted,
            lead,
            macs,
        } = self.forward(batch, Some(&mut *update), &mut trace)?;
        let StepLoss { loss, terms } = values(&weighted)?;
        let again = if update.optimizers.of(OptimizerKey::Student).is_apart() {
            let mut dropped = Trace::new(trace.at, trace.profile);
            Some(self.forward(batch, None, &mut dropped)?.weighted)
        } else {
            None
        };
        self.remember(&seen, trace.at)?;
        let student = seen.into_student();
        trace.profile.record(StepPart::Losses, 0);
        match again {
            Some(again) => self.update_apart([weighted, again], update, macs, trace.profile),
            None => self.backward_and_update(weighted, update, macs, trace.profile),
        }
        for part in self.parts_mut() {
            if part.trains_in(update.phase).is_some() {
                BatchStatistics::update_running_stats(&trace.statistics, part.module);
            }
        }
        let counts = self.counts(&student, batch)?;
        trace.profile.record(StepPart::Bookkeeping, 0);
        Ok(StepReport {
            loss: lead.loss + loss,
            terms: [lead.terms, terms].concat(),
            counts,
        })
    }

    /// The terms of a step before their weights, whatever they are worth. Nothing moves.
    ///
    /// # Errors
    /// As [`step`](Self::step); of terms that are no numbers only those of a teacher that is updated first.
    pub fn term_values(
        &mut self,
        batch: &Batch,
        epoch: StudentEpoch,
        step: usize,
    ) -> Result<Vec<(String, f64)>, StepError> {
        let mut profile = StepProfile::start();
        let mut trace = Trace::new(Moment { epoch, step }, &mut profile);
        let Forward { weighted, .. } = self.forward(batch, None, &mut trace)?;
        let found = read(&weighted).into_iter();
        let names = weighted.iter().map(|weighted| weighted.term.name.clone());
        Ok(names.zip(found).collect())
    }

    /// The forward passes of a step up to its losses. Without an update nothing moves.
    fn forward(
        &mut self,
        batch: &Batch,
        update: Option<&mut UpdateContext<'_>>,
        trace: &mut Trace<'_>,
    ) -> Result<Forward, StepError> {
        let Moment { epoch, step } = trace.at;
        let mut inputs = self.inputs(batch, epoch, step)?;
        trace.profile.record(StepPart::Batch, 0);
        let teachers = self.forward_teachers(&mut inputs, update, trace)?;
        let student = self.forward_student(inputs.student.clone(), trace);
        let second = self.forward_second_view(&mut inputs, trace)?;
        let seen = Seen {
            student,
            teachers: teachers.outputs,
            second,
            inputs,
        };
        let (weighted, of_losses) = self.weighted_terms(&seen, trace)?;
        Ok(Forward {
            seen,
            weighted,
            lead: teachers.lead,
            macs: trace.profile.macs(StepPart::Student) + teachers.macs + of_losses,
        })
    }

    /// One forward pass of every teacher that the step needs. One that is updated first is updated, if anything is, and looks again.
    fn forward_teachers(
        &mut self,
        inputs: &mut Inputs,
        mut update: Option<&mut UpdateContext<'_>>,
        trace: &mut Trace<'_>,
    ) -> Result<Teachers, StepError> {
        let mut teachers = Teachers {
            outputs: Vec::with_capacity(self.teachers.len()),
            macs: 0,
            lead: StepLoss::default(),
        };
        for (index, images) in mem::take(&mut inputs.teachers).into_iter().enumerate() {
            if !self.needs_teacher(index, trace.at) {
                teachers.outputs.push(None);
                continue;
            }
            let (output, macs) = self.cached_teacher(index, images, &inputs.indices, trace)?;
            let is_first = self.teachers[index].update == TeacherUpdate::OnlineFirst;
            let output = match output.tracked() {
                Some(tracked) if is_first => {
                    let lead = self.update_teacher_first(
                        index,
                        tracked,
                        macs,
                        inputs,
                        update.as_deref_mut(),
                        trace,
                    )?;
                    teachers.lead.loss += lead.loss;
                    teachers.lead.terms.extend(lead.terms);
                    let network = self.teachers[index].network.frozen();
                    self.look_at_frozen(index, (&network, Mode::Batch), tracked.images.clone(), trace)?
                }
                _ => {
                    teachers.macs += macs;
                    output
                }
            };
            let head = self.teacher_head(index);
            teachers.outputs.push(Some(output.with_head(head.as_ref())));
        }
        Ok(teachers)
    }

    /// The step of a teacher that is updated before the student's forward pass, which took so many multiply-accumulates. Without an update
    /// it stays as it is.
    fn update_teacher_first(
        &mut self,
        index: usize,
        tracked: &NetworkOutput,
        macs: u64,
        inputs: &Inputs,
        update: Option<&mut UpdateContext<'_>>,
        trace: &mut Trace<'_>,
    ) -> Result<StepLoss, StepError> {
        let mut weighted = self.teacher_task(index, tracked, inputs)?;
        let mut pass = Pass::new(Mode::Batch);
        for planned in self.methods.iter().filter(|planned| planned.learns_from(index)) {
            let step = TeacherStep {
                id: &planned.id,
                teacher: tracked,
                targets: &inputs.targets,
                epoch: trace.at.epoch,
            };
            let terms = planned.method.teacher_terms(&step, &mut pass);
            let terms = terms.map_err(StepError::of(&planned.id))?;
            weighted.extend(Weighted::of_entry(
                &planned.id,
                planned.weight.at(trace.at),
                terms,
            ));
        }
        let (late, of_late) = tracked.outputs.take_late();
        let losses = pass.macs() + of_late;
        trace.profile.record(StepPart::Losses, losses);
        trace.statistics.extend(late);
        trace.statistics.extend(pass.into_batch_statistics());
        let lead = values(&weighted)?;
        if let Some(update) = update {
            self.backward_and_update(weighted, update, macs + losses, trace.profile);
        }
        Ok(lead)
    }

    /// The terms of the task and of every method, with their weights, and the multiply-accumulates of them that gradients go back through.
    fn weighted_terms(&self, seen: &Seen, trace: &mut Trace<'_>) -> Result<(Vec<Weighted>, u64), StepError> {
        let Seen {
            student,
            teachers,
            inputs,
            ..
        } = seen;
        let mut weighted = Vec::new();
        if !self.is_alone(trace.at.epoch) {
            let own = self.task_terms(student, inputs)?;
            weighted.extend(Weighted::of_task("", self.task_weight, own));
        }
        for (index, output) in teachers.iter().enumerate() {
            if let Some(tracked) = output.as_ref().and_then(TeacherOutput::tracked) {
                weighted.extend(self.teacher_task(index, tracked, inputs)?);
            }
        }
        let mut pass = Pass::new(Mode::Batch);
        let head = self.student_head();
        for planned in self.heard(trace.at.epoch) {
            let step = self.student_step((&planned.id, &planned.teachers), seen, head.as_ref(), trace.at);
            // The mean of several teachers costs something, so it is made only for whoever looks at it.
            let teacher = match planned.method.teacher_at(trace.at) {
                TeacherLook::Nothing => None,
                TeacherLook::Maps | TeacherLook::Outputs => self.teacher_output(planned, teachers)?,
            };
            let terms = match &teacher {
                Some(teacher) => planned.method.terms(&StepContext { step, teacher }, &mut pass),
                None => planned.method.student_terms(&step, &mut pass),
            };
            let terms = terms.map_err(StepError::of(&planned.id))?;
            weighted.extend(Weighted::of_entry(
                &planned.id,
                planned.weight.at(trace.at),
                terms,
            ));
        }
        let mut tracked = pass.macs();
        let online = teachers.iter().flatten().filter_map(TeacherOutput::tracked);
        for network in online.chain([student]) {
            let (late, macs) = network.outputs.take_late();
            trace.statistics.extend(late);
            tracked += macs;
        }
        trace.profile.record(StepPart::Losses, tracked + pass.untracked());
        trace.statistics.extend(pass.into_batch_statistics());
        Ok((weighted, tracked))
    }

    /// The step as an entry sees it, without its teacher.
    fn student_step<'a>(
        &'a self,
        (id, teachers): (&'a str, &[TeacherRef]),
        seen: &'a Seen,
        head: Option<&'a LinearHead>,
        at: Moment,
    ) -> StudentStep<'a> {
        let second = seen.second.as_ref().map(|second| SecondView {
            student: &second.student,
            teacher: teachers
                .first()
                .and_then(|teacher| second.teachers[teacher.index].as_ref()),
        });
        StudentStep {
            id,
            student: &seen.student,
            targets: &seen.inputs.targets,
            task: self.task.as_ref(),
            context: seen.inputs.context(self.seed),
            at,
            head,
            second,
        }
    }

    /// Both networks' passes over the second view of the images, if a method looks at it. What a teacher says of it is a constant, and is not kept.
    fn forward_second_view(
        &self,
        inputs: &mut Inputs,
        trace: &mut Trace<'_>,
    ) -> Result<Option<SeenTwice>, StepError> {
        let Some((student, teachers)) = inputs.second.take() else {
            return Ok(None);
        };
        let student = self.forward_student(student, trace);
        let looks = |index: usize| {
            let mut methods = self.methods.iter();
            methods.any(|planned| planned.learns_from(index) && planned.method.info().second_view)
        };
        let outputs = teachers.into_iter().enumerate().map(|(index, images)| {
            if !looks(index) {
                return Ok(None);
            }
            let teacher = &self.teachers[index];
            let mode = if teacher.is_online() {
                Mode::Batch
            } else {
                teacher.mode
            };
            let network = teacher.network.frozen();
            let output = self.look_at_frozen(index, (&network, mode), images, trace)?;
            Ok(Some(output))
        });
        let teachers = outputs.collect::<Result<_, StepError>>()?;
        Ok(Some(SeenTwice { student, teachers }))
    }

    /// Lets the methods that remember something of every step have it.
    fn remember(&mut self, seen: &Seen, at: Moment) -> Result<(), StepError> {
        let is_alone = self.is_alone(at.epoch);
        let mut methods = mem::take(&mut self.methods);
        let remembered = methods
            .iter_mut()
            .filter(|planned| {
                planned.method.info().remembers && (!is_alone || has_for_itself(planned, at.epoch))
            })
            .try_for_each(|planned| self.remember_one(planned, seen, at));
        self.methods = methods;
        remembered
    }

    fn remember_one(&self, planned: &mut PlannedMethod, seen: &Seen, at: Moment) -> Result<(), StepError> {
        let Some(teacher) = self.teacher_output(planned, &seen.teachers)? else {
            return Ok(());
        };
        let (id, teachers) = (planned.id.clone(), planned.teachers.clone());
        let is_read = planned.method.info().heads == HeadUse::Both;
        let head = is_read.then(|| self.student.linear_head()).flatten();
        let step = self.student_step((&id, &teachers), seen, head.as_ref(), at);
        let step = StepContext {
            step,
            teacher: &teacher,
        };
        let remembered = planned.method.remember(&step, &mut Pass::new(Mode::Batch));
        remembered.map_err(StepError::of(&planned.id))
    }

    /// What an online teacher learns from by itself: the task's terms, with the teacher's name in front of theirs.
    fn teacher_task(
        &self,
        index: usize,
        tracked: &NetworkOutput,
        inputs: &Inputs,
    ) -> Result<Vec<Weighted>, StepError> {
        let terms = self.task_terms(tracked, inputs)?;
        let prefix = format!("{}_", self.teachers[index].name);
        Ok(Weighted::of_task(&prefix, 1.0, terms).collect())
    }

    /// The task's terms of the images that have labels.
    fn task_terms(&self, network: &NetworkOutput, inputs: &Inputs) -> Result<Vec<LossTerm>, StepError> {
        let context = inputs.context(self.seed);
        let terms = terms_where_known(self.task.as_ref(), &network.outputs, &inputs.targets, &context);
        Ok(terms?)
    }

    /// What the task counts over the images that have labels, as if the others were like them; nothing where no image has one.
    fn counts(&self, student: &NetworkOutput, batch: &Batch) -> Result<Metrics, StepError> {
        let labelled = batch.labelled();
        if labelled.is_empty() {
            return Ok(Metrics::new());
        }
        if labelled.len() == batch.len() {
            return Ok(self.task.counts(&student.outputs, batch)?);
        }
        // Images that an augmentation made come before those of the batch.
        let made = student.images.dims()[0].saturating_sub(batch.len());
        let places: Vec<usize> = labelled.iter().map(|place| made + place).collect();
        let known = batch.known_at(&labelled);
        let counts = self.task.counts(&student.outputs.of_images(&places), &known)?;
        let share = labelled.len() as f64 / batch.len() as f64;
        let of_all = |(name, count): (&str, f64)| (name.to_owned(), count / share);
        Ok(counts.iter().map(of_all).collect())
    }
}
