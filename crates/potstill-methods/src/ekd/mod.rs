//! **EKD**: evolutionary knowledge distillation, a teacher that grows up beside its student.
//!
//! Zhang, Zhang, Li, Zeng and Ge, "Student Network Learning via Evolutionary Knowledge Distillation", IEEE TCSVT 2022, arXiv
//! 2103.13811. The teacher is learned online, from the same batches, and guided modules between corresponding blocks hand over
//! intermediate knowledge. Only the paper's abstract could be read: the modules, the losses and all defaults are our design.
//!
//! ```text
//! teacher  CE(z_T, y) + eta mean_l CE(head_l, y)                       the first by the training loop
//! student  CE(z_S, y) + alpha tau^2 KL(z_T || z_S) + beta mean_l |K_l^S - K_l^T|^2
//! ```
//!
//! Nothing of the student's loss reaches the teacher or its halves: methods are given the teacher as a constant.
//!
//! On dense tasks the student's half imitates the teacher's own map, of a level of the pyramid or of a stage: there is no class of the
//! whole image that a head could learn. No source has that; it is an extension of ours.

mod guided_module;
mod imitation;
mod options;

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};
use potstill_ops::{Mode, Parameters, Pass, Taps, adaptive_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::Key;
use potstill_tasks::cross_entropy;

pub use self::{
    guided_module::{GuidedStudent, GuidedTeacher, at_the_smaller_size},
    imitation::{ImitationLoss, imitation_loss},
};
use self::{
    guided_module::{StudentHalves, TeacherHalves},
    options::{GuideKind, Options, TeacherMode, Transfer, UpdateOrder},
};
use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TargetNeed, TeacherLook, TeacherStep, TeacherUpdate, TeacherUse,
    entry::BUT_MULTI_LABEL,
};

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: Ekd::NAME,
    about: "a teacher that grows up beside its student hands over intermediate knowledge through guided modules",
    group: Group::Schemes,
    paper: "Student Network Learning via Evolutionary Knowledge Distillation",
    year: 2022,
    source: "Zhang, Zhang, Li, Zeng, Ge 2022, arXiv 2103.13811",
    needs: "maps of blocks and labels; trains the teacher and guided modules",
    cost: "the teacher trains too",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: BUT_MULTI_LABEL,
    limits: "on dense tasks an extension",
    keys: Ekd::KEYS,
    plan: |spec, context| Ok(Box::new(Ekd::plan(spec, context)?)),
};

/// Evolutionary knowledge distillation, planned for two networks.
#[derive(Debug, Clone)]
pub struct Ekd {
    options: Options,
    /// None where scores are not compared.
    transfer: Option<Transfer>,
    reads: Reads,
    /// `[H, W]` at which the maps of each pair are compared: the smaller of theirs.
    sizes: Vec<[usize; 2]>,
    student: StudentHalves,
    /// None where the teacher's own maps are imitated.
    teacher: Option<TeacherHalves>,
}

impl Ekd {
    /// The name in recipes.
    pub const NAME: &'static str = options::NAME;
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans EKD: pairs the blocks of both networks from the deepest backwards and builds a guided module for each pair.
    ///
    /// # Errors
    /// No teacher, another number of classes, points that are not there or do not pair up, values without sense.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options = Options::read(spec, context.task)?;
        // A teacher that stays as it is may know other classes where no scores are compared.
        let transfer = options.transfer(context.task);
        let teacher = if transfer.is_some() {
            context.teacher_of_same_rows(Self::NAME)?
        } else if options.teacher_mode != TeacherMode::Frozen {
            context.teacher_of_same_classes(Self::NAME)?
        } else {
            context.teacher(Self::NAME)?
        };
        options.check_teacher(teacher.has_weights)?;
        let classes = context.student.probe.classes;
        let reads = options.paired_points(spec, context, teacher)?;
        let scope = context.scope();
        let has_heads = options.guide(context.task) == GuideKind::Module;
        let (mut student_halves, mut teacher_halves, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for (pair, (own, other)) in reads.student.iter().zip(&reads.teacher).enumerate() {
            let [h, w, inputs] = context.student.size(own, Self::NAME, "student")?;
            let [height, width, outputs] = teacher.size(other, Self::NAME, "teacher")?;
            sizes.push([h.min(height), w.min(width)]);
            let width = if has_heads {
                options.gm_width.unwrap_or(inputs)
            } else {
                outputs
            };
            let at = |side: &str| scope.at(side).at(pair);
            student_halves.push(GuidedStudent::new(inputs, width, &at("student")));
            teacher_halves.push(GuidedTeacher::new(outputs, width, classes, &at("teacher")));
        }
        let teacher = TeacherHalves {
            pairs: teacher_halves,
        };
        Ok(Self {
            teacher: has_heads.then_some(teacher),
            student: StudentHalves {
                pairs: student_halves,
            },
            options,
            transfer,
            reads,
            sizes,
        })
    }

    fn teacher_first(&self) -> bool {
        self.options.update_order == UpdateOrder::TeacherFirst
    }

    /// The teacher's halves as this step uses them: with a graph where their heads learn from it. An autodiff graph without a
    /// backward pass is never freed.
    fn halves(&self, learn: bool) -> Vec<GuidedTeacher> {
        let halves = self.teacher.as_ref();
        let halves = halves.map(|halves| if learn { halves.clone() } else { halves.valid() });
        halves.map_or_else(Vec::new, |halves| halves.pairs)
    }

    /// Whether the heads' losses reach the teacher's blocks.
    fn supervises_deeply(&self) -> bool {
        self.options.aux_grad_to_backbone && self.options.eta > 0.0
    }

    /// The heads' term; none without heads.
    fn heads_term(&self, id: &str, heads: Vec<Tensor<1>>) -> Option<LossTerm> {
        Some(weighted_or_noted(
            format!("{id}-heads"),
            mean(heads)?,
            self.options.eta,
        ))
    }

    /// The heads' losses where the teacher moves first, which reach its maps if those are tracked.
    fn heads(
        &self,
        teacher: &Taps,
        labels: &Tensor<1, Int>,
        pass: &mut Pass<'_>,
    ) -> Result<Vec<Tensor<1>>, MethodError> {
        let places = self.reads.teacher.iter().zip(&self.sizes);
        let halves = self.halves(self.options.eta > 0.0);
        let heads = halves.iter().zip(places).map(|(half, (point, &size))| {
            let (_, logits) = half.forward(adaptive_avg_pool(teacher.get(point)?, size), pass);
            Ok(cross_entropy(logits, labels.clone(), 0.0))
        });
        heads.collect()
    }

    /// What is compared of every pair, the teacher's side a constant, and the heads' losses, which reach the `teacher`'s maps if those
    /// are tracked. No heads where the teacher has moved first: they have learned from the batch already.
    fn guided(
        &self,
        step: &StepContext<'_>,
        teacher: &Taps,
        pass: &mut Pass<'_>,
    ) -> Result<Guided, MethodError> {
        let reads = self.reads.student.iter().zip(&self.reads.teacher);
        let halves = self.halves(self.options.eta > 0.0 && !self.teacher_first());
        // What moved halves see of the batch a second time does not go into their statistics again.
        let mut again = Pass::new(Mode::Batch);
        let mut guided = Guided::default();
        for (pair, ((own, other), half_of_student)) in reads.zip(&self.student.pairs).enumerate() {
            let (ours, theirs) = (step.student.tap(own)?, teacher.get(other)?);
            let (ours, theirs) = at_the_smaller_size(ours, theirs);
            let target = match halves.get(pair) {
                Some(half) if self.teacher_first() => half.forward(theirs, &mut again).0,
                Some(half) => {
                    let (map, logits) = half.forward(theirs, pass);
                    guided
                        .heads
                        .push(cross_entropy(logits, step.targets.class()?.clone(), 0.0));
                    map.inner()
                }
                None => theirs.inner(),
            };
            let imitated = half_of_student.forward(ours, pass);
            guided.deviations.push(deviation(&target));
            guided
                .imitations
                .push(imitation_loss(imitated, target, self.options.ir_loss));
        }
        pass.count_untracked(again.macs());
        Ok(guided)
    }
}

/// What the guided modules of a step give, one entry for each pair.
#[derive(Default)]
struct Guided {
    imitations: Vec<Tensor<1>>,
    heads: Vec<Tensor<1>>,
    deviations: Vec<Tensor<1>>,
}

impl Method for Ekd {
    fn info(&self) -> MethodInfo {
        let teacher = match self.options.teacher_mode {
            TeacherMode::Frozen => TeacherUse::One,
            _ if self.teacher_first() => TeacherUse::Trained(TeacherUpdate::OnlineFirst),
            TeacherMode::Evolving | TeacherMode::EvolvingFromCheckpoint => {
                TeacherUse::Trained(TeacherUpdate::Online)
            }
        };
        MethodInfo {
            teacher,
            targets: if self.teacher.is_some() {
                Some(TargetNeed::class("its heads are trained by cross-entropy"))
            } else if self.options.teacher_mode == TeacherMode::Frozen {
                None
            } else {
                Some(TargetNeed::any("its teacher learns from them"))
            },
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        self.reads.clone()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        match self.transfer {
            Some(_) => TeacherLook::Outputs,
            None => TeacherLook::Maps,
        }
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        let mut parts: Vec<Part<&dyn Parameters>> = vec![Part::beside_student(&self.student)];
        if let Some(halves) = &self.teacher {
            parts.push(Part::beside_teacher(halves));
        }
        parts
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        let mut parts: Vec<Part<&mut dyn Parameters>> = vec![Part::beside_student(&mut self.student)];
        if let Some(halves) = &mut self.teacher {
            parts.push(Part::beside_teacher(halves));
        }
        parts
    }

    fn teacher_terms(
        &self,
        step: &TeacherStep<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Vec<LossTerm>, MethodError> {
        if self.teacher.is_none() {
            return Ok(Vec::new());
        }
        let heads = if self.supervises_deeply() {
            self.heads(&step.teacher.taps, step.targets.class()?, pass)?
        } else {
            self.heads(&step.teacher.taps.detached(), step.targets.class()?, pass)?
        };
        Ok(self.heads_term(step.id, heads).into_iter().collect())
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let options = &self.options;
        let teacher = match step.teacher.tracked() {
            Some(tracked) if self.supervises_deeply() => &tracked.taps,
            _ => step.teacher().taps(),
        };
        let guided = self.guided(step, teacher, pass)?;
        let (name, ramp) = (
            |part: &str| format!("{}-{part}", step.id),
            step.at.epoch.ramp(options.transfer_warmup_epochs),
        );
        let imitation = mean(guided.imitations)
            .map(|value| weighted_or_noted(name("imitation"), value, options.beta * ramp));
        let mut terms = Vec::new();
        if let Some(Transfer { alpha, temperature }) = self.transfer {
            let transfer = step.divergence(temperature)?;
            terms.push(weighted_or_noted(name("transfer"), transfer, alpha * ramp));
        }
        terms.extend(imitation);
        terms.extend(self.heads_term(step.id, guided.heads));
        // A constant map imitates easily. About 1 is healthy behind a batch norm.
        let least = guided.deviations.into_iter().reduce(Tensor::min_pair);
        terms.extend(least.map(|least| LossTerm::metric(name("least-deviation"), least)));
        Ok(terms)
    }
}

/// A term, or only its value where its factor is 0.
fn weighted_or_noted(name: String, value: Tensor<1>, factor: f64) -> LossTerm {
    if factor == 0.0 {
        LossTerm::metric(name, value)
    } else {
        LossTerm::loss(name, value).scaled(factor)
    }
}

fn mean(values: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    let count = values.len() as f64;
    let sum = values.into_iter().reduce(|sum, value| sum + value)?;
    Some(sum / count)
}

/// The standard deviation over all values of a map.
fn deviation(map: &Tensor<4>) -> Tensor<1> {
    let mean = map.clone().mean();
    (map.clone() - mean.reshape([1, 1, 1, 1]))
        .powi_scalar(2)
        .mean()
        .sqrt()
}
