//! Fair scheduling: decides which group of a lane is next, within the groups' limits.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::record::{Job, Place};
use crate::{
    clock::Millis,
    failure::Failure,
    job::{Group, JobId},
    lane::Lane,
    queue::{ClaimRequest, GroupPause},
};

/// The scheduling state of a group in a lane.
#[derive(Debug, Default)]
struct Visits {
    /// The number of the latest turn. The group with the lowest number is next.
    turn: u64,
    claimed_ms: Option<Millis>,
    paused_until_ms: Millis,
    paused_because: Option<Failure>,
}

/// The groups of all lanes. The jobs without a group form one group without limits.
#[derive(Debug, Default)]
pub(super) struct Scheduler {
    visits: HashMap<(Lane, Option<Group>), Visits>,
    turns: u64,
}

impl Scheduler {
    /// Returns the job to hand out next, if the limits allow one.
    pub(super) fn next(
        &self,
        jobs: &BTreeMap<JobId, Job>,
        request: &ClaimRequest,
        now_ms: Millis,
    ) -> Option<JobId> {
        let lane = request.lane;
        // A group's limit counts all of its leased jobs in this lane that are not settled, whoever has
        // claimed them.
        let mut in_flight: HashMap<&Group, u32> = HashMap::new();
        let counts = |job: &&Job| job.lane == lane && job.is_leased() && !job.is_settled;
        for group in jobs.values().filter(counts).filter_map(Job::group) {
            *in_flight.entry(group).or_default() += 1;
        }
        let allowed = |job: &Job| {
            job.group().is_none_or(|group| {
                in_flight.get(group).copied().unwrap_or(0) < request.limit_of(group).in_flight
                    && self.free_at_ms(job, request) <= now_ms
            })
        };
        jobs.iter()
            .filter(|(_, job)| job.lane == lane && job.place == Place::Ready && allowed(job))
            // A group that was never claimed from has turn 0 and comes first.
            .min_by_key(|(_, job)| (self.turn(job), Reverse(job.priority), job.order))
            .map(|(id, _)| *id)
    }

    /// Records that a job of a group was handed out.
    pub(super) fn claimed(&mut self, job: &Job, now_ms: Millis) {
        self.turns += 1;
        let turn = self.turns;
        let visits = self.visits.entry((job.lane, job.group.clone())).or_default();
        // The group goes to the end of the line, behind all that were visited before.
        visits.turn = turn;
        visits.claimed_ms = Some(now_ms);
    }

    /// Pauses the job's group until a time.
    pub(super) fn pause(&mut self, job: &Job, until_ms: Millis, why: Option<Failure>) {
        let visits = self.visits.entry((job.lane, job.group.clone())).or_default();
        // A shorter pause never ends a longer one.
        if until_ms > visits.paused_until_ms {
            visits.paused_until_ms = until_ms;
            visits.paused_because = why;
        }
    }

    /// Returns the pause of a named group.
    pub(super) fn pause_of(&self, lane: Lane, group: Option<&Group>, now_ms: Millis) -> Option<GroupPause> {
        let visits = self.visits.get(&(lane, Some(group?.clone())))?;
        let for_ms = visits.paused_until_ms.saturating_sub(now_ms);
        (for_ms > 0).then(|| GroupPause { for_ms, why: visits.paused_because.clone() })
    }

    fn visits(&self, job: &Job) -> Option<&Visits> {
        self.visits.get(&(job.lane, job.group.clone()))
    }

    fn turn(&self, job: &Job) -> u64 {
        self.visits(job).map_or(0, |visits| visits.turn)
    }

    /// Returns the earliest time for the next claim from the job's group. Limits on jobs in flight are not
    /// considered, except for a limit of 0.
    pub(super) fn free_at_ms(&self, job: &Job, request: &ClaimRequest) -> Millis {
        // Jobs without a group have no limit.
        let Some(limit) = job.group().map(|group| request.limit_of(group)) else { return 0 };
        // No time ends a limit of no jobs.
        if limit.in_flight == 0 {
            return Millis::MAX;
        }
        self.visits(job).map_or(0, |visits| {
            let interval_over_ms = visits.claimed_ms.map_or(0, |at| at.saturating_add(limit.interval_ms));
            interval_over_ms.max(visits.paused_until_ms)
        })
    }
}
