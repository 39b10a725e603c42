//! A teacher that is the student of a run: what is said where the run is not there, and how it is made first.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;

use potstill_report::read_summary;
use potstill_testing::command::Place;

#[test]
fn a_teacher_that_is_not_there_is_told_with_the_recipe_that_makes_it() {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    for command in ["plan", "train"] {
        let said = place.refused(&[command, "quick-tskd"], 2);
        assert!(
            said.contains("`teacher.run`: there is no run in runs/demo/teacher")
                && said.contains("the recipe `demo-teacher` makes it")
                && said.contains("`--with-teacher`"),
            "{said}"
        );
        assert!(!place.path("runs").exists(), "nothing was begun");
    }
    let own = ["plan", "quick-tskd", "teacher.run=runs/mine"];
    let said = place.refused(&own, 2);
    assert!(
        said.contains("there is no run in runs/mine") && said.contains("train the teacher's recipe first"),
        "{said}"
    );
    let own = ["train", "quick-tskd", "teacher.run=runs/mine", "--with-teacher"];
    let said = place.refused(&own, 2);
    assert!(
        said.contains("no recipe of `potstill list recipes` is called as the run in runs/mine"),
        "{said}"
    );
}

#[test]
fn a_teacher_is_made_first_from_the_same_images() {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    let images = "data.train=shapes:size=16,train=160,test=40,classes=4";
    let arguments = [
        "train",
        "demo-student",
        images,
        "data.validation=0.2",
        "train.epochs=1",
        "--with-teacher",
    ];
    let output = place.run(&arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let order = [
        "demo-teacher  epoch 5/5",
        "the teacher `teacher` (cifar_resnet20): top-1",
        "demo-student  epoch 1/1",
    ];
    let places: Vec<_> = order.map(|part| said.find(part)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{said}");
    let summary = |run: &str| read_summary(place.path(run).join("summary.json")).unwrap();
    let (teacher, student) = (summary("runs/demo/teacher"), summary("runs/demo-student"));
    assert_eq!(
        teacher.data, student.data,
        "what is held back is held back from both"
    );
    assert_eq!((teacher.epochs, student.epochs), (5, 1));
    // The second time it is there.
    let before = fs::read(place.path("runs/demo/teacher/last.safetensors")).unwrap();
    place.out(&[&arguments[..], &["name=again", "--quiet"]].concat());
    assert_eq!(
        fs::read(place.path("runs/demo/teacher/last.safetensors")).unwrap(),
        before
    );
}
