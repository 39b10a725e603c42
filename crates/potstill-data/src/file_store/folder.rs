//! The files below a folder.

use std::fs;
use std::io;
use std::path::Path;

use super::{FileStore, Kind, Listed, Place, StoredFile};
use crate::DataError;

/// Folders nested deeper than this are taken for a loop of links.
const MAX_DEPTH: usize = 16;

/// Lists all files below a folder.
pub(super) fn list(folder: &Path) -> Result<Listed, DataError> {
    let mut found = Listed {
        store: FileStore {
            path: folder.to_owned(),
            kind: Kind::Folder,
        },
        files: Vec::new(),
        dead_links: Vec::new(),
    };
    walk(folder, "", 0, &mut found)?;
    found.files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    found.dead_links.sort_unstable();
    Ok(found)
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Listed) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        return Err(DataError::format(
            folder,
            "folder",
            "is nested too deep: is there a loop of links?",
        ));
    }
    for entry in fs::read_dir(folder).map_err(DataError::io("list", folder))? {
        let entry = entry.map_err(DataError::io("list", folder))?;
        let path = entry.path();
        let file_name = entry.file_name();
        let Some(own) = file_name.to_str() else {
            return Err(DataError::format(&path, "name", "is not Unicode; rename it"));
        };
        let name = format!("{prefix}{own}");
        // `metadata` of the path, unlike that of the entry, follows links.
        match fs::metadata(&path) {
            Ok(facts) if facts.is_dir() => walk(&path, &format!("{name}/"), depth + 1, found)?,
            Ok(_) => found.files.push(StoredFile {
                name,
                place: Place::Own,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.dead_links.push(name),
            Err(error) => return Err(DataError::io("look at", &path)(error)),
        }
    }
    Ok(())
}
