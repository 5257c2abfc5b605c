//! A stage with so many jobs at a time, without a queue: what is measured is the stage.

use std::sync::Arc;

use flow::{
    shutdown::{Phase, Shutdown},
    stage::{Attempt, Ending, Requeue, Stage},
    worker::WorkerError,
};
use tokio::task::JoinSet;

use crate::exit::{CliError, Exit};

/// Does all jobs, and gives what follows on them; nothing where it was stopped, when what was in flight has ended.
///
/// # Errors
/// The first failure: nothing is tried again.
pub(super) async fn run_all<S: Stage>(
    stage: &Arc<S>,
    jobs: impl IntoIterator<Item = S::Input>,
    at_a_time: usize,
    shutdown: &Shutdown,
) -> Result<Option<Vec<S::Output>>, CliError> {
    let (mut jobs, mut working, mut next) = (jobs.into_iter(), JoinSet::new(), Vec::new());
    let mut result = Ok(());
    loop {
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
        match joined.map_err(|error| CliError::caused(Exit::Bug, &error))? {
            Ok(follows) => next.extend(follows),
            Err(ending) => result = result.and(Err(failed(ending))),
        }
    }
    result?;
    Ok((shutdown.phase() == Phase::Running).then_some(next))
}

fn failed<I, O>(ending: Ending<I, O>) -> CliError {
    match ending {
        Ending::Halt(failure) => WorkerError::Halted(failure).into(),
        Ending::Retry { failure, .. }
        | Ending::Requeue(Requeue::Rerouted { failure, .. } | Requeue::SentBack { failure, .. })
        | Ending::Dead(failure) => {
            CliError::new(Exit::File, format!("a text cannot be worked on: {}", failure.message))
                .advise("leave it out of the directory, or name another: juggle compare DIR")
        }
        Ending::Done(_) | Ending::Requeue(Requeue::Unchanged | Requeue::Moved { .. }) => {
            CliError::new(Exit::Bug, "a stage put a job off that nobody asked it to")
        }
    }
}
