//! EKD in whole runs: the teacher grows as it would alone, the student learns as alone where nothing is transferred, and an
//! interrupted run goes on to the same bits.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{path::Path, sync::atomic::AtomicBool};

use potstill_engine::{EngineError, NoObserver, Plan, Run, RunFolder, Source, cpu};
use potstill_ops::count_trainable;
use potstill_random::Seed;
use potstill_report::read_metrics;
use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, bits, checkpoint, finish, go_on, part},
};

fn tiny() -> TestRecipe {
    tiny_recipe()
        .set("data.train=shapes:size=16,train=64,test=20,classes=6")
        .method("ekd", "")
}

fn plan(overrides: &[&str]) -> Result<Plan, String> {
    tiny().plan(overrides)
}

fn go(overrides: &[&str], folder: &Path) {
    finish(&mut tiny().start(overrides, folder));
}

/// The last checkpoint of a run with these overrides.
fn trained(place: &Path, overrides: &[&str]) -> Bits {
    let folder = place.join(format!("run-{}", std::fs::read_dir(place).unwrap().count()));
    go(overrides, &folder);
    checkpoint(&folder)
}

#[test]
fn a_checkpoint_with_a_teacher_of_the_same_kind_is_opened_as_its_student() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go(&["teacher.model=cifar_resnet8", "train.epochs=1"], &folder);
    let source = Source {
        weights: Some(folder.join("last.safetensors")),
        ..Source::default()
    };
    let opened = source.open(&cpu(), Seed::new(9), "test").unwrap();
    let (student, teacher) = (
        part(&checkpoint(&folder), "student"),
        part(&checkpoint(&folder), "teacher"),
    );
    assert!(student != teacher && student.keys().eq(teacher.keys()));
    opened.network.parameters().each(&mut |entry, value| {
        let values: Vec<u32> = value.into_data().iter::<f32>().map(f32::to_bits).collect();
        assert!(student[&entry.path] == values, "{}", entry.path);
    });
}

const TEACHER_FIRST: &str = "methods.0.update_order=teacher-first";
const NO_TRANSFER: [&str; 2] = ["methods.0.alpha=0.0", "methods.0.beta=0.0"];

#[test]
fn the_teacher_does_not_know_what_is_transferred() {
    let place = tempfile::tempdir().unwrap();
    let runs = [
        vec![],
        NO_TRANSFER.to_vec(),
        vec!["methods.0.alpha=0.0"],
        vec!["methods.0.beta=0.0"],
        vec!["methods.0.ir_loss=norm-mse", "methods.0.temperature=2"],
        vec!["methods.0.transfer_warmup_epochs=2"],
        vec![TEACHER_FIRST],
    ];
    let runs = runs.map(|overrides| trained(place.path(), &overrides));
    let [first, ..] = &runs;
    assert!(!part(first, "teacher").is_empty() && !part(first, "ekd.teacher").is_empty());
    for other in &runs[1..] {
        for name in [
            "teacher",
            "ekd.teacher",
            "optimizer/teacher",
            "optimizer/ekd.teacher",
        ] {
            assert!(part(first, name) == part(other, name), "{name} differs");
        }
        assert!(part(first, "student") != part(other, "student"));
    }
    // Alone, it would have become the same: the heads take nothing from it.
    let alone = trained(
        place.path(),
        &["methods.0.eta=0.0", "methods.0.alpha=0.0", "methods.0.beta=0.0"],
    );
    assert!(part(first, "teacher") == part(&alone, "teacher"));
    let deep = trained(place.path(), &["methods.0.aux_grad_to_backbone=true"]);
    assert!(part(first, "teacher") != part(&deep, "teacher"));
}

#[test]
fn a_teacher_grows_as_a_student_does_alone() {
    // As `[student]` the teacher's network is initialised from other streams; from its weights it must go the same way.
    let place = tempfile::tempdir().unwrap();
    let first = place.path().join("start");
    let network = ["student.model=cifar_resnet14", "methods=[]", "train.epochs=1"];
    go(&network, &first);
    let weights = first.join("student/model.safetensors");
    let (teacher, student) = (
        format!("teacher.weights={}", weights.display()),
        format!("student.weights={}", weights.display()),
    );
    let beside = trained(
        place.path(),
        &[&teacher, "methods.0.teacher_mode=evolving-from-checkpoint"],
    );
    let alone = trained(
        place.path(),
        &[&student, "student.model=cifar_resnet14", "methods=[]"],
    );
    assert!(part(&beside, "teacher") == part(&alone, "student"));
}

#[test]
fn a_teacher_that_moves_first_is_seen_as_it_is_then() {
    let place = tempfile::tempdir().unwrap();
    // A run of one step, so that the teacher can be had as it is after its first.
    let step = [
        "data.train=shapes:size=16,train=64,test=20,classes=6",
        "train.batch=64",
        "train.epochs=1",
    ];
    let run = |overrides: &[&str]| trained(place.path(), &[&step[..], overrides].concat());
    let network = |name: &str, weights: &[&str]| {
        let folder = place.path().join(name);
        let alone = ["student.model=cifar_resnet14", "methods=[]"];
        go(&[&step[..], &alone, weights].concat(), &folder);
        folder.join("student/model.safetensors").display().to_string()
    };
    let before = network("before", &[]);
    let after = network("after", &[&format!("student.weights={before}")]);
    let before = format!("teacher.weights={before}");
    let identity = "methods.0.gm_teacher=identity";
    let evolving = [
        &before,
        "methods.0.teacher_mode=evolving-from-checkpoint",
        identity,
    ];
    let first = run(&[&evolving[..], &[TEACHER_FIRST]].concat());
    let frozen = run(&[
        &format!("teacher.weights={after}"),
        "teacher.batch_norm=batch",
        "methods.0.teacher_mode=frozen",
        identity,
    ]);
    assert!(part(&first, "student") == part(&frozen, "student"));
    assert!(part(&first, "ekd") == part(&frozen, "ekd"));
    assert!(part(&first, "student") != part(&run(&evolving), "student"));
}

#[test]
fn a_student_to_whom_nothing_is_transferred_trains_as_alone() {
    let place = tempfile::tempdir().unwrap();
    for clip in ["train.clip_norm=1000.0", "train.clip_norm=0.5"] {
        let beside = trained(place.path(), &[&NO_TRANSFER[..], &[clip]].concat());
        let alone = trained(place.path(), &["methods=[]", clip]);
        for name in ["student", "optimizer/student"] {
            assert!(
                part(&beside, name) == part(&alone, name),
                "{name} differs, {clip}"
            );
        }
        assert!(part(&alone, "teacher").is_empty());
    }
}

#[test]
fn one_rule_for_both_sides_is_two_of_the_same() {
    let place = tempfile::tempdir().unwrap();
    let rule = "teacher.optimizer={ kind = \"sgd\", lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }";
    let schedule = "teacher.schedule={ kind = \"cosine\" }";
    let (one, two) = (
        trained(place.path(), &[]),
        trained(place.path(), &[rule, schedule]),
    );
    assert!(one == two);
    let slower = rule.replace("0.05", "0.01");
    let slower = trained(place.path(), &[&slower]);
    assert!(part(&one, "teacher") != part(&slower, "teacher"));
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let place = tempfile::tempdir().unwrap();
    let trained_teacher = place.path().join("teacher");
    let network = ["student.model=cifar_resnet14", "methods=[]", "train.epochs=1"];
    go(&network, &trained_teacher);
    let run = format!("teacher={{ run = {:?} }}", trained_teacher.display().to_string());
    let low = "student.input={ low_resolution = { size = 4, enlarge = \"none\" } }";
    let modes = [
        vec![low],
        vec![run.as_str(), "methods.0.teacher_mode=frozen", "methods.0.beta=2"],
        vec![TEACHER_FIRST],
    ];
    for (mode, overrides) in modes.iter().enumerate() {
        let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(format!("{name}-{mode}")));
        go(overrides, &whole);
        // In the middle of the first epoch, and in the middle of the last.
        let mut run = tiny().start(overrides, &broken);
        for steps in [1, 2] {
            go_on(&mut run, steps);
            drop(run);
            run = tiny().resume(overrides, &broken);
        }
        finish(&mut run);
        for file in [
            "last.safetensors",
            "best.safetensors",
            "student/model.safetensors",
        ] {
            assert!(
                bits(&whole.join(file)) == bits(&broken.join(file)),
                "{file} differs, mode {mode}"
            );
        }
        let metrics = |folder: &Path| {
            let rows = read_metrics(folder.join("metrics.jsonl")).unwrap().into_iter();
            rows.map(|row| format!("{:?} {:?}", row.train, row.test))
                .collect::<Vec<_>>()
        };
        assert_eq!(metrics(&whole), metrics(&broken));
        let last = checkpoint(&whole);
        assert!(
            !part(&last, "optimizer/ekd.teacher").is_empty(),
            "the halves of either teacher learn"
        );
        assert_eq!(part(&last, "teacher").is_empty(), mode == 1);
    }
}

#[test]
fn a_refused_step_is_replayed_with_the_teacher_of_that_step() {
    let place = tempfile::tempdir().unwrap();
    // An epoch of one step, whose row tells the values of the step.
    let step = ["train.batch=64", "train.epochs=1", TEACHER_FIRST];
    let sound = place.path().join("sound");
    go(&step, &sound);
    let rows = read_metrics(sound.join("metrics.jsonl")).unwrap();
    // The same with one more term of the student, which is no number; the teacher has moved by then.
    let lost = tiny().method("kd", "temperature = 1e-42");
    let folder = place.path().join("lost");
    let refused = lost
        .start(&step, &folder)
        .go(&mut NoObserver, &AtomicBool::new(false))
        .unwrap_err();
    assert!(
        matches!(&refused, EngineError::NonFinite { term, .. } if term == "kd"),
        "{refused}"
    );
    let run = RunFolder::open(&folder).unwrap();
    let replayed = Run::replay(lost.plan(&step).unwrap(), &run, &mut NoObserver).unwrap();
    let (finite, wild): (Vec<_>, Vec<_>) = replayed.terms.iter().partition(|(_, value)| value.is_finite());
    assert!(matches!(&wild[..], [(name, _)] if name == "kd"), "{wild:?}");
    assert!(
        finite.iter().any(|(name, _)| name.starts_with("ekd")),
        "{finite:?}"
    );
    for (name, value) in finite {
        assert_eq!(value.to_bits(), rows[0].train.terms[name].to_bits(), "{name}");
    }
}

#[test]
fn the_student_leaves_alone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("run");
    go(&["train.epochs=1"], &folder);
    let exported = bits(&folder.join("student/model.safetensors"));
    let plan = plan(&["methods=[]"]).unwrap();
    let own = plan.student();
    let mut names: Vec<String> = own
        .parameters()
        .entries()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    names.sort();
    assert_eq!(exported.keys().cloned().collect::<Vec<_>>(), names);
    let learned = exported
        .iter()
        .filter(|(name, _)| !name.contains("running_"))
        .map(|(_, values)| values.len());
    assert_eq!(learned.sum::<usize>(), count_trainable(own.parameters()));
}

#[test]
fn a_teacher_that_does_not_fit_the_mode_is_refused() {
    let message = |overrides: &[&str]| plan(overrides).err().unwrap();
    let frozen = message(&["methods.0.teacher_mode=frozen"]);
    assert!(
        frozen.contains("random weights") && frozen.contains("teacher.weights"),
        "{frozen}"
    );
    let checkpoint = message(&["methods.0.teacher_mode=evolving-from-checkpoint"]);
    assert!(checkpoint.contains("no weights"), "{checkpoint}");
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("teacher");
    let network = ["student.model=cifar_resnet14", "methods=[]", "train.epochs=1"];
    go(&network, &folder);
    let run = format!("teacher={{ run = {:?} }}", folder.display().to_string());
    let evolving = message(&[&run]);
    assert!(evolving.contains("evolving-from-checkpoint"), "{evolving}");
    assert!(plan(&[&run, "methods.0.teacher_mode=frozen"]).is_ok());
    assert!(plan(&[&run, "methods.0.teacher_mode=evolving-from-checkpoint"]).is_ok());
}
