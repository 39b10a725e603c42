//! The likeliest classes of a whole picture.

use potstill_engine::Ranked;
use serde::Serialize;

use super::printer::{Answer, field};

/// A picture with its likeliest classes.
#[derive(Debug, Serialize)]
pub(super) struct Classes {
    pub file: String,
    pub top: Vec<Ranked>,
}

impl Answer for Classes {
    const COLUMNS: &'static str = "file,rank,class,probability";

    /// The file, and its classes with their probabilities, in a line.
    fn text(&self) -> String {
        let classes = self.top.iter().map(|Ranked { class, probability }| {
            let percent = 100.0 * f64::from(*probability);
            format!("  {class} {percent:.2} %")
        });
        format!("{}{}\n", self.file, classes.collect::<String>())
    }

    fn csv(&self) -> String {
        let lines = (1..).zip(&self.top).map(|(rank, Ranked { class, probability })| {
            format!("{},{rank},{},{probability}\n", field(&self.file), field(class))
        });
        lines.collect()
    }
}
