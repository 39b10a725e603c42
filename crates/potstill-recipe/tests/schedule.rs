//! Learning rates against PyTorch's schedulers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::unreadable_literal, reason = "as PyTorch prints them")]

use potstill_recipe::{Cosine, Decay, Milestones, Per, Poly, Schedule};

const LR: f64 = 0.1;
const WARM_UP: usize = 2;

fn schedule(decay: Decay) -> Schedule {
    Schedule {
        decay,
        ..Schedule::default()
    }
}

fn per_epoch(schedule: &Schedule, epochs: usize) -> Vec<f64> {
    (0..epochs)
        .map(|epoch| schedule.lr(LR, epoch, 0, 1, epochs))
        .collect()
}

fn per_step(schedule: &Schedule, epochs: usize, steps: usize) -> Vec<f64> {
    let rate = |at: usize| schedule.lr(LR, at / steps, at % steps, steps, epochs);
    (0..epochs * steps).map(rate).collect()
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= 1e-8 * expected,
            "at {at}: {found}, not {expected}"
        );
    }
}

/// `tools/schedule_reference.py` made this file with PyTorch.
fn reference(section: &str, name: &str) -> Vec<f64> {
    let text = include_str!("reference/schedules.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file[section][name].clone()).unwrap()
}

fn decays() -> [(&'static str, Decay); 3] {
    [
        (
            "multi_step",
            Decay::Milestones(Milestones {
                at: vec![3, 6],
                gamma: 0.1,
            }),
        ),
        ("cosine", Decay::Cosine(Cosine { min_lr: 0.0 })),
        ("polynomial", Decay::Poly(Poly { power: 0.9 })),
    ]
}

#[test]
fn decays_are_those_of_pytorch() {
    for (name, decay) in decays() {
        assert_near(&per_epoch(&schedule(decay), 10), &reference("plain", name));
    }
}

/// The file's warm-up ends an epoch earlier than ours, so only what follows it is compared.
#[test]
fn decays_after_a_warm_up_are_those_of_sequential_lr() {
    for (name, decay) in decays() {
        let schedule = Schedule {
            warmup_epochs: WARM_UP,
            ..schedule(decay)
        };
        let found = per_epoch(&schedule, 10);
        assert_near(&found[WARM_UP..], &reference("warm_up_then", name)[WARM_UP..]);
    }
}

/// By torch 2.15: `SequentialLR(o, [LinearLR(o, 0.1, 1.0, 3), CosineAnnealingLR(o, 7, 1e-3)], [3])`, stepped
/// each epoch.
#[test]
fn warm_up_is_that_of_linear_lr() {
    let schedule = Schedule {
        warmup_epochs: 3,
        ..schedule(Decay::Cosine(Cosine { min_lr: 1e-3 }))
    };
    let expected = [
        0.01,
        0.04,
        0.07,
        0.1,
        0.095097959,
        0.0813627452,
        0.0615147862,
        0.0394852138,
        0.0196372548,
        0.00590204104,
    ];
    assert_near(&per_epoch(&schedule, 10), &expected);
}

/// By torch 2.15: `SequentialLR(o, [LinearLR(o, 0.25, 1.0, 4), PolynomialLR(o, 8, 2.0)], [4])`, stepped each
/// of 3 x 4 steps.
#[test]
fn per_step_is_a_scheduler_stepped_at_each_step() {
    let decay = Decay::Poly(Poly { power: 2.0 });
    let schedule = Schedule {
        decay,
        per: Per::Step,
        warmup_epochs: 1,
        warmup_steps: 0,
        warmup_start: 0.25,
    };
    let expected = [
        0.025, 0.04375, 0.0625, 0.08125, 0.1, 0.0765625, 0.05625, 0.0390625, 0.025, 0.0140625, 0.00625,
        0.0015625,
    ];
    assert_near(&per_step(&schedule, 3, 4), &expected);
}

#[test]
fn per_epoch_is_constant_within_an_epoch() {
    let schedule = schedule(Decay::Cosine(Cosine { min_lr: 0.0 }));
    assert_eq!(schedule.lr(LR, 4, 9, 10, 10), schedule.lr(LR, 4, 0, 10, 10));
}

#[test]
fn constant_is_constant() {
    assert_eq!(per_epoch(&Schedule::default(), 3), [LR; 3]);
}

#[test]
fn odd_numbers_give_a_rate_all_the_same() {
    for (_, decay) in decays() {
        let schedule = Schedule {
            warmup_epochs: 5,
            per: Per::Step,
            ..schedule(decay)
        };
        for (epoch, step, steps, epochs) in [(0, 0, 0, 0), (7, 3, 0, 5), (5, 0, 1, 5), (99, 9, 1, 3)] {
            let lr = schedule.lr(LR, epoch, step, steps, epochs);
            assert!(lr.is_finite() && (0.0..=LR).contains(&lr), "{lr}");
        }
    }
}

/// By torch 2.15: `LinearLR(o, 0.001, 1.0, 3)` stepped at each step, and `MultiStepLR(o, [2])` stepped after each of 3 epochs of 4 steps,
/// as torchvision trains detectors.
#[test]
fn a_warm_up_in_steps_goes_beneath_a_decay_by_epochs() {
    let decay = Decay::Milestones(Milestones {
        at: vec![2],
        gamma: 0.1,
    });
    let schedule = Schedule {
        warmup_steps: 3,
        warmup_start: 0.001,
        ..schedule(decay)
    };
    let expected = [
        0.0001, 0.0334, 0.0667, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01,
    ];
    assert_near(&per_step(&schedule, 3, 4), &expected);
    let longer = Schedule {
        warmup_epochs: 1,
        ..schedule
    };
    assert_eq!(
        longer.lr(LR, 0, 1, 4, 3),
        longer.lr(LR, 0, 0, 4, 3),
        "an epoch is longer"
    );
}
