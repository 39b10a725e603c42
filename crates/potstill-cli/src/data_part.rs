//! Which part of a data set a command looks at.

use std::{path::Path, sync::Arc};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use potstill_data::{Dataset, DatasetEntry, OpenOptions, Split, TargetKind, open_with};
use potstill_settings::{Choice, choice};

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

/// Reads a part; `val` is one of its names for validation.
pub fn parser() -> impl TypedValueParser<Value = Part> {
    let names = Part::NAMES.iter().map(|named| {
        let value = PossibleValue::new(named.name).help(named.about);
        if named.name == Part::Validation.name() {
            value.alias(NAMES[0])
        } else {
            value
        }
    });
    PossibleValuesParser::new(names).try_map(|name| {
        let name = if name == NAMES[0] {
            Part::Validation.name()
        } else {
            &name
        };
        name.parse::<Part>()
    })
}

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
        Part::Validation => match validation(source, target) {
            Some(Place::Own(path)) => return Ok(open_with(&path, Split::Test, target, options)?.into()),
            Some(Place::Within) => Split::Validation,
            None => {
                return Err(Failure::Usage(format!(
                    "{source} has no validation part of its own: a folder or archive in it called {}",
                    NAMES.join(", ")
                )));
            }
        },
    };
    Ok(open_with(source, split, target, options)?.into())
}

/// Where a validation part is.
enum Place {
    /// A folder or archive of its own.
    Own(String),
    /// One of the splits that an archive, or annotations, tell.
    Within,
}

/// Where the validation part of a source may be.
fn validation(source: &str, target: TargetKind) -> Option<Place> {
    if let Some(entry) = DatasetEntry::of(source) {
        return entry.has_validation.then_some(Place::Within);
    }
    let folder = Path::new(source);
    let has_annotations = matches!(
        target,
        TargetKind::Boxes | TargetKind::Instances | TargetKind::Map
    );
    if has_annotations || !folder.is_dir() {
        return Some(Place::Within);
    }
    let names = NAMES.iter().flat_map(|name| {
        ["", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip"]
            .map(|extension| format!("{name}{extension}"))
    });
    let path = names.map(|name| folder.join(name)).find(|path| path.exists())?;
    // With a separator in it: a data set's name has none.
    Some(Place::Own(path.display().to_string()))
}
