//! Methods that read the last classifiers: the recorded numbers of their authors' programs in both precisions, odd rows, and what is refused.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{DType, Device, Int, Tensor};
use potstill_methods::{HeadUse, Method, MethodError, PlanContext};
use potstill_models::{LinearHead, Model};
use potstill_ops::{LayerConfig, Mode, Pass, Point, Projector, Taps, Visitor};
use potstill_tasks::TaskKind;
use potstill_testing::classics::{Case, EXACT, Input, assert_differences, cases, drawn, filled, size_of};
use potstill_testing::heads::{head, headed, loss_by_heads, of_map};
use potstill_testing::networks::{context, network, plan, reads, refusal, term};
use potstill_testing::numbers::{assert_near, number, numbers, scope, tensor, values};

/// Late enough for every ramp to have ended.
const LATE: usize = 100;

/// A method planned for networks that show maps of these sizes, with these classes.
fn planned(entry: &str, maps: [&Tensor<4>; 2], classes: [usize; 2]) -> Result<Box<dyn Method>, MethodError> {
    let [ours, theirs] = [0, 1].map(|network| headed(size_of(maps[network]), classes[network]));
    plan(entry, &context(&ours, Some(&theirs)))
}

/// The classifier whose numbers are these inputs of a case.
fn of_inputs(weight: &Input, bias: Option<&Input>) -> LinearHead {
    head(weight.rows(), bias.map(Input::row))
}

/// A classifier whose numbers are recorded among the parameters of a case: a constant.
fn of_parameters(case: &Case, name: &str) -> LinearHead {
    let record = |part: &str| filled(&case.get("parameters")[format!("{name}.{part}")]);
    let (weight, bias) = (record("weight"), record("bias"));
    let (k, c) = (bias.len(), weight.len() / bias.len());
    head(
        tensor([k, c], |i| weight[i]).cast(case.dtype()),
        Some(tensor([k], |i| bias[i]).cast(case.dtype())),
    )
}

#[test]
fn decoupled_scales_are_the_recorded_ones() {
    let cases = cases("sdd");
    for case in &cases.iter().flat_map(Case::in_both).collect::<Vec<_>>() {
        let inputs = ["map", "head", "bias"]
            .map(|part| ["student", "teacher"].map(|network| case.input(&format!("{network}_{part}"))));
        let [[map, target], heads, biases] = &inputs;
        let text = |key: &str| case.option(key).as_str().unwrap().to_owned();
        let entry = format!(
            "kind = \"sdd\"\nbase = \"{}\"\nscales = {}\n{}",
            text("on"),
            text("scales"),
            case.lines(&["temperature", "alpha", "beta"])
        );
        let classes = biases[0].row().dims()[0];
        let method = planned(&entry, [&map.map(), &target.map()], [classes; 2]).unwrap();
        assert_eq!(method.info().heads, HeadUse::Both);
        let [ours, theirs] = [0, 1].map(|network| of_inputs(&heads[network], Some(&biases[network])));
        let loss = loss_by_heads(
            method.as_ref(),
            [map.map(), target.map()],
            (Some(&ours), &theirs),
            &case.labels(0),
            LATE,
        );
        let student: Vec<Input> = inputs.into_iter().map(|[student, _]| student).collect();
        case.check(&loss, &student, EXACT);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn class_attention_is_the_recorded_one() {
    let cases = cases("cat-kd");
    for case in &cases.iter().flat_map(Case::in_both).collect::<Vec<_>>() {
        let [map, target] = ["student", "teacher"].map(|network| case.input(network));
        let entry = format!("kind = \"cat-kd\"\n{}", case.lines(&["resolution", "normalise"]));
        // What is recorded is class maps already: a classifier that says each channel.
        let classes = target.map().dims()[3];
        let each = tensor([classes, classes], |i| {
            f64::from(u8::from(i % (classes + 1) == 0))
        });
        let each = head(each.cast(case.dtype()), None);
        let method = planned(&entry, [&map.map(), &target.map()], [classes; 2]).unwrap();
        let maps = [map.map(), target.map()];
        let loss = loss_by_heads(method.as_ref(), maps, (Some(&each), &each), &case.labels(2), 0);
        case.check(&loss, &[map], EXACT);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn softmax_regression_is_the_recorded_one() {
    let cases = cases("srrl");
    for case in &cases.iter().flat_map(Case::in_both).collect::<Vec<_>>() {
        let [map, target] = ["student", "teacher"].map(|network| case.input(network));
        let head = of_parameters(case, "teacher_head");
        let classes = head.weight.dims()[0];
        let entry = format!(
            "kind = \"srrl\"\nstudent_point = \"map\"\n{}",
            case.lines(&["variant"])
        );
        let mut method = planned(&entry, [&map.map(), &target.map()], [classes; 2]).unwrap();
        assert_eq!(method.info().heads, HeadUse::Teacher);
        let before = match case.option("variant").as_str() {
            Some("pooled") => "transfer",
            _ => "Connectors",
        };
        let name = |path: &str| {
            let path = path.replace("connector.conv", "0").replace("connector.norm", "1");
            format!("{before}.{path}")
        };
        for part in method.parts_mut() {
            case.fill(part.module, name);
        }
        let maps = [map.map(), target.map()];
        let loss = loss_by_heads(method.as_ref(), maps, (None, &head), &case.labels(4), 0);
        let tape = case.check(&loss, &[map], EXACT);
        case.check_parameters(method.parts()[0].module, &tape, name, EXACT);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn reused_classifiers_are_the_recorded_ones() {
    let cases = cases("simkd");
    for case in &cases.iter().flat_map(Case::in_both).collect::<Vec<_>>() {
        let [map, target] = ["student", "teacher"].map(|network| case.input(network));
        let head = of_parameters(case, "teacher_head");
        let classes = head.weight.dims()[0];
        let entry = format!("kind = \"simkd\"\n{}", case.lines(&["factor"]));
        let method = planned(&entry, [&map.map(), &target.map()], [classes; 2]).unwrap();
        let info = method.info();
        let [insertion] = &info.insertions[..] else {
            panic!("{:?}", info.insertions);
        };
        let LayerConfig::Projector {
            outputs,
            reduction,
            pooled,
        } = insertion.layer
        else {
            panic!("{insertion:?}");
        };
        assert!(info.takes_head && insertion.point == Point::post("map"));
        let inputs = map.map().dims()[3];
        let mut projector =
            Projector::new(inputs, outputs, reduction, &insertion.path, &scope()).pooled(pooled);
        case.fill(&mut projector, str::to_owned);
        let projected = projector.forward(map.map(), &mut Pass::new(Mode::Batch));
        let [n, h, w, c] = projected.dims();
        let means = projected
            .clone()
            .reshape([n, h * w, c])
            .mean_dim(1)
            .reshape([n, c]);
        let logits = values(&head.logits(means));
        let recorded = numbers(&case.get("expected")["student_logits"]);
        let room = if case.dtype() == DType::F64 { EXACT } else { 2e-5 };
        assert_near(case.id(), &logits, &recorded, room);
        let mut student = of_map(map.map());
        let point = Point::post(&insertion.path);
        student.taps = Taps::at([&point]);
        student.taps.visit(&point.path, point.side, projected);
        let loss = term(method.as_ref(), &student, &of_map(target.map()), 0).value;
        let tape = case.check(&loss, &[map], EXACT);
        case.check_parameters(&projector, &tape, str::to_owned, EXACT);
    }
    assert_eq!(cases.len(), 3);
}

fn drawn_map(shape: [usize; 4], seed: usize) -> Tensor<4> {
    let numbers = drawn(shape.iter().product(), seed, -1.0..=2.0);
    tensor(shape, |i| numbers[i])
}

fn drawn_head(classes: usize, channels: usize, seed: usize) -> LinearHead {
    let numbers = drawn(classes * channels, seed, -1.0..=1.0);
    let bias = drawn(classes, seed + 1, -0.5..=0.5);
    head(
        tensor([classes, channels], |i| numbers[i]),
        Some(tensor([classes], |i| bias[i])),
    )
}

/// A method in double precision.
fn exact(mut method: Box<dyn Method>) -> Box<dyn Method> {
    for part in method.parts_mut() {
        part.module.rewrite(&mut |_, value| Some(value.cast(DType::F64)));
    }
    method
}

const ENTRIES: [&str; 8] = [
    "kind = \"sdd\"",
    "kind = \"sdd\"\nbase = \"dkd\"\nscales = [2, 1, 2]",
    "kind = \"sdd\"\nbase = \"nkd\"\nscales = [2]",
    "kind = \"cat-kd\"",
    "kind = \"cat-kd\"\nnormalise = true\nresolution = 3",
    "kind = \"srrl\"",
    "kind = \"srrl\"\nvariant = \"pooled\"",
    "kind = \"srrl\"\nregression_weight = 5.0",
];

#[test]
fn odd_maps_have_finite_losses_and_gradients() {
    // Two classes, a batch of one, a narrower teacher, one place.
    let shapes = [
        ([3, 2, 2, 4], [3, 3, 3, 2], 2),
        ([1, 4, 4, 3], [1, 4, 4, 5], 3),
        ([2, 1, 1, 3], [2, 2, 1, 3], 4),
    ];
    for (ours, theirs, classes) in shapes {
        for entry in ENTRIES {
            // A batch norm of one number a channel has no statistics.
            if ours[0] == 1 && entry.contains("pooled") {
                continue;
            }
            let zero = |shape| tensor(shape, |_| 0.0);
            let constant = |shape| tensor(shape, |_| 0.75);
            let method = exact(planned(entry, [&zero(ours), &zero(theirs)], [classes; 2]).unwrap());
            let (student, teacher) = (drawn_head(classes, ours[3], 3), drawn_head(classes, theirs[3], 5));
            let labels = Tensor::<1, Int>::ones([ours[0]], &Device::flex());
            for map in [
                drawn_map(ours, 1),
                constant(ours),
                zero(ours),
                drawn_map(ours, 2) * 300.0,
            ] {
                for target in [drawn_map(theirs, 4), constant(theirs), zero(theirs)] {
                    let leaf = map.clone().autodiff().require_grad();
                    let maps = [leaf.clone(), target];
                    let loss =
                        loss_by_heads(method.as_ref(), maps, (Some(&student), &teacher), &labels, LATE);
                    assert!(number(&loss).is_finite(), "{entry} {ours:?}");
                    let gradient = leaf.grad(&loss.backward()).map(|found| values(&found));
                    let is_bounded = |gradient: Vec<f64>| gradient.iter().all(|value| value.abs() < 1e5);
                    assert!(gradient.is_none_or(is_bounded), "{entry} {ours:?}");
                }
            }
        }
    }
}

#[test]
fn gradients_are_those_of_differences() {
    let (ours, theirs, classes) = ([2, 4, 4, 2], [2, 4, 4, 3], 3);
    for entry in ENTRIES {
        let method =
            exact(planned(entry, [&drawn_map(ours, 1), &drawn_map(theirs, 2)], [classes; 2]).unwrap());
        let teacher = drawn_head(classes, 3, 5);
        let labels = Tensor::<1, Int>::zeros([2], &Device::flex());
        // The numbers of the map, and behind them those of the student's classifier.
        let count = ours.iter().product::<usize>();
        let loss = |leaf: Tensor<1>| {
            let map = leaf.clone().narrow(0, 0, count).reshape(ours);
            let weight = leaf.narrow(0, count, 2 * classes).reshape([classes, 2]);
            let maps = [map, drawn_map(theirs, 2)];
            let own = head(weight, None);
            loss_by_heads(method.as_ref(), maps, (Some(&own), &teacher), &labels, LATE)
        };
        assert_differences(entry, &drawn(count + 2 * classes, 7, -1.0..=2.0), loss, 1e-5);
    }
}

#[test]
fn equal_networks_lose_nothing_and_the_order_of_the_batch_does_not_count() {
    let order = Tensor::<1, Int>::from_ints([2, 0, 1], &Device::flex());
    let (map, own) = (drawn_map([3, 4, 4, 3], 1), drawn_head(4, 3, 2));
    for entry in &ENTRIES[..5] {
        let method = planned(entry, [&map, &map], [4; 2]).unwrap();
        let labels = Tensor::<1, Int>::from_ints([1, 3, 0], &Device::flex());
        let loss = |maps: [Tensor<4>; 2], labels: &Tensor<1, Int>| {
            number(&loss_by_heads(
                method.as_ref(),
                maps,
                (Some(&own), &own),
                labels,
                LATE,
            ))
        };
        if !entry.contains("nkd") {
            let same = loss([map.clone(), map.clone()], &labels);
            assert!(same.abs() < 1e-12, "{entry}: {same}");
        }
        let other = drawn_map([3, 4, 4, 3], 9);
        let usual = loss([map.clone(), other.clone()], &labels);
        let moved = [map.clone(), other].map(|map| map.select(0, order.clone()));
        let moved = loss(moved, &labels.select(0, order.clone()));
        assert!(
            (usual - moved).abs() < 1e-9 * usual.abs(),
            "{entry}: {usual}, {moved}"
        );
    }
}

#[test]
fn points_are_the_maps_that_the_classifiers_read() {
    let of = |kind: &str, student: &str, teacher: &str| {
        let [student, teacher] = [student, teacher].map(|name| network(name, 10, name));
        let method = plan(&format!("kind = \"{kind}\""), &context(&student, Some(&teacher))).unwrap();
        let reads = reads(method.as_ref());
        [reads.student[0].to_string(), reads.teacher[0].to_string()]
    };
    for kind in ["sdd", "cat-kd", "srrl"] {
        assert_eq!(
            of(kind, "cifar_resnet8", "cifar_wrn_16_1"),
            ["layer3.0", "bn1"],
            "{kind}"
        );
    }
}

#[test]
fn networks_without_such_classifiers_and_classes_are_refused() {
    let [plain, odd] = ["cifar_resnet8", "mobilenet_v3_small"].map(|name| network(name, 10, name));
    let of = |student: &Model, teacher: &Model, kind: &str| {
        refusal(&format!("kind = \"{kind}\""), &context(student, Some(teacher)))
    };
    for kind in ["sdd", "cat-kd", "srrl", "simkd"] {
        let message = of(&plain, &odd, kind);
        assert!(message.contains("classifier of the teacher"), "{message}");
        let message = of(&plain, &network("cifar_resnet8", 7, "teacher"), kind);
        assert!(message.contains("the teacher has 7 classes"), "{message}");
    }
    for kind in ["sdd", "cat-kd", "simkd"] {
        let message = of(&odd, &plain, kind);
        assert!(message.contains("classifier of the student"), "{message}");
    }
    // SRRL reads the student's last map alone.
    assert!(
        plan(
            "kind = \"srrl\"\nstudent_point = \"features.12\"",
            &context(&odd, Some(&plain))
        )
        .is_ok()
    );
    let message = of(&plain, &plain, "simkd\"\nfactor = 65 #");
    assert!(message.contains("no channel of the teacher's 64"), "{message}");
    let one = network("cifar_resnet8", 1, "one");
    assert!(of(&one, &one, "sdd").contains("one class"));
    let several = PlanContext {
        task: TaskKind::MultiLabel,
        ..context(&plain, Some(&plain))
    };
    assert!(refusal("kind = \"sdd\"", &several).contains("take `kd`"));
}
