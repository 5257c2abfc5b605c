//! The ready jobs of one lane, in the order in which they are handed out.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, VecDeque},
};

use flow::{
    clock::Millis,
    job::{Group, JobId, Priority, State},
    queue::{GroupLimit, LaneStats},
};

use crate::record::Record;

/// Groups take turns; within a group the higher priority goes first, then the earlier push.
#[derive(Debug, Default)]
pub(super) struct LaneIndex {
    /// Counts and settings; `workers` is counted elsewhere.
    pub(super) stats: LaneStats,
    groups: HashMap<Option<Group>, GroupIndex>,
    /// Groups that have ready jobs, the next one first. Holds a group once.
    turns: VecDeque<Option<Group>>,
}

#[derive(Debug, Default)]
struct GroupIndex {
    ready: BTreeSet<(Reverse<Priority>, u64, JobId)>,
    in_flight: u32,
    /// Whether it stands in `turns`.
    has_turn: bool,
    /// No claim before this, by pause.
    paused_until_ms: Millis,
    claimed_ms: Option<Millis>,
}

impl GroupIndex {
    /// When the limits allow the next claim; none while too many are in flight.
    fn due_ms(&self, limit: GroupLimit) -> Option<Millis> {
        let interval_over = self.claimed_ms.map_or(0, |at| at.saturating_add(limit.interval_ms));
        (self.in_flight < limit.in_flight).then(|| interval_over.max(self.paused_until_ms))
    }
}

impl LaneIndex {
    /// Counts a job in the state it enters.
    pub(super) fn enter(&mut self, id: JobId, record: &Record) {
        let state = record.phase.state();
        *self.stats.count_mut(state) += 1;
        match state {
            State::Ready => self.insert_ready(id, record),
            State::Leased => self.groups.entry(record.group.clone()).or_default().in_flight += 1,
            State::Delayed | State::Done | State::Dead => {}
        }
    }

    /// Takes a job out of the state it is in.
    pub(super) fn leave(&mut self, id: JobId, record: &Record) {
        let state = record.phase.state();
        *self.stats.count_mut(state) -= 1;
        let Some(group) = self.groups.get_mut(&record.group) else { return };
        match state {
            State::Ready => {
                group.ready.remove(&(Reverse(record.priority), record.sequence, id));
            }
            State::Leased => group.in_flight -= 1,
            State::Delayed | State::Done | State::Dead => {}
        }
    }

    fn insert_ready(&mut self, id: JobId, record: &Record) {
        let group = self.groups.entry(record.group.clone()).or_default();
        group.ready.insert((Reverse(record.priority), record.sequence, id));
        if !group.has_turn {
            group.has_turn = true;
            self.turns.push_back(record.group.clone());
        }
    }

    /// The job whose turn it is, if the limits allow one. The caller leases it: that is what the interval counts from.
    pub(super) fn next(&mut self, limit: GroupLimit, now: Millis) -> Option<JobId> {
        for _ in 0..self.turns.len() {
            let name = self.turns.pop_front()?;
            let Some(group) = self.groups.get_mut(&name) else { continue };
            let Some(&(_, _, id)) = group.ready.first() else {
                group.has_turn = false;
                continue;
            };
            let is_free = name.is_none() || group.due_ms(limit).is_some_and(|due| due <= now);
            if is_free {
                group.claimed_ms = Some(now);
            }
            self.turns.push_back(name);
            if is_free {
                return Some(id);
            }
        }
        None
    }

    /// Leaves a group alone until a time.
    pub(super) fn pause_group(&mut self, group: &Option<Group>, until_ms: Millis) {
        if group.is_some() && until_ms > 0 {
            let group = self.groups.entry(group.clone()).or_default();
            group.paused_until_ms = group.paused_until_ms.max(until_ms);
        }
    }

    /// When the limits will next allow a claim, as far as time alone decides it.
    pub(super) fn next_due_ms(&self, limit: GroupLimit) -> Option<Millis> {
        let waiting = self.turns.iter().filter_map(|name| self.groups.get(name));
        waiting.filter(|group| !group.ready.is_empty()).filter_map(|group| group.due_ms(limit)).min()
    }
}
