//! Claims and how they end; clients that come and go.

use flow::{
    clock::Millis,
    job::{Claim, Happened, JobId, Lease, NewJob},
    lane::Lane,
    queue::{Ask, BATCH_MAX, Claimed, GroupLimit, Outlook, Presence, QueueError, Verdict},
};

use super::{
    Body, Ledger,
    check::{check_job, check_jobs},
};
use crate::{record::Phase, session::Session};

impl Ledger {
    /// Hands out what the limits allow now. See [`flow::queue::JobQueue::claim`]; waiting is the caller's business.
    pub fn claim(&mut self, session: Session, ask: &Ask, now: Millis) -> Claimed {
        let mut claims = Vec::new();
        if !self.lanes[ask.lane.index()].stats.paused {
            let limit = (ask.limit.min(BATCH_MAX) as u64).min(self.room_below(ask.lane));
            while (claims.len() as u64) < limit
                && let Some(id) = self.lanes[ask.lane.index()].next(ask.group_limit, now)
            {
                claims.extend(self.lease(id, session, now, ask.lease_ms));
            }
        }
        let outlook = self.outlook(ask.lane);
        Claimed { claims, outlook }
    }

    fn lease(&mut self, id: JobId, session: Session, now: Millis, lease_ms: Millis) -> Option<Claim> {
        if let Some(slot) = self.slots.get(&id) {
            self.events[slot.lane.index()].at(now).claimed += 1;
        }
        let mut claim = None;
        self.change(id, now, |record| {
            record.attempts += 1;
            record.phase = Phase::Leased { until_ms: now.saturating_add(lease_ms), session };
            claim = Some(Claim {
                lease: Lease { id, attempt: record.attempts },
                key: record.key.clone(),
                payload: record.payload.clone(),
                attempts: record.attempts,
                failures: record.failures,
                failing_ms: record.failing_since_ms.map(|since| now.saturating_sub(since)),
            });
        });
        claim
    }

    /// How many jobs the lane below can still take, those counted that are on their way.
    fn room_below(&self, lane: Lane) -> u64 {
        lane.downstream().map_or(u64::MAX, |below| {
            let on_their_way = self.lanes[lane.index()].stats.leased;
            self.capacity.saturating_sub(self.lanes[below.index()].stats.pending() + on_their_way)
        })
    }

    fn outlook(&self, lane: Lane) -> Outlook {
        let stats = &self.lanes[lane.index()].stats;
        if stats.paused {
            Outlook::Paused
        } else if lane == Lane::Fetch && self.unfed() > 0 && stats.pending() == 0 {
            Outlook::Feeding
        } else if stats.pending() == 0 {
            let can_come = lane.upstream().iter().any(|&above| self.workers(above) > 0);
            if can_come { Outlook::Open } else { Outlook::Drained }
        } else if lane
            .downstream()
            .is_some_and(|below| self.room_below(lane) == 0 && self.workers(below) == 0)
        {
            Outlook::Blocked
        } else if lane == Lane::Fetch && self.unfed() > 0 {
            Outlook::Feeding
        } else if stats.ready > 0 {
            Outlook::HeldBack
        } else {
            Outlook::Open
        }
    }

    /// When the limits of the lane's groups will next allow a claim, as far as time alone decides.
    #[must_use]
    pub fn next_turn_ms(&self, lane: Lane, limit: GroupLimit) -> Option<Millis> {
        let index = &self.lanes[lane.index()];
        let may_claim = !index.stats.paused && self.room_below(lane) > 0;
        may_claim.then(|| index.next_due_ms(limit)).flatten()
    }

    /// See [`flow::queue::JobQueue::extend`]. Not written to disk: after a restart every lease gets its time anew.
    pub fn extend(&mut self, leases: Vec<Lease>, lease_ms: Millis, now: Millis) -> Vec<Lease> {
        let mut lost = leases;
        lost.retain(|lease| {
            let Some(Body::Live(record)) = self.slots.get_mut(&lease.id).map(|slot| &mut slot.body) else {
                return true;
            };
            match &mut record.phase {
                Phase::Leased { until_ms, .. } if record.attempts == lease.attempt => {
                    *until_ms = now.saturating_add(lease_ms);
                    self.wakeups.push(std::cmp::Reverse((*until_ms, lease.id)));
                    false
                }
                _ => true,
            }
        });
        lost
    }

    /// See [`flow::queue::JobQueue::complete`].
    pub fn complete(&mut self, lease: Lease, next: Vec<NewJob>, now: Millis) -> Result<(), QueueError> {
        check_jobs(&next)?;
        if !self.holds(lease) {
            let repeated = self
                .record(lease.id)?
                .is_some_and(|record| record.phase == Phase::Done && record.attempts == lease.attempt);
            return if repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        }
        if let Some(slot) = self.slots.get(&lease.id) {
            self.events[slot.lane.index()].at(now).done += 1;
        }
        self.change(lease.id, now, |record| {
            record.phase = Phase::Done;
            record.payload = Vec::new();
            record.pushed = None;
        });
        for job in next {
            self.insert(job, now);
        }
        Ok(())
    }

    /// See [`flow::queue::JobQueue::fail`].
    pub fn fail(&mut self, lease: Lease, verdict: Verdict, now: Millis) -> Result<(), QueueError> {
        if !self.holds(lease) {
            let repeated = self.record(lease.id)?.is_some_and(|record| {
                record.failed_attempt == lease.attempt && !matches!(record.phase, Phase::Leased { .. })
            });
            return if repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        }
        if !matches!(verdict, Verdict::Release)
            && let Some(slot) = self.slots.get(&lease.id)
        {
            self.events[slot.lane.index()].at(now).failed += 1;
        }
        match verdict {
            Verdict::Retry { failure, after_ms, group_pause_ms, revised } => {
                if let Some(job) = &revised {
                    check_job(job)?;
                    if job.id() != lease.id {
                        let message = "a revised job must keep its lane and key".to_owned();
                        return Err(QueueError::Invalid(message));
                    }
                }
                let happened = Happened::Failed(failure);
                let group_pause = (group_pause_ms > 0).then(|| now.saturating_add(group_pause_ms));
                self.try_again(lease.id, happened, after_ms, group_pause, revised, now);
            }
            Verdict::Dead { failure } => self.change(lease.id, now, |record| {
                record.failures += 1;
                record.failed_attempt = record.attempts;
                record.remember(now, Happened::Died(failure));
                record.phase = Phase::Dead;
            }),
            Verdict::Release => self.change(lease.id, now, |record| {
                record.failed_attempt = record.attempts;
                record.phase = Phase::Ready;
            }),
        }
        Ok(())
    }

    fn try_again(
        &mut self,
        id: JobId,
        happened: Happened,
        after_ms: Millis,
        group_pause: Option<Millis>,
        revised: Option<NewJob>,
        now: Millis,
    ) {
        let Some(slot) = self.slots.get(&id) else { return };
        let lane = slot.lane;
        if let (Body::Live(record), Some(until)) = (&slot.body, group_pause) {
            self.lanes[lane.index()].pause_group(&record.group, until);
        }
        self.lanes[lane.index()].stats.retried += 1;
        self.dirty.lanes.insert(lane);
        self.change(id, now, |record| {
            record.failures += 1;
            record.failing_since_ms.get_or_insert(now);
            record.failed_attempt = record.attempts;
            record.remember(now, happened);
            record.phase = match after_ms {
                0 => Phase::Ready,
                _ => Phase::Delayed { due_ms: now.saturating_add(after_ms) },
            };
            if let Some(job) = revised {
                record.revise(job);
            }
        });
    }

    fn holds(&self, lease: Lease) -> bool {
        matches!(
            self.slots.get(&lease.id).map(|slot| &slot.body),
            Some(Body::Live(record))
                if record.attempts == lease.attempt && matches!(record.phase, Phase::Leased { .. })
        )
    }

    /// See [`flow::queue::JobQueue::attend`].
    pub fn attend(&mut self, session: Session, lane: Lane, presence: Presence) {
        let count = self.attending.entry((session, lane)).or_default();
        match presence {
            Presence::Here => *count += 1,
            Presence::Gone => *count = count.saturating_sub(1),
        }
        self.attending.retain(|_, count| *count > 0);
    }

    pub(super) fn workers(&self, lane: Lane) -> u64 {
        let here = self.attending.iter().filter(|((_, attended), _)| *attended == lane);
        here.map(|(_, count)| u64::from(*count)).sum()
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
        for id in self.leased_to(session) {
            let Some(Body::Live(record)) = self.slots.get(&id).map(|slot| &slot.body) else { continue };
            let knows_of_it = held.contains(&Lease { id, attempt: record.attempts });
            self.change(id, now, |record| {
                record.phase = if knows_of_it {
                    Phase::Leased { until_ms: now.saturating_add(lease_ms), session }
                } else {
                    Phase::Ready
                };
            });
        }
        self.attending.retain(|(other, _), _| *other != session);
        for lane in attending {
            self.attend(session, *lane, Presence::Here);
        }
    }

    /// A client is gone: its leases return at once.
    pub fn end_session(&mut self, session: Session, now: Millis) {
        for id in self.leased_to(session) {
            self.lose(id, now);
        }
        self.attending.retain(|(other, _), _| *other != session);
    }

    fn leased_to(&self, session: Session) -> Vec<JobId> {
        let first = JobId::from_bytes([0; 16]);
        let last = JobId::from_bytes([u8::MAX; 16]);
        self.leases.range((session, first)..=(session, last)).map(|(_, id)| *id).collect()
    }
}
