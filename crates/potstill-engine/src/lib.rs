//! From a recipe to a run folder.
//!
//! A [`Plan`] is a recipe resolved against real networks and data; everything that can be wrong is found while making it.
//! A [`Run`] is a loop over the plan's phases. It tells an [`Observer`] what happens, writes a [`RunFolder`], can be
//! interrupted after any step and resumed to the same bits.

mod bench;
mod checkpoint;
mod detector_config;
mod device;
mod error;
mod estimate;
mod evaluate;
mod export;
mod graph_file;
mod machine;
mod model_config;
mod network_input;
mod observer;
mod onnx_export;
mod origin;
mod pictures;
mod plan;
mod predictor;
mod preprocess;
mod reproduction;
mod run;
mod run_folder;
mod running_mean;
mod source;
mod teacher_exam;
mod train;
mod vision_model;

pub use bench::{BenchReport, BenchSetup, Milliseconds, PartReport, bench, bench_inference};
pub use checkpoint::{Checkpoint, CheckpointReport, Position, TensorReport};
pub use detector_config::DetectorConfig;
pub use device::cpu;
pub use error::EngineError;
pub use estimate::Estimate;
pub use evaluate::{Evaluation, evaluate};
pub use export::{CheckpointChoice, deploy, export};
pub use graph_file::GraphFile;
pub use machine::peak_rss_mb;
pub use model_config::{InputConfig, ModelConfig};
pub use network_input::NetworkInput;
pub use observer::{EpochProgress, NoObserver, Observer, StepProgress, epoch_line};
pub use onnx_export::{ExportedOnnx, OnnxExport, OnnxProof, OnnxSettings, export_onnx};
pub use pictures::{pictures_of_runs, scene};
pub use plan::{
    Plan,
    data::{PlannedData, default_input},
    methods::{MakeMethod, MethodParts},
    networks::{NetworkFacts, PlannedStudent},
    parts::PlanParts,
    phases::Phase,
    settings::Settings,
    spec::{MethodFacts, RunSpec},
    teacher_cache::{CacheOptions, PlannedCache},
    teachers::{PlannedTeacher, TeacherFacts},
    timeline::{EpochKind, RunEpoch, SearchEpoch, Timeline},
};
pub use predictor::{EvaluationSettings, Predictor, Prepared, Ranked};
pub use preprocess::Preprocess;
pub use reproduction::{Difference, Reproduced, Reproduction};
pub use run::{LayerReport, Outcome, ReplayReport, Run};
pub use run_folder::RunFolder;
pub use source::Source;
pub use teacher_exam::TeacherExam;
pub use train::profile::StepPart;
pub use vision_model::VisionModel;
