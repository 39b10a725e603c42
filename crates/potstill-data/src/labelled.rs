//! Classes of images that are not the names of their folders: from a table, or from a small file beside each image.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::file_store::{FileStore, StoredFile};
use crate::label_table::{self, Row};
use crate::layout::{Layout, as_split};
use crate::{ClassOrder, DataError, LeftOutReason, Split, natural_order};

/// The classes of files, and what there is to say about them.
pub(crate) struct Labelled {
    pub layout: Layout,
    pub notes: Vec<String>,
}

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
        let numbers: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let mut found: BTreeMap<usize, (u32, &Row)> = BTreeMap::new();
        let mut missing: Vec<&Row> = Vec::new();
        for row in &rows {
            let Some(at) = finder.find(&row.file) else {
                missing.push(row);
                continue;
            };
            let label = numbers.get(row.label.as_str()).copied().unwrap_or_default();
            let earlier = found.insert(at, (label, row));
            if let Some((_, earlier)) = earlier.filter(|(other, _)| *other != label) {
                return Err(wrong(format!(
                    "lines {} and {} give `{}` two classes, `{}` and `{}`",
                    earlier.line, row.line, names[at], earlier.label, row.label
                )));
            }
        }
        if found.is_empty() {
            let example = rows.first().map_or("", |row| &row.file);
            return Err(wrong(format!(
                "none of the images it names is in {}, such as `{example}`",
                source.display()
            )));
        }
        let split_of = |at: usize, row: &Row| match &row.split {
            Some(split) => as_split(split),
            None => names[at].split_once('/').and_then(|(folder, _)| as_split(folder)),
        };
        let splits: BTreeSet<String> = found
            .iter()
            .filter_map(|(at, (_, row))| split_of(*at, row))
            .collect();
        let wanted = split.folders().iter().find(|folder| splits.contains(**folder));
        if !splits.is_empty() && wanted.is_none() {
            let splits: Vec<String> = splits.into_iter().collect();
            return Err(wrong(format!(
                "there is no {split} split: {} found",
                splits.join(", ")
            )));
        }
        let is_wanted =
            |at: usize, row: &Row| wanted.is_none_or(|folder| split_of(at, row).as_deref() == Some(folder));
        let images = found.iter().filter(|(at, (_, row))| is_wanted(**at, row));
        let images = images.map(|(at, (label, _))| (*at, *label)).collect();
        let reason = |at: &usize| match LeftOutReason::of(&names[*at]) {
            None if found.contains_key(at) => None,
            reason => Some((reason.unwrap_or(LeftOutReason::Unlabelled), *at)),
        };
        let layout = Layout {
            images: sorted(images, names),
            left_out: (0..names.len()).filter_map(|at| reason(&at)).collect(),
            has_splits: !splits.is_empty(),
            classes,
        };
        Ok(Self {
            layout,
            notes: missing_note(table, &missing).into_iter().collect(),
        })
    }

    /// Classes from files `NAME.cls` beside `NAME.jpg`, as in archives of WebDataset; `None` if there is no such file.
    pub fn by_siblings(
        store: &FileStore,
        files: &[StoredFile],
        order: Option<&ClassOrder>,
    ) -> Result<Option<Self>, DataError> {
        let mut labels: HashMap<&str, String> = HashMap::new();
        for file in files {
            if let (key, "cls") = key_of(&file.name) {
                let text = String::from_utf8_lossy(&store.read(file)?).trim().to_owned();
                if text.is_empty() {
                    let source = store.source(&file.name);
                    return Err(DataError::format(Path::new(&source), "label", "it is empty"));
                }
                labels.insert(key, text);
            }
        }
        if labels.is_empty() {
            return Ok(None);
        }
        let wrong = |problem| DataError::format(Path::new(&store.source("*.cls")), "labels", problem);
        let (classes, numbers) = numbered(&labels, order).map_err(wrong)?;
        let (mut images, mut left_out) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let label = labels.get(key_of(&file.name).0);
            match (LeftOutReason::of(&file.name), label) {
                (None, Some(label)) => images.push((at, numbers[label.as_str()])),
                (None, None) => left_out.push((LeftOutReason::Unlabelled, at)),
                // What else is known of an image.
                (Some(LeftOutReason::NoImage), Some(_)) => {}
                (Some(reason), _) => left_out.push((reason, at)),
            }
        }
        let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        Ok(Some(Self {
            layout: Layout {
                classes,
                images: sorted(images, &names),
                left_out,
                has_splits: false,
            },
            notes: Vec::new(),
        }))
    }
}

/// By class, then in natural order of the paths.
fn sorted(mut images: Vec<(usize, u32)>, names: &[String]) -> Vec<(usize, u32)> {
    images.sort_by(|a, b| {
        let by_path = || natural_order::compare(&names[a.0], &names[b.0]);
        a.1.cmp(&b.1).then_with(by_path)
    });
    images
}

fn missing_note(table: &Path, missing: &[&Row]) -> Option<String> {
    let first = missing.first()?;
    let (count, table) = (missing.len(), table.display());
    Some(format!(
        "warning: {count} rows of {table} name images that are not there (line {}: {})",
        first.line, first.file
    ))
}

/// A file's name before the first dot, with its folders, and what is behind.
fn key_of(name: &str) -> (&str, &str) {
    let start = name.rfind('/').map_or(0, |at| at + 1);
    let dot = name[start..].find('.').map_or(name.len(), |at| start + at);
    (&name[..dot], name.get(dot + 1..).unwrap_or_default())
}

/// The classes, and the number of each label: numbers are taken as they are, names are put into order.
fn numbered<'a>(
    labels: &'a HashMap<&str, String>,
    order: Option<&ClassOrder>,
) -> Result<(Vec<String>, HashMap<&'a str, u32>), String> {
    let texts: BTreeSet<&str> = labels.values().map(String::as_str).collect();
    let as_numbers: Option<Vec<(&str, u32)>> = texts
        .iter()
        .map(|text| Some((*text, text.parse().ok()?)))
        .collect();
    if let Some(numbers) = as_numbers {
        let most = numbers
            .iter()
            .map(|(_, number)| *number)
            .max()
            .unwrap_or_default();
        let classes: Vec<String> = match order {
            Some(ClassOrder::Listed { names, .. }) => names.clone(),
            _ if most >= MOST_CLASSES => return Err(format!("the class {most} is beyond {MOST_CLASSES}")),
            _ => (0..=most).map(|number| number.to_string()).collect(),
        };
        if most as usize >= classes.len() {
            return Err(format!("the class {most} is beyond the {} names", classes.len()));
        }
        return Ok((classes, numbers.into_iter().collect()));
    }
    let names = texts.iter().map(|text| (*text).to_owned()).collect();
    let classes = order.unwrap_or(&ClassOrder::Natural).arranged(names)?;
    let number = |text: &&'a str| {
        let at = classes.iter().position(|class| class == text).unwrap_or_default();
        (*text, at as u32)
    };
    let numbers = texts.iter().map(number).collect();
    Ok((classes, numbers))
}

/// A number of a class above this is a mistake, and would make names for all below it.
const MOST_CLASSES: u32 = 1_000_000;

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
