//! Levels: pairs of maps, one of the student and one of the teacher, that a method of features compares.
//!
//! Where a recipe names no points they are the ends of the stages of a classifier or segmenter, and the outputs of a detector's
//! pyramid. Stages pair in their order. Levels of pyramids pair by the size of their maps, that is by stride, because P3 to P7 of
//! one detector stand beside P2 to P6 of another.

mod aligners;
mod of_maps;
mod pairing;
mod per_level;
mod three;
mod unit;

use burn::tensor::Tensor;
use potstill_ops::{Point, resize_bilinear};
use potstill_tasks::TaskKind;

pub(crate) use self::aligners::Aligners;
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
pub(crate) struct Levels(Vec<Level>);

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
        let choose = |named: &[String], info: &NetworkInfo| match named {
            [] => Ok(usual.points(info, context.task)),
            named => points_named(named, method),
        };
        let student = choose(named.student, &context.student)?;
        let theirs = choose(named.teacher, teacher)?;
        for (points, network, option) in [
            (&student, "student", "student_points"),
            (&theirs, "teacher", "teacher_points"),
        ] {
            if points.is_empty() {
                return Err(MethodError::NoStages {
                    method,
                    network,
                    option,
                });
            }
        }
        let student = context.student.sized(&student, method, "student")?;
        let theirs = teacher.sized(&theirs, method, "teacher")?;
        let is_usual = named.student.is_empty() && named.teacher.is_empty();
        let is_one = student.len() == 1 && theirs.len() == 1;
        let pairs = if is_usual && is_pyramid(context.task) && !is_one {
            by_size(method, context.image, &student, &theirs)?
        } else if student.len() == theirs.len() || is_usual {
            // Networks with other numbers of stages are compared from the deepest on.
            let common = student.len().min(theirs.len());
            let from = [student.len(), theirs.len()].map(|all| all - common);
            (0..common)
                .map(|level| from.map(|skipped| skipped + level))
                .collect()
        } else {
            return Err(MethodError::Unpaired {
                method,
                student: student.len(),
                teacher: theirs.len(),
            });
        };
        let levels = pairs.into_iter().map(|[s, t]| {
            let ((student, ours), (teacher, theirs)) = (student[s].clone(), theirs[t].clone());
            Level {
                student,
                teacher,
                channels: [ours[2], theirs[2]],
                sizes: [ours, theirs].map(|[h, w, _]| [h, w]),
            }
        });
        Ok(Self(levels.collect()))
    }

    /// Every level, shallow to deep.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Level> {
        self.0.iter()
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
