//! Puts every file of the folders `recipes/` and `sweeps/` into the binary, by name.

use std::{env, error::Error, fmt::Write, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    for folder in ["recipes", "sweeps"] {
        let list = list(
            &Path::new(&env::var("CARGO_MANIFEST_DIR")?)
                .join("../..")
                .join(folder),
        )?;
        let out = Path::new(&env::var("OUT_DIR")?).join(format!("{folder}.rs"));
        fs::write(out, list)?;
    }
    Ok(())
}

/// A slice of the names and texts of the files in a folder.
fn list(folder: &Path) -> Result<String, Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "toml") {
            files.push(path.canonicalize()?);
        }
    }
    files.sort_by(|one, other| one.file_stem().cmp(&other.file_stem()));
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let file = file.to_string_lossy();
        writeln!(list, "    ({name:?}, include_str!({file:?})),")?;
    }
    list.push_str("]\n");
    Ok(list)
}
