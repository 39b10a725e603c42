//! `potstill replay`: the step at which a run was lost, layer by layer and term by term.

use std::{fmt::Write, path::PathBuf};

use clap::Args;
use potstill_engine::{Plan, ReplayReport, Run, RunFolder};

use crate::{
    commands::{print, print_json},
    failure::Failure,
    recipes,
    terminal::Terminal,
};

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The folder of the run.
    pub run: PathBuf,
    /// Print an object.
    #[arg(long)]
    pub json: bool,
}

/// Does the refused step once more and prints what came by.
pub fn run(arguments: &ReplayArguments, quiet: bool) -> Result<(), Failure> {
    let folder = RunFolder::open(&arguments.run)?;
    let recipe = recipes::read(&arguments.run.to_string_lossy(), &[])?;
    let mut terminal = Terminal::new(&recipe.name, quiet);
    let report = Run::replay(Plan::new(recipe)?, &folder, &mut terminal)?;
    if arguments.json {
        return print_json(&report);
    }
    print(&text(&report))
}

fn text(report: &ReplayReport) -> String {
    let mut text = format!(
        "epoch {}, step {}, learning rate {}: {} images, the first {}\n",
        report.epoch,
        report.step,
        report.rate,
        report.images.len(),
        report.images.first().map_or("none", String::as_str)
    );
    if report.images_changed {
        text += "note: the data set gives other images today; these are the ones of then, and their labels are those of today\n";
    }
    let _ = writeln!(
        text,
        "\n{:<10} {:<28} {:<16} {:>14} {:>12}",
        "network", "point", "map", "largest", "not finite"
    );
    for layer in &report.layers {
        let [_, height, width, channels] = layer.shape;
        let _ = writeln!(
            text,
            "{:<10} {:<28} {:<16} {:>14.6} {:>12}",
            layer.network,
            layer.point,
            format!("{height}x{width}x{channels}"),
            layer.largest,
            layer.not_finite
        );
    }
    let _ = writeln!(text, "\nterm");
    for (name, value) in &report.terms {
        let _ = writeln!(text, "  {name:<28} {value}");
    }
    let layer = report.layers.iter().find(|layer| layer.not_finite > 0);
    let term = report.terms.iter().find(|(_, value)| !value.is_finite());
    let _ = match layer {
        Some(layer) => writeln!(
            text,
            "\nthe first map that is not finite: `{}` of {}",
            layer.point, layer.network
        ),
        None => writeln!(text, "\nevery map is finite"),
    };
    let _ = match term {
        Some((name, value)) => writeln!(text, "the first term that is not finite: {name}, {value}"),
        None => writeln!(text, "every term is finite"),
    };
    text
}
