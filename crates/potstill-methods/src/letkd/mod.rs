//! **letKD**: KD layers inside the student, whose template scores the teacher supervises.
//!
//! Gorgun, Gurbuz and Alatan, "Knowledge Distillation Layer that Lets the Student Decide", BMVC 2023. A small layer
//! ([`KdLayer`](potstill_ops::KdLayer)) is put into the student and stays there. Its scores of K templates at every place are held
//! to a distribution that the teacher gives: at the last map soft assignments to centres of the teacher's features ([`Centres`]), behind
//! the first block of the last stage what the teacher takes the place for ([`Decisions`]). letKD-1 has the first layer only, letKD-2
//! both. Before the first step an offline pass over the teacher finds centres and decisions.

mod features;
mod k_means;
mod lda;
mod offline;
mod options;
mod sub_classes;
mod targets;

use std::error::Error;

use burn::tensor::{Device, Tensor};
use potstill_models::LastStage;
use potstill_ops::{Insertion, LayerConfig, Pass, Point, softmax_divergence};
use potstill_random::{Seed, Stream};
use potstill_recipe::MethodSpec;
use potstill_settings::Key;

use self::options::Options;
pub use self::{
    features::{InFile, InMemory, Place, Rows},
    k_means::{KMeans, each_assigned},
    lda::Discriminants,
    offline::{CentreSearch, DecisionSearch, FoundDecisions},
    sub_classes::{SubClasses, nearest_of_class, score_matrix},
    targets::{Centres, Decisions},
};
use crate::{
    LossTerm, Method, MethodError, MethodInfo, NetworkInfo, NetworkOutput, PlanContext, PrepareContext,
    Prepared, Reads, StepContext, StudentEpoch, TargetNeed, plan_context::points_named,
};

/// One layer of the student with the place of the teacher that supervises it.
#[derive(Debug, Clone)]
struct Pair {
    layer: Insertion,
    place: Place,
}

impl Pair {
    /// The student's scores, `[N H W, K]`.
    fn scores(&self, student: &NetworkOutput) -> Result<Tensor<2>, MethodError> {
        let scores = student.tap(&self.point_of_scores())?;
        let [n, h, w, k] = scores.dims();
        Ok(scores.reshape([n * h * w, k]))
    }

    fn point_of_scores(&self) -> Point {
        Point::post(format!("{}.scores", self.layer.path))
    }

    /// The teacher's features, `[N H W, D]`, a constant.
    fn features(&self, teacher: &NetworkOutput) -> Result<Tensor<2>, MethodError> {
        Ok(self.place.rows(teacher.tap(&self.place.point)?).inner())
    }
}

/// letKD, planned for two networks.
#[derive(Debug, Clone)]
pub struct LetKd {
    penultimate: Pair,
    /// None for letKD-1.
    intermediate: Option<Pair>,
    options: Options,
    classes: usize,
    device: Device,
    /// What the preparation finds.
    centres: Option<Centres>,
    decisions: Option<Decisions>,
}

/// The layers, below the entry's name.
const PENULTIMATE: &str = "penultimate";
const INTERMEDIATE: &str = "intermediate";

impl LetKd {
    /// The name in recipes.
    pub const NAME: &'static str = "letkd";
    /// The keys of its options.
    pub(crate) const KEYS: &'static [Key] = Options::KEYS;

    /// Plans the layers: finds their places in both networks.
    ///
    /// # Errors
    /// Wrong options, no teacher, points that are not there, maps whose sizes do not fit.
    pub fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let teacher = context.teacher(Self::NAME)?;
        let of_student = points(
            &options.student_points,
            &context.student,
            "student",
            options.variant,
        )?;
        let of_teacher = points(&options.teacher_points, teacher, "teacher", options.variant)?;
        if of_student.len() != of_teacher.len() || of_student.len() != options.variant {
            return Err(MethodError::Unpaired {
                method: Self::NAME,
                student: of_student.len(),
                teacher: of_teacher.len(),
            });
        }
        let classes = context.student.probe.classes;
        let layers = [
            (
                INTERMEDIATE,
                options.sub_classes * classes,
                options.alpha_intermediate,
            ),
            (PENULTIMATE, options.templates, options.alpha),
        ];
        let layers = layers.into_iter().skip(2 - options.variant);
        let pairs = layers.zip(of_student.into_iter().zip(of_teacher));
        let pairs = pairs.map(|((path, templates, alpha), (point, of_teacher))| {
            let place = place(context, teacher, &point, of_teacher)?;
            let path = format!("{}.{path}", context.id);
            let layer = LayerConfig::KdLayer { templates, alpha };
            let layer = Insertion { path, point, layer };
            Ok(Pair { layer, place })
        });
        let mut pairs = pairs.collect::<Result<Vec<_>, MethodError>>()?;
        let Some(penultimate) = pairs.pop() else {
            return Err(spec.invalid_option("variant", "must be 1 or 2").into());
        };
        Ok(Self {
            penultimate,
            intermediate: pairs.pop(),
            options,
            classes,
            device: context.device.clone().inner(),
            centres: None,
            decisions: None,
        })
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.intermediate.iter().chain([&self.penultimate])
    }

    /// The penultimate layer's loss: the divergence of its scores from the soft assignments to centres, mean over places.
    fn penultimate_term(&self, step: &StepContext<'_>) -> Result<LossTerm, MethodError> {
        let (pair, centres) = (&self.penultimate, self.centres.as_ref());
        let centres = centres.ok_or(MethodError::NotPrepared)?;
        let features = pair.features(step.teacher())?;
        let value = softmax_divergence(pair.scores(step.student)?, &|range| {
            centres.logits(features.clone().narrow(0, range.start, range.len()))
        });
        Ok(LossTerm::loss(&*pair.layer.path, value))
    }

    /// The intermediate layer's loss: the divergence of its scores from the teacher's decisions, mean over places.
    fn intermediate_term(&self, pair: &Pair, step: &StepContext<'_>) -> Result<LossTerm, MethodError> {
        let decisions = self.decisions.as_ref().ok_or(MethodError::NotPrepared)?;
        let features = pair.features(step.teacher())?;
        let labels = step.targets.class()?.clone().into_data();
        let labels: Vec<usize> = labels.iter::<i64>().map(|label| label as usize).collect();
        let assigned = decisions.assign(features, &labels, pair.place.per_image());
        let value = softmax_divergence(pair.scores(step.student)?, &|range| {
            decisions.logits(&assigned[range])
        });
        Ok(LossTerm::loss(&*pair.layer.path, value))
    }

    fn centre_search(&self) -> CentreSearch {
        CentreSearch {
            place: self.penultimate.place.clone(),
            count: self.options.templates,
            iterations: self.options.iterations,
            seed: self.options.cluster_seed,
        }
    }

    fn decision_search(&self) -> Option<DecisionSearch> {
        Some(DecisionSearch {
            place: self.intermediate.as_ref()?.place.clone(),
            components: self.options.components,
            each: self.options.sub_classes,
            iterations: self.options.iterations,
            seed: self.options.cluster_seed,
        })
    }

    fn set_centres(&mut self, values: Vec<f32>) {
        let columns = self.penultimate.place.size[2];
        self.centres = Some(Centres::new(
            values,
            columns,
            self.options.sharpness,
            &self.device,
        ));
    }

    fn set_decisions(&mut self, found: FoundDecisions) {
        let FoundDecisions {
            projection,
            offset,
            centres,
            scores,
        } = found;
        let each = self.options.sub_classes;
        let decisions = Decisions::new(projection, offset, centres, &scores, each, &self.device);
        self.decisions = Some(decisions);
    }
}

impl Method for LetKd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            insertions: self.pairs().map(|pair| pair.layer.clone()).collect(),
            prepares: true,
            targets: Some(TargetNeed::class(
                "it clusters the teacher's features class by class",
            )),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        Reads {
            student: self.pairs().map(Pair::point_of_scores).collect(),
            teacher: self.pairs().map(|pair| pair.place.point.clone()).collect(),
        }
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let mut terms = vec![self.penultimate_term(step)?];
        if let Some(pair) = &self.intermediate {
            terms.push(self.intermediate_term(pair, step)?);
        }
        Ok(terms)
    }

    fn prepare(&mut self, context: &mut dyn PrepareContext) -> Result<Prepared, MethodError> {
        if context.is_dry_run() {
            self.init_placeholder();
            return Ok(Prepared::Done);
        }
        let Some(centres) = self.centre_search().find(context)? else {
            return Ok(Prepared::Interrupted);
        };
        self.set_centres(centres);
        if let Some(search) = self.decision_search() {
            let Some(decisions) = search.find(context)? else {
                return Ok(Prepared::Interrupted);
            };
            self.set_decisions(decisions);
        }
        Ok(Prepared::Done)
    }
}

impl LetKd {
    /// Drawn values of the same shapes as centres and decisions.
    fn init_placeholder(&mut self) {
        let mut stream = Seed::new(0).stream("letkd.rehearsal", &[]);
        let columns = self.penultimate.place.size[2];
        self.set_centres(drawn(&mut stream, self.options.templates * columns));
        if let Some(search) = self.decision_search() {
            let (columns, count) = (search.place.size[2], self.classes * search.each);
            let r = search.components.min(columns);
            self.set_decisions(FoundDecisions {
                projection: drawn(&mut stream, columns * r),
                offset: drawn(&mut stream, r),
                centres: drawn(&mut stream, count * r),
                scores: vec![1.0 / count as f32; count * count],
            });
        }
    }
}

fn drawn(stream: &mut Stream, count: usize) -> Vec<f32> {
    (0..count).map(|_| stream.normal() as f32).collect()
}

/// The points that are named, or those of the last stage that the variant has.
fn points(
    named: &[String],
    side: &NetworkInfo,
    network: &'static str,
    variant: usize,
) -> Result<Vec<Point>, MethodError> {
    if !named.is_empty() {
        return points_named(named, LetKd::NAME);
    }
    let option = if network == "student" {
        "student_points"
    } else {
        "teacher_points"
    };
    let Some(LastStage {
        first_block,
        last_map,
    }) = side.last_stage.clone()
    else {
        return Err(MethodError::NoStages {
            method: LetKd::NAME,
            network,
            option,
        });
    };
    Ok(if variant == 1 {
        vec![last_map]
    } else {
        vec![first_block, last_map]
    })
}

/// Where the teacher is read for a layer at this point of the student.
fn place(
    context: &PlanContext,
    teacher: &NetworkInfo,
    point: &Point,
    of_teacher: Point,
) -> Result<Place, MethodError> {
    let [h, w, _] = context.student.size(point, LetKd::NAME, "student")?;
    let [height, width, channels] = teacher.size(&of_teacher, LetKd::NAME, "teacher")?;
    if !(height.is_multiple_of(h) && width.is_multiple_of(w) && height / h == width / w) {
        return Err(MethodError::Sizes {
            method: LetKd::NAME,
            student: (point.to_string(), [h, w]),
            teacher: (of_teacher.to_string(), [height, width]),
        });
    }
    Ok(Place {
        point: of_teacher,
        size: [h, w, channels],
    })
}

/// A file, or the study, that failed the preparation.
fn failed(error: impl Error + Send + Sync + 'static) -> MethodError {
    MethodError::PrepareContext(Box::new(error))
}
