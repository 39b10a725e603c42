//! `potstill bench`: how long a step takes, and where the time goes.

use std::fmt::Write;

use clap::Args;
use potstill_engine::{BenchReport, BenchSetup, bench, bench_inference};
use potstill_settings::Precision;

use crate::{
    ALLOCATOR,
    choice::choice,
    commands::{print, print_json},
    failure::Failure,
    image_size::image_size,
    model_name::ModelName,
};

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// The student that trains.
    #[arg(long, value_name = "NAME", required_unless_present = "infer", value_parser = ModelName, hide_possible_values = true)]
    pub student: Option<String>,
    /// The teacher of a distillation step.
    #[arg(long, value_name = "NAME", requires = "method", value_parser = ModelName, hide_possible_values = true)]
    pub teacher: Option<String>,
    /// The method of a distillation step; may be given several times.
    #[arg(long, value_name = "NAME", requires = "teacher")]
    pub method: Vec<String>,
    /// Time inference of this network instead.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["student", "teacher"], value_parser = ModelName, hide_possible_values = true)]
    pub infer: Option<String>,
    /// With `--infer`: in what frozen convolutions compute; half needs AVX512-FP16, and changes nothing elsewhere.
    #[arg(long, value_parser = choice::<Precision>(), default_value_t = Precision::Single)]
    pub precision: Precision,
    /// Images of a batch.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub batch: usize,
    /// The height and width of the images, or `HxW`; those that the network was published for if not given.
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    pub size: Option<[usize; 2]>,
    /// Counted steps; two more come first.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub steps: usize,
    /// The learning rate.
    #[arg(long, default_value_t = 0.05, value_name = "RATE")]
    pub lr: f64,
    /// The student's epoch (of 240, from 0) that the steps are of, for methods whose steps differ; after every ramp if none.
    #[arg(long, value_name = "EPOCH")]
    pub epoch: Option<usize>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Times and prints.
pub fn run(arguments: BenchArguments) -> Result<(), Failure> {
    let setup = BenchSetup {
        student: arguments.student.unwrap_or_default(),
        teacher: arguments.teacher,
        methods: arguments.method,
        batch: arguments.batch,
        size: arguments.size,
        steps: arguments.steps,
        rate: arguments.lr,
        epoch: arguments.epoch,
        precision: arguments.precision,
        allocator: Some(&ALLOCATOR),
    };
    let report = match &arguments.infer {
        Some(model) => bench_inference(model, &setup)?,
        None => bench(&setup)?,
    };
    if arguments.json {
        return print_json(&report);
    }
    print(&table(&report))
}

/// The report for people: a line a part, then the step as a whole, then what it was measured on.
fn table(report: &BenchReport) -> String {
    let mut text = format!(
        "{:<16} {:>9} {:>7} {:>9} {:>9} {:>8}\n",
        "part", "ms", "share", "GFLOP", "GFLOP/s", "of peak"
    );
    for part in &report.parts {
        let share = 100.0 * part.ms / report.step_ms.median;
        let _ = write!(text, "{:<16} {:>9.2} {share:>5.1} %", part.name, part.ms);
        text.push_str(&rate(part.gflop, part.gflops(), report.peak_gflops));
    }
    let _ = write!(text, "{:<16} {:>9.2} {:>7}", "step", report.step_ms.median, "");
    text.push_str(&rate(report.gflop, Some(report.gflops), report.peak_gflops));
    let _ = write!(
        text,
        "\n{:.1} ms a step ({:.1} to {:.1} over {})",
        report.step_ms.median, report.step_ms.min, report.step_ms.max, report.steps
    );
    if let Some(processor) = report.cpu_ms {
        let _ = write!(text, ", {processor:.1} ms of processor time");
    }
    let _ = writeln!(text, ", {:.0} images/s", report.images_per_second);
    if let Some([first, last]) = report.losses {
        let _ = writeln!(text, "loss {first:.4} in the first step, {last:.4} in the last");
    }
    let _ = write!(
        text,
        "batch of {}, {} threads, {}",
        report.batch, report.threads, report.isa
    );
    if let Some(peak) = report.peak_gflops {
        let _ = write!(text, ", peak {peak:.0} GFLOP/s");
    }
    if let Some(load) = report.load_average {
        let _ = write!(text, ", load average {load:.1} before");
    }
    if let (Some(before), Some(peak)) = (report.before_rss_mb, report.peak_rss_mb) {
        let _ = write!(
            text,
            "\nmemory {before:.0} MiB before the first step, at most {peak:.0} MiB in a step"
        );
    }
    if let Some(used) = report.peak_used_mb {
        let _ = write!(text, ", {used:.0} MiB of it in use at once");
    }
    text
}

/// The columns of operations; empty for a part that multiplies nothing.
fn rate(gflop: f64, gflops: Option<f64>, peak: Option<f64>) -> String {
    let Some(gflops) = gflops else {
        return "\n".into();
    };
    let of_peak = peak.map_or(String::new(), |peak| format!("{:>6.0} %", 100.0 * gflops / peak));
    format!(" {gflop:>9.2} {gflops:>9.0} {of_peak}\n")
}
