//! DML gives the recorded numbers: each of two networks learns from the other, which is a constant to it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Int, Tensor, activation::log_softmax};
use potstill_methods::{TeacherOutput, TeacherUpdate, TeacherUse};
use potstill_testing::classics::{Case, EXACT, cases, of_logits, total};
use potstill_testing::networks::{context, network, plan, refusal, terms};
use potstill_testing::numbers::number;

/// The mean cross-entropy of logits `[N, K]` with their labels.
fn cross_entropy(logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    let log = log_softmax(logits, 1);
    -log.gather(1, labels.clone().unsqueeze_dim::<2>(1)).mean()
}

#[test]
fn mutual_learning_is_the_recorded_one() {
    let cases = cases("dml");
    let both = ["student", "teacher"].map(|owner| network("cifar_resnet8", 10, owner));
    let context = context(&both[0], Some(&both[1]));
    for case in cases.iter().flat_map(Case::in_both) {
        let method = plan(
            &format!("kind = \"dml\"\n{}", case.lines(&["temperature"])),
            &context,
        )
        .unwrap();
        assert_eq!(method.info().teacher, TeacherUse::Trained(TeacherUpdate::Online));
        let [one, two] = ["student", "student_2"].map(|name| case.input(name));
        let labels = case.labels(0);
        let peer = TeacherOutput::online(of_logits(two.rows()));
        let found = terms("dml", method.as_ref(), &of_logits(one.rows()), &peer, &labels, 0).unwrap();
        let names: Vec<&str> = found.iter().map(|term| term.name.as_str()).collect();
        assert_eq!(names, ["dml", "dml.peer"]);
        let own = [
            cross_entropy(one.rows(), &labels),
            cross_entropy(two.rows(), &labels),
        ];
        let networks = own
            .into_iter()
            .zip(&found)
            .map(|(own, term)| own + term.value.clone());
        let networks: Vec<Tensor<1>> = networks.collect();
        case.check_part("network_1", number(&networks[0]), EXACT);
        case.check_part("network_2", number(&networks[1]), EXACT);
        let [first, second] = [networks[0].clone(), networks[1].clone()];
        case.check(&(first + second), &[one, two], EXACT);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn a_frozen_peer_is_followed_alone_and_other_classes_are_refused() {
    let [ten, seven] = [10, 7].map(|classes| network("cifar_resnet8", classes, "network"));
    let method = plan("kind = \"dml\"", &context(&ten, Some(&ten))).unwrap();
    let case = &cases("dml")[0];
    let logits = case.input("student").rows();
    let frozen = TeacherOutput::frozen(of_logits(logits.clone().inner()));
    let found = terms(
        "dml",
        method.as_ref(),
        &of_logits(logits),
        &frozen,
        &case.labels(0),
        0,
    )
    .unwrap();
    assert!(found.len() == 1 && number(&total(found)).abs() < 1e-12);
    let message = refusal("kind = \"dml\"", &context(&ten, Some(&seven)));
    assert!(message.contains("7 classes"), "{message}");
}
