//! **OFD**: a comprehensive overhaul of feature distillation.
//!
//! Heo, Kim, Yun, Park, Kwak and Choi, "A Comprehensive Overhaul of Feature Distillation", ICCV 2019. Maps are compared before their
//! activation. Of the teacher's, what is below a margin is lifted to it, channel by channel: how far below 0 is not to be imitated
//! (equation 2); and where the student is below such a value already, nothing is asked of it (equation 5). The margin is the mean of the
//! negative part of a channel, which its batch norm tells ([`margin`]).

mod margin;

use burn::tensor::{Tensor, TensorData};
use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, Point, PointSide, adaptive_avg_pool};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use self::margin::margin;
use crate::{
    Group, Method, MethodEntry, MethodError, NetworkInfo, PlanContext, StepContext, TeacherUse,
    entry::BUT_DETECTORS,
    levels::{Embedding, Levels, MapLoss, Named, OfMaps, Pair, PerLevel, Usual, summed},
};

settings! {
    /// The options of OFD in a recipe.
    struct Options {
        /// Points of the student, shallow to deep, before their activation (`layer1.2:pre`); empty for the ends of its stages, or the outputs of its pyramid.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many, each behind a batch norm; empty for the ends of its stages, or the outputs of its pyramid.
        teacher_points: Vec<String> = default [],
    }
}

const NAME: &str = "ofd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "maps before their activation follow the teacher's, but for how far below 0 they are",
    group: Group::Maps,
    paper: "A Comprehensive Overhaul of Feature Distillation",
    year: 2019,
    source: "Heo, Kim, Yun, Park, Kwak, Choi 2019, arXiv 1904.01866",
    needs: "maps of all stages before their activation, behind batch norms in the teacher; trains a 1x1 convolution with batch norm for each",
    cost: "one 1x1 convolution a map",
    weight: "0.001",
    usual_weight: Some(0.001),
    tasks: BUT_DETECTORS,
    limits: "teachers with batch norm",
    keys: Options::KEYS,
    plan,
};

/// OFD, planned for two networks.
struct Ofd {
    /// The margin of each channel of the teacher, level by level.
    margins: Vec<Vec<f64>>,
    connectors: PerLevel<Embedding>,
}

fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let options: Options = spec.options()?;
    let named = Named::of(&options.student_points, &options.teacher_points);
    let levels = Levels::plan(NAME, context, named, Usual::BeforeActivation)?;
    let teacher = context.teacher(NAME)?;
    for level in levels.iter() {
        check_before(&level.student, &context.student, "student")?;
        check_before(&level.teacher, teacher, "teacher")?;
    }
    let margins = levels.iter().map(|level| {
        let norm = teacher.norm_before(&level.teacher, level.channels[1]);
        let norm = norm.ok_or_else(|| MethodError::NoNorm {
            method: NAME,
            point: level.teacher.to_string(),
        })?;
        let channels = norm.weight.iter().zip(&norm.bias);
        Ok(channels
            .map(|(weight, bias)| margin(weight.abs(), *bias))
            .collect())
    });
    let margins = margins.collect::<Result<_, MethodError>>()?;
    let connectors = PerLevel::of(&levels, &context.scope(), |level, scope| {
        let [inputs, outputs] = level.channels;
        let conv = Conv2d::he_normal_fan_out(Conv2dConfig::new(inputs, outputs, 1), &scope.at("conv"));
        Embedding::of(conv, scope)
    });
    Ok(OfMaps::boxed(levels, Ofd { margins, connectors }))
}

/// Refuses a point behind an activation: what is below 0 is gone there.
fn check_before(point: &Point, info: &NetworkInfo, network: &'static str) -> Result<(), MethodError> {
    let before = Point::pre(&point.path);
    if point.side == PointSide::Post && info.probe.size(&before).is_some() {
        return Err(MethodError::BehindActivation {
            method: NAME,
            point: point.to_string(),
            network,
            before: before.to_string(),
        });
    }
    Ok(())
}

impl MapLoss for Ofd {
    // The margins are those of its batch norms as they were at the plan.
    fn teacher(&self) -> TeacherUse {
        TeacherUse::Still
    }

    fn loss(
        &self,
        maps: Vec<Pair>,
        _: &StepContext<'_>,
        pass: &mut Pass<'_>,
    ) -> Result<Tensor<1>, MethodError> {
        let deepest = maps.len().saturating_sub(1);
        let levels = self.connectors.beside(maps).zip(&self.margins).enumerate();
        summed(levels.map(|(level, (([ours, theirs], connector), margins))| {
            let [_, h, w, _] = ours.dims();
            let ours = connector.forward(ours, pass);
            let loss = partial_squares(ours, &adaptive_avg_pool(theirs, [h, w]), margins);
            loss * 0.5_f64.powi((deepest - level) as i32)
        }))
    }

    fn modules(&self) -> Option<&dyn Parameters> {
        Some(&self.connectors)
    }

    fn modules_mut(&mut self) -> Option<&mut dyn Parameters> {
        Some(&mut self.connectors)
    }
}

/// The sum of the squared errors of a map and its target, `[N, H, W, C]` both, lifted to the channels' margins, divided by N; but where the
/// target is not above 0 and the student is below it.
fn partial_squares(map: Tensor<4>, target: &Tensor<4>, margins: &[f64]) -> Tensor<1> {
    let images = map.dims()[0].max(1) as f64;
    let margins = TensorData::new(margins.to_vec(), [1, 1, 1, margins.len()]);
    let margins = Tensor::<4>::from_data(margins, (&target.device(), target.dtype()));
    let is_positive = target.clone().greater_elem(0.0);
    let target = target.clone().max_pair(margins.expand(target.shape()));
    let is_kept = map
        .clone()
        .inner()
        .lower_equal(target.clone())
        .bool_and(is_positive.bool_not());
    (map - target).powi_scalar(2).mask_fill(is_kept, 0.0).sum() * (1.0 / images)
}
