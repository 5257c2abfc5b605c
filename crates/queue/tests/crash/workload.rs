//! A task of a process that may be killed: it pushes and claims jobs, and ends them in every possible way.
//!
//! The key of a job says what may happen to it: only mortal jobs die or are dropped. So a repeated push of
//! any other job must be absorbed. A task drops only jobs that it has pushed itself: another task may repeat
//! a push or a completion whose answer was lost, which would push a dropped job again.

use std::sync::Arc;

use flow::{
    failure::{Failure, Reason},
    job::{Claim, Group, JobId, JobState, NewJob, Priority, Selection},
    lane::Lane,
    queue::{
        ClaimRequest, CursorMove, GroupLimit, JobQueue, Nack, NamedLimits, Pause, Push, Pushed, QueueAdmin,
        QueueError,
    },
};
use queue::transport::client::QueueClient;

use crate::operation::{Change, Line, OperationLog, Subject, SubjectState};

const MORTAL: char = 'm';
const LASTING: char = 'l';

/// Separates the key of a job from the suffix of a job that follows it.
const BELOW: char = '.';

/// A task.
pub(crate) struct Worker {
    pub(crate) queue: QueueClient,
    pub(crate) log: Arc<OperationLog>,
    pub(crate) random: fastrand::Rng,
    /// The prefix of the keys and sources that only this task uses.
    pub(crate) name: String,
    pub(crate) keys_made: u32,
    /// A job that was pushed and is never dropped.
    pub(crate) lasting: Option<NewJob>,
    pub(crate) cursor: Option<u64>,
    /// The lane that only this task pauses.
    pub(crate) pauses: Option<Lane>,
}

impl Worker {
    /// Does one random operation.
    pub(crate) async fn step(&mut self) {
        match self.random.u8(..100) {
            0..40 => self.push().await,
            40..98 => self.work().await,
            _ => self.pause().await,
        }
    }

    /// Returns whether an answer may be that to a repeated request: the first answer may be lost with a
    /// broker.
    fn may_repeat(&self) -> bool {
        matches!(self.queue, QueueClient::Socket(_))
    }

    /// Does an operation, and reports it before and after. Returns `None` if the queue refused it.
    async fn ask<T>(
        &self,
        changes: Vec<Change>,
        asked: impl Future<Output = Result<T, QueueError>>,
    ) -> Option<T> {
        let operation = self.log.begin(changes);
        match asked.await {
            Ok(answer) => {
                self.log.write(&Line::Did(operation));
                Some(answer)
            }
            Err(QueueError::Full(_)) => {
                self.log.write(&Line::Refused(operation));
                None
            }
            // It was done before the broker died, and another task has the job by now.
            Err(QueueError::Stale(_)) if self.may_repeat() => None,
            // The broker died during a request that may not be repeated: it was done or not.
            Err(QueueError::Unreachable(_)) if self.may_repeat() => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn may_drop(&self, key: &str) -> bool {
        let is_mine = key.strip_prefix(&*self.name).is_some_and(|rest| rest.starts_with('-'));
        key.ends_with(MORTAL) && is_mine && !key.contains(BELOW)
    }

    fn key(&mut self, above: Option<&str>) -> String {
        self.keys_made += 1;
        let kind = if self.random.u8(..3) == 0 { MORTAL } else { LASTING };
        let name = above.map_or_else(|| format!("{}-{}", self.name, self.keys_made), ToOwned::to_owned);
        if above.is_some() {
            format!("{name}{BELOW}{}{kind}", self.keys_made % 8)
        } else {
            format!("{name}{kind}")
        }
    }

    fn job(&mut self, lane: Lane, above: Option<&str>) -> NewJob {
        let key = self.key(above);
        let filling_bytes = match self.random.u8(..100) {
            0..80 => self.random.usize(..200),
            80..99 => self.random.usize(..8_000),
            _ => self.random.usize(..60_000),
        };
        let mut job = NewJob::new(lane, &key, &(&key, "x".repeat(filling_bytes)));
        job.priority = Priority(self.random.u8(..3));
        if self.random.bool() {
            job.group = Some(Group(format!("group {}", self.random.u8(..5))));
        }
        if self.random.u8(..10) == 0 {
            job.delay_ms = self.random.u64(1..20);
        }
        job
    }

    fn lane(&mut self) -> Lane {
        Lane::ALL[self.random.usize(..3)]
    }

    async fn push(&mut self) {
        let lane = if self.random.u8(..4) == 0 { self.lane() } else { Lane::Fetch };
        let count = if self.random.bool() { 1 } else { self.random.usize(2..=16) };
        let mut jobs: Vec<NewJob> = (0..count).map(|_| self.job(lane, None)).collect();
        let mut changes = Change::new_jobs(&jobs);
        let lasting = jobs.iter().find(|job| job.key.ends_with(LASTING)).cloned();
        let known: Vec<u32> = match self.lasting.take().filter(|_| self.random.bool()) {
            Some(job) => {
                jobs.push(job);
                vec![u32::try_from(count).unwrap()]
            }
            None => Vec::new(),
        };
        let cursor = self.random.bool().then(|| self.cursor_move());
        changes.extend(cursor.as_ref().map(|step| Change {
            subject: Subject::Cursor(step.source.clone()),
            to: SubjectState::At { offset: step.offset },
        }));
        let moved_to = cursor.as_ref().map(|step| step.offset);
        let pushed = self.ask(changes, self.push_once(Push { jobs, cursor })).await;
        if let Some(pushed) = pushed {
            let is_known = pushed.known == known && pushed.new == count as u64;
            assert!(is_known || self.may_repeat(), "{pushed:?} of {count} new and {known:?}");
            assert!(known.iter().all(|position| pushed.known.contains(position)), "{pushed:?}");
            self.cursor = moved_to.or(self.cursor);
            self.lasting = lasting;
        }
    }

    fn cursor_move(&self) -> CursorMove {
        let offset = self.cursor.unwrap_or(0) + 1;
        CursorMove { source: self.name.clone(), from: self.cursor, offset, entries: offset, entries_total: 1 }
    }

    /// Pushes jobs. If the cursor is already at its new offset, the same push has moved it, and its answer
    /// was lost with a broker.
    async fn push_once(&self, push: Push) -> Result<Pushed, QueueError> {
        let queue = self.queue.clone();
        let known = (0..u32::try_from(push.jobs.len()).unwrap()).collect();
        let goal = push.cursor.as_ref().map(|step| (step.source.clone(), step.offset));
        match queue.push(push).await {
            Err(QueueError::CursorMoved(source)) if self.may_repeat() => {
                let cursors = queue.cursors().await?;
                let stands_at = cursors.into_iter().find(|cursor| cursor.source == source).unwrap();
                assert_eq!(goal, Some((source, stands_at.offset)));
                Ok(Pushed { new: 0, known })
            }
            other => other,
        }
    }

    async fn work(&mut self) {
        let limit = if self.random.bool() { 1 } else { self.random.usize(1..=16) };
        let (lane, wait_ms) = (self.lane(), self.random.u64(..3));
        let ask = ClaimRequest {
            lane,
            limit,
            lease_ms: 600_000,
            wait_ms,
            group_limit: GroupLimit::NONE,
            named_limits: NamedLimits::new(),
            settled: Vec::new(),
        };
        let claims = self.queue.claim(ask).await.unwrap().claims;
        for claim in &claims {
            let (key, _): (String, String) = serde_json::from_slice(&claim.payload).unwrap();
            assert_eq!(key, claim.key);
            self.log.write(&Line::Claimed { lease: claim.lease, failures: claim.failures });
        }
        for claim in claims {
            self.end(lane, claim).await;
        }
    }

    async fn end(&mut self, lane: Lane, claim: Claim) {
        // A repeated retry by hand, whose first answer was lost, could revive a job that died again.
        let may_die = claim.key.ends_with(MORTAL) && (claim.attempts == 1 || !self.may_repeat());
        match self.random.u8(..100) {
            0..60 => self.complete(lane, claim).await,
            60..75 => self.fail(lane, claim).await,
            75..90 if may_die => self.die(claim).await,
            90..95 if !self.may_repeat() => {}
            75..90 => self.complete(lane, claim).await,
            _ => self.release(claim).await,
        }
    }

    /// Pushes a job with the key of one that has just ended.
    async fn renew(&mut self, lane: Lane, key: &str) {
        let job = NewJob::new(lane, key, &(key, "again")).renewed();
        let changes = Change::new_jobs(std::slice::from_ref(&job));
        self.ask(changes, self.queue.push(Push { jobs: vec![job], cursor: None })).await;
    }

    async fn complete(&mut self, lane: Lane, claim: Claim) {
        let count = self.random.usize(..4);
        let next: Vec<NewJob> = match lane.downstream() {
            Some(below) => (0..count).map(|_| self.job(below, Some(&claim.key))).collect(),
            None => Vec::new(),
        };
        let mut changes = Change::new_jobs(&next);
        changes.push(Change::job(claim.lease.id, SubjectState::Done));
        self.ask(changes, self.queue.complete(claim.lease, next.clone())).await;
        if self.random.u8(..10) == 0 {
            self.queue.complete(claim.lease, next).await.expect("a repeated completion is absorbed");
        }
        if lane == Lane::Process && self.may_drop(&claim.key) && self.random.bool() {
            self.drop_job(claim.lease.id, JobState::Done).await;
        } else if lane == Lane::Process && !self.may_repeat() && self.random.u8(..4) == 0 {
            // A repeat after a lost answer could renew a job that has ended meanwhile. A renewed job of
            // another lane would push follow-ups that are known.
            self.renew(lane, &claim.key).await;
        }
    }

    async fn fail(&mut self, lane: Lane, claim: Claim) {
        let revised = (self.random.u8(..4) == 0).then(|| {
            let filling = "y".repeat(self.random.usize(..200));
            NewJob::new(lane, &claim.key, &(&claim.key, filling))
        });
        let failures = if revised.is_some() { 0 } else { claim.failures + 1 };
        let failure = Failure::new(Reason::Timeout, "try again");
        let after_ms = if self.random.bool() { 0 } else { self.random.u64(1..20) };
        let nack = Nack::Retry { failure, after_ms, group_pause_ms: 0, revised };
        let changes = vec![Change::job(claim.lease.id, SubjectState::Waiting { failures })];
        self.ask(changes, self.queue.fail(claim.lease, nack)).await;
    }

    async fn release(&mut self, claim: Claim) {
        let changes = vec![Change::job(claim.lease.id, SubjectState::Waiting { failures: claim.failures })];
        self.ask(changes, self.queue.fail(claim.lease, Nack::Release)).await;
    }

    async fn die(&mut self, claim: Claim) {
        let id = claim.lease.id;
        let message = format!("attempt {} of {}", claim.lease.attempt, claim.key);
        let nack = Nack::Dead { failure: Failure::new(Reason::NotText, &message) };
        let changes = vec![Change::job(id, SubjectState::Dead { message })];
        if self.ask(changes, self.queue.fail(claim.lease, nack)).await.is_none() {
            return;
        }
        match self.random.u8(..4) {
            0 if self.may_drop(&claim.key) => self.drop_job(id, JobState::Dead).await,
            2 => {
                let only = Selection { ids: vec![id], ..Selection::default() };
                let changes = vec![Change::job(id, SubjectState::Waiting { failures: 0 })];
                let retried = self.ask(changes, self.queue.retry(only)).await;
                assert!(retried == Some(1) || self.may_repeat(), "{retried:?}");
            }
            _ => {}
        }
    }

    async fn drop_job(&mut self, id: JobId, state: JobState) {
        let only = Selection { ids: vec![id], state: Some(state), ..Selection::default() };
        let dropped = self.ask(vec![Change::job(id, SubjectState::Absent)], self.queue.drop_jobs(only)).await;
        assert!(dropped == Some(1) || self.may_repeat(), "{dropped:?}");
    }

    async fn pause(&mut self) {
        let Some(lane) = self.pauses else { return };
        for (pause, to) in [(Pause::Paused, SubjectState::Paused), (Pause::Running, SubjectState::Running)] {
            let changes = vec![Change { subject: Subject::Lane(lane), to }];
            self.ask(changes, self.queue.set_paused(lane, pause)).await;
        }
    }
}
