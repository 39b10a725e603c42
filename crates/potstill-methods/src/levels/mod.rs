//! Levels: pairs of maps, one of the student and one of the teacher, that a method of features compares.
//!
//! Where a recipe names no points they are the ends of the stages of a classifier or segmenter, and the outputs of a detector's
//! pyramid. Stages pair in their order. Levels of pyramids pair by the size of their maps, that is by stride, because P3 to P7 of
//! one detector stand beside P2 to P6 of another.

mod aligners;
mod first_stage;
mod last_map;
mod of_maps;
mod pairing;
mod per_level;
mod three;
mod unit;

use burn::tensor::Tensor;
use potstill_ops::{Point, resize_bilinear};
use potstill_tasks::TaskKind;

pub(crate) use self::aligners::Aligners;
pub(crate) use self::first_stage::FirstStage;
pub(crate) use self::last_map::last_map;
pub(crate) use self::of_maps::{MapLoss, OfMaps, Pair, at_one_size, by_level, embeddings, places};
pub(crate) use self::pairing::{by_size, check_strides};
pub(crate) use self::per_level::{Embedding, PerLevel};
pub(crate) use self::three::{OneSide, named_or_three};
pub(crate) use self::unit::{roots, unit, unit_plus};
use crate::{MethodError, NetworkInfo, PlanContext, Reads, StepContext, plan_context::points_named};

/// A pair of maps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Level {
    /// The place in the student.
    pub student: Point,
    /// The place in the teacher.
    pub teacher: Point,
    /// Channels of the student and of the teacher.
    pub channels: [usize; 2],
    /// Height and width of the student's map and of the teacher's, for an image of the planned size.
    pub sizes: [[usize; 2]; 2],
}

/// The levels of a method, shallow to deep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Levels {
    levels: Vec<Level>,
    /// How many usual points the student and the teacher have, where one has more than the other.
    unequal: Option<[usize; 2]>,
}

/// The points that the options of a method name, student and teacher; empty lists for the usual ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub student: &'a [String],
    pub teacher: &'a [String],
}

impl<'a> Named<'a> {
    /// The points that these options name.
    pub fn of(student: &'a [String], teacher: &'a [String]) -> Self {
        Self { student, teacher }
    }
}

/// The points of a network that a method reads where its recipe names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usual {
    /// The ends of its stages, or the outputs of its pyramid, behind their activation.
    Stages,
    /// The same before it.
    BeforeActivation,
    /// The end of its stem, and the ends of its stages.
    StemAndStages,
    /// The end of its second stage.
    Hint,
    /// Its last map.
    LastMap,
    /// The pooled embedding of a network that says something of whole images.
    Embedding,
}

impl Usual {
    /// The points of this network.
    fn points(self, info: &NetworkInfo, task: TaskKind) -> Vec<Point> {
        let ends = info.spatial_ends(task);
        let end = match self {
            Self::Stages => return ends.iter().map(|end| end.post.clone()).collect(),
            Self::BeforeActivation => return ends.iter().map(|end| end.pre.clone()).collect(),
            Self::StemAndStages => {
                let ends = ends.iter().map(|end| end.post.clone());
                return info.stem.clone().into_iter().chain(ends).collect();
            }
            Self::Hint => ends.get(1).or(ends.last()),
            Self::LastMap => ends.last(),
            Self::Embedding => info.stage_ends.last(),
        };
        end.map(|end| end.post.clone()).into_iter().collect()
    }
}

impl Levels {
    /// The levels that a recipe names, or the usual ones.
    ///
    /// # Errors
    /// No teacher, points that are not there or do not pair up, pyramids without a common level, embeddings of networks that say more than
    /// one thing of an image.
    pub fn plan(
        method: &'static str,
        context: &PlanContext,
        named: Named<'_>,
        usual: Usual,
    ) -> Result<Self, MethodError> {
        let teacher = context.teacher(method)?;
        if usual == Usual::Embedding && is_dense(context.task) {
            return Err(MethodError::NoEmbedding {
                method,
                task: context.task,
            });
        }
        let sides = [
            (&context.student, named.student, "student", "student_points"),
            (teacher, named.teacher, "teacher", "teacher_points"),
        ];
        let side = |(info, names, network, option): (&NetworkInfo, &[String], _, _)| {
            let points = match names {
                [] => usual.points(info, context.task),
                names => points_named(names, method)?,
            };
            if points.is_empty() {
                return Err(MethodError::NoStages {
                    method,
                    network,
                    option,
                });
            }
            info.sized(&points, method, network)
        };
        let [student, theirs] = sides.map(side);
        let (student, theirs) = (student?, theirs?);
        let is_usual = named.student.is_empty() && named.teacher.is_empty();
        let pairs = paired(method, context, &student, &theirs, is_usual)?;
        let counts = [student.len(), theirs.len()];
        let levels = pairs.into_iter().map(|[s, t]| {
            let ((student, ours), (teacher, theirs)) = (student[s].clone(), theirs[t].clone());
            Level {
                student,
                teacher,
                channels: [ours[2], theirs[2]],
                sizes: [ours, theirs].map(|[h, w, _]| [h, w]),
            }
        });
        Ok(Self {
            levels: levels.collect(),
            unequal: (counts[0] != counts[1]).then_some(counts),
        })
    }

    /// What has to be said of them before the first step: which of them are not compared.
    pub fn notes(&self) -> Vec<String> {
        let note = |[student, teacher]: [usize; 2]| {
            let compared = self
                .iter()
                .map(|level| format!("{} with {}", level.student, level.teacher));
            format!(
                "the student has {student} maps, the teacher {teacher}; compared are {}",
                compared.collect::<Vec<_>>().join(", ")
            )
        };
        self.unequal.map(note).into_iter().collect()
    }

    /// The one level of these points, the student's and the teacher's.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn at(
        method: &'static str,
        context: &PlanContext,
        [student, teacher]: [&Point; 2],
    ) -> Result<Self, MethodError> {
        let [student, teacher] = [student, teacher].map(|point| [point.to_string()]);
        Self::plan(method, context, Named::of(&student, &teacher), Usual::LastMap)
    }

    /// Every level, shallow to deep.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.levels.iter()
    }

    /// The points.
    pub fn reads(&self) -> Reads {
        Reads {
            student: self.iter().map(|level| level.student.clone()).collect(),
            teacher: self.iter().map(|level| level.teacher.clone()).collect(),
        }
    }

    /// The maps of a step, of the student and the teacher, level by level.
    ///
    /// # Errors
    /// A map that was not read.
    pub fn pairs(&self, step: &StepContext<'_>) -> Result<Vec<Pair>, MethodError> {
        let pair = |level: &Level| {
            Ok([
                step.student.tap(&level.student)?,
                step.teacher().tap(&level.teacher)?,
            ])
        };
        self.iter().map(pair).collect()
    }
}

/// Which point of the student stands beside which of the teacher's, shallow to deep: those of pyramids by the size of their maps, others in their order; if they are
/// the usual ones and one network has more, from the deepest on.
fn paired(
    method: &'static str,
    context: &PlanContext,
    student: &[(Point, [usize; 3])],
    teacher: &[(Point, [usize; 3])],
    is_usual: bool,
) -> Result<Vec<[usize; 2]>, MethodError> {
    let counts = [student.len(), teacher.len()];
    if is_usual && is_pyramid(context.task) && counts != [1, 1] {
        return by_size(method, context.image, student, teacher);
    }
    if counts[0] != counts[1] && !is_usual {
        let [student, teacher] = counts;
        return Err(MethodError::Unpaired {
            method,
            student,
            teacher,
        });
    }
    let common = counts[0].min(counts[1]);
    let pair = |level: usize| counts.map(|all| all - common + level);
    Ok((0..common).map(pair).collect())
}

/// A map at the size of another, which it is compared with; bilinear where they differ.
pub(crate) fn resized(ours: Tensor<4>, theirs: Tensor<4>) -> Pair {
    [at_the_size_of(ours, &theirs), theirs]
}

/// Whether the levels of a network of this task are those of a pyramid.
pub(crate) fn is_pyramid(task: TaskKind) -> bool {
    is_dense(task) && !is_segmenter(task)
}

/// Whether a network of this task says something of every pixel.
pub(crate) fn is_segmenter(task: TaskKind) -> bool {
    task == TaskKind::Segmentation
}

/// Whether a network of this task says more of an image than what it shows.
pub(crate) fn is_dense(task: TaskKind) -> bool {
    !matches!(task, TaskKind::Classification | TaskKind::MultiLabel)
}

/// A map at the height and width of another: bilinear where they differ, corners not aligned.
fn at_the_size_of(map: Tensor<4>, other: &Tensor<4>) -> Tensor<4> {
    let [_, height, width, _] = other.dims();
    resize_bilinear(map, [height, width])
}

/// The sum of the losses of all levels, in their order; none of none.
pub(crate) fn summed(losses: impl Iterator<Item = Tensor<1>>) -> Result<Tensor<1>, MethodError> {
    losses
        .reduce(|sum, loss| sum + loss)
        .ok_or(MethodError::NoLoss("terms"))
}
