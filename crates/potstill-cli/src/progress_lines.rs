//! How far a run is, in a line every so often: for a file or a pipe, where no bar can be drawn.

use std::time::{Duration, Instant};

use potstill_engine::StepProgress;
use potstill_report::human;

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(30);

/// Says when a line is due, and what is in it.
#[derive(Debug)]
pub struct ProgressLines {
    /// When the last line was printed, or the work began.
    last: Instant,
    /// When the first step was done, and how many steps had been done before it, by a run that was resumed.
    first: Option<(Instant, usize)>,
}

impl ProgressLines {
    /// For work that begins now.
    pub fn since(now: Instant) -> Self {
        Self {
            last: now,
            first: None,
        }
    }

    /// Another line told how far the run is: the next one can wait.
    pub fn told(&mut self, now: Instant) {
        self.last = now;
    }

    /// The line of a step, if one is due.
    pub fn step(&mut self, seen: &StepProgress<'_>, now: Instant) -> Option<String> {
        let done = (seen.epoch - 1) * seen.steps + seen.step;
        let (began, before) = *self.first.get_or_insert((now, done));
        if !self.is_due(now) {
            return None;
        }
        let left = match done - before {
            0 => String::new(),
            steps => {
                let of_step = (now - began).as_secs_f64() / steps as f64;
                let left = (seen.epochs * seen.steps).saturating_sub(done) as f64 * of_step;
                format!("  {} left", human::duration(left))
            }
        };
        Some(format!(
            "epoch {}/{}  step {}/{}  loss {:.4}  {:.0} images/s{left}",
            seen.epoch, seen.epochs, seen.step, seen.steps, seen.loss, seen.images_per_second
        ))
    }

    /// The line of what comes before the first step, if one is due: `done` of so many are done.
    pub fn preparing(&mut self, what: &str, done: usize, of: usize, now: Instant) -> Option<String> {
        self.is_due(now).then(|| format!("{what}  {done}/{of}"))
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.saturating_duration_since(self.last) >= EVERY;
        if due {
            self.last = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use potstill_engine::StepProgress;

    use super::ProgressLines;

    fn step(epoch: usize, step: usize) -> StepProgress<'static> {
        StepProgress {
            epoch,
            epochs: 3,
            step,
            steps: 100,
            rate: 0.1,
            images_per_second: 512.4,
            loss: 1.25,
            terms: &[],
        }
    }

    #[test]
    fn a_line_comes_every_half_minute_with_the_time_that_is_left() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lines = ProgressLines::since(start);
        assert_eq!(lines.step(&step(1, 1), at(1)), None);
        assert_eq!(lines.step(&step(1, 29), at(29)), None);
        // A step a second: 270 of 300 are left.
        assert_eq!(
            lines.step(&step(1, 30), at(30)).unwrap(),
            "epoch 1/3  step 30/100  loss 1.2500  512 images/s  4 min 30 s left"
        );
        assert_eq!(lines.step(&step(1, 31), at(31)), None);
        // A line of an epoch says the same.
        lines.told(at(55));
        assert_eq!(lines.step(&step(1, 61), at(61)), None);
        assert!(lines.step(&step(1, 90), at(90)).is_some());
    }

    #[test]
    fn a_run_that_goes_on_reckons_from_its_own_steps() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut lines = ProgressLines::since(start);
        assert_eq!(lines.step(&step(2, 90), at(0)), None);
        // 10 steps in 40 seconds, and 100 are left.
        let line = lines.step(&step(2, 100), at(40)).unwrap();
        assert!(line.ends_with("6 min 40 s left"), "{line}");
        assert_eq!(lines.preparing("searching", 3, 9, at(41)), None);
        assert_eq!(
            lines.preparing("searching", 4, 9, at(70)).unwrap(),
            "searching  4/9"
        );
    }
}
