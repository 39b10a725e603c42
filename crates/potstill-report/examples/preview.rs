//! Writes one of everything this crate makes, from numbers by formula, to be looked at by eye:
//! `cargo run -p potstill-report --example preview -- FOLDER`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use potstill_metrics::{LOSS, MetricSet, Metrics, TOP1, TOP5};
use potstill_report::{
    CardFacts, Curve, Data, Details, EpochResult, EpochRow, IndexMap, Network, RunGroup, Summary, Teacher,
    Training, append_metrics, compare, curves_svg, html_report, model_card, tensorboard, write_summary,
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
        published_as: None,
    });
    let comparison = compare(&groups)?;
    let curves = alone.iter().chain(&kd).map(|(summary, rows)| Curve {
        name: &summary.name,
        rows,
    });
    let card = CardFacts {
        summary,
        recipe: RECIPE,
        command: Some("potstill train recipe.toml"),
        license: Some("mit"),
        teacher_license: None,
        data_license: None,
        data_name: Some("cifar10"),
        comparison: Some(&comparison),
    };
    fs::write(folder.join("compare.txt"), comparison.text())?;
    fs::write(folder.join("compare.json"), comparison.json())?;
    fs::write(
        folder.join("curves.svg"),
        curves_svg(&curves.collect::<Vec<_>>(), &TOP1),
    )?;
    fs::write(folder.join("report.html"), html_report(summary, rows, RECIPE))?;
    fs::write(folder.join("README.md"), model_card(&card))?;
    write_summary(folder.join("summary.json"), summary)?;
    let mut events = tensorboard::EventWriter::create(&folder)?;
    for row in rows {
        append_metrics(folder.join("metrics.jsonl"), row)?;
        events.epoch(row, &summary.metrics)?;
    }
    // A second file, as of a run that went on after its tenth epoch, says the later epochs anew.
    let mut again = tensorboard::EventWriter::resume(&folder, rows[9].step)?;
    rows[10..]
        .iter()
        .try_for_each(|row| again.epoch(row, &summary.metrics))?;
    Ok(())
}

fn run(name: &str, methods: &[&str], seed: u64) -> (Summary, Vec<EpochRow>) {
    let lift = methods.len() as f64;
    let rows: Vec<_> = (1..=EPOCHS).map(|epoch| row(epoch, seed as f64, lift)).collect();
    let results = rows.iter().filter_map(|row| {
        Some(EpochResult {
            epoch: row.epoch,
            metrics: row.test.clone()?,
        })
    });
    let results: Vec<_> = results.collect();
    let by_top1 = |a: &&EpochResult, b: &&EpochResult| a.metrics["top1"].total_cmp(&b.metrics["top1"]);
    let best = results.iter().max_by(by_top1).cloned().unwrap_or_default();
    let last = results.last().cloned().unwrap_or_default();
    let network = |model: &str, params, macs| Network {
        model: model.to_owned(),
        params,
        macs,
    };
    let teacher = Teacher {
        name: "teacher".to_owned(),
        network: network("cifar_resnet56", 855_770, 126_545_536),
        metrics: Metrics::new().with(&TOP1, 94.37),
        validation: Metrics::new(),
    };
    let summary = Summary {
        name: name.to_owned(),
        seed,
        task: "classification".to_owned(),
        licence: None,
        source: None,
        metrics: MetricSet {
            headline: TOP1,
            others: vec![TOP5, LOSS],
        },
        potstill: env!("CARGO_PKG_VERSION").to_owned(),
        recipe_hash: "3f9a1c07".to_owned(),
        student: network("cifar_resnet20", 269_722, 40_813_184),
        teachers: if methods.is_empty() { vec![] } else { vec![teacher] },
        methods: methods.iter().map(ToString::to_string).collect(),
        data: Data {
            train: "../data/cifar10/train.tar".to_owned(),
            validation: None,
            test: "../data/cifar10/test.tar".to_owned(),
            train_images: 50_000,
            labelled_images: None,
            validation_images: 0,
            test_images: 10_000,
            classes: 10,
        },
        epochs: EPOCHS,
        best,
        last,
        validation: None,
        seconds: rows.iter().map(|row| row.seconds).sum(),
        finished: true,
        threads: 2,
        step_ms_median: Some(123.4),
        peak_rss_mb: Some(1_434.0),
        loader_wait_percent: Some(0.4),
        details: Details::default(),
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
        search: false,
        step: 781 * epoch as u64,
        lr: 0.05 * (1.0 + (std::f64::consts::PI * (time - 1.0) / EPOCHS as f64).cos()),
        seconds: 96.0 + wobble,
        images_per_second: 520.0 + wobble,
        train: Training {
            loss: terms.values().sum(),
            metrics: Metrics::new().with(&TOP1, 95.0 - 50.0 * left),
            terms,
            weights: IndexMap::new(),
        },
        validation: None,
        test: Some(
            Metrics::new()
                .with(&TOP1, 91.6 + 0.6 * lift - 45.0 * left + wobble)
                .with(&TOP5, 99.7 - 20.0 * left)
                .with(&LOSS, 0.3 + left + 0.02 * wobble),
        ),
        teachers: IndexMap::new(),
        notes: IndexMap::new(),
    }
}
