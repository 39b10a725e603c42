//! The HTML report, the curves and the model card.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::runs::{row, run};
use potstill_metrics::{
    AgreementReport, Calibration, Confusion, Details, F1, LOSS, MEAN_AVERAGE_PRECISION, MetricSet, Metrics,
    Mistake, TOP1,
};
use potstill_report::{CardFacts, Curve, EpochRow, Summary, Validated, curves_svg, html_report, model_card};

/// Fails unless every element is closed in the right order and no markup character stands loose.
fn check_markup(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, words) = piece
            .split_once('>')
            .unwrap_or_else(|| panic!("`<` stands loose before {piece:.40}"));
        assert!(
            !words.contains('>') || open.last() == Some(&"style"),
            "`>` stands loose in {words:.40}"
        );
        let name = tag.split([' ', '/']).next().unwrap();
        match tag {
            _ if tag.starts_with('!') || tag.ends_with('/') || name == "meta" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(&tag[1..])),
            _ => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn the_report_stands_alone() {
    let page = html_report(&run("r", &["kd"], 3, 92.0), &[row(1), row(2)], "seed = 3\n");
    check_markup(&page);
    for word in ["<script", "src=", "href=", "url(", "@import", "http"] {
        assert!(!page.contains(word), "the page must load nothing: {word}");
    }
    for fact in [
        "92.00 %",
        "94.37 %",
        "2.37 points ahead",
        "3.2×",
        "1 h 02 min",
        "seed = 3",
        "1,434 MiB",
        "3f9a1c07",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    let head = "<th>epoch</th><th>learning rate</th><th>train loss</th><th>kd</th><th>cross_entropy</th>";
    assert!(page.contains(head), "terms stand in the order of the recipe");
    assert!(page.contains("<tr class=\"best\"><td>1</td><td>0.1</td><td>1.2500</td>"));
    assert!(!page.contains("Not finished") && !page.contains("phase</th>"));
}

/// Two cats, one of them taken for a `<dog>`, and a `<dog>`.
fn details() -> Details {
    let names = ["cat", "<dog>"].map(String::from);
    let (mut confusion, mut calibration) = (Confusion::default(), Calibration::default());
    for (truth, prediction) in [(0, 0), (0, 1), (1, 1)] {
        confusion.add(truth, prediction);
        calibration.add(0.9, truth == prediction);
    }
    let mistake = Mistake {
        index: 1,
        file: "cat/<1>.png".to_owned(),
        truth: "cat".to_owned(),
        prediction: "<dog>".to_owned(),
        probability: 0.875,
        probability_of_truth: 0.125,
    };
    Details {
        by_class: confusion.by_class(&names),
        confusion: confusion.matrix(&names),
        most_confused: confusion.most_confused(&names, 10),
        calibration: calibration.report(),
        agreement: Some(AgreementReport {
            top1: 66.5,
            divergence: 0.25,
        }),
        worst: vec![mistake],
    }
}

#[test]
fn the_report_tells_classes_confusion_and_the_worst_pictures() {
    let mut summary = run("r", &["kd"], 3, 92.0);
    let without = html_report(&summary, &[row(1), row(2)], "seed = 3\n");
    assert!(!without.contains("<h2>Classes</h2>") && !without.contains("<h2>Most wrong</h2>"));
    summary.details = details();
    let page = html_report(&summary, &[row(1), row(2)], "seed = 3\n");
    check_markup(&page);
    for fact in [
        "<td class=\"word\">cat</td><td>2</td><td>50.00 %</td>",
        "<td class=\"word\">cat</td><td class=\"right\">1</td><td>1</td>",
        "<td class=\"word\">&lt;dog&gt;</td><td></td><td class=\"right\">1</td>",
        "over 15 bins: <b>23.33 %</b>",
        "<b>66.50 %</b> of the test images, KL <b>0.2500</b>",
        "cat/&lt;1&gt;.png</td>",
        "<td>87.50 %</td><td>12.50 %</td>",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    // They are kept in the summary, and a summary without them can be read.
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(
        serde_json::from_str::<Summary>(&json).unwrap().details,
        summary.details
    );
    summary.details = Details::default();
    assert!(!serde_json::to_string(&summary).unwrap().contains("details"));
}

#[test]
fn what_comes_from_outside_is_text_and_never_markup() {
    let evil = "</pre><script>alert(\"1\")</script>&";
    let mut summary = run(evil, &[evil], 0, 91.0);
    for text in [
        &mut summary.task,
        &mut summary.student.model,
        &mut summary.data.train,
        &mut summary.recipe_hash,
    ] {
        evil.clone_into(text);
    }
    let mut odd = row(1);
    odd.train.terms.insert(evil.to_owned(), 1.0);
    let named = EpochRow {
        phase: evil.to_owned(),
        ..odd
    };
    let page = html_report(&summary, &[named.clone(), row(2)], evil);
    check_markup(&page);
    assert!(!page.contains("<script") && page.contains("&lt;/pre&gt;&lt;script&gt;alert(&quot;1&quot;)"));
    let curves = [
        Curve {
            name: evil,
            rows: &[named],
        },
        Curve { name: "b", rows: &[] },
    ];
    let svg = curves_svg(&curves, &TOP1);
    check_markup(&svg);
    assert!(!svg.contains("<script"));
}

#[test]
fn an_unfinished_diverged_run_without_a_teacher_has_a_page_too() {
    let mut summary = Summary {
        finished: false,
        ..run("r", &[], 0, f64::NAN)
    };
    summary.last.epoch = 1;
    let mut diverged = EpochRow { test: None, ..row(1) };
    diverged.train.loss = f64::NAN;
    for rows in [&[diverged][..], &[]] {
        let page = html_report(&summary, rows, "");
        check_markup(&page);
        assert!(page.contains("Not finished: epoch 1 of 2.") && page.contains("trained alone"));
        assert!(!page.contains("NaN"), "a dash stands for what is no number");
    }
}

/// A run of which a tenth of the images was held back.
fn validated() -> (Summary, Vec<EpochRow>) {
    let mut summary = run("v", &["kd"], 0, 91.5);
    summary.data.validation = Some("0.1 of the training images".to_owned());
    (summary.data.train_images, summary.data.validation_images) = (45_000, 5_000);
    let on = |top1: f64| Metrics::new().with(&TOP1, top1).with(&LOSS, 0.5);
    summary.validation = Some(Validated {
        best: on(93.5),
        last: on(93.0),
    });
    summary.teachers[0].validation = on(95.5);
    let rows = [(1, 93.5), (2, 93.0)].map(|(epoch, top1)| {
        let mut row = row(epoch);
        row.validation = Some(on(top1));
        row.test = row.test.filter(|_| epoch == 2);
        row
    });
    (summary, rows.to_vec())
}

#[test]
fn every_page_says_which_images_a_number_is_from() {
    let (summary, rows) = validated();
    let page = html_report(&summary, &rows, "");
    check_markup(&page);
    for fact in [
        "45,000 training, 5,000 validation and 10,000 test images",
        "Test top-1, last epoch",
        "Validation top-1, best epoch",
        "93.50 %",
        "last epoch 93.00 %",
        "<th>validation top-1</th>",
        "<th>test top-1</th>",
        "the test images were seen once, at the end",
        "2.87 points ahead",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    assert!(page.contains("<tr class=\"best\"><td>1</td>"));
    assert!(!page.contains("chosen on the test images"));
    let svg = curves_svg(
        &[Curve {
            name: "v",
            rows: &rows,
        }],
        &TOP1,
    );
    check_markup(&svg);
    assert!(
        svg.contains("<title>validation epoch 1: 93.5000</title>"),
        "{svg}"
    );
    assert!(svg.contains("<title>test epoch 2: 60.2500</title>"), "{svg}");
    let both = ["a", "b"].map(|name| Curve { name, rows: &rows });
    assert!(curves_svg(&both, &TOP1).contains("Validation top-1, %"));
    let card = model_card(&CardFacts {
        summary: &summary,
        recipe: "",
        command: None,
        license: None,
        teacher_license: None,
        data_license: None,
        data_name: None,
        comparison: None,
    });
    for fact in [
        "On the 10,000 test images of cifar10.",
        "| top-1, best epoch (chosen on the validation images) | 91.75 %, epoch 1 |",
        "| top-1 on 5,000 validation images, best epoch | 93.50 % |",
        "split: test",
    ] {
        assert!(card.contains(fact), "{fact}\n{card}");
    }
}

/// A run whose headline is a mean average precision, with two teachers.
fn multi_label() -> (Summary, EpochRow) {
    let mut summary = run("m", &["kd"], 0, 0.0);
    "multi-label".clone_into(&mut summary.task);
    summary.metrics = MetricSet {
        headline: MEAN_AVERAGE_PRECISION,
        others: vec![F1, LOSS],
    };
    let metrics = |map| {
        Metrics::new()
            .with(&MEAN_AVERAGE_PRECISION, map)
            .with(&F1, 61.5)
            .with(&LOSS, 0.25)
    };
    (summary.last.metrics, summary.best.metrics) = (metrics(71.25), metrics(72.5));
    let mut second = summary.teachers[0].clone();
    "large".clone_into(&mut second.name);
    "cifar_resnet110".clone_into(&mut second.network.model);
    (summary.teachers[0].metrics, second.metrics) = (metrics(70.0), metrics(75.0));
    summary.teachers.push(second);
    let mut epoch = row(1);
    epoch.train.metrics = Metrics::new();
    epoch.test = Some(metrics(72.5));
    (summary, epoch)
}

#[test]
fn another_task_is_shown_by_its_own_headline() {
    let (summary, epoch) = multi_label();
    let page = html_report(&summary, &[epoch], "");
    check_markup(&page);
    for fact in [
        "mAP, last epoch",
        "71.25 %",
        "F1 61.50 %",
        "<th>test mAP</th><th>test F1</th><th>test loss</th>",
        "Large's mAP",
        "3.75 points ahead",
        "1.25 points behind",
        "<b>cifar_resnet56</b> and <b>cifar_resnet110</b>",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
    assert!(!page.contains("op-1") && !page.contains("train mAP"));
    let card = model_card(&CardFacts {
        summary: &summary,
        recipe: "",
        command: Some("potstill train recipe.toml"),
        license: None,
        teacher_license: None,
        data_license: None,
        data_name: None,
        comparison: None,
    });
    for fact in [
        "pipeline_tag: image-classification",
        "metrics:\n- mean_average_precision\n- f1\n",
        "    - type: mean_average_precision\n      name: mAP, percent\n      value: 71.25\n",
        "base_model:\n- \"cifar_resnet56\"\n- \"cifar_resnet110\"\n",
        "none, one or several of them",
        "| mAP, best epoch (chosen on these test images) | 72.50 %, epoch 1 |",
        "| mAP of large | 75.00 % |",
    ] {
        assert!(card.contains(fact), "{fact}\n{card}");
    }
    assert!(!card.contains("op-1") && !card.contains("loss"));
}

#[test]
fn curves_lie_where_their_values_are() {
    // Accuracy 60 and 80 on an axis from 60 to 80: from the lower left corner of the plot to its upper right
    // one.
    let rows = [(1, 60.0), (2, 80.0)].map(|(epoch, top1)| {
        let mut row = row(epoch);
        row.test = row.test.map(|test| test.with(&TOP1, top1));
        row
    });
    let curves = [
        Curve {
            name: "a",
            rows: &rows,
        },
        Curve {
            name: "b",
            rows: &rows[..1],
        },
    ];
    let svg = curves_svg(&curves, &TOP1);
    check_markup(&svg);
    assert!(
        svg.contains("<path class=\"line c0\" d=\"M46.0 250.0L468.0 48.0\"/>"),
        "{svg}"
    );
    assert!(svg.contains("<title>a epoch 2: 80.0000</title>"));
    assert!(
        svg.contains("<g class=\"dots d1 shown\">"),
        "a line of one point shows its dot"
    );
}

#[test]
fn an_epoch_that_is_no_number_leaves_a_gap() {
    let rows = [1.0, f64::NAN, 3.0, 4.0].map(|top1| {
        let mut row = row(1);
        row.test = row.test.map(|test| test.with(&TOP1, top1));
        row
    });
    let rows: Vec<_> = (1..)
        .zip(rows)
        .map(|(epoch, row)| EpochRow { epoch, ..row })
        .collect();
    let curves = [
        Curve {
            name: "a",
            rows: &rows,
        },
        Curve { name: "b", rows: &[] },
    ];
    let svg = curves_svg(&curves, &TOP1);
    let line = svg
        .lines()
        .find(|line| line.starts_with("<path class=\"line c0\" d=\"M46"))
        .unwrap();
    assert_eq!(line.matches('M').count(), 2, "{line}");
    assert_eq!(line.matches('L').count(), 1, "{line}");
}

#[test]
fn the_card_says_what_the_hub_and_the_reader_need() {
    let summary = run("kd: \"t4\"", &["kd"], 0, 91.934);
    let card = model_card(&CardFacts {
        summary: &summary,
        recipe: "name = \"kd\"\nabout = '''```'''\n",
        command: Some("potstill train recipe.toml"),
        license: Some("mit"),
        teacher_license: Some("bsd-3-clause"),
        data_license: None,
        data_name: None,
        comparison: None,
    });
    assert_eq!(card, include_str!("card.md"));
}

#[test]
fn the_card_has_the_licence_and_the_source_of_the_recipe() {
    let mut summary = run("a", &["kd"], 0, 91.0);
    summary.source = Some("weights of a friend; photos of mine".to_owned());
    let card = |license| {
        model_card(&CardFacts {
            summary: &summary,
            recipe: "",
            command: None,
            license,
            teacher_license: None,
            data_license: None,
            data_name: None,
            comparison: None,
        })
    };
    let plain = card(Some("Apache-2.0"));
    assert!(plain.contains("license: \"apache-2.0\"\nlibrary_name"), "{plain}");
    assert!(plain.contains("| these weights | Apache-2.0 |"));
    assert!(plain.contains("| where teacher and images come from | weights of a friend; photos of mine |"));
    // What is no identifier is a name, as the hub wants it.
    let words = card(Some("for research only"));
    assert!(words.contains("license: \"other\"\nlicense_name: \"for research only\"\nlibrary_name"));
}

#[test]
fn a_card_of_a_diverged_run_claims_no_result() {
    let mut summary = run("r", &[], 0, f64::NAN);
    summary.last.metrics = Metrics::new().with(&TOP1, f64::NAN);
    let card = model_card(&CardFacts {
        summary: &summary,
        recipe: "",
        command: Some("potstill train recipe.toml"),
        license: None,
        teacher_license: None,
        data_license: None,
        data_name: Some("cifar10"),
        comparison: None,
    });
    assert!(!card.contains("model-index") && !card.contains("base_model") && !card.contains("NaN"));
    assert!(card.contains("license: \"unknown\"") && card.contains("datasets:\n- \"cifar10\""));
    assert!(card.contains("| top-1, last epoch | – |"));
    assert!(
        card.contains("| these weights | not stated |")
            && card.contains("| the teacher's weights | no teacher |")
    );
}
