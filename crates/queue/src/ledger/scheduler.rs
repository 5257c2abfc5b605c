//! Chooses the next job of one lane: groups take turns, within the limits of each claim.
//!
//! Groups with ready jobs stand in a rotation. If the limits forbid a claim from the group whose turn it is,
//! the group leaves the rotation until a time, or until one of its leases ends. So a claim looks only at
//! groups that may be claimed from, however many wait. Limits come with each claim; when they change, all
//! groups join the rotation again.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use flow::{
    clock::Millis,
    failure::Failure,
    job::{Group, JobState},
    queue::{ClaimRequest, GroupLimit, GroupPause, LaneStats, NamedLimits},
};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use super::{
    arena::{Arena, Slot},
    jobs::{GroupId, Job},
    ready::ReadyJobs,
};

/// The number of groups to keep before the unused ones among them are removed.
const GROUPS_KEPT: usize = 1024;

/// The jobs and groups of one lane.
#[derive(Debug, Default)]
pub(super) struct LaneScheduler {
    /// The counts and settings, except `workers`, which the sessions count.
    pub(super) stats: LaneStats,
    /// The limits of the latest claim; `None` before the first.
    limit: Option<GroupLimit>,
    named_limits: NamedLimits,
    /// By id. The ids of removed groups are used again.
    groups: Slab<GroupQueue>,
    names: HashMap<Box<str>, GroupId>,
    /// The group of the jobs without one, after the first of them.
    nameless: Option<GroupId>,
    /// The number of groups that the last sweep has kept.
    kept: usize,
    rotation: VecDeque<GroupId>,
    /// The leased jobs that no longer count towards the limits of their groups.
    settled: HashSet<Slot>,
    /// The groups that wait for a time, and that time.
    waiting: BinaryHeap<Reverse<(Millis, GroupId)>>,
}

/// The jobs of one group, and what limits claims from it.
#[derive(Debug, Default)]
pub(super) struct GroupQueue {
    pub(super) name: Option<Group>,
    pub(super) ready: ReadyJobs,
    pub(super) in_flight: u32,
    /// Those in flight that no longer count towards the limits.
    settled: u32,
    pub(super) delayed: u32,
    status: GroupStatus,
    /// Its own limit, if it has one.
    limit: Option<GroupLimit>,
    /// The end of its pause, and the failure that caused the pause.
    paused_until_ms: Millis,
    paused_because: Option<Box<Failure>>,
    /// The time of the latest claim.
    claimed_ms: Option<Millis>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum GroupStatus {
    /// No job was ready when it last had its turn.
    #[default]
    Idle,
    InRotation,
    /// Waits for a time.
    Waiting,
    /// Waits for one of its leases to end or to be settled.
    Full,
}

enum Eligibility {
    Now,
    From(Millis),
    WhenALeaseEnds,
}

impl GroupQueue {
    /// Returns the time from which a limit and the group's pause allow a claim, apart from its leases.
    fn due_ms(&self, limit: GroupLimit) -> Millis {
        if limit.in_flight == 0 {
            return Millis::MAX;
        }
        let interval_over = self.claimed_ms.map_or(0, |at| at.saturating_add(limit.interval_ms));
        interval_over.max(self.paused_until_ms)
    }

    /// Returns when the group may be claimed from. `default` limits groups that have no limit of their own.
    fn eligibility(&self, default: GroupLimit, now: Millis) -> Eligibility {
        // Limits and pauses are for named groups.
        if self.name.is_none() {
            return Eligibility::Now;
        }
        let limit = self.limit.unwrap_or(default);
        match self.due_ms(limit) {
            // First, since the end of a lease comes with no time that could be waited for.
            _ if self.in_flight - self.settled >= limit.in_flight => Eligibility::WhenALeaseEnds,
            due if due <= now => Eligibility::Now,
            due => Eligibility::From(due),
        }
    }

    pub(super) fn pause(&self, now: Millis) -> Option<GroupPause> {
        let for_ms = self.paused_until_ms.saturating_sub(now);
        (for_ms > 0).then(|| GroupPause { for_ms, why: self.paused_because.as_deref().cloned() })
    }

    pub(super) fn pending(&self) -> u64 {
        self.ready.len() as u64 + u64::from(self.in_flight) + u64::from(self.delayed)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.0.as_str())
    }
}

impl LaneScheduler {
    pub(super) fn group(&self, id: GroupId) -> &GroupQueue {
        &self.groups[id.0 as usize]
    }

    fn group_mut(&mut self, id: GroupId) -> &mut GroupQueue {
        &mut self.groups[id.0 as usize]
    }

    /// Iterates over the groups with pending jobs.
    pub(super) fn groups(&self) -> impl Iterator<Item = &GroupQueue> {
        self.groups.iter().map(|(_, group)| group).filter(|group| group.pending() > 0)
    }

    /// Returns the group with this name.
    pub(super) fn find(&self, name: &str) -> Option<&GroupQueue> {
        self.names.get(name).map(|id| self.group(*id))
    }

    /// Returns the id of the group of a job that is about to enter, and adds the group if there is none.
    pub(super) fn id_of(&mut self, name: Option<&str>, now: Millis) -> GroupId {
        let Some(name) = name else {
            return self.nameless.unwrap_or_else(|| {
                let id = self.add(GroupQueue::default());
                self.nameless = Some(id);
                id
            });
        };
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        if self.names.len() >= GROUPS_KEPT.max(2 * self.kept) {
            self.sweep(now);
        }
        let group = Group(name.to_owned());
        let limit = self.named_limits.get(&group).copied();
        let id = self.add(GroupQueue { name: Some(group), limit, ..GroupQueue::default() });
        self.names.insert(name.into(), id);
        id
    }

    fn add(&mut self, group: GroupQueue) -> GroupId {
        GroupId(u32::try_from(self.groups.insert(group)).expect("memory ends long before"))
    }

    /// Removes the groups that have no pending job and no limit that is still to be kept.
    fn sweep(&mut self, now: Millis) {
        let (groups, limit) = (&mut self.groups, self.limit);
        self.names.retain(|_, id| {
            let group = &groups[id.0 as usize];
            // One in the rotation or in `waiting` is named there by its id, which must not become another's.
            let is_used = group.pending() > 0
                || group.status != GroupStatus::Idle
                || group.due_ms(group.limit.or(limit).unwrap_or(GroupLimit::NONE)) > now;
            if !is_used {
                groups.remove(id.0 as usize);
            }
            is_used
        });
        self.kept = self.names.len();
    }

    /// Counts a job in the state that it has entered.
    pub(super) fn enter(&mut self, slot: Slot, job: &Job) {
        *self.stats.count_mut(job.state) += 1;
        let group = self.group_mut(job.group);
        match job.state {
            JobState::Ready => {
                group.ready.insert(slot, job);
                if group.status == GroupStatus::Idle {
                    self.join_rotation(job.group);
                }
            }
            JobState::Leased => group.in_flight += 1,
            JobState::Delayed => group.delayed += 1,
            JobState::Done | JobState::Dead => {}
        }
    }

    /// Removes a job from the state that it is in.
    pub(super) fn leave(&mut self, slot: Slot, job: &Job) {
        *self.stats.count_mut(job.state) -= 1;
        let was_settled = job.state == JobState::Leased && self.settled.remove(&slot);
        let group = self.group_mut(job.group);
        match job.state {
            JobState::Ready => group.ready.remove(slot, job),
            JobState::Leased => {
                group.in_flight -= 1;
                group.settled -= u32::from(was_settled);
                if group.status == GroupStatus::Full {
                    self.join_rotation(job.group);
                }
            }
            JobState::Delayed => group.delayed -= 1,
            JobState::Done | JobState::Dead => {}
        }
    }

    /// Counts a leased job no longer towards the limits of its group, until it leaves that state.
    pub(super) fn settle(&mut self, slot: Slot, job: &Job) {
        if !self.settled.insert(slot) {
            return;
        }
        let group = self.group_mut(job.group);
        group.settled += 1;
        if group.status == GroupStatus::Full {
            self.join_rotation(job.group);
        }
    }

    /// Removes and returns the job whose turn it is, if the limits allow a claim. The caller leases it and
    /// calls [`enter`](Self::enter) again.
    pub(super) fn take_next(
        &mut self,
        jobs: &Arena<Job>,
        request: &ClaimRequest,
        now: Millis,
    ) -> Option<Slot> {
        if !self.has_limits_of(request) {
            self.set_limits(request);
        }
        while let Some(Reverse((_, id))) = self.waiting.peek().copied().filter(|first| first.0.0 <= now) {
            self.waiting.pop();
            self.join_rotation(id);
        }
        let limit = request.group_limit;
        while let Some(id) = self.rotation.pop_front() {
            let group = self.group_mut(id);
            // Its last ready job was claimed, dropped or moved since it joined.
            if group.ready.is_empty() {
                group.status = GroupStatus::Idle;
                continue;
            }
            match group.eligibility(limit, now) {
                Eligibility::Now => {
                    group.claimed_ms = Some(now);
                    let slot = group.ready.pop(jobs).expect("it counts its ready jobs");
                    // To the back: each group has one job in its turn.
                    self.rotation.push_back(id);
                    self.stats.ready -= 1;
                    return Some(slot);
                }
                Eligibility::From(due) => {
                    group.status = GroupStatus::Waiting;
                    self.waiting.push(Reverse((due, id)));
                }
                Eligibility::WhenALeaseEnds => group.status = GroupStatus::Full,
            }
        }
        None
    }

    fn has_limits_of(&self, request: &ClaimRequest) -> bool {
        self.limit == Some(request.group_limit) && self.named_limits == request.named_limits
    }

    /// Replaces the limits. Groups that wait may no longer have to, so they join the rotation again.
    fn set_limits(&mut self, request: &ClaimRequest) {
        self.limit = Some(request.group_limit);
        self.named_limits.clone_from(&request.named_limits);
        self.waiting.clear();
        for (at, group) in &mut self.groups {
            group.limit = group.name.as_ref().and_then(|name| request.named_limits.get(name)).copied();
            if matches!(group.status, GroupStatus::Waiting | GroupStatus::Full) {
                group.status = GroupStatus::InRotation;
                self.rotation.push_back(GroupId(u32::try_from(at).expect("ids are 32 bits")));
            }
        }
    }

    fn join_rotation(&mut self, id: GroupId) {
        self.group_mut(id).status = GroupStatus::InRotation;
        self.rotation.push_back(id);
    }

    /// Allows no claim from a named group before a time. A longer pause stays.
    pub(super) fn pause_group(&mut self, id: GroupId, until_ms: Millis, why: Option<&Failure>) {
        let group = self.group_mut(id);
        if group.name.is_some() && until_ms > group.paused_until_ms {
            group.paused_until_ms = until_ms;
            group.paused_because = why.cloned().map(Box::new);
        }
    }

    /// Records a claim of an earlier owner, from which the group's interval counts.
    pub(super) fn record_claim(&mut self, id: GroupId, at_ms: Millis) {
        let group = self.group_mut(id);
        group.claimed_ms = group.claimed_ms.max(Some(at_ms));
    }

    /// Returns the next time at which the limits may allow a claim, as far as time alone decides it.
    pub(super) fn next_due_ms(&self, request: &ClaimRequest) -> Option<Millis> {
        if self.has_limits_of(request) {
            let in_rotation = self.rotation.iter().any(|id| !self.group(*id).ready.is_empty()).then_some(0);
            return in_rotation.or_else(|| self.waiting.peek().map(|Reverse((due, _))| *due));
        }
        // The groups stand in the rotation by the limits of another claim.
        let due = self.groups().filter(|group| !group.ready.is_empty()).filter_map(|group| {
            let limit = group.name.as_ref().map_or(GroupLimit::NONE, |name| request.limit_of(name));
            (group.in_flight < limit.in_flight).then(|| group.due_ms(limit))
        });
        due.min()
    }

    /// Returns whether no group with pending jobs may be claimed from up to `until_ms`.
    pub(super) fn is_resting(&self, request: &ClaimRequest, until_ms: Millis) -> bool {
        self.groups().all(|group| {
            group.name.as_ref().is_some_and(|name| group.due_ms(request.limit_of(name)) > until_ms)
        })
    }
}
