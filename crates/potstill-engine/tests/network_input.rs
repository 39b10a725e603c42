//! How a network takes an image: degradation against an independent computation, and the same bits by both paths.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Tensor, TensorData};
use potstill_data::{Batch, Normalise, Target};
use potstill_engine::{NetworkInput, Preprocess, cpu};
use potstill_models::find;
use potstill_recipe::{Enlarge, LowResolution};
use potstill_settings::ChannelOrder;
use potstill_testing::numbers::{NINE_DIGITS, assert_near, map, nchw, numbers as all, recorded, values};

const RECORD: &str = "potstill-engine/tests/reference/low_resolution.json";

fn input(low_resolution: Option<(usize, Enlarge)>, mean: &[f32], std: &[f32]) -> NetworkInput {
    NetworkInput {
        order: ChannelOrder::Rgb,
        low_resolution: low_resolution.map(|(size, enlarge)| LowResolution { size, enlarge }),
        normalise: Normalise {
            mean: mean.to_vec(),
            std: std.to_vec(),
        },
    }
}

/// The recorded image, taken at 4x4.
fn degraded(enlarge: Enlarge) -> Tensor<4> {
    let image = map([1, 1, 8, 8], |i| (0.1 * i as f64).sin());
    input(Some((4, enlarge)), &[0.0], &[1.0]).of_pixels(image)
}

#[test]
fn degradation_is_the_recorded_one() {
    let record = recorded(RECORD);
    for (enlarge, name) in [
        (Enlarge::None, "small"),
        (Enlarge::Nearest, "nearest"),
        (Enlarge::Bilinear, "bilinear"),
    ] {
        assert_near(name, &nchw(&degraded(enlarge)), &all(&record[name]), NINE_DIGITS);
    }
}

#[test]
fn windows_of_seven_are_averaged_before_the_normalisation() {
    let record = &recorded(RECORD)["faces"];
    let pixels = || {
        map([2, 3, 21, 21], |i| {
            let i = i as f64;
            0.5 + 0.5 * (0.1 * i + 0.003 * i * i).sin()
        })
    };
    let small = input(Some((3, Enlarge::None)), &[0.0; 3], &[1.0; 3]).of_pixels(pixels());
    assert_near("small", &nchw(&small), &all(&record["small"]), NINE_DIGITS);
    let normalised =
        input(Some((3, Enlarge::Bilinear)), &[0.4, 0.5, 0.6], &[0.2, 0.25, 0.3]).of_pixels(pixels());
    let first_rows = nchw(&normalised.narrow(1, 0, 5));
    // Mean and std are single precision.
    assert_near(
        "normalised",
        &first_rows,
        &all(&record["bilinear_normalised_first_rows"]),
        1e-6,
    );
}

#[test]
fn gradients_reach_the_pixels() {
    let record = &recorded(RECORD)["faces"];
    let leaf = map([2, 3, 21, 21], |i| {
        let i = i as f64;
        0.5 + 0.5 * (0.1 * i + 0.003 * i * i).sin()
    });
    let leaf = leaf.autodiff().require_grad();
    let taken = input(Some((3, Enlarge::Bilinear)), &[0.0; 3], &[1.0; 3]).of_pixels(leaf.clone());
    let weights = map([2, 3, 21, 21], |i| (0.2 * i as f64).cos());
    let tape = (taken * weights).sum().backward();
    let gradient = nchw(&leaf.grad(&tape).unwrap());
    let corners: Vec<f64> = (0..9)
        .map(|at| gradient[(at / 3 * 7) * 21 + at % 3 * 7])
        .collect();
    assert_near("gradient", &corners, &all(&record["gradients"]), NINE_DIGITS);
}

#[test]
fn nearest_keeps_the_mean_and_twice_is_once() {
    let image = map([1, 1, 8, 8], |i| (0.1 * i as f64).sin());
    let once = degraded(Enlarge::Nearest);
    let twice = input(Some((4, Enlarge::Nearest)), &[0.0], &[1.0]).of_pixels(once.clone());
    assert_eq!(nchw(&once), nchw(&twice));
    let mean = |map: &Tensor<4>| nchw(map).iter().sum::<f64>() / 64.0;
    assert!((mean(&once) - mean(&image)).abs() < 1e-15);
    let bilinear = degraded(Enlarge::Bilinear);
    let again = input(Some((4, Enlarge::Bilinear)), &[0.0], &[1.0]).of_pixels(bilinear.clone());
    assert_ne!(nchw(&bilinear), nchw(&again), "which bilinear does not keep");
}

fn batch() -> Batch {
    let shape = [3, 8, 8, 3];
    Batch {
        images: (0..3 * 8 * 8 * 3)
            .map(|i| (i * 37 % 256) as f32 / 255.0)
            .collect(),
        shape,
        valid: vec![[8, 8]; 3],
        truth: Vec::new(),
        second: Vec::new(),
        targets: vec![Target::Class(0); 3],
        indices: vec![0, 1, 2],
    }
}

#[test]
fn a_batch_and_its_pixels_give_the_same_bits() {
    let (batch, device) = (batch(), Device::flex());
    let pixels = TensorData::new(batch.images.clone(), batch.shape);
    let pixels = Tensor::<4>::from_data(pixels, (&device, DType::F32));
    let bits = |map: Tensor<4>| {
        map.into_data()
            .iter::<f32>()
            .map(f32::to_bits)
            .collect::<Vec<_>>()
    };
    let mut seen = Vec::new();
    for low in [
        None,
        Some((4, Enlarge::Nearest)),
        Some((2, Enlarge::Bilinear)),
        Some((8, Enlarge::Nearest)),
    ] {
        let input = input(low, &[0.485, 0.456, 0.406], &[0.229, 0.224, 0.225]);
        let ours = bits(input.of_batch(&batch, &device).unwrap());
        assert!(ours == bits(input.of_pixels(pixels.clone())), "{low:?}");
        seen.push(ours);
    }
    assert!(seen[0] == seen[3], "its own size is no degradation");
    assert!(seen[0] != seen[1] && seen[1] != seen[2]);
}

#[test]
fn sizes_are_told_or_refused() {
    let rgb = |low| input(low, &[0.5; 3], &[0.25; 3]);
    assert_eq!(rgb(None).size([7, 9, 3]).unwrap(), [7, 9, 3]);
    assert_eq!(
        rgb(Some((8, Enlarge::Nearest))).size([32, 32, 3]).unwrap(),
        [32, 32, 3]
    );
    assert_eq!(
        rgb(Some((8, Enlarge::None))).size([32, 32, 3]).unwrap(),
        [8, 8, 3]
    );
    for (low, image) in [
        (9, [32, 32, 3]),
        (8, [32, 16, 3]),
        (0, [32, 32, 3]),
        (64, [32, 32, 3]),
    ] {
        let message = rgb(Some((low, Enlarge::Nearest)))
            .check(image)
            .unwrap_err()
            .to_string();
        assert!(message.contains("low_resolution.size"), "{message}");
    }
    let message = rgb(None).check([8, 8, 1]).unwrap_err().to_string();
    assert!(
        message.contains("3 values") && message.contains("1 channels"),
        "{message}"
    );
}

/// Blue first: mean and std are in that order, and padding stays 0.
#[test]
fn colours_come_in_the_order_that_a_network_wants() {
    let whole = NetworkInput {
        order: ChannelOrder::Bgr,
        ..input(None, &[0.1, 0.2, 0.3], &[1.0, 2.0, 4.0])
    };
    let batch = Batch {
        images: vec![0.5, 0.6, 0.9, 0.0, 0.0, 0.0],
        shape: [1, 1, 2, 3],
        valid: vec![[1, 1]],
        targets: vec![Target::None],
        truth: Vec::new(),
        second: Vec::new(),
        indices: vec![0],
    };
    let taken = whole.of_batch(&batch, &cpu()).unwrap();
    let expected = [(0.9 - 0.1), (0.6 - 0.2) / 2.0, (0.5 - 0.3) / 4.0, 0.0, 0.0, 0.0];
    assert_near("taken", &values(&taken), &expected, 1e-6);
    let pixels = map([1, 3, 1, 1], |i| [0.5, 0.6, 0.9][i]);
    assert_near("pixels", &values(&whole.of_pixels(pixels)), &expected[..3], 1e-6);
}

/// What weights without a config want is known of their network.
#[test]
fn published_networks_say_how_they_take_images() {
    let rule = |name: &str| find(name).unwrap().input_rule();
    let fastestdet = rule("fastestdet").unwrap();
    assert_eq!(NetworkInput::from(fastestdet).order, ChannelOrder::Bgr);
    let steps = Preprocess::published(fastestdet).augment().unwrap();
    assert_eq!(steps.output_shape([277, 416, 3]), [352, 352, 3]);
    let steps = Preprocess::published(rule("retinanet_resnet50_fpn").unwrap())
        .augment()
        .unwrap();
    // The record of torchvision's transform.
    for (size, wanted) in [
        ([480, 640], [800, 1066]),
        ([100, 1000], [133, 1333]),
        ([1080, 1920], [749, 1333]),
    ] {
        let [height, width] = size;
        assert_eq!(steps.output_shape([height, width, 3])[..2], wanted);
    }
    assert_eq!(rule("resnet18"), None);
    assert_eq!(rule("fcos_cifar_resnet8"), None);
}
