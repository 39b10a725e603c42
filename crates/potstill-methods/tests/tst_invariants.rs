//! What must hold for TST whatever the numbers: gates shut and open, gradients by finite differences, what the loss prefers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::{
    module::Module,
    tensor::{DType, Device, Int, Tensor},
};
use potstill_data::Normalise;
use potstill_methods::tst::{
    AffineNetwork, Augmenter, Bank, BankKind, DRAWN, Gate, Kind, MAGNITUDES, Networks, Operation,
    PolicyParameters, SearchLoss, superimposed,
};
use potstill_random::{Seed, Stream};
use potstill_testing::numbers::{assert_near, fill, gradients, map, number, scope, tensor, values};

fn input() -> Normalise {
    Normalise {
        mean: vec![0.5071, 0.4867, 0.4408],
        std: vec![0.2675, 0.2565, 0.2761],
    }
}

/// Networks that do something, in double precision.
fn networks() -> Networks {
    let mut networks = Networks::new(&scope());
    fill(&mut networks, |entry, i| {
        entry
            .path
            .ends_with("linear.weight")
            .then(|| 0.05 * (1.7 * i as f64 + entry.path.len() as f64).sin())
    });
    networks.valid()
}

fn augmenter(forms: BankKind, gate: Gate, probability: impl Fn(usize) -> f64) -> Augmenter {
    let mut strengths = PolicyParameters::new(&scope());
    fill(&mut strengths, |entry, i| match entry.path.as_str() {
        "probabilities" => Some(probability(i)),
        _ => Some(0.3 * (i as f64).sin()),
    });
    Augmenter {
        strengths,
        gate,
        bank: Bank::new(forms, &input(), Some(4.0), 3),
    }
}

fn both_banks() -> [BankKind; 2] {
    [BankKind::Networks(Box::new(networks())), BankKind::ClosedForm]
}

fn pixels() -> Tensor<4> {
    map([2, 3, 8, 6], |i| {
        ((40.0 + 35.0 * (0.37 * i as f64).sin()) * 3.0).round() / 255.0
    })
}

fn stream(number: u64) -> Stream {
    Seed::new(9).stream("test", &[number])
}

#[test]
fn shut_gates_leave_the_images_and_open_ones_change_them() {
    for forms in both_banks() {
        let shut = augmenter(forms.clone(), Gate::Logit, |_| -1e4);
        let open = augmenter(forms, Gate::Logit, |_| 1e4);
        for draw in 0..5 {
            let same = shut.augment(pixels(), &mut stream(draw));
            assert_near("shut", &values(&same), &values(&pixels()), 1e-12);
            let other = open.augment(pixels(), &mut stream(draw));
            let change = number(&(other - pixels()).abs().mean().inner());
            assert!(change > 0.01, "draw {draw} changes nothing");
        }
    }
}

#[test]
fn one_open_gate_is_the_operation_itself() {
    let (x, operated) = (pixels(), pixels() * 0.3);
    let out = superimposed(&x, vec![(tensor([1], |_| 1.0), operated.clone())]);
    assert_near("open", &values(&out), &values(&operated), 1e-12);
}

#[test]
fn an_untrained_affine_network_changes_nothing() {
    let network = AffineNetwork::new(&scope()).valid();
    let x = pixels().cast(DType::F32);
    let magnitude = tensor([1], |_| 0.8).cast(DType::F32);
    let gates = [0.0, 0.4];
    for gates in [&[] as &[f64], &gates] {
        let out = network.forward(x.clone(), magnitude.clone(), &[], gates);
        assert_eq!(values(&out), values(&x));
    }
}

#[test]
fn the_same_stream_gives_the_same_images_and_another_others() {
    let augmenter = augmenter(BankKind::ClosedForm, Gate::Code, |_| 0.0);
    let augmented = |draw| values(&augmenter.augment(pixels(), &mut stream(draw)));
    assert_eq!(augmented(1), augmented(1));
    assert_ne!(augmented(1), augmented(2));
}

#[test]
fn only_drawn_operations_get_a_gradient() {
    let augmenter = augmenter(BankKind::Networks(Box::new(networks())), Gate::Code, |_| 0.0);
    let mut reached = 0;
    for draw in 0..12 {
        let loss = augmenter.augment(pixels(), &mut stream(draw)).square().mean();
        let own = gradients(&augmenter.strengths, &loss.backward());
        for (path, length) in [("probabilities", 14), ("magnitudes", MAGNITUDES)] {
            let Some(gradient) = own.get(path) else { continue };
            assert_eq!(gradient.len(), length);
            let nonzero = gradient.iter().filter(|&&slope| slope != 0.0).count();
            assert!(nonzero <= DRAWN, "{path}: {nonzero}");
            reached += nonzero;
        }
    }
    assert!(reached > 12, "hardly anything is learned: {reached}");
}

#[test]
fn gradients_of_the_strengths_are_those_of_finite_differences() {
    for forms in both_banks() {
        // Logits at which gates are neither shut nor open for most draws.
        let strengths = |moved: Option<(&str, usize, f64)>| {
            let mut augmenter = augmenter(forms.clone(), Gate::Logit, |i| 0.1 * (i as f64).cos());
            if let Some((path, k, by)) = moved {
                fill(&mut augmenter.strengths, |entry, i| {
                    let start = match entry.path.as_str() {
                        "probabilities" => 0.1 * (i as f64).cos(),
                        _ => 0.3 * (i as f64).sin(),
                    };
                    Some(
                        start
                            + if (entry.path.as_str(), i) == (path, k) {
                                by
                            } else {
                                0.0
                            },
                    )
                });
            }
            augmenter
        };
        let loss =
            |augmenter: &Augmenter, draw| augmenter.augment(pixels(), &mut stream(draw)).square().mean();
        let step = 1e-6;
        for draw in 0..6 {
            let augmenter = strengths(None);
            let own = gradients(&augmenter.strengths, &loss(&augmenter, draw).backward());
            for (path, gradient) in &own {
                let by_difference: Vec<f64> = (0..gradient.len())
                    .map(|k| {
                        let at = |by| number(&loss(&strengths(Some((path, k, by))), draw).inner());
                        (at(step) - at(-step)) / (2.0 * step)
                    })
                    .collect();
                let largest = by_difference.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
                for (ours, theirs) in gradient.iter().zip(&by_difference) {
                    let near = (ours - theirs).abs() <= 1e-5 * largest + 1e-9;
                    assert!(near, "{path} of draw {draw}: {ours} is not {theirs}");
                }
            }
        }
    }
}

#[test]
fn the_closed_form_is_the_operation_at_every_step_of_its_table() {
    let bank = Bank::new(BankKind::ClosedForm, &input(), None, 3);
    let x = bank.scale().normalised(pixels());
    let pictures = bank.scale().pictures(&x);
    let colours = Operation::ALL
        .into_iter()
        .filter(|operation| operation.kind() == Kind::Colour);
    for operation in colours {
        for bin in 0..10 {
            let middle = tensor([1], |_| (bin as f64 + 0.5) / 10.0);
            let ours = bank.apply(operation, &x, Some(middle), &mut stream(0));
            let pil_op = operation.pil_op(bin, false, [8, 6]).unwrap();
            let real = bank.scale().operated(&pictures, pil_op, &x);
            assert_near(operation.name(), &values(&ours), &values(&real), 1e-6);
        }
    }
}

#[test]
fn cutout_leaves_one_square_out_and_nothing_else() {
    let bank = Bank::new(BankKind::ClosedForm, &input(), None, 2);
    let x = bank.scale().normalised(pixels()) + 10.0;
    for draw in 0..8 {
        let cut = values(&bank.apply(Operation::Cutout, &x, None, &mut stream(draw)));
        let empty = cut.iter().filter(|&&value| value == 0.0).count();
        // At most 4 x 4 pixels of three channels in two images, and at least what a corner leaves.
        assert!((2 * 3 * 4..=2 * 3 * 16).contains(&empty), "{empty}");
        let kept = cut
            .iter()
            .zip(values(&x))
            .all(|(cut, x)| *cut == 0.0 || *cut == x);
        assert!(kept);
    }
}

fn search(student: [f64; 3], teacher: [f64; 3]) -> f64 {
    let logits = |values: [f64; 3]| tensor([1, 3], move |i| values[i]);
    let labels = Tensor::<1, Int>::from_data([1], &Device::flex());
    let loss = SearchLoss::new(logits(student), logits(teacher), &labels);
    number(&loss.teacher) + number(&loss.student)
}

#[test]
fn the_search_prefers_what_the_teacher_knows_and_the_student_does_not() {
    let plain = search([0.2, 0.1, 0.0], [0.0, 0.5, 0.1]);
    assert!(
        search([0.2, 0.1, 0.0], [0.0, 0.9, 0.1]) < plain,
        "a surer teacher"
    );
    assert!(
        search([0.2, -0.4, 0.0], [0.0, 0.5, 0.1]) < plain,
        "a less sure student"
    );
    // With two equal networks it is -log p - log(1 - p), least at one half.
    let equal = |p: f64| {
        let logit = (p / (1.0 - p)).ln();
        let network = [0.0, logit + 2f64.ln(), 0.0];
        search(network, network)
    };
    for p in [0.1, 0.5, 0.9] {
        assert_near("equal", &[equal(p)], &[-p.ln() - (1.0 - p).ln()], 1e-6);
    }
    assert!(equal(0.5) < equal(0.45) && equal(0.5) < equal(0.55));
}

#[test]
fn a_student_that_is_sure_saturates_and_stays_finite() {
    let sure = search([0.0, 200.0, 0.0], [0.0, 0.0, 0.0]);
    assert_near("saturated", &[sure - 3f64.ln()], &[-(1e-8f64).ln()], 1e-5);
    let logits = tensor([1, 3], |i| [0.0, 40.0, 0.0][i])
        .cast(DType::F16)
        .autodiff()
        .require_grad();
    let labels = Tensor::<1, Int>::from_data([1], &Device::flex());
    let loss = SearchLoss::new(logits.clone(), logits.clone(), &labels);
    let gradient = values(&logits.grad(&(loss.student + loss.teacher).backward()).unwrap());
    assert!(gradient.iter().all(|slope| slope.is_finite()), "{gradient:?}");
}
