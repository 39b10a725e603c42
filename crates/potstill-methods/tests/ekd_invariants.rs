//! What must hold for EKD whatever the numbers: who gets a gradient from what, zeros at equality, finite differences.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use potstill_methods::{
    GuidedStudent, GuidedTeacher, ImitationLoss, LossTerm, Method, NetworkOutput, Probabilities,
    StudentEpoch, Targets, TeacherOutput, TeacherStep, TeacherUpdate, imitation_loss,
};
use potstill_models::Model;
use potstill_ops::{Mode, Parameters, Pass, Point, Taps};
use potstill_tasks::cross_entropy;
use potstill_testing::networks::{self, context, module, network, own, plan, reads};
use potstill_testing::numbers::{DIVIDED, fill, gradients, map, nchw, number, scope, tensor, values};

const LOSSES: [ImitationLoss; 2] = [ImitationLoss::Mse, ImitationLoss::NormMse];

/// Two networks in training on four images, and what EKD makes of them.
struct Together {
    student: Model,
    teacher: Model,
    method: Box<dyn Method>,
}

impl Together {
    fn of(options: &str) -> Self {
        let (student, teacher) = (
            network("cifar_resnet8", 10, "student"),
            network("cifar_wrn_16_1", 10, "teacher"),
        );
        let method = plan(
            &format!("kind = \"ekd\"\n{options}"),
            &context(&student, Some(&teacher)),
        )
        .unwrap();
        Self {
            student,
            teacher,
            method,
        }
    }

    /// All terms: of a teacher that moves first, and of the step that comes then.
    fn terms(&self, epoch: usize) -> Vec<LossTerm> {
        let images = map([4, 3, 32, 32], |i| {
            (0.1 * i as f64).sin() + (0.003 * i as f64).cos()
        })
        .cast(DType::F32);
        let see = |network: &Model, points: &[Point]| {
            let mut taps = Taps::at(points);
            let outputs = network.forward(images.clone(), &mut Pass::visited(Mode::Batch, &mut taps));
            let images = images.clone();
            NetworkOutput {
                images,
                outputs,
                taps,
            }
        };
        let reads = reads(self.method.as_ref());
        let student = see(&self.student, &reads.student);
        let tracked = see(&self.teacher, &reads.teacher);
        let labels = Tensor::<1, Int>::from_data(TensorData::new(vec![1, 3, 0, 7], [4]), &Device::flex());
        let terms = |teacher: &TeacherOutput| {
            networks::terms("ekd", self.method.as_ref(), &student, teacher, &labels, epoch).unwrap()
        };
        if self.method.info().teacher.update() != TeacherUpdate::OnlineFirst {
            return terms(&TeacherOutput::online(tracked));
        }
        let step = TeacherStep {
            id: "ekd",
            teacher: &tracked,
            targets: &Targets::Class(labels.clone()),
            epoch: StudentEpoch(epoch),
        };
        let lead = self
            .method
            .teacher_terms(&step, &mut Pass::new(Mode::Batch))
            .unwrap();
        [terms(&TeacherOutput::frozen(tracked.detached())), lead].concat()
    }

    /// How many tensors of the student, its halves, the teacher and its halves get a gradient from this term.
    fn reached(&self, name: &str) -> [usize; 4] {
        let term = self.terms(0).into_iter().find(|term| term.name == name).unwrap();
        let tape = term.value.backward();
        let count = |module: &dyn Parameters| gradients(module, &tape).len();
        [
            count(self.student.parameters()),
            count(own(self.method.as_ref())),
            count(self.teacher.parameters()),
            module(self.method.as_ref(), "teacher").map_or(0, count),
        ]
    }
}

#[test]
fn losses_reach_their_own_side_only() {
    let together = Together::of("");
    let [student, halves, teacher, taught] = together.reached("ekd-transfer");
    assert!(student > 0 && halves == 0 && teacher == 0 && taught == 0);
    let [student, halves, teacher, taught] = together.reached("ekd-imitation");
    assert!(student > 0 && halves == 3 * 6 && teacher == 0 && taught == 0);
    let [student, halves, teacher, taught] = together.reached("ekd-heads");
    assert!(
        student == 0 && halves == 0 && teacher == 0 && taught == 3 * 8,
        "{taught}"
    );
    let together = Together::of("aux_grad_to_backbone = true");
    let [student, halves, teacher, taught] = together.reached("ekd-heads");
    assert!(student == 0 && halves == 0 && teacher > 0 && taught == 3 * 8);
    assert_eq!(together.reached("ekd-imitation")[2..], [0, 0]);
    let together = Together::of("gm_teacher = \"identity\"");
    let [student, halves, teacher, taught] = together.reached("ekd-imitation");
    assert!(student > 0 && halves == 3 * 6 && teacher == 0 && taught == 0);
    assert!(module(together.method.as_ref(), "teacher").is_none());
}

#[test]
fn a_teacher_that_moves_first_has_the_same_terms() {
    for options in ["", "beta = 2.0\neta = 0.5", "aux_grad_to_backbone = true"] {
        let beside = Together::of(options);
        let first = Together::of(&format!("update_order = \"teacher-first\"\n{options}"));
        let (terms, of_first) = (beside.terms(0), first.terms(0));
        assert_eq!(terms.len(), of_first.len());
        for term in &terms {
            let other = of_first.iter().find(|other| other.name == term.name).unwrap();
            assert_eq!(term.factor, other.factor, "{}", term.name);
            assert_eq!(number(&term.value), number(&other.value), "{}", term.name);
        }
        for name in ["ekd-transfer", "ekd-imitation", "ekd-heads"] {
            assert_eq!(beside.reached(name), first.reached(name), "{name}, {options}");
        }
    }
    let unheard = Together::of("update_order = \"teacher-first\"\neta = 0.0\naux_grad_to_backbone = true");
    let heads = unheard.terms(0).into_iter().find(|term| term.name == "ekd-heads");
    assert!(heads.is_some_and(|heads| heads.factor.is_none() && !heads.value.is_autodiff()));
}

#[test]
fn weights_are_factors_and_a_weight_of_zero_only_notes() {
    let factors = |options: &str, epoch| -> Vec<(String, Option<f64>)> {
        let terms = Together::of(options).terms(epoch);
        terms.into_iter().map(|term| (term.name, term.factor)).collect()
    };
    let named = |values: [Option<f64>; 3]| {
        let names = ["ekd-transfer", "ekd-imitation", "ekd-heads"];
        let mut named: Vec<_> = names.map(String::from).into_iter().zip(values).collect();
        named.push(("ekd-least-deviation".into(), None));
        named
    };
    assert_eq!(factors("", 0), named([Some(1.0); 3]));
    let some = "alpha = 0.0\nbeta = 3.0\neta = 0.5";
    assert_eq!(factors(some, 0), named([None, Some(3.0), Some(0.5)]));
    let warm = "alpha = 2.0\nbeta = 4.0\ntransfer_warmup_epochs = 4";
    assert_eq!(factors(warm, 0), named([None, None, Some(1.0)]));
    assert_eq!(factors(warm, 1), named([Some(0.5), Some(1.0), Some(1.0)]));
    assert_eq!(factors(warm, 4), named([Some(2.0), Some(4.0), Some(1.0)]));
    assert_eq!(factors(warm, 9), named([Some(2.0), Some(4.0), Some(1.0)]));
    // An autodiff graph without a backward pass is never freed.
    let mut terms = Together::of("eta = 0.0").terms(0).into_iter();
    let heads = terms.find(|term| term.name == "ekd-heads").unwrap();
    assert!(heads.factor.is_none() && !heads.value.is_autodiff());
}

#[test]
fn fresh_halves_give_maps_of_unit_deviation_and_unrelated_ones_a_loss_near_two() {
    let terms = Together::of("").terms(0);
    let value = |name: &str| number(&terms.iter().find(|term| term.name == name).unwrap().value);
    assert!((value("ekd-least-deviation") - 1.0).abs() < 0.05);
    assert!(
        (1.0..3.0).contains(&value("ekd-imitation")),
        "{}",
        value("ekd-imitation")
    );
    // Logits of fresh heads are small: about as good as guessing.
    assert!(
        (value("ekd-heads") - 10f64.ln()).abs() < 1.0,
        "{}",
        value("ekd-heads")
    );
}

#[test]
fn equal_maps_and_logits_lose_nothing() {
    let target = map([2, 3, 4, 5], |i| (0.7 * i as f64).sin());
    for loss in LOSSES {
        let leaf = target.clone().autodiff().require_grad();
        let value = imitation_loss(leaf.clone(), target.clone(), loss);
        assert_eq!(number(&value), 0.0);
        let gradient = values(&leaf.grad(&value.backward()).unwrap());
        assert!(gradient.iter().all(|value| *value == 0.0));
    }
    // A direction does not change with its length, and opposite ones are farthest apart.
    let angle = |map: Tensor<4>| number(&imitation_loss(map, target.clone(), ImitationLoss::NormMse));
    assert!(angle(target.clone() * 3.0) < 1e-12);
    assert!((angle(target.clone() * -0.5) - 4.0).abs() < 1e-6);
    let teacher = tensor([3, 5], |i| (0.3 * i as f64).cos());
    let shifted = teacher.clone() + tensor([3, 1], |row| 2.0 * row as f64);
    assert!(number(&Probabilities::Softmax.divergence(shifted, teacher, 4.0)).abs() < 1e-13);
}

#[test]
fn a_position_without_length_has_a_finite_gradient() {
    let leaf = map([1, 2, 2, 2], |i| if i % 4 == 0 { 0.0 } else { 1.0 + i as f64 })
        .autodiff()
        .require_grad();
    let target = map([1, 2, 2, 2], |i| 1.0 + i as f64);
    let tape = imitation_loss(leaf.clone(), target, ImitationLoss::NormMse).backward();
    assert!(
        values(&leaf.grad(&tape).unwrap())
            .iter()
            .all(|value| value.is_finite())
    );
}

const STEP: f64 = 1e-5;

/// Every first and last gradient of the module against differences of `loss(module)`.
#[track_caller]
fn assert_weights<M: Parameters + Clone>(module: &M, loss: &dyn Fn(&M) -> Tensor<1>) {
    let tape = loss(module).backward();
    let own = gradients(module, &tape);
    assert!(!own.is_empty());
    for (path, gradient) in &own {
        for k in [0, gradient.len() - 1] {
            let at = |by: f64| {
                let mut moved = module.clone();
                let mut original = Vec::new();
                module.each(&mut |entry, tensor| {
                    if entry.path == *path {
                        original = values(&tensor);
                    }
                });
                fill(&mut moved, |entry, i| {
                    (entry.path == *path).then(|| original[i] + if i == k { by } else { 0.0 })
                });
                number(&loss(&moved))
            };
            let by_difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let near = (gradient[k] - by_difference).abs() < DIVIDED;
            assert!(near, "{path} {k}: {} is not {by_difference}", gradient[k]);
        }
    }
}

fn in_double<M: Parameters>(mut module: M) -> M {
    fill(&mut module, |_, _| None);
    module
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let shape = [3, 2, 5, 4];
    let features = |moved: Option<(usize, f64)>| {
        map(shape, |i| {
            (0.9 * i as f64).sin() + moved.filter(|&(k, _)| k == i).map_or(0.0, |(_, by)| by)
        })
    };
    let target = || map([3, 3, 5, 4], |i| (0.37 * i as f64).cos());
    let half = in_double(GuidedStudent::new(2, 3, &scope()));
    for loss in LOSSES {
        let of = |half: &GuidedStudent, map: Tensor<4>| {
            imitation_loss(half.forward(map, &mut Pass::new(Mode::Batch)), target(), loss)
        };
        assert_weights(&half, &|half| of(half, features(None)));
        let leaf = features(None).autodiff().require_grad();
        let gradient = nchw(&leaf.grad(&of(&half, leaf.clone()).backward()).unwrap());
        for k in [0, 31, gradient.len() - 1] {
            let at = |by| number(&of(&half, features(Some((k, by)))));
            let by_difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            let near = (gradient[k] - by_difference).abs() < DIVIDED;
            assert!(
                near,
                "{loss:?}, feature {k}: {} is not {by_difference}",
                gradient[k]
            );
        }
    }
    let labels = || Tensor::<1, Int>::from_data(TensorData::new(vec![1, 0, 3], [3]), &Device::flex());
    let taught = in_double(GuidedTeacher::new(2, 3, 4, &scope()));
    assert_weights(&taught, &|half| {
        let (_, logits) = half.forward(features(None), &mut Pass::new(Mode::Batch));
        cross_entropy(logits, labels(), 0.0)
    });
}
