//! Event files that `TensorBoard` reads.
//!
//! A file is a sequence of `TFRecords` (TensorFlow's `record_writer.h`): the length of the payload as a
//! 64-bit number, the masked CRC-32C of those eight bytes, the payload, its masked CRC-32C; all little
//! endian. A payload is the protocol buffer `Event` of TensorFlow's `event.proto`, of which five fields and
//! five inner messages are enough for curves, so that they are encoded here by hand.

mod rewind;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use potstill_metrics::{MetricInfo, MetricSet, Metrics};

use crate::{EpochRow, ReportError};

/// What the name of every event file begins with.
pub const BEGINNING: &str = "events.out.tfevents.";

/// Writes one event file of a run.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// Begins a new event file `events.out.tfevents.TIME.potstill.N` in this folder, which is made if need
    /// be.
    ///
    /// # Errors
    /// [`ReportError::Write`] with the folder or the file.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self, ReportError> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder).map_err(ReportError::write(folder))?;
        let (path, file) = new_file(folder)?;
        let mut writer = Self { path, file };
        let mut event = Message::at(now(), 0);
        event.text(3, "brain.Event:2");
        writer.record(&event.bytes)?;
        Ok(writer)
    }

    /// As [`create`](Self::create), for a run that goes on after `step`: what earlier files in the folder say
    /// about later steps is cut off, and a reader that has seen it is told to forget it.
    ///
    /// # Errors
    /// [`ReportError`] with the folder or the file.
    pub fn resume(folder: impl AsRef<Path>, step: u64) -> Result<Self, ReportError> {
        rewind::cut_off(folder.as_ref(), step)?;
        let mut writer = Self::create(folder)?;
        let mut log = Message::default();
        log.number(1, 1); // SessionLog.status = START: readers drop everything from this step on.
        let mut event = Message::at(now(), step + 1);
        event.message(7, &log);
        writer.record(&event.bytes)?;
        Ok(writer)
    }

    /// The file that is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes values at a step, each under its tag; a tag is a path such as `train/loss`.
    ///
    /// # Errors
    /// [`ReportError::Write`] with the file.
    pub fn scalars<'a>(
        &mut self,
        step: u64,
        values: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Result<(), ReportError> {
        let values = values.into_iter().map(|(tag, value)| Scalar::new(tag, value));
        self.summary(step, values)
    }

    /// Writes everything a row of metrics holds, at the row's step, and flushes it to the disk. What is said of the `metrics` becomes
    /// the description of their charts.
    ///
    /// # Errors
    /// [`ReportError::Write`] with the file.
    pub fn epoch(&mut self, row: &EpochRow, metrics: &MetricSet) -> Result<(), ReportError> {
        let group = |name: &'static str| {
            move |(key, value): (&String, &f64)| Scalar::new(format!("{name}/{key}"), *value)
        };
        let measured = |name: &str, found: &Metrics| -> Vec<Scalar> {
            let scalar = |(key, value): (&str, f64)| Scalar {
                about: metrics.get(key).map(describe),
                ..Scalar::new(format!("{name}/{key}"), value)
            };
            found.iter().map(scalar).collect()
        };
        let training = if row.search { "round" } else { "train" };
        let mut values = vec![Scalar::new(format!("{training}/loss"), row.train.loss)];
        values.extend(measured(training, &row.train.metrics));
        values.extend(row.train.terms.iter().map(group("terms")));
        values.extend(row.train.weights.iter().map(group("weights")));
        values.extend(
            row.validation
                .iter()
                .flat_map(|found| measured("validation", found)),
        );
        values.extend(row.test.iter().flat_map(|test| measured("test", test)));
        for (name, teacher) in &row.teachers {
            values.extend(measured(name, teacher));
        }
        let rate = if row.search { training } else { "run" };
        values.extend([
            Scalar::new("run/epoch", row.epoch as f64),
            Scalar::new(format!("{rate}/learning_rate"), row.lr),
            Scalar::new("run/images_per_second", row.images_per_second),
        ]);
        values.extend(row.notes.iter().map(group("learned")));
        self.summary(row.step, values)?;
        self.file.sync_data().map_err(ReportError::write(&self.path))
    }

    fn summary(&mut self, step: u64, values: impl IntoIterator<Item = Scalar>) -> Result<(), ReportError> {
        let mut summary = Message::default();
        for scalar in values {
            summary.message(1, &scalar.message());
        }
        let mut event = Message::at(now(), step);
        event.message(5, &summary);
        self.record(&event.bytes)
    }

    fn record(&mut self, payload: &[u8]) -> Result<(), ReportError> {
        let length = (payload.len() as u64).to_le_bytes();
        let length_sum = masked_crc(&length).to_le_bytes();
        let payload_sum = masked_crc(payload).to_le_bytes();
        // One write for the whole record, so that a reader meanwhile, or after a crash, hardly ever sees a
        // part of it.
        let record = [&length[..], &length_sum, payload, &payload_sum].concat();
        self.file
            .write_all(&record)
            .map_err(ReportError::write(&self.path))
    }
}

/// A value under its tag.
struct Scalar {
    tag: String,
    value: f64,
    /// What a reader is told about it.
    about: Option<String>,
}

impl Scalar {
    fn new(tag: impl Into<String>, value: f64) -> Self {
        Self {
            tag: tag.into(),
            value,
            about: None,
        }
    }

    /// A `Summary.Value`.
    fn message(&self) -> Message {
        let mut value = Message::default();
        value.text(1, &self.tag);
        value.float(2, self.value as f32);
        if let Some(about) = &self.about {
            let mut plugin = Message::default();
            plugin.text(1, "scalars"); // PluginData.plugin_name
            let mut metadata = Message::default();
            metadata.message(1, &plugin);
            metadata.text(3, about); // SummaryMetadata.summary_description
            value.message(9, &metadata);
        }
        value
    }
}

/// A metric's unit and direction in words.
fn describe(metric: &MetricInfo) -> String {
    let unit = match metric.unit.symbol() {
        "" => metric.label.to_string(),
        symbol => format!("{}, {symbol}", metric.label),
    };
    let better = if metric.higher_is_better {
        "higher"
    } else {
        "lower"
    };
    format!("{unit}; {better} is better")
}

/// A file of a new name. `TensorBoard` reads a folder's files in the order of their names, so that the time
/// comes first.
fn new_file(folder: &Path) -> Result<(PathBuf, File), ReportError> {
    let seconds = now() as u64;
    let mut number = 0;
    loop {
        let path = folder.join(format!("{BEGINNING}{seconds:010}.potstill.{number:03}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(ReportError::Write { path, source }),
            Ok(file) => return Ok((path, file)),
        }
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

/// TensorFlow turns and shifts its checksums, because a checksum of data that holds its own checksum is a
/// weak one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer message under construction.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
}

/// The wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

impl Message {
    /// An `Event` with its time and step.
    fn at(wall_time: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, FIXED64);
        event.bytes.extend(wall_time.to_le_bytes());
        event.number(2, step);
        event
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.key(field, VARINT);
        self.varint(number);
    }

    fn float(&mut self, field: u64, number: f32) {
        self.key(field, FIXED32);
        self.bytes.extend(number.to_le_bytes());
    }

    fn text(&mut self, field: u64, text: &str) {
        self.delimited(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.delimited(field, &message.bytes);
    }

    fn delimited(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, masked_crc};

    #[test]
    fn checksums_are_castagnoli_and_masked() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up. The wire holds 8a9136aa as aa 36 91 8a.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        let counting: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c::crc32c(&counting), 0x46dd_794e);
        // By hand from 8a9136aa: rotated right by 15 it is 6d551522, and that plus a282ead8 is 10fd7fffa.
        assert_eq!(masked_crc(&[0; 32]), 0x0fd7_fffa);
    }

    #[test]
    fn varints_are_those_of_the_protocol_buffer_documentation() {
        // "Encoding": field 1 = 150 is 08 96 01; field 2 = "testing" is 12 07 74 65 73 74 69 6e 67.
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        assert_eq!(message.bytes, b"\x08\x96\x01\x12\x07testing");
    }
}
