//! `potstill bench`: how long a step takes.

use potstill_engine::{BenchSetup, bench, bench_inference};

use crate::{
    arguments::BenchArguments,
    commands::{print, print_json},
    failure::Failure,
};

/// Times and prints.
pub fn run(arguments: BenchArguments) -> Result<(), Failure> {
    let setup = BenchSetup {
        student: arguments.student.unwrap_or_default(),
        teacher: arguments.teacher,
        methods: arguments.method,
        batch: arguments.batch,
        steps: arguments.steps,
    };
    let report = match &arguments.infer {
        Some(model) => bench_inference(model, &setup)?,
        None => bench(&setup)?,
    };
    if arguments.json {
        return print_json(&report);
    }
    let peak = report
        .peak_rss_mb
        .map_or(String::new(), |peak| format!(", at most {peak:.0} MiB"));
    print(&format!(
        "{:.1} ms a step ({:.1} to {:.1}), {:.0} images/s{peak}",
        report.step_ms.median, report.step_ms.min, report.step_ms.max, report.images_per_second
    ))
}
