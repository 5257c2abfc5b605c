//! Runs jobs without a queue, so that only the stages are measured.

use std::sync::Arc;

use flow::{
    shutdown::{Phase, Shutdown},
    stage::{Attempt, Ending, Requeue, Stage},
    worker::WorkerError,
};
use tokio::task::JoinSet;

use crate::error::CompareError;

/// Calls `work` with each job, `at_a_time` of them at a time, and returns all results. Returns `None` if it
/// was stopped, after the jobs in progress have ended.
///
/// # Errors
/// Returns the first failure. Nothing is tried again.
pub(crate) async fn run_all<J, O, F>(
    jobs: impl IntoIterator<Item = J>,
    at_a_time: usize,
    shutdown: &Shutdown,
    work: impl Fn(J) -> F,
) -> Result<Option<Vec<O>>, CompareError>
where
    O: Send + 'static,
    F: Future<Output = Result<Vec<O>, CompareError>> + Send + 'static,
{
    let (mut jobs, mut working, mut outputs) = (jobs.into_iter(), JoinSet::new(), Vec::new());
    let mut result = Ok(());
    loop {
        // After a failure no job is started, but those in progress end: they write into the directory.
        while result.is_ok()
            && working.len() < at_a_time
            && shutdown.phase() == Phase::Running
            && let Some(job) = jobs.next()
        {
            working.spawn(work(job));
        }
        let Some(joined) = working.join_next().await else { break };
        match joined.map_err(CompareError::start)? {
            Ok(done) => outputs.extend(done),
            Err(error) => result = result.and(Err(error)),
        }
    }
    result?;
    // A stopped run has a time, but it is not that of the whole work.
    Ok((shutdown.phase() == Phase::Running).then_some(outputs))
}

/// Runs all jobs of a stage as [`run_all`] does, and returns the jobs that follow.
///
/// # Errors
/// Returns the first failure. Nothing is tried again.
pub(crate) async fn run_stage<S: Stage>(
    stage: &Arc<S>,
    jobs: Vec<S::Input>,
    at_a_time: usize,
    shutdown: &Shutdown,
) -> Result<Option<Vec<S::Output>>, CompareError> {
    let work = |job| {
        let stage = Arc::clone(stage);
        async move { run_one(&*stage, job).await }
    };
    run_all(jobs, at_a_time, shutdown, work).await
}

/// Runs one job of a stage, and returns the jobs that follow.
///
/// # Errors
/// Returns an error if the stage does not complete the job.
pub(crate) async fn run_one<S: Stage>(stage: &S, job: S::Input) -> Result<Vec<S::Output>, CompareError> {
    stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result().map_err(failed)
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

#[cfg(test)]
mod tests {
    use flow::shutdown::shutdown;

    use super::*;

    #[tokio::test]
    async fn the_first_failure_is_returned_and_no_job_is_started_after_it() {
        let (_trigger, shutdown) = shutdown();
        let started = std::sync::atomic::AtomicUsize::new(0);
        let work = |job: usize| {
            started.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { if job == 1 { Err(CompareError::Text("one".to_owned())) } else { Ok(vec![job]) } }
        };
        let error = run_all(0..20, 1, &shutdown, work).await.unwrap_err();
        assert!(error.to_string().ends_with("one"), "{error}");
        assert_eq!(started.into_inner(), 2);
    }
}
