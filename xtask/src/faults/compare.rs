//! Whether two run folders tell the same.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde_json::Value;

/// The first thing in which the folders of two runs differ that should be one.
pub fn difference(whole: &Path, other: &Path) -> io::Result<Option<String>> {
    for file in ["last.safetensors", "best.safetensors"] {
        if tensors(&whole.join(file))? != tensors(&other.join(file))? {
            return Ok(Some(format!("{file} has other tensors")));
        }
    }
    let student = |folder: &Path| fs::read(folder.join("student/model.safetensors"));
    if student(whole)? != student(other)? {
        return Ok(Some("the student has other bytes".into()));
    }
    if rows(whole)? != rows(other)? {
        return Ok(Some("metrics.jsonl tells something else".into()));
    }
    let results = |folder: &Path| -> io::Result<Value> {
        let summary: Value = json(&fs::read_to_string(folder.join("summary.json"))?)?;
        Ok(serde_json::json!([
            summary["best"],
            summary["last"],
            summary["validation"],
            summary["finished"]
        ]))
    };
    if results(whole)? != results(other)? {
        return Ok(Some("summary.json tells something else".into()));
    }
    let events = events(other)?;
    Ok((events != self::events(whole)?).then(|| format!("the events are of the steps {events:?}")))
}

/// A file that a killed write or a lock left.
pub fn left_over(folder: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".tmp") || name == "run.lock" {
            return Ok(Some(name));
        }
        if entry.file_type()?.is_dir()
            && let Some(inside) = left_over(&entry.path())?
        {
            return Ok(Some(inside));
        }
    }
    Ok(None)
}

fn json(text: &str) -> io::Result<Value> {
    serde_json::from_str(text).map_err(io::Error::other)
}

/// The names, shapes and bytes of a safetensors file, without its texts: a checkpoint knows its times.
fn tensors(path: &Path) -> io::Result<(Value, Vec<u8>)> {
    let bytes = fs::read(path)?;
    let length: [u8; 8] = bytes[..8].try_into().map_err(io::Error::other)?;
    let begin = 8 + u64::from_le_bytes(length) as usize;
    let mut header = json(&String::from_utf8_lossy(&bytes[8..begin]))?;
    if let Some(names) = header.as_object_mut() {
        names.remove("__metadata__");
    }
    Ok((header, bytes[begin..].to_vec()))
}

/// The rows of an epoch each, without their times.
fn rows(folder: &Path) -> io::Result<Vec<Value>> {
    let text = fs::read_to_string(folder.join("metrics.jsonl"))?;
    let rows = text.lines().map(|line| {
        let mut row = json(line)?;
        row["seconds"] = Value::Null;
        row["images_per_second"] = Value::Null;
        Ok(row)
    });
    rows.collect()
}

/// How many summaries the event files of a folder hold for each step.
fn events(folder: &Path) -> io::Result<BTreeMap<u64, usize>> {
    let mut steps = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry
            .file_name()
            .to_string_lossy()
            .starts_with("events.out.tfevents.")
        {
            continue;
        }
        let bytes = fs::read(entry.path())?;
        let mut rest = &bytes[..];
        while let Some(length) = rest.first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            let Some(event) = rest.get(12..12 + length) else {
                break;
            };
            if let Some(step) = step_of_summary(event) {
                *steps.entry(step).or_default() += 1;
            }
            rest = rest.get(16 + length..).unwrap_or_default();
        }
    }
    Ok(steps)
}

/// The step of an event that has a summary: its time (nine bytes), its step (field 2), and field 5.
fn step_of_summary(event: &[u8]) -> Option<u64> {
    let (key, mut rest) = event.get(9..)?.split_first()?;
    let (mut step, mut shift) = (0, 0);
    if *key != 0x10 {
        return None;
    }
    loop {
        let (byte, after) = rest.split_first()?;
        step |= u64::from(byte & 0x7f) << shift;
        (shift, rest) = (shift + 7, after);
        if byte & 0x80 == 0 {
            break;
        }
    }
    (rest.first() == Some(&0x2a)).then_some(step)
}
