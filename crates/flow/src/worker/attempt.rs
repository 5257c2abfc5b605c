//! Runs one attempt at a job and acknowledges it in the queue.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{sync::oneshot, time::Instant};

use super::erased::ErasedStage;
use crate::{
    clock::{Millis, millis},
    events::{Event, EventKind, EventSink, RequestFacts},
    failure::{Failure, Reason},
    job::{Claim, Lease, NewJob},
    queue::{GroupPause, JobQueue, Nack, QueueError},
    retry::RetryPolicy,
    stage::{Attempt, Ending, Report, Requeue, Slot, Stage},
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

/// The result of running a stage.
pub struct Ran {
    outcome: Outcome,
    acknowledgement: Acknowledgement,
    group_pause_ms: Millis,
    request: Option<RequestFacts>,
}

/// Does a claimed job and acknowledges it. If `lost` ends while the stage runs, the work is dropped. An
/// acknowledgement that has begun is never dropped, so that none goes uncounted.
pub(super) async fn attempt(
    stage: Arc<dyn ErasedStage>,
    queue: Arc<dyn JobQueue>,
    events: Arc<dyn EventSink>,
    claim: Claim,
    retry: RetryPolicy,
    slot: Slot,
    lost: oneshot::Receiver<()>,
) -> Result<Outcome, QueueError> {
    let lease = claim.lease;
    let claimed = Instant::now();
    let mut event = Event {
        lane: stage.lane(),
        key: claim.key.clone(),
        attempt: claim.attempts,
        took_ms: 0,
        what: EventKind::Lost,
        failure: None,
        request: None,
    };
    let Ran { outcome, mut acknowledgement, group_pause_ms, request } = tokio::select! {
        ran = stage.run_claim(&claim, claimed, retry, &slot) => ran,
        // The job belongs to another worker by now, so nothing is acknowledged.
        _ = lost => {
            events.record(Event { took_ms: millis(claimed.elapsed()), ..event });
            return Ok(Outcome::Lost);
        }
    };
    event.request = request;
    (event.what, event.failure) = event_of(&outcome, &acknowledgement);
    // A pause that comes with a retry is stored with the job and survives a restart of the queue.
    if let Acknowledgement::Fail(Nack::Retry { group_pause_ms: pause_ms, .. }) = &mut acknowledgement {
        *pause_ms = group_pause_ms;
    } else if group_pause_ms > 0 {
        // Before the job ends, so that no other worker can claim from the group in between.
        let why = match &acknowledgement {
            Acknowledgement::Fail(Nack::Dead { failure }) => Some(failure.clone()),
            Acknowledgement::Fail(Nack::Move { .. } | Nack::Release | Nack::Retry { .. })
            | Acknowledgement::Complete(_) => None,
        };
        queue.pause_group(lease, GroupPause { for_ms: group_pause_ms, why }).await?;
    }
    let acknowledged = match acknowledgement {
        Acknowledgement::Complete(next) => queue.complete(lease, next).await,
        Acknowledgement::Fail(nack) => queue.fail(lease, nack).await,
    };
    let ended = match acknowledged {
        // The same input leads to the same jobs, so the queue would refuse them in every attempt.
        Err(QueueError::Invalid(why)) => {
            let failure = refused(&*queue, lease, &why).await?;
            (event.what, event.failure) = (EventKind::Dead, Some(failure));
            Ok(Outcome::Dead)
        }
        acknowledged => acknowledged.map(|()| outcome),
    };
    if ended.is_ok() {
        events.record(Event { took_ms: millis(claimed.elapsed()), ..event });
    }
    ended
}

/// Returns what an event says of an outcome.
fn event_of(outcome: &Outcome, acknowledgement: &Acknowledgement) -> (EventKind, Option<Failure>) {
    match (outcome, acknowledgement) {
        (Outcome::Halted(failure), _) => (EventKind::Halted, Some(failure.clone())),
        (_, Acknowledgement::Fail(Nack::Retry { failure, .. })) => (EventKind::Retry, Some(failure.clone())),
        (_, Acknowledgement::Fail(Nack::Dead { failure })) => (EventKind::Dead, Some(failure.clone())),
        (_, Acknowledgement::Fail(Nack::Move { why, .. })) => (EventKind::Moved, Some(why.clone())),
        (_, Acknowledgement::Fail(Nack::Release)) => (EventKind::Requeued, None),
        // The job of an earlier stage replaces it.
        (Outcome::Retried, Acknowledgement::Complete(_)) => (EventKind::Retry, None),
        (_, Acknowledgement::Complete(_)) => (EventKind::Done, None),
    }
}

async fn refused(queue: &dyn JobQueue, lease: Lease, why: &str) -> Result<Failure, QueueError> {
    let failure = Failure::new(
        Reason::Internal,
        format!(
            "the queue rejected the result of the stage: \
        {why}"
        ),
    );
    queue.fail(lease, Nack::Dead { failure: failure.clone() }).await.map(|()| failure)
}

/// Runs the stage, and returns what became of the job, what to tell the queue, the pause of the job's group,
/// and the request. A payload that cannot be read is an ending as well, and so is a panic of the stage or of
/// the follow-up jobs.
pub(super) async fn run<S: Stage>(
    stage: &S,
    claim: &Claim,
    claimed: Instant,
    retry: RetryPolicy,
    slot: &Slot,
) -> Ran {
    let acknowledge = |report: Report<S::Input, S::Output>| {
        let Report { ending, group_pause_ms, request } = report;
        let (outcome, acknowledgement) = acknowledgement(ending, claim, claimed, retry);
        Ran { outcome, acknowledgement, group_pause_ms, request }
    };
    let work = async {
        acknowledge(match serde_json::from_slice(&claim.payload) {
            Ok(input) => {
                let attempt = Attempt { number: claim.attempts, failures: claim.failures };
                stage.run_in_slot(input, attempt, slot).await
            }
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
