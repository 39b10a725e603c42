//! What a teacher said about augmented images is kept: the bits of a run stay, whoever wrote the cache and whatever happened to it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path, thread};

use potstill_testing::{
    recipe::{TestRecipe, tiny_recipe},
    runs::{Bits, checkpoint, finish, go_on, with_cache},
};

const DATA: &str = "data.train=shapes:size=16,train=72,test=20,classes=6";

/// Four epochs over two views, with a batch that is not full.
fn tiny() -> TestRecipe {
    tiny_recipe()
        .set(DATA)
        .set("data.views=2")
        .set("data.augment_seed=3")
        .set("train.epochs=4")
        .set("train.drop_last=false")
        .method("kd", "")
        .method("review-kd", "ramp_epochs = 1")
}

const CACHE: &str = "teacher.cache=true";
const TAPS: &str = "teacher.cache_taps=true";
const HALF: &str = "teacher.cache_precision=half";

/// The same, with a teacher that is one for all seeds: the student of a run of its own.
fn taught(place: &Path) -> TestRecipe {
    let folder = place.join("teacher");
    if !folder.exists() {
        let alone = tiny_recipe().set(DATA).set("student.model=cifar_resnet14");
        finish(&mut alone.start(&["train.epochs=1", "methods=[]"], &folder));
    }
    tiny().set(&format!("teacher={{ run = \"{}\" }}", folder.display()))
}

fn trained(place: &Path, name: &str, changes: &[&str]) -> Bits {
    let folder = place.join(name);
    finish(&mut taught(place).start(changes, &folder));
    checkpoint(&folder)
}

/// The files of every teacher in the cache.
fn files(place: &Path) -> Vec<std::path::PathBuf> {
    let teachers = fs::read_dir(place.join("cache/teachers")).unwrap();
    let files = teachers.flat_map(|teacher| fs::read_dir(teacher.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn a_run_has_the_same_bits_with_its_teacher_kept() {
    with_cache(
        module_path!(),
        "a_run_has_the_same_bits_with_its_teacher_kept",
        |place| {
            let without = trained(place, "without", &[]);
            assert!(trained(place, "first", &[CACHE, TAPS]) == without, "written");
            let written: Vec<_> = files(place).iter().map(|file| fs::read(file).unwrap()).collect();
            assert!(trained(place, "again", &[CACHE, TAPS]) == without, "read");
            let read: Vec<_> = files(place).iter().map(|file| fs::read(file).unwrap()).collect();
            assert!(written == read, "everything was there");
            let plan = taught(place).plan(&[CACHE, TAPS]).unwrap();
            let kept = plan.spec.teachers[0].cache.clone().unwrap();
            let size: u64 = files(place)
                .iter()
                .map(|file| file.metadata().unwrap().len())
                .sum();
            assert_eq!(kept.bytes(), size, "the size that a plan shows");
            // Another method and another order of the images, over the same views: nothing is added.
            let other = ["methods=[{ kind = \"kd\" }]", "seed=9"];
            let alone = trained(place, "other", &other);
            assert!(trained(place, "other-kept", &[&other[..], &[CACHE]].concat()) == alone);
            assert!(
                files(place)
                    .iter()
                    .map(|file| fs::read(file).unwrap())
                    .eq(written)
            );
        },
    );
}

#[test]
fn halves_are_rounded_and_are_what_is_used() {
    with_cache(
        module_path!(),
        "halves_are_rounded_and_are_what_is_used",
        |place| {
            let without = trained(place, "without", &[]);
            let first = trained(place, "first", &[CACHE, TAPS, HALF]);
            assert!(first != without, "nothing was rounded: the cache was not read");
            assert!(trained(place, "again", &[CACHE, TAPS, HALF]) == first);
        },
    );
}

#[test]
fn what_is_damaged_or_unfinished_is_made_again() {
    with_cache(
        module_path!(),
        "what_is_damaged_or_unfinished_is_made_again",
        |place| {
            let without = trained(place, "without", &[]);
            let folder = place.join("broken");
            go_on(&mut taught(place).start(&[CACHE, TAPS], &folder), 4);
            for (number, file) in files(place).iter().enumerate() {
                let mut bytes = fs::read(file).unwrap();
                let middle = bytes.len() / 2;
                match number % 3 {
                    0 => bytes[middle] ^= 1,
                    1 => bytes.truncate(middle),
                    _ => bytes.fill(0),
                }
                fs::write(file, bytes).unwrap();
            }
            finish(&mut taught(place).resume(&[CACHE, TAPS], &folder));
            assert!(checkpoint(&folder) == without);
        },
    );
}

#[test]
fn runs_at_the_same_time_share_what_they_write() {
    with_cache(
        module_path!(),
        "runs_at_the_same_time_share_what_they_write",
        |place| {
            let seeds = ["seed=5", "seed=6", "seed=7"];
            let without = seeds.map(|seed| trained(place, &format!("without-{seed}"), &[seed]));
            thread::scope(|scope| {
                let runs = seeds.map(|seed| {
                    scope.spawn(move || trained(place, &format!("with-{seed}"), &[seed, CACHE, TAPS]))
                });
                for (run, without) in runs.into_iter().zip(&without) {
                    assert!(run.join().unwrap() == *without);
                }
            });
        },
    );
}

#[test]
fn a_cache_that_cannot_hold_is_refused_with_the_reason() {
    let refused = |changes: &[&str]| tiny().plan(&[&[CACHE], changes].concat()).err().unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&[], "`review-kd` reads maps of the teacher"),
        (
            &[TAPS, "teacher.batch_norm=batch"],
            "depends on the others of its batch",
        ),
        (&["methods=[{ kind = \"ekd\" }]"], "trains beside the student"),
        (
            &["methods=[{ kind = \"tst\", bank = { kind = \"closed-form\" } }]"],
            "`tst` learns an augmentation",
        ),
    ];
    for (changes, reason) in cases {
        let message = refused(changes);
        assert!(
            message.contains("teacher.cache") && message.contains(reason),
            "{changes:?}: {message}"
        );
    }
}
