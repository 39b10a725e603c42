//! **ReviewKD**: knowledge review across levels.
//!
//! Chen, Liu, Zhao and Jia, "Distilling Knowledge via Knowledge Review", CVPR 2021. Student features are merged from the
//! deepest to the shallowest level by attention-based fusion modules ([`Abf`]); each emits one map, which the hierarchical
//! context loss ([`hierarchical_context_loss`]) compares with the teacher's map of that level. Levels are the ends of the
//! stages and the pooled embedding. The chain exists in training only.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use potstill_models::StageEnd;
use potstill_ops::{
    Activation, BatchNorm, Conv2d, Conv2dConfig, Parameters, Pass, Point, Scope, conv_norm, gated_sum,
    pooled_squared_error, resize_nearest,
};
use potstill_recipe::MethodSpec;
use potstill_settings::{Key, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TeacherLook,
    entry::ALL,
    levels::{check_strides, is_pyramid, is_segmenter, summed},
    logits::short_ramp,
    plan_context::points_named,
};

settings! {
    /// The options of ReviewKD in a recipe.
    struct Options {
        /// Epochs over which the weight grows linearly from 0; 0 for the full weight from the start.
        ramp_epochs: Option<usize>
            = without "20; a twentieth of the training for segmenters, 0 for detectors" like 20,
        /// The largest width of the fusion modules. The width is the deepest student level's if that is smaller.
        mid_channels: Option<usize> [at_least(1.0)] = without "512, for detectors 256" like 512,
        /// Points of the student, shallow to deep; empty for its stage ends, after activation, and its pooled embedding, or the
        /// outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for its stage ends, before activation, and its pooled embedding, or the outputs
        /// of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: ReviewKd::NAME,
    about: "deep student features review the teacher's shallow ones through attention-based fusion",
    group: Group::Maps,
    paper: "Distilling Knowledge via Knowledge Review",
    year: 2021,
    source: "Chen, Liu, Zhao, Jia 2021, arXiv 2104.09044",
    needs: "maps of all stages; trains a fusion module for each",
    cost: "convolutions at every level",
    weight: "0.6 to 8, by the pair",
    usual_weight: None,
    tasks: ALL,
    limits: "detectors whose levels have the same strides",
    keys: ReviewKd::KEYS,
    plan: |spec, context| Ok(Box::new(ReviewKd::plan(spec, context)?)),
};

/// Knowledge review, planned for two networks.
#[derive(Debug, Clone)]
pub struct ReviewKd {
    ramp_epochs: usize,
    note: Option<String>,
    reads: Reads,
    chain: ReviewChain,
}

impl ReviewKd {
    /// The name in recipes.
    pub const NAME: &'static str = "review-kd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the review: finds the levels of both networks and builds the chain for their channels.
    ///
    /// # Errors
    /// No teacher, points that are not there or do not pair up.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let teacher = context.teacher(Self::NAME)?;
        // The paper's CIFAR code takes the teacher before and the student after the last activation of a stage.
        let reads = Reads {
            student: points(&options.student_points, &context.student.stage_ends, |end| {
                &end.post
            })?,
            teacher: points(&options.teacher_points, &teacher.stage_ends, |end| &end.pre)?,
        };
        if reads.teacher.is_empty() {
            return Err(MethodError::NoStages {
                method: Self::NAME,
                network: "teacher",
                option: "teacher_points",
            });
        }
        if reads.student.len() != reads.teacher.len() {
            let (student, teacher) = (reads.student.len(), reads.teacher.len());
            return Err(MethodError::Unpaired {
                method: Self::NAME,
                student,
                teacher,
            });
        }
        let ours = context.student.sized(&reads.student, Self::NAME, "student")?;
        let theirs = teacher.sized(&reads.teacher, Self::NAME, "teacher")?;
        let is_usual = options.student_points.is_empty() && options.teacher_points.is_empty();
        if is_usual && is_pyramid(context.task) {
            check_strides(Self::NAME, context.image, &ours, &theirs)?;
        }
        let channels = ours.iter().zip(&theirs);
        let channels: Vec<_> = channels
            .map(|((_, ours), (_, theirs))| (ours[2], theirs[2]))
            .collect();
        let usual = if is_pyramid(context.task) { 256 } else { 512 };
        let widest = options.mid_channels.unwrap_or(usual);
        let mid = channels.last().map_or(1, |&(inputs, _)| inputs.min(widest));
        let ramp_epochs = options.ramp_epochs.unwrap_or_else(|| usual_ramp(context));
        Ok(Self {
            note: short_ramp(ramp_epochs, context),
            ramp_epochs,
            chain: ReviewChain::new(&channels, mid, &context.scope()),
            reads,
        })
    }
}

/// The published ramp for classes of images; detectors have none; for segmenters a twentieth of the training is our design.
fn usual_ramp(context: &PlanContext) -> usize {
    if is_segmenter(context.task) {
        context.epochs.div_ceil(20)
    } else if is_pyramid(context.task) {
        0
    } else {
        20
    }
}

fn points(
    named: &[String],
    stage_ends: &[StageEnd],
    side: fn(&StageEnd) -> &Point,
) -> Result<Vec<Point>, MethodError> {
    if named.is_empty() {
        return Ok(stage_ends.iter().map(side).cloned().collect());
    }
    points_named(named, ReviewKd::NAME)
}

impl Method for ReviewKd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            notes: self.note.clone().into_iter().collect(),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        self.reads.clone()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        vec![Part::beside_student(&self.chain)]
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        vec![Part::beside_student(&mut self.chain)]
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let features = step.student.taps.get_all(&self.reads.student)?;
        let targets = step.teacher().taps().get_all(&self.reads.teacher)?;
        let sizes: Vec<_> = targets.iter().map(height_and_width).collect();
        let reviewed = self.chain.forward(features, &sizes, pass);
        let losses = reviewed
            .into_iter()
            .zip(targets)
            .map(|(out, target)| hierarchical_context_loss(out, target));
        let value = summed(losses)?;
        let ramp = step.at.epoch.ramp(self.ramp_epochs);
        Ok(vec![LossTerm::loss(step.id, value).scaled(ramp)])
    }
}

/// The chain of fusion modules, one per level, shallow to deep.
#[derive(Module, Debug)]
pub struct ReviewChain {
    levels: Vec<Abf>,
}

impl ReviewChain {
    /// A chain for levels with these `(student, teacher)` channels, shallow to deep. The deepest has no attention.
    pub fn new(channels: &[(usize, usize)], mid: usize, scope: &Scope) -> Self {
        let deepest = channels.len().saturating_sub(1);
        let level = |(l, &(inputs, outputs)): (usize, &(usize, usize))| {
            Abf::new(inputs, mid, outputs, l < deepest, &scope.at("levels").at(l))
        };
        Self {
            levels: channels.iter().enumerate().map(level).collect(),
        }
    }

    /// Student features `[N, h, w, c]`, shallow to deep, to one map `[N, H, W, t]` per level of the teacher's `sizes`.
    pub fn forward(
        &self,
        features: Vec<Tensor<4>>,
        sizes: &[[usize; 2]],
        pass: &mut Pass<'_>,
    ) -> Vec<Tensor<4>> {
        let mut residual = None;
        let mut reviewed = Vec::with_capacity(self.levels.len());
        for ((level, feature), &size) in self.levels.iter().zip(features).zip(sizes).rev() {
            let (out, passed_on) = level.forward(feature, residual, size, pass);
            reviewed.push(out);
            residual = Some(passed_on);
        }
        reviewed.reverse();
        reviewed
    }
}

/// Attention-based fusion of a level's feature with what the deeper levels passed on.
#[derive(Module, Debug)]
pub struct Abf {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    att: Option<Conv2d>,
}

impl Abf {
    /// A module from `inputs` student channels by way of `mid` to `outputs` teacher channels.
    pub fn new(inputs: usize, mid: usize, outputs: usize, fuses: bool, scope: &Scope) -> Self {
        // Kaiming uniform with a = 1, as in the official code; the attention keeps the framework's default.
        let kaiming = 3f64.sqrt();
        Self {
            conv1: Conv2d::uniform(Conv2dConfig::new(inputs, mid, 1), kaiming, &scope.at("conv1")),
            bn1: BatchNorm::new(mid, &scope.at("bn1")),
            conv2: Conv2d::uniform(Conv2dConfig::new(mid, outputs, 3), kaiming, &scope.at("conv2")),
            bn2: BatchNorm::new(outputs, &scope.at("bn2")),
            att: fuses.then(|| {
                Conv2d::uniform(
                    Conv2dConfig::new(2 * mid, 2, 1).with_bias(),
                    1.0,
                    &scope.at("att"),
                )
            }),
        }
    }

    /// The level's map `[N, H, W, outputs]` for the teacher's `size`, and the residual `[N, H, W, mid]` for the level above.
    pub fn forward(
        &self,
        feature: Tensor<4>,
        deeper: Option<Tensor<4>>,
        size: [usize; 2],
        pass: &mut Pass<'_>,
    ) -> (Tensor<4>, Tensor<4>) {
        let mut x = conv_norm(feature, &self.conv1, &self.bn1, Activation::Identity, pass);
        if let (Some(att), Some(deeper)) = (&self.att, deeper) {
            x = gated_sum(x, deeper, att, pass);
        }
        let residual = resize_nearest(x, size);
        let out = conv_norm(
            residual.clone(),
            &self.conv2,
            &self.bn2,
            Activation::Identity,
            pass,
        );
        (out, residual)
    }

    /// The attention's bias `[2]`, if the module fuses.
    pub fn attention_bias(&self) -> Option<&Param<Tensor<1>>> {
        self.att.as_ref().and_then(|att| att.bias.as_ref())
    }
}

/// The hierarchical context loss of a map with its target, both `[N, H, W, C]`: the mean squared error of the maps and of
/// their average poolings to 4x4, 2x2 and 1x1 with weights 1, 1/2, 1/4, 1/8, divided by the sum of the weights used. A pooling
/// that is not smaller than the map's height is left out, and its weight goes to the next. A tensor with one element.
pub fn hierarchical_context_loss(out: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let height = out.dims()[1];
    let (mut weight, mut total) = (1.0, 1.0);
    let mut poolings = Vec::new();
    for size in [4, 2, 1].into_iter().filter(|&size| size < height) {
        weight /= 2.0;
        total += weight;
        poolings.push((size, weight));
    }
    for (_, weight) in &mut poolings {
        *weight /= total;
    }
    pooled_squared_error(out, target, 1.0 / total, &poolings)
}

fn height_and_width(map: &Tensor<4>) -> [usize; 2] {
    let [_, h, w, _] = map.dims();
    [h, w]
}
