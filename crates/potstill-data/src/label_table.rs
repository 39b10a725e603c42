//! A CSV file with the class of each image: columns `file` and `label`, and perhaps `split`.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::DataError;
use crate::limits::MOST_ANNOTATIONS;

/// What the columns are called in tables that people have, in lower case.
const FILE: [&str; 11] = [
    "file",
    "filename",
    "file_name",
    "filepath",
    "path",
    "image",
    "image_path",
    "image_id",
    "image_name",
    "img",
    "id",
];
const LABEL: [&str; 7] = [
    "label",
    "labels",
    "class",
    "class_name",
    "category",
    "target",
    "y",
];
const SPLIT: [&str; 4] = ["split", "subset", "set", "partition"];

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub line: u64,
    pub file: String,
    pub label: String,
    /// What the table says the image is for.
    pub split: Option<String>,
}

/// Which column is which.
struct Columns {
    file: usize,
    label: usize,
    split: Option<usize>,
    has_header: bool,
}

/// Reads a table. `is_image` says whether a text names an image that is there, which tells a first row from a header.
pub(crate) fn read(table: &Path, is_image: impl Fn(&str) -> bool) -> Result<Vec<Row>, DataError> {
    let text = potstill_base::read_file(table, MOST_ANNOTATIONS).map_err(DataError::io("read", table))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter(text))
        .from_reader(text);
    let records: Vec<StringRecord> = reader
        .records()
        .collect::<Result<_, _>>()
        .map_err(|error| DataError::format(table, "table of labels", error.to_string()))?;
    let Some(first) = records.first() else {
        return Err(DataError::format(table, "table of labels", "it has no rows"));
    };
    let columns = columns(first, records.get(1), is_image)
        .map_err(|problem| DataError::format(table, "line 1", problem))?;
    let rows = records.iter().skip(usize::from(columns.has_header));
    rows.map(|record| row(record, &columns, table)).collect()
}

/// The one of the usual characters that the first line has.
fn delimiter(text: &[u8]) -> u8 {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let found = [b',', b';', b'\t']
        .into_iter()
        .find(|delimiter| line.contains(delimiter));
    found.unwrap_or(b',')
}

fn columns(
    first: &StringRecord,
    second: Option<&StringRecord>,
    is_image: impl Fn(&str) -> bool,
) -> Result<Columns, String> {
    let titles: Vec<String> = first.iter().map(str::to_lowercase).collect();
    let named = |names: &[&str]| {
        let column = |name: &&str| titles.iter().position(|title| title == name);
        names.iter().find_map(column)
    };
    if let (Some(file), Some(label)) = (named(&FILE), named(&LABEL)) {
        return Ok(Columns {
            file,
            label,
            split: named(&SPLIT),
            has_header: true,
        });
    }
    if first.len() != 2 {
        let titles = titles.join("`, `");
        return Err(format!(
            "columns `file` and `label` are needed, and these are `{titles}`"
        ));
    }
    let names_image = |record: &StringRecord| record.get(0).is_some_and(&is_image);
    Ok(Columns {
        file: 0,
        label: 1,
        split: None,
        has_header: !names_image(first) && second.is_some_and(names_image),
    })
}

fn row(record: &StringRecord, columns: &Columns, table: &Path) -> Result<Row, DataError> {
    let line = record.position().map_or(0, csv::Position::line);
    let cell = |column: usize, what: &str| match record.get(column) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(DataError::format(
            table,
            format!("line {line}"),
            format!("it has no {what}"),
        )),
    };
    Ok(Row {
        line,
        file: cell(columns.file, "file")?,
        label: cell(columns.label, "label")?,
        split: columns
            .split
            .and_then(|column| record.get(column))
            .map(str::to_lowercase),
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    fn rows(text: &str) -> Result<Vec<(String, String, Option<String>)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("labels.csv");
        std::fs::write(&table, text).unwrap();
        let found = read(&table, crate::decode::format::is_image).map_err(|error| error.to_string())?;
        Ok(found
            .into_iter()
            .map(|row| (row.file, row.label, row.split))
            .collect())
    }

    fn pair(file: &str, label: &str) -> (String, String, Option<String>) {
        (file.to_owned(), label.to_owned(), None)
    }

    #[test]
    fn a_header_is_told_from_a_first_row() {
        let expected = vec![pair("a.png", "cat"), pair("b, c.png", "dog \"x\"")];
        for text in [
            "file,label\na.png,cat\n\"b, c.png\",\"dog \"\"x\"\"\"\n",
            "a.png,cat\n\"b, c.png\",\"dog \"\"x\"\"\"\n",
            "Label, more, Image\r\ncat,1,a.png\r\n\"dog \"\"x\"\"\",2,\"b, c.png\"\r\n",
            "what,kind\na.png,cat\n\"b, c.png\",\"dog \"\"x\"\"\"\n",
            "\u{feff}file;label\na.png;cat\n\"b, c.png\";\"dog \"\"x\"\"\"\n",
        ] {
            assert_eq!(rows(text).unwrap(), expected, "{text}");
        }
        let split = rows("file,split,label\na.png,Train,cat\n").unwrap();
        assert_eq!(split[0].2.as_deref(), Some("train"));
    }

    #[test]
    fn a_table_that_says_nothing_is_refused() {
        assert!(rows("").unwrap_err().ends_with("it has no rows"));
        let titles = rows("one,two,three\na.png,cat,1\n").unwrap_err();
        assert!(
            titles.ends_with(
                "line 1: columns `file` and `label` are needed, and these are `one`, `two`, `three`"
            ),
            "{titles}"
        );
        assert!(
            rows("file,label\na.png,\n")
                .unwrap_err()
                .ends_with("line 2: it has no label")
        );
    }
}
