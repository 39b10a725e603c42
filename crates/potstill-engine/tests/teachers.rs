//! Several teachers in whole runs: each entry learns from its own or from a mean, one may train beside frozen ones, and an interrupted
//! run goes on to the same bits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use potstill_ops::Mode;
use potstill_report::{read_metrics, read_summary};
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, part},
};

const SMALL: &str = "[teachers.small]\nmodel = \"cifar_resnet14\"\nweights = \"random\"\n";
const WIDE: &str = "[teachers.wide]\nmodel = \"cifar_wrn_16_1\"\nweights = \"random\"\n";

fn two(methods: &str) -> TestRecipe {
    tiny_recipe()
        .without_table("teacher")
        .append(SMALL)
        .append(WIDE)
        .append(methods)
}

fn kd(name: &str, teacher: &str) -> String {
    format!("[[methods]]\nkind = \"kd\"\nname = \"{name}\"\nteacher = {teacher}\n")
}

/// The terms of the first epoch's log.
fn terms(recipe: &TestRecipe, changes: &[&str], folder: &Path) -> Vec<(String, f64)> {
    finish(&mut recipe.start(changes, folder));
    let rows = read_metrics(folder.join("metrics.jsonl")).unwrap();
    rows[0].train.terms.clone().into_iter().collect()
}

/// One step: what is logged is what fresh networks say.
const ONE_STEP: [&str; 2] = ["train.epochs=1", "train.batch=96"];

#[test]
fn two_teachers_say_what_each_says_alone() {
    let place = tempfile::tempdir().unwrap();
    let both = two(&(kd("a", "\"small\"") + &kd("b", "\"wide\"")));
    let both = terms(&both, &ONE_STEP, &place.path().join("both"));
    let alone = |name: &str, table: &str| {
        let recipe = tiny_recipe()
            .without_table("teacher")
            .append(table)
            .append("[[methods]]\nkind = \"kd\"\n");
        terms(&recipe, &ONE_STEP, &place.path().join(name))[1].1
    };
    assert_eq!(both[1], ("a".to_owned(), alone("small", SMALL)));
    assert_eq!(both[2], ("b".to_owned(), alone("wide", WIDE)));
    let step = read_metrics(place.path().join("both/metrics.jsonl")).unwrap();
    let sum = both[0].1 + both[1].1 + both[2].1;
    assert!(
        (step[0].train.loss - sum).abs() < 1e-9,
        "{} is not {sum}",
        step[0].train.loss
    );
}

#[test]
fn a_mean_of_one_teacher_twice_is_that_teacher_and_of_two_lies_between() {
    let place = tempfile::tempdir().unwrap();
    let run = |name: &str, methods: &str| terms(&two(methods), &ONE_STEP, &place.path().join(name));
    let each = run("each", &(kd("a", "\"small\"") + &kd("b", "\"wide\"")));
    let weighted = |weights: &str| {
        let entry = kd("mean", "[\"small\", \"wide\"]") + &format!("teacher_weights = {weights}\n");
        run(&format!("mean-{weights}"), &entry)[1].1
    };
    // Weights of one teacher alone give its divergence; the divergence is convex in the teacher's distribution.
    assert!((weighted("[1.0, 0.0]") - each[1].1).abs() < 1e-6 * each[1].1);
    assert!((weighted("[0.0, 3.0]") - each[2].1).abs() < 1e-6 * each[2].1);
    let half = weighted("[1.0, 1.0]");
    assert!(half < 0.5 * (each[1].1 + each[2].1), "{half} of {each:?}");
}

const ONLINE_BESIDE_FROZEN: &str = "[[methods]]\nkind = \"ekd\"\nteacher = \"small\"\npairs = 1\n\
    [[methods]]\nkind = \"review-kd\"\nteacher = \"wide\"\nmid_channels = 8\n\
    [[methods]]\nkind = \"kd\"\nteacher = [\"small\", \"wide\"]\n";

#[test]
fn a_teacher_that_trains_beside_a_frozen_one_goes_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    for first in ["simultaneous", "teacher-first"] {
        let change = format!("methods.0.update_order={first}");
        let changes = [change.as_str(), "train.clip_norm=2.0"];
        let recipe = two(ONLINE_BESIDE_FROZEN);
        let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(format!("{name}-{first}")));
        finish(&mut recipe.start(&changes, &whole));
        go_on(&mut recipe.start(&changes, &broken), 2);
        go_on(&mut recipe.resume(&changes, &broken), 2);
        finish(&mut recipe.resume(&changes, &broken));
        for file in [
            "last.safetensors",
            "best.safetensors",
            "student/model.safetensors",
        ] {
            assert!(
                bits(&whole.join(file)) == bits(&broken.join(file)),
                "{file} differs, {first}"
            );
        }
        let last = checkpoint(&whole);
        assert!(!part(&last, "small").is_empty() && !part(&last, "optimizer/small").is_empty());
        assert!(!part(&last, "optimizer/ekd.teacher").is_empty());
        assert!(part(&last, "wide").is_empty(), "a frozen teacher is not saved");
        let rows = read_metrics(whole.join("metrics.jsonl")).unwrap();
        assert_eq!(rows[0].teachers.keys().collect::<Vec<_>>(), ["small"]);
        assert!(rows[0].train.terms.contains_key("small_cross_entropy"));
        let summary = read_summary(whole.join("summary.json")).unwrap();
        let names: Vec<&str> = summary
            .teachers
            .iter()
            .map(|teacher| teacher.name.as_str())
            .collect();
        assert_eq!(names, ["small", "wide"]);
        assert!(summary.teachers.iter().all(|teacher| !teacher.metrics.is_empty()));
    }
}

#[test]
fn a_teacher_that_trains_is_moved_by_its_own_entry_only() {
    let place = tempfile::tempdir().unwrap();
    let run = |name: &str, teachers: &str, methods: &str| -> Bits {
        let folder = place.path().join(name);
        let recipe = tiny_recipe()
            .without_table("teacher")
            .append(teachers)
            .append(methods);
        finish(&mut recipe.start(&[], &folder));
        part(&checkpoint(&folder), "small")
    };
    let ekd = "[[methods]]\nkind = \"ekd\"\nteacher = \"small\"\npairs = 1\n";
    let both = format!("{SMALL}{WIDE}");
    assert!(run("alone", SMALL, ekd) == run("beside", &both, ONLINE_BESIDE_FROZEN));
}

#[test]
fn each_teacher_has_its_own_input_mode_and_phase() {
    let changes = [
        "teachers.small.input={ low_resolution = { size = 4 } }",
        "teachers.wide.batch_norm=batch",
        "teachers.small.optimizer={ kind = \"sgd\", lr = 0.01 }",
    ];
    let plan = two(ONLINE_BESIDE_FROZEN).plan(&changes).unwrap();
    let [small, wide] = &plan.spec.teachers[..] else {
        panic!("two teachers")
    };
    assert!(small.network.input.low_resolution.is_some() && wide.network.input.low_resolution.is_none());
    assert_eq!((small.mode, wide.mode), (Mode::Running, Mode::Batch));
    assert!(small.optimizer.is_some() && wide.optimizer.is_none());
    let estimate = plan.estimate().unwrap();
    assert!(estimate.step_gflop > 0.0);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    let phases = "train.phases=[{ name = \"first\", epochs = 1, trains = [\"small\"] }]";
    finish(
        &mut two(ONLINE_BESIDE_FROZEN)
            .without("train.epochs")
            .set(phases)
            .start(&[], &folder),
    );
    let last = checkpoint(&folder);
    assert!(!part(&last, "optimizer/small").is_empty() && part(&last, "optimizer/student").is_empty());
}

#[test]
fn a_teacher_that_stands_by_is_not_opened() {
    let recipe = two("").set("teachers.wide.weights=no/such.pth");
    assert!(recipe.plan(&[]).unwrap().spec.teachers.is_empty());
}

#[test]
fn a_method_that_learns_from_one_teacher_refuses_two() {
    let refused = two("[[methods]]\nkind = \"review-kd\"\nteacher = [\"small\", \"wide\"]\n").plan(&[]);
    let message = refused.err().unwrap();
    assert!(
        message.contains("`review-kd` learns from one teacher"),
        "{message}"
    );
}

#[test]
fn a_method_without_a_teacher_need_not_say_which() {
    let entries = kd("a", "\"small\"") + &kd("b", "\"wide\"");
    let with = |more: &str| two(&(entries.clone() + more)).plan(&[]);
    for own in [
        "kind = \"label-smoothing\"\n",
        "kind = \"uskd\"\n",
        "kind = \"tf-kd\"\nvariant = \"virtual\"\n",
    ] {
        let plan = with(&format!("[[methods]]\n{own}")).unwrap();
        assert!(plan.methods()[2].teachers.is_empty(), "{own}");
    }
    // Who learns from one has to.
    for kind in ["dkd", "fitnet", "review-kd"] {
        let message = with(&format!("[[methods]]\nkind = \"{kind}\"\n")).err().unwrap();
        assert!(
            message.contains("has to say which teacher it learns from")
                && message.contains("`small`, `wide`"),
            "{message}"
        );
    }
    // What is wrong whoever teaches is told first.
    let message = with("[[methods]]\nkind = \"kd\"\nfocal = 2\nstandardise = true\n")
        .err()
        .unwrap();
    assert!(message.contains("`methods.2.focal`"), "{message}");
}

#[test]
fn a_teacher_whose_weights_were_read_must_not_train() {
    let ofd = "[[methods]]\nkind = \"ofd\"\nteacher = \"small\"\n";
    let ekd = |teacher: &str| format!("[[methods]]\nkind = \"ekd\"\nteacher = \"{teacher}\"\npairs = 1\n");
    let besides = kd("b", "\"wide\"");
    let message = two(&(ofd.to_owned() + &ekd("small") + &besides))
        .plan(&[])
        .err()
        .unwrap();
    assert!(
        message.contains("`ofd` reads the weights of its teacher once")
            && message.contains("a teacher of its own"),
        "{message}"
    );
    assert!(two(&(ofd.to_owned() + &ekd("wide"))).plan(&[]).is_ok());
}
