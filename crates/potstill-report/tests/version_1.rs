//! Run folders of the first version are read as if they were of today. The files in `version_1/` were written by Potstill 0.1.0 before
//! metrics had names.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use potstill_metrics::{LOSS, Metrics, TOP1, TOP5};
use potstill_report::{RunGroup, Summary, compare, html_report, read_metrics, read_summary, rewind_metrics};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/version_1")
        .join(name)
}

#[test]
fn rows_get_metrics_by_name() {
    let rows = read_metrics(file("ekd.metrics.jsonl")).unwrap();
    let row = &rows[1];
    assert_eq!(
        (rows.len(), row.epoch, row.step, row.lr),
        (3, 2, 20, 0.037_500_000_000_000_006)
    );
    assert_eq!(row.train.metrics, Metrics::new().with(&TOP1, 12.1875));
    assert_eq!(row.train.terms["ekd-heads"], 2.320_288_586_616_516);
    let test = Metrics::new()
        .with(&TOP1, 7.5)
        .with(&TOP5, 50.0)
        .with(&LOSS, 2.353_939_540_556_703);
    assert_eq!(row.test, Some(test));
    let teachers: Vec<_> = row
        .teachers
        .iter()
        .map(|(name, found)| (name.as_str(), found["top1"]))
        .collect();
    assert_eq!(teachers, [("teacher", 15.0)]);
}

#[test]
fn epochs_of_an_augmentation_are_told_from_those_of_the_student() {
    let rows = read_metrics(file("tst.metrics.jsonl")).unwrap();
    let searches: Vec<_> = rows.iter().map(|row| row.search).collect();
    assert_eq!(searches, [false, true, false]);
    assert!(rows[1].train.metrics.is_empty() && rows[1].notes.len() > 10);
}

#[test]
fn a_summary_gets_metrics_by_name_and_its_teacher_one() {
    let summary = read_summary(file("ekd.summary.json")).unwrap();
    assert_eq!(summary.metrics, crate::runs::metrics());
    assert_eq!((summary.best.epoch, summary.best.metrics["top1"]), (1, 15.0));
    let last = Metrics::new()
        .with(&TOP1, 12.5)
        .with(&TOP5, 57.5)
        .with(&LOSS, 2.263_777_939_945_960_3);
    assert_eq!((summary.last.epoch, &summary.last.metrics), (3, &last));
    let [teacher] = &summary.teachers[..] else {
        panic!("{:?}", summary.teachers);
    };
    assert_eq!(
        (teacher.name.as_str(), teacher.network.model.as_str()),
        ("teacher", "cifar_resnet14")
    );
    assert_eq!(
        (teacher.network.params, &teacher.metrics),
        (172_506, &Metrics::new().with(&TOP1, 15.0))
    );
    assert_eq!(read_summary(file("alone.summary.json")).unwrap().teachers, []);
}

#[test]
fn old_runs_are_compared_with_new_ones_and_have_pages() {
    let old = read_summary(file("alone.summary.json")).unwrap();
    let distilled = read_summary(file("ekd.summary.json")).unwrap();
    let page = html_report(&distilled, &read_metrics(file("ekd.metrics.jsonl")).unwrap(), "");
    assert!(page.contains("12.50 %") && page.contains("<th>test top-5</th>"));
    let mut new = distilled.clone();
    // As it is written today.
    let folder = tempfile::tempdir().unwrap();
    new.last.metrics.insert("top1", 20.0);
    new.teachers[0].metrics.insert("loss", 2.5);
    potstill_report::write_summary(folder.path().join("summary.json"), &new).unwrap();
    let new = read_summary(folder.path().join("summary.json")).unwrap();
    let group = |name: &str, run: &Summary| RunGroup {
        name: name.to_owned(),
        runs: vec![run.clone()],
        published_as: None,
    };
    let compared = compare(&[group("alone", &old), group("old", &distilled), group("new", &new)]).unwrap();
    assert_eq!(compared.setups.len(), 1);
    let gains: Vec<_> = compared.setups[0].rows.iter().map(|row| row.gain).collect();
    // 15.0 alone, 12.5 and 20.0 distilled, and a teacher.
    assert_eq!(
        gains,
        [None, Some(-2.5), Some(5.0), None],
        "and one row for the one teacher"
    );
}

#[test]
fn a_rewound_file_keeps_its_old_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    std::fs::copy(file("ekd.metrics.jsonl"), &path).unwrap();
    assert_eq!(rewind_metrics(&path, 2).unwrap().len(), 2);
    potstill_report::append_metrics(&path, &crate::runs::row(3)).unwrap();
    let rows = read_metrics(&path).unwrap();
    assert_eq!(rows[2], crate::runs::row(3));
    assert_eq!(rows[0].test.as_ref().unwrap()["top1"], 15.0);
}

#[test]
fn what_is_wrong_in_an_old_file_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let text = std::fs::read_to_string(file("alone.summary.json")).unwrap();
    std::fs::write(&path, text.replace("\"seed\": 5", "\"seed\": -5")).unwrap();
    let error = read_summary(&path).unwrap_err().to_string();
    assert!(
        error.contains("summary.json:4: not a summary of a run: invalid value: integer `-5`"),
        "{error}"
    );
}
