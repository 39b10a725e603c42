//! What is seen of a run: a bar on a terminal; elsewhere a line for each epoch, and one every so often.

use std::{io::IsTerminal, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};
use potstill_engine::{EpochProgress, Observer, StepProgress, epoch_line};

use crate::{printed::tell, progress_lines::ProgressLines};

/// Shows a run on standard error.
pub struct Terminal {
    title: String,
    bar: Option<ProgressBar>,
    lines: ProgressLines,
    quiet: bool,
    /// What is being prepared.
    work: String,
}

impl Terminal {
    /// Shows a run under this title; nothing at all if `quiet`.
    pub fn new(title: &str, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len}  {msg}  ETA {eta}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self {
            title: title.into(),
            bar,
            lines: ProgressLines::since(Instant::now()),
            quiet,
            work: String::new(),
        }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell!("{line}")),
            None if !self.quiet => tell!("{line}"),
            None => {}
        }
    }
}

impl Observer for Terminal {
    fn step(&mut self, seen: &StepProgress<'_>) {
        let Some(bar) = &self.bar else {
            if let Some(line) = self.lines.step(seen, Instant::now()) {
                self.says(&line);
            }
            return;
        };
        // The bar counts the steps of the whole run, so that its ETA is that of the run.
        bar.set_length((seen.epochs * seen.steps) as u64);
        bar.set_prefix(format!("{} epoch {}/{}", self.title, seen.epoch, seen.epochs));
        let terms: Vec<_> = seen
            .terms
            .iter()
            .map(|(name, value)| format!("  {name} {value:.3}"))
            .collect();
        let message = format!(
            "{:.0} images/s  loss {:.3}{}",
            seen.images_per_second,
            seen.loss,
            terms.concat()
        );
        bar.set_message(message);
        bar.set_position(((seen.epoch - 1) * seen.steps + seen.step) as u64);
    }

    fn preparing(&mut self, what: &str, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(of as u64);
                bar.set_prefix(format!("{} {what}", self.title));
                bar.set_position(done as u64);
            }
            // Without a bar a line tells what a long silence is about.
            None if self.work != what => self.says(what),
            None => {
                if let Some(line) = self.lines.preparing(what, done, of, Instant::now()) {
                    self.says(&line);
                }
            }
        }
        self.work = what.into();
    }

    fn says(&mut self, line: &str) {
        self.line(&format!("{}  {line}", self.title));
    }

    fn epoch(&mut self, epoch: &EpochProgress<'_>) {
        self.says(&epoch_line(epoch));
        self.lines.told(Instant::now());
        if epoch.row.epoch == epoch.epochs
            && let Some(bar) = &self.bar
        {
            bar.finish_and_clear();
        }
    }
}
