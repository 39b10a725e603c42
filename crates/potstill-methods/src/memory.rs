//! What a method remembers from epoch to epoch.

use potstill_models::Classifier;
use potstill_ops::Parameters;

/// The memory of a method. It is part of every checkpoint.
pub trait Memory {
    /// Hears that an epoch of the student, counted from 0, has ended, with the student after its last step.
    fn remember(&mut self, epoch: usize, student: &Classifier);

    /// The tensors that are remembered, by name.
    fn parts(&self) -> Vec<(String, &dyn Parameters)>;

    /// The same, to be put back. As many as [`recall`](Self::recall) made room for.
    fn parts_mut(&mut self) -> Vec<(String, &mut dyn Parameters)>;

    /// What else is remembered, as text: epochs, flags.
    fn books(&self) -> String;

    /// Puts the books of a checkpoint back and makes room for its tensors, with the student as a pattern.
    ///
    /// # Errors
    /// Why these are not its books.
    fn recall(&mut self, books: &str, student: &Classifier) -> Result<(), String>;
}
