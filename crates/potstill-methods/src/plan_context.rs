//! What a method finds at planning time: both networks, probed, so that it can infer every shape.

use burn::tensor::Device;
use potstill_data::Normalise;
use potstill_models::{FrozenModel, LastStage, ModelError, Probe, StageEnd};
use potstill_ops::{Point, Scope};
use potstill_random::Seed;

use crate::MethodError;

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
}

/// What a method knows when it is planned.
#[derive(Debug, Clone)]
pub struct PlanContext {
    /// The student.
    pub student: NetworkInfo,
    /// The teacher, if the recipe has one.
    pub teacher: Option<NetworkInfo>,
    /// The size `[H, W, C]` of an image.
    pub image: [usize; 3],
    /// How the student's images are normalised.
    pub input: Normalise,
    /// Epochs of the student's training.
    pub epochs: usize,
    /// Where modules are created.
    pub device: Device,
    /// From which their initial values are drawn.
    pub seed: Seed,
}

impl PlanContext {
    /// The teacher.
    ///
    /// # Errors
    /// [`MethodError::NoTeacher`] in the name of the method that needs it.
    pub fn teacher(&self, method: &'static str) -> Result<&NetworkInfo, MethodError> {
        self.teacher.as_ref().ok_or(MethodError::NoTeacher(method))
    }

    /// The teacher, which must have the same number of classes as the student.
    ///
    /// # Errors
    /// As [`teacher`](Self::teacher); [`MethodError::Classes`].
    pub fn teacher_of_same_classes(&self, method: &'static str) -> Result<&NetworkInfo, MethodError> {
        let side = self.teacher(method)?;
        let (teacher, student) = (side.probe.classes, self.student.probe.classes);
        if teacher == student {
            return Ok(side);
        }
        Err(MethodError::Classes {
            method,
            teacher,
            student,
        })
    }

    /// The scope in which this method creates its modules.
    pub fn scope(&self, method: &str) -> Scope {
        Scope::new(&self.device, self.seed, method)
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
        })
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
            let meant = potstill_base::nearest(&wanted, names.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("did you mean `{meant}`? "));
            let hint = format!("{}`potstill plan` lists them all", meant.unwrap_or_default());
            MethodError::NoPoint {
                method,
                point: wanted,
                network,
                hint,
            }
        })
    }
}
