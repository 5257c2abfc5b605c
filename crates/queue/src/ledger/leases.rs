//! Hands out jobs, and keeps and ends their leases; sessions that come and go.

use flow::{
    clock::Millis,
    job::{Claim, Group, JobState, Lease},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, GroupPause, LaneStatus, QueueError, RESTING_AFTER_MS,
        Registration,
    },
};

use super::{Ledger, arena::Slot, jobs::Unwritten, scheduler::GroupQueue, validation::check_limits};
use crate::{
    log::entry::decode_content,
    session::{Session, SessionId},
};

impl Ledger {
    /// Leases the jobs that the limits allow now. Does not wait. See [`flow::queue::JobQueue::claim`].
    ///
    /// # Errors
    /// Returns [`QueueError::Invalid`] if the claim names too many or too long groups, and
    /// [`QueueError::Broken`] if a job cannot be read.
    pub fn claim(
        &mut self,
        session: Session,
        request: &ClaimRequest,
        now: Millis,
    ) -> Result<ClaimResponse, QueueError> {
        check_limits(request)?;
        request.settled.iter().for_each(|lease| self.settle(*lease));
        let mut claims = Vec::new();
        if !self.lanes[request.lane.index()].stats.paused {
            // The bound of a batch keeps the answer within a frame.
            let limit = (request.limit.min(BATCH_MAX) as u64).min(self.room_below(request.lane));
            let mut holder = None;
            while (claims.len() as u64) < limit
                && let Some(slot) = self.lanes[request.lane.index()].take_next(&self.jobs, request, now)
            {
                // Only a session that gets a job becomes known.
                let holder = *holder.get_or_insert_with(|| self.sessions.id_of(session));
                claims.push(self.lease(slot, holder, now, request.lease_ms)?);
            }
        }
        self.rates[request.lane.index()].at(now).claimed += claims.len() as u64;
        let lane_status = if claims.is_empty() && self.is_resting(request, now) {
            LaneStatus::Resting
        } else {
            self.lane_status(request.lane)
        };
        Ok(ClaimResponse { claims, lane_status })
    }

    /// Leases a job that the scheduler has removed from its group.
    fn lease(
        &mut self,
        slot: Slot,
        session: SessionId,
        now: Millis,
        lease_ms: Millis,
    ) -> Result<Claim, QueueError> {
        let bytes = self.content(slot)?;
        let content = decode_content(&bytes).map_err(QueueError::Broken)?;
        let (key, payload) = (content.key.to_owned(), content.payload.to_owned());
        let job = &mut self.jobs[slot];
        job.attempts += 1;
        (job.state, job.session) = (JobState::Leased, session);
        (job.changed_ms, job.due_ms) = (now, now.saturating_add(lease_ms));
        let retry_state = job.retry_state.as_deref();
        let failing_since_ms = retry_state.and_then(|retry_state| retry_state.failing_since_ms);
        let claim = Claim {
            lease: Lease { id: job.id, attempt: job.attempt_number() },
            key,
            payload,
            attempts: job.attempts,
            failures: retry_state.map_or(0, |retry_state| retry_state.failures),
            failing_ms: failing_since_ms.map(|since| now.saturating_sub(since)),
        };
        self.highest_attempt = self.highest_attempt.max(claim.lease.attempt);
        self.enter(slot);
        self.mark(slot, Unwritten::Delta);
        Ok(claim)
    }

    /// Counts a lease no longer towards the limits of its group. Nothing is written: after a restart it
    /// counts again.
    fn settle(&mut self, lease: Lease) {
        let Some(slot) = self.find_leased(lease) else { return };
        let job = &self.jobs[slot];
        self.lanes[job.lane.index()].settle(slot, job);
    }

    /// Returns how many jobs the lane below still takes. Each leased job may bring one, so it counts as well.
    fn room_below(&self, lane: Lane) -> u64 {
        lane.downstream().map_or(u64::MAX, |below| {
            let leased = self.lanes[lane.index()].stats.leased;
            self.capacity.saturating_sub(self.pending(below) + leased)
        })
    }

    /// Returns whether all pending jobs wait for groups that allow no claim for long, and no job can be
    /// added.
    fn is_resting(&self, request: &ClaimRequest, now: Millis) -> bool {
        let index = &self.lanes[request.lane.index()];
        // The feeder adds entries in batches, so room for one batch, or for all that is left, is enough.
        let unread = if request.lane == Lane::Fetch { self.unread_entries.min(BATCH_MAX as u64) } else { 0 };
        let has_room = unread > 0 && index.stats.pending() + unread <= self.capacity;
        let is_quiet = index.stats.leased == 0 && index.stats.pending() > 0 && !index.stats.paused;
        is_quiet
            && !has_room
            && !self.has_workers_upstream(request.lane)
            && index.is_resting(request, now.saturating_add(RESTING_AFTER_MS))
    }

    fn has_workers_upstream(&self, lane: Lane) -> bool {
        lane.upstream().iter().any(|&above| self.sessions.workers(above) > 0)
    }

    /// Returns what a worker can expect of a lane. The order of the conditions is part of the contract.
    fn lane_status(&self, lane: Lane) -> LaneStatus {
        let stats = &self.lanes[lane.index()].stats;
        let is_fed = lane == Lane::Fetch && self.unread_entries > 0;
        let is_blocked = || {
            let below = lane.downstream();
            below.is_some_and(|below| self.room_below(lane) == 0 && self.sessions.workers(below) == 0)
        };
        if stats.paused {
            LaneStatus::Paused
        } else if stats.pending() == 0 {
            match (is_fed, self.has_workers_upstream(lane)) {
                (true, _) => LaneStatus::Feeding,
                (false, true) => LaneStatus::Open,
                (false, false) => LaneStatus::Drained,
            }
        } else if is_blocked() {
            LaneStatus::Blocked
        } else if is_fed {
            LaneStatus::Feeding
        } else if stats.ready > 0 {
            LaneStatus::HeldBack
        } else {
            LaneStatus::Open
        }
    }

    /// Returns the next time at which a claim may find a job, as far as time alone decides it.
    #[must_use]
    pub fn next_turn_ms(&self, request: &ClaimRequest) -> Option<Millis> {
        let index = &self.lanes[request.lane.index()];
        // Otherwise a change of the queue allows the next claim, not the time.
        let may_claim = !index.stats.paused && self.room_below(request.lane) > 0;
        may_claim.then(|| index.next_due_ms(request)).flatten()
    }

    /// Allows no claim from the group of a leased job for a time. See [`flow::queue::JobQueue::pause_group`].
    ///
    /// # Errors
    /// Returns [`QueueError::Stale`] if the lease is no longer held.
    pub fn pause_group(&mut self, lease: Lease, pause: GroupPause, now: Millis) -> Result<(), QueueError> {
        let slot = self.find_leased(lease).ok_or(QueueError::Stale(lease))?;
        let job = &self.jobs[slot];
        let until_ms = now.saturating_add(pause.for_ms);
        self.lanes[job.lane.index()].pause_group(job.group, until_ms, pause.why.as_ref());
        Ok(())
    }

    /// Returns the number of pending jobs in each group. See [`flow::queue::QueueAdmin::pending`].
    #[must_use]
    pub fn pending_in(&self, lane: Lane, groups: &[Group]) -> Vec<u64> {
        let index = &self.lanes[lane.index()];
        groups.iter().map(|group| index.find(&group.0).map_or(0, GroupQueue::pending)).collect()
    }

    /// Makes leases last `lease_ms` from now, and returns those that are no longer held. See
    /// [`flow::queue::JobQueue::extend`]. Nothing is written: after a restart every lease begins again.
    pub fn extend(&mut self, leases: Vec<Lease>, lease_ms: Millis, now: Millis) -> Vec<Lease> {
        let mut lost = leases;
        lost.retain(|lease| match self.find_leased(*lease) {
            Some(slot) => {
                self.extend_lease(slot, now.saturating_add(lease_ms));
                false
            }
            None => true,
        });
        lost
    }

    fn extend_lease(&mut self, slot: Slot, until_ms: Millis) {
        let job = &mut self.jobs[slot];
        let is_sooner = until_ms < job.due_ms;
        job.due_ms = until_ms;
        // The timer of a later end comes too early, and is then set again.
        if is_sooner {
            self.timers.set(slot, job);
        }
    }

    /// Returns the job of a lease, if that is still held.
    pub(super) fn find_leased(&self, lease: Lease) -> Option<Slot> {
        let slot = self.jobs.find(lease.id)?;
        let job = &self.jobs[slot];
        (job.state == JobState::Leased && job.attempt_number() == lease.attempt).then_some(slot)
    }

    /// Registers a worker of a session, or removes one. See [`flow::queue::JobQueue::register_worker`].
    pub fn register_worker(&mut self, session: Session, lane: Lane, registration: Registration) {
        self.sessions.register_worker(session, lane, registration);
    }

    /// Takes a client back after its connection broke or the owner was replaced. The leases in `held` go on.
    /// The session's other leases return: they were granted by an answer that was lost.
    pub fn rejoin(
        &mut self,
        session: Session,
        held: &[Lease],
        attending: &[Lane],
        lease_ms: Millis,
        now: Millis,
    ) {
        for slot in self.sessions.leased_to(session) {
            let job = &self.jobs[slot];
            if held.contains(&Lease { id: job.id, attempt: job.attempt_number() }) {
                self.extend_lease(slot, now.saturating_add(lease_ms));
            } else {
                self.change(slot, now, |job| job.state = JobState::Ready);
            }
        }
        // The client names all of its workers again; those counted before would count twice.
        self.sessions.remove_workers(session);
        for lane in attending {
            self.register_worker(session, *lane, Registration::Add);
        }
    }

    /// Ends a session: its leases return at once, as if their worker had died, which counts towards the limit
    /// of attempts. An unknown session changes nothing. [`tick`](Self::tick) must have been called for `now`.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if a job cannot be read.
    pub fn end_session(&mut self, session: Session, now: Millis) -> Result<(), QueueError> {
        for slot in self.sessions.leased_to(session) {
            self.reclaim(slot, now)?;
        }
        self.sessions.forget(session);
        Ok(())
    }
}
