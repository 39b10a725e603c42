//! letKD's offline pass: interrupted anywhere and taken up again it finds the same bits; nothing broken or foreign is trusted.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::Target;
use potstill_methods::{
    CacheKey, MethodError, TeacherBatch,
    letkd::{CentreSearch, DecisionSearch, Gathered, Place},
};
use potstill_models::Outputs;
use potstill_ops::{Point, PointSide, Taps, Visitor};
use potstill_random::Seed;
use potstill_testing::prepare::TestContext;

const IMAGES: usize = 1200;
const CLASSES: usize = 3;
/// Channels of the teacher's map of 4x4.
const CHANNELS: usize = 5;
/// Images of a batch: far more batches than there are between two writings of the progress file.
const LESSON: usize = 8;

fn label(image: usize) -> u32 {
    (image * 7 % CLASSES) as u32
}

fn pixels_of(image: usize) -> Vec<f32> {
    let mut stream = Seed::new(9).stream("image", &[image as u64]);
    let mut value = |i: usize| {
        let middle = f64::from(label(image)) * (i % CHANNELS) as f64 * 0.5;
        (middle + stream.normal()) as f32
    };
    (0..16 * CHANNELS).map(&mut value).collect()
}

/// A teacher of drawn features, and a cache in a folder.
fn desk_in(cache: &Path) -> TestContext {
    let mut desk = TestContext::new(cache, CacheKey::TeacherAndData, IMAGES, CLASSES);
    desk.teacher = Some((LESSON, Box::new(lesson)));
    desk
}

/// The same, which says after so many questions that it is to stop.
fn patient_for(cache: &Path, patience: usize) -> TestContext {
    TestContext {
        patience: Some(patience),
        ..desk_in(cache)
    }
}

fn lesson(images: Range<usize>, points: &[Point]) -> TeacherBatch {
    let values: Vec<f32> = images.clone().flat_map(pixels_of).collect();
    let map = Tensor::from_data(
        TensorData::new(values, [images.len(), 4, 4, CHANNELS]),
        &Device::flex(),
    );
    let mut taps = Taps::at(points);
    taps.visit("layer", PointSide::Post, map);
    TeacherBatch {
        first: images.start,
        own: vec![[1.0, 1.0]; images.len()],
        targets: images.clone().map(label).map(Target::Class).collect(),
        outputs: Outputs::Logits(Tensor::zeros([images.len(), CLASSES], &Device::flex())),
        taps,
    }
}

/// The teacher's maps are halved to the student's.
fn place(gathered: Gathered) -> Place {
    Place {
        point: Point::post("layer"),
        pooling: 2,
        channels: CHANNELS,
        gathered,
    }
}

fn centres() -> CentreSearch {
    CentreSearch {
        place: place(Gathered::All),
        count: 17,
        iterations: 6,
        seed: 0,
    }
}

fn decisions() -> DecisionSearch {
    DecisionSearch {
        place: place(Gathered::OfImages),
        components: 2,
        each: 4,
        iterations: 6,
        seed: 0,
    }
}

/// The only folder in the cache.
fn room(cache: &Path) -> PathBuf {
    fs::read_dir(cache).unwrap().next().unwrap().unwrap().path()
}

/// Finds in one go, then with every interruption there is, then from the cache alone.
fn interrupted_anywhere<T: PartialEq>(find: impl Fn(&mut TestContext) -> Result<Option<T>, MethodError>) {
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    let mut desk = desk_in(&whole);
    let expected = find(&mut desk).unwrap().unwrap();
    assert_eq!(desk.taught, IMAGES, "every image once");
    let questions = desk.asked.get();
    assert!(questions >= 6, "{questions}");
    // Interrupted at each question in turn, and at every question of one pass.
    let rare: Vec<Vec<usize>> = (0..questions).map(|at| vec![at]).collect();
    for patiences in rare.into_iter().chain([vec![1; 3], vec![2; 5]]) {
        let broken = tempfile::tempdir().unwrap();
        for &patience in &patiences {
            let _ = find(&mut patient_for(broken.path(), patience)).unwrap();
        }
        let found = find(&mut desk_in(broken.path())).unwrap();
        assert!(found.as_ref() == Some(&expected), "interrupted at {patiences:?}");
    }
    let mut again = desk_in(&whole);
    assert!(find(&mut again).unwrap().as_ref() == Some(&expected));
    assert_eq!((again.taught, again.messages.len()), (0, 0), "it is kept");
    let files = fs::read_dir(room(&whole)).unwrap().count();
    assert_eq!(files, 2, "what was found, and the lock");
    // A file that is broken is said to be, and what it held found anew.
    let path = room(&whole).join("content");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 4;
    fs::write(&path, bytes).unwrap();
    let mut anew = desk_in(&whole);
    assert!(find(&mut anew).unwrap().as_ref() == Some(&expected));
    assert_eq!(anew.taught, IMAGES);
    assert!(anew.messages[0].contains("made anew"), "{:?}", anew.messages);
    let told = anew.messages.iter().filter(|line| line.contains("made anew"));
    assert_eq!(told.count(), 1, "{:?}", anew.messages);
}

#[test]
fn centres_are_the_same_bits_however_often_interrupted() {
    interrupted_anywhere(|desk| centres().find(desk));
}

#[test]
fn decisions_are_the_same_bits_however_often_interrupted() {
    interrupted_anywhere(|desk| decisions().find(desk));
}

#[test]
fn an_interrupted_pass_shows_no_image_twice() {
    let place = tempfile::tempdir().unwrap();
    let mut first = patient_for(place.path(), 0);
    assert!(centres().find(&mut first).unwrap().is_none());
    assert!(first.taught < IMAGES);
    let mut second = desk_in(place.path());
    centres().find(&mut second).unwrap().unwrap();
    assert_eq!(first.taught + second.taught, IMAGES);
}

#[test]
fn features_that_were_changed_are_read_anew() {
    let place = tempfile::tempdir().unwrap();
    let expected = centres().find(&mut desk_in(&place.path().join("whole"))).unwrap();
    let broken = place.path().join("broken");
    for change in 0..3 {
        let _ = fs::remove_dir_all(&broken);
        centres().find(&mut patient_for(&broken, 0)).unwrap();
        let path = room(&broken).join("features.f32");
        let mut bytes = fs::read(&path).unwrap();
        match change {
            0 => bytes[100] ^= 1,
            1 => bytes.truncate(bytes.len() / 2),
            // Written after the progress file: cut off, without a word.
            _ => bytes.extend([7; 333]),
        }
        fs::write(&path, bytes).unwrap();
        let mut desk = desk_in(&broken);
        assert!(centres().find(&mut desk).unwrap() == expected);
        assert_eq!(
            desk.messages.len(),
            usize::from(change < 2),
            "{:?}",
            desk.messages
        );
        assert_eq!(desk.taught == IMAGES, change < 2);
    }
}

#[test]
fn a_pass_is_not_made_twice_at_once() {
    let place = tempfile::tempdir().unwrap();
    centres().find(&mut patient_for(place.path(), 0)).unwrap();
    let lock = fs::File::create(room(place.path()).join("lock")).unwrap();
    lock.lock().unwrap();
    // It waits, until it is told to stop.
    let mut waiting = patient_for(place.path(), 0);
    assert!(centres().find(&mut waiting).unwrap().is_none());
    assert!(waiting.messages.iter().any(|line| line.contains("another run")));
    assert_eq!(waiting.taught, 0);
    drop(lock);
    let found = centres().find(&mut desk_in(place.path())).unwrap();
    // What is there is taken whoever holds the folder.
    let lock = fs::File::create(room(place.path()).join("lock")).unwrap();
    lock.lock().unwrap();
    assert!(centres().find(&mut desk_in(place.path())).unwrap() == found);
}

#[test]
fn more_centres_than_features_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let search = CentreSearch {
        count: 4 * IMAGES + 1,
        ..centres()
    };
    let error = search.find(&mut desk_in(place.path())).unwrap_err();
    assert!(error.to_string().contains("`templates`"), "{error}");
}
