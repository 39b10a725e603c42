//! Networks that show one map and have a linear classifier on its mean, for methods that read classifiers.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use potstill_methods::{
    Method, Moment, NetworkOutput, StepContext, StudentEpoch, StudentStep, Targets, TeacherOutput,
};
use potstill_models::{LinearHead, Model, Network, NetworkDescription, Outputs, StageEnd};
use potstill_ops::{Linear, Mode, Pass, Point, PointSide, Scope, Taps, Visitor};
use potstill_random::Seed;
use potstill_tasks::{Classification, TermContext};

use crate::classics::total;

/// Where the map stands.
const MAP: &str = "map";

#[derive(Module, Debug)]
struct Headed {
    fc: Linear,
    #[module(skip)]
    size: [usize; 3],
}

impl Network for Headed {
    fn description(&self) -> NetworkDescription {
        let classes = self.fc.weight.dims()[0];
        NetworkDescription {
            stage_ends: vec![StageEnd::linear(MAP), StageEnd::linear("pool")],
            ..NetworkDescription::classifier("headed", classes, "fc")
        }
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let (n, device) = (images.dims()[0], images.device());
        let [h, w, c] = self.size;
        pass.show(MAP, PointSide::Post, Tensor::zeros([n, h, w, c], &device));
        pass.show("pool", PointSide::Post, Tensor::zeros([n, 1, 1, c], &device));
        Outputs::Logits(Tensor::zeros([n, self.fc.weight.dims()[0]], &device))
    }

    fn linear_head(&self) -> Option<LinearHead> {
        Some(head(
            self.fc.weight.val(),
            self.fc.bias.as_ref().map(burn::module::Param::val),
        ))
    }
}

/// A network that shows a map of this size `[H, W, C]` and has a classifier of so many classes.
pub fn headed(size: [usize; 3], classes: usize) -> Model {
    let scope = Scope::new(&Device::flex(), Seed::new(1), "headed");
    Model::own(Headed {
        fc: Linear::new(size[2], classes, &scope.at("fc")),
        size,
    })
}

/// The classifier of such a network.
pub fn head(weight: Tensor<2>, bias: Option<Tensor<1>>) -> LinearHead {
    LinearHead::new(Point::post(MAP), weight, bias)
}

/// What such a network did that showed this map `[N, H, W, C]`.
pub fn of_map(map: Tensor<4>) -> NetworkOutput {
    let (point, images) = (Point::post(MAP), map.dims()[0]);
    let mut taps = Taps::at(std::slice::from_ref(&point));
    taps.visit(&point.path, point.side, map);
    NetworkOutput {
        images: Tensor::zeros([images, 1, 1, 3], &Device::flex()),
        outputs: Outputs::Logits(Tensor::zeros([images, 2], &Device::flex())),
        taps,
    }
}

/// The loss of a method that reads the maps of two such networks, and classifiers: the student's, if there is one, and the teacher's.
pub fn loss_by_heads(
    method: &dyn Method,
    [student, teacher]: [Tensor<4>; 2],
    (ours, theirs): (Option<&LinearHead>, &LinearHead),
    labels: &Tensor<1, Int>,
    epoch: usize,
) -> Tensor<1> {
    let teacher = TeacherOutput::frozen(of_map(teacher)).with_head(Some(theirs));
    let step = StudentStep {
        id: "test",
        student: &of_map(student),
        targets: &Targets::Class(labels.clone()),
        task: &Classification::default(),
        context: TermContext::undrawn(),
        at: Moment {
            epoch: StudentEpoch(epoch),
            step: 0,
        },
        head: ours,
        second: None,
    };
    let step = StepContext {
        step,
        teacher: &teacher,
    };
    total(method.terms(&step, &mut Pass::new(Mode::Batch)).unwrap())
}
