//! Potstill: knowledge distillation for vision models.
//!
//! This crate is the front door of the library: [`prelude`] has what a program needs. A [`Distillation`] is made from what the
//! program has at hand: images in memory, networks and methods of its own.
//!
//! ```no_run
//! use potstill::prelude::*;
//!
//! /// The student's logits follow the teacher's.
//! struct LogitMse;
//!
//! impl Method for LogitMse {
//!     fn terms(&self, step: &StepContext<'_>, _: &mut Pass<'_>) -> Result<Vec<LossTerm>, MethodError> {
//!         let gap = step.student.logits()? - step.teacher().logits()?;
//!         Ok(vec![LossTerm::loss(step.id, gap.powi_scalar(2).mean())])
//!     }
//! }
//!
//! # fn images() -> (Vec<Image>, Vec<u32>) { unimplemented!() }
//! fn main() -> potstill::Result<()> {
//!     let teacher = VisionModel::load("teacher/")?;
//!     let (images, labels) = images();
//!     let train = InMemory::classification(images, labels, ["cat", "dog", "owl"])?;
//!     let test = open("photos/test.tar", Split::Test)?;
//!     let result = Distillation::new("cifar_resnet20", train, test)
//!         .teacher(teacher)
//!         .method("kd", 0.9, Kd::with_temperature(4.0))
//!         .method("mine", 0.1, LogitMse)
//!         .epochs(30)
//!         .run(&mut NoObserver)?;
//!     println!("{:.2} %", result.metrics()["top1"]);
//!     result.save("student/")
//! }
//! ```
//!
//! A recipe is run from a program as the binary does it: [`Recipe`](prelude::Recipe), [`Plan`](prelude::Plan), [`Run`](prelude::Run).
//! The crates below are reached by their own names: [`engine`], [`methods`], [`models`], [`data`], [`ops`], [`recipe`], [`report`].
//! Tensors and modules are those of [`burn`].

mod distillation;
mod distilled;
mod networks;

pub use burn;
pub use potstill_data as data;
pub use potstill_engine as engine;
pub use potstill_engine::EngineError as Error;
pub use potstill_methods as methods;
pub use potstill_models as models;
pub use potstill_ops as ops;
pub use potstill_recipe as recipe;
pub use potstill_report as report;

pub use self::{
    distillation::Distillation,
    distilled::Distilled,
    networks::{Student, TeacherModel},
};

/// What a call of the library gives, or why it does not.
pub type Result<T> = std::result::Result<T, Error>;

/// What a program needs to distil.
pub mod prelude {
    pub use burn::{
        self,
        module::Module,
        tensor::{Device, Int, Tensor},
    };
    pub use potstill_data::{
        Augment, DataError, Dataset, DatasetInfo, Image, InMemory, Normalise, Sample, Split, Target,
        TargetKind, open, open_for,
    };
    pub use potstill_engine::{
        CheckpointChoice, EngineError, EpochProgress, Evaluation, EvaluationSettings, MethodParts,
        NetworkInput, NoObserver, Observer, OnnxSettings, Outcome, Plan, Predictor, Preprocess, Run,
        RunFolder, Source, StepProgress, VisionModel, cpu, evaluate, export, export_onnx,
    };
    pub use potstill_methods::{
        Event, Kd, LossTerm, Method, MethodError, MethodInfo, Moment, NetworkOutput, OptimizerGroup, Part,
        PlanContext, Reads, StepContext, StudentEpoch, StudentStep, TeacherLook, TeacherUse,
    };
    pub use potstill_models::{
        Model, ModelError, Network, NetworkDescription, Outputs, StageEnd, probe, weights,
    };
    pub use potstill_ops::{
        Activation, BatchNorm, Conv2d, Conv2dConfig, Frozen, Linear, Mode, Parameters, Pass, Point,
        PointSide, Scope, Taps, Visitor, conv_norm_act, global_avg_pool,
    };
    pub use potstill_random::{Seed, Stream};
    pub use potstill_recipe::{Adam, AdamW, MethodSpec, OptimizerSpec, Recipe, Schedule, Sgd, TaskKind};

    pub use crate::{Distillation, Distilled, Student, TeacherModel};
}
