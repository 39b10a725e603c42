//! **SimKD**: the reused teacher classifier.
//!
//! Chen, Mei, Zhang, Wang, Feng and Chen, "Knowledge Distillation with the Reused Teacher Classifier", CVPR 2022, section 3. A projector takes the student's last map to the
//! teacher's channels, and the teacher's own classifier reads its mean: the student has to give the teacher's map and nothing else. Projector and classifier stay in the student
//! ([`Projector`](potstill_ops::Projector)); its own classifier is dropped.

use burn::tensor::Tensor;
use potstill_models::LinearHead;
use potstill_ops::{Insertion, LayerConfig, Pass, Point};
use potstill_recipe::MethodSpec;
use potstill_settings::settings;

use crate::{
    Group, LossTerm, Method, MethodEntry, MethodError, MethodInfo, Moment, PlanContext, Reads, StepContext,
    StudentEpoch, TeacherLook, TeacherUse, at_the_smaller_size, entry::IMAGES,
};

settings! {
    /// The options of SimKD in a recipe.
    struct Options {
        /// f: the projector's inner convolutions have the teacher's channels divided by it. The authors also have 4 and 8, for smaller students.
        factor: usize [at_least(1.0)] = default 2,
    }
}

const NAME: &str = "simkd";

/// Its facts.
pub(crate) const ENTRY: MethodEntry = MethodEntry {
    name: NAME,
    about: "a projector gives the teacher's last map, and the teacher's classifier reads it: both stay in the student",
    group: Group::Maps,
    paper: "Knowledge Distillation with the Reused Teacher Classifier",
    year: 2022,
    source: "Chen, Mei, Zhang, Wang, Feng, Chen 2022, arXiv 2203.14001",
    needs: "last maps, the teacher's classifier, linear behind a mean; a projector that stays in the student",
    cost: "three convolutions, in the deployed student as well",
    weight: "1 with `task_weight = 0`",
    usual_weight: Some(1.0),
    tasks: IMAGES,
    limits: "classifiers that are linear behind a mean",
    keys: Options::KEYS,
    plan: |spec, context| Ok(Box::new(SimKd::plan(spec, context)?)),
};

/// SimKD, planned for two networks.
struct SimKd {
    projector: Insertion,
    /// The teacher's last map.
    target: Point,
}

impl SimKd {
    fn plan(spec: &MethodSpec, context: &PlanContext) -> Result<Self, MethodError> {
        let options: Options = spec.options()?;
        let (ours, theirs) = (context.student_head(NAME)?, context.teacher_head(NAME)?);
        let teacher = context.teacher_of_same_classes(NAME)?;
        let [_, outputs] = theirs.weight.dims();
        if options.factor > outputs {
            let problem = format!("leaves no channel of the teacher's {outputs}: take one up to that");
            return Err(spec.invalid_option("factor", &problem).into());
        }
        let size =
            |head: &LinearHead, network, info: &crate::NetworkInfo| info.size(&head.map, NAME, network);
        let [height, _, _] = size(&ours, "student", &context.student)?;
        let [rows, columns, _] = size(&theirs, "teacher", teacher)?;
        let layer = LayerConfig::Projector {
            outputs,
            reduction: options.factor,
            // A smaller student is compared at its own size.
            pooled: (height > rows).then_some([rows, columns]),
        };
        Ok(Self {
            projector: Insertion {
                path: context.id.clone(),
                point: ours.map,
                layer,
            },
            target: theirs.map,
        })
    }

    /// What comes out of the projector.
    fn projected(&self) -> Point {
        Point::post(&self.projector.path)
    }
}

impl Method for SimKd {
    fn info(&self) -> MethodInfo {
        MethodInfo {
            insertions: vec![self.projector.clone()],
            takes_head: true,
            teacher: TeacherUse::Still,
            ..MethodInfo::default()
        }
    }

    fn reads(&self, _: StudentEpoch) -> Reads {
        Reads {
            student: vec![self.projected()],
            teacher: vec![self.target.clone()],
        }
    }

    fn teacher_at(&self, _: Moment) -> TeacherLook {
        TeacherLook::Maps
    }

    fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
        let map = step.student.tap(&self.projected())?;
        let value = squared_error(map, step.teacher().tap(&self.target)?);
        Ok(vec![LossTerm::loss(step.id, value)])
    }
}

/// The mean squared error of both maps `[N, H, W, C]` at the smaller of their sizes.
fn squared_error(map: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let (map, target) = at_the_smaller_size(map, target);
    (map - target).powi_scalar(2).mean()
}
