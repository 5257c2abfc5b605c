//! Runs one attempt at a job and acknowledges it in the queue.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    clock::{Millis, millis},
    failure::{Failure, Reason},
    job::{Claim, Lease, NewJob},
    queue::{JobQueue, Nack, QueueError},
    retry::RetryPolicy,
    stage::{Attempt, Ending, Report, Requeue, Stage},
};

/// The outcome of an attempt for the worker.
pub(super) enum Outcome {
    Done,
    Retried,
    /// Back in the queue, without a failure.
    Requeued,
    Dead,
    /// Its lease was lost before the stage ended.
    Lost,
    Halted(Failure),
}

/// The acknowledgement of an attempt in the queue.
enum Acknowledgement {
    Complete(Vec<NewJob>),
    Fail(Nack),
}

/// Does a claimed job and acknowledges it. If `lost` ends while the stage runs, the work is dropped. An
/// acknowledgement that has begun is never dropped, so that none goes uncounted.
pub(super) async fn attempt<S: Stage>(
    stage: Arc<S>,
    queue: Arc<dyn JobQueue>,
    claim: Claim,
    retry: RetryPolicy,
    lost: oneshot::Receiver<()>,
) -> Result<Outcome, QueueError> {
    let lease = claim.lease;
    let claimed = Instant::now();
    let (outcome, mut acknowledgement, group_pause_ms) = tokio::select! {
        ran = run(&*stage, &claim, claimed, retry) => ran,
        // The job belongs to another worker by now, so nothing is acknowledged.
        _ = lost => return Ok(Outcome::Lost),
    };
    // A pause that comes with a retry is stored with the job and survives a restart of the queue.
    if let Acknowledgement::Fail(Nack::Retry { group_pause_ms: pause_ms, .. }) = &mut acknowledgement {
        *pause_ms = group_pause_ms;
    } else if group_pause_ms > 0 {
        // Before the job ends, so that no other worker can claim from the group in between.
        queue.pause_group(lease, group_pause_ms).await?;
    }
    let acknowledged = match acknowledgement {
        Acknowledgement::Complete(next) => queue.complete(lease, next).await,
        Acknowledgement::Fail(nack) => queue.fail(lease, nack).await,
    };
    match acknowledged {
        // The same input leads to the same jobs, so the queue would refuse them in every attempt.
        Err(QueueError::Invalid(why)) => refused(&*queue, lease, &why).await,
        acknowledged => acknowledged.map(|()| outcome),
    }
}

async fn refused(queue: &dyn JobQueue, lease: Lease, why: &str) -> Result<Outcome, QueueError> {
    let failure = Failure::new(
        Reason::Internal,
        format!(
            "the queue rejected the result of the stage: \
        {why}"
        ),
    );
    queue.fail(lease, Nack::Dead { failure }).await.map(|()| Outcome::Dead)
}

/// Runs the stage, and returns what became of the job, what to tell the queue, and the pause of the job's
/// group. A payload that cannot be read is an ending as well, and so is a panic of the stage or of the
/// follow-up jobs.
async fn run<S: Stage>(
    stage: &S,
    claim: &Claim,
    claimed: Instant,
    retry: RetryPolicy,
) -> (Outcome, Acknowledgement, Millis) {
    let acknowledge = |report: Report<S::Input, S::Output>| {
        let (outcome, acknowledgement) = acknowledgement(report.ending, claim, claimed, retry);
        (outcome, acknowledgement, report.group_pause_ms)
    };
    let work = async {
        acknowledge(match serde_json::from_slice(&claim.payload) {
            Ok(input) => stage.run(input, Attempt { number: claim.attempts, failures: claim.failures }).await,
            Err(error) => Ending::dead(Reason::Internal, format!("the job cannot be read: {error}")).into(),
        })
    };
    // After a panic nothing of the stage's future is used again.
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| acknowledge(Ending::retry(Reason::Internal, panic_message(&*panic)).into()))
}

/// Translates the ending of an attempt into its acknowledgement.
fn acknowledgement<I: Into<NewJob>, O: Into<NewJob>>(
    ending: Ending<I, O>,
    claim: &Claim,
    claimed: Instant,
    retry: RetryPolicy,
) -> (Outcome, Acknowledgement) {
    use Acknowledgement::{Complete, Fail};
    let group_pause_ms = 0;
    match ending {
        Ending::Done(next) => (Outcome::Done, Complete(next.into_iter().map(Into::into).collect())),
        Ending::Retry { failure, after_ms } => {
            // The age at the claim, plus the time that this attempt took.
            let age_ms = claim.failing_ms.map_or(0, |age| age.saturating_add(millis(claimed.elapsed())));
            match retry.wait_ms(claim.lease, claim.failures + 1, age_ms, after_ms) {
                Some(after_ms) => {
                    let nack = Nack::Retry { failure, after_ms, group_pause_ms, revised: None };
                    (Outcome::Retried, Fail(nack))
                }
                // The retry policy allows no further attempt.
                None => (Outcome::Dead, Fail(Nack::Dead { failure })),
            }
        }
        Ending::Requeue(Requeue::Unchanged) => (Outcome::Requeued, Fail(Nack::Release)),
        Ending::Requeue(Requeue::Moved { why, job }) => {
            (Outcome::Requeued, Fail(Nack::Move { why, revised: (*job).into() }))
        }
        Ending::Requeue(Requeue::Rerouted { failure, after_ms, job }) => {
            let revised = Some((*job).into());
            (Outcome::Retried, Fail(Nack::Retry { failure, after_ms, group_pause_ms, revised }))
        }
        Ending::Requeue(Requeue::SentBack { failure, job }) => {
            // The job is completed, so its history does not show the failure.
            tracing::warn!("{failure}");
            (Outcome::Retried, Complete(vec![*job]))
        }
        Ending::Dead(failure) => (Outcome::Dead, Fail(Nack::Dead { failure })),
        // The job has not failed. It is ready for the next run.
        Ending::Halt(failure) => (Outcome::Halted(failure), Fail(Nack::Release)),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the stage panicked: {text}")
}
