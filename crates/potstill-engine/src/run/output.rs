//! What a run writes as it goes: rows, events for `TensorBoard`, a log.

use potstill_base::write_atomically;
use potstill_report::{append_metrics, tensorboard::EventWriter};

use crate::{
    error::EngineError,
    observer::{EpochProgress, epoch_line},
    run_folder::RunFolder,
};

/// The folder of a run, and its open event file.
pub(super) struct RunOutput {
    pub folder: RunFolder,
    events: EventWriter,
}

impl RunOutput {
    /// A run from the start, in a folder without results: its text (the recipe) is written, and the file that its student is made of.
    pub fn create(folder: RunFolder, text: &str, graph: Option<&[u8]>) -> Result<Self, EngineError> {
        write_atomically(&folder.recipe(), text.as_bytes())
            .map_err(EngineError::io("write", folder.recipe()))?;
        if let Some(graph) = graph {
            write_atomically(&folder.graph(), graph).map_err(EngineError::io("write", folder.graph()))?;
        }
        let events = EventWriter::create(folder.path())?;
        Ok(Self { folder, events })
    }

    /// A run that has taken so many steps.
    pub fn resume(folder: RunFolder, steps: usize) -> Result<Self, EngineError> {
        let events = EventWriter::resume(folder.path(), steps as u64)?;
        Ok(Self { folder, events })
    }

    /// Writes a finished epoch down.
    pub fn epoch(&mut self, progress: &EpochProgress<'_>) -> Result<(), EngineError> {
        append_metrics(self.folder.metrics(), progress.row)?;
        self.events.epoch(progress.row, progress.metrics)?;
        self.folder.log(&epoch_line(progress))
    }
}
