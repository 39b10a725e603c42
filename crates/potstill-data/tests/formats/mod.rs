//! Formats of annotations: one scene written in each reads to the same objects.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod broken;
mod files;
mod mistakes;
mod real;
mod same_scene;
