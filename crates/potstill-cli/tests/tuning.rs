//! Successive halving as a user meets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::PathBuf};

use potstill_testing::command::Place;
use serde_json::Value;

const RECIPE: &str = r#"version = 1
name = "tiny"
[data]
train = "shapes:size=8,train=60,test=12,classes=3"
[student]
model = "cifar_resnet8"
[train]
epochs = 4
batch = 18
optimizer = { kind = "sgd", lr = 0.05 }
schedule = { kind = "milestones", at = [2], gamma = 0.1 }
"#;

/// Four rates in the rounds 4, 2 of 2 and 4 epochs. One is too large for any student.
const SWEEP: &str = r#"version = 1
name = "rates"
recipe = "tiny.toml"
[axes.lr]
key = "train.optimizer.lr"
values = [0.1, 0.05, 0.01, 1e30]
[tune]
budget_hours = 10
factor = 2
"#;

fn with_sweep(sweep: &str) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("tiny.toml"), RECIPE).unwrap();
    fs::write(place.path("sweep.toml"), sweep).unwrap();
    place
}

/// The folders of finished runs, below that of the tuning.
fn finished(place: &Place) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for round in ["round-1", "round-2", "round-3"] {
        let cells = fs::read_dir(place.path("runs/rates-tune").join(round));
        for cell in cells.into_iter().flatten() {
            let run = cell.unwrap().path().join("seed-0");
            found.extend(run.join("summary.json").is_file().then_some(run));
        }
    }
    found.sort();
    found
}

#[test]
fn the_better_half_goes_on_until_one_is_left() {
    let place = with_sweep(SWEEP);
    let plan = place.out(&["tune", "sweep.toml", "--dry-run"]);
    assert_eq!(
        plan,
        "rates: 4 candidates, 10 h 00 min of training\n\
         round 1: 4 candidates, epochs: 2\n\
         round 2: 2 candidates, epochs: 4\n"
    );
    assert!(finished(&place).is_empty());
    let found = place.json(&["tune", "sweep.toml", "--json"]);
    let candidates = found["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 4);
    let score = |candidate: &Value, round: usize| candidate["rounds"][round]["score"]["mean"].as_f64();
    let epochs = |candidate: &Value| -> Vec<u64> {
        let rounds = candidate["rounds"].as_array().unwrap();
        rounds
            .iter()
            .map(|round| round["epochs"].as_u64().unwrap())
            .collect()
    };
    // The winner, then the other one of the last round.
    assert_eq!(
        (&candidates[0]["verdict"], epochs(&candidates[0])),
        (&"winner".into(), vec![2, 4])
    );
    assert_eq!(
        (&candidates[1]["verdict"], epochs(&candidates[1])),
        (&"dropped".into(), vec![2, 4])
    );
    assert!(score(&candidates[0], 1) >= score(&candidates[1], 1));
    assert_eq!(epochs(&candidates[2]), [2]);
    assert!(score(&candidates[2], 0) <= score(&candidates[1], 0));
    let reason = candidates[2]["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("after 2 epochs, place 3 of 3 in round 1: the first 2 go on"),
        "{reason}"
    );
    assert_eq!(candidates[3]["cell"], "lr-1e30");
    let reason = candidates[3]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("failed in round 1: a loss is not a number; `potstill replay "),
        "{reason}"
    );

    // The milestone shrinks with the epochs, and a part of the training images chooses.
    let cell = candidates[0]["cell"].as_str().unwrap();
    let recipe = |file: &str| fs::read_to_string(place.path("runs/rates-tune").join(file)).unwrap();
    let short = recipe(&format!("round-1/{cell}/seed-0/recipe.toml"));
    assert!(
        short.contains("epochs = 2") && short.contains("at = [1]") && short.contains("validation = 0.1"),
        "{short}"
    );
    let winner = recipe("winner.toml");
    assert!(
        winner.contains("name = \"rates-winner\"")
            && winner.contains("epochs = 4")
            && winner.contains("at = [2]")
    );
    assert!(
        winner.starts_with(&format!("# The winner of `potstill tune` of rates: {cell}, ")),
        "{winner}"
    );
    place.out(&["train", "runs/rates-tune/winner.toml", "train.epochs=1"]);
    let table = recipe("tune.md");
    assert!(
        table.contains("| candidate | round 1 % | round 2 % | time | what became of it |"),
        "{table}"
    );
    let written: Value = serde_json::from_str(&recipe("tune.json")).unwrap();
    assert_eq!(written, found);

    // The same command decides the same, and runs nothing.
    let runs = finished(&place);
    assert_eq!(runs.len(), 5);
    let summaries = |runs: &[PathBuf]| -> Vec<Vec<u8>> {
        runs.iter()
            .map(|run| fs::read(run.join("summary.json")).unwrap())
            .collect()
    };
    let before = summaries(&runs);
    assert_eq!(place.json(&["tune", "sweep.toml", "--json"]), found);
    assert_eq!((finished(&place), summaries(&runs)), (runs.clone(), before));

    // A recipe that has changed is not mixed in.
    let refused = place.refused(&["tune", "sweep.toml", "train.batch=9"], 2);
    assert!(refused.contains("`train.batch` was 18 and is 9"), "{refused}");
}

#[test]
fn a_budget_that_is_spent_ends_the_tuning_and_a_larger_one_goes_on() {
    let place = with_sweep(&SWEEP.replace(", 1e30]", "]"));
    let refused = place.refused(&["tune", "sweep.toml", "--budget", "1e-12"], 1);
    assert!(refused.contains("no candidate came to a result"), "{refused}");
    let table = fs::read_to_string(place.path("runs/rates-tune/tune.md")).unwrap();
    assert_eq!(
        table
            .matches("the budget was spent before it came to a result in round 1")
            .count(),
        3,
        "{table}"
    );
    assert!(!place.path("runs/rates-tune/winner.toml").exists());
    place.out(&["tune", "sweep.toml", "--budget", "1"]);
    assert_eq!(finished(&place).len(), 5);
    assert!(place.path("runs/rates-tune/winner.toml").is_file());
    // The runs of a round are there, but the next one would not fit any more: the best of the first round is taken.
    let spent = |place: &Place| -> f64 {
        let runs = finished(place);
        let of_round = runs
            .iter()
            .filter(|run| run.to_string_lossy().contains("round-1"));
        let seconds = of_round.map(|run| {
            let summary: Value =
                serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
            summary["seconds"].as_f64().unwrap()
        });
        seconds.sum()
    };
    // A little more than the first round took.
    let budget = (spent(&place) + 0.01) / 3600.0;
    let found = place.json(&["tune", "sweep.toml", "--json", "--budget", &budget.to_string()]);
    let winner = &found["candidates"][0];
    assert_eq!(
        (&winner["verdict"], winner["rounds"].as_array().unwrap().len()),
        (&"winner".into(), 1)
    );
    let reasons: Vec<&str> = found["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|candidate| candidate["reason"].as_str())
        .collect();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("the budget has room for no more than one of 2 in round 2")),
        "{reasons:?}"
    );
}

#[test]
fn a_tuning_that_cannot_be_is_refused() {
    let refused = |sweep: &str, more: &[&str]| {
        let place = with_sweep(sweep);
        let arguments = [&["tune", "sweep.toml"], more].concat();
        let said = place.refused(&arguments, 2);
        assert!(!place.path("runs").exists());
        said
    };
    let without = SWEEP.replace("budget_hours = 10\n", "");
    assert!(refused(&without, &[]).contains("tuning needs a budget: `--budget HOURS`"));
    for wrong in ["0", "-1", "nan", "inf"] {
        let said = refused(&without, &[&format!("--budget={wrong}")]);
        assert!(
            said.contains("`--budget` must be a number of hours above 0"),
            "{said}"
        );
    }
    let one = SWEEP.replace("[0.1, 0.05, 0.01, 1e30]", "[0.1]");
    assert!(refused(&one, &[]).contains("there is nothing to choose from"));
    let phases = format!(
        "{}set.train = {{ phases = [{{ name = \"a\", epochs = 2 }}], optimizer = {{ kind = \"sgd\", lr = 0.1 }} }}\n",
        SWEEP.split("[axes").next().unwrap()
    ) + "[axes"
        + SWEEP.split("[axes").nth(1).unwrap();
    let said = refused(&phases, &[]);
    assert!(said.contains("`train.phases` cannot be shortened"), "{said}");
}

#[test]
fn the_order_of_the_first_round_is_that_of_its_seed() {
    let order = |seed: u64| -> Vec<String> {
        let place = with_sweep(&format!("{SWEEP}seed = {seed}\n"));
        let output = place.run(&["tune", "sweep.toml", "--dry-run", "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut cells: Vec<(u64, String)> = found["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one["turn"].as_u64().unwrap(),
                    one["cell"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        cells.sort();
        cells.into_iter().map(|(_, cell)| cell).collect()
    };
    let orders: Vec<_> = (0..6).map(order).collect();
    assert_eq!(orders[0], order(0));
    assert!(orders.iter().any(|other| *other != orders[0]), "{orders:?}");
}
