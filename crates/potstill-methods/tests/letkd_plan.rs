//! letKD planned from a recipe: where its layers stand, what it reads, what it refuses, what its loss moves.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_base::CacheEntry;
use potstill_methods::{
    CacheKey, Flow, Method, MethodError, NetworkOutput, PrepareContext, TeacherBatch, TeacherOutput,
    TrainBatch,
};
use potstill_models::{Model, probe};
use potstill_ops::{Frozen, Insertion, LayerConfig, Mode, Pass, Point, Scope, Taps, count_trainable};
use potstill_random::Seed;
use potstill_testing::networks::{self, context, network, plan, reads, refusal, see};
use potstill_testing::numbers::{self, values};

/// How many templates an inserted layer has.
fn templates(insertion: &Insertion) -> usize {
    match insertion.layer {
        LayerConfig::KdLayer { templates, .. } => templates,
        other @ LayerConfig::Projector { .. } => panic!("{other} is no KD layer"),
    }
}

/// The student with the method's layers.
fn with_layers(mut student: Model, method: &dyn Method) -> Model {
    for insertion in method.info().insertions {
        let scope = Scope::new(&Device::flex(), Seed::new(3), "letkd").at(&insertion.path);
        student.insert(&insertion, [32, 32], &scope).unwrap();
    }
    student
}

#[test]
fn the_layers_stand_at_both_ends_of_the_last_stage() {
    for (student, teacher, points) in [
        (
            "cifar_resnet20",
            "cifar_resnet56",
            [["layer3.0", "layer3.2"], ["layer3.0", "layer3.8"]],
        ),
        (
            "cifar_wrn_16_2",
            "cifar_wrn_40_2",
            [["block3.layer.0", "bn1"], ["block3.layer.0", "bn1"]],
        ),
        (
            "cifar_shufflenetv1",
            "cifar_resnet32x4",
            [["layer3.0", "layer3.3"], ["layer3.0", "layer3.4"]],
        ),
        (
            "cifar_shufflenetv2",
            "cifar_resnet32x4",
            [["layer3.0", "conv2"], ["layer3.0", "layer3.4"]],
        ),
    ] {
        let (student, teacher) = (network(student, 10, "student"), network(teacher, 10, "teacher"));
        let context = context(&student, Some(&teacher));
        let [of_student, of_teacher] = points;
        let two = plan("kind = \"letkd\"", &context).unwrap();
        let read: Vec<_> = reads(two.as_ref())
            .teacher
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(read, of_teacher);
        let layers = two.info().insertions;
        let stand: Vec<_> = layers.iter().map(|layer| layer.point.to_string()).collect();
        assert_eq!(stand, of_student);
        assert_eq!([templates(&layers[0]), templates(&layers[1])], [80, 4096]);
        let one = plan("kind = \"letkd\"\nvariant = 1", &context).unwrap();
        assert_eq!(one.info().insertions, [layers[1].clone()]);
        assert_eq!(reads(one.as_ref()).teacher.len(), 1);
        assert_eq!(
            reads(one.as_ref()).student[0].to_string(),
            "letkd.penultimate.scores"
        );
    }
}

#[test]
fn points_and_factors_are_chosen_in_the_recipe() {
    let (student, teacher) = (
        network("cifar_resnet8", 10, "student"),
        network("cifar_resnet14", 10, "teacher"),
    );
    let context = context(&student, Some(&teacher));
    let chosen = plan(
        "kind = \"letkd\"\nvariant = 1\ntemplates = 12\nalpha = 0.1\nstudent_points = [\"layer2.0\"]\n\
         teacher_points = [\"layer2.1\"]",
        &context,
    )
    .unwrap();
    let insertion = &chosen.info().insertions[0];
    assert_eq!(insertion.point.to_string(), "layer2.0");
    let (templates, alpha) = (12, 0.1);
    assert_eq!(insertion.layer, LayerConfig::KdLayer { templates, alpha });
    for (entry, words) in [
        ("variant = 3", "variant"),
        ("templates = 1", "templates"),
        ("sharpness = 0", "sharpness"),
        ("iterations = 0", "iterations"),
        ("teacher_points = [\"layer3.0\"]", "pairs 2 points"),
        ("variant = 1\nstudent_points = [\"layer9\"]", "layer9"),
        ("variant = 1\nteacher_points = [\"pool\"]", "no whole multiple"),
        ("variant = 1\nclusters = 5", "clusters"),
    ] {
        let message = refusal(&format!("kind = \"letkd\"\n{entry}"), &context);
        assert!(message.contains(words), "{entry}: {message}");
    }
    let alone = networks::context(&student, None);
    assert!(refusal("kind = \"letkd\"", &alone).contains("[teacher]"));
}

const SMALL: &str = "kind = \"letkd\"\ntemplates = 24\nsub_classes = 3\ncomponents = 6";

fn terms(
    method: &dyn Method,
    student: &NetworkOutput,
    teacher: &NetworkOutput,
) -> Result<Vec<(String, Tensor<1>)>, MethodError> {
    let labels = Tensor::<1, Int>::from_ints([0, 3, 9, 3], &Device::flex());
    let teacher = TeacherOutput::frozen(teacher.clone());
    let terms = networks::terms("letkd", method, student, &teacher, &labels, 0)?;
    Ok(terms.into_iter().map(|term| (term.name, term.value)).collect())
}

/// Draws what the preparation would find.
struct Placeholders;

impl PrepareContext for Placeholders {
    fn is_dry_run(&self) -> bool {
        true
    }

    fn device(&self) -> Device {
        Device::flex()
    }

    fn images(&self) -> usize {
        0
    }

    fn classes(&self) -> usize {
        0
    }

    fn for_each_teacher_batch(
        &mut self,
        _: &[Point],
        _: usize,
        _: &mut dyn FnMut(TeacherBatch) -> Flow,
    ) -> Result<(), MethodError> {
        panic!("nothing is prepared")
    }

    fn for_each_train_batch(
        &mut self,
        _: u64,
        _: usize,
        _: usize,
        _: &mut dyn FnMut(TrainBatch) -> Flow,
    ) -> Result<(), MethodError> {
        panic!("nothing is prepared")
    }

    fn cache_entry(&mut self, _: &str, _: CacheKey, _: &str) -> Result<CacheEntry, MethodError> {
        panic!("nothing is prepared")
    }

    fn progress(&mut self, _: &str, _: usize, _: usize) {}

    fn message(&mut self, _: &str) {}

    fn should_stop(&self) -> bool {
        false
    }
}

#[test]
fn the_losses_move_templates_and_backbone() {
    // The teacher's maps are twice the student's.
    for (student, teacher) in [
        ("cifar_resnet14", "cifar_resnet20"),
        ("cifar_shufflenetv2", "cifar_resnet8x4"),
    ] {
        let (student, teacher) = (network(student, 10, "student"), network(teacher, 10, "teacher"));
        let mut method = plan(SMALL, &context(&student, Some(&teacher))).unwrap();
        let student = with_layers(student, method.as_ref());
        let (seen, taught) = see(&reads(method.as_ref()), &student, &teacher);
        let too_early = terms(method.as_ref(), &seen, &taught).unwrap_err();
        assert!(matches!(too_early, MethodError::NotPrepared));
        assert!(method.info().prepares);
        method.prepare(&mut Placeholders).unwrap();
        let found = terms(method.as_ref(), &seen, &taught).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["letkd.penultimate", "letkd.intermediate"]);
        for (name, value) in found {
            let loss = values(&value)[0];
            assert!(loss.is_finite() && loss > 0.0, "{name}: {loss}");
            let mut slopes = std::collections::BTreeMap::new();
            let (again, _) = see(&reads(method.as_ref()), &student, &teacher);
            let value = terms(method.as_ref(), &again, &taught)
                .unwrap()
                .into_iter()
                .find(|(other, _)| *other == name)
                .unwrap()
                .1;
            student
                .parameters()
                .each_gradient(&value.backward(), &mut |entry, slope| {
                    slopes.insert(entry.path.clone(), values(&slope).iter().any(|&s| s != 0.0));
                });
            assert!(slopes[&format!("{name}.templates.weight")], "{name}");
            assert!(slopes[&format!("{name}.templates.scale")], "{name}");
            assert!(slopes["conv1.weight"], "{name} reaches the first layer");
            assert!(!slopes.contains_key(&format!("{name}.vectors.weight")) || name == "letkd.intermediate");
        }
    }
}

#[test]
fn the_layers_are_part_of_the_network() {
    let student = network("cifar_resnet14", 10, "student");
    let teacher = network("cifar_resnet20", 10, "teacher");
    let method = plan(SMALL, &context(&student, Some(&teacher))).unwrap();
    let plain = student.clone();
    let whole = with_layers(student, method.as_ref());
    let [before, after] = [&plain, &whole].map(|network| probe(network, [32, 32], &Device::flex()).unwrap());
    let layer = |k: usize| 2 * k * 64 + 2 * k + 2;
    assert_eq!(
        count_trainable(whole.parameters()),
        count_trainable(plain.parameters()) + layer(24) + layer(30)
    );
    assert_eq!(after.parameters, before.parameters + layer(24) + layer(30));
    let products = 2 * 64 * 64 * (24 + 30);
    assert_eq!(after.macs, before.macs + products as u64);
    let costs: u64 = after.costs.values().sum();
    assert_eq!(
        costs + 640,
        after.macs,
        "all but the classifier is counted at a point"
    );
    for (point, cost) in &before.costs {
        assert_eq!(after.costs[point], *cost, "{point}");
    }
    // A tap behind a layer sees what comes out of it, in every mode.
    for mode in [Mode::Running, Mode::RunningWithGradient] {
        let mut taps = Taps::at(&["layer3.1".parse().unwrap(), "letkd.penultimate".parse().unwrap()]);
        let images = Tensor::ones([2, 32, 32, 3], &Device::flex());
        Frozen::new(&whole)
            .get()
            .forward(images, &mut Pass::visited(mode, &mut taps));
        let [a, b] = ["layer3.1", "letkd.penultimate"].map(|path| taps.map(&path.parse().unwrap()).unwrap());
        assert_eq!(values(&a), values(&b));
    }
    // The same layer again is no change; another of that name is refused, and so is a point that is not there.
    let mut again = with_layers(whole.clone(), method.as_ref());
    assert_eq!(again.insertions(), whole.insertions());
    let scope = Scope::new(&Device::flex(), Seed::new(3), "letkd");
    let mut other = method.info().insertions[0].clone();
    let (templates, alpha) = (5, 1.0);
    other.layer = LayerConfig::KdLayer { templates, alpha };
    assert!(again.insert(&other, [32, 32], &scope).is_err());
    other.path = "elsewhere".into();
    other.point = "layer7".parse().unwrap();
    assert!(
        again
            .insert(&other, [32, 32], &scope)
            .unwrap_err()
            .to_string()
            .contains("layer7")
    );
    // Deployed, the rows have length one and the logits stay.
    let images = || Tensor::<4>::ones([2, 32, 32, 3], &Device::flex());
    let logits = |network: &Model| values(&Model::logits(&Frozen::new(network), images()).unwrap());
    numbers::assert_near("logits", &logits(&whole.deployed()), &logits(&whole), 1e-5);
    whole.deployed().parameters().each(&mut |entry, value| {
        if entry.path.ends_with("s.weight") {
            let columns = entry.shape[1];
            for row in values(&value).chunks(columns) {
                assert!((row.iter().map(|w| w * w).sum::<f64>() - 1.0).abs() < 1e-5);
            }
        }
    });
}
