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

use burn::tensor::Tensor;
use potstill_ops::{Parameters, Pass, Point, Taps, cross_entropy, distillation_divergence};
use potstill_recipe::MethodSpec;
use serde::Deserialize;

use crate::{
    Ground, GuidedHalf, Method, MethodError, Reads, Side, Step, Teaching, Term,
    guided_module::{StudentHalves, TaughtHalf, TeacherHalves, at_the_smaller_size},
};

/// The options of EKD in a recipe.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    /// What becomes of the teacher.
    teacher_mode: TeacherMode,
    /// How many pairs of blocks, counted from the deepest; as many as both networks have if none.
    pairs: Option<usize>,
    /// Points of the student, shallow to deep; empty for the ends of its stages.
    student_points: Vec<String>,
    /// Points of the teacher, as many; empty for the ends of its stages.
    teacher_points: Vec<String>,
    /// What stands between the teacher's block and the comparison.
    gm_teacher: GuidedTeacher,
    /// The common width of all pairs; each student block's own if none.
    gm_width: Option<usize>,
    /// Whether the heads' losses reach the teacher's blocks (deep supervision).
    aux_grad_to_backbone: bool,
    /// The weight of the softened logits.
    alpha: f64,
    /// The weight of the imitation of intermediate maps.
    beta: f64,
    /// The weight of the heads of the teacher's halves.
    eta: f64,
    /// tau: how much both distributions are softened.
    temperature: f64,
    /// How maps are compared.
    ir_loss: ImitationLoss,
    /// Epochs over which alpha and beta grow linearly from 0; 0 for the full weights from the start.
    transfer_warmup_epochs: usize,
    /// When the teacher's update comes.
    update_order: UpdateOrder,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            teacher_mode: TeacherMode::default(),
            pairs: None,
            student_points: Vec::new(),
            teacher_points: Vec::new(),
            gm_teacher: GuidedTeacher::default(),
            gm_width: None,
            aux_grad_to_backbone: false,
            alpha: 1.0,
            beta: 1.0,
            eta: 1.0,
            temperature: 4.0,
            ir_loss: ImitationLoss::default(),
            transfer_warmup_epochs: 0,
            update_order: UpdateOrder::default(),
        }
    }
}

/// What becomes of the teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TeacherMode {
    /// It starts from random weights and trains beside the student.
    #[default]
    Evolving,
    /// The same from trained weights.
    EvolvingFromCheckpoint,
    /// It is trained and stays as it is: the control experiment.
    Frozen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GuidedTeacher {
    /// A guided half with a head.
    #[default]
    Module,
    /// Nothing: the student's half imitates the block's own map.
    Identity,
}

/// How maps are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImitationLoss {
    /// The mean squared difference.
    #[default]
    Mse,
    /// The squared distance of the directions over channels, mean over positions: from 0 to 4.
    NormMse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UpdateOrder {
    #[default]
    Simultaneous,
    TeacherFirst,
}

/// Evolutionary knowledge distillation, planned for two networks.
#[derive(Debug, Clone)]
pub struct Ekd {
    options: Options,
    reads: Reads,
    student: StudentHalves,
    /// None where the teacher's own maps are imitated.
    teacher: Option<TeacherHalves>,
}

impl Ekd {
    /// The name in recipes.
    pub const NAME: &'static str = "ekd";

    /// Plans EKD: pairs the blocks of both networks from the deepest backwards and builds a guided module for each pair.
    ///
    /// # Errors
    /// No teacher, another number of classes, points that are not there or do not pair up, values without sense.
    pub fn plan(spec: &MethodSpec, ground: &Ground) -> Result<Self, MethodError> {
        let options: Options = spec.options_as()?;
        options.check(spec)?;
        let teacher = ground.teacher(Self::NAME)?;
        let (ours, theirs) = (ground.student.probe.classes, teacher.probe.classes);
        if ours != theirs {
            return Err(MethodError::Classes {
                method: Self::NAME,
                teacher: theirs,
                student: ours,
            });
        }
        let reads = options.pairs(spec, &ground.student, teacher)?;
        let scope = ground.scope(Self::NAME);
        let (mut student_halves, mut teacher_halves) = (Vec::new(), Vec::new());
        for (pair, (own, other)) in reads.student.iter().zip(&reads.teacher).enumerate() {
            let [_, _, inputs] = ground.student.size(own, Self::NAME, "student")?;
            let [_, _, outputs] = teacher.size(other, Self::NAME, "teacher")?;
            let width = match options.gm_teacher {
                GuidedTeacher::Module => options.gm_width.unwrap_or(inputs),
                GuidedTeacher::Identity => outputs,
            };
            let at = |side: &str| scope.at(side).at(pair);
            student_halves.push(GuidedHalf::new(inputs, width, &at("student")));
            teacher_halves.push(TaughtHalf::new(outputs, width, ours, &at("teacher")));
        }
        let teacher = TeacherHalves {
            pairs: teacher_halves,
        };
        Ok(Self {
            teacher: (options.gm_teacher == GuidedTeacher::Module).then_some(teacher),
            student: StudentHalves {
                pairs: student_halves,
            },
            options,
            reads,
        })
    }

    /// The part of alpha and beta that is in force in this epoch, counted from 0.
    fn warmth(&self, epoch: usize) -> f64 {
        match self.options.transfer_warmup_epochs {
            0 => 1.0,
            epochs => (epoch as f64 / epochs as f64).min(1.0),
        }
    }

    /// What is compared of every pair, the teacher's side a constant, and the heads' losses, which reach the `teacher`'s maps if those
    /// are tracked.
    fn guided(&self, step: &Step<'_>, teacher: &Taps, pass: &mut Pass<'_>) -> Guided {
        let reads = self.reads.student.iter().zip(&self.reads.teacher);
        let mut guided = Guided::default();
        for (pair, (own, other)) in reads.enumerate() {
            let (Some(ours), Some(theirs)) = (step.student.taps.map(own), teacher.map(other)) else {
                continue;
            };
            let (ours, theirs) = at_the_smaller_size(ours, theirs);
            let halves = self.teacher.as_ref().and_then(|halves| halves.pairs.get(pair));
            let target = match halves {
                Some(half) => {
                    let (map, logits) = half.forward(theirs, pass);
                    let loss = cross_entropy(logits, step.labels.clone(), 0.0);
                    guided.heads.push(loss);
                    map.inner()
                }
                None => theirs.inner(),
            };
            if let Some(half) = self.student.pairs.get(pair) {
                let imitated = half.forward(ours, pass);
                guided.deviations.push(deviation(&target));
                guided
                    .imitations
                    .push(imitation_loss(imitated, target, self.options.ir_loss));
            }
        }
        guided
    }
}

/// What the guided modules of a step give, one entry for each pair.
#[derive(Default)]
struct Guided {
    imitations: Vec<Tensor<1>>,
    heads: Vec<Tensor<1>>,
    deviations: Vec<Tensor<1>>,
}

impl Options {
    fn check(&self, spec: &MethodSpec) -> Result<(), MethodError> {
        for (key, value) in [("alpha", self.alpha), ("beta", self.beta), ("eta", self.eta)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(spec.wrong(key, "must be a number of at least 0").into());
            }
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(spec.wrong("temperature", "must be a positive number").into());
        }
        for (key, value) in [("pairs", self.pairs), ("gm_width", self.gm_width)] {
            if value == Some(0) {
                return Err(spec.wrong(key, "must be at least 1").into());
            }
        }
        let identity = self.gm_teacher == GuidedTeacher::Identity;
        if identity && self.gm_width.is_some() {
            let problem =
                "does nothing beside `gm_teacher = \"identity\"`: the width is that of the teacher's blocks";
            return Err(spec.wrong("gm_width", problem).into());
        }
        if self.aux_grad_to_backbone && (identity || self.teacher_mode == TeacherMode::Frozen) {
            let problem = "needs a teacher that evolves and `gm_teacher = \"module\"`: the heads' losses are to train its blocks";
            return Err(spec.wrong("aux_grad_to_backbone", problem).into());
        }
        if self.update_order == UpdateOrder::TeacherFirst {
            let problem =
                "can only be `simultaneous` so far: both networks move after the same forward passes";
            return Err(spec.wrong("update_order", problem).into());
        }
        Ok(())
    }

    /// The points of both networks, pair by pair, shallow to deep.
    fn pairs(&self, spec: &MethodSpec, student: &Side, teacher: &Side) -> Result<Reads, MethodError> {
        let mut own = blocks(&self.student_points, student, "student", "student_points")?;
        let mut other = blocks(&self.teacher_points, teacher, "teacher", "teacher_points")?;
        let named = !self.student_points.is_empty() && !self.teacher_points.is_empty();
        if named && own.len() != other.len() {
            return Err(MethodError::Unpaired {
                method: Ekd::NAME,
                student: own.len(),
                teacher: other.len(),
            });
        }
        let most = own.len().min(other.len());
        let pairs = self.pairs.unwrap_or(most);
        if pairs > most {
            let problem = format!("is {pairs}, and there are {most} blocks to pair");
            return Err(spec.wrong("pairs", problem).into());
        }
        // From the deepest backwards: it keeps the semantic level where the counts differ.
        own.drain(..own.len() - pairs);
        other.drain(..other.len() - pairs);
        Ok(Reads {
            student: own,
            teacher: other,
        })
    }
}

/// The named points, or the ends of the network's stages behind their last activation; in a network whose blocks begin with
/// their batch norm, behind that and its activation.
fn blocks(
    named: &[String],
    side: &Side,
    network: &'static str,
    option: &'static str,
) -> Result<Vec<Point>, MethodError> {
    if named.is_empty() {
        // The last of the ends is the pooled embedding.
        let Some((_, stages)) = side
            .stage_ends
            .split_last()
            .filter(|(_, stages)| !stages.is_empty())
        else {
            let method = Ekd::NAME;
            return Err(MethodError::NoStages {
                method,
                network,
                option,
            });
        };
        return Ok(stages.iter().map(|end| Point::post(&*end.before.path)).collect());
    }
    let parse = |text: &String| {
        text.parse().map_err(|source| MethodError::Point {
            method: Ekd::NAME,
            source,
        })
    };
    named.iter().map(parse).collect()
}

impl Method for Ekd {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reads(&self) -> Reads {
        self.reads.clone()
    }

    fn teaching(&self) -> Teaching {
        match self.options.teacher_mode {
            TeacherMode::Evolving | TeacherMode::EvolvingFromCheckpoint => Teaching::Online,
            TeacherMode::Frozen => Teaching::Frozen,
        }
    }

    fn check_teacher(&self, has_weights: bool) -> Result<(), MethodError> {
        let reason = match (self.options.teacher_mode, has_weights) {
            (TeacherMode::Evolving, true) => {
                "grows a teacher from random weights (`teacher_mode = \"evolving\"`), and this one has weights: leave out \
                 `teacher.weights`, or say `evolving-from-checkpoint` or `frozen`"
            }
            (TeacherMode::EvolvingFromCheckpoint, false) => {
                "is to go on with a trained teacher (`teacher_mode = \"evolving-from-checkpoint\"`), and this one has no weights: set \
                 `teacher.weights`, or say `evolving`"
            }
            (TeacherMode::Frozen, false) => {
                "is to learn from a teacher that stays as it is (`teacher_mode = \"frozen\"`), and this one has random weights: set \
                 `teacher.weights` or `teacher.run`, or say `evolving`"
            }
            _ => return Ok(()),
        };
        let method = Self::NAME;
        Err(MethodError::Teacher { method, reason })
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.student)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.student)
    }

    fn teacher_modules(&self) -> Option<&dyn Parameters> {
        self.teacher.as_ref().map(|halves| halves as &dyn Parameters)
    }

    fn teacher_modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        self.teacher.as_mut().map(|halves| halves as &mut dyn Parameters)
    }

    fn terms(&self, step: &Step<'_>, pass: &mut Pass<'_>) -> Vec<Term> {
        let Some(teacher) = step.teacher else {
            return Vec::new();
        };
        let options = &self.options;
        let transfer = distillation_divergence(
            step.student.logits.clone(),
            teacher.logits.clone(),
            options.temperature,
        );
        let taps = match step.online_teacher {
            Some(tracked) if options.aux_grad_to_backbone => &tracked.taps,
            _ => &teacher.taps,
        };
        let guided = self.guided(step, taps, pass);
        let warmth = self.warmth(step.epoch);
        let weighted = [
            ("ekd-transfer", Some(transfer), options.alpha * warmth),
            ("ekd-imitation", mean(guided.imitations), options.beta * warmth),
            ("ekd-heads", mean(guided.heads), options.eta),
        ];
        let mut terms: Vec<Term> = weighted
            .into_iter()
            .filter_map(|(name, value, factor)| Some(weighted_or_noted(name, value?, factor)))
            .collect();
        // A constant map imitates easily. About 1 is healthy behind a batch norm.
        let least = guided.deviations.into_iter().reduce(Tensor::min_pair);
        terms.extend(least.map(|least| Term::note("ekd-least-deviation", least)));
        terms
    }
}

/// A term, or only its value where its factor is 0.
fn weighted_or_noted(name: &'static str, value: Tensor<1>, factor: f64) -> Term {
    if factor == 0.0 {
        Term::note(name, value)
    } else {
        Term::loss(name, value).with_factor(factor)
    }
}

fn mean(values: Vec<Tensor<1>>) -> Option<Tensor<1>> {
    let count = values.len() as f64;
    let sum = values.into_iter().reduce(|sum, value| sum + value)?;
    Some(sum / count)
}

/// How far two maps `[N, H, W, C]` are apart; a tensor with one element. The target gets no gradient unless it is tracked.
pub fn imitation_loss(map: Tensor<4>, target: Tensor<4>, loss: ImitationLoss) -> Tensor<1> {
    match loss {
        ImitationLoss::Mse => (map - target).powi_scalar(2).mean(),
        ImitationLoss::NormMse => {
            let difference = direction(map) - direction(target);
            difference.powi_scalar(2).sum_dim(3).mean()
        }
    }
}

/// A map with the channels of each position scaled to length 1. The small number keeps the gradient of a position without length
/// finite.
fn direction(map: Tensor<4>) -> Tensor<4> {
    let length = (map.clone().powi_scalar(2).sum_dim(3) + 1e-24).sqrt();
    map / length
}

/// The standard deviation over all values of a map.
fn deviation(map: &Tensor<4>) -> Tensor<1> {
    let mean = map.clone().mean();
    (map.clone() - mean.reshape([1, 1, 1, 1]))
        .powi_scalar(2)
        .mean()
        .sqrt()
}
