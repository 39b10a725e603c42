//! The students that are remembered.

use burn::tensor::Tensor;
use potstill_models::Model;
use potstill_ops::{Frozen, Mode, Parameters, Pass, Point, Taps};
use serde::{Deserialize, Serialize};

use super::schedule::{EpochRole, ReviewSchedule};
use crate::Memory;

/// One student as it was.
#[derive(Debug)]
struct Snapshot {
    /// The epoch, from 0, at whose end it was taken.
    epoch: usize,
    network: Frozen<Model>,
}

/// The remembered students of a cycle, complete with their running statistics. A slot that is taken anew forgets what it held.
#[derive(Debug)]
pub struct Snapshots {
    schedule: ReviewSchedule,
    mode: Mode,
    slots: Vec<Option<Snapshot>>,
}

/// What is written down beside the tensors: the epoch of each slot that is filled.
#[derive(Serialize, Deserialize)]
struct SavedState {
    epochs: Vec<Option<usize>>,
}

impl Snapshots {
    /// Empty slots. The remembered students will run in `mode`.
    pub fn new(schedule: ReviewSchedule, mode: Mode) -> Self {
        Self {
            schedule,
            mode,
            slots: (0..schedule.slots).map(|_| None).collect(),
        }
    }

    /// The epoch, from 0, at which each slot was filled.
    pub fn epochs(&self) -> Vec<Option<usize>> {
        let epoch = |slot: &Option<Snapshot>| slot.as_ref().map(|snapshot| snapshot.epoch);
        self.slots.iter().map(epoch).collect()
    }

    /// Whether no slot is empty.
    pub fn are_complete(&self) -> bool {
        self.slots.iter().all(Option::is_some)
    }

    /// What every remembered student, the oldest first, has at `points` for these images `[N, H, W, C]`. The students stay as they
    /// are: what their batch norms see is not kept. `pass` counts their work.
    pub fn look_at(&self, images: &Tensor<4>, points: &[Point], pass: &mut Pass<'_>) -> Vec<Taps> {
        let look = |snapshot: &Snapshot| {
            let mut taps = Taps::at(points);
            let mut own = Pass::visited(self.mode, &mut taps);
            snapshot.network.get().forward(images.clone(), &mut own);
            pass.count_untracked(own.macs());
            taps
        };
        self.slots.iter().flatten().map(look).collect()
    }

    fn filled(&self) -> impl Iterator<Item = (String, &Snapshot)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(i, slot)| slot.as_ref().map(|snapshot| (name(i), snapshot)))
    }
}

/// What a slot's tensors are called.
fn name(slot: usize) -> String {
    format!("memory{}", slot + 1)
}

impl Memory for Snapshots {
    fn remember(&mut self, epoch: usize, student: &Model) {
        if let EpochRole::Memory(slot) = self.schedule.role(epoch) {
            let network = Frozen::new(student);
            self.slots[slot] = Some(Snapshot { epoch, network });
        }
    }

    fn parts(&self) -> Vec<(String, &dyn Parameters)> {
        self.filled()
            .map(|(name, snapshot)| (name, snapshot.network.get().parameters()))
            .collect()
    }

    fn parts_mut(&mut self) -> Vec<(String, &mut dyn Parameters)> {
        let slots = self.slots.iter_mut().enumerate();
        slots
            .filter_map(|(i, slot)| {
                let network = &mut slot.as_mut()?.network;
                Some((name(i), network.get_mut().parameters_mut()))
            })
            .collect()
    }

    fn state(&self) -> String {
        let epochs = self.epochs();
        // Numbers and nulls always have a text.
        serde_json::to_string(&SavedState { epochs }).unwrap_or_default()
    }

    fn load_state(&mut self, state: &str, student: &Model) -> Result<(), String> {
        let SavedState { epochs } = serde_json::from_str(state).map_err(|error| error.to_string())?;
        if epochs.len() != self.slots.len() {
            let (found, wanted) = (epochs.len(), self.slots.len());
            return Err(format!(
                "they are of {found} remembered students, and {wanted} are to be"
            ));
        }
        for (slot, epoch) in epochs.iter().enumerate() {
            if let Some(epoch) = *epoch
                && self.schedule.role(epoch) != EpochRole::Memory(slot)
            {
                return Err(format!(
                    "epoch {epoch} is none at whose end slot {} is filled",
                    slot + 1
                ));
            }
        }
        let pattern = |epoch| Snapshot {
            epoch,
            network: Frozen::new(student),
        };
        self.slots = epochs.into_iter().map(|epoch| epoch.map(pattern)).collect();
        Ok(())
    }
}
