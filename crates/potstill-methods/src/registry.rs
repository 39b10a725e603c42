//! Every method by name: one line each.

use potstill_recipe::{MethodSpec, Schema};
use potstill_settings::{Key, Named, Variant};
use potstill_tasks::TaskKind;

use crate::{
    Cwd, Dkd, Ekd, Fgd, FitNet, Kd, LetKd, Method, MethodError, Mgd, Pkd, PlanContext, ReviewKd, Tskd, Tst,
};

type PlanMethod = fn(&MethodSpec, &PlanContext) -> Result<Box<dyn Method>, MethodError>;

/// One method that can be listed in a recipe.
#[derive(Clone, Copy)]
pub struct MethodEntry {
    /// The name in recipes.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The tasks that it serves. A test holds it to what can be planned.
    pub tasks: &'static [TaskKind],
    /// What it does not do on them, in a line; empty for nothing.
    pub limits: &'static str,
    /// The keys of its options in a recipe.
    pub keys: &'static [Key],
    plan: PlanMethod,
}

/// Every task.
const ALL: &[TaskKind] = &[
    TaskKind::Classification,
    TaskKind::MultiLabel,
    TaskKind::Segmentation,
    TaskKind::Detection,
    TaskKind::InstanceSegmentation,
];
/// Those in which classes exclude each other.
const BUT_MULTI_LABEL: &[TaskKind] = &[
    TaskKind::Classification,
    TaskKind::Segmentation,
    TaskKind::Detection,
    TaskKind::InstanceSegmentation,
];
/// Those whose networks find objects.
const DETECTORS: &[TaskKind] = &[TaskKind::Detection, TaskKind::InstanceSegmentation];

static REGISTRY: &[MethodEntry] = &[
    MethodEntry {
        name: Kd::NAME,
        about: "the student's softened logits follow the teacher's",
        source: "Hinton, Vinyals, Dean 2015, arXiv 1503.02531",
        tasks: ALL,
        limits: "detectors of one kind",
        keys: Kd::KEYS,
        plan: |spec, context| Ok(Box::new(Kd::plan(spec, context)?)),
    },
    MethodEntry {
        name: ReviewKd::NAME,
        about: "deep student features review the teacher's shallow ones through attention-based fusion",
        source: "Chen, Liu, Zhao, Jia 2021, arXiv 2104.09044",
        tasks: ALL,
        limits: "detectors whose levels have the same strides",
        keys: ReviewKd::KEYS,
        plan: |spec, context| Ok(Box::new(ReviewKd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Ekd::NAME,
        about: "a teacher that grows up beside its student hands over intermediate knowledge through guided modules",
        source: "Zhang, Zhang, Li, Zeng, Ge 2022, arXiv 2103.13811",
        tasks: BUT_MULTI_LABEL,
        limits: "on dense tasks an extension",
        keys: Ekd::KEYS,
        plan: |spec, context| Ok(Box::new(Ekd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Tskd::NAME,
        about: "the student reviews how its attention changed over the epochs, and what is left to the teacher's",
        source: "Wang, Han, Wang, Chen, Liu, Tang 2023, arXiv 2307.00811",
        tasks: ALL,
        limits: "",
        keys: Tskd::KEYS,
        plan: |spec, context| Ok(Box::new(Tskd::plan(spec, context)?)),
    },
    MethodEntry {
        name: LetKd::NAME,
        about: "layers of templates inside the student, whose scores the teacher's clusters and decisions supervise",
        source: "Gorgun, Gurbuz, Alatan 2023, arXiv 2309.02843",
        tasks: ALL,
        limits: "variant 1 alone for multi-label and detectors; on dense tasks an extension",
        keys: LetKd::KEYS,
        plan: |spec, context| Ok(Box::new(LetKd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Tst::NAME,
        about: "a learned augmentation looks for images that the teacher gets right and the student does not",
        source: "Shao, Chen, Huang, Gong, Wang, Wu 2023, arXiv 2212.05422",
        tasks: BUT_MULTI_LABEL,
        limits: "no FastestDet, no SSDLite; detectors of one kind",
        keys: Tst::KEYS,
        plan: |spec, context| Ok(Box::new(Tst::plan(spec, context)?)),
    },
    MethodEntry {
        name: Dkd::NAME,
        about: "the true class and the others among themselves follow the teacher's, each by a weight of its own",
        source: "Zhao, Cui, Song, Qiu, Liang 2022, arXiv 2203.08679",
        tasks: BUT_MULTI_LABEL,
        limits: "of detectors two-stage ones alone",
        keys: Dkd::KEYS,
        plan: |spec, context| Ok(Box::new(Dkd::plan(spec, context)?)),
    },
    MethodEntry {
        name: FitNet::NAME,
        about: "maps follow the teacher's through a 1x1 convolution (hints, mimic)",
        source: "Romero, Ballas, Kahou, Chassang, Gatta, Bengio 2015, arXiv 1412.6550",
        tasks: ALL,
        limits: "",
        keys: FitNet::KEYS,
        plan: |spec, context| Ok(Box::new(FitNet::plan(spec, context)?)),
    },
    MethodEntry {
        name: Cwd::NAME,
        about: "where each channel is strong in the image follows the teacher's",
        source: "Shu, Liu, Gao, Yan, Shen 2021, arXiv 2011.13256",
        tasks: ALL,
        limits: "",
        keys: Cwd::KEYS,
        plan: |spec, context| Ok(Box::new(Cwd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Pkd::NAME,
        about: "channels correlate with the teacher's, whatever their size",
        source: "Cao, Li, Kong, Zhang, Ding 2022, arXiv 2207.02039",
        tasks: ALL,
        limits: "",
        keys: Pkd::KEYS,
        plan: |spec, context| Ok(Box::new(Pkd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Mgd::NAME,
        about: "the teacher's maps are made of what is left of erased ones",
        source: "Yang, Li, Shao, Shi, Yuan, Yuan 2022, arXiv 2205.01529",
        tasks: ALL,
        limits: "",
        keys: Mgd::KEYS,
        plan: |spec, context| Ok(Box::new(Mgd::plan(spec, context)?)),
    },
    MethodEntry {
        name: Fgd::NAME,
        about: "features of objects and of the background follow where the teacher attends to them",
        source: "Yang, Li, Jiang, Gong, Yuan, Zhao, Yuan 2022, arXiv 2111.11837",
        tasks: DETECTORS,
        limits: "",
        keys: Fgd::KEYS,
        plan: |spec, context| Ok(Box::new(Fgd::plan(spec, context)?)),
    },
];

/// Every method, in the order of the documentation.
///
/// ```
/// let names: Vec<_> = potstill_methods::registry().iter().map(|entry| entry.name).collect();
/// assert_eq!(names[0], "kd");
/// ```
pub fn registry() -> &'static [MethodEntry] {
    REGISTRY
}

/// Everything that a recipe can say, with the options of every method: reads recipes and tells of all that is wrong with them at once.
pub fn schema() -> Schema {
    Schema::new(REGISTRY.iter().map(|entry| Variant {
        kind: Named {
            name: entry.name,
            about: entry.about,
        },
        keys: entry.keys,
    }))
}

/// The method with this name.
///
/// # Errors
/// [`MethodError::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<&'static MethodEntry, MethodError> {
    REGISTRY.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let names = || REGISTRY.iter().map(|entry| entry.name);
        let hint = match potstill_base::nearest(name, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the methods are {}", names().collect::<Vec<_>>().join(", ")),
        };
        MethodError::Unknown {
            name: name.into(),
            hint,
        }
    })
}

impl MethodEntry {
    /// Plans the method for the networks of `context`.
    ///
    /// # Errors
    /// Wrong options, a missing teacher, points that are not there.
    pub fn plan(&self, spec: &MethodSpec, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
        (self.plan)(spec, context)
    }
}
