//! Methods planned for real, small networks, from recipes.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]
#![allow(dead_code, reason = "each test file takes what it needs")]

use burn::tensor::{DType, Device, Int, Tensor};
use potstill_data::Normalise;
use potstill_methods::{
    LossTerm, Method, MethodError, NetworkInfo, NetworkOutput, PlanContext, Reads, StepContext, find,
};
use potstill_models::{BuildOptions, Model};
use potstill_ops::{Frozen, Mode, Pass, Scope, Taps};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, Recipe};

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

pub fn context(student: &Model, teacher: Option<&Model>) -> PlanContext {
    let side = |network: &Model| NetworkInfo::of(network, [32, 32, 3], &Device::flex()).unwrap();
    PlanContext {
        student: side(student),
        teacher: teacher.map(side),
        image: [32, 32, 3],
        input: Normalise {
            mean: vec![0.485, 0.456, 0.406],
            std: vec![0.229, 0.224, 0.225],
        },
        epochs: 240,
        device: Device::flex(),
        seed: Seed::new(3),
    }
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

pub fn plan(entry: &str, context: &PlanContext) -> Result<Box<dyn Method>, MethodError> {
    let spec = spec(entry);
    find(&spec.kind)?.plan(&spec, context)
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
    let logits = outputs.into_logits().unwrap();
    let seen = NetworkOutput {
        images: images.clone(),
        logits,
        taps,
    };
    let mut taps = Taps::at(&reads.teacher);
    let logits = Frozen::new(teacher)
        .get()
        .forward(images.clone(), &mut Pass::visited(Mode::Running, &mut taps))
        .into_logits()
        .unwrap();
    let taught = NetworkOutput { images, logits, taps };
    (seen, taught)
}

/// The only term of a method's loss.
pub fn term(method: &dyn Method, student: &NetworkOutput, teacher: &NetworkOutput, epoch: usize) -> LossTerm {
    let labels = Tensor::<1, Int>::zeros([student.logits.dims()[0]], &Device::flex());
    let step = StepContext {
        student,
        teacher: Some(teacher),
        online_teacher: None,
        labels: &labels,
        epoch,
    };
    let mut terms = method.terms(&step, &mut Pass::new(Mode::Batch));
    assert_eq!(terms.len(), 1);
    terms.remove(0)
}
