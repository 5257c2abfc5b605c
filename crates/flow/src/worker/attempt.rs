//! One attempt at one job: run the stage, then settle with the queue.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{sync::oneshot, time::Instant};

use crate::{
    clock::{Millis, millis},
    failure::{Failure, Reason},
    job::{Claim, Lease, NewJob},
    queue::{JobQueue, Nack, QueueError},
    retry::RetryPolicy,
    stage::{Attempt, Done, Stage, StageError},
};

/// What became of a job.
pub(super) enum Settled {
    Done,
    Retried,
    /// Back in line; nothing went wrong.
    PutOff,
    Dead,
    /// Its lease was lost before its stage ended.
    Lost,
    Halted(Failure),
}

/// How an attempt ended, before the queue knows of it.
enum Outcome {
    Success(Vec<NewJob>),
    SentBack(Box<NewJob>),
    Failure(Settled, Nack),
}

/// How long to leave the job's group alone.
type Pause = Millis;

/// Does a claimed job and tells the queue. The work is dropped when `lost` ends; what is being told to the queue then
/// is not, so that no nack goes uncounted.
pub(super) async fn attempt<S: Stage>(
    stage: Arc<S>,
    queue: Arc<dyn JobQueue>,
    claim: Claim,
    retry: RetryPolicy,
    lost: oneshot::Receiver<()>,
) -> Result<Settled, QueueError> {
    let lease = claim.lease;
    let claimed = Instant::now();
    let (outcome, pause_ms) = tokio::select! {
        ran = run(&*stage, &claim, claimed, retry) => ran,
        _ = lost => return Ok(Settled::Lost),
    };
    if pause_ms > 0 {
        // Before the job ends, so that nobody can claim in between.
        queue.pause_group(lease, pause_ms).await?;
    }
    let settled = match outcome {
        Outcome::Success(next) => queue.complete(lease, next).await.map(|()| Settled::Done),
        Outcome::SentBack(job) => queue.complete(lease, vec![*job]).await.map(|()| Settled::Retried),
        Outcome::Failure(settled, nack) => queue.fail(lease, nack).await.map(|()| settled),
    };
    match settled {
        // The queue will never take what this stage makes of this job.
        Err(QueueError::Invalid(why)) => bury(&*queue, lease, why).await,
        Ok(_) | Err(_) => settled,
    }
}

async fn bury(queue: &dyn JobQueue, lease: Lease, why: String) -> Result<Settled, QueueError> {
    let failure = Failure::new(Reason::Internal, format!("the queue refuses what the stage made: {why}"));
    queue.fail(lease, Nack::Dead { failure }).await.map(|()| Settled::Dead)
}

/// Runs the stage: what follows, or what its failure means. Whatever panics on the way is a failure too.
async fn run<S: Stage>(stage: &S, claim: &Claim, claimed: Instant, retry: RetryPolicy) -> (Outcome, Pause) {
    let work = async {
        let input = serde_json::from_slice::<S::Input>(&claim.payload).map_err(|error| {
            StageError::fatal(Reason::Internal, format!("the job cannot be read: {error}"))
        })?;
        let attempt = Attempt { number: claim.attempts, failures: claim.failures };
        stage.run(input, attempt).await
    };
    let judged = async {
        match work.await {
            Ok(Done { next, group_pause_ms }) => {
                (Outcome::Success(next.into_iter().map(Into::into).collect()), group_pause_ms)
            }
            Err(error) => judge(error, claim, claimed, retry),
        }
    };
    AssertUnwindSafe(judged).catch_unwind().await.unwrap_or_else(|panic| {
        let error = StageError::<S::Input>::retry(Reason::Internal, panic_message(&*panic));
        judge(error, claim, claimed, retry)
    })
}

/// What a stage's failure means for its job.
fn judge<I: Into<NewJob>>(
    error: StageError<I>,
    claim: &Claim,
    claimed: Instant,
    retry: RetryPolicy,
) -> (Outcome, Pause) {
    let mut pause_ms = 0;
    let (settled, nack) = match error {
        StageError::Retry { failure, after_ms, group_pause_ms } => {
            let age_ms = claim.failing_ms.map_or(0, |age| age.saturating_add(millis(claimed.elapsed())));
            match retry.wait_ms(claim.lease, claim.failures + 1, age_ms, after_ms) {
                Some(after_ms) => {
                    (Settled::Retried, Nack::Retry { failure, after_ms, group_pause_ms, revised: None })
                }
                None => {
                    pause_ms = group_pause_ms;
                    (Settled::Dead, Nack::Dead { failure })
                }
            }
        }
        StageError::Defer { group_pause_ms } => {
            pause_ms = group_pause_ms;
            (Settled::PutOff, Nack::Release)
        }
        StageError::Moved { why, group_pause_ms, revised } => {
            pause_ms = group_pause_ms;
            (Settled::PutOff, Nack::Move { why, revised: (*revised).into() })
        }
        StageError::Reroute { failure, after_ms, group_pause_ms, revised } => {
            let revised = Some((*revised).into());
            (Settled::Retried, Nack::Retry { failure, after_ms, group_pause_ms, revised })
        }
        StageError::Fatal { failure, group_pause_ms } => {
            pause_ms = group_pause_ms;
            (Settled::Dead, Nack::Dead { failure })
        }
        StageError::SendBack { failure, job } => {
            tracing::warn!("{failure}");
            return (Outcome::SentBack(job), pause_ms);
        }
        StageError::Halt(failure) => (Settled::Halted(failure), Nack::Release),
    };
    (Outcome::Failure(settled, nack), pause_ms)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the stage panicked: {text}")
}
