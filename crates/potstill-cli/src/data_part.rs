//! Which part of a data set a command looks at.

use std::{path::Path, sync::Arc};

use potstill_data::{Dataset, OpenOptions, Split, TargetKind, open_with};
use potstill_settings::choice;

use crate::failure::Failure;

choice! {
    /// Which part of a data set is measured on.
    pub enum Part = Test {
        /// The images a network learns from.
        Train = "train",
        /// Those in a folder or archive called `val`, `valid` or `validation`.
        Validation = "validation",
        /// The images it is judged by.
        Test = "test",
    }
}

/// The names of a validation part, the preferred one first.
const NAMES: [&str; 3] = ["val", "valid", "validation"];

/// Opens a part of a data set.
pub fn open(
    source: &str,
    part: Part,
    target: TargetKind,
    options: &OpenOptions,
) -> Result<Arc<dyn Dataset>, Failure> {
    let split = match part {
        Part::Train => Split::Train,
        Part::Test => Split::Test,
        Part::Validation => {
            let path = validation(Path::new(source)).ok_or_else(|| {
                Failure::Usage(format!(
                    "{source} has no validation part of its own: a folder or archive in it called {}",
                    NAMES.join(", ")
                ))
            })?;
            return Ok(open_with(&path, Split::Test, target, options)?.into());
        }
    };
    Ok(open_with(source, split, target, options)?.into())
}

/// The validation part in a folder.
fn validation(folder: &Path) -> Option<String> {
    let names = NAMES.iter().flat_map(|name| {
        ["", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip"]
            .map(|extension| format!("{name}{extension}"))
    });
    let path = names.map(|name| folder.join(name)).find(|path| path.exists())?;
    // With a separator in it: a data set's name has none.
    Some(path.display().to_string())
}
