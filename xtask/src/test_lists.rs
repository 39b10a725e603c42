//! Crates with many files of tests compile them into one program, whose `tests/main.rs` lists them. A file that
//! the list lacks would never run, and nothing else would say so.

use std::{fs, path::Path};

/// Tells every `crates/*/tests/NAME.rs` that the `main.rs` beside it lacks; false where there is one.
pub fn complete() -> bool {
    let mut complete = true;
    for tests in entries("crates")
        .into_iter()
        .map(|name| format!("crates/{name}/tests"))
    {
        let Ok(list) = fs::read_to_string(format!("{tests}/main.rs")) else {
            continue;
        };
        for missing in missing(&list, &entries(&tests)) {
            println!("{tests}/main.rs lacks `mod {missing};`: its tests never run");
            complete = false;
        }
    }
    complete
}

/// The modules of `files` that the text of a `main.rs` does not name.
fn missing<'a>(list: &str, files: &'a [String]) -> Vec<&'a str> {
    files
        .iter()
        .filter_map(|file| file.strip_suffix(".rs"))
        .filter(|name| *name != "main" && !list.lines().any(|line| line == format!("mod {name};")))
        .collect()
}

/// The names in a folder, in their order; none where there is no folder.
fn entries(folder: impl AsRef<Path>) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn a_file_that_is_not_listed_is_told() {
        let files = ["main.rs", "kd.rs", "tst.rs", "reference"].map(String::from);
        assert_eq!(missing("mod kd;\n", &files), ["tst"]);
        assert!(missing("mod kd;\nmod tst;\n", &files).is_empty());
    }
}
