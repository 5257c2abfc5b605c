//! Whose turn it is in one lane.
//!
//! Groups with ready jobs stand in a line of turns. One whose turn has come but whose limits say no leaves the line: it
//! rests until a time, or until one of its jobs in flight ends. So a claim looks only at groups that may be claimed from,
//! however many wait. Limits are named with each claim; when they change, all groups are looked at once.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use flow::{
    clock::Millis,
    job::{Group, State},
    queue::{ClaimRequest, GroupLimit, LaneStats, NamedLimits},
};

use hashbrown::HashMap;

use super::{
    jobs::{Job, Jobs, Slot},
    ready::Ready,
};

/// Groups that are kept before the unused ones among them are looked for.
const GROUPS_KEPT: usize = 1024;

/// Names a group within its lane, as long as a live job belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupId(u32);

#[derive(Debug)]
pub(super) struct LaneScheduler {
    /// Counts and settings; `workers` is counted elsewhere.
    pub(super) stats: LaneStats,
    limit: GroupLimit,
    named_limits: NamedLimits,
    groups: Vec<GroupQueue>,
    names: HashMap<Box<str>, GroupId>,
    /// The group of the jobs without one, once there are any.
    nameless: Option<GroupId>,
    free: Vec<GroupId>,
    sweep_at: usize,
    turns: VecDeque<GroupId>,
    /// One for each group that rests.
    resting: BinaryHeap<Reverse<(Millis, GroupId)>>,
}

/// What a lane knows of a group.
#[derive(Debug)]
pub(super) struct GroupQueue {
    pub(super) name: Option<Group>,
    pub(super) ready: Ready,
    pub(super) in_flight: u32,
    pub(super) delayed: u32,
    standing: Standing,
    /// What it is limited to, where that is not what all are.
    limit: Option<GroupLimit>,
    /// No claim before this, by pause.
    paused_until_ms: Millis,
    claimed_ms: Option<Millis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Has no ready job.
    Idle,
    /// In the line of turns.
    InLine,
    /// Until a time.
    Resting,
    /// Until a job in flight ends.
    Full,
}

enum May {
    Now,
    From(Millis),
    WhenOneEnds,
}

impl GroupQueue {
    fn named(name: Option<Group>) -> Self {
        Self {
            name,
            ready: Ready::default(),
            in_flight: 0,
            delayed: 0,
            standing: Standing::Idle,
            limit: None,
            paused_until_ms: 0,
            claimed_ms: None,
        }
    }

    /// `every` is what groups are limited to that have no limit of their own.
    fn due_ms(&self, every: GroupLimit) -> Millis {
        self.due_within(self.limit.unwrap_or(every))
    }

    fn due_within(&self, limit: GroupLimit) -> Millis {
        if limit.in_flight == 0 {
            return Millis::MAX;
        }
        let interval_over = self.claimed_ms.map_or(0, |at| at.saturating_add(limit.interval_ms));
        interval_over.max(self.paused_until_ms)
    }

    fn may(&self, every: GroupLimit, now: Millis) -> May {
        if self.name.is_none() {
            return May::Now;
        }
        match self.due_ms(every) {
            _ if self.in_flight >= self.limit.unwrap_or(every).in_flight => May::WhenOneEnds,
            due if due <= now => May::Now,
            due => May::From(due),
        }
    }

    pub(super) fn pending(&self) -> u64 {
        self.ready.len() as u64 + u64::from(self.in_flight) + u64::from(self.delayed)
    }
}

impl Default for LaneScheduler {
    fn default() -> Self {
        Self {
            stats: LaneStats::default(),
            limit: GroupLimit::NONE,
            named_limits: NamedLimits::new(),
            groups: Vec::new(),
            names: HashMap::new(),
            nameless: None,
            free: Vec::new(),
            sweep_at: GROUPS_KEPT,
            turns: VecDeque::new(),
            resting: BinaryHeap::new(),
        }
    }
}

impl LaneScheduler {
    pub(super) fn group(&self, id: GroupId) -> &GroupQueue {
        &self.groups[id.0 as usize]
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &GroupQueue> {
        self.groups.iter().filter(|group| group.pending() > 0)
    }

    /// The group of a job that is about to enter.
    pub(super) fn id_of(&mut self, name: Option<&str>, now: Millis) -> GroupId {
        let Some(name) = name else {
            return self.nameless.unwrap_or_else(|| {
                let id = self.add(GroupQueue::named(None));
                self.nameless = Some(id);
                id
            });
        };
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        if self.names.len() >= self.sweep_at {
            self.sweep(now);
        }
        let group = Group(name.to_owned());
        let limit = self.named_limits.get(&group).copied();
        let id = self.add(GroupQueue { limit, ..GroupQueue::named(Some(group)) });
        self.names.insert(name.into(), id);
        id
    }

    fn add(&mut self, group: GroupQueue) -> GroupId {
        if let Some(id) = self.free.pop() {
            self.groups[id.0 as usize] = group;
            return id;
        }
        self.groups.push(group);
        GroupId(u32::try_from(self.groups.len() - 1).expect("memory ends long before"))
    }

    /// Forgets groups that have no pending job and nothing to wait for.
    fn sweep(&mut self, now: Millis) {
        let (groups, limit, free) = (&self.groups, self.limit, &mut self.free);
        self.names.retain(|_, id| {
            let group = &groups[id.0 as usize];
            let is_used =
                group.pending() > 0 || group.standing != Standing::Idle || group.due_ms(limit) > now;
            if !is_used {
                free.push(*id);
            }
            is_used
        });
        self.sweep_at = GROUPS_KEPT.max(2 * self.names.len());
    }

    /// Counts a job in the state it has entered.
    pub(super) fn enter(&mut self, slot: Slot, job: &Job) {
        *self.stats.count_mut(job.state) += 1;
        let group = &mut self.groups[job.group.0 as usize];
        match job.state {
            State::Ready => {
                group.ready.insert(slot, job);
                if group.standing == Standing::Idle {
                    group.standing = Standing::InLine;
                    self.turns.push_back(job.group);
                }
            }
            State::Leased => group.in_flight += 1,
            State::Delayed => group.delayed += 1,
            State::Done | State::Dead => {}
        }
    }

    /// Takes a job out of the state it is in.
    pub(super) fn leave(&mut self, slot: Slot, job: &Job) {
        *self.stats.count_mut(job.state) -= 1;
        let group = &mut self.groups[job.group.0 as usize];
        match job.state {
            State::Ready => group.ready.remove(slot, job),
            State::Leased => {
                group.in_flight -= 1;
                if group.standing == Standing::Full {
                    group.standing = Standing::InLine;
                    self.turns.push_back(job.group);
                }
            }
            State::Delayed => group.delayed -= 1,
            State::Done | State::Dead => {}
        }
    }

    /// Takes out the job whose turn it is, if the limits allow one. The caller leases it and lets it
    /// [`enter`](Self::enter): that is what the interval counts from.
    pub(super) fn take_next(&mut self, jobs: &Jobs, ask: &ClaimRequest, now: Millis) -> Option<Slot> {
        let limit = ask.group_limit;
        if !self.is_limited_as(ask) {
            self.limit_as(ask);
        }
        while let Some(Reverse((_, id))) = self.resting.peek().copied().filter(|rest| rest.0.0 <= now) {
            self.resting.pop();
            self.line_up(id);
        }
        while let Some(id) = self.turns.pop_front() {
            let group = &mut self.groups[id.0 as usize];
            if group.ready.is_empty() {
                group.standing = Standing::Idle;
                continue;
            }
            match group.may(limit, now) {
                May::Now => {
                    group.claimed_ms = Some(now);
                    self.turns.push_back(id);
                    self.stats.ready -= 1;
                    return Some(group.ready.pop(jobs).expect("it counts its ready jobs"));
                }
                May::From(due) => {
                    group.standing = Standing::Resting;
                    self.resting.push(Reverse((due, id)));
                }
                May::WhenOneEnds => group.standing = Standing::Full,
            }
        }
        None
    }

    fn is_limited_as(&self, ask: &ClaimRequest) -> bool {
        self.limit == ask.group_limit && self.named_limits == ask.named_limits
    }

    fn limit_as(&mut self, ask: &ClaimRequest) {
        self.limit = ask.group_limit;
        self.named_limits.clone_from(&ask.named_limits);
        for group in &mut self.groups {
            group.limit = group.name.as_ref().and_then(|name| ask.named_limits.get(name)).copied();
        }
        self.stand_up();
    }

    fn line_up(&mut self, id: GroupId) {
        self.groups[id.0 as usize].standing = Standing::InLine;
        self.turns.push_back(id);
    }

    /// Other limits: whoever waits may no longer have to.
    fn stand_up(&mut self) {
        self.resting.clear();
        for at in 0..self.groups.len() {
            if matches!(self.groups[at].standing, Standing::Resting | Standing::Full) {
                self.line_up(GroupId(u32::try_from(at).expect("it was made from one")));
            }
        }
    }

    /// Leaves a group alone until a time.
    pub(super) fn pause_group(&mut self, id: GroupId, until_ms: Millis) {
        let group = &mut self.groups[id.0 as usize];
        if group.name.is_some() {
            group.paused_until_ms = group.paused_until_ms.max(until_ms);
        }
    }

    /// Remembers a claim of an earlier owner.
    pub(super) fn was_claimed(&mut self, id: GroupId, at_ms: Millis) {
        let group = &mut self.groups[id.0 as usize];
        group.claimed_ms = group.claimed_ms.max(Some(at_ms));
    }

    /// When the limits will next allow a claim, as far as time alone decides it.
    pub(super) fn next_due_ms(&self, ask: &ClaimRequest) -> Option<Millis> {
        if self.is_limited_as(ask) {
            let in_line = self.turns.iter().find(|id| !self.group(**id).ready.is_empty()).map(|_| 0);
            return in_line.or_else(|| self.resting.peek().map(|Reverse((due, _))| *due));
        }
        let waiting = self.groups.iter().filter(|group| !group.ready.is_empty());
        let due = waiting.filter_map(|group| {
            let limit = group.name.as_ref().map_or(GroupLimit::NONE, |name| ask.limit_of(name));
            (group.in_flight < limit.in_flight).then(|| group.due_within(limit))
        });
        due.min()
    }

    /// Whether no group with pending jobs may be claimed from up to `until_ms`.
    pub(super) fn rests(&self, ask: &ClaimRequest, until_ms: Millis) -> bool {
        self.groups().all(|group| {
            group.name.as_ref().is_some_and(|name| group.due_within(ask.limit_of(name)) > until_ms)
        })
    }

    /// The group of this name.
    pub(super) fn named(&self, name: &str) -> Option<&GroupQueue> {
        self.names.get(name).map(|id| self.group(*id))
    }
}
