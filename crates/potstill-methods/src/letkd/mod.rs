//! **letKD**: KD layers inside the student, whose template scores the teacher supervises.
//!
//! Gorgun, Gurbuz and Alatan, "Knowledge Distillation Layer that Lets the Student Decide", BMVC 2023. A small layer
//! ([`KdLayer`](potstill_ops::KdLayer)) is put into the student and stays there. Its scores of K templates at every place are held
//! to a distribution that the teacher gives: at the last map soft assignments to centres of the teacher's features ([`Centres`]), behind
//! the first block of the last stage what the teacher takes the place for ([`Decisions`]). letKD-1 has the first layer only, letKD-2
//! both. Before the first step an offline pass over the teacher finds centres and decisions.
//!
//! On dense tasks, an extension that no source has, the penultimate layer stands behind a level of a detector's pyramid or in front of a
//! segmenter's classifier, and the teacher decides by the label of each pixel.

mod features;
mod k_means;
mod lda;
mod offline;
mod options;
mod place;
mod points;
mod rows;
mod sub_classes;
mod targets;

use std::error::Error;

use burn::tensor::{Device, Tensor};
use potstill_ops::{Insertion, LayerConfig, Pass, Point, select_places, softmax_divergence};
use potstill_random::{Seed, Stream};
use potstill_recipe::MethodSpec;
use potstill_settings::Key;
use potstill_tasks::labels_at_places;

pub use self::{
    k_means::{KMeans, each_assigned},
    lda::Discriminants,
    offline::{CentreSearch, DecisionSearch, FoundDecisions},
    place::{Gathered, Place},
    rows::{InFile, InMemory, Rows},
    sub_classes::{SubClasses, nearest_of_class, score_matrix},
    targets::{Centres, Decisions},
};
use self::{
    options::Options,
    points::{place_beside, points_of},
};
use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, PlanContext, PrepareContext,
    Prepared, Reads, StepContext, StudentEpoch, TargetNeed, Targets, TeacherLook, entry::ALL,
};

/// One layer of the student with the place of the teacher that supervises it.
#[derive(Debug, Clone)]
struct Pair {
    layer: Insertion,
    place: Place,
}

impl Pair {
    /// What the student scores and the teacher's features beside it, a constant.
    fn look(&self, step: &StepContext<'_>) -> Result<Look, MethodError> {
        let scores = step.student.tap(&self.point_of_scores())?;
        let [n, h, w, k] = scores.dims();
        let map = step.teacher().tap(&self.place.point)?;
        Ok(Look {
            scores: scores.reshape([n * h * w, k]),
            features: self.place.rows(map, [h, w]).inner(),
            size: [n, h, w],
        })
    }

    fn point_of_scores(&self) -> Point {
        Point::post(format!("{}.scores", self.layer.path))
    }
}

/// Both networks at the places of a layer.
struct Look {
    /// The student's scores, `[N H W, K]`.
    scores: Tensor<2>,
    /// The teacher's features, `[N H W, D]`.
    features: Tensor<2>,
    /// N, H, W.
    size: [usize; 3],
}

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: LetKd::NAME,
    about: "layers of templates inside the student, whose scores the teacher's clusters and decisions supervise",
    group: Group::Schemes,
    paper: "Knowledge Distillation Layer that Lets the Student Decide",
    year: 2023,
    source: "Gorgun, Gurbuz, Alatan 2023, arXiv 2309.02843",
    needs: "the teacher's features of all training images, and labels",
    cost: "a pass of the teacher before the first step; layers that stay in the student",
    weight: "1",
    usual_weight: Some(1.0),
    tasks: ALL,
    limits: "variant 1 alone for multi-label and detectors; on dense tasks an extension",
    keys: LetKd::KEYS,
    plan: |spec, context| Ok(Box::new(LetKd::plan(spec, context)?)),
};

/// letKD, planned for two networks.
#[derive(Debug, Clone)]
pub struct LetKd {
    penultimate: Pair,
    /// None for letKD-1.
    intermediate: Option<Pair>,
    options: Options,
    templates: usize,
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
        let variant = options.variant(spec, context.task)?;
        let templates = options.templates(context.task);
        let [of_student, of_teacher] = points_of(&options, context, teacher, variant)?;
        if of_student.len() != of_teacher.len() || of_student.len() != variant {
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
            (PENULTIMATE, templates, options.alpha),
        ];
        let layers = layers.into_iter().skip(2 - variant);
        let pairs = layers.zip(of_student.into_iter().zip(of_teacher));
        let pairs = pairs.map(|((path, templates, alpha), (point, of_teacher))| {
            let gathered = options.gathered(context.task, path == INTERMEDIATE);
            let place = place_beside(context, teacher, &point, (of_teacher, gathered))?;
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
            templates,
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
        let Look { scores, features, .. } = pair.look(step)?;
        let value = softmax_divergence(scores, &|range| {
            centres.logits(features.clone().narrow(0, range.start, range.len()))
        });
        Ok(LossTerm::loss(&*pair.layer.path, value))
    }

    /// The intermediate layer's loss: the divergence of its scores from the teacher's decisions, mean over the places that have a class.
    fn intermediate_term(&self, pair: &Pair, step: &StepContext<'_>) -> Result<LossTerm, MethodError> {
        let decisions = self.decisions.as_ref().ok_or(MethodError::NotPrepared)?;
        let Look {
            mut scores,
            mut features,
            size: [_, h, w],
        } = pair.look(step)?;
        let mut labels = labels_of(step.targets, [h, w])?;
        // The label of an image is that of all its places, and every image has one.
        let mut places_of_label = h * w;
        if let Targets::Map(_) = step.targets {
            places_of_label = 1;
            let known: Vec<usize> = (0..labels.len())
                .filter(|&row| labels[row] < self.classes)
                .collect();
            if known.is_empty() {
                return Ok(LossTerm::loss(&*pair.layer.path, (scores * 0.0).sum()));
            }
            (scores, features) = (select_places(scores, &known), select_places(features, &known));
            labels = known.into_iter().map(|row| labels[row]).collect();
        }
        let assigned = decisions.assign(features, &labels, places_of_label);
        let value = softmax_divergence(scores, &|range| decisions.logits(&assigned[range]));
        Ok(LossTerm::loss(&*pair.layer.path, value))
    }

    fn centre_search(&self) -> CentreSearch {
        CentreSearch {
            place: self.penultimate.place.clone(),
            count: self.templates,
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
        let columns = self.penultimate.place.channels;
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
            targets: self
                .intermediate
                .as_ref()
                .map(|_| TargetNeed::classes_of_places("it clusters the teacher's features class by class")),
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        Reads {
            student: self.pairs().map(Pair::point_of_scores).collect(),
            teacher: self.pairs().map(|pair| pair.place.point.clone()).collect(),
        }
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
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
        let columns = self.penultimate.place.channels;
        self.set_centres(drawn(&mut stream, self.templates * columns));
        if let Some(search) = self.decision_search() {
            let (columns, count) = (search.place.channels, self.classes * search.each);
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

/// The class of each image, or of each place of maps of this size; that of a place without a label is none of the classes.
fn labels_of(targets: &Targets, size: [usize; 2]) -> Result<Vec<usize>, MethodError> {
    let data = match targets {
        Targets::Map(labels) => labels_at_places(labels.clone(), size).into_data(),
        targets => targets.class()?.clone().into_data(),
    };
    Ok(data.iter::<i64>().map(|label| label as usize).collect())
}

/// A file, or the study, that failed the preparation.
fn failed(error: impl Error + Send + Sync + 'static) -> MethodError {
    MethodError::PrepareContext(Box::new(error))
}
