//! Hours of training, and a clock that ends a run when they are spent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::failure::Failure;

/// How much may be spent, in seconds of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// In all.
    pub seconds: f64,
}

/// More than a machine lives; a clock can still count so far.
const MOST_HOURS: f64 = 1e6;

impl Budget {
    /// So many hours.
    pub fn hours(hours: Option<f64>) -> Result<Self, Failure> {
        match hours {
            None => Err(Failure::Usage(
                "tuning needs a budget: `--budget HOURS`, or `tune.budget_hours` in the file".into(),
            )),
            Some(hours) if hours > 0.0 && hours <= MOST_HOURS => Ok(Self {
                seconds: 3600.0 * hours,
            }),
            Some(hours) => Err(Failure::Usage(format!(
                "`--budget` must be a number of hours above 0 and at most {MOST_HOURS}, not {hours}"
            ))),
        }
    }

    /// The budget in hours.
    pub fn in_hours(self) -> f64 {
        self.seconds / 3600.0
    }
}

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(50);

/// Does `work` with a flag that is raised when `stop` is, or after so many seconds. Gives back what it did, and whether time was up.
pub fn within<T>(seconds: f64, stop: &AtomicBool, work: impl FnOnce(&Arc<AtomicBool>) -> T) -> (T, bool) {
    let (flag, done) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
    let began = Instant::now();
    let is_up = || began.elapsed().as_secs_f64() >= seconds;
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if is_up() || stop.load(Ordering::Relaxed) {
                    flag.store(true, Ordering::Relaxed);
                }
                thread::sleep(TICK);
            }
        });
        let result = work(&flag);
        done.store(true, Ordering::Relaxed);
        result
    });
    (result, is_up() && !stop.load(Ordering::Relaxed))
}
