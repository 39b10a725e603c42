//! Pictures of answers: what is true of an image, and what networks say of it, side by side.

mod answers;
mod colour;
mod scene;

pub(crate) use self::answers::{Answers, answers_svg};
pub use self::scene::scene;
