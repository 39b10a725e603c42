//! TSKD's attention maps, review and schedule give the recorded numbers of an independent PyTorch computation.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use burn::tensor::{Device, Int, Tensor};
use potstill_methods::{
    Moment, NetworkOutput, StudentEpoch,
    tskd::{
        EpochRole, Forecaster, ForecasterConfig, MapNorm, ReviewClock, ReviewEpoch, ReviewInput, ReviewLoss,
        ReviewSchedule, StopGradients, attention_map, increments,
    },
};
use potstill_models::Outputs;
use potstill_ops::{Mode, Pass, Taps, adaptive_avg_pool};
use potstill_tasks::cross_entropy;
use potstill_testing::networks::{context, network, plan, term};
use potstill_testing::numbers::{
    DIVIDED, NINE_DIGITS, assert_near, fill, map, nchw, number, numbers as all, recorded, scope, tensor,
    values,
};
use serde_json::Value;

fn record(section: &str) -> Value {
    recorded("potstill-methods/tests/reference/tskd.json")[section].clone()
}

/// The small forecaster of the record: layer k has weights `sin(0.7 i + k)` and biases `0.1 cos(i + k)`.
fn small() -> Forecaster {
    let config = ForecasterConfig {
        features: 2,
        hidden: 2,
        peepholes: None,
    };
    let mut forecaster = Forecaster::new(config, &scope());
    fill(&mut forecaster, |entry, i| {
        let layers = ["shrink", "encoder", "decoder", "enlarge", "refine", "head"];
        let layer = layers.iter().position(|layer| entry.path.starts_with(layer))?;
        let (i, k) = (i as f64, layer as f64 + 1.0);
        Some(if entry.path.ends_with("bias") {
            0.1 * (i + k).cos()
        } else {
            (0.7 * i + k).sin()
        })
    });
    forecaster
}

const TAP: [usize; 4] = [1, 2, 4, 4];

/// The value of a student's feature at flat index `i`: remembered ones are 0, 1 and 2, the present one is 3.
fn feature(student: usize, i: usize) -> f64 {
    let k = student as f64;
    ((0.1 + 0.01 * k) * i as f64 + 0.1 * k).sin()
}

fn remembered() -> Vec<Tensor<4>> {
    (0..3).map(|k| map(TAP, |i| feature(k, i))).collect()
}

fn teacher() -> Tensor<4> {
    map([1, 3, 4, 4], |i| (0.1 * i as f64).cos())
}

fn loss(reviewing: ReviewLoss, student: Tensor<4>, teacher: Tensor<4>) -> Tensor<1> {
    let tapped = ReviewInput {
        remembered: remembered(),
        student,
        teacher,
    };
    reviewing
        .loss(&small(), tapped, &mut Pass::new(Mode::Batch))
        .unwrap()
}

fn full_map() -> ReviewLoss {
    ReviewLoss {
        norm: MapNorm::FullMap,
        ..ReviewLoss::default()
    }
}

#[test]
fn attention_maps_are_the_recorded_ones() {
    let record = record("attention");
    let wave = |step: f64| move |i: usize| (step * i as f64).sin();
    let oblong = map([2, 3, 3, 5], wave(0.7));
    let cases = [
        ("column", map(TAP, wave(0.1)), MapNorm::Column),
        ("full_map", map(TAP, wave(0.1)), MapNorm::FullMap),
        ("oblong", oblong, MapNorm::Column),
    ];
    for (key, features, norm) in cases {
        let ours = nchw(&attention_map(features, norm));
        assert_near(key, &ours, &all(&record[key]), NINE_DIGITS);
    }
}

#[test]
fn a_larger_teacher_is_pooled_before_its_attention_is_taken() {
    let large = map([1, 2, 8, 8], |i| (0.05 * i as f64).cos());
    let pooled = adaptive_avg_pool(large.clone(), [4, 4]);
    let attention = attention_map(pooled.clone(), MapNorm::Column);
    assert_near(
        "pooled, then attention",
        &nchw(&attention),
        &all(&record("attention")["pooled_teacher"]),
        NINE_DIGITS,
    );
    let student = || map(TAP, |i| feature(3, i));
    let [by_large, by_pooled] =
        [large.clone(), pooled].map(|teacher| number(&loss(ReviewLoss::default(), student(), teacher)));
    assert_eq!(by_large, by_pooled);
    // Attention, then pooling: the attention of a map with one channel and that energy would be another.
    let wrong = adaptive_avg_pool(attention_map(large, MapNorm::Column), [4, 4]).sqrt();
    let by_wrong = number(&loss(ReviewLoss::default(), student(), wrong));
    assert!(
        (by_wrong / by_pooled - 1.0).abs() > 1e-3,
        "{by_wrong} {by_pooled}"
    );
}

#[test]
fn a_review_is_the_recorded_one() {
    let record = record("review");
    let mut attention: Vec<_> = (0..4)
        .map(|k| attention_map(map(TAP, |i| feature(k, i)), MapNorm::Column))
        .collect();
    let changes = increments(&attention);
    let ours: Vec<f64> = changes.iter().flat_map(nchw).collect();
    assert_near("increments", &ours, &all(&record["increments"]), NINE_DIGITS);
    let forecast = small().forward(changes, &mut Pass::new(Mode::Batch)).unwrap();
    assert_near(
        "forecast",
        &nchw(&forecast),
        &all(&record["forecast"]),
        NINE_DIGITS,
    );
    let now = attention.remove(3);
    let target = (now - attention_map(teacher(), MapNorm::Column)).abs();
    assert_near("target", &nchw(&target), &all(&record["target"]), NINE_DIGITS);
    for (key, reviewing) in [("loss", ReviewLoss::default()), ("full_map_loss", full_map())] {
        let loss = number(&loss(reviewing, map(TAP, |i| feature(3, i)), teacher()));
        assert_near(key, &[loss], &all(&record[key]), NINE_DIGITS);
    }
}

fn cut(target: bool, current: bool) -> ReviewLoss {
    ReviewLoss {
        cuts: StopGradients { target, current },
        ..ReviewLoss::default()
    }
}

/// The gradient with respect to the present student's feature, `[1, 2, 4, 4]`; none if there is none.
fn gradient(reviewing: ReviewLoss) -> Option<Vec<f64>> {
    let leaf = tensor(TAP, |i| feature(3, i)).autodiff().require_grad();
    let loss = loss(reviewing, leaf.clone().permute([0, 2, 3, 1]), teacher());
    leaf.grad(&loss.backward()).map(|gradient| values(&gradient))
}

#[test]
fn gradients_are_the_recorded_ones_whatever_is_cut() {
    let record = record("review");
    let cases = [
        ("default", cut(false, false)),
        ("current_detached", cut(false, true)),
        ("target_detached", cut(true, false)),
    ];
    for (case, reviewing) in cases {
        let theirs = all(&record["gradients"][case]);
        assert_near(case, &gradient(reviewing).unwrap(), &theirs, DIVIDED);
    }
    assert!(gradient(cut(true, true)).is_none(), "there is no other path");
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for reviewing in [ReviewLoss::default(), full_map()] {
        let at = |k: usize, by: f64| {
            let moved = map(TAP, |i| feature(3, i) + if i == k { by } else { 0.0 });
            number(&loss(reviewing, moved, teacher()))
        };
        let step = 1e-5;
        let by_difference: Vec<f64> = (0..32)
            .map(|k| (at(k, step) - at(k, -step)) / (2.0 * step))
            .collect();
        assert_near("gradient", &gradient(reviewing).unwrap(), &by_difference, DIVIDED);
    }
}

/// Maps of a detector: odd rectangles, and a teacher's that are no whole multiple of them.
#[test]
fn a_review_of_odd_rectangles_is_the_recorded_one() {
    const RECTANGLE: [usize; 4] = [2, 2, 5, 7];
    let record = record("rectangles");
    let taught = || map([2, 3, 9, 13], |i| (0.1 * i as f64).cos());
    let remembered = || (0..3).map(|k| map(RECTANGLE, |i| feature(k, i)));
    let now = || tensor(RECTANGLE, |i| feature(3, i));
    let attention = remembered().chain([now().permute([0, 2, 3, 1])]);
    let attention: Vec<_> = attention
        .map(|features| attention_map(features, MapNorm::Column))
        .collect();
    let forecast = small().forward(increments(&attention), &mut Pass::new(Mode::Batch));
    let forecast = nchw(&forecast.unwrap());
    assert_near("forecast", &forecast, &all(&record["forecast"]), NINE_DIGITS);
    let leaf = now().autodiff().require_grad();
    let tapped = ReviewInput {
        remembered: remembered().collect(),
        student: leaf.clone().permute([0, 2, 3, 1]),
        teacher: taught(),
    };
    let loss = ReviewLoss::default().loss(&small(), tapped, &mut Pass::new(Mode::Batch));
    let loss = loss.unwrap();
    assert_near("loss", &[number(&loss)], &all(&record["loss"]), NINE_DIGITS);
    let gradient = values(&leaf.grad(&loss.backward()).unwrap());
    assert_near("gradient", &gradient, &all(&record["gradient"]), DIVIDED);
}

fn seen(logits: Tensor<2>) -> NetworkOutput {
    NetworkOutput {
        images: Tensor::zeros([2, 1, 1, 3], &Device::flex()),
        outputs: Outputs::Logits(logits),
        taps: Taps::default(),
    }
}

#[test]
fn logit_losses_are_the_recorded_ones() {
    let record = record("logits");
    let networks = ["student", "teacher"].map(|owner| network("cifar_resnet8", 5, owner));
    let context = context(&networks[0], Some(&networks[1]));
    let logits = || tensor([2, 5], |i| (0.5 * i as f64).sin());
    let taught = seen(tensor([2, 5], |i| 2.0 * (0.3 * i as f64).cos()));
    for (key, option) in [("kl_at_4", ""), ("kl_at_1", "temperature = 1")] {
        let method = plan(&format!("kind = \"tskd\"\n{option}"), &context).unwrap();
        let term = term(method.as_ref(), &seen(logits()), &taught, 1);
        assert_eq!((term.name.as_str(), term.factor), ("test-kl", Some(1.0)));
        assert_near(key, &[number(&term.value)], &all(&record[key]), NINE_DIGITS);
    }
    let method = plan("kind = \"tskd\"", &context).unwrap();
    let leaf = logits().autodiff().require_grad();
    let labels = Tensor::<1, Int>::from_data([1, 3], &Device::flex());
    let total = cross_entropy(leaf.clone(), labels, 0.0)
        + term(method.as_ref(), &seen(leaf.clone()), &taught, 1).value;
    assert_near("total", &[number(&total)], &all(&record["total"]), NINE_DIGITS);
    let gradient = values(&leaf.grad(&total.backward()).unwrap());
    assert_near("gradient", &gradient, &all(&record["gradient"]), NINE_DIGITS);
}

#[test]
fn the_schedule_of_240_epochs_is_the_recorded_one() {
    let record = record("schedule");
    let schedule = ReviewSchedule {
        clock: ReviewClock::Epochs,
        interval: ReviewSchedule::interval_for(240),
        slots: 3,
    };
    let epochs = |role: EpochRole| -> Vec<f64> {
        (0..240)
            .filter(|&epoch| schedule.role(ReviewEpoch(epoch)) == role)
            .map(|epoch| epoch as f64)
            .collect()
    };
    assert_eq!(epochs(EpochRole::Review), all(&record["reviews"]));
    for slot in 0..3 {
        assert_eq!(epochs(EpochRole::Memory(slot)), all(&record["memory"][slot]));
    }
    assert_eq!(epochs(EpochRole::General).len() as f64, record["general"]);
    assert_eq!(schedule.first_review(), ReviewEpoch(15));
}

/// 180,000 steps, as published for detectors: virtual epochs of 750 steps.
#[test]
fn virtual_epochs_review_where_the_published_epochs_do() {
    let (epochs, per_epoch) = (12, 15_000);
    let clock = ReviewClock::virtual_epochs(epochs, per_epoch);
    let length = 750;
    assert_eq!(clock, ReviewClock::Steps { length, per_epoch });
    assert_eq!(clock.epochs(epochs), 240);
    let at = |step: usize| Moment {
        epoch: StudentEpoch(step / per_epoch),
        step: step % per_epoch,
    };
    assert_eq!(clock.epoch(at(749)), ReviewEpoch(0));
    assert_eq!(clock.epoch(at(750)), ReviewEpoch(1));
    assert_eq!(clock.ended_by(at(748)), None);
    assert_eq!(clock.ended_by(at(749)), Some(ReviewEpoch(0)));
    assert_eq!(clock.ended_by(at(179_999)), Some(ReviewEpoch(239)));
    let schedule = ReviewSchedule {
        clock,
        interval: ReviewSchedule::interval_for(240),
        slots: 3,
    };
    let reviews = (0..180_000).filter(|&step| schedule.role_at(at(step)) == EpochRole::Review);
    assert_eq!(reviews.clone().count(), 12 * length);
    assert_eq!(reviews.clone().next(), Some(15 * length));
    assert!((0..epochs).all(|epoch| schedule.reviews_in(StudentEpoch(epoch))));
}

#[test]
fn virtual_epochs_of_short_trainings_are_whole_steps() {
    let clock = ReviewClock::virtual_epochs(3, 4);
    assert_eq!(
        clock,
        ReviewClock::Steps {
            length: 1,
            per_epoch: 4
        }
    );
    assert_eq!(clock.epochs(3), 12);
    // An epoch of the student may begin within a virtual one.
    let clock = ReviewClock::Steps {
        length: 3,
        per_epoch: 4,
    };
    let within: Vec<_> = (0..3).map(|epoch| clock.within(StudentEpoch(epoch))).collect();
    assert_eq!(within, [0..2, 1..3, 2..4]);
    assert_eq!(clock.epochs(2), 3);
    assert_eq!(ReviewClock::Epochs.within(StudentEpoch(7)), 7..8);
    assert_eq!(ReviewClock::Epochs.ended_by(Moment::default()), None);
    assert_eq!(ReviewClock::virtual_epochs(0, 0).epochs(0), 0);
}

/// The numbers of a program have no bound, those of a recipe are multiplied with the size of its data.
#[test]
fn a_training_of_any_length_has_a_schedule() {
    let most = usize::MAX;
    let clock = ReviewClock::virtual_epochs(most, most);
    let per_epoch = most;
    assert_eq!(
        clock,
        ReviewClock::Steps {
            length: most / 240,
            per_epoch
        }
    );
    assert_eq!(clock.epochs(most), 241, "the last is cut short");
    let last = Moment {
        epoch: StudentEpoch(most),
        step: most,
    };
    assert_eq!(clock.epoch(last), ReviewEpoch(240));
    assert_eq!(clock.ended_by(last), None);
    assert_eq!(clock.within(last.epoch), 240..241);
    let schedule = ReviewSchedule {
        clock,
        interval: most / 2,
        slots: 3,
    };
    assert_eq!(schedule.first_review(), ReviewEpoch(most));
}

#[test]
fn a_shorter_training_has_as_many_cycles_if_it_can() {
    for (epochs, interval) in [(1, 1), (12, 1), (71, 1), (72, 2), (96, 2), (240, 5), (480, 10)] {
        assert_eq!(ReviewSchedule::interval_for(epochs), interval, "{epochs}");
    }
    let two_slots = ReviewSchedule {
        clock: ReviewClock::Epochs,
        interval: 2,
        slots: 2,
    };
    let roles: Vec<_> = (0..8)
        .step_by(2)
        .map(|epoch| two_slots.role(ReviewEpoch(epoch)))
        .collect();
    let expected = [
        EpochRole::Memory(0),
        EpochRole::Memory(1),
        EpochRole::Review,
        EpochRole::Memory(0),
    ];
    assert_eq!(roles, expected);
}
