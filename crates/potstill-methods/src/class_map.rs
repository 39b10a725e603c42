//! How the class maps of one-stage detectors are compared.

use potstill_settings::choice;

choice! {
    /// How the class maps of one-stage detectors are compared: RetinaNet's and FCOS's scores of every anchor.
    pub enum ClassMap = Sigmoid {
        /// Every score is a question of its own, as the detectors are trained; summed over the classes, mean over the anchors of a level.
        Sigmoid = "sigmoid",
        /// One softmax over all scores of a place, as TST's program has it; mean over the places of a level.
        SoftmaxOverAnchors = "softmax-over-anchors",
    }
}
