//! Reading many images at once; a panic over one of them is an error that names it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::DataError;

/// What `make` gives for each of `0..count`, in order, on this many threads (at least one).
///
/// `make` must not panic: see [`guarded`].
///
/// # Errors
/// That of the lowest index whose `make` failed.
pub(crate) fn map_indices<T: Send, E: Send>(
    count: usize,
    threads: usize,
    make: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let part = count.div_ceil(threads.max(1)).max(1);
    let make = &make;
    let parts: Vec<Result<Vec<T>, E>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .step_by(part)
            .map(|start| scope.spawn(move || (start..count.min(start + part)).map(make).collect()))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Result<Vec<T>, E>>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    let parts: Vec<Vec<T>> = parts.into_iter().collect::<Result<_, E>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// Reads something about an image. A panic, which is a fault of the data set's code, becomes an error that
/// names the image's source: a worker thread that silently died would leave others waiting, or a result
/// short.
pub(crate) fn guarded<T>(
    read: impl FnOnce() -> Result<T, DataError>,
    source: impl FnOnce() -> String,
) -> Result<T, DataError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let file = catch_unwind(AssertUnwindSafe(source));
        Err(DataError::Panic {
            file: file.unwrap_or_else(|_| "an image that cannot be named".to_owned()),
            message: panic_message(&*panic),
        })
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::map_indices;

    #[test]
    fn results_are_in_order_and_the_first_error_wins() {
        for threads in [0, 1, 3, 50] {
            assert_eq!(
                map_indices(10, threads, Ok::<_, ()>).unwrap(),
                (0..10).collect::<Vec<_>>()
            );
            let failing = map_indices(
                10,
                threads,
                |index| if index % 4 == 3 { Err(index) } else { Ok(()) },
            );
            assert_eq!(failing, Err(3));
        }
        assert_eq!(map_indices(0, 2, Ok::<_, ()>), Ok(vec![]));
    }
}
