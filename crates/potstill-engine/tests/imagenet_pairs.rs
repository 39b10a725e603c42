//! Pairs for ImageNet: those of ReviewKD's table, and teachers and students of different kinds.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Device;
use potstill_engine::{BenchSetup, bench};
use potstill_methods::{MethodError, NetworkInfo, PlanContext, StudentEpoch, find};
use potstill_models::BuildOptions;
use potstill_ops::{Point, Scope, count_trainable};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, TaskKind};

fn side(name: &str) -> NetworkInfo {
    let device = Device::flex();
    let scope = Scope::new(&device, Seed::new(0), "test");
    let network = potstill_models::find(name)
        .unwrap()
        .build(BuildOptions::default(), &scope);
    NetworkInfo::of(&network.unwrap(), [224, 224, 3], &device).unwrap()
}

/// Channels and size of each level, shallow to deep.
type Levels = Vec<(usize, usize)>;

/// The levels of the student and the teacher, and the parameters of the fusion modules.
fn review(student: &str, teacher: &str, options: &str) -> Result<([Levels; 2], usize), MethodError> {
    let context = PlanContext {
        id: "review-kd".into(),
        student: side(student),
        teachers: vec![side(teacher)],
        task: TaskKind::Classification,
        images: potstill_testing::networks::images(&[0, 1]),
        image: [224, 224, 3],
        input: potstill_engine::default_input(3),
        epochs: 240,
        steps: 390,
        batch: 256,
        device: Device::flex(),
        seed: Seed::new(0),
    };
    let recipe = format!(
        "version = 1\nname = \"t\"\n[data]\ntrain = \"x\"\n[student]\nmodel = \"x\"\n[train]\nepochs = 1\n\
         optimizer = {{ kind = \"sgd\", lr = 0.1 }}\n[[methods]]\nkind = \"review-kd\"\n{options}"
    );
    let recipe = potstill_recipe::Recipe::from_text(&recipe, "test.toml", &[]).unwrap();
    let spec: &MethodSpec = &recipe.methods[0];
    let method = find("review-kd")?.plan(spec, &context)?;
    let reads = method.reads(StudentEpoch(0));
    let levels = |side: &NetworkInfo, points: &[Point]| -> Levels {
        let sizes = points.iter().map(|point| side.probe.size(point).unwrap());
        sizes.map(|[height, _, channels]| (channels, height)).collect()
    };
    let levels = [
        levels(&context.student, &reads.student),
        levels(&context.teachers[0], &reads.teacher),
    ];
    Ok((
        levels,
        method
            .parts()
            .iter()
            .map(|part| count_trainable(part.module))
            .sum(),
    ))
}

#[test]
fn the_pairs_of_the_paper_have_its_levels_and_parameters() {
    let stages = |channels: [usize; 5]| channels.into_iter().zip([56, 28, 14, 7, 1]).collect::<Vec<_>>();
    let (levels, parameters) = review("resnet18", "resnet34", "").unwrap();
    let basic = stages([64, 128, 256, 512, 512]);
    assert_eq!((levels, parameters), ([basic.clone(), basic], 7_552_904));

    let (levels, parameters) = review("mobilenet_v1", "resnet50", "mid_channels = 256").unwrap();
    let (thin, wide) = (
        stages([128, 256, 512, 1024, 1024]),
        stages([256, 512, 1024, 2048, 2048]),
    );
    assert_eq!((levels, parameters), ([thin, wide], 14_338_056));
    let (_, parameters) = review("mobilenet_v1", "resnet50", "").unwrap();
    assert_eq!(parameters, 28_664_328);
}

#[test]
fn every_network_has_five_levels_to_read() {
    let (levels, _) = review("shufflenet_v2_x0_5", "swin_tiny_patch4_window7_224", "").unwrap();
    let swin = [(96, 56), (192, 28), (384, 14), (768, 7), (768, 1)];
    assert_eq!(
        levels,
        [
            vec![(24, 56), (48, 28), (96, 14), (192, 7), (1024, 1)],
            swin.to_vec()
        ]
    );
    let (levels, _) = review("mobilenet_v3_small", "vit_tiny_patch16_224", "").unwrap();
    let vit = [(192, 14), (192, 14), (192, 14), (192, 14), (192, 1)];
    assert_eq!(
        levels,
        [
            vec![(16, 56), (24, 28), (48, 14), (96, 7), (576, 1)],
            vit.to_vec()
        ]
    );
}

/// Ten steps of one batch of two images, logits and features.
fn assert_loss_falls(student: &str, teacher: &str) {
    let setup = BenchSetup {
        student: student.into(),
        teacher: Some(teacher.into()),
        methods: vec!["kd".into(), "review-kd".into()],
        size: None,
        batch: 2,
        steps: 8,
        epoch: None,
        precision: potstill_ops::Precision::Single,
        rate: 0.01,
        allocator: None,
    };
    let [first, last] = bench(&setup).unwrap().losses.unwrap();
    assert!(last < first, "{student} from {teacher}: {first} became {last}");
}

#[test]
fn a_convolutional_student_learns_from_a_vision_transformer() {
    assert_loss_falls("shufflenet_v2_x0_5", "deit_tiny_patch16_224");
}

#[test]
fn a_convolutional_student_learns_from_a_swin_transformer() {
    assert_loss_falls("mobilenet_v3_small", "swin_tiny_patch4_window7_224");
}

#[test]
fn a_transformer_learns_from_a_convolutional_network() {
    assert_loss_falls("vit_tiny_patch16_224", "resnet18");
}
