//! The records in a run folder: what is written is read again, and what is wrong is said with its line.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use crate::runs::{row, run};
use potstill_report::{
    EpochResult, EpochRow, Summary, Validated, append_metrics, read_metrics, read_summary, rewind_metrics,
    write_summary,
};

/// A file in a folder of its own, with this text unless it is empty.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    if !text.is_empty() {
        fs::write(&path, text).unwrap();
    }
    (folder, path)
}

const LINE: &str = r#"{"schema_version":2,"epoch":1,"phase":"train","step":156,"lr":0.1,"seconds":12.5,"images_per_second":520.0,"train":{"loss":1.25,"metrics":{"top1":55.5},"terms":{"kd":0.2,"cross_entropy":1.0}},"test":{"top1":60.25,"top5":95.0,"loss":1.5}}"#;

#[test]
fn rows_are_lines_of_json_that_keep_the_order_of_the_terms() {
    let (_folder, path) = file("");
    append_metrics(&path, &row(1)).unwrap();
    append_metrics(&path, &row(2)).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().next(), Some(LINE));
    let rows = read_metrics(&path).unwrap();
    assert_eq!(rows, [row(1), row(2)]);
    assert_eq!(
        rows[0].train.terms.keys().collect::<Vec<_>>(),
        ["kd", "cross_entropy"]
    );
}

/// A link to a device would be read for ever.
#[test]
fn records_are_read_from_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refusals = [
        read_metrics(path).unwrap_err(),
        rewind_metrics(path, 1).unwrap_err(),
        read_summary(path).unwrap_err(),
    ];
    for refused in refusals {
        let said = refused.to_string();
        assert!(said.contains("it is a folder, not a file"), "{said}");
    }
}

#[test]
fn a_diverged_epoch_is_written_as_null_and_read_as_nan() {
    let (_folder, path) = file("");
    let mut diverged = row(1);
    diverged.train.loss = f64::NAN;
    diverged.train.terms["kd"] = f64::INFINITY;
    append_metrics(&path, &diverged).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.contains(r#""loss":null,"metrics":{"top1":55.5},"terms":{"kd":null,"#),
        "{text}"
    );
    let read = &read_metrics(&path).unwrap()[0].train;
    assert!(read.loss.is_nan() && read.terms["kd"].is_nan() && read.terms["cross_entropy"] == 1.0);
}

#[test]
fn what_a_phase_does_not_measure_may_be_absent() {
    let text = r#"{"epoch":1,"phase":"teach","step":9,"lr":0.1,"seconds":1,"images_per_second":9,"train":{"loss":2}}"#;
    let (_folder, path) = file(&format!("{text}\n\n"));
    let EpochRow { train, test, .. } = &read_metrics(&path).unwrap()[0];
    assert_eq!(
        (train.loss, train.metrics.len(), train.terms.len(), test),
        (2.0, 0, 0, &None)
    );
}

/// What reading says about this text, with `FILE` for the path.
fn complaint(text: &str) -> String {
    let (_folder, path) = file(text);
    let error = read_metrics(&path).unwrap_err().to_string();
    error.replace(path.to_str().unwrap(), "FILE")
}

#[test]
fn errors_name_the_file_the_line_and_what_to_do() {
    assert_eq!(
        complaint(&format!("{LINE}\n\n{}\n", LINE.replace("\"step\"", "\"stop\""))),
        "FILE:3: not a row of metrics: missing field `step` (column 237)"
    );
    assert_eq!(
        complaint(&format!("{LINE}\n{}\n", LINE.replace("156", "\"156\""))),
        "FILE:2: not a row of metrics: invalid type: string \"156\", expected u64 (column 58)"
    );
    assert_eq!(
        complaint(&format!("{LINE}\n{}", &LINE[..40])),
        "FILE:2: not a row of metrics: EOF while parsing a string (column 40) (the file ends in the middle of this \
         line, as after a crash; delete the line)"
    );
    assert_eq!(
        complaint(&LINE.replace("version\":2,\"epoch", "version\":3,\"era")),
        "FILE:1: schema_version 3, but this Potstill reads up to 2; use a newer one"
    );
    let missing = read_metrics("no/such/metrics.jsonl").unwrap_err().to_string();
    assert!(
        missing.starts_with("cannot read no/such/metrics.jsonl: "),
        "{missing}"
    );
}

#[test]
fn rewinding_drops_later_rows_and_a_torn_one() {
    let (_folder, path) = file("");
    assert_eq!(rewind_metrics(&path, 3).unwrap(), []);
    assert!(!path.exists());
    for epoch in 1..=3 {
        append_metrics(&path, &row(epoch)).unwrap();
    }
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{}", &LINE[..40])).unwrap();
    assert_eq!(rewind_metrics(&path, 3).unwrap().len(), 3);
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    assert_eq!(rewind_metrics(&path, 1).unwrap(), [row(1)]);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{LINE}\n"));
}

#[test]
fn a_summary_comes_back_as_it_was() {
    let (folder, path) = file("");
    for summary in [
        run("a", &["kd", "review-kd"], u64::MAX, 91.5),
        run("b", &[], 0, 90.0),
    ] {
        write_summary(&path, &summary).unwrap();
        assert_eq!(read_summary(&path).unwrap(), summary);
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file stays behind"
    );
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("{\n  \"schema_version\": 2,\n  \"name\": \"b\",")
    );

    fs::write(&path, "{\n  \"name\": \"b\",\n  \"seed\": -1\n}\n").unwrap();
    let error = read_summary(&path).unwrap_err().to_string();
    assert!(
        error.contains("metrics.jsonl:3: not a summary of a run: invalid value: integer `-1`"),
        "{error}"
    );
}

#[test]
fn what_validation_images_add_comes_back_and_is_absent_without_them() {
    let (_folder, path) = file("");
    let mut epoch = row(1);
    epoch.validation = epoch.test.take();
    append_metrics(&path, &epoch).unwrap();
    let line = fs::read_to_string(&path).unwrap();
    assert_eq!(line.trim_end(), LINE.replace("\"test\"", "\"validation\""));
    assert_eq!(read_metrics(&path).unwrap(), [epoch]);

    let mut summary = run("a", &["kd"], 0, 91.5);
    write_summary(&path, &summary).unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("validation"));
    summary.data.validation = Some("0.1 of the training images".to_owned());
    summary.data.validation_images = 5_000;
    summary.validation = Some(Validated {
        best: summary.best.metrics.clone(),
        last: summary.last.metrics.clone(),
    });
    summary.teachers[0].validation = summary.teachers[0].metrics.clone();
    write_summary(&path, &summary).unwrap();
    assert_eq!(read_summary(&path).unwrap(), summary);
    // The version of the form stays: what was there means what it meant.
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("{\n  \"schema_version\": 2,")
    );
}

#[test]
fn a_summary_of_a_diverged_run_can_be_read() {
    let (_folder, path) = file("");
    let mut summary: Summary = run("a", &[], 0, f64::NAN);
    summary.last.metrics.insert("loss", f64::INFINITY);
    write_summary(&path, &summary).unwrap();
    let read = read_summary(&path).unwrap();
    let EpochResult { metrics, .. } = &read.last;
    assert!(metrics["top1"].is_nan() && metrics["loss"].is_nan() && read.best.metrics["top1"].is_nan());
}
