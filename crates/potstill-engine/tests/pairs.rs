//! Every pair of ReviewKD's CIFAR table: levels and sizes as published, and training steps of which the loss falls.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::Device;
use potstill_engine::{BenchSetup, bench};
use potstill_methods::{NetworkInfo, PlanContext, StudentEpoch, find};
use potstill_models::BuildOptions;
use potstill_ops::{Point, Scope, count_trainable};
use potstill_random::Seed;
use potstill_recipe::{MethodSpec, TaskKind};

/// A pair with what the student gives and the teacher wants, channels and sizes shallow to deep, and the parameters of the fusion
/// modules (`docs/methods/review-kd.md`).
struct Pair {
    student: &'static str,
    teacher: &'static str,
    channels: &'static [(usize, usize)],
    sizes: &'static [(usize, usize)],
    parameters: usize,
}

const THREE_STAGES: &[(usize, usize)] = &[(32, 32), (16, 16), (8, 8), (1, 1)];
const SHUFFLED: &[(usize, usize)] = &[(16, 32), (8, 16), (4, 8), (1, 1)];

const PAIRS: [Pair; 12] = [
    Pair {
        student: "cifar_resnet20",
        teacher: "cifar_resnet56",
        channels: &[(16, 16), (32, 32), (64, 64), (64, 64)],
        sizes: THREE_STAGES,
        parameters: 114_278,
    },
    Pair {
        student: "cifar_resnet32",
        teacher: "cifar_resnet110",
        channels: &[(16, 16), (32, 32), (64, 64), (64, 64)],
        sizes: THREE_STAGES,
        parameters: 114_278,
    },
    Pair {
        student: "cifar_resnet8x4",
        teacher: "cifar_resnet32x4",
        channels: &[(64, 64), (128, 128), (256, 256), (256, 256)],
        sizes: THREE_STAGES,
        parameters: 1_808_774,
    },
    Pair {
        student: "cifar_wrn_16_2",
        teacher: "cifar_wrn_40_2",
        channels: &[(32, 32), (64, 64), (128, 128), (128, 128)],
        sizes: THREE_STAGES,
        parameters: 453_830,
    },
    Pair {
        student: "cifar_wrn_40_1",
        teacher: "cifar_wrn_40_2",
        channels: &[(16, 32), (32, 64), (64, 128), (64, 128)],
        sizes: THREE_STAGES,
        parameters: 216_006,
    },
    Pair {
        student: "cifar_shufflenetv1",
        teacher: "cifar_wrn_40_2",
        channels: &[(240, 32), (480, 64), (960, 128), (960, 128)],
        sizes: SHUFFLED,
        parameters: 2_984_646,
    },
    Pair {
        student: "cifar_shufflenetv1",
        teacher: "cifar_resnet32x4",
        channels: &[(240, 64), (480, 128), (960, 256), (960, 256)],
        sizes: SHUFFLED,
        parameters: 4_607_366,
    },
    Pair {
        student: "cifar_shufflenetv2",
        teacher: "cifar_resnet32x4",
        channels: &[(116, 64), (232, 128), (464, 256), (1024, 256)],
        sizes: SHUFFLED,
        parameters: 4_195_718,
    },
    Pair {
        student: "cifar_vgg8",
        teacher: "cifar_vgg13",
        channels: &[(128, 128), (256, 256), (512, 512), (512, 512), (512, 512)],
        sizes: &[(16, 16), (8, 8), (4, 4), (4, 4), (1, 1)],
        parameters: 9_847_560,
    },
    Pair {
        student: "cifar_vgg8",
        teacher: "cifar_resnet50",
        channels: &[(128, 256), (256, 512), (512, 1024), (512, 2048), (512, 2048)],
        sizes: &[(16, 32), (8, 16), (4, 8), (4, 4), (1, 1)],
        parameters: 28_140_040,
    },
    Pair {
        student: "cifar_mobilenetv2_x0_5",
        teacher: "cifar_vgg13",
        channels: &[(12, 128), (16, 256), (48, 512), (160, 512), (1280, 512)],
        sizes: &[(16, 16), (8, 8), (4, 4), (2, 4), (1, 1)],
        parameters: 9_640_712,
    },
    Pair {
        student: "cifar_mobilenetv2_x0_5",
        teacher: "cifar_resnet50",
        channels: &[(12, 256), (16, 512), (48, 1024), (160, 2048), (1280, 2048)],
        sizes: &[(16, 32), (8, 16), (4, 8), (2, 4), (1, 1)],
        parameters: 27_933_192,
    },
];

impl Pair {
    /// The parameters of the fusion modules by the published formula: a 1x1 convolution to `mid`, a 3x3 one to the teacher, two batch
    /// norms, and, but for the deepest level, the attention.
    fn by_formula(&self) -> usize {
        let deepest = self.channels.len() - 1;
        let mid = self.channels[deepest].0.min(512);
        let level = |(l, &(c, t)): (usize, &(usize, usize))| {
            let attention = if l < deepest { 4 * mid + 2 } else { 0 };
            c * mid + 2 * mid + 9 * mid * t + 2 * t + attention
        };
        self.channels.iter().enumerate().map(level).sum()
    }
}

#[test]
fn levels_and_parameters_are_the_published_ones() {
    let (device, seed) = (Device::flex(), Seed::new(0));
    let side = |name| {
        let network = potstill_models::find(name)
            .unwrap()
            .build(BuildOptions::default(), &Scope::new(&device, seed, "test"));
        NetworkInfo::of(&network.unwrap(), [32, 32, 3], &device).unwrap()
    };
    for pair in &PAIRS {
        let what = format!("{} from {}", pair.student, pair.teacher);
        let context = PlanContext {
            id: "review-kd".into(),
            student: side(pair.student),
            teachers: vec![side(pair.teacher)],
            task: TaskKind::Classification,
            images: potstill_testing::networks::images(&[0, 1]),
            image: [32, 32, 3],
            input: potstill_engine::default_input(3),
            epochs: 240,
            steps: 390,
            batch: 64,
            device: device.clone(),
            seed,
        };
        let spec = MethodSpec::new("review-kd");
        let method = find("review-kd").unwrap().plan(&spec, &context).unwrap();
        let reads = method.reads(StudentEpoch(0));
        let seen = |side: &NetworkInfo, points: &[Point]| -> Vec<[usize; 3]> {
            let sizes = points.iter().map(|point| side.probe.size(point).unwrap());
            sizes.collect()
        };
        let wanted = |of: fn(&(usize, usize)) -> usize| -> Vec<[usize; 3]> {
            let levels = pair.sizes.iter().zip(pair.channels);
            levels
                .map(|(sizes, channels)| [of(sizes), of(sizes), of(channels)])
                .collect()
        };
        assert_eq!(
            seen(&context.student, &reads.student),
            wanted(|pair| pair.0),
            "{what}"
        );
        let teacher = &context.teachers[0];
        assert_eq!(seen(teacher, &reads.teacher), wanted(|pair| pair.1), "{what}");
        let counted: usize = method
            .parts()
            .iter()
            .map(|part| count_trainable(part.module))
            .sum();
        assert_eq!(
            (counted, pair.by_formula()),
            (pair.parameters, pair.parameters),
            "{what}"
        );
    }
}

/// 20 steps of one batch of four images. The pairs that are too slow for a test are in `docs/results.md`, by the same command.
fn assert_loss_falls(student: &str, teacher: &str) {
    let setup = BenchSetup {
        student: student.into(),
        teacher: Some(teacher.into()),
        methods: vec!["review-kd".into()],
        size: None,
        batch: 4,
        steps: 18,
        epoch: None,
        precision: potstill_ops::Precision::Single,
        rate: 0.02,
        allocator: None,
    };
    let [first, last] = bench(&setup).unwrap().losses.unwrap();
    assert!(
        last < 0.9 * first,
        "{student} from {teacher}: {first} became {last}"
    );
}

#[test]
fn the_loss_of_residual_pairs_falls() {
    assert_loss_falls("cifar_resnet20", "cifar_resnet56");
    assert_loss_falls("cifar_resnet32", "cifar_resnet110");
    assert_loss_falls("cifar_resnet8x4", "cifar_resnet32x4");
}

#[test]
fn the_loss_of_wide_pairs_falls() {
    assert_loss_falls("cifar_wrn_16_2", "cifar_wrn_40_2");
    assert_loss_falls("cifar_wrn_40_1", "cifar_wrn_40_2");
}

#[test]
fn the_loss_of_pairs_of_two_families_falls() {
    assert_loss_falls("cifar_shufflenetv1", "cifar_wrn_40_2");
    assert_loss_falls("cifar_vgg8", "cifar_vgg13");
}
