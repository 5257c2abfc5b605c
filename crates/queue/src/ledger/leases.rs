//! Claims and how they end; clients that come and go.

use flow::{
    clock::Millis,
    job::{Claim, Group, Happened, Lease, NewJob, State},
    lane::Lane,
    queue::{
        BATCH_MAX, ClaimRequest, ClaimResponse, LaneStatus, Nack, QueueError, RESTING_AFTER_MS, Registration,
    },
};

use super::{
    Ledger,
    jobs::{ContentAt, Job, Slot, Unwritten},
    revised,
    scheduler::GroupQueue,
    validation::{check_jobs, check_limits, check_nack},
};
use crate::{
    log::entry::{Phase, decode_content},
    log::wal::Fsync,
    session::{Session, SessionId},
};

impl Ledger {
    /// Hands out what the limits allow now. See [`flow::queue::JobQueue::claim`]; waiting is the caller's business.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where a job cannot be read.
    pub fn claim(
        &mut self,
        session: Session,
        ask: &ClaimRequest,
        now: Millis,
    ) -> Result<ClaimResponse, QueueError> {
        check_limits(ask)?;
        let mut claims = Vec::new();
        if !self.lanes[ask.lane.index()].stats.paused {
            let limit = (ask.limit.min(BATCH_MAX) as u64).min(self.room_below(ask.lane));
            let mut holder = None;
            while (claims.len() as u64) < limit
                && let Some(slot) = self.lanes[ask.lane.index()].take_next(&self.jobs, ask, now)
            {
                let holder = *holder.get_or_insert_with(|| self.sessions.id_of(session));
                claims.push(self.lease(slot, holder, now, ask.lease_ms)?);
            }
        }
        self.events[ask.lane.index()].at(now).claimed += claims.len() as u64;
        let lane_status = if claims.is_empty() && self.is_resting(ask, now) {
            LaneStatus::Resting
        } else {
            self.lane_status(ask.lane)
        };
        Ok(ClaimResponse { claims, lane_status })
    }

    /// Leases a job that was taken out of its line.
    fn lease(
        &mut self,
        slot: Slot,
        session: SessionId,
        now: Millis,
        lease_ms: Millis,
    ) -> Result<Claim, QueueError> {
        let bytes = self.text(slot)?;
        let text = decode_content(&bytes).map_err(QueueError::Broken)?;
        let (key, payload) = (text.key.to_owned(), text.payload.to_owned());
        let job = self.jobs.get_mut(slot).expect("it was just taken out of its line");
        job.attempts += 1;
        (job.state, job.session) = (State::Leased, session);
        (job.changed_ms, job.due_ms) = (now, now.saturating_add(lease_ms));
        let retry_state = job.retry_state.as_deref();
        let failing_since_ms = retry_state.and_then(|retry_state| retry_state.failing_since_ms);
        let claim = Claim {
            lease: Lease { id: job.id, attempt: job.token() },
            key,
            payload,
            attempts: job.attempts,
            failures: retry_state.map_or(0, |retry_state| retry_state.failures),
            failing_ms: failing_since_ms.map(|since| now.saturating_sub(since)),
        };
        self.attempts_max = self.attempts_max.max(claim.lease.attempt);
        self.enter(slot);
        self.mark(slot, Unwritten::Delta);
        Ok(claim)
    }

    /// How many jobs the lane below can still take, those counted that are on their way.
    fn room_below(&self, lane: Lane) -> u64 {
        lane.downstream().map_or(u64::MAX, |below| {
            let on_their_way = self.lanes[lane.index()].stats.leased;
            self.capacity.saturating_sub(self.pending(below) + on_their_way)
        })
    }

    /// Whether all that is pending waits for groups that are left alone for long, and nothing can be added to it.
    fn is_resting(&self, ask: &ClaimRequest, now: Millis) -> bool {
        let index = &self.lanes[ask.lane.index()];
        let more = if ask.lane == Lane::Fetch { self.unfed.min(BATCH_MAX as u64) } else { 0 };
        let has_room = more > 0 && index.stats.pending() + more <= self.capacity;
        let is_quiet = index.stats.leased == 0 && index.stats.pending() > 0 && !index.stats.paused;
        let comes_more = || ask.lane.upstream().iter().any(|&above| self.sessions.workers(above) > 0);
        is_quiet && !has_room && !comes_more() && index.rests(ask, now.saturating_add(RESTING_AFTER_MS))
    }

    fn lane_status(&self, lane: Lane) -> LaneStatus {
        let stats = &self.lanes[lane.index()].stats;
        if stats.paused {
            LaneStatus::Paused
        } else if lane == Lane::Fetch && self.unfed > 0 && stats.pending() == 0 {
            LaneStatus::Feeding
        } else if stats.pending() == 0 {
            let can_come = lane.upstream().iter().any(|&above| self.sessions.workers(above) > 0);
            if can_come { LaneStatus::Open } else { LaneStatus::Drained }
        } else if lane
            .downstream()
            .is_some_and(|below| self.room_below(lane) == 0 && self.sessions.workers(below) == 0)
        {
            LaneStatus::Blocked
        } else if lane == Lane::Fetch && self.unfed > 0 {
            LaneStatus::Feeding
        } else if stats.ready > 0 {
            LaneStatus::HeldBack
        } else {
            LaneStatus::Open
        }
    }

    /// When the limits of the lane's groups will next allow a claim, as far as time alone decides.
    #[must_use]
    pub fn next_turn_ms(&self, ask: &ClaimRequest) -> Option<Millis> {
        let index = &self.lanes[ask.lane.index()];
        let may_claim = !index.stats.paused && self.room_below(ask.lane) > 0;
        may_claim.then(|| index.next_due_ms(ask)).flatten()
    }

    /// See [`flow::queue::JobQueue::pause_group`].
    pub fn pause_group(&mut self, lease: Lease, for_ms: Millis, now: Millis) -> Result<(), QueueError> {
        let slot = self.held(lease).ok_or(QueueError::Stale(lease))?;
        if let Some(job) = self.jobs.get(slot) {
            self.lanes[job.lane.index()].pause_group(job.group, now.saturating_add(for_ms));
        }
        Ok(())
    }

    /// See [`flow::queue::QueueAdmin::pending`].
    #[must_use]
    pub fn pending_in(&self, lane: Lane, groups: &[Group]) -> Vec<u64> {
        let index = &self.lanes[lane.index()];
        groups.iter().map(|group| index.named(&group.0).map_or(0, GroupQueue::pending)).collect()
    }

    /// See [`flow::queue::JobQueue::extend`]. Not written to disk: after a restart every lease gets its time anew.
    pub fn extend(&mut self, leases: Vec<Lease>, lease_ms: Millis, now: Millis) -> Vec<Lease> {
        let mut lost = leases;
        lost.retain(|lease| match self.held(*lease) {
            Some(slot) => {
                self.prolong(slot, now.saturating_add(lease_ms));
                false
            }
            None => true,
        });
        lost
    }

    fn prolong(&mut self, slot: Slot, until_ms: Millis) {
        let Some(job) = self.jobs.get_mut(slot) else { return };
        let is_sooner = until_ms < job.due_ms;
        job.due_ms = until_ms;
        if is_sooner {
            self.wakeups.set(slot, job);
        }
    }

    /// The job of a lease that is held.
    fn held(&self, lease: Lease) -> Option<Slot> {
        let slot = self.jobs.find(lease.id)?;
        let is_held = |job: &Job| job.state == State::Leased && job.token() == lease.attempt;
        self.jobs.get(slot).is_some_and(is_held).then_some(slot)
    }

    /// See [`flow::queue::JobQueue::complete`].
    pub fn complete(&mut self, lease: Lease, next: Vec<NewJob>, now: Millis) -> Result<(), QueueError> {
        check_jobs(&next)?;
        let Some(slot) = self.held(lease) else {
            let repeated = self
                .record(lease.id)?
                .is_some_and(|record| record.view.state == State::Done && record.token == lease.attempt);
            return if repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        };
        if let Some(job) = self.jobs.get(slot) {
            self.events[job.lane.index()].at(now).done += 1;
        }
        self.end(slot, Phase::Done, now)?;
        for job in next {
            self.insert(job, now);
        }
        self.dirty.force = Fsync::Yes;
        Ok(())
    }

    /// See [`flow::queue::JobQueue::fail`].
    pub fn fail(&mut self, lease: Lease, nack: Nack, now: Millis) -> Result<(), QueueError> {
        let Some(slot) = self.held(lease) else {
            let repeated =
                self.record(lease.id)?.is_some_and(|record| record.failed_token == Some(lease.attempt));
            return if repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        };
        check_nack(lease, &nack)?;
        if let Some(job) = self.jobs.get(slot)
            && matches!(nack, Nack::Retry { .. } | Nack::Dead { .. })
        {
            self.events[job.lane.index()].at(now).failed += 1;
        }
        self.dirty.force = Fsync::Yes;
        match nack {
            Nack::Retry { .. } => self.try_again(slot, nack, now),
            Nack::Dead { failure } => {
                self.change(slot, now, |job| {
                    let attempt = job.attempts;
                    let retry_state = job.retry_state_mut();
                    retry_state.failures += 1;
                    retry_state.failed_attempt = attempt;
                    retry_state.remember(now, attempt, Happened::Died(failure));
                });
                self.end(slot, Phase::Dead, now)
            }
            Nack::Release => {
                self.change(slot, now, |job| {
                    job.retry_state_mut().failed_attempt = job.attempts;
                    job.state = State::Ready;
                });
                Ok(())
            }
            Nack::Move { why, revised } => {
                self.change(slot, now, |job| {
                    let attempt = job.attempts;
                    let retry_state = job.retry_state_mut();
                    retry_state.failed_attempt = attempt;
                    retry_state.remember(now, attempt, Happened::Moved(why));
                    job.state = State::Ready;
                });
                self.revise(slot, &revised, now)
            }
        }
    }

    fn try_again(&mut self, slot: Slot, nack: Nack, now: Millis) -> Result<(), QueueError> {
        let Nack::Retry { failure, after_ms, group_pause_ms, revised } = nack else { return Ok(()) };
        let Some(job) = self.jobs.get(slot) else { return Ok(()) };
        let (lane, group) = (job.lane, job.group);
        let paused_until_ms = if group_pause_ms > 0 { now.saturating_add(group_pause_ms) } else { 0 };
        self.lanes[lane.index()].pause_group(group, paused_until_ms);
        self.lanes[lane.index()].stats.retried += 1;
        self.save_lane(lane);
        self.change(slot, now, |job| {
            let attempt = job.attempts;
            let retry_state = job.retry_state_mut();
            retry_state.failures += 1;
            retry_state.failing_since_ms.get_or_insert(now);
            retry_state.failed_attempt = attempt;
            retry_state.group_paused_until_ms = paused_until_ms;
            retry_state.remember(now, attempt, Happened::Failed(failure));
            job.due_ms = now.saturating_add(after_ms);
            job.state = if after_ms == 0 { State::Ready } else { State::Delayed };
        });
        revised.map_or(Ok(()), |new| self.revise(slot, &new, now))
    }

    fn revise(&mut self, slot: Slot, new: &NewJob, now: Millis) -> Result<(), QueueError> {
        let bytes = self.text(slot)?.into_owned();
        let text = decode_content(&bytes).map_err(QueueError::Broken)?;
        self.leave(slot);
        let Some(job) = self.jobs.get_mut(slot) else { return Ok(()) };
        let index = &mut self.lanes[job.lane.index()];
        let before = index.group(job.group).name.as_ref().map(|group| group.0.as_str());
        let text = revised(&text, before, job.priority, new);
        job.text = ContentAt::Memory(text);
        let group = index.id_of(new.group.as_ref().map(|group| group.0.as_str()), now);
        let left_group = std::mem::replace(&mut job.group, group) != group;
        job.priority = new.priority;
        let retry_state = job.retry_state_mut();
        retry_state.reset();
        if left_group {
            // The pause was that of the group it came from.
            retry_state.group_paused_until_ms = 0;
        }
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
        Ok(())
    }

    /// See [`flow::queue::JobQueue::attend`].
    pub fn register_worker(&mut self, session: Session, lane: Lane, registration: Registration) {
        self.sessions.register_worker(session, lane, registration);
    }

    /// A client is back after its connection broke or the owner was replaced: leases it knows of go on, others that
    /// were granted to it return, since it never learned of them.
    pub fn rejoin(
        &mut self,
        session: Session,
        held: &[Lease],
        attending: &[Lane],
        lease_ms: Millis,
        now: Millis,
    ) {
        for slot in self.sessions.leased_to(session) {
            let Some(job) = self.jobs.get(slot) else { continue };
            if held.contains(&Lease { id: job.id, attempt: job.token() }) {
                self.prolong(slot, now.saturating_add(lease_ms));
            } else {
                self.change(slot, now, |job| job.state = State::Ready);
            }
        }
        self.sessions.leave_all(session);
        for lane in attending {
            self.register_worker(session, *lane, Registration::Add);
        }
    }

    /// A client is gone: its leases return at once.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where a job cannot be read.
    pub fn end_session(&mut self, session: Session, now: Millis) -> Result<(), QueueError> {
        for slot in self.sessions.leased_to(session) {
            self.lose(slot, now)?;
        }
        self.sessions.forget(session);
        Ok(())
    }
}
