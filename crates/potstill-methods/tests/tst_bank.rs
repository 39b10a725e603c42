//! TST's bank learns, is kept, is taken up again where it was left, and TST is planned and refused as it should be.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Augment, Image, Target};
use potstill_methods::{
    CacheKey, Method, PlanContext, Prepared, SearchRound, StudentEpoch, TrainBatch, find,
    tst::{Bank, BankEpochs, BankKind, BankTrainer, Tst, fit},
};
use potstill_ops::Scope;
use potstill_random::Seed;
use potstill_testing::networks::{context, network, plan, refusal};
use potstill_testing::{numbers::values, prepare::TestContext};

const IMAGES: usize = 24;
const SIDE: usize = 12;

fn image(index: usize) -> Image {
    let value = |i: usize| 128.0 + 120.0 * (0.13 * i as f64 + index as f64).sin();
    Image {
        height: SIDE,
        width: SIDE,
        channels: 3,
        pixels: (0..SIDE * SIDE * 3).map(|i| value(i) as u8).collect(),
    }
}

fn batch(epoch: u64, step: usize, size: usize) -> Tensor<4> {
    let augment = Augment::none();
    let pixels: Vec<f32> = (0..size)
        .flat_map(|i| {
            let index = (step * size + i + epoch as usize) % IMAGES;
            augment
                .apply(&image(index), Seed::new(0), epoch, index)
                .unwrap()
                .pixels
        })
        .collect();
    Tensor::from_data(TensorData::new(pixels, [size, SIDE, SIDE, 3]), &Device::flex())
}

/// Drawn images, a cache in a folder, and a stop after so many steps.
fn desk_in(cache: &Path, steps: Option<usize>) -> TestContext {
    // More than one slice of steps.
    let mut desk = TestContext::new(cache, CacheKey::Data, 64 * 60, 10);
    let train = |epoch, step, size| {
        assert_eq!(size, 64);
        TrainBatch {
            step,
            // Smaller than it was asked for, so that the test is short.
            pixels: batch(epoch, step, 2),
            targets: vec![Target::Class(0); 2],
        }
    };
    desk.train = Some((60, Box::new(train)));
    desk.steps = steps;
    desk
}

fn ten_classes() -> PlanContext {
    context(
        &network("cifar_resnet8", 10, "student"),
        Some(&network("cifar_resnet8", 10, "teacher")),
    )
}

const SHORT: &str = "kind = \"tst\"\nbank = { kind = \"trained\", affine_epochs = 1, colour_epochs = 2 }";

/// What TST makes of some images, by its bank.
fn made(method: &dyn Method) -> Vec<f64> {
    let augmentation = method.augmentation().unwrap();
    let draws = (0..6).flat_map(|draw| {
        let mut stream = Seed::new(1).stream("test", &[draw]);
        let mut again = stream.clone();
        let tracked = augmentation.augment(batch(0, 0, 2), &mut stream, true).pixels;
        let still = augmentation.augment(batch(0, 0, 2), &mut again, false).pixels;
        // An autodiff graph without a backward pass is never freed.
        assert!(tracked.is_autodiff());
        assert!(!still.is_autodiff());
        assert_eq!(values(&tracked), values(&still));
        values(&still)
    });
    draws.collect()
}

#[test]
fn an_interrupted_training_of_the_bank_goes_on_to_the_same_bits() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let prepared = |cache: &Path, steps: Option<usize>| {
        let mut method = plan(SHORT, &ten_classes()).unwrap();
        let mut desk = desk_in(cache, steps);
        let outcome = method.prepare(&mut desk).unwrap();
        assert!(desk.settings[0].contains("epochs 1 2"), "{:?}", desk.settings);
        (outcome, made(method.as_ref()), desk.progress)
    };
    let (outcome, first, told) = prepared(whole.path(), None);
    assert_eq!(outcome, Prepared::Done);
    assert_eq!((told.first(), told.last()), (Some(&(0, 120)), Some(&(120, 120))));
    let (_, again, told) = prepared(whole.path(), None);
    assert!(
        first == again && told.is_empty(),
        "it was trained although it was kept"
    );
    // In the first epoch, which begins anew; in the second, which begins anew as well.
    assert_eq!(prepared(broken.path(), Some(50)).0, Prepared::Interrupted);
    assert_eq!(prepared(broken.path(), Some(110)).0, Prepared::Interrupted);
    let (outcome, resumed, told) = prepared(broken.path(), None);
    assert_eq!((outcome, told[0]), (Prepared::Done, (60, 120)));
    assert!(resumed == first, "the bits differ");
    // A file that is broken is made again.
    let mut entries = std::fs::read_dir(whole.path()).unwrap();
    let entry = entries.next().unwrap().unwrap();
    std::fs::write(entry.path().join("content"), "{").unwrap();
    let (_, anew, told) = prepared(whole.path(), None);
    assert!(anew == first && told[0] == (0, 120));
}

#[test]
fn networks_learn_their_operations() {
    let context = ten_classes();
    let scope = Scope::new(&Device::flex(), Seed::new(2), "bank");
    let lengths = BankEpochs {
        affine_epochs: 1,
        colour_epochs: 1,
    };
    let mut bank_trainer = BankTrainer::new(&scope, Seed::new(2), &context.input, lengths);
    let error = |bank_trainer: &BankTrainer| -> Vec<f64> {
        let forms = BankKind::Networks(Box::new(bank_trainer.networks()));
        let bank = Bank::new(forms, &context.input, None, 6);
        let fits = fit(&bank, &context.input, batch(0, 0, IMAGES));
        fits.into_iter().map(|fit| fit.network.unwrap()).collect()
    };
    let before = error(&bank_trainer);
    for step in 0..300 {
        assert_eq!(bank_trainer.step(step, batch(0, step, 4)).len(), 11);
    }
    let after = error(&bank_trainer);
    for (operation, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(
            after < before,
            "network {operation}: {before} then {after}, all: {after:?}"
        );
    }
}

#[test]
fn nothing_is_prepared_for_the_closed_form() {
    let entry = "kind = \"tst\"\nbank = { kind = \"closed-form\" }\ninner_gate = \"none\"";
    assert!(!plan(entry, &ten_classes()).unwrap().info().prepares);
    assert!(plan(SHORT, &ten_classes()).unwrap().info().prepares);
}

#[test]
fn rounds_are_the_published_ones_unless_told() {
    let rounds = |entry: &str, epochs| {
        let context = PlanContext {
            epochs,
            ..ten_classes()
        };
        plan(entry, &context).unwrap().info().rounds
    };
    let round = |before, epochs| SearchRound {
        before: StudentEpoch(before),
        epochs,
    };
    assert_eq!(rounds("kind = \"tst\"", 240), [round(30, 30), round(90, 30)]);
    assert_eq!(rounds("kind = \"tst\"", 2), [round(1, 1)]);
    let told = "kind = \"tst\"\nrounds = [5, 2]\nround_epochs = 3";
    assert_eq!(rounds(told, 6), [round(2, 3), round(5, 3)]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let context = ten_classes();
    for (entry, part) in [
        ("kind = \"tst\"\nrounds = [240]", "0 to 239"),
        ("kind = \"tst\"\nsearch_lr = 0", "above 0"),
        ("kind = \"tst\"\ntemperature = -1", "above 0"),
        ("kind = \"tst\"\ncutout = 0", "at least 1"),
        ("kind = \"tst\"\ninner_gate = inf", "finite"),
        ("kind = \"tst\"\ngate = \"codex\"", "code"),
        (
            "kind = \"tst\"\nbank = { kind = \"trained\", affine_epochs = 0 }",
            "bank.affine_epochs",
        ),
    ] {
        let message = refusal(entry, &context);
        assert!(message.contains(part), "{entry}: {message}");
    }
    let grey = PlanContext {
        image: [28, 28, 1],
        ..context.clone()
    };
    assert!(refusal("kind = \"tst\"", &grey).contains("3 channels"));
    let alone = PlanContext {
        teachers: Vec::new(),
        ..context
    };
    assert!(refusal("kind = \"tst\"", &alone).contains("teacher"));
    assert_eq!(find(Tst::NAME).unwrap().name, "tst");
}
