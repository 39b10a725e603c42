//! Pictures of answers: what is true of an image, and what networks say of it, side by side.

mod answers;
mod colour;
mod of_runs;
mod scene;

pub(crate) use self::answers::{Answers, answers_svg};
pub use self::{of_runs::pictures_of_runs, scene::scene};
