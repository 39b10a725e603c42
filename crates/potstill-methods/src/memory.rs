//! What a method remembers from epoch to epoch.

use potstill_models::Model;
use potstill_ops::Parameters;

/// The memory of a method. It is part of every checkpoint.
pub trait Memory {
    /// Hears that an epoch of the student, counted from 0, has ended, with the student after its last step.
    fn remember(&mut self, epoch: usize, student: &Model);

    /// The tensors that are remembered, by name.
    fn parts(&self) -> Vec<(String, &dyn Parameters)>;

    /// The same, to be put back. As many as [`load_state`](Self::recall) made room for.
    fn parts_mut(&mut self) -> Vec<(String, &mut dyn Parameters)>;

    /// What else is remembered, as text: epochs, flags.
    fn state(&self) -> String;

    /// Restores the state of a checkpoint and makes room for its tensors, with the student as a pattern.
    ///
    /// # Errors
    /// The text is not its state.
    fn load_state(&mut self, state: &str, student: &Model) -> Result<(), String>;
}
