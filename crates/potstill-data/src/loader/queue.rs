//! A bounded queue that hands out numbers and gives results back in the order of the numbers.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Numbers `start..end` on one side, results in the same order on the other.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    end: usize,
    ahead: usize,
}

struct State<T> {
    /// The next number for a worker.
    to_make: usize,
    /// The number whose result is to be given back next.
    to_give: usize,
    ready: BTreeMap<usize, T>,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue of the numbers `start..end`, of which at most `ahead` (at least 1) are being made or wait.
    pub fn new(start: usize, end: usize, ahead: usize) -> Self {
        let state = State {
            to_make: start,
            to_give: start,
            ready: BTreeMap::new(),
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            end,
            ahead: ahead.max(1),
        }
    }

    /// A number to make; waits while too many are ahead. None when all are taken or the queue is closed.
    pub fn take_number(&self) -> Option<usize> {
        let mut state = self.lock();
        while !state.closed && state.to_make < self.end && state.to_make >= state.to_give + self.ahead {
            state = self.wait(state);
        }
        if state.closed || state.to_make >= self.end {
            return None;
        }
        state.to_make += 1;
        Some(state.to_make - 1)
    }

    /// Puts the result of a number that was taken.
    pub fn put(&self, number: usize, result: T) {
        self.lock().ready.insert(number, result);
        self.changed.notify_all();
    }

    /// The next result; waits for it. None after the last, or when the queue is closed.
    pub fn next(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed || state.to_give >= self.end {
                return None;
            }
            let number = state.to_give;
            if let Some(result) = state.ready.remove(&number) {
                state.to_give += 1;
                drop(state);
                self.changed.notify_all();
                return Some(result);
            }
            state = self.wait(state);
        }
    }

    /// How many results are still to come.
    pub fn left(&self) -> usize {
        let state = self.lock();
        if state.closed { 0 } else { self.end - state.to_give }
    }

    /// Ends the queue for both sides; results that wait are dropped.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.ready.clear();
        drop(state);
        self.changed.notify_all();
    }

    // A panic cannot leave the state half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::Queue;

    #[test]
    fn results_come_in_order_and_workers_stay_close() {
        let queue = Queue::new(3, 50, 4);
        let given = AtomicUsize::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(number) = queue.take_number() {
                        // `given` is counted after the queue's own count, so it is at most one behind.
                        assert!(number <= given.load(Ordering::SeqCst) + 4);
                        queue.put(number, number);
                    }
                });
            }
            for expected in 3..50 {
                assert_eq!(queue.next(), Some(expected));
                given.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!((queue.next(), queue.left()), (None, 0));
    }

    #[test]
    fn closing_wakes_whoever_waits() {
        let queue = Queue::new(0, 10, 1);
        assert_eq!(queue.take_number(), Some(0));
        thread::scope(|scope| {
            let maker = scope.spawn(|| queue.take_number());
            let taker = scope.spawn(|| queue.next());
            queue.close();
            assert_eq!((maker.join().unwrap(), taker.join().unwrap()), (None, None::<()>));
        });
    }
}
