//! The students that are remembered.

use burn::tensor::Tensor;
use potstill_models::Model;
use potstill_ops::{Frozen, Mode, Parameters, Pass, Point, Taps};
use serde::Deserialize;
use serde_json::{Value, json};

use super::schedule::{EpochRole, ReviewEpoch, ReviewSchedule};
use crate::Part;

/// One student as it was.
#[derive(Debug)]
struct Snapshot {
    /// The epoch of the schedule at whose end it was taken.
    epoch: ReviewEpoch,
    network: Frozen<Model>,
}

/// The remembered students of a cycle, complete with their running statistics. A slot that is taken anew
/// forgets what it held.
#[derive(Debug)]
pub struct Snapshots {
    schedule: ReviewSchedule,
    mode: Mode,
    slots: Vec<Option<Snapshot>>,
}

/// What is written down beside the tensors: the epoch of each slot that is filled.
#[derive(Deserialize)]
struct SavedState {
    epochs: Vec<Option<ReviewEpoch>>,
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

    /// The epoch of the schedule at which each slot was filled.
    pub fn epochs(&self) -> Vec<Option<ReviewEpoch>> {
        let epoch = |slot: &Option<Snapshot>| slot.as_ref().map(|snapshot| snapshot.epoch);
        self.slots.iter().map(epoch).collect()
    }

    /// Whether no slot is empty.
    pub fn are_complete(&self) -> bool {
        self.slots.iter().all(Option::is_some)
    }

    /// What every remembered student, the oldest first, has at `points` for these images `[N, H, W, C]`. A
    /// head none of them lies in does not run. The students stay as they are: what their batch norms see is not
    /// kept. `pass` counts their work.
    pub fn look_at(&self, images: &Tensor<4>, points: &[Point], pass: &mut Pass<'_>) -> Vec<Taps> {
        let look = |snapshot: &Snapshot| {
            let mut taps = Taps::at(points);
            let mut own = Pass::visited(self.mode, &mut taps);
            snapshot.network.get().come_by(points, images.clone(), &mut own);
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

impl Snapshots {
    /// Keeps the student at the end of an epoch, if the schedule says so.
    pub fn remember(&mut self, epoch: ReviewEpoch, student: &Model) {
        if let EpochRole::Memory(slot) = self.schedule.role(epoch) {
            let network = Frozen::new(student);
            self.slots[slot] = Some(Snapshot { epoch, network });
        }
    }

    /// The remembered students.
    pub fn parts(&self) -> Vec<Part<&dyn Parameters>> {
        self.filled()
            .map(|(name, snapshot)| Part::memory(name, snapshot.network.get().parameters()))
            .collect()
    }

    /// The same, to be put back.
    pub fn parts_mut(&mut self) -> Vec<Part<&mut dyn Parameters>> {
        let slots = self.slots.iter_mut().enumerate();
        slots
            .filter_map(|(i, slot)| {
                let network = &mut slot.as_mut()?.network;
                Some(Part::memory(name(i), network.get_mut().parameters_mut()))
            })
            .collect()
    }

    /// The epochs at which the slots were filled.
    pub fn state(&self) -> Value {
        json!({ "epochs": self.epochs() })
    }

    /// Makes room for the students that were remembered in this state, with the present one as a pattern.
    ///
    /// # Errors
    /// Why it is the state of other slots.
    pub fn load_state(&mut self, state: Value, student: &Model) -> Result<(), String> {
        let SavedState { epochs } = serde_json::from_value(state).map_err(|error| error.to_string())?;
        if epochs.len() != self.slots.len() {
            let (found, wanted) = (epochs.len(), self.slots.len());
            return Err(format!(
                "it has {found} remembered students, and {wanted} are to be"
            ));
        }
        for (slot, epoch) in epochs.iter().enumerate() {
            if let Some(epoch) = *epoch
                && self.schedule.role(epoch) != EpochRole::Memory(slot)
            {
                let (epoch, slot) = (epoch.0, slot + 1);
                return Err(format!("slot {slot} is not filled at the end of epoch {epoch}"));
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
