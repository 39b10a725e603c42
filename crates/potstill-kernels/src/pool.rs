//! A persistent pool of threads that share one counter.
//!
//! A job is a number of tasks; every thread takes the next task until none is left, so that a thread that the machine
//! slows down simply does fewer. Tasks are cut by the shape of the problem alone and write to places of their own: the
//! result does not depend on the number of threads.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

/// Threads that stay alive between jobs. Dropping the pool ends them.
pub struct Pool {
    state: Arc<State>,
    /// Held while a job runs: a second caller does its own job alone instead of waiting.
    busy: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

/// What the caller and the workers share.
#[derive(Default)]
struct State {
    /// Job number in the high bits, [`OPEN`] while it takes workers, number of workers inside it in the low bits.
    ticket: AtomicU64,
    next: AtomicUsize,
    job: Mutex<Job>,
    wake: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Default)]
struct Job {
    body: Option<Body>,
    tasks: usize,
    quit: bool,
}

/// The caller's closure, with its lifetime removed.
#[derive(Clone, Copy)]
struct Body(*const (dyn Fn(usize) + Sync));

// SAFETY: the closure is `Sync`, and `Pool::run` does not return before every worker has left it.
unsafe impl Send for Body {}

const OPEN: u64 = 1 << 16;
const INSIDE: u64 = OPEN - 1;
const NEXT_JOB: u64 = OPEN << 1;
/// How often an idle worker looks for a job before it sleeps: some tens of microseconds, the gap between two layers.
const SPINS: u32 = 4_000;

thread_local! {
    /// Set while this thread works on a job, so that a nested call runs inline.
    static WORKING: Cell<bool> = const { Cell::new(false) };
}

static GLOBAL_THREADS: AtomicUsize = AtomicUsize::new(0);
static GLOBAL: OnceLock<Pool> = OnceLock::new();

impl Pool {
    /// A pool in which `threads` threads work on each job, the caller being one of them. Zero means one. Where the system
    /// refuses a thread, the pool has fewer.
    pub fn new(threads: usize) -> Self {
        let state = Arc::new(State::default());
        let workers = (1..threads.min(INSIDE as usize))
            .map_while(|i| {
                let state = Arc::clone(&state);
                std::thread::Builder::new()
                    .name(format!("kernels-{i}"))
                    .spawn(move || state.work())
                    .ok()
            })
            .collect();
        Self {
            state,
            busy: Mutex::new(()),
            workers,
        }
    }

    /// The process-wide pool: as many threads as [`Pool::set_threads`] asked for, else one per core.
    pub fn global() -> &'static Self {
        GLOBAL.get_or_init(|| {
            let wanted = GLOBAL_THREADS.load(Ordering::Relaxed);
            let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Self::new(if wanted == 0 { cores() } else { wanted })
        })
    }

    /// Chooses the number of threads of the process-wide pool. Returns `false`, and changes nothing, when the pool is
    /// already in use.
    pub fn set_threads(threads: usize) -> bool {
        GLOBAL_THREADS.store(threads, Ordering::Relaxed);
        GLOBAL.get().is_none()
    }

    /// Number of threads that work on a job.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `body(0)` to `body(tasks - 1)`, each once, in no fixed order, and returns when all are done. A call from
    /// inside a task, or while another thread uses the pool, runs on the calling thread alone. A panic of a task comes out
    /// here.
    pub fn run(&self, tasks: usize, body: impl Fn(usize) + Sync) {
        let alone = tasks <= 1 || self.workers.is_empty() || WORKING.get();
        let guard = if alone { None } else { self.busy.try_lock().ok() };
        if guard.is_none() {
            (0..tasks).for_each(body);
            return;
        }
        let outcome = self.state.run(tasks, &body);
        drop(guard);
        if let Err(payload) = outcome {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        locked(&self.state.job).quit = true;
        self.state.wake.notify_all();
        for worker in self.workers.drain(..) {
            // A worker catches the panics of tasks: it has none of its own to report.
            let _ = worker.join();
        }
    }
}

impl State {
    /// Opens a job, works on it, and waits for the workers that came.
    fn run(&self, tasks: usize, body: &(dyn Fn(usize) + Sync)) -> Result<(), Box<dyn Any + Send>> {
        // SAFETY: only the lifetime changes; this function outlives every use (see the wait below).
        let body = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), Body>(body) };
        {
            let mut job = locked(&self.job);
            job.body = Some(body);
            job.tasks = tasks;
            self.next.store(0, Ordering::Relaxed);
            let number = self.ticket.load(Ordering::Relaxed) & !(OPEN | INSIDE);
            self.ticket
                .store(number.wrapping_add(NEXT_JOB) | OPEN, Ordering::Release);
        }
        self.wake.notify_all();
        self.take_tasks(body, tasks);
        // No worker may enter from here on; those inside hold at most one task each.
        self.ticket.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while self.ticket.load(Ordering::Acquire) & INSIDE != 0 {
            pause(&mut spins);
        }
        locked(&self.job).body = None;
        locked(&self.panic).take().map_or(Ok(()), Err)
    }

    /// A worker's life: wait for an open job, enter it, work, leave.
    fn work(&self) {
        let mut done = 0;
        while let Some((number, body, tasks)) = self.enter(done) {
            self.take_tasks(body, tasks);
            self.ticket.fetch_sub(1, Ordering::Release);
            done = number;
        }
    }

    /// Waits for a job other than `done` and enters it; `None` when the pool ends.
    fn enter(&self, done: u64) -> Option<(u64, Body, usize)> {
        let fresh = |ticket: u64| ticket & OPEN != 0 && ticket & !(OPEN | INSIDE) != done;
        for _ in 0..SPINS {
            if fresh(self.ticket.load(Ordering::Relaxed)) {
                break;
            }
            std::hint::spin_loop();
        }
        let mut job = locked(&self.job);
        loop {
            if job.quit {
                return None;
            }
            let ticket = self.ticket.load(Ordering::Relaxed);
            if fresh(ticket) {
                let entered =
                    self.ticket
                        .compare_exchange(ticket, ticket + 1, Ordering::Acquire, Ordering::Relaxed);
                if let (Ok(_), Some(body)) = (entered, job.body) {
                    return Some((ticket & !(OPEN | INSIDE), body, job.tasks));
                }
                continue; // Closed, or another worker came in between: look again.
            }
            job = self.wake.wait(job).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take_tasks(&self, body: Body, tasks: usize) {
        WORKING.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let task = self.next.fetch_add(1, Ordering::Relaxed);
                if task >= tasks {
                    break;
                }
                // SAFETY: the job is open or this thread is inside it, so `run` still borrows the closure.
                unsafe { (*body.0)(task) };
            }
        }));
        WORKING.set(false);
        if let Err(payload) = outcome {
            self.next.store(tasks, Ordering::Relaxed);
            *locked(&self.panic) = Some(payload);
        }
    }
}

/// The lock, also after a panic of another holder: the state inside is valid at every moment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One step of waiting: spin a little, then let other programs have the core.
fn pause(spins: &mut u32) {
    *spins += 1;
    if *spins < 200 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        let pool = Pool::new(4);
        for tasks in [0, 1, 2, 7, 100] {
            for _ in 0..50 {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, |i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    counts.iter().all(|c| c.load(Ordering::Relaxed) == 1),
                    "{tasks} tasks"
                );
            }
        }
    }

    #[test]
    fn nested_and_concurrent_calls_run() {
        let pool = Pool::new(3);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        pool.run(4, |_| pool.run(5, |_| _ = total.fetch_add(1, Ordering::Relaxed)));
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 3 * 100 * 4 * 5);
    }

    #[test]
    fn a_panic_of_a_task_reaches_the_caller_and_the_pool_survives() {
        let pool = Pool::new(2);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(8, |i| assert_ne!(i, 5, "task five"));
        }));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(10, |i| _ = sum.fetch_add(i, Ordering::Relaxed));
        assert_eq!(sum.into_inner(), 45);
    }
}
