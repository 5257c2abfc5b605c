//! The test suite of the queue contracts, as the module [`queue`](crate::queue) states them.
//!
//! Each case gets a new, empty queue with room for a few pending jobs in each lane and with a clock that the
//! case moves. Claims wait in tokio's time, which may be paused. Durability (guarantee 1) cannot be tested
//! here: implementations with a disk test it themselves.

mod admin;
mod claim;
mod complete;
mod fail;
mod groups;
mod lane_status;
mod lanes;
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

/// The longest time of a case.
const CASE_MAX: Duration = Duration::from_secs(60);
/// The wait of a claim that must be answered earlier. Longer than [`CASE_MAX`].
const LONG_MS: Millis = 600_000;
/// The duration of the cases' leases.
const LEASE_MS: Millis = 60_000;

/// A queue under test.
pub struct Subject {
    /// The queue, which is empty and has no worker.
    pub queue: Arc<dyn QueueAdmin>,
    /// Moves the queue's clock forward by milliseconds and wakes waiting claims. The clock does not move by
    /// itself.
    pub advance: Box<dyn Fn(Millis) + Send + Sync>,
    /// The number of pending jobs that each lane has room for, from 4 to 100.
    pub lane_capacity: usize,
}

/// A test case: one thing that a queue must do.
pub struct Case {
    /// The name, which is a sentence.
    pub name: &'static str,
    run: fn(Subject) -> BoxFuture<'static, ()>,
}

impl Case {
    /// Runs the case.
    ///
    /// # Panics
    /// Panics if the queue does not do it, or hangs.
    pub async fn check(&self, subject: Subject) {
        let ended = tokio::time::timeout(CASE_MAX, (self.run)(subject)).await;
        assert!(ended.is_ok(), "{} hangs", self.name);
    }
}

/// Makes a list of cases from their functions.
macro_rules! case_list {
    ($($name:ident),* $(,)?) => {
        pub(super) fn cases() -> Vec<super::Case> {
            vec![$(super::Case { name: stringify!($name), run: |subject| Box::pin($name(subject)) }),*]
        }
    };
}
use case_list;

/// Returns all cases.
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
        admin::cases(),
    ];
    parts.into_iter().flatten().collect()
}

/// Runs every case with a subject of its own.
///
/// # Panics
/// Panics at the end if a case failed, and names all of them.
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

/// Returns a job with a payload of its own.
fn job(lane: Lane, key: &str) -> NewJob {
    NewJob::new(lane, key, &format!("payload of {key}"))
}

/// Returns `count` jobs with the keys `prefix0`, `prefix1`, …
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

/// Returns a request that is answered at once, without group limits.
pub fn request(lane: Lane, limit: usize) -> ClaimRequest {
    ClaimRequest {
        lane,
        limit,
        lease_ms: LEASE_MS,
        wait_ms: 0,
        group_limit: GroupLimit::NONE,
        named_limits: NamedLimits::new(),
        settled: Vec::new(),
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

    /// Pushes new jobs.
    async fn push(&self, jobs: impl IntoIterator<Item = NewJob>) {
        let jobs: Vec<_> = jobs.into_iter().collect();
        let new = jobs.len() as u64;
        let pushed = self.try_push(jobs).await;
        assert_eq!(pushed, Ok(Pushed { new, known: vec![] }));
    }

    async fn claim(&self, request: ClaimRequest) -> ClaimResponse {
        let limit = request.limit;
        let claimed = self.queue.claim(request).await.expect("a claim must be answered");
        assert!(claimed.claims.len() <= limit, "more than was asked for");
        claimed
    }

    /// Claims all jobs that the lane hands out at once, up to [`BATCH_MAX`].
    async fn claim_all(&self, lane: Lane) -> Vec<Claim> {
        self.claim(request(lane, BATCH_MAX)).await.claims
    }

    /// Claims the only job that the lane has ready.
    async fn claim_one(&self, lane: Lane) -> Claim {
        let mut claims = self.claim(request(lane, 1)).await.claims;
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
