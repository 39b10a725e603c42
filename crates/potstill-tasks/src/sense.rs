//! Which way losses point.

/// Which way losses point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sense {
    /// What is true is to become likely.
    #[default]
    Usual,
    /// What is true is to become unlikely: what a learned augmentation wants of a student (Shao et al. 2023, "TST").
    Inverted,
}
