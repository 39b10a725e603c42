//! Gradients of several batches make one update: that of the large batch, and to the same bits when a run is resumed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::sync::atomic::{AtomicBool, Ordering};

use burn::{module::Module, tensor::Tensor};
use potstill_data::{Augment, Split, open};
use potstill_engine::{
    Observer, Outcome, Phase, Plan, PlanParts, PlannedData, Run, Settings, StepProgress, VisionModel, cpu,
};
use potstill_models::{Model, Network, NetworkDescription, Outputs};
use potstill_ops::{Linear, Pass, Scope};
use potstill_random::Seed;
use potstill_recipe::Sgd;
use potstill_testing::{
    recipe::tiny_recipe,
    runs::{bits, finish},
};

const IMAGES: &str = "shapes:size=16,train=80,test=40,classes=6";

/// A network whose images do not see each other.
#[derive(Module, Debug)]
struct Plain {
    fc: Linear,
}

impl Network for Plain {
    fn description(&self) -> NetworkDescription {
        NetworkDescription::classifier("plain", 6, "fc")
    }

    fn forward(&self, images: Tensor<4>, pass: &mut Pass<'_>) -> Outputs {
        Outputs::Logits(self.fc.forward(images.flatten(1, 3), pass))
    }
}

/// The weights after two epochs of 80 images.
fn trained(batch: usize, accumulate: usize, clip_norm: Option<f64>) -> Vec<f32> {
    let images = |split| open(IMAGES, split).unwrap().into();
    let data = PlannedData::new(images(Split::Train), images(Split::Test), Augment::none()).unwrap();
    let scope = Scope::new(&cpu(), Seed::new(5), "student");
    let network = Model::own(Plain {
        fc: Linear::new(16 * 16 * 3, 6, &scope),
    });
    let settings = Settings {
        seed: 5,
        batch,
        accumulate,
        clip_norm,
        drop_last: false,
        ..Settings::named("test")
    };
    let rule = Sgd {
        lr: 0.02,
        momentum: 0.9,
        nesterov: true,
        dampening: 0.0,
        weight_decay: 5e-4,
    };
    let phase = Phase::whole(2, rule.into());
    let parts = PlanParts::new(settings, VisionModel::from(network), data, phase, &cpu()).unwrap();
    let mut run = Run::in_memory(Plan::from_parts(parts).unwrap()).unwrap();
    finish(&mut run);
    let mut weights = Vec::new();
    let student = run.into_student().network;
    student.parameters().each(&mut |_, value| {
        weights.extend(value.into_data().iter::<f32>());
    });
    weights
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn two_halves_move_the_weights_as_the_whole_batch_does() {
    for clip_norm in [None, Some(0.5)] {
        let whole = trained(16, 1, clip_norm);
        let halves = trained(8, 2, clip_norm);
        let apart = trained(8, 1, clip_norm);
        assert!(largest_difference(&whole, &halves) < 1e-5, "{clip_norm:?}");
        assert!(
            largest_difference(&whole, &apart) > 1e-3,
            "batches by themselves move the weights otherwise"
        );
    }
}

#[test]
fn what_is_left_at_the_end_of_an_epoch_is_an_update_of_its_own() {
    // Five batches: two updates of two, and one of one. They are the batches of 32, 32 and 16.
    let groups = trained(16, 2, None);
    assert!(largest_difference(&groups, &trained(32, 1, None)) < 1e-5);
    assert!(largest_difference(&groups, &trained(16, 1, None)) > 1e-3);
    assert!(groups.iter().all(|weight| weight.is_finite()));
}

/// Asks to stop from a step on, and counts the steps.
struct StopFrom<'a> {
    step: usize,
    seen: usize,
    stop: &'a AtomicBool,
}

impl Observer for StopFrom<'_> {
    fn step(&mut self, _: &StepProgress<'_>) {
        self.seen += 1;
        if self.seen >= self.step {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// How many steps a run takes that is asked to stop after so many.
fn stopped_after(run: &mut Run, step: usize) -> usize {
    let stop = AtomicBool::new(false);
    let mut observer = StopFrom {
        step,
        seen: 0,
        stop: &stop,
    };
    assert_eq!(run.go(&mut observer, &stop).unwrap(), Outcome::Interrupted);
    observer.seen
}

#[test]
fn a_run_stops_between_updates_and_goes_on_to_the_same_bits() {
    let recipe = tiny_recipe()
        .set("train.batch=16")
        .set("train.accumulate=4")
        .set("train.clip_norm=1.0")
        .method("kd", "")
        .method("review-kd", "mid_channels = 8");
    let place = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| place.path().join(name));
    finish(&mut recipe.start(&[], &whole));
    // Asked to stop after the second step of six it goes on to the fourth, where the first update lies.
    assert_eq!(stopped_after(&mut recipe.start(&[], &broken), 2), 4);
    assert_eq!(stopped_after(&mut recipe.resume(&[], &broken), 1), 2);
    finish(&mut recipe.resume(&[], &broken));
    for file in ["last.safetensors", "student/model.safetensors"] {
        assert!(
            bits(&whole.join(file)) == bits(&broken.join(file)),
            "{file} differs"
        );
    }
}

#[test]
fn a_teacher_that_moves_with_every_batch_is_refused() {
    let recipe = tiny_recipe()
        .without("teacher.weights")
        .set("train.accumulate=2")
        .method("ekd", "update_order = \"teacher-first\"");
    let refused = recipe.plan(&[]).err().unwrap();
    assert!(
        refused.contains("train.accumulate") && refused.contains("update_order"),
        "{refused}"
    );
    assert!(recipe.plan(&["methods.0.update_order=simultaneous"]).is_ok());
}
