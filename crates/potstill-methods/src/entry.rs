//! What a list says of a method, and how it is planned.

use potstill_recipe::MethodSpec;
use potstill_settings::{Key, choice};
use potstill_tasks::TaskKind;

use crate::{Method, MethodError, PlanContext};

type PlanMethod = fn(&MethodSpec, &PlanContext) -> Result<Box<dyn Method>, MethodError>;

choice! {
    /// What a method compares: the groups of the lists.
    pub enum Group {
        /// Class scores of both networks.
        Logits = "logits",
        /// Nothing of a teacher: labels, or an earlier copy of the student.
        TeacherFree = "teacher-free",
        /// Feature maps of both networks, level by level.
        Maps = "maps",
        /// How images of a batch stand to each other, or their embeddings.
        Relations = "relations",
        /// The training itself: teachers that grow up, layers that are put in, images that are made.
        Schemes = "schemes",
    }
}

/// One method that can be listed in a recipe.
#[derive(Clone, Copy)]
pub struct MethodEntry {
    /// The name in recipes.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What it compares.
    pub group: Group,
    /// The title of the paper.
    pub paper: &'static str,
    /// When it was published.
    pub year: u16,
    /// Who published it, and where.
    pub source: &'static str,
    /// What it reads of both networks and the data, and what it trains beside the student.
    pub needs: &'static str,
    /// What a step costs beside the passes of both networks.
    pub cost: &'static str,
    /// The weight that is usual in a recipe: that of the published CIFAR-100 experiments unless it says otherwise.
    pub weight: &'static str,
    /// The same as a number; none where it depends on the pair of networks or on the task.
    pub usual_weight: Option<f64>,
    /// The tasks that it serves. A test holds it to what can be planned.
    pub tasks: &'static [TaskKind],
    /// What it does not do on them, in a line; empty for nothing.
    pub limits: &'static str,
    /// The keys of its options in a recipe.
    pub keys: &'static [Key],
    pub(crate) plan: PlanMethod,
}

/// Every task.
pub(crate) const ALL: &[TaskKind] = &[
    TaskKind::Classification,
    TaskKind::MultiLabel,
    TaskKind::Segmentation,
    TaskKind::Detection,
    TaskKind::InstanceSegmentation,
];
/// Those in which classes exclude each other.
pub(crate) const BUT_MULTI_LABEL: &[TaskKind] = &[
    TaskKind::Classification,
    TaskKind::Segmentation,
    TaskKind::Detection,
    TaskKind::InstanceSegmentation,
];
/// Those whose own loss is nothing but a cross-entropy of such classes.
pub(crate) const CROSS_ENTROPIES: &[TaskKind] = &[TaskKind::Classification, TaskKind::Segmentation];
/// The task of one class an image.
pub(crate) const CLASSIFIERS: &[TaskKind] = &[TaskKind::Classification];
/// Those whose networks say something of whole images.
pub(crate) const IMAGES: &[TaskKind] = &[TaskKind::Classification, TaskKind::MultiLabel];
/// Those whose networks do not find objects.
pub(crate) const BUT_DETECTORS: &[TaskKind] = &[
    TaskKind::Classification,
    TaskKind::MultiLabel,
    TaskKind::Segmentation,
];
/// Those whose networks find objects.
pub(crate) const DETECTORS: &[TaskKind] = &[TaskKind::Detection, TaskKind::InstanceSegmentation];

impl MethodEntry {
    /// Plans the method for the networks of `context`.
    ///
    /// # Errors
    /// Wrong options, a missing teacher, points that are not there.
    pub fn plan(&self, spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
        (self.plan)(spec, context)
    }
}
