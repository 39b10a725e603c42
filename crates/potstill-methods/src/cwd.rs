//! **CWD**: channel-wise distillation.
//!
//! Shu, Liu, Gao, Yan and Shen, "Channel-Wise Knowledge Distillation for Dense Prediction", ICCV 2021. Every channel of a map becomes a
//! distribution over the places of the image, softened by a temperature, and the student's follows the teacher's
//! ([`channel_wise_divergence`]): of the class scores of a segmenter, or of the features of any network.

use burn::tensor::{Tensor, activation::log_softmax};
use potstill_ops::{Parameters, Pass};
use potstill_recipe::MethodSpec;
use potstill_settings::{choice, settings};

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, Part, PlanContext, Reads,
    StepContext, StudentEpoch, TeacherLook,
    entry::ALL,
    levels::{Aligners, Levels, Named, Usual, is_pyramid, is_segmenter, summed},
};

settings! {
    /// The options of CWD in a recipe.
    struct Options {
        /// tau: how much the distributions over the places are softened.
        temperature: Option<f64> [above(0.0)] = without "4, for detectors 1" like 4.0,
        /// What is compared.
        maps: Option<Maps> = without "the logits of a segmenter, the features of any other network" like "features",
        /// Points of the student, shallow to deep; empty for the outputs of its pyramid, or the ends of its stages.
        student_points: Vec<String> = default [],
        /// Points of the teacher, as many; empty for the outputs of its pyramid, or the ends of its stages.
        teacher_points: Vec<String> = default [],
    }
}

choice! {
    /// Which maps are compared.
    enum Maps {
        /// The class scores at the stride of the student's head. The teacher's are resized to it.
        Logits = "logits",
        /// The maps of the levels.
        Features = "features",
    }
}

const NAME: &str = "cwd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "where each channel is strong in the image follows the teacher's",
    group: Group::Maps,
    paper: "Channel-wise Knowledge Distillation for Dense Prediction",
    year: 2021,
    source: "Shu, Liu, Gao, Yan, Shen 2021, arXiv 2011.13256",
    needs: "class scores of every place, or maps",
    cost: "none, or a 1x1 convolution where widths differ",
    weight: "3 to 5 for the logits of segmenters at T = 4",
    usual_weight: None,
    tasks: ALL,
    limits: "",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(Cwd::plan(spec, context)?)),
};

/// Channel-wise distillation, planned for two networks.
#[derive(Debug, Clone)]
struct Cwd {
    temperature: f64,
    /// None for the logits.
    features: Option<(Levels, Aligners)>,
}

impl Cwd {
    /// Plans the comparison: finds the levels, with a convolution where their channels differ.
    ///
    /// # Errors
    /// No teacher, points that are not there or do not pair up, logits of a network that gives none for every pixel.
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let named = Named::of(&options.student_points, &options.teacher_points);
        let is_segmenter = is_segmenter(context.task);
        let is_named = !(named.student.is_empty() && named.teacher.is_empty());
        let usual = if is_segmenter && !is_named {
            Maps::Logits
        } else {
            Maps::Features
        };
        let maps = options.maps.unwrap_or(usual);
        let features = match maps {
            Maps::Features => {
                let levels = Levels::plan(NAME, context, named, Usual::Stages)?;
                let aligners = Aligners::where_needed(&levels, &context.scope());
                Some((levels, aligners))
            }
            Maps::Logits if is_segmenter && !is_named => {
                context.teacher_of_same_classes(NAME)?;
                None
            }
            Maps::Logits if is_named => {
                let problem =
                    "compares what the networks give, and points name features: leave one of both out";
                return Err(spec.invalid_option("maps", problem).into());
            }
            Maps::Logits => {
                let problem = format!(
                    "needs class scores for every pixel, and the task is `{}`",
                    context.task
                );
                return Err(spec.invalid_option("maps", problem).into());
            }
        };
        let usual = if is_pyramid(context.task) { 1.0 } else { 4.0 };
        Ok(Self {
            temperature: options.temperature.unwrap_or(usual),
            features,
        })
    }
}

impl Cwd {
    /// The divergence of the class scores, place by place.
    fn of_logits(&self, step: &StepContext<'_>) -> Result<Tensor<1>, MethodError> {
        step.summed_rows(1.0, |ours, theirs| {
            let [n, h, w] = ours.map.ok_or(MethodError::NoLogitMap(NAME))?;
            let map = |rows: Tensor<2>| {
                let classes = rows.dims()[1];
                rows.reshape([n, h, w, classes])
            };
            Ok(channel_wise_divergence(
                map(ours.logits),
                map(theirs),
                self.temperature,
            ))
        })
    }
}

impl Method for Cwd {
    fn info(&self) -> MethodInfo {
        let levels = self.features.iter().map(|(levels, _)| levels.notes());
        MethodInfo {
            notes: levels.flatten().collect(),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        self.features
            .as_ref()
            .map(|(levels, _)| levels.reads())
            .unwrap_or_default()
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        match self.features {
            Some(_) => TeacherLook::Maps,
            None => TeacherLook::Outputs,
        }
    }

    fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        let aligners = self
            .features
            .iter()
            .map(|(_, aligners)| aligners as &dyn Parameters);
        aligners.map(Part::beside_student).collect()
    }

    fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        let features = self.features.iter_mut();
        features
            .map(|(_, aligners)| Part::beside_student(aligners as &mut dyn Parameters))
            .collect()
    }

    fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let value = match &self.features {
            Some((levels, aligners)) => {
                let maps = aligners.aligned(levels.pairs(step)?, pass).into_iter();
                summed(maps.map(|[ours, theirs]| channel_wise_divergence(ours, theirs, self.temperature)))?
            }
            None => self.of_logits(step)?,
        };
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}

/// How far the distributions of a map's channels over its places are from those of its target, both `[N, H, W, C]` and softened
/// by the temperature `t`: `t^2 / (N C)` times the sum over images and channels of the divergence. A tensor with one element.
pub fn channel_wise_divergence(map: Tensor<4>, target: Tensor<4>, temperature: f64) -> Tensor<1> {
    let [n, h, w, c] = map.dims();
    let of_places = |map: Tensor<4>| log_softmax(map.reshape([n, h * w, c]) * (1.0 / temperature), 1);
    let (ours, theirs) = (of_places(map), of_places(target));
    let divergence = theirs.clone().exp() * (theirs - ours);
    divergence.sum() * (temperature * temperature / (n * c) as f64)
}
