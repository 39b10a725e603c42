//! What the rounding of single precision, in which runs compute, must not do to a loss or to its gradient.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use potstill_methods::Method;
use potstill_ops::PointSide;
use potstill_testing::classics::{drawn, loss_of_logits, loss_of_maps};
use potstill_testing::networks::{context, network, plan};
use potstill_testing::numbers::{number, tensor, values};

use crate::maps::planned;

/// Numbers in single precision.
fn single<const D: usize>(shape: [usize; D], formula: impl Fn(usize) -> f64) -> Tensor<D> {
    tensor(shape, formula).cast(DType::F32)
}

fn random<const D: usize>(shape: [usize; D], seed: usize) -> Tensor<D> {
    let numbers = drawn(shape.iter().product(), seed, -1.0..=2.0);
    single(shape, |i| numbers[i])
}

/// The value of a method of maps, and its gradient to the student's map.
fn of_map(method: &dyn Method, student: Tensor<4>, teacher: Tensor<4>) -> (f64, Vec<f64>) {
    let leaf = student.autodiff().require_grad();
    let loss = loss_of_maps(method, std::slice::from_ref(&leaf), &[teacher], PointSide::Post);
    let gradient = leaf.grad(&loss.backward());
    (
        number(&loss),
        gradient.map(|found| values(&found)).unwrap_or_default(),
    )
}

#[test]
fn a_row_of_equal_logits_is_seen_as_constant() {
    let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
    let method = plan(
        "kind = \"kd\"\ntemperature = 2\nstandardise = true",
        &context(&student, Some(&teacher)),
    )
    .unwrap();
    for classes in [10, 100, 1000] {
        let count = 40;
        // A constant of its own in each row, none of them a number of few digits.
        let level = |row: usize| 20.0 * (1.3 * row as f64 + 0.7).sin();
        let student = single([count, classes], |i| level(i / classes))
            .autodiff()
            .require_grad();
        let labels = Tensor::<1, Int>::from_data(TensorData::from([0; 40]), &Device::flex());
        let loss = loss_of_logits(
            method.as_ref(),
            student.clone(),
            Some(random([count, classes], 3)),
            &labels,
            0,
        );
        assert!(number(&loss).is_finite() && number(&loss) > 0.0);
        let gradient = values(&student.grad(&loss.backward()).unwrap());
        assert!(gradient.iter().all(|value| *value == 0.0), "{classes} classes");
    }
}

#[test]
fn a_channel_of_one_value_has_no_correlation() {
    let shape = [4, 32, 32, 3];
    let teacher = random(shape, 2);
    let method = planned(
        "pkd",
        "",
        std::slice::from_ref(&teacher),
        std::slice::from_ref(&teacher),
    )
    .unwrap();
    let flat = |value: f64| of_map(method.as_ref(), single(shape, |_| value), teacher.clone());
    let (zero, _) = flat(0.0);
    for value in [0.1, 0.7, -3.3] {
        let (loss, gradient) = flat(value);
        // That of a channel of zeros: half of the teacher's variance, 1.
        assert!(
            (loss - zero).abs() < 1e-6 && (loss - 0.5).abs() < 1e-3,
            "{value}: {loss}"
        );
        assert!(gradient.iter().all(|value| *value == 0.0), "{value}");
    }
}

#[test]
fn opposite_embeddings_have_a_logarithm() {
    let width = 257;
    let shape = [2, 1, 1, width];
    let teacher = random(shape, 1);
    let both = std::slice::from_ref(&teacher);
    let method = planned("pkt", "", both, both).unwrap();
    for seed in 0..200 {
        // One image and its opposite, of another length: their cosine is -1, but for rounding.
        let numbers = drawn(width, seed, -1.0..=2.0);
        let student = single(shape, |i| {
            numbers[i % width] * if i < width { 1.0 } else { -0.37 }
        });
        let (loss, gradient) = of_map(method.as_ref(), student, teacher.clone());
        assert!(loss.is_finite(), "{seed}: {loss}");
        assert!(gradient.iter().all(|value| value.is_finite()), "{seed}");
    }
}

#[test]
fn equal_singular_values_do_not_blow_up_the_gradient() {
    // Two channels that are strong in places of their own, equally: but for rounding, singular values that nothing tells apart.
    let shape = [2, 4, 4, 3];
    let equal = |i: usize| {
        let (place, channel) = ((i / 3) % 16, i % 3);
        let angle = 0.3 + std::f64::consts::FRAC_PI_8 * place as f64;
        // As far off as single precision is.
        let rounding = 1.0 + 1e-7 * (1.9 * i as f64).sin();
        match channel {
            0 => angle.sin() * rounding,
            1 => angle.cos() * rounding,
            _ => 0.01,
        }
    };
    let next = random(shape, 4);
    let teacher = [random(shape, 2), next.clone()];
    let leaf = single(shape, equal).autodiff().require_grad();
    let student = [leaf.clone(), next.autodiff()];
    let method = planned("kdsvd", "", &student, &teacher).unwrap();
    let loss = loss_of_maps(method.as_ref(), &student, &teacher, PointSide::Post);
    let gradient = values(&leaf.grad(&loss.backward()).unwrap());
    let largest = gradient
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    assert!(number(&loss).is_finite() && largest < 100.0, "{largest}");
}

#[test]
fn a_large_variance_is_a_number() {
    let (student, teacher) = (random([2, 3, 3, 2], 1), random([2, 3, 3, 4], 2));
    for (variance, tolerance) in [("0.5", 1e-5), ("5", 1e-5), ("710", 1e-5), ("1e6", 1e-5)] {
        let lines = format!("init_variance = {variance}\n");
        let mut method = planned(
            "vid",
            &lines,
            std::slice::from_ref(&student),
            std::slice::from_ref(&teacher),
        )
        .unwrap();
        // A guess of 0 leaves the squares of the teacher's map.
        for part in method.parts_mut() {
            part.module
                .rewrite(&mut |entry, value| entry.path.contains("regressor").then(|| value * 0.0));
        }
        let (loss, _) = of_map(method.as_ref(), student.clone(), teacher.clone());
        let variance: f64 = variance.parse().unwrap();
        let squares = values(&teacher).iter().map(|value| value * value).sum::<f64>() / 72.0;
        let wanted = 0.5 * (squares / variance + variance.ln());
        assert!(
            (loss - wanted).abs() < tolerance * wanted.abs(),
            "{variance}: {loss} is not {wanted}"
        );
    }
}

#[test]
fn high_powers_of_attention_do_not_overflow() {
    let (student, teacher) = (random([2, 3, 3, 2], 1) * 900.0, random([2, 3, 3, 4], 2) * 900.0);
    let attention = |map: &Tensor<4>| -> Vec<f64> {
        let [n, h, w, c] = map.dims();
        let energies: Vec<f64> = values(map)
            .chunks(c)
            .map(|channels| channels.iter().map(|value| value.powi(16)).sum())
            .collect();
        let lengths = energies.chunks(h * w).map(|image| {
            let length = image.iter().map(|energy| energy * energy).sum::<f64>().sqrt();
            image.iter().map(move |energy| energy / length)
        });
        let all: Vec<f64> = lengths.flatten().collect();
        assert_eq!(all.len(), n * h * w);
        all
    };
    let squares = attention(&student)
        .iter()
        .zip(attention(&teacher))
        .map(|(ours, theirs)| (ours - theirs) * (ours - theirs))
        .sum::<f64>();
    let method = planned(
        "at",
        "p = 16\n",
        std::slice::from_ref(&student),
        std::slice::from_ref(&teacher),
    )
    .unwrap();
    let (loss, gradient) = of_map(method.as_ref(), student, teacher);
    let wanted = squares / 18.0;
    assert!((loss - wanted).abs() < 1e-4 * wanted, "{loss} is not {wanted}");
    assert!(gradient.iter().any(|value| *value != 0.0) && gradient.iter().all(|value| value.is_finite()));
}
