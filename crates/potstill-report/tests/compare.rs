//! The comparison of runs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::runs::run;
use potstill_metrics::{LOSS, Metrics, TOP1};
use potstill_report::{Comparison, Role, RunGroup, Summary, Validated, compare};

fn group(name: &str, runs: impl IntoIterator<Item = Summary>) -> RunGroup {
    RunGroup {
        name: name.to_owned(),
        runs: runs.into_iter().collect(),
        published_as: None,
    }
}

/// Three seeds of a recipe that end at these accuracies.
fn seeds(name: &str, methods: &[&str], top1: [f64; 3]) -> RunGroup {
    group(
        name,
        (0..).zip(top1).map(|(seed, top1)| run(name, methods, seed, top1)),
    )
}

fn comparison() -> Comparison {
    let kd = seeds("kd-t4", &["kd"], [91.5, 92.0, 92.5]);
    let alone = seeds("alone", &[], [90.0, 91.0, 92.0]);
    let both = group("both", [run("both", &["kd", "review-kd"], 7, 90.5)]);
    compare(&[kd, alone, both]).unwrap()
}

#[test]
fn the_table_shows_mean_spread_and_gain() {
    // By hand: 91 ± 1 alone; 92 ± 0.5 with KD, which is one point more; best is a quarter above last in every run. KD is better by 1.5, 1 and
    // 0.5: t = 2 sqrt 3, and with two degrees of freedom p = 1 - t / sqrt(2 + t^2) = 0.0742.
    let expected = "\
cifar_resnet20 (40.8 M MACs) on cifar10: 50,000 training and 10,000 test images, 10 classes, 2 epochs

 run              methods               seeds        top-1 %   best %    gain   p (pairs)   parameters         time
────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 alone            none: student alone       3   91.00 ± 1.00    91.25       –           –      269,722   1 h 02 min
 kd-t4            kd                        3   92.00 ± 0.50    92.25   +1.00   0.074 (3)      269,722   1 h 02 min
 both             kd + review-kd            1          90.50    90.75   −0.50    unpaired      269,722   1 h 02 min
 cifar_resnet56   teacher                   –          94.37        –       –           –      855,770            –

top-1: after the last epoch, mean ± sample standard deviation over the seeds
best: mean of each run's best epoch, which is chosen on the test images
gain: how much better top-1 is than that of the student alone, in percentage points
p (pairs): paired t-test against the student alone, two-sided, over the seeds that both have, of which it needs 3; not corrected for the number of rows
";
    assert_eq!(comparison().text(), expected);
}

#[test]
fn a_student_in_which_a_part_stays_stands_beside_the_same_alone() {
    let larger = |params: u64, macs: u64| {
        let mut groups = seeds("letkd", &["letkd"], [92.0, 92.0, 92.0]);
        for run in &mut groups.runs {
            (run.student.params, run.student.macs) = (params, macs);
        }
        groups
    };
    let alone = || seeds("alone", &[], [90.0, 91.0, 92.0]);
    let kept = compare(&[larger(611_544, 50_000_000), alone()]).unwrap();
    assert_eq!(kept.setups.len(), 1);
    assert_eq!(kept.setups[0].student.params, 269_722);
    assert_eq!(kept.setups[0].rows[1].gain, Some(1.0));
    assert_eq!(
        kept.notes,
        ["letkd: its network has 611,544 parameters and 50.0 M MACs"]
    );
    // The same network on smaller images is another student.
    let smaller_images = compare(&[alone(), larger(269_722, 10_000_000)]).unwrap();
    assert_eq!(smaller_images.setups.len(), 2);
}

/// The same run, of which a tenth of the images was held back: a point more there after the last epoch, half a point less in the best.
fn validated(mut run: Summary) -> Summary {
    let top1 = run.last.metrics["top1"];
    run.data.validation = Some("0.1 of the training images, held back by seed 0".to_owned());
    (run.data.train_images, run.data.validation_images) = (45_000, 5_000);
    let on = |top1: f64| Metrics::new().with(&TOP1, top1);
    run.validation = Some(Validated {
        best: on(top1 + 1.5),
        last: on(top1 + 1.0),
    });
    for teacher in &mut run.teachers {
        teacher.validation = on(95.0);
    }
    run
}

#[test]
fn validation_stands_beside_test_and_chooses_the_best_epoch() {
    let runs = |name: &str, methods: &[&str], top1: [f64; 3]| {
        let RunGroup { name, runs, .. } = seeds(name, methods, top1);
        group(&name, runs.into_iter().map(validated))
    };
    // By hand: a point more on the validation images in every run.
    let expected = "\
cifar_resnet20 (40.8 M MACs) on cifar10: 45,000 training, 5,000 validation and 10,000 test images, 10 classes, 2 epochs

 run              methods               seeds        top-1 %   validation %   best %    gain   p (pairs)   parameters         time
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 alone            none: student alone       3   91.00 ± 1.00   92.00 ± 1.00    91.25       –           –      269,722   1 h 02 min
 kd               kd                        3   92.00 ± 0.50   93.00 ± 0.50    92.25   +1.00   0.074 (3)      269,722   1 h 02 min
 cifar_resnet56   teacher                   –          94.37          95.00        –       –           –      855,770            –

top-1: after the last epoch on the test images, mean ± sample standard deviation over the seeds
validation: top-1 after the last epoch on the validation images
best: mean of each run's best epoch, which is chosen on the validation images
gain: how much better top-1 is than that of the student alone, in percentage points
p (pairs): paired t-test against the student alone, two-sided, over the seeds that both have, of which it needs 3; not corrected for the number of rows
";
    let (alone, kd) = (
        runs("alone", &[], [90.0, 91.0, 92.0]),
        runs("kd", &["kd"], [91.5, 92.0, 92.5]),
    );
    let compared = compare(&[alone.clone(), kd]).unwrap();
    assert_eq!(compared.text(), expected);
    let json: serde_json::Value = serde_json::from_str(&compared.json()).unwrap();
    assert_eq!(json["setups"][0]["rows"][0]["validation"]["mean"], 92.0);
    // Runs whose test images chose their best epoch stand in a table of their own.
    let mixed = compare(&[alone, group("old", [run("old", &[], 0, 91.0)])]).unwrap();
    assert_eq!(mixed.setups.len(), 2);
    assert!(
        mixed
            .text()
            .contains("chosen on the validation images, or on the test images where there are no others")
    );
}

#[test]
fn a_table_without_test_images_says_what_its_numbers_are() {
    let mut run = validated(run("alone", &[], 0, 91.0));
    run.data.test = String::new();
    run.data.test_images = 0;
    (run.last.metrics, run.best.metrics) = (Metrics::new(), Metrics::new());
    let text = compare(&[group("alone", [run])]).unwrap().text();
    assert!(
        text.contains("45,000 training and 5,000 validation images, 10 classes")
            && text.contains("validation top-1 %")
            && text.contains("92.00    92.50"),
        "{text}"
    );
    assert!(!text.contains("test"), "{text}");
}

#[test]
fn the_markdown_table_keeps_a_name_from_breaking_it() {
    let expected = "\
**cifar_resnet20 (40.8 M MACs) on cifar10: 50,000 training and 10,000 test images, 10 classes, 2 epochs**

| run | methods | seeds | top-1 % | best % | gain | parameters | time |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| a\\|b \\*c | none: student alone | 1 | 91.00 | 91.25 | – | 269,722 | 1 h 02 min |

- top-1: after the last epoch, mean ± sample standard deviation over the seeds
- best: mean of each run's best epoch, which is chosen on the test images
- gain: how much better top-1 is than that of the student alone, in percentage points
";
    let odd = compare(&[group("a|b\n*c", [run("x", &[], 0, 91.0)])]).unwrap();
    assert_eq!(odd.markdown(), expected);
}

#[test]
fn the_json_holds_the_same_numbers_unrounded() {
    let json: serde_json::Value = serde_json::from_str(&comparison().json()).unwrap();
    assert_eq!(json["schema_version"], 2);
    let row = &json["setups"][0]["rows"][1];
    assert_eq!(
        (&row["role"], &row["name"]),
        (&"distilled".into(), &"kd-t4".into())
    );
    let spread = serde_json::json!({"mean": 92.0, "std": 0.5, "n": 3});
    assert_eq!(row["metrics"]["top1"], spread);
    assert_eq!(json["setups"][0]["headline"]["name"], "top1");
    assert_eq!((&row["gain"], &row["seconds"]), (&1.0.into(), &3720.0.into()));
    assert!(json["setups"][0]["rows"][0]["gain"].is_null());
}

#[test]
fn a_gain_needs_the_same_student_images_and_epochs() {
    let kd = run("kd", &["kd"], 0, 92.0);
    let mut alone = run("alone", &[], 0, 91.0);
    alone.epochs = 3;
    let compared = compare(&[group("kd", [kd]), group("alone", [alone])]).unwrap();
    assert_eq!(compared.setups.len(), 2);
    assert!(
        compared
            .setups
            .iter()
            .flat_map(|setup| &setup.rows)
            .all(|row| row.gain.is_none())
    );
    assert_eq!(
        compared.notes,
        [
            "cifar_resnet20: no gain, for want of a finished run of this student alone with the same images and epochs"
        ]
    );
}

#[test]
fn with_two_students_alone_the_first_one_counts_and_the_reader_is_told() {
    let groups =
        [("plain", 90.0), ("smooth", 91.0)].map(|(name, top1)| group(name, [run(name, &[], 0, top1)]));
    let kd = group("kd", [run("kd", &["kd"], 0, 92.0)]);
    let compared = compare(&[groups[0].clone(), groups[1].clone(), kd]).unwrap();
    assert_eq!(compared.setups[0].rows[2].gain, Some(2.0));
    assert_eq!(compared.notes, ["cifar_resnet20: the gain is over `plain`"]);
}

#[test]
fn where_less_is_better_a_gain_is_less() {
    let by_loss = |name, methods: &[&str], loss| {
        let mut run = run(name, methods, 0, 50.0);
        run.metrics.headline = LOSS;
        run.last.metrics.insert("loss", loss);
        group(name, [run])
    };
    let compared = compare(&[by_loss("alone", &[], 1.5), by_loss("kd", &["kd"], 1.25)]).unwrap();
    assert_eq!(compared.setups[0].rows[1].gain, Some(0.25));
    let text = compared.text();
    assert!(
        text.contains("1.2500") && text.contains("+0.2500") && !text.contains('%'),
        "{text}"
    );
    assert!(
        text.contains("gain: how much better loss is than that of the student alone\n"),
        "{text}"
    );
}

#[test]
fn runs_of_another_headline_are_not_compared() {
    let mut other = run("kd", &["kd"], 0, 92.0);
    other.metrics.headline = LOSS;
    let compared = compare(&[group("alone", [run("alone", &[], 0, 91.0)]), group("kd", [other])]).unwrap();
    assert_eq!(compared.setups.len(), 2);
}

#[test]
fn unfinished_runs_are_left_out_and_named() {
    let mut half = run("kd", &["kd"], 1, 50.0);
    half.finished = false;
    half.last.epoch = 1;
    let compared = compare(&[
        group("kd", [run("kd", &["kd"], 0, 92.0), half.clone()]),
        group(
            "alone",
            [Summary {
                methods: vec![],
                teachers: vec![],
                ..half
            }],
        ),
    ])
    .unwrap();
    let rows = &compared.setups[0].rows;
    assert_eq!(
        rows.iter().map(|row| row.role).collect::<Vec<_>>(),
        [Role::Alone, Role::Distilled, Role::Teacher]
    );
    assert_eq!((rows[0].last(&TOP1), rows[0].seconds), (None, None));
    let top1 = rows[1].last(&TOP1).unwrap();
    assert_eq!((top1.mean, top1.std, top1.n), (92.0, None, 1));
    assert_eq!(
        compared.notes[..2],
        [
            "kd: seed 1 is not finished (epoch 1 of 2) and left out",
            "alone: seed 1 is not finished (epoch 1 of 2) and left out",
        ]
    );
}

#[test]
fn a_run_whose_student_is_no_numbers_is_marked() {
    let mut lost = run("kd", &["kd"], 1, 10.0);
    lost.last.metrics = lost.last.metrics.with(&LOSS, f64::NAN);
    let compared = compare(&[group("kd", vec![run("kd", &["kd"], 0, 92.0), lost])]).unwrap();
    assert_eq!(
        compared.notes[0],
        "kd: seed 1 has come to a student that is no use: what was measured of it is not a number"
    );
}

#[test]
fn groups_whose_mean_would_mean_nothing_are_refused() {
    let message = |runs: Vec<Summary>| compare(&[group("g", runs)]).unwrap_err().to_string();
    assert_eq!(
        message(vec![]),
        "the group `g` holds no run; give it at least one summary"
    );
    assert_eq!(
        message(vec![run("a", &["kd"], 0, 91.0), run("b", &["kd"], 0, 92.0)]),
        "the group `g` holds seed 0 twice; give each run once, each with a seed of its own"
    );
    assert_eq!(
        message(vec![
            run("a", &["kd"], 0, 91.0),
            Summary {
                epochs: 3,
                ..run("b", &["kd"], 1, 92.0)
            }
        ]),
        "the group `g` mixes runs that differ in the epochs (2 and 3); a group is one recipe with several seeds, so \
         put these runs into groups of their own"
    );
}

#[test]
fn nothing_to_compare_is_an_empty_table() {
    assert_eq!(compare(&[]).unwrap().setups, []);
}
