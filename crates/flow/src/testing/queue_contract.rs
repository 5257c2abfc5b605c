//! What every [`QueueAdmin`] must do, as small named cases.
//!
//! Each case gets a fresh, empty queue whose lanes have room for a few pending jobs and whose clock is turned by hand.
//! Claims that wait do so in tokio's time, paused or not. Durability (guarantee 1) cannot be seen from here:
//! implementations with a disk test it themselves.

mod claim;
mod complete;
mod fail;
mod groups;
mod lane_status;
mod lanes;
mod people;
mod push;
mod renew;
mod rest;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    clock::Millis,
    failure::{Failure, Reason},
    job::{Claim, Group, JobId, JobView, Lease, NewJob, Selection},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, GroupLimit, LaneStats, Nack, NamedLimits, Push, Pushed,
        QueueAdmin, QueueError, Registration,
    },
};

/// No case takes longer than this.
const CASE_MAX: Duration = Duration::from_secs(60);
/// How long a claim waits that must be answered earlier; longer than [`CASE_MAX`].
const LONG_MS: Millis = 600_000;
/// How long the leases of the cases last.
const LEASE_MS: Millis = 60_000;

/// A queue under test.
pub struct Subject {
    /// Empty, attended by nobody.
    pub queue: Arc<dyn QueueAdmin>,
    /// Turns the queue's clock forward by so many milliseconds. It stands still otherwise. Claims that wait must
    /// notice.
    pub advance: Box<dyn Fn(Millis) + Send + Sync>,
    /// How many pending jobs each lane has room for: 4 to 100.
    pub lane_capacity: usize,
}

/// One thing that a queue must do.
pub struct Case {
    /// The thing, as a sentence.
    pub name: &'static str,
    run: fn(Subject) -> BoxFuture<'static, ()>,
}

impl Case {
    /// Checks it.
    ///
    /// # Panics
    /// Where the queue does not do it, or hangs.
    pub async fn check(&self, subject: Subject) {
        let ended = tokio::time::timeout(CASE_MAX, (self.run)(subject)).await;
        assert!(ended.is_ok(), "{} hangs", self.name);
    }
}

/// A list of cases from the functions that check them.
macro_rules! case_list {
    ($($name:ident),* $(,)?) => {
        pub(super) fn cases() -> Vec<super::Case> {
            vec![$(super::Case { name: stringify!($name), run: |subject| Box::pin($name(subject)) }),*]
        }
    };
}
use case_list;

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    let parts = [
        push::cases(),
        renew::cases(),
        rest::cases(),
        claim::cases(),
        complete::cases(),
        fail::cases(),
        groups::cases(),
        lanes::cases(),
        lane_status::cases(),
        people::cases(),
    ];
    parts.into_iter().flatten().collect()
}

/// Checks every case, each with a subject of its own.
///
/// # Panics
/// At the end, naming all cases in which the queue fails.
pub async fn run_all(make: impl AsyncFn() -> Subject) {
    let mut failed = Vec::new();
    for case in cases() {
        let subject = make().await;
        if AssertUnwindSafe(case.check(subject)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "the queue breaks its contract: {failed:#?}");
}

/// A job with a payload of its own.
fn job(lane: Lane, key: &str) -> NewJob {
    NewJob::new(lane, key, &format!("payload of {key}"))
}

/// So many jobs, in order `prefix0`, `prefix1`, …
fn jobs(lane: Lane, prefix: &str, n: usize) -> Vec<NewJob> {
    (0..n).map(|at| job(lane, &format!("{prefix}{at}"))).collect()
}

fn grouped(key: &str, group: &str) -> NewJob {
    job(Lane::Fetch, key).in_group(Group(group.to_owned()))
}

fn failure(reason: Reason) -> Failure {
    Failure::new(reason, format!("a case wants {reason}"))
}

fn retry_after(after_ms: Millis) -> Nack {
    Nack::Retry { failure: failure(Reason::Connect), after_ms, group_pause_ms: 0, revised: None }
}

fn dead() -> Nack {
    Nack::Dead { failure: failure(Reason::HttpStatus) }
}

/// A wish that is answered at once, without group limits.
fn ask(lane: Lane, limit: usize) -> ClaimRequest {
    ClaimRequest {
        lane,
        limit,
        lease_ms: LEASE_MS,
        wait_ms: 0,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
    }
}

fn keys(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.key.as_str()).collect()
}

impl Subject {
    fn advance(&self, ms: Millis) {
        (self.advance)(ms);
    }

    async fn try_push(&self, jobs: Vec<NewJob>) -> Result<Pushed, QueueError> {
        self.queue.push(Push { jobs, cursor: None }).await
    }

    /// Pushes jobs that are new.
    async fn push(&self, jobs: impl IntoIterator<Item = NewJob>) {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let new = jobs.len() as u64;
        let pushed = self.try_push(jobs).await;
        assert_eq!(pushed, Ok(Pushed { new, known: vec![] }));
    }

    async fn claim(&self, ask: ClaimRequest) -> ClaimResponse {
        let limit = ask.limit;
        let claimed = self.queue.claim(ask).await.expect("a claim must be answered");
        assert!(claimed.claims.len() <= limit, "more than was asked for");
        claimed
    }

    /// All that the lane hands out at once, up to [`BATCH_MAX`].
    async fn claim_all(&self, lane: Lane) -> Vec<Claim> {
        self.claim(ask(lane, BATCH_MAX)).await.claims
    }

    /// The one job that the lane must hand out now.
    async fn claim_one(&self, lane: Lane) -> Claim {
        let mut claims = self.claim(ask(lane, 1)).await.claims;
        claims.pop().expect("a job must be handed out")
    }

    /// Pushes a new job and claims it.
    async fn lease_of(&self, lane: Lane, key: &str) -> Lease {
        self.push([job(lane, key)]).await;
        let claim = self.claim_one(lane).await;
        assert_eq!(claim.key, key);
        claim.lease
    }

    async fn complete(&self, lease: Lease) {
        assert_eq!(self.queue.complete(lease, vec![]).await, Ok(()));
    }

    async fn fail(&self, lease: Lease, nack: Nack) {
        assert_eq!(self.queue.fail(lease, nack).await, Ok(()));
    }

    async fn list(&self, selection: Selection) -> Vec<JobView> {
        self.queue.list(selection, None, BATCH_MAX).await.expect("a list must be given")
    }

    async fn find(&self, id: JobId) -> Option<JobView> {
        self.list(Selection { ids: vec![id], ..Selection::default() }).await.pop()
    }

    async fn view(&self, id: JobId) -> JobView {
        self.find(id).await.expect("the job must be known")
    }

    async fn lane(&self, lane: Lane) -> LaneStats {
        self.queue.stats().await.expect("stats must be given").lane(lane).clone()
    }

    async fn register_worker(&self, lane: Lane, registration: Registration) {
        assert_eq!(self.queue.register_worker(lane, registration).await, Ok(()));
    }
}
