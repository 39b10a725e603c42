//! The `schema_version` in every record.
//!
//! It is added on the way out and checked on the way in, so that no struct carries it and nobody can forget
//! it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ReportError;

/// The version of the JSON written here. It grows when a field changes its meaning or goes away; a new field
/// that may be absent keeps it.
pub const SCHEMA_VERSION: u32 = 2;

#[derive(Serialize)]
pub(crate) struct Versioned<'a, T> {
    schema_version: u32,
    #[serde(flatten)]
    record: &'a T,
}

impl<'a, T: Serialize> Versioned<'a, T> {
    pub(crate) fn new(record: &'a T) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            record,
        }
    }

    /// JSON on one line. Records hold only strings, numbers and lists of them, which cannot fail to
    /// serialise.
    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// JSON for reading, with a newline at its end.
    pub(crate) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// A record that is read in the form of the first version as well.
pub(crate) trait Record: DeserializeOwned {
    /// What it was in the first version.
    type First: DeserializeOwned + Into<Self>;
}

/// Where a piece of text stands in a file, and what it should be.
pub(crate) struct Place<'a> {
    pub path: &'a Path,
    /// The text's first line in the file, counted from 1.
    pub line: usize,
    pub what: &'static str,
    pub torn: bool,
}

impl Place<'_> {
    /// Reads a record, its version first: a newer record should be called that, not malformed, and an older one is brought up to date.
    pub(crate) fn parse<T: Record>(&self, text: &str) -> Result<T, ReportError> {
        #[derive(Deserialize)]
        struct Version {
            schema_version: Option<u32>,
        }
        let version: Version = self.read(text)?;
        match version.schema_version {
            Some(found) if found > SCHEMA_VERSION => Err(ReportError::Version {
                path: self.path.to_owned(),
                line: self.line,
                found,
                newest: SCHEMA_VERSION,
            }),
            Some(1) => self.read::<T::First>(text).map(Into::into),
            _ => self.read(text),
        }
    }

    fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, ReportError> {
        serde_json::from_str(text).map_err(|error| self.malformed(&error))
    }

    fn malformed(&self, error: &serde_json::Error) -> ReportError {
        // serde_json counts lines within the text; the message gets the line in the file instead.
        let full = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let problem = full.strip_suffix(&position).unwrap_or(&full);
        ReportError::Malformed {
            path: self.path.to_owned(),
            line: self.line + error.line().saturating_sub(1),
            what: self.what,
            problem: format!("{problem} (column {})", error.column()),
            torn: self.torn,
        }
    }
}
