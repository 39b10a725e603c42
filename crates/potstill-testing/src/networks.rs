//! Methods planned for real, small networks, from recipes.

use std::sync::Arc;

use burn::tensor::{DType, Device, Int, Tensor};
use potstill_data::{Image, InMemory, Normalise};
use potstill_methods::{
    Event, LossTerm, Method, MethodError, Moment, NetworkInfo, NetworkOutput, PlanContext, Reads,
    StepContext, StudentEpoch, StudentStep, Targets, TeacherOutput, TrainingImages, find,
};
use potstill_models::{BuildOptions, Model};
use potstill_ops::{Frozen, Mode, Parameters, Pass, Point, Scope, Taps, Visitor};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, Recipe, TaskKind};
use potstill_tasks::{Classification, TermContext};

use crate::numbers::map;

/// A network with fresh weights.
pub fn network(name: &str, classes: usize, owner: &str) -> Model {
    let options = BuildOptions {
        classes: Some(classes),
        ..Default::default()
    };
    let scope = Scope::new(&Device::flex(), Seed::new(3), owner);
    potstill_models::find(name)
        .unwrap()
        .build(options, &scope)
        .unwrap()
}

/// The networks as a method sees them that is planned.
pub fn context(student: &Model, teacher: Option<&Model>) -> PlanContext {
    let side = |network: &Model| NetworkInfo::of(network, [32, 32, 3], &Device::flex()).unwrap();
    PlanContext {
        id: "test".into(),
        student: side(student),
        teachers: teacher.into_iter().map(side).collect(),
        task: TaskKind::Classification,
        images: images(&[0, 1, 2, 0, 1, 2]),
        image: [32, 32, 3],
        input: Normalise {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        },
        epochs: 240,
        steps: 390,
        batch: 128,
        device: Device::flex(),
        seed: Seed::new(3),
    }
}

/// Training images of one pixel, of these classes.
pub fn images(classes: &[u32]) -> TrainingImages {
    let black = |_: &u32| Image {
        height: 1,
        width: 1,
        channels: 3,
        pixels: vec![0; 3],
    };
    let names = (0..=classes.iter().copied().max().unwrap_or(0)).map(|class| class.to_string());
    let pixels = classes.iter().map(black).collect();
    TrainingImages::new(Arc::new(
        InMemory::classification(pixels, classes.to_vec(), names).unwrap(),
    ))
}

/// The method of a recipe whose `[[methods]]` entry starts in line 7.
pub fn spec(entry: &str) -> MethodSpec {
    let text = format!(
        "version = 1\nname = \"x\"\ndata.train = \"shapes\"\nstudent.model = \"cifar_resnet8\"\nteacher.model = \
         \"cifar_resnet14\"\nteacher.weights = \"x.pth\"\n[[methods]]\n{entry}\n[train]\nepochs = 2\n\
         optimizer = {{ kind = \"sgd\", lr = 0.1 }}\n"
    );
    Recipe::from_text(&text, "x.toml", &[]).unwrap().methods.remove(0)
}

/// The method of a recipe with this entry.
///
/// # Errors
/// It cannot be planned.
pub fn plan(entry: &str, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let spec = spec(entry);
    let context = PlanContext {
        id: spec.kind.clone(),
        ..context.clone()
    };
    find(&spec.kind)?.plan(&spec, &context)
}

/// Why the method cannot be planned.
pub fn refusal(entry: &str, context: &PlanContext) -> String {
    plan(entry, context)
        .err()
        .unwrap_or_else(|| panic!("`{entry}` was planned"))
        .to_string()
}

/// What both networks do with four images: the student in training, the teacher frozen.
pub fn see(reads: &Reads, student: &Model, teacher: &Model) -> (NetworkOutput, NetworkOutput) {
    let images = map([4, 3, 32, 32], |i| {
        (0.1 * i as f64).sin() + (0.003 * i as f64).cos()
    })
    .cast(DType::F32);
    let mut taps = Taps::at(&reads.student);
    let outputs = student.forward(images.clone(), &mut Pass::visited(Mode::Batch, &mut taps));
    let seen = NetworkOutput {
        images: images.clone(),
        outputs,
        taps,
    };
    let mut taps = Taps::at(&reads.teacher);
    let outputs = Frozen::new(teacher)
        .get()
        .forward(images.clone(), &mut Pass::visited(Mode::Running, &mut taps));
    let taught = NetworkOutput {
        images,
        outputs,
        taps,
    };
    (seen, taught)
}

/// What a method reads in the first epoch in which it reads anything.
pub fn reads(method: &dyn Method) -> Reads {
    let of_epoch = (0..240).map(|epoch| method.reads(StudentEpoch(epoch)));
    of_epoch
        .into_iter()
        .find(|reads| *reads != Reads::default())
        .unwrap_or_default()
}

/// The module of a part: `""` for the one that trains beside the student.
pub fn module<'a>(method: &'a dyn Method, part: &str) -> Option<&'a dyn Parameters> {
    let parts = method.parts().into_iter();
    parts
        .filter(|found| found.name == part)
        .map(|found| found.module)
        .next()
}

/// The modules beside the student.
pub fn own(method: &dyn Method) -> &dyn Parameters {
    module(method, "").unwrap()
}

/// Tells a method that a step has ended.
pub fn end_step(method: &mut dyn Method, at: Moment, student: &Model) {
    method.on_event(&Event::StepEnd { at, student }).unwrap();
}

/// Tells a method that an epoch has ended.
pub fn end_epoch(method: &mut dyn Method, epoch: usize, student: &Model) {
    let epoch = StudentEpoch(epoch);
    method.on_event(&Event::EpochEnd { epoch, student }).unwrap();
}

/// Maps of ones at these points of a network.
pub fn ones(network: &NetworkInfo, points: &[Point]) -> Taps {
    let mut taps = Taps::at(points);
    for point in points {
        let [h, w, c] = network.size(point, "test", "network").unwrap();
        taps.visit(
            &point.path,
            point.side,
            Tensor::ones([2, h, w, c], &Device::flex()),
        );
    }
    taps
}

/// The terms of one step, by an entry that is called as its kind.
///
/// # Errors
/// The method cannot compute them.
pub fn terms(
    id: &str,
    method: &dyn Method,
    student: &NetworkOutput,
    teacher: &TeacherOutput,
    labels: &Tensor<1, Int>,
    epoch: usize,
) -> Result<Vec<LossTerm>, MethodError> {
    in_step(id, student, labels, epoch, |step| {
        method.terms(&StepContext { step, teacher }, &mut Pass::new(Mode::Batch))
    })
}

/// The same of a method without a teacher.
///
/// # Errors
/// The method cannot compute them.
pub fn own_terms(
    id: &str,
    method: &dyn Method,
    student: &NetworkOutput,
    labels: &Tensor<1, Int>,
    epoch: usize,
) -> Result<Vec<LossTerm>, MethodError> {
    in_step(id, student, labels, epoch, |step| {
        method.student_terms(&step, &mut Pass::new(Mode::Batch))
    })
}

fn in_step<R>(
    id: &str,
    student: &NetworkOutput,
    labels: &Tensor<1, Int>,
    epoch: usize,
    body: impl FnOnce(StudentStep<'_>) -> R,
) -> R {
    body(StudentStep {
        id,
        student,
        targets: &Targets::Class(labels.clone()),
        task: &Classification::default(),
        context: TermContext::undrawn(),
        at: Moment {
            epoch: StudentEpoch(epoch),
            step: 0,
        },
        head: None,
        second: None,
    })
}

/// The only term of a method's loss.
pub fn term(method: &dyn Method, student: &NetworkOutput, teacher: &NetworkOutput, epoch: usize) -> LossTerm {
    let labels = Tensor::<1, Int>::zeros([student.images.dims()[0]], &Device::flex());
    let teacher = TeacherOutput::frozen(teacher.clone());
    let mut terms = terms("test", method, student, &teacher, &labels, epoch).unwrap();
    assert_eq!(terms.len(), 1);
    terms.remove(0)
}
