//! Leaving out the few images that cannot be read.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use crate::parallel::{guarded, map_indices};
use crate::{DataError, Dataset, LeftOutReason, Subset};

/// The images that can be read, if at most `allowed` cannot. Every image is decoded once to know.
pub(crate) fn readable(dataset: Arc<dyn Dataset>, allowed: usize) -> Result<Arc<dyn Dataset>, DataError> {
    if allowed == 0 {
        return Ok(dataset);
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let problem = |index: usize| {
        let read = guarded(|| dataset.sample(index), || dataset.source(index));
        Ok::<_, Infallible>(read.err().map(|error| error.to_string()))
    };
    let Ok(problems) = map_indices(dataset.len(), threads, problem);
    let unreadable: Vec<&String> = problems.iter().flatten().collect();
    let Some(first) = unreadable.first() else {
        return Ok(dataset);
    };
    if unreadable.len() > allowed {
        return Err(DataError::Unreadable {
            name: dataset.name().to_owned(),
            count: unreadable.len(),
            allowed,
            first: (*first).clone(),
        });
    }
    let mut left_out = dataset.info().left_out.clone();
    for (index, _) in problems
        .iter()
        .enumerate()
        .filter(|(_, problem)| problem.is_some())
    {
        left_out.add(LeftOutReason::Unreadable, dataset.source(index));
    }
    let kept = (0..dataset.len()).filter(|&index| problems[index].is_none());
    let kept = Subset::of(Arc::clone(&dataset), kept.collect())?;
    Ok(Arc::new(kept.with_left_out(left_out)))
}
