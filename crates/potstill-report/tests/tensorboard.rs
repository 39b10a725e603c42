//! Event files, read by a decoder of its own that shares nothing with the writer but the checksum crate.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use potstill_metrics::TOP1;
use potstill_report::{Metrics, tensorboard::EventWriter};

/// The fields of one message: number, wire type, and the bytes of the value.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1,
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, key & 7, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0.. {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// The payloads of a file of records, after a check of every checksum.
fn records(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count);
        rest = left;
        (taken, left.is_empty())
    };
    let unmask = |sum: &[u8]| {
        let turned = u32::from_le_bytes(sum.try_into().unwrap()).wrapping_sub(0xa282_ead8);
        turned.rotate_left(15)
    };
    let mut payloads = Vec::new();
    loop {
        let (length, _) = take(8);
        assert_eq!(unmask(take(4).0), crc32c::crc32c(length));
        let (payload, _) = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (sum, end) = take(4);
        assert_eq!(unmask(sum), crc32c::crc32c(payload));
        payloads.push(payload.to_vec());
        if end {
            return payloads;
        }
    }
}

/// An event's step, and its other fields by number.
fn event(payload: &[u8]) -> (u64, HashMap<u64, Vec<u8>>) {
    let mut fields: HashMap<_, _> = fields(payload)
        .into_iter()
        .map(|(field, _, bytes)| (field, bytes))
        .collect();
    let time = f64::from_le_bytes(fields.remove(&1).unwrap().try_into().unwrap());
    assert!((1.7e9..1e11).contains(&time), "seconds since 1970: {time}");
    (varint(&mut &fields.remove(&2).unwrap()[..]), fields)
}

/// The tags, values and descriptions of an event's summary.
fn described(summary: &[u8]) -> Vec<(String, f32, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let value = |bytes: &[u8]| {
        let fields = fields(bytes);
        let [(1, 2, tag), (2, 5, value), rest @ ..] = &fields[..] else {
            panic!("{fields:?}");
        };
        let about = match rest {
            [] => String::new(),
            // Value.metadata, and in it the plugin's name and SummaryMetadata.summary_description.
            [(9, 2, metadata)] => match &self::fields(metadata)[..] {
                [(1, 2, plugin), (3, 2, about)] => {
                    assert_eq!(self::fields(plugin), [(1, 2, b"scalars".to_vec())]);
                    text(about)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        (
            text(tag),
            f32::from_le_bytes(value.clone().try_into().unwrap()),
            about,
        )
    };
    fields(summary)
        .iter()
        .map(|(field, wire, bytes)| {
            assert_eq!((*field, *wire), (1, 2));
            value(bytes)
        })
        .collect()
}

/// The tags and values of an event's summary.
fn scalars(summary: &[u8]) -> Vec<(String, f32)> {
    let values = described(summary).into_iter();
    values.map(|(tag, value, _)| (tag, value)).collect()
}

#[test]
fn an_event_file_holds_its_version_and_then_the_values() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path().join("events")).unwrap();
    writer.scalars(300, [("a/b", 0.5), ("ü", f64::NAN)]).unwrap();
    writer
        .epoch(&crate::runs::row(2), &crate::runs::metrics())
        .unwrap();
    let name = writer.path().file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("events.out.tfevents."), "{name}");

    let records = records(writer.path());
    assert_eq!(records.len(), 3);
    assert_eq!(
        event(&records[0]),
        (0, HashMap::from([(3, b"brain.Event:2".to_vec())]))
    );

    let (step, by_field) = event(&records[1]);
    assert_eq!((step, by_field.len()), (300, 1));
    let values = scalars(&by_field[&5]);
    assert_eq!(values[0], ("a/b".to_owned(), 0.5));
    assert!(values[1].0 == "ü" && values[1].1.is_nan());

    let (step, by_field) = event(&records[2]);
    assert_eq!(step, 312);
    let expected = [
        ("train/loss", 1.25),
        ("train/top1", 55.5),
        ("terms/kd", 0.2),
        ("terms/cross_entropy", 1.0),
        ("test/top1", 60.25),
        ("test/top5", 95.0),
        ("test/loss", 1.5),
        ("run/epoch", 2.0),
        ("run/learning_rate", 0.1),
        ("run/images_per_second", 520.0),
    ];
    assert_eq!(
        scalars(&by_field[&5]),
        expected.map(|(tag, value)| (tag.to_owned(), value))
    );
    let about = |tag: &str| {
        let values = described(&by_field[&5]);
        values.into_iter().find(|(name, ..)| name == tag).unwrap().2
    };
    assert_eq!(about("train/top1"), "top-1, %; higher is better");
    assert_eq!(about("test/loss"), "loss; lower is better");
    assert_eq!(about("terms/kd"), "");
}

#[test]
fn validation_has_tags_beside_those_of_test() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path()).unwrap();
    let mut row = crate::runs::row(2);
    row.validation = Some(Metrics::new().with(&TOP1, 61.5));
    writer.epoch(&row, &crate::runs::metrics()).unwrap();
    let (_, by_field) = event(&records(writer.path())[1]);
    let values = scalars(&by_field[&5]);
    let found = |tag: &str| values.iter().find(|(name, _)| name == tag).unwrap().1;
    assert_eq!([found("validation/top1"), found("test/top1")], [61.5, 60.25]);
}

#[test]
fn what_a_method_learns_has_tags_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path().join("events")).unwrap();
    let mut row = crate::runs::row(2);
    (row.search, row.train.metrics, row.test) = (true, Metrics::new(), None);
    row.notes.insert("tst.magnitude.rotate".into(), 0.25);
    writer.epoch(&row, &crate::runs::metrics()).unwrap();
    let (_, by_field) = event(&records(writer.path())[1]);
    let values = scalars(&by_field[&5]);
    let found = |tag: &str| {
        values
            .iter()
            .find(|(name, _)| name == tag)
            .map(|(_, value)| *value)
    };
    assert_eq!(found("round/loss"), Some(1.25));
    assert_eq!(found("round/learning_rate"), Some(0.1));
    assert_eq!(found("learned/tst.magnitude.rotate"), Some(0.25));
    assert!(found("train/loss").is_none() && found("run/learning_rate").is_none());
}

#[test]
fn a_resumed_run_writes_a_later_file_that_strikes_out_the_steps_it_repeats() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = EventWriter::create(folder.path()).unwrap();
    first.scalars(156, [("train/loss", 1.5)]).unwrap();
    let second = EventWriter::resume(folder.path(), 156).unwrap();
    assert!(
        first.path() < second.path(),
        "files are read in the order of their names"
    );
    let records = records(second.path());
    assert_eq!(records.len(), 2);
    // SessionLog (field 7) with status (field 1) START (1).
    assert_eq!(event(&records[1]), (157, HashMap::from([(7, vec![0x08, 0x01])])));
}

#[test]
fn steps_after_the_one_that_is_gone_back_to_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = EventWriter::create(folder.path()).unwrap();
    for step in [6, 12, 18] {
        first.scalars(step, [("train/loss", 1.5)]).unwrap();
    }
    // A crash broke the last record off, and an earlier one had only begun a file.
    let bytes = fs::read(first.path()).unwrap();
    fs::write(first.path(), &bytes[..bytes.len() - 1]).unwrap();
    let empty = EventWriter::create(folder.path()).unwrap();
    let other = folder.path().join("metrics.jsonl");
    fs::write(&other, "text").unwrap();
    let steps = || -> Vec<u64> {
        let all = records(first.path());
        all.iter().map(|record| event(record).0).collect()
    };
    let second = EventWriter::resume(folder.path(), 12).unwrap();
    assert_eq!(steps(), [0, 6, 12]);
    assert!(second.path() > first.path() && other.exists());
    // The one that had only begun has gone; its name may be that of the next.
    assert!(second.path() == empty.path() || !empty.path().exists());
    assert_eq!(records(second.path()).len(), 2);
    drop(EventWriter::resume(folder.path(), 11).unwrap());
    assert_eq!(steps(), [0, 6]);
    drop(EventWriter::resume(folder.path(), 0).unwrap());
    assert!(!first.path().exists() || steps() == [0, 1]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = EventWriter::create(file.join("events")).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot write ") && error.contains("file/events"),
        "{error}"
    );
}
