//! The table of networks in `docs/models.md` says what the registry says.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use potstill_models::{ModelEntry, registry};

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

/// The cells that the registry knows: name, parameters, FLOPs (two for each multiply-accumulate), input,
/// classes, names.
fn cells(entry: &ModelEntry) -> String {
    let [height, width] = entry.input;
    format!(
        "| `{}` | {} | {:.3} G | {height}x{width} | {} | {} |",
        entry.name,
        grouped(entry.parameters.unwrap()),
        2e-9 * entry.macs.unwrap() as f64,
        entry.classes,
        entry.names.scheme,
    )
}

#[test]
fn every_network_has_its_row() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let page = fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = registry().map(cells).collect();
    let missing = expected
        .iter()
        .filter(|cells| !rows.iter().any(|row| row.starts_with(*cells)));
    let missing: Vec<_> = missing.map(String::as_str).collect();
    assert!(
        missing.is_empty(),
        "these rows are missing or wrong, up to the last column:\n{}",
        missing.join("\n")
    );
    for row in rows {
        let name = row.split('`').nth(1).unwrap();
        let known = registry().any(|entry| entry.name == name);
        assert!(known, "`{name}` has a row and is not in the registry");
    }
}
