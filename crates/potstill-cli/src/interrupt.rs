//! Ctrl-C: the first asks the run to finish its step and save, the second ends the program at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::failure::Failure;

/// A flag that Ctrl-C (and a polite kill) sets.
pub fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = flag.clone();
    let handler = move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nfinishing this step and saving; once more to stop at once");
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::Work(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(flag)
}
