//! Comparisons as papers have them: with published figures, in the forms of documents.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::runs::run;
use potstill_report::{Comparison, RunGroup, Summary, compare};

/// A run of a pair that there are figures of: on CIFAR-100, from ResNet-56.
fn on_cifar100(name: &str, methods: &[&str], seed: u64, top1: f64) -> Summary {
    let mut run = run(name, methods, seed, top1);
    run.data.train = "cifar100".into();
    run.data.test = "cifar100".into();
    run.data.classes = 100;
    run
}

fn group(name: &str, methods: &[&str], published_as: Option<&str>, top1: &[f64]) -> RunGroup {
    let runs = (0..)
        .zip(top1)
        .map(|(seed, top1)| on_cifar100(name, methods, seed, *top1));
    RunGroup {
        name: name.to_owned(),
        runs: runs.collect(),
        published_as: published_as.map(str::to_owned),
    }
}

fn comparison() -> Comparison {
    compare(&[
        group("a_b", &["kd"], Some("kd + ls"), &[70.0, 71.0]),
        group("alone", &[], None, &[69.0, 69.5, 70.0]),
        group("dkd", &["dkd"], Some("dkd"), &[71.0, 71.5, 72.0]),
        group("own", &["tskd"], Some("tskd"), &[71.0, 72.0, 73.5]),
    ])
    .unwrap()
}

/// Published: 71.43, 71.97 and nothing; 69.06 alone, 72.34 the teacher. KD has two pairs and no p; DKD is better by 2 each time, which has
/// no spread; the last one by 2, 2.5 and 3.5: mean 8/3, s 0.763763, t = 6.047432, p = 1 - t / sqrt(2 + t^2) = 0.026271.
#[test]
fn markdown_has_the_teacher_the_student_alone_and_each_method() {
    let expected = "\
**cifar_resnet20 (40.8 M MACs) on cifar100: 50,000 training and 10,000 test images, 100 classes, 2 epochs**

| run | methods | seeds | top-1 % | best % | gain | p (pairs) | published % | parameters | time |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| cifar_resnet56 | teacher | – | 94.37 | – | – | – | 72.34 | 855,770 | – |
| alone | none: student alone | 3 | 69.50 ± 0.50 | 69.75 | – | – | 69.06 | 269,722 | 1 h 02 min |
| a_b | kd | 2 | 70.50 ± 0.71 | 70.75 | +1.00 | – (2) | 71.43 | 269,722 | 1 h 02 min |
| dkd | dkd | 3 | 71.50 ± 0.50 | 71.75 | +2.00 | – (3) | 71.97 | 269,722 | 1 h 02 min |
| own | tskd | 3 | 72.17 ± 1.26 | 72.42 | +2.67 | 0.026 (3) | – | 269,722 | 1 h 02 min |

- top-1: after the last epoch, mean ± sample standard deviation over the seeds
- best: mean of each run's best epoch, which is chosen on the test images
- gain: how much better top-1 is than that of the student alone, in percentage points
- p (pairs): paired t-test against the student alone, two-sided, over the seeds that both have, of which it needs 3; not corrected for the number of rows
- published: under the papers' own protocol, mostly the best epoch on the test images, so to be compared with \\`best\\`; from README of RepDistiller (Tian, Krishnan and Isola 2020); tables of Sun et al., Logit Standardization in Knowledge Distillation (2024); README of mdistiller (Zhao et al. 2022)
";
    assert_eq!(comparison().markdown(), expected);
}

#[test]
fn latex_and_html_are_escaped() {
    let latex = comparison().latex();
    let expected = "\
% \\usepackage{booktabs}
% cifar_resnet20 (40.8 M MACs) on cifar100: 50,000 training and 10,000 test images, 100 classes, 2 epochs
\\begin{tabular}{llrrrrrrrr}
\\toprule
run & methods & seeds & top-1 \\% & best \\% & gain & p (pairs) & published \\% & parameters & time \\\\
\\midrule
cifar\\_resnet56 & teacher & -- & 94.37 & -- & -- & -- & 72.34 & 855,770 & -- \\\\
alone & none: student alone & 3 & 69.50 $\\pm$ 0.50 & 69.75 & -- & -- & 69.06 & 269,722 & 1 h 02 min \\\\
a\\_b & kd & 2 & 70.50 $\\pm$ 0.71 & 70.75 & $+$1.00 & -- (2) & 71.43 & 269,722 & 1 h 02 min \\\\
";
    assert!(latex.starts_with(expected), "{latex}");
    let html = comparison().html();
    assert!(html.contains("<td class=\"word\">a_b</td><td class=\"word\">kd</td><td>2</td>"));
    let mut odd = group("<b>&", &["kd"], None, &[70.0]);
    odd.runs[0].data.train = "<i>\"x\"\n".into();
    let html = compare(&[odd.clone()]).unwrap().html();
    assert!(
        html.contains("&lt;b&gt;&amp;") && !html.contains("<b>") && !html.contains("<i>"),
        "{html}"
    );
    // A line break in a name would end the comment.
    let latex = compare(&[odd]).unwrap().latex();
    assert!(
        latex.contains("% cifar_resnet20 (40.8 M MACs) on <i>\"x\" : 50,000"),
        "{latex}"
    );
}

#[test]
fn comma_separated_values_have_a_line_for_each_row() {
    let mut comparison = comparison();
    comparison.setups[0].rows[1].name = "a,\"b\"".into();
    let text = comparison.csv();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 7, "a header, five rows and the end: {text}");
    let header: Vec<&str> = lines[0].split(',').collect();
    let column = |line: usize, name: &str| {
        let index = header.iter().position(|column| *column == name).unwrap();
        lines[line].split(',').nth(index).unwrap().to_owned()
    };
    assert_eq!(column(1, "role"), "teacher");
    assert_eq!(
        (column(2, "role"), column(2, "mean")),
        ("alone".into(), "69.5".into())
    );
    assert!(
        lines[3].contains(",\"a,\"\"b\"\"\",cifar_resnet56,kd,top1,2,70.5,"),
        "{}",
        lines[3]
    );
    assert_eq!((column(4, "pairs"), column(4, "p")), ("3".into(), String::new()));
    assert_eq!(
        (column(4, "published"), column(5, "published")),
        ("71.97".into(), String::new())
    );
    let p: f64 = column(5, "p").parse().unwrap();
    assert!((p - 0.026_271).abs() < 1e-6, "{p}");
}

#[test]
fn figures_belong_to_one_pair_and_say_what_they_started_from() {
    let json = |groups: &[RunGroup]| -> serde_json::Value {
        serde_json::from_str(&compare(groups).unwrap().json()).unwrap()
    };
    // The same student from a teacher without figures; two teachers; another measure.
    let mut other = group("kd", &["kd"], None, &[70.0]);
    other.runs[0].teachers[0].network.model = "cifar_resnet44".into();
    let mut two = group("two", &["kd"], None, &[70.0]);
    let mut second = two.runs[0].teachers[0].clone();
    second.network.model = "cifar_resnet110".into();
    two.runs[0].teachers.push(second);
    let rows = json(&[other, two, group("kd", &["kd"], None, &[71.0])])["setups"][0]["rows"].clone();
    assert!(rows[0]["published"].is_null() && rows[1]["published"].is_null());
    assert_eq!(rows[2]["published"]["value"], 70.66);
    assert_eq!(rows[2]["published"]["source"], "repdistiller");
    assert_eq!(
        rows[2]["paired"],
        serde_json::Value::Null,
        "there is no student alone"
    );

    let mut dist = run("dist", &["dist"], 0, 71.0);
    dist.student.model = "resnet18".into();
    dist.teachers[0].network.model = "resnet34".into();
    dist.data.train = "/data/imagenet/train".into();
    dist.data.classes = 1000;
    let group = RunGroup {
        name: "dist".to_owned(),
        runs: vec![dist],
        published_as: Some("dist".to_owned()),
    };
    let text = compare(&[group]).unwrap().text();
    assert!(
        text.contains("72.07 (from 69.76)") && text.contains("73.31"),
        "{text}"
    );
}
