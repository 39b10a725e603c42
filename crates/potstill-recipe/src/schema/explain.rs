//! Finds a key by its path, by the end of it, or by its method.

use potstill_base::nearest;

use super::{Schema, SchemaEntry};

impl Schema {
    /// What the recipe's key `name` means. A key is asked for by
    /// * its dotted path, `train.optimizer.lr`, where entries of arrays may have any number or `N`, and
    ///   teachers any name;
    /// * a method and one of its options, `kd.temperature`;
    /// * the end of its path, `lr`.
    ///
    /// Several entries come back where kinds of a table have keys of the same name, or where the end of a
    /// path fits several.
    ///
    /// # Errors
    /// The key that is most similar, if any is.
    pub fn explain(&self, name: &str) -> Result<Vec<SchemaEntry>, Option<String>> {
        let entries = self.entries();
        let asked = normal(name);
        let mut found: Vec<SchemaEntry> = entries.iter().filter(|entry| entry.is(&asked)).cloned().collect();
        if found.is_empty() {
            let ending = format!(".{asked}");
            found = entries
                .iter()
                .filter(|entry| entry.key.ends_with(&ending))
                .cloned()
                .collect();
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let paths = entries.iter().map(|entry| entry.key.as_str());
        let ends = paths.clone().filter_map(|path| path.rsplit('.').next());
        let known: Vec<&str> = paths.chain(ends).collect();
        Err(nearest(&asked, known).map(str::to_owned))
    }
}

impl SchemaEntry {
    /// Whether this is the key of that path, or the option of a method written `METHOD.OPTION`.
    fn is(&self, path: &str) -> bool {
        if self.key == path {
            return true;
        }
        let option = self.key.strip_prefix("methods.N.");
        let of_method = path.strip_prefix("methods.").unwrap_or(path).split_once('.');
        option.zip(of_method).is_some_and(|(option, (method, asked))| {
            option == asked && self.only_for.first().is_some_and(|kind| *kind == method)
        })
    }
}

/// A path as entries have it: `N` for numbers, `teacher` for a teacher by name.
fn normal(path: &str) -> String {
    let mut segments: Vec<&str> = path.trim().split('.').collect();
    if let ["teachers", _, _, ..] = segments.as_slice() {
        segments.splice(..2, ["teacher"]);
    }
    let is_number = |segment: &str| !segment.is_empty() && segment.chars().all(|c| c.is_ascii_digit());
    let segments = segments
        .into_iter()
        .map(|segment| if is_number(segment) { "N" } else { segment });
    segments.collect::<Vec<_>>().join(".")
}
