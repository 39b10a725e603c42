//! Pairs from files and by draws.

use std::{collections::BTreeSet, fs};

use potstill_random::Seed;

use super::{Pair, Pairs, number_in};
use crate::{DataError, Dataset, ImageFiles, OpenOptions, Split, decode::tests::png_bytes, open};

/// Three people with two, three and one image, and their folder.
fn people() -> (tempfile::TempDir, ImageFiles) {
    let dir = tempfile::tempdir().unwrap();
    for (name, number) in [
        ("Ann_Lee", 1),
        ("Ann_Lee", 12),
        ("Bo", 1),
        ("Bo", 2),
        ("Bo", 3),
        ("Cy", 4),
    ] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
        let file = dir.path().join(name).join(format!("{name}_{number:04}.png"));
        fs::write(file, png_bytes(1, 1, 1, &[number])).unwrap();
    }
    let folder = ImageFiles::open(dir.path(), Split::Test, &OpenOptions::default()).unwrap();
    (dir, folder)
}

fn read(text: &str, dataset: &dyn Dataset) -> Result<Pairs, DataError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pairs.txt");
    fs::write(&file, text).unwrap();
    Pairs::read(&file, dataset)
}

#[test]
fn pairs_are_found_by_name_and_number() {
    let (_dir, people) = people();
    let pairs = read(
        "2\t1\nAnn_Lee\t1\t12\nAnn_Lee\t12\tCy\t4\nBo\t3\t1\nBo\t2\tAnn_Lee\t1\n",
        &people,
    )
    .unwrap();
    let pair = |first, second, same| Pair { first, second, same };
    assert_eq!(
        pairs.folds(),
        [
            vec![pair(0, 1, true), pair(1, 5, false)],
            vec![pair(4, 2, true), pair(3, 0, false)]
        ]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let (_dir, people) = people();
    for (text, expected) in [
        ("", "line 1: must hold two numbers"),
        ("1\t1\nBo\t1\t2\nBo\t1\tCy\t4\n", "folds, of which at least 2"),
        ("2\t1\nBo\t1\t2\n", "4 lines in all; 1 follow"),
        (
            "2\t1\nBo\t1\t2\nBo\t1\tDee\t4\n",
            "line 3: `people test` has no class `Dee`",
        ),
        ("2\t1\nBo\t1\t9\n", "line 2: `Bo` has no image 9"),
        ("2\t1\nBo\t1\tx\n", "line 2: `x` is no number"),
        ("2\t1\nBo 1 2\n", "line 2: has 1 fields"),
    ] {
        let message = read(text, &people).unwrap_err().to_string();
        let expected = expected.replace("people test", people.name());
        assert!(message.contains(&expected), "`{expected}` is not in: {message}");
    }
}

#[test]
fn images_without_such_names_are_counted() {
    let shapes = open("shapes:size=16,classes=2,train=8,test=8", Split::Test).unwrap();
    let names = shapes.classes().to_vec();
    let line = format!("{}\t1\t2\n{}\t1\t{}\t4\n", names[0], names[0], names[1]);
    let pairs = read(&format!("2\t1\n{line}{line}"), &shapes).unwrap();
    let shapes = &shapes;
    let members = |label| {
        (0..8)
            .filter(move |&at| shapes.label(at).unwrap() == label)
            .collect::<Vec<_>>()
    };
    let (own, other) = (members(0), members(1));
    assert_eq!(
        pairs.folds()[0],
        [
            Pair {
                first: own[0],
                second: own[1],
                same: true
            },
            Pair {
                first: own[0],
                second: other[3],
                same: false
            },
        ]
    );
    assert_eq!(number_in("a/Bo_0012.jpg", "Bo"), Some(12));
    assert_eq!(number_in("Bo/Bo_3.png in pets/test.tar", "Bo"), Some(3));
    assert_eq!(number_in("Bo/3.png", "Bo"), None);
}

#[test]
fn drawn_pairs_are_balanced_different_and_seeded() {
    let shapes = open("shapes:size=16,classes=4,train=8,test=80", Split::Test).unwrap();
    let pairs = Pairs::draw(&shapes, 3, 40, Seed::new(1)).unwrap();
    let mut seen = BTreeSet::new();
    for fold in pairs.folds() {
        assert_eq!(fold.iter().filter(|pair| pair.same).count(), 40);
        assert_eq!(fold.len(), 80);
        for pair in fold {
            let [first, second] = [pair.first, pair.second].map(|at| shapes.label(at).unwrap());
            assert_eq!(first == second, pair.same);
            assert!(pair.first != pair.second);
            assert!(seen.insert([pair.first.min(pair.second), pair.first.max(pair.second)]));
        }
    }
    assert_eq!(pairs, Pairs::draw(&shapes, 3, 40, Seed::new(1)).unwrap());
    assert_ne!(pairs, Pairs::draw(&shapes, 3, 40, Seed::new(2)).unwrap());
    // Four classes of 20 images have 760 pairs of one class.
    let message = Pairs::draw(&shapes, 2, 400, Seed::new(1))
        .unwrap_err()
        .to_string();
    assert!(message.contains("800 different pairs of one class"), "{message}");
    let one = open("shapes:size=16,classes=2,train=8,test=2", Split::Test).unwrap();
    assert!(Pairs::draw(&one, 2, 1, Seed::new(0)).is_err());
}
