//! What came of a distillation.

use std::path::Path;

use potstill_engine::{EngineError, ModelConfig, Run, VisionModel, deploy};
use potstill_metrics::Metrics;
use potstill_report::{EpochRow, Summary};

/// A trained student, and how it came about.
pub struct Distilled {
    /// The student after its last step.
    pub student: VisionModel,
    /// Every finished epoch: losses, metrics on the images that choose the best epoch, times.
    pub rows: Vec<EpochRow>,
    /// The run in one page. Its `finished` is false if the run was stopped.
    pub summary: Summary,
    config: ModelConfig,
    /// What was trained, as text.
    text: String,
}

impl Distilled {
    pub(crate) fn of(run: Run) -> Result<Self, EngineError> {
        Ok(Self {
            summary: run.summary(),
            rows: run.rows().to_vec(),
            config: run.model_config(),
            text: run.spec().text()?,
            student: run.into_student(),
        })
    }

    /// The student's metrics after the last finished epoch: on the test images, or on validation images where those were not looked at.
    /// None before the first.
    pub fn metrics(&self) -> &Metrics {
        self.summary.last_metrics()
    }

    /// Writes the student as a folder that deploys: `model.safetensors`, `config.json` and the model card `README.md`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), EngineError> {
        let (config, network) = (self.config.clone(), &self.student.network);
        deploy(
            config,
            network,
            &self.summary,
            self.metrics(),
            &self.text,
            folder.as_ref(),
        )
    }
}
