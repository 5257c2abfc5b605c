//! Politeness and fairness: whose turn it is within a lane.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::record::{Job, Place};
use crate::{
    clock::Millis,
    job::{Group, JobId},
    lane::Lane,
    queue::ClaimRequest,
};

/// What is remembered of a group in a lane.
#[derive(Debug, Default)]
struct Visits {
    /// Number of the latest turn; the group with the lowest goes next.
    turn: u64,
    claimed_ms: Option<Millis>,
    paused_until_ms: Millis,
}

/// The groups of all lanes. Jobs without a group are one group together, without limits.
#[derive(Debug, Default)]
pub(super) struct Turns {
    visits: HashMap<(Lane, Option<Group>), Visits>,
    turns: u64,
}

impl Turns {
    /// The job to hand out next, if the limits allow any.
    pub(super) fn next(
        &self,
        jobs: &BTreeMap<JobId, Job>,
        ask: &ClaimRequest,
        now_ms: Millis,
    ) -> Option<JobId> {
        let lane = ask.lane;
        let mut in_flight: HashMap<&Group, u32> = HashMap::new();
        for group in jobs.values().filter(|job| job.lane == lane && job.is_leased()).filter_map(Job::group) {
            *in_flight.entry(group).or_default() += 1;
        }
        let allowed = |job: &Job| {
            job.group().is_none_or(|group| {
                in_flight.get(group).copied().unwrap_or(0) < ask.limit_of(group).in_flight
                    && self.free_at_ms(job, ask) <= now_ms
            })
        };
        jobs.iter()
            .filter(|(_, job)| job.lane == lane && job.place == Place::Ready && allowed(job))
            .min_by_key(|(_, job)| (self.turn(job), Reverse(job.priority), job.order))
            .map(|(id, _)| *id)
    }

    /// Notes that a job of its group was handed out.
    pub(super) fn claimed(&mut self, job: &Job, now_ms: Millis) {
        self.turns += 1;
        let turn = self.turns;
        let visits = self.visits.entry((job.lane, job.group.clone())).or_default();
        visits.turn = turn;
        visits.claimed_ms = Some(now_ms);
    }

    /// Leaves the job's group alone until then.
    pub(super) fn pause(&mut self, job: &Job, until_ms: Millis) {
        let visits = self.visits.entry((job.lane, job.group.clone())).or_default();
        visits.paused_until_ms = visits.paused_until_ms.max(until_ms);
    }

    fn visits(&self, job: &Job) -> Option<&Visits> {
        self.visits.get(&(job.lane, job.group.clone()))
    }

    fn turn(&self, job: &Job) -> u64 {
        self.visits(job).map_or(0, |visits| visits.turn)
    }

    /// When its group may next be claimed from, as far as time alone decides.
    pub(super) fn free_at_ms(&self, job: &Job, ask: &ClaimRequest) -> Millis {
        let Some(limit) = job.group().map(|group| ask.limit_of(group)) else { return 0 };
        if limit.in_flight == 0 {
            return Millis::MAX;
        }
        self.visits(job).map_or(0, |visits| {
            let interval_over_ms = visits.claimed_ms.map_or(0, |at| at.saturating_add(limit.interval_ms));
            interval_over_ms.max(visits.paused_until_ms)
        })
    }
}
