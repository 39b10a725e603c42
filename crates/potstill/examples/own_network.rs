//! A network of one's own as the student, and a method that reads its points.
//!
//! `cargo run --release -p potstill --example own_network`

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use potstill::prelude::*;

/// Two convolutions and a linear layer. The fields name the tensors.
#[derive(Module, Debug)]
struct Small {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    norm2: BatchNorm,
    fc: Linear,
}

impl Small {
    fn new(classes: usize, seed: u64) -> Self {
        let scope = Scope::new(&cpu(), Seed::new(seed), "student");
        let conv = |name: &str, inputs, outputs| {
            Conv2d::he_normal(Conv2dConfig::new(inputs, outputs, 3).stride(2), &scope.at(name))
        };
        Self {
            conv1: conv("conv1", 3, 16),
            norm1: BatchNorm::new(16, &scope.at("norm1")),
            conv2: conv("conv2", 16, 32),
            norm2: BatchNorm::new(32, &scope.at("norm2")),
            fc: Linear::new(32, classes, &scope.at("fc")),
        }
    }
}

impl Network for Small {
    fn description(&self) -> NetworkDescription {
        let classes = self.fc.weight.dims()[0];
        NetworkDescription {
            stage_ends: ["conv1", "conv2"].map(StageEnd::activated).to_vec(),
            ..NetworkDescription::classifier("small", classes, "fc")
        }
    }

    /// Each convolution with its batch norm and its ReLU is one operation, and a point of the name that it is given.
    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        let map = conv_norm_act(
            images,
            &self.conv1,
            &self.norm1,
            None,
            Activation::Relu,
            "conv1",
            pass,
        );
        let map = conv_norm_act(
            map,
            &self.conv2,
            &self.norm2,
            None,
            Activation::Relu,
            "conv2",
            pass,
        );
        Outputs::Logits(self.fc.forward(global_avg_pool(map).flatten(1, 3), pass))
    }
}

pub(crate) fn main() -> potstill::Result<()> {
    let images = |split| open("shapes:size=16,train=320,test=200,classes=4", split);
    let teacher = Distillation::new("cifar_resnet14", images(Split::Train)?, images(Split::Test)?)
        .epochs(8)
        .batch(16)
        .run(&mut NoObserver)?;
    // ReviewKD with its options as in a recipe; it is made once the points of both networks are known.
    let review = MethodSpec::new("review-kd")
        .with("student_points", vec!["conv1", "conv2"])
        .with("teacher_points", vec!["layer1.1:pre", "layer3.1:pre"]);
    let student = Distillation::new(
        Model::own(Small::new(4, 0)),
        images(Split::Train)?,
        images(Split::Test)?,
    )
    .teacher(teacher.student)
    .entry(MethodParts::of_spec("review-kd", review))
    .epochs(8)
    .batch(16)
    .run(&mut NoObserver)?;
    println!("top-1 {:.2} %", student.metrics()["top1"]);
    student.student.network.parameters().each(&mut |entry, value| {
        println!(
            "{:<20} {:?}, mean {:.4}",
            entry.path,
            entry.shape,
            value.mean().into_scalar::<f32>()
        );
    });
    Ok(())
}
