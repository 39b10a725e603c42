//! Methods of logits are planned as their options say, or refused with the reason.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use potstill_methods::{PlanContext, TeacherUse};
use potstill_testing::networks::{context, network, plan, refusal};

use crate::logits::ten_classes;

#[test]
fn what_says_nothing_is_refused() {
    let networks = |classes| {
        let [student, teacher] = ["student", "teacher"].map(|owner| network("cifar_resnet8", classes, owner));
        context(&student, Some(&teacher))
    };
    let one = networks(1);
    for kind in [
        "kd",
        "dkd",
        "dist",
        "nkd",
        "ttm",
        "rld",
        "ctkd",
        "wsld",
        "label-smoothing",
        "tf-kd",
    ] {
        let message = refusal(&format!("kind = \"{kind}\""), &one);
        assert!(message.contains("there is one class"), "{message}");
    }
    let two = networks(2);
    for kind in ["kd", "dkd", "dist", "nkd", "ttm", "rld", "ctkd", "wsld"] {
        assert!(plan(&format!("kind = \"{kind}\""), &two).is_ok(), "{kind}");
        let message = refusal(&format!("kind = \"{kind}\"\nstandardise = true"), &two);
        assert!(message.contains("two classes"), "{message}");
    }
    let message = refusal("kind = \"kd\"\nfocal = 2\nstandardise = true", &networks(10));
    assert!(message.contains("`standardise`"), "{message}");
}

#[test]
fn an_earlier_copy_teaches_where_there_is_one() {
    let alone = PlanContext {
        teachers: Vec::new(),
        ..ten_classes()
    };
    let teacher_of = |entry: &str, context: &PlanContext| plan(entry, context).unwrap().info().teacher;
    assert_eq!(teacher_of("kind = \"tf-kd\"", &alone), TeacherUse::None);
    assert_eq!(
        teacher_of("kind = \"tf-kd\"", &ten_classes()),
        TeacherUse::OneOrMean
    );
    assert_eq!(
        teacher_of("kind = \"tf-kd\"\nvariant = \"virtual\"", &ten_classes()),
        TeacherUse::None
    );
    let message = refusal("kind = \"tf-kd\"\nvariant = \"self\"", &alone);
    assert!(message.contains("add a [teacher] table"), "{message}");
    // Another network is no earlier copy.
    let [student, teacher] = ["cifar_resnet8", "cifar_resnet14"].map(|name| network(name, 10, name));
    let other = context(&student, Some(&teacher));
    let info = plan("kind = \"tf-kd\"", &other).unwrap().info();
    assert_eq!(info.teacher, TeacherUse::None);
    assert!(
        info.notes[0].contains("the virtual teacher is taken"),
        "{:?}",
        info.notes
    );
    let message = refusal("kind = \"tf-kd\"\nvariant = \"self\"", &other);
    assert!(
        message.contains("`methods.0.variant` has an earlier run"),
        "{message}"
    );
}

#[test]
fn a_ramp_longer_than_the_training_is_told() {
    let short = PlanContext {
        epochs: 12,
        ..ten_classes()
    };
    let notes = |entry: &str| plan(entry, &short).unwrap().info().notes.join("\n");
    for kind in ["dkd", "rld", "review-kd"] {
        let told = notes(&format!("kind = \"{kind}\""));
        assert!(
            told.contains("20 epochs is longer than the training, of 12")
                && told.contains("`ramp_epochs = 1` here"),
            "{kind}: {told}"
        );
        assert_eq!(
            notes(&format!("kind = \"{kind}\"\nramp_epochs = 12")),
            "",
            "{kind}"
        );
    }
    assert_eq!(notes("kind = \"ctkd\""), "");
    assert!(notes("kind = \"ctkd\"\nramp_epochs = 13").contains("longer"));
}
