//! USKD where its rows and maps are odd.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use potstill_methods::{Method, NetworkOutput};
use potstill_models::Outputs;
use potstill_ops::PointSide;
use potstill_testing::classics::{assert_differences, drawn, of_maps, showing, size_of, total};
use potstill_testing::networks::{context, own_terms, plan};
use potstill_testing::numbers::{fill, number, tensor, values};

fn rows(count: [usize; 2], seed: usize) -> Tensor<2> {
    let numbers = drawn(count[0] * count[1], seed, -2.5..=2.5);
    tensor(count, |i| numbers[i])
}

fn map(shape: [usize; 4], seed: usize) -> Tensor<4> {
    let numbers = drawn(shape.iter().product(), seed, 0.0..=2.0);
    tensor(shape, |i| numbers[i])
}

/// For a student of so many classes that shows such a map; in double precision.
fn planned(classes: usize, like: &Tensor<4>, lines: &str) -> Box<dyn Method> {
    let mut network = context(&showing(&[size_of(like)]), None);
    network.student.probe.classes = classes;
    let entry = format!("kind = \"uskd\"\nstudent_point = \"norms.0\"\n{lines}");
    let mut method = plan(&entry, &network).unwrap();
    for part in method.parts_mut() {
        fill(part.module, |_, _| None);
    }
    method
}

fn loss(method: &dyn Method, logits: Tensor<2>, map: Tensor<4>) -> Tensor<1> {
    let n = logits.dims()[0];
    let seen = NetworkOutput {
        outputs: Outputs::Logits(logits),
        ..of_maps(&[map], PointSide::Post)
    };
    let classes: Vec<i32> = (0..n).map(|at| (at % 2) as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(classes, [n]), &Device::flex());
    total(own_terms("test", method, &seen, &labels, 0).unwrap())
}

#[test]
fn odd_rows_and_maps_have_finite_losses_and_gradients() {
    for [n, k] in [[1, 2], [3, 2], [1, 5], [4, 5]] {
        let maps = [
            map([n, 2, 2, 3], 1),
            tensor([n, 2, 2, 3], |_| 0.5),
            tensor([n, 2, 2, 3], |_| 0.0),
        ];
        let certain = tensor([n, k], |i| if i % k == 1 { 6e4 } else { -6e4 });
        for map in maps {
            let method = planned(k, &map, "");
            for logits in [rows([n, k], 1), tensor([n, k], |_| 0.5), certain.clone()] {
                let leaf = logits.autodiff().require_grad();
                let loss = loss(method.as_ref(), leaf.clone(), map.clone());
                assert!(number(&loss).is_finite(), "{n} of {k}");
                let gradient = values(&leaf.grad(&loss.backward()).unwrap());
                assert!(
                    gradient.iter().all(|value| value.abs() < 1e6),
                    "{n} of {k}: {gradient:?}"
                );
            }
        }
    }
}

#[test]
fn of_two_classes_the_others_say_nothing() {
    let map = map([4, 2, 2, 3], 1);
    let of = |lines: &str| {
        number(&loss(
            planned(2, &map, lines).as_ref(),
            rows([4, 2], 1),
            map.clone(),
        ))
    };
    assert!((of("beta = 0") - of("beta = 7")).abs() < 1e-12);
}

#[test]
fn gradients_are_what_differences_say() {
    let (logits, map) = (rows([3, 5], 1), map([3, 2, 2, 3], 1));
    // The weights of the true class are constants, which differences do not know; ranks do not change by a little.
    let method = planned(5, &map, "alpha = 0\nbeta = 2\nmu = 1");
    let of_logits = |leaf: Tensor<1>| loss(method.as_ref(), leaf.reshape([3, 5]), map.clone());
    assert_differences("logits", &values(&logits), of_logits, 1e-6);
    let of_map = |leaf: Tensor<1>| loss(method.as_ref(), logits.clone(), leaf.reshape([3, 2, 2, 3]));
    assert_differences("map", &values(&map), of_map, 1e-6);
}
