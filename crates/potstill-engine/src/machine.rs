//! What the system says about this process and this machine. Each is none where the system does not tell.

/// The most memory this process held since its start, or since it was last told to forget, MiB.
pub fn peak_rss_mb() -> Option<f64> {
    status_mb("VmHWM:")
}

/// The memory this process holds now, MiB.
pub(crate) fn rss_mb() -> Option<f64> {
    status_mb("VmRSS:")
}

/// Begins a new peak of memory at what is held now. Where the system refuses, the old one stays.
pub(crate) fn forget_peak_rss() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn status_mb(field: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<f64>()
        .ok()
        .map(|kib| kib / 1024.0)
}

/// Processor seconds of all threads of this process, user and system.
#[allow(clippy::unnecessary_wraps, reason = "not every system tells")]
pub(crate) fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64)
    }
    #[cfg(not(unix))]
    None
}

/// Runnable programs on this machine, mean of the last minute.
pub(crate) fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
