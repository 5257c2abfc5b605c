//! Checks claims: every job that was handed out was allowed, and no job that was allowed was held back.

use flow::{
    clock::Millis,
    job::{Claim, Group, JobId, JobState},
    lane::Lane,
    queue::{BATCH_MAX, ClaimRequest, ClaimResponse, GroupLimit, LaneStats, LaneStatus, RESTING_AFTER_MS},
};
use queue::session::Session;

use super::{Check, GroupTimes, Model, Times};

impl Times {
    fn due_ms(&self, limit: GroupLimit) -> Millis {
        if limit.in_flight == 0 {
            return Millis::MAX;
        }
        let interval_over = self.claimed_ms.map_or(0, |at| at + limit.interval_ms);
        interval_over.max(self.paused_until_ms)
    }
}

impl Model {
    /// Checks the answer to a claim, and applies it.
    pub(crate) fn claimed(&mut self, session: Session, ask: &ClaimRequest, claimed: &ClaimResponse) -> Check {
        let is_paused = self.lanes[ask.lane.index()].paused;
        let room = if is_paused { 0 } else { self.room_below(ask.lane) };
        let most = room.min(ask.limit.min(BATCH_MAX) as u64);
        let given = claimed.claims.len() as u64;
        if given > most {
            return Err(format!("{given} jobs were handed out where {most} are allowed"));
        }
        for claim in &claimed.claims {
            self.hand_out(session, ask, claim).map_err(|why| format!("claim of {}: {why}", claim.key))?;
        }
        self.record_free_groups(ask);
        let mut kept = self.ready_groups(ask.lane);
        kept.retain(|group| self.is_surely_free(ask, group));
        if given < most && !kept.is_empty() {
            return Err(format!(
                "{given} of {most} jobs were handed out, but {kept:?} could be claimed from"
            ));
        }
        self.check_lane_status(ask, claimed)
    }

    fn hand_out(&mut self, session: Session, ask: &ClaimRequest, claim: &Claim) -> Check {
        let (id, now) = (claim.lease.id, self.now);
        let job = self.jobs.get(&id).ok_or("no such job")?;
        if (job.view.lane, job.view.state) != (ask.lane, JobState::Ready) {
            return Err(format!("it is {} in the {} lane", job.view.state, job.view.lane));
        }
        let highest = self.highest_attempt(id);
        if claim.lease.attempt <= highest {
            return Err(format!("attempt {} after {highest}", claim.lease.attempt));
        }
        let attempts = job.view.attempts + 1;
        let expected = Claim {
            lease: claim.lease,
            key: job.view.key.clone(),
            payload: job.view.payload.clone(),
            attempts,
            failures: job.view.failures,
            failing_ms: job.failing_since_ms.map(|since| now - since),
        };
        if *claim != expected {
            return Err(format!("it says {claim:?}, not {expected:?}"));
        }
        let group = job.view.group.clone();
        if self.first_of(ask.lane, &group) != Some(id) {
            return Err("others of its group go first".to_owned());
        }
        if !self.is_perhaps_free(ask, &group) {
            return Err(format!("the limits of {group:?} do not allow it"));
        }
        self.take_turn(ask, &group)?;
        self.change_manners(ask.lane, group.as_ref(), |times| times.claimed_ms = Some(now));
        self.count(ask.lane, |rates| &mut rates.claimed);
        self.granted.push(claim.lease);
        let job = self.jobs.get_mut(&id).ok_or("no such job")?;
        job.enter(JobState::Leased, Some(now + ask.lease_ms), now);
        (job.view.attempts, job.attempt, job.holder) = (attempts, claim.lease.attempt, Some(session));
        Ok(())
    }

    /// Returns the ready job of a group that comes first.
    fn first_of(&self, lane: Lane, group: &Option<Group>) -> Option<JobId> {
        let ready = self.jobs.values().filter(|job| {
            job.view.lane == lane && job.view.state == JobState::Ready && job.view.group == *group
        });
        ready.min_by_key(|job| job.rank()).map(|job| job.view.id)
    }

    /// Returns the room in the lane below, less the leased jobs.
    fn room_below(&self, lane: Lane) -> u64 {
        lane.downstream().map_or(u64::MAX, |below| {
            let on_their_way = self.stats().lane(lane).leased;
            self.capacity.saturating_sub(self.pending(below) + on_their_way)
        })
    }

    pub(super) fn change_manners(&mut self, lane: Lane, group: Option<&Group>, change: impl Fn(&mut Times)) {
        let Some(group) = group else { return };
        let group_times = self.lanes[lane.index()].group_times.entry(group.clone()).or_default();
        change(&mut group_times.certain);
        change(&mut group_times.possible);
    }

    pub(super) fn group_times(&self, lane: Lane, group: &Group) -> GroupTimes {
        self.lanes[lane.index()].group_times.get(group).copied().unwrap_or_default()
    }

    fn has_room(&self, ask: &ClaimRequest, group: &Group) -> bool {
        let in_flight = self.jobs.values().filter(|job| {
            job.view.lane == ask.lane
                && job.view.state == JobState::Leased
                && job.view.group.as_ref() == Some(group)
        });
        in_flight.count() < ask.limit_of(group).in_flight as usize
    }

    pub(super) fn is_surely_free(&self, ask: &ClaimRequest, group: &Option<Group>) -> bool {
        group.as_ref().is_none_or(|group| {
            self.has_room(ask, group)
                && self.group_times(ask.lane, group).possible.due_ms(ask.limit_of(group)) <= self.now
        })
    }

    fn is_perhaps_free(&self, ask: &ClaimRequest, group: &Option<Group>) -> bool {
        group.as_ref().is_none_or(|group| {
            self.has_room(ask, group)
                && self.group_times(ask.lane, group).certain.due_ms(ask.limit_of(group)) <= self.now
        })
    }

    /// Returns the latest time at which a claim that found nothing must be served again, by the limits of
    /// groups.
    pub(crate) fn next_turn_ms(&self, ask: &ClaimRequest) -> Option<Millis> {
        let lane = ask.lane;
        if self.lanes[lane.index()].paused || self.room_below(lane) == 0 {
            return None;
        }
        let due_ms = |group: Option<Group>| match group {
            None => Some(0),
            Some(group) => {
                let due_ms = self.group_times(lane, &group).possible.due_ms(ask.limit_of(&group));
                self.has_room(ask, &group).then_some(due_ms)
            }
        };
        self.ready_groups(lane).into_iter().filter_map(due_ms).min()
    }

    /// Returns whether all pending jobs wait for long, by the earliest or the latest time at which they may
    /// be claimed.
    fn rests(&self, ask: &ClaimRequest, times: impl Fn(&GroupTimes) -> Times) -> bool {
        let stats = self.stats();
        let counts = stats.lane(ask.lane);
        let more = if ask.lane == Lane::Fetch { stats.unfed.min(BATCH_MAX as u64) } else { 0 };
        let has_room = more > 0 && counts.pending() + more <= self.capacity;
        let may_come = ask.lane.upstream().iter().any(|above| stats.lane(*above).workers > 0);
        let pending = [JobState::Ready, JobState::Delayed];
        let mut waiting =
            self.jobs.values().filter(|job| job.view.lane == ask.lane && pending.contains(&job.view.state));
        let waits_long = |group: &Option<Group>| {
            group.as_ref().is_some_and(|group| {
                let due_ms = times(&self.group_times(ask.lane, group)).due_ms(ask.limit_of(group));
                due_ms > self.now + RESTING_AFTER_MS
            })
        };
        counts.pending() > 0
            && counts.leased == 0
            && !has_room
            && !may_come
            && waiting.all(|job| waits_long(&job.view.group))
    }

    fn check_lane_status(&self, ask: &ClaimRequest, claimed: &ClaimResponse) -> Check {
        let (lane, lane_status) = (ask.lane, claimed.lane_status);
        let is_open = claimed.claims.is_empty() && !self.lanes[lane.index()].paused;
        if is_open && self.rests(ask, |group_times| group_times.certain) {
            let is_right = lane_status == LaneStatus::Resting;
            return if is_right {
                Ok(())
            } else {
                Err(format!("all rests, and the lane_status is {lane_status:?}"))
            };
        }
        if lane_status == LaneStatus::Resting
            && is_open
            && self.rests(ask, |group_times| group_times.possible)
        {
            return Ok(());
        }
        let stats = self.stats();
        let LaneStats { ready, paused, .. } = *stats.lane(lane);
        let pending = stats.lane(lane).pending();
        let is_unfed = lane == Lane::Fetch && stats.unfed > 0;
        let may_come = lane.upstream().iter().any(|above| stats.lane(*above).workers > 0);
        let below = lane.downstream().map(|below| stats.lane(below));
        let is_unserved = below.is_some_and(|below| below.workers == 0);
        let is_full = below.is_some_and(|below| below.pending() >= self.capacity);
        let allowed = if paused {
            vec![LaneStatus::Paused]
        } else if pending == 0 && is_unfed {
            vec![LaneStatus::Feeding]
        } else if pending == 0 {
            vec![if may_come { LaneStatus::Open } else { LaneStatus::Drained }]
        } else if is_full && is_unserved {
            vec![LaneStatus::Blocked]
        } else {
            let mut allowed = vec![if ready > 0 { LaneStatus::HeldBack } else { LaneStatus::Open }];
            if is_unfed {
                allowed.push(LaneStatus::Feeding);
            }
            // The leased jobs may fill the lane below, so both answers are right.
            if self.room_below(lane) == 0 && is_unserved {
                allowed.push(LaneStatus::Blocked);
            }
            allowed
        };
        let is_right = allowed.contains(&lane_status);
        if is_right {
            Ok(())
        } else {
            Err(format!("the lane_status is {lane_status:?}, not one of {allowed:?}"))
        }
    }
}
