//! What a method finds at planning time: both networks, probed, so that it can infer every shape.

use std::collections::HashMap;

use burn::tensor::Device;
use potstill_data::{ClassMatch, Normalise};
use potstill_models::{DetectorKind, FrozenModel, LastStage, LinearHead, ModelError, Probe, StageEnd};
use potstill_ops::{Point, Scope};
use potstill_random::Seed;
use potstill_tasks::{TaskKind, fits_classes};

use crate::{MethodError, TrainingImages, levels::is_dense};

/// One network as a method meets it while planning.
#[derive(Debug, Clone)]
pub struct NetworkInfo {
    /// Its points, map sizes and classes.
    pub probe: Probe,
    /// Where its stem ends; none for an ONNX file.
    pub stem: Option<Point>,
    /// Where its stages end, shallow to deep, then the pooled embedding.
    pub stage_ends: Vec<StageEnd>,
    /// The ends of its last stage; none for a network that knows no stages.
    pub last_stage: Option<LastStage>,
    /// Its batch norms, in the order of the network; none for an ONNX file.
    pub norms: Vec<NormWeights>,
    /// The paths of its modules with numbers of their own, in the order of the network; none for an ONNX file.
    pub layers: Vec<String>,
    /// Whether it starts from trained weights.
    pub has_weights: bool,
    /// The task that its weights were trained for, where they say so.
    pub task: Option<TaskKind>,
    /// What its classes are called, in the order of its outputs; empty where nothing says so.
    pub class_names: Vec<String>,
    head: KnownHead,
}

/// The last classifier of a network as it is before the first step.
#[derive(Debug, Clone)]
enum KnownHead {
    /// That of a network of ours.
    Ours(Option<Box<LinearHead>>),
    /// That of a file, which is read once more for it.
    File(Box<FrozenModel>),
}

impl KnownHead {
    fn of(network: FrozenModel) -> Self {
        match network {
            FrozenModel::Ours(ours) => Self::Ours(ours.get().linear_head().map(Box::new)),
            file @ FrozenModel::Onnx(_) => Self::File(Box::new(file)),
        }
    }
}

/// What a batch norm of a network multiplies with and adds.
#[derive(Debug, Clone, PartialEq)]
pub struct NormWeights {
    /// The path of its module, as PyTorch names it.
    pub path: String,
    /// What each channel is multiplied with.
    pub weight: Vec<f64>,
    /// What is added to it.
    pub bias: Vec<f64>,
}

/// What a method knows when it is planned. A method that has modules of its own finds their shapes here:
///
/// ```
/// use potstill_methods::{
///     LossTerm, Method, MethodError, Part, PlanContext, Reads, StepContext, StudentEpoch,
/// };
/// use potstill_ops::{Conv2d, Conv2dConfig, Parameters, Pass, Point};
///
/// /// A 1x1 convolution of the student's last map follows the teacher's last map, of the same size.
/// struct Follow {
///     student: Point,
///     teacher: Point,
///     project: Conv2d,
/// }
///
/// impl Follow {
///     fn plan(context: &PlanContext) -> Result<Self, MethodError> {
///         let (ours, theirs) = (&context.student, context.teacher("follow")?);
///         let last = |stages: &[potstill_models::StageEnd]| stages[stages.len() - 2].post.clone();
///         let (student, teacher) = (last(&ours.stage_ends), last(&theirs.stage_ends));
///         let [_, _, inputs] = ours.size(&student, "follow", "student")?;
///         let [_, _, outputs] = theirs.size(&teacher, "follow", "teacher")?;
///         let project = Conv2d::he_normal(Conv2dConfig::new(inputs, outputs, 1), &context.scope().at("project"));
///         Ok(Self { student, teacher, project })
///     }
/// }
///
/// impl Method for Follow {
///     fn reads(&self, _: StudentEpoch) -> Reads {
///         Reads { student: vec![self.student.clone()], teacher: vec![self.teacher.clone()] }
///     }
///
///     fn terms(&self, step: &StepContext<'_>, pass: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
///         let ours = self.project.forward(step.student.tap(&self.student)?, pass);
///         let gap = ours - step.teacher().tap(&self.teacher)?;
///         Ok(vec![LossTerm::loss(step.id, gap.powi_scalar(2).mean())])
///     }
///
///     fn parts(&self) -> Vec<Part<&dyn Parameters>> {
///         vec![Part::beside_student(&self.project)]
///     }
///
///     fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
///         vec![Part::beside_student(&mut self.project)]
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct PlanContext {
    /// The name of the method's entry.
    pub id: String,
    /// The student.
    pub student: NetworkInfo,
    /// The teachers that the entry names: none, one, or several whose mean it is to learn from.
    pub teachers: Vec<NetworkInfo>,
    /// What the networks are trained for.
    pub task: TaskKind,
    /// The training images.
    pub images: TrainingImages,
    /// The size `[H, W, C]` of an image.
    pub image: [usize; 3],
    /// How the student's images are normalised.
    pub input: Normalise,
    /// Epochs of the student's training.
    pub epochs: usize,
    /// Steps of each.
    pub steps: usize,
    /// Images of a step.
    pub batch: usize,
    /// Where modules are created.
    pub device: Device,
    /// From which their initial values are drawn.
    pub seed: Seed,
}

impl PlanContext {
    /// The teacher; the first of several.
    ///
    /// # Errors
    /// [`MethodError::NoTeacher`] in the name of the method that needs it.
    pub fn teacher(&self, method: &'static str) -> Result<&NetworkInfo, MethodError> {
        self.teachers
            .first()
            .ok_or_else(|| MethodError::NoTeacher(method.into()))
    }

    /// The teacher, whose probabilities the student's can be compared with: it must have learned the same task, if it says which, with the
    /// same classes, as must every other: as many, and in the same order by their names, if it says these.
    ///
    /// # Errors
    /// As [`teacher`](Self::teacher); [`MethodError::OtherTask`], [`MethodError::Classes`], [`MethodError::ClassNames`].
    pub fn teacher_of_same_classes(&self, method: &'static str) -> Result<&NetworkInfo, MethodError> {
        let mut tasks = self.teachers.iter().filter_map(|teacher| teacher.task);
        if let Some(teacher) = tasks.find(|&task| task != self.task) {
            return Err(MethodError::OtherTask {
                method,
                teacher,
                student: self.task,
            });
        }
        let student = self.student.probe.classes;
        let mut classes = self.teachers.iter().map(|teacher| teacher.probe.classes);
        if classes.clone().any(|teacher| teacher == 0) {
            return Err(MethodError::NoScores { method });
        }
        // An answer for void is left out where rows are compared.
        if let Some(teacher) = classes.find(|&teacher| !fits_classes(self.task, teacher, student)) {
            return Err(MethodError::Classes {
                method,
                teacher,
                student,
            });
        }
        self.check_class_names(method)?;
        self.teacher(method)
    }

    /// The teacher, whose scores stand beside the student's row by row: besides the same classes it tells those of the same places of an
    /// image, if both are detectors that say so, as must every other.
    ///
    /// # Errors
    /// As [`teacher_of_same_classes`](Self::teacher_of_same_classes); [`MethodError::OtherDetector`], [`MethodError::NoSuchScores`],
    /// [`MethodError::OtherPlaces`].
    pub fn teacher_of_same_rows(&self, method: &'static str) -> Result<&NetworkInfo, MethodError> {
        let first = self.teacher_of_same_classes(method)?;
        let Some(own) = &self.student.probe.scores else {
            return Ok(first);
        };
        for teacher in &self.teachers {
            let Some(theirs) = &teacher.probe.scores else {
                // The levels of a file are told by their names alone, and stand beside those of a pyramid.
                if own.kind == DetectorKind::Dense {
                    continue;
                }
                return Err(MethodError::NoSuchScores {
                    method,
                    student: own.kind,
                });
            };
            if theirs.kind != own.kind {
                return Err(MethodError::OtherDetector {
                    method,
                    student: own.kind,
                    teacher: theirs.kind,
                });
            }
            let mut maps = own.maps.iter().zip(&theirs.maps);
            let differs = maps.position(|(own, theirs)| own != theirs);
            let shorter =
                (own.maps.len() != theirs.maps.len()).then(|| own.maps.len().min(theirs.maps.len()));
            if let Some(map) = differs.or(shorter) {
                let told = |maps: &[[usize; 2]]| maps.get(map).copied().unwrap_or_default();
                return Err(MethodError::OtherPlaces {
                    method,
                    map,
                    student: told(&own.maps),
                    teacher: told(&theirs.maps),
                });
            }
        }
        Ok(first)
    }

    /// The kind of detector that the student is; `None` of other networks.
    pub fn student_kind(&self) -> Option<DetectorKind> {
        self.student.probe.scores.as_ref().map(|scores| scores.kind)
    }

    /// Whether the teachers that say what their classes are called have those of the student in the same places.
    fn check_class_names(&self, method: &'static str) -> Result<(), MethodError> {
        let ours = &self.student.class_names;
        let mut differing = self
            .teachers
            .iter()
            .filter_map(|teacher| teacher.other_class(ours));
        match differing.next() {
            None => Ok(()),
            Some([teacher, student]) => Err(MethodError::ClassNames {
                method,
                teacher,
                student,
            }),
        }
    }

    /// The student's classifier as it is before the first step, for a method that reads it.
    ///
    /// # Errors
    /// [`MethodError::NoLinearHead`] if it is none behind the mean of a map.
    pub fn student_head(&self, method: &'static str) -> Result<LinearHead, MethodError> {
        let network = "student";
        let head = self.student.linear_head();
        head.ok_or(MethodError::NoLinearHead { method, network })
    }

    /// The teacher's classifier as it is before the first step, for a method that reads it.
    ///
    /// # Errors
    /// No teacher; [`MethodError::NoLinearHead`] if it is none behind the mean of a map.
    pub fn teacher_head(&self, method: &'static str) -> Result<LinearHead, MethodError> {
        let network = "teacher";
        let head = self.teacher(method)?.linear_head();
        head.ok_or(MethodError::NoLinearHead { method, network })
    }

    /// The scope in which the entry creates its modules.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.device, self.seed, &self.id)
    }
}

/// The points that an option of a method names.
///
/// # Errors
/// [`MethodError::Point`] for text that names none.
pub(crate) fn points_named(names: &[String], method: &'static str) -> Result<Vec<Point>, MethodError> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|source| MethodError::Point { method, source })
    };
    names.iter().map(parse).collect()
}

impl NetworkInfo {
    /// Meets `network` by running it once on an image of size `[H, W, C]`.
    ///
    /// # Errors
    /// The network cannot take such an image.
    pub fn of(
        network: impl Into<FrozenModel>,
        image: [usize; 3],
        device: &Device,
    ) -> Result<Self, ModelError> {
        let network = network.into();
        network.check(image)?;
        let [height, width, _] = image;
        Ok(Self {
            probe: network.probe([height, width], device)?,
            stem: network.stem(),
            stage_ends: network.stage_ends(),
            last_stage: network.last_stage(),
            norms: norms(&network),
            layers: layers(&network),
            has_weights: false,
            task: None,
            class_names: Vec::new(),
            head: KnownHead::of(network),
        })
    }

    /// Its classifier as it is before the first step, if nothing but a linear layer stands behind the mean over all places of a map.
    pub fn linear_head(&self) -> Option<LinearHead> {
        match &self.head {
            KnownHead::Ours(head) => head.as_deref().cloned(),
            KnownHead::File(network) => network.linear_head(),
        }
    }

    /// The same network, which starts from trained weights or does not.
    #[must_use]
    pub fn with_weights(self, has_weights: bool) -> Self {
        Self { has_weights, ..self }
    }

    /// Whether it is built as another network is: with the same points, maps and costs. Weights do not count.
    pub(crate) fn is_built_as(&self, other: &Self) -> bool {
        let [own, others] = [self, other].map(|network| &network.probe);
        own.points == others.points && own.macs == others.macs
    }

    /// The first of its classes that is called otherwise than the class of `names` in its place, and what that is called; `None` where
    /// all are alike, or where one of both has numbers or no names at all.
    pub fn other_class(&self, names: &[String]) -> Option<[String; 2]> {
        let own = &self.class_names;
        if own.is_empty() || names.is_empty() {
            return None;
        }
        let in_place = match ClassMatch::of("the data", names, own) {
            Ok(ClassMatch::Same | ClassMatch::ByPosition) => true,
            Ok(ClassMatch::ByName { numbers, .. } | ClassMatch::ByNumber { numbers }) => {
                (0..).zip(&numbers).all(|(place, number)| place == *number)
            }
            Err(_) => false,
        };
        let mut pairs = own.iter().zip(names).filter(|_| !in_place);
        let (own, other) = pairs.find(|(own, other)| own != other)?;
        Some([own.clone(), other.clone()])
    }

    /// Where its stages end, or the outputs of its pyramid, fine to coarse: those that are maps. The pooled embedding of a network that says
    /// one thing of an image is none.
    pub fn spatial_ends(&self, task: TaskKind) -> &[StageEnd] {
        match &self.stage_ends[..] {
            [maps @ .., _] if !is_dense(task) => maps,
            all => all,
        }
    }

    /// The size `[H, W, C]` of the map at a point.
    ///
    /// # Errors
    /// [`MethodError::NoPoint`] with the nearest point of this network.
    pub fn size(
        &self,
        point: &Point,
        method: &'static str,
        network: &'static str,
    ) -> Result<[usize; 3], MethodError> {
        self.probe.size(point).ok_or_else(|| {
            let wanted = point.to_string();
            let points = self.probe.points.iter();
            let names: Vec<String> = points.map(|(point, _)| point.to_string()).collect();
            let hint = match potstill_base::nearest(&wanted, names.iter().map(String::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "none of its points has a name like it".into(),
            };
            MethodError::NoPoint {
                method,
                point: wanted,
                network,
                hint,
            }
        })
    }

    /// The batch norm that a point of so many channels stands behind: that which ends there, or the last layer within its module, if that is one, but for those of
    /// shortcuts.
    pub(crate) fn norm_before(&self, point: &Point, channels: usize) -> Option<&NormWeights> {
        let inside = format!("{}.", point.path);
        let is_shortcut = |part: &str| part == "downsample" || part == "shortcut";
        let is_own = |path: &&String| {
            **path == point.path
                || path
                    .strip_prefix(&inside)
                    .is_some_and(|rest| !rest.split('.').any(is_shortcut))
        };
        let last = self.layers.iter().rfind(is_own)?;
        let norm = self.norms.iter().find(|norm| norm.path == *last);
        norm.filter(|norm| norm.weight.len() == channels)
    }

    /// These points with the sizes `[H, W, C]` of their maps.
    ///
    /// # Errors
    /// As [`size`](Self::size), of the first point that is not there.
    pub(crate) fn sized(
        &self,
        points: &[Point],
        method: &'static str,
        network: &'static str,
    ) -> Result<Vec<(Point, [usize; 3])>, MethodError> {
        let sizes = points
            .iter()
            .map(|point| Ok((point.clone(), self.size(point, method, network)?)));
        sizes.collect()
    }
}

/// The paths of the modules of a network of ours that have numbers of their own, in its order.
fn layers(network: &FrozenModel) -> Vec<String> {
    let FrozenModel::Ours(network) = network else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    network.get().parameters().each(&mut |entry, _| {
        if let Some((path, _)) = entry.path.rsplit_once('.')
            && found.last().is_none_or(|last| last != path)
        {
            found.push(path.to_owned());
        }
    });
    found
}

/// The batch norms of a network of ours, in its order.
fn norms(network: &FrozenModel) -> Vec<NormWeights> {
    let FrozenModel::Ours(network) = network else {
        return Vec::new();
    };
    let (mut found, mut values) = (Vec::new(), HashMap::new());
    network.get().parameters().each(&mut |entry, tensor| {
        let Some((path, name)) = entry.path.rsplit_once('.') else {
            return;
        };
        match name {
            "running_mean" => found.push(path.to_owned()),
            "weight" | "bias" if entry.shape.len() == 1 => {
                let numbers: Vec<f64> = tensor.into_data().iter::<f64>().collect();
                values.insert((path.to_owned(), name == "weight"), numbers);
            }
            _ => {}
        }
    });
    let norm = |path: String| {
        let mut of = |is_weight| values.remove(&(path.clone(), is_weight));
        let (weight, bias) = (of(true)?, of(false)?);
        Some(NormWeights { path, weight, bias })
    };
    found.into_iter().filter_map(norm).collect()
}
