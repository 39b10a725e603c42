//! Trains TST's bank of operations on the training images of a data set and measures it on test images: the acceptance test of
//! the bank.
//!
//! `cargo run --release -p potstill-engine --example tst_bank [TRAIN] [TEST] [AFFINE_EPOCHS] [COLOUR_EPOCHS]` prints a table of mean
//! squared errors in normalised images, beside what the networks published by the authors reach on 500 CIFAR-10 test images.

#![allow(clippy::print_stdout, reason = "a program for people to run")]

use std::{env, sync::Arc, time::Instant};

use burn::tensor::{Device, Tensor, TensorData};
use potstill_data::{Augment, Batch, Dataset, Loader, LoaderConfig, Normalise, Split, Subset, augment, open};
use potstill_methods::tst::{BATCH, Bank, BankEpochs, BankError, BankKind, BankTrainer, fit};
use potstill_ops::Scope;
use potstill_random::Seed;

const TESTED: usize = 500;

/// What the authors' networks, doing nothing, and the closed form of the five maps reach.
const PUBLISHED: [[Option<f64>; 3]; 11] = [
    [Some(0.1135), Some(0.8589), None],
    [Some(0.0182), Some(0.0192), None],
    [Some(0.0648), Some(0.1416), None],
    [Some(0.0047), Some(0.0049), None],
    [Some(0.0016), Some(0.0044), None],
    [Some(0.5679), Some(1.6913), None],
    [Some(0.2569), Some(0.5577), Some(0.2557)],
    [Some(0.2585), Some(0.6505), Some(0.2591)],
    [Some(0.7346), Some(1.3078), Some(0.7378)],
    [Some(0.7428), Some(1.4707), Some(0.7462)],
    [Some(0.3568), Some(0.7216), Some(0.3203)],
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.into());
    let train = next("../shared/data/cifar10/train.tar");
    let test = next("../shared/data/cifar10/test.tar");
    let lengths = BankEpochs {
        affine_epochs: next("10").parse()?,
        colour_epochs: next("20").parse()?,
    };
    // The normalisation of the published figures.
    let input = Normalise {
        mean: vec![0.5071, 0.4867, 0.4408],
        std: vec![0.2675, 0.2565, 0.2761],
    };
    let (device, seed) = (Device::flex(), Seed::new(0));
    let scope = Scope::new(&device, seed, "tst");
    let mut bank_trainer = BankTrainer::new(&scope.at("bank"), seed, &input, lengths);
    if lengths.epochs() > 0 {
        let crops = augment::Step::PadCrop {
            pad: 4,
            mode: augment::PadMode::Zero,
        };
        let augment = Augment::new(vec![crops, augment::Step::Flip])?;
        let config = LoaderConfig {
            batch: BATCH,
            shuffle: true,
            drop_last: true,
            ..LoaderConfig::default()
        };
        let loader = Loader::new(open(&train, Split::Train)?.into(), augment, config)?;
        while !bank_trainer.is_done() {
            train_epoch(&mut bank_trainer, &loader, &device)?;
        }
    }
    let forms = if lengths.epochs() > 0 {
        BankKind::Networks(Box::new(bank_trainer.networks()))
    } else {
        BankKind::ClosedForm
    };
    let bank = Bank::new(forms, &input, None, 16);
    let dataset: Arc<dyn Dataset> = Arc::from(open(&test, Split::Test)?);
    // From all of the set, which may be in the order of its classes.
    let spread = (0..TESTED).map(|i| i * dataset.len() / TESTED).collect();
    let some = Subset::of(dataset, spread)?;
    let config = LoaderConfig {
        batch: TESTED,
        ..LoaderConfig::default()
    };
    let loader = Loader::new(Arc::new(some), Augment::none(), config)?;
    for batch in loader.epoch(0, 0) {
        print(&fit(&bank, &input, pixels(&batch?, &device)));
    }
    Ok(())
}

fn train_epoch(
    bank_trainer: &mut BankTrainer,
    loader: &Loader,
    device: &Device,
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let (mut loss, mut steps) = (0.0, 0);
    for (step, batch) in loader.epoch(bank_trainer.epochs() as u64, 0).enumerate() {
        let losses = bank_trainer.step(step, pixels(&batch?, device));
        loss += losses.iter().map(|(_, loss)| loss).sum::<f64>();
        steps += 1;
    }
    bank_trainer.end_epoch();
    println!(
        "epoch {}: summed error {:.4}, {:.0} s",
        bank_trainer.epochs(),
        loss / f64::from(steps.max(1)),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn pixels(batch: &Batch, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(batch.images.clone(), batch.shape), device)
}

fn print(fits: &[BankError]) {
    println!("| operation | network | authors' | nothing | authors' | closed form | authors' |");
    println!("|---|---|---|---|---|---|---|");
    let cell = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.4}"));
    for (fit, published) in fits.iter().zip(PUBLISHED) {
        let ours = [fit.network, Some(fit.identity), Some(fit.closed_form)];
        let cells: Vec<String> = ours
            .into_iter()
            .zip(published)
            .map(|(ours, theirs)| format!("{} | {}", cell(ours), cell(theirs)))
            .collect();
        println!("| {} | {} |", fit.operation.name(), cells.join(" | "));
    }
}
