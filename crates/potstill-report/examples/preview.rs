//! Writes one of everything this crate makes, from numbers by formula, to be looked at by eye:
//! `cargo run -p potstill-report --example preview -- FOLDER`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use potstill_report::{
    BestEpoch, CardFacts, Curve, Data, EpochRow, Evaluation, IndexMap, LastEpoch, Network, RunGroup, Summary,
    Teacher, Training, append_metrics, compare, curves_svg, html_report, model_card, tensorboard,
    write_summary,
};

const EPOCHS: usize = 24;
const RECIPE: &str = "version = 1\nname = \"cifar10-resnet56-resnet20-kd\"\nseed = 0\n\n[student]\n\
                      model = \"cifar_resnet20\"\n\n[[methods]]\nkind = \"kd\"\nweight = 0.9\n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name the folder to write into")?);
    fs::create_dir_all(&folder)?;
    let alone: Vec<_> = (0..3).map(|seed| run("alone", &[], seed)).collect();
    let kd: Vec<_> = (0..3).map(|seed| run("kd", &["kd"], seed)).collect();
    let (summary, rows) = &kd[0];

    let groups = [("alone", &alone), ("kd", &kd)].map(|(name, runs)| RunGroup {
        name: name.to_owned(),
        runs: runs.iter().map(|(summary, _)| summary.clone()).collect(),
    });
    let comparison = compare(&groups)?;
    let curves = alone.iter().chain(&kd).map(|(summary, rows)| Curve {
        name: &summary.name,
        rows,
    });
    let card = CardFacts {
        summary,
        recipe: RECIPE,
        command: "potstill train recipe.toml",
        license: Some("mit"),
        teacher_license: None,
        data_license: None,
        data_name: Some("cifar10"),
        comparison: Some(&comparison),
    };
    fs::write(folder.join("compare.txt"), comparison.text())?;
    fs::write(folder.join("compare.json"), comparison.json())?;
    fs::write(folder.join("curves.svg"), curves_svg(&curves.collect::<Vec<_>>()))?;
    fs::write(folder.join("report.html"), html_report(summary, rows, RECIPE))?;
    fs::write(folder.join("README.md"), model_card(&card))?;
    write_summary(folder.join("summary.json"), summary)?;
    let mut events = tensorboard::EventWriter::create(&folder)?;
    for row in rows {
        append_metrics(folder.join("metrics.jsonl"), row)?;
        events.epoch(row)?;
    }
    // A second file, as of a run that went on after its tenth epoch, says the later epochs anew.
    let mut again = tensorboard::EventWriter::resume(&folder, rows[9].step)?;
    rows[10..].iter().try_for_each(|row| again.epoch(row))?;
    Ok(())
}

fn run(name: &str, methods: &[&str], seed: u64) -> (Summary, Vec<EpochRow>) {
    let lift = methods.len() as f64;
    let rows: Vec<_> = (1..=EPOCHS).map(|epoch| row(epoch, seed as f64, lift)).collect();
    let tests = rows.iter().filter_map(|row| Some((row.epoch, row.test?)));
    let (epoch, best) = tests
        .max_by(|a, b| a.1.top1.total_cmp(&b.1.top1))
        .unwrap_or_default();
    let last = rows.last().and_then(|row| row.test).unwrap_or_default();
    let network = |model: &str, params, macs| Network {
        model: model.to_owned(),
        params,
        macs,
    };
    let teacher = Teacher {
        network: network("cifar_resnet56", 855_770, 126_545_536),
        top1: Some(94.37),
    };
    let summary = Summary {
        name: name.to_owned(),
        seed,
        task: "classification".to_owned(),
        potstill: env!("CARGO_PKG_VERSION").to_owned(),
        recipe_hash: "3f9a1c07".to_owned(),
        student: network("cifar_resnet20", 269_722, 40_813_184),
        teacher: (!methods.is_empty()).then_some(teacher),
        methods: methods.iter().map(ToString::to_string).collect(),
        data: Data {
            train: "../data/cifar10/train.tar".to_owned(),
            test: "../data/cifar10/test.tar".to_owned(),
            train_images: 50_000,
            test_images: 10_000,
            classes: 10,
        },
        epochs: EPOCHS,
        best: BestEpoch {
            epoch,
            top1: best.top1,
        },
        last: LastEpoch {
            epoch: EPOCHS,
            top1: last.top1,
            top5: last.top5,
            loss: last.loss,
        },
        seconds: rows.iter().map(|row| row.seconds).sum(),
        finished: true,
        threads: 2,
        step_ms_median: Some(123.4),
        peak_rss_mb: Some(1_434.0),
        loader_wait_percent: Some(0.4),
    };
    (summary, rows)
}

fn row(epoch: usize, seed: f64, lift: f64) -> EpochRow {
    let time = epoch as f64;
    let left = (-time / 6.0).exp();
    let wobble = (2.3 * time + 5.0 * seed).sin() * (0.2 + 2.0 * left);
    let cross_entropy = 0.15 + 1.6 * left;
    let terms = [("cross_entropy", cross_entropy), ("kd", 0.3 + 2.1 * left)];
    let terms: IndexMap<String, f64> = terms
        .iter()
        .take(1 + lift as usize)
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    EpochRow {
        epoch,
        phase: "train".to_owned(),
        step: 781 * epoch as u64,
        lr: 0.05 * (1.0 + (std::f64::consts::PI * (time - 1.0) / EPOCHS as f64).cos()),
        seconds: 96.0 + wobble,
        images_per_second: 520.0 + wobble,
        train: Training {
            loss: terms.values().sum(),
            top1: Some(95.0 - 50.0 * left),
            terms,
            weights: IndexMap::new(),
        },
        test: Some(Evaluation {
            loss: 0.3 + left + 0.02 * wobble,
            top1: 91.6 + 0.6 * lift - 45.0 * left + wobble,
            top5: Some(99.7 - 20.0 * left),
        }),
        teacher: None,
        notes: IndexMap::new(),
    }
}
