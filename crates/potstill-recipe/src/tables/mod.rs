//! The tables of a recipe, one file each: what is read from it, and every key with its kind, range, default
//! and sentence.

pub mod data;
pub mod method;
pub mod network;
pub mod optimizer;
pub mod phase;
pub mod recipe;
pub mod schedule;
pub mod student;
pub mod teacher;
pub mod train;
pub mod weight_schedule;
