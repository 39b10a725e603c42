//! Weights of methods over a training, and schedules that can do nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use potstill_recipe::{MethodSpec, Recipe, WeightCosine, WeightMilestones, WeightRamp, WeightSchedule};

fn factors(schedule: &WeightSchedule, times: &[f64]) -> Vec<f64> {
    times.iter().map(|&time| schedule.factor(time, 8)).collect()
}

#[test]
fn weights_follow_their_schedules() {
    let times = [0.0, 0.5, 2.0, 4.0, 6.0, 7.5, 8.0, 20.0];
    assert_eq!(factors(&WeightSchedule::Constant, &times), [1.0; 8]);
    let ramp = WeightSchedule::Ramp(WeightRamp { epochs: 4, from: 0.5 });
    assert_eq!(
        factors(&ramp, &times),
        [0.5, 0.5625, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
    );
    let steps = WeightSchedule::Milestones(WeightMilestones {
        at: vec![2, 6],
        gamma: 0.25,
    });
    assert_eq!(
        factors(&steps, &times),
        [1.0, 1.0, 0.25, 0.25, 0.0625, 0.0625, 0.0625, 0.0625]
    );
    // cos(pi / 4) = 0.70711, cos(pi / 2) = 0, cos(3 pi / 4) = -0.70711.
    let cosine = |to, epochs| WeightSchedule::Cosine(WeightCosine { to, epochs });
    for (schedule, times, expected) in [
        (
            cosine(0.0, None),
            [0.0, 2.0, 4.0, 6.0, 8.0],
            [1.0, 0.853_553_390_6, 0.5, 0.146_446_609_4, 0.0],
        ),
        (
            cosine(0.2, None),
            [0.0, 2.0, 4.0, 6.0, 9.0],
            [1.0, 0.882_842_712_5, 0.6, 0.317_157_287_5, 0.2],
        ),
        // It may grow as well, and end before the training.
        (
            cosine(3.0, Some(4)),
            [0.0, 1.0, 2.0, 3.0, 6.0],
            [1.0, 1.292_893_218_8, 2.0, 2.707_106_781_2, 3.0],
        ),
    ] {
        for (time, expected) in times.into_iter().zip(expected) {
            let found = schedule.factor(time, 8);
            assert!((found - expected).abs() < 1e-9, "{schedule:?} at {time}: {found}");
        }
    }
}

#[test]
fn odd_times_give_a_number_all_the_same() {
    for schedule in [
        WeightSchedule::Ramp(WeightRamp { epochs: 0, from: 0.0 }),
        WeightSchedule::Cosine(WeightCosine {
            to: 0.0,
            epochs: None,
        }),
        WeightSchedule::Milestones(WeightMilestones {
            at: Vec::new(),
            gamma: 0.0,
        }),
    ] {
        for time in [0.0, 1e12] {
            let factor = schedule.factor(time, 0);
            assert!((0.0..=1.0).contains(&factor), "{schedule:?}: {factor}");
        }
    }
}

fn read(entry: &str) -> Result<Recipe, String> {
    let text = format!(
        "version = 1\nname = \"x\"\ndata.train = \"shapes\"\nstudent.model = \"cifar_resnet8\"\nteacher.model = \"cifar_resnet14\"\n\
         train = {{ epochs = 4, optimizer = {{ kind = \"sgd\", lr = 0.1 }} }}\n[[methods]]\nkind = \"kd\"\n{entry}\n"
    );
    Recipe::from_text(&text, "x.toml", &[]).map_err(|error| error.to_string())
}

#[test]
fn a_schedule_is_read_and_written() {
    for (written, read_as) in [
        (
            "{ kind = \"ramp\", epochs = 20 }",
            WeightSchedule::Ramp(WeightRamp {
                epochs: 20,
                from: 0.0,
            }),
        ),
        (
            "{ kind = \"cosine\" }",
            WeightSchedule::Cosine(WeightCosine {
                to: 0.0,
                epochs: None,
            }),
        ),
        (
            "{ kind = \"milestones\", at = [1, 3], factor = 0.5 }",
            WeightSchedule::Milestones(WeightMilestones {
                at: vec![1, 3],
                gamma: 0.5,
            }),
        ),
        ("{ kind = \"constant\" }", WeightSchedule::Constant),
    ] {
        let recipe = read(&format!("schedule = {written}"));
        // A key by another name is sent to its own.
        let recipe = match recipe {
            Err(message) if written.contains("factor") => {
                assert!(message.contains("`methods.0.schedule.gamma`"), "{message}");
                read(&format!("schedule = {}", written.replace("factor", "gamma")))
            }
            other => other,
        };
        let recipe = recipe.unwrap();
        assert_eq!(recipe.methods[0].schedule.as_ref(), Some(&read_as));
        let again = Recipe::from_text(&recipe.to_toml().unwrap(), "y.toml", &[]).unwrap();
        assert_eq!(again, recipe);
    }
    // What is not written is not written out: the text of older recipes stays.
    assert!(
        !read("")
            .unwrap()
            .to_toml()
            .unwrap()
            .contains("schedule = { kind = \"ramp\"")
    );
    let spec = MethodSpec::new("kd").with_schedule(WeightSchedule::Constant);
    assert_eq!(spec.schedule, Some(WeightSchedule::Constant));
}

#[test]
fn a_schedule_that_does_nothing_is_refused() {
    for (entry, key, words) in [
        (
            "weight = 0\nschedule = { kind = \"ramp\", epochs = 2 }",
            "schedule",
            "changes the `weight`, which is 0",
        ),
        (
            "schedule = { kind = \"ramp\", epochs = 2, from = 1 }",
            "schedule.from",
            "nothing would grow",
        ),
        (
            "schedule = { kind = \"cosine\", to = 1.0 }",
            "schedule.to",
            "nothing would change",
        ),
        (
            "schedule = { kind = \"milestones\", at = [1], gamma = 1 }",
            "schedule.gamma",
            "nothing would change",
        ),
        (
            "schedule = { kind = \"milestones\", at = [3, 1] }",
            "schedule.at",
            "must increase, not be [3, 1]",
        ),
        (
            "schedule = { kind = \"milestones\", at = [4, 9] }",
            "schedule.at",
            "is [4, 9], and the training ends after 4 epochs",
        ),
        ("schedule = { kind = \"ramp\" }", "schedule.epochs", "missing key"),
        (
            "schedule = { kind = \"ramp\", epochs = 0 }",
            "schedule.epochs",
            "at least 1",
        ),
        ("schedule = { kind = \"linear\" }", "schedule.kind", "`ramp`"),
        (
            "schedule = { kind = \"cosine\", to = -1 }",
            "schedule.to",
            "at least 0",
        ),
    ] {
        let message = read(entry).unwrap_err();
        assert!(
            message.contains(&format!("methods.0.{key}`"))
                && message.contains(words)
                && message.starts_with("x.toml:"),
            "{entry}: {message}"
        );
    }
    // A milestone of several may lie beyond a short training.
    assert!(read("schedule = { kind = \"milestones\", at = [2, 9] }").is_ok());
}

#[test]
fn a_schedule_is_told_in_words() {
    for (written, words) in [
        ("{ kind = \"constant\" }", ""),
        (
            "{ kind = \"ramp\", epochs = 1 }",
            "growing from 0 of it over 1 epoch",
        ),
        (
            "{ kind = \"ramp\", epochs = 20, from = 0.5 }",
            "growing from 0.5 of it over 20 epochs",
        ),
        ("{ kind = \"cosine\" }", "along a cosine to 0 of it at the end"),
        (
            "{ kind = \"cosine\", to = 0.1, epochs = 3 }",
            "along a cosine to 0.1 of it in 3 epochs",
        ),
        // Epochs are told from 1.
        (
            "{ kind = \"milestones\", at = [1, 3] }",
            "times 0.1 from epochs 2, 4 on",
        ),
    ] {
        let recipe = read(&format!("schedule = {written}")).unwrap();
        assert_eq!(recipe.methods[0].schedule.as_ref().unwrap().in_words(), words);
    }
}
