//! Classes from a table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::{Labelled, sorted};
use crate::label_table::{self, Row};
use crate::layout::{Layout, as_split};
use crate::{ClassOrder, DataError, LeftOutReason, Split};

impl Labelled {
    /// Classes from a table.
    pub fn by_table(
        table: &Path,
        source: &Path,
        names: &[String],
        split: Split,
        order: Option<&ClassOrder>,
    ) -> Result<Self, DataError> {
        let wrong = |problem: String| DataError::format(table, "table of labels", problem);
        let finder = Finder::new(names);
        let rows = label_table::read(table, |file| finder.find(file).is_some())?;
        let labels: BTreeSet<String> = rows.iter().map(|row| row.label.clone()).collect();
        let order = order.unwrap_or(&ClassOrder::Natural);
        let classes = order.arranged(labels.into_iter().collect()).map_err(wrong)?;
        let matched = Matched::new(&rows, &finder, &classes).map_err(wrong)?;
        if matched.found.is_empty() {
            let example = rows.first().map_or("", |row| &row.file);
            return Err(wrong(format!(
                "none of the images it names is in {}, such as `{example}`",
                source.display()
            )));
        }
        let splits = matched.splits(names);
        let wanted = split.folders().iter().find(|folder| splits.contains(**folder));
        if !splits.is_empty() && wanted.is_none() {
            let splits: Vec<String> = splits.into_iter().collect();
            let problem = format!("there is no {split} split: {} found", splits.join(", "));
            return Err(wrong(problem));
        }
        let layout = Layout {
            images: sorted(matched.images(names, wanted.copied()), names),
            left_out: matched.left_out(names),
            has_splits: !splits.is_empty(),
            classes,
        };
        let note = missing_note(table, &matched.missing);
        Ok(Self {
            layout,
            notes: note.into_iter().collect(),
        })
    }
}

/// The rows of a table with the images that they name.
struct Matched<'a> {
    /// The class and the row of each image, by its place in the list of paths.
    found: BTreeMap<usize, (u32, &'a Row)>,
    /// Rows whose image is not there.
    missing: Vec<&'a Row>,
}

impl<'a> Matched<'a> {
    fn new(rows: &'a [Row], finder: &Finder<'_>, classes: &[String]) -> Result<Self, String> {
        let numbers: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for row in rows {
            let Some(at) = finder.find(&row.file) else {
                missing.push(row);
                continue;
            };
            let label = numbers.get(row.label.as_str()).copied().unwrap_or_default();
            match found.insert(at, (label, row)) {
                Some((other, earlier)) if other != label => {
                    let earlier: &Row = earlier;
                    return Err(format!(
                        "lines {} and {} give `{}` two classes, `{}` and `{}`",
                        earlier.line, row.line, finder.names[at], earlier.label, row.label
                    ));
                }
                _ => {}
            }
        }
        Ok(Self { found, missing })
    }

    /// The splits that the table or the folders of the images name.
    fn splits(&self, names: &[String]) -> BTreeSet<String> {
        let rows = self.found.iter();
        rows.filter_map(|(at, (_, row))| split_of(row, &names[*at]))
            .collect()
    }

    /// The images of a split, or all of them.
    fn images(&self, names: &[String], split: Option<&str>) -> Vec<(usize, u32)> {
        let is_wanted = |at: usize, row: &Row| {
            split.is_none_or(|split| split_of(row, &names[at]).as_deref() == Some(split))
        };
        let wanted = self.found.iter().filter(|(at, (_, row))| is_wanted(**at, row));
        wanted.map(|(at, (label, _))| (*at, *label)).collect()
    }

    /// Files that are no images, and images without a row.
    fn left_out(&self, names: &[String]) -> Vec<(LeftOutReason, usize)> {
        let reason = |at: usize| match LeftOutReason::of(&names[at]) {
            None if self.found.contains_key(&at) => None,
            reason => Some((reason.unwrap_or(LeftOutReason::Unlabelled), at)),
        };
        (0..names.len()).filter_map(reason).collect()
    }
}

/// What an image is for: as the table says, or else its first folder.
fn split_of(row: &Row, name: &str) -> Option<String> {
    match &row.split {
        Some(split) => as_split(split),
        None => name.split_once('/').and_then(|(folder, _)| as_split(folder)),
    }
}

fn missing_note(table: &Path, missing: &[&Row]) -> Option<String> {
    let first = missing.first()?;
    let (count, table) = (missing.len(), table.display());
    Some(format!(
        "warning: {count} rows of {table} name images that are not there (line {}: {})",
        first.line, first.file
    ))
}

/// Finds images by what tables call them: their path, its end, or their name without its extension.
struct Finder<'a> {
    names: &'a [String],
    /// Places of images by the path, by the file's name and by that without the extension.
    places: [HashMap<&'a str, Vec<usize>>; 3],
}

impl<'a> Finder<'a> {
    fn new(names: &'a [String]) -> Self {
        let mut places = [HashMap::new(), HashMap::new(), HashMap::new()];
        for (at, path) in names.iter().enumerate() {
            if LeftOutReason::of(path).is_some() {
                continue;
            }
            let file = file_name(path);
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            for (map, key) in places.iter_mut().zip([path.as_str(), file, stem]) {
                map.entry(key).or_insert_with(Vec::new).push(at);
            }
        }
        Self { names, places }
    }

    /// The only image that a text names.
    fn find(&self, text: &str) -> Option<usize> {
        let text = text.replace('\\', "/");
        let text = text.strip_prefix("./").unwrap_or(&text);
        let [paths, files, stems] = &self.places;
        if let Some([at]) = paths.get(text).map(Vec::as_slice) {
            return Some(*at);
        }
        let is_end = |at: &&usize| {
            let name = &self.names[**at];
            ends_with(name, text) || ends_with(text, name)
        };
        let mut ends = files.get(file_name(text)).into_iter().flatten().filter(is_end);
        if let (Some(at), None) = (ends.next(), ends.next()) {
            return Some(*at);
        }
        match stems.get(text).map(Vec::as_slice) {
            Some([at]) => Some(*at),
            _ => None,
        }
    }
}

/// Whether a path ends with whole parts of another one.
fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|start| start.is_empty() || start.ends_with('/'))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
