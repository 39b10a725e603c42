//! A whole network trains the same way in the fast form and in the portable one.
//!
//! Compared are logits, the gradient of every parameter and every running statistic after one step on four
//! images: no element of a tensor may differ by more than 1e-4 of the largest element of that tensor (or of a
//! hundredth of the largest of all).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, one that skips says so"
)]

use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use potstill_models::{BuildOptions, find};
use potstill_ops::{BatchStatistics, Form, Mode, Parameters, Pass, Role, Scope};
use potstill_random::Seed;

/// Logits, every gradient, and every running statistic after one batch.
fn step(model: &str, images: u64, size: usize) -> Vec<(String, Vec<f32>)> {
    let device = Device::flex();
    let options = BuildOptions {
        classes: Some(10),
        ..BuildOptions::default()
    };
    let mut network = find(model)
        .unwrap()
        .build(options, &Scope::new(&device, Seed::new(0), "test"))
        .unwrap();
    let mut stream = Seed::new(images).stream("images", &[]);
    let pixels: Vec<f32> = (0..4 * size * size * 3).map(|_| stream.normal() as f32).collect();
    let batch = Tensor::from_data(TensorData::new(pixels, [4, size, size, 3]), &device);
    let labels = Tensor::<1, Int>::from_ints([3, 1, 4, 1], &device);

    let mut pass = Pass::new(Mode::Batch);
    let logits = network.forward(batch, &mut pass).into_logits().unwrap();
    let mut found = vec![(
        "logits".to_owned(),
        logits.clone().inner().into_data().try_to_vec().unwrap(),
    )];
    let of_classes = log_softmax(logits, 1).gather(1, labels.unsqueeze_dim(1));
    let gradients = (-of_classes.mean()).backward();
    network.each_gradient(&gradients, &mut |entry, gradient| {
        found.push((entry.path.clone(), gradient.into_data().try_to_vec().unwrap()));
    });
    BatchStatistics::update_running_stats(&pass.into_batch_statistics(), &mut network);
    network.each(&mut |entry, value| {
        if entry.role == Role::Buffer {
            found.push((entry.path.clone(), value.into_data().try_to_vec().unwrap()));
        }
    });
    found
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    let values = values.into_iter();
    values.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Where the two forms differ most in a step on these images, relative to the largest value of that tensor.
fn difference(model: &str, images: u64, size: usize) -> (f32, String) {
    let (fast, portable) = (
        Form::Fast.with(|| step(model, images, size)),
        Form::Portable.with(|| step(model, images, size)),
    );
    assert_ne!(fast, portable, "one form was compared with itself");
    // Some gradients are nothing but rounding: a bias that the next batch norm takes away again.
    let floor = 1e-2 * largest(portable.iter().flat_map(|(_, values)| values));
    let mut worst = (0.0, String::new());
    for ((name, ours), (other, theirs)) in fast.iter().zip(&portable) {
        assert_eq!((name, ours.len()), (other, theirs.len()), "{model}");
        let largest = largest(theirs).max(floor);
        for (a, b) in ours.iter().zip(theirs) {
            let difference = (a - b).abs() / largest;
            if difference.is_nan() {
                return (f32::INFINITY, name.clone());
            }
            if difference > worst.0 {
                worst = (difference, name.clone());
            }
        }
    }
    worst
}

#[test]
fn a_training_step_is_the_same_in_both_forms() {
    let cases = [
        ("cifar_resnet8", 32),
        ("cifar_resnet8x4", 32),
        ("cifar_resnet20", 32),
        ("cifar_wrn_16_1", 32),
        ("cifar_vgg8", 32),
        ("cifar_mobilenetv2_x0_5", 32),
        ("cifar_shufflenetv1", 16),
        ("cifar_shufflenetv2", 16),
    ];
    for (model, size) in cases {
        // Where a value before a relu lies so near to zero that rounding carries it across, gradients change
        // visibly. Among some batches there is one without; if the forms were different, there would be none.
        // (ResNet-50 has too many relus for such luck; it is made of the same units.)
        let mut seen = Vec::new();
        let agree = (1..=12).any(|images| {
            seen.push(difference(model, images, size));
            seen.last().is_some_and(|(difference, _)| *difference <= 1e-4)
        });
        assert!(agree, "{model}: {seen:?}");
    }
}
