//! Weights of methods that change over a training: what is minimised, logged, told and resumed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_engine::{MethodParts, Run, RunFolder};
use potstill_methods::Kd;
use potstill_recipe::{WeightRamp, WeightSchedule};
use potstill_report::{EpochRow, read_metrics};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{checkpoint, finish, go_on},
};

/// Two epochs of three steps.
fn kd(options: &str) -> TestRecipe {
    tiny_recipe().method("kd", options)
}

fn rows(recipe: &TestRecipe) -> Vec<EpochRow> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    finish(&mut recipe.start(&[], &folder));
    read_metrics(folder.join("metrics.jsonl")).unwrap()
}

#[test]
fn the_loss_is_weighted_as_the_schedule_says() {
    let steps = "weight = 3.0\nschedule = { kind = \"milestones\", at = [1], gamma = 0.5 }";
    let rows = rows(&kd(steps));
    for (row, weight) in rows.iter().zip([3.0, 1.5]) {
        assert_eq!(row.train.weights["kd"], weight);
        let sum = row.train.terms["cross_entropy"] + weight * row.train.terms["kd"];
        assert!(
            (row.train.loss - sum).abs() < 1e-6 * sum,
            "{} is not {sum}",
            row.train.loss
        );
    }
}

#[test]
fn a_weight_grows_from_step_to_step() {
    let ramp = "weight = 3.0\nschedule = { kind = \"ramp\", epochs = 1 }";
    let rows = rows(&kd(ramp));
    // 0, 1 and 2 thirds of it in the three steps, then all.
    assert!((rows[0].train.weights["kd"] - 1.0).abs() < 1e-12);
    assert!((rows[1].train.weights["kd"] - 3.0).abs() < 1e-12);
    assert!(rows[0].train.weights.len() == 1, "the task's weight stays");
}

#[test]
fn a_constant_schedule_is_none() {
    let place = tempfile::tempdir().unwrap();
    let run = |name: &str, options: &str| {
        let folder = place.path().join(name);
        finish(&mut kd(options).start(&[], &folder));
        let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
        assert!(rows.iter().all(|row| row.train.weights.is_empty()), "{name}");
        checkpoint(&folder)
    };
    assert!(run("none", "") == run("constant", "schedule = { kind = \"constant\" }"));
}

#[test]
fn a_run_goes_on_where_its_weight_was() {
    let place = tempfile::tempdir().unwrap();
    let recipe = kd("schedule = { kind = \"cosine\" }")
        .method("at", "weight = 100\nschedule = { kind = \"ramp\", epochs = 2 }");
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut recipe.start(&[], &whole));
    go_on(&mut recipe.start(&[], &broken), 2);
    go_on(&mut recipe.resume(&[], &broken), 2);
    finish(&mut recipe.resume(&[], &broken));
    assert!(checkpoint(&whole) == checkpoint(&broken));
    let logged = |folder| -> Vec<_> {
        let rows = read_metrics(folder).unwrap().into_iter();
        rows.map(|row| row.train.weights).collect()
    };
    assert_eq!(
        logged(whole.join("metrics.jsonl")),
        logged(broken.join("metrics.jsonl"))
    );
}

#[test]
fn a_run_whose_weight_ended_is_not_extended() {
    let place = tempfile::tempdir().unwrap();
    let finished = |name: &str, schedule: &str| {
        let folder = place.path().join(name);
        let recipe = kd(&format!("schedule = {schedule}")).set("train.schedule={ kind = \"constant\" }");
        finish(&mut recipe.start(&[], &folder));
        Run::longer_recipe(recipe.recipe(&[]), &RunFolder::open(&folder).unwrap(), 1)
    };
    let message = finished("cosine", "{ kind = \"cosine\" }")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("methods.0.schedule") && message.contains("`epochs` of its own"),
        "{message}"
    );
    assert!(finished("own", "{ kind = \"cosine\", epochs = 2 }").is_ok());
}

#[test]
fn programs_have_schedules_too_and_ramps_that_never_end_are_told() {
    let recipe = kd("schedule = { kind = \"ramp\", epochs = 5 }\nweight = 2");
    let notes = recipe.plan(&[]).unwrap().spec.notes();
    assert_eq!(
        notes,
        ["kd: its weight grows for 5 epochs, and the training ends after 2"]
    );
    let ramp = WeightSchedule::Ramp(WeightRamp { epochs: 4, from: 0.0 });
    let parts = || MethodParts::new("own", 1.0, Kd::with_temperature(2.0)).schedule(ramp.clone());
    assert_eq!(parts().schedule, ramp);
    let opened = |parts| {
        let recipe = tiny_recipe().method("kd", "weight = 0.5").recipe(&[]);
        potstill_engine::PlanParts::open(recipe).map(|plan| plan.method(parts))
    };
    let plan = potstill_engine::Plan::from_parts(opened(parts()).unwrap()).unwrap();
    let facts = &plan.spec.methods[1];
    assert_eq!(facts.schedule, ramp);
    // A run without a recipe is known by this text.
    assert!(format!("{facts:?}").contains("schedule: Ramp("));
    assert_eq!(
        format!("{:?}", plan.spec.methods[0]),
        "MethodFacts { id: \"kd\", kind: \"kd\", weight: 0.5, teachers: [(\"teacher\", 1.0)], parameters: 0 }"
    );
    let idle = MethodParts::new("idle", 0.0, Kd::with_temperature(2.0)).schedule(ramp.clone());
    let refused = potstill_engine::Plan::from_parts(opened(idle).unwrap())
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.contains("that of `idle` changes the `weight`, which is 0"),
        "{refused}"
    );
}
