//! Runs the jobs of a stage without a queue, so that only the stage is measured.

use std::sync::Arc;

use flow::{
    shutdown::{Phase, Shutdown},
    stage::{Attempt, Ending, Requeue, Stage},
    worker::WorkerError,
};
use tokio::task::JoinSet;

use crate::error::CompareError;

/// Runs all jobs, `at_a_time` of them at a time, and returns the jobs that follow. Returns `None` if it was
/// stopped, after the jobs in progress have ended.
///
/// # Errors
/// Returns the first failure. Nothing is tried again.
pub(crate) async fn run_all<S: Stage>(
    stage: &Arc<S>,
    jobs: impl IntoIterator<Item = S::Input>,
    at_a_time: usize,
    shutdown: &Shutdown,
) -> Result<Option<Vec<S::Output>>, CompareError> {
    let (mut jobs, mut working, mut next) = (jobs.into_iter(), JoinSet::new(), Vec::new());
    let mut result = Ok(());
    loop {
        // After a failure no job is started, but those in progress end: they write into the directory.
        while result.is_ok()
            && working.len() < at_a_time
            && shutdown.phase() == Phase::Running
            && let Some(job) = jobs.next()
        {
            let stage = Arc::clone(stage);
            working
                .spawn(async move { stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result() });
        }
        let Some(joined) = working.join_next().await else { break };
        match joined.map_err(CompareError::start)? {
            Ok(follows) => next.extend(follows),
            Err(ending) => result = result.and(Err(failed(ending))),
        }
    }
    result?;
    // A stopped run has a time, but it is not that of the whole work.
    Ok((shutdown.phase() == Phase::Running).then_some(next))
}

fn failed<I, O>(ending: Ending<I, O>) -> CompareError {
    match ending {
        Ending::Halt(failure) => CompareError::Halted(WorkerError::Halted(failure)),
        Ending::Retry { failure, .. }
        | Ending::Requeue(Requeue::Rerouted { failure, .. } | Requeue::SentBack { failure, .. })
        | Ending::Dead(failure) => CompareError::Text(failure.message),
        Ending::Done(_) | Ending::Requeue(Requeue::Unchanged | Requeue::Moved { .. }) => {
            CompareError::Text("the stage postponed it".to_owned())
        }
    }
}
