//! Signals: the first asks the run to finish its step and save, the second ends the program at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{failure::Failure, printed::tell};

/// A flag that Ctrl-C sets, and every polite signal of terminals and batch systems: SIGTERM, SIGHUP, SIGQUIT and SIGUSR1.
pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    listen(flag.clone()).map_err(|error| Failure::Work(format!("cannot listen for signals: {error}")))?;
    Ok(flag)
}

/// Raises the flag at the first of these signals; the second ends the program with the code by which shells know it.
fn raise(flag: &AtomicBool, signal: &str, code: i32) {
    if flag.swap(true, Ordering::Relaxed) {
        std::process::exit(code);
    }
    tell!("\n{signal}: finishing this step and saving; once more to stop at once");
}

#[cfg(unix)]
fn listen(flag: Arc<AtomicBool>) -> Result<(), std::io::Error> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1},
        iterator::Signals,
    };

    // Under `nohup` a terminal that closes is nothing to stop for.
    let hangs_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let polite = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1];
    let mut signals = Signals::new(polite.into_iter().chain(hangs_up))?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let name = match signal {
                    SIGTERM => "SIGTERM",
                    SIGHUP => "SIGHUP",
                    SIGQUIT => "SIGQUIT",
                    SIGUSR1 => "SIGUSR1",
                    _ => "Ctrl-C",
                };
                raise(&flag, name, 128 + signal);
            }
        })?;
    Ok(())
}

/// Whether whoever started this process made it deaf to a signal. Where the system does not say, it did not.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
fn listen(flag: Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || raise(&flag, "Ctrl-C", 130))
}
