//! Classes from a small file beside each image, as in archives of WebDataset.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::{Labelled, sorted};
use crate::file_store::{FileStore, StoredFile};
use crate::layout::Layout;
use crate::{ClassOrder, DataError, LeftOutReason};

impl Labelled {
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
