//! The ready jobs of one group: the higher priority first, then the earlier push.
//!
//! Pushed jobs come in the order of their pushes, so for them a queue is enough, and both ends of it take constant time.
//! Those that come back (failed, lost, delayed) belong before it and wait in a set of their own. A job that is dropped
//! stays in the queue as a stale entry until its turn comes.

use std::collections::{BTreeSet, VecDeque};

use flow::job::{Priority, State};

use super::jobs::{Job, Jobs, Slot};

/// The line of one group.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// By priority, the highest first; hardly ever more than one.
    lines: Vec<(Priority, Line)>,
    /// Jobs in all lines, stale entries not counted.
    count: usize,
}

#[derive(Debug, Default)]
struct Line {
    /// In the order of pushes: slot, and the stamp by which stale entries are known.
    fresh: VecDeque<(Slot, u32)>,
    /// The sequence of the last of them.
    last: u64,
    returned: BTreeSet<(u64, Slot)>,
}

impl Line {
    fn insert(&mut self, slot: Slot, job: &Job) {
        if self.fresh.is_empty() || self.last < job.sequence {
            self.fresh.push_back((slot, job.stamp));
            self.last = job.sequence;
        } else {
            self.returned.insert((job.sequence, slot));
        }
    }

    fn pop(&mut self, jobs: &Jobs) -> Option<Slot> {
        let is_ready = |(slot, stamp): (Slot, u32)| {
            let job = jobs.get(slot).filter(|job| job.state == State::Ready)?;
            (job.stamp == stamp).then_some(job.sequence)
        };
        let mut fresh = None;
        while let Some(entry) = self.fresh.front() {
            fresh = is_ready(*entry);
            if fresh.is_some() {
                break;
            }
            self.fresh.pop_front();
        }
        match (self.returned.first(), fresh) {
            (Some((sequence, _)), Some(first)) if first < *sequence => {
                self.fresh.pop_front().map(|(slot, _)| slot)
            }
            (Some(_), _) => self.returned.pop_first().map(|(_, slot)| slot),
            (None, _) => self.fresh.pop_front().map(|(slot, _)| slot),
        }
    }

    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.returned.is_empty()
    }
}

impl Ready {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, slot: Slot, job: &Job) {
        let at = match self.lines.iter().position(|(priority, _)| *priority <= job.priority) {
            Some(at) if self.lines[at].0 == job.priority => at,
            before => {
                let at = before.unwrap_or(self.lines.len());
                self.lines.insert(at, (job.priority, Line::default()));
                at
            }
        };
        self.lines[at].1.insert(slot, job);
        self.count += 1;
    }

    /// Takes the next one out.
    pub(super) fn pop(&mut self, jobs: &Jobs) -> Option<Slot> {
        while let Some((_, line)) = self.lines.first_mut() {
            let slot = line.pop(jobs);
            if line.is_empty() {
                self.lines.remove(0);
            }
            if slot.is_some() {
                self.count -= 1;
                return slot;
            }
        }
        None
    }

    /// Takes a certain one out, which is ready still.
    pub(super) fn remove(&mut self, slot: Slot, job: &Job) {
        self.count -= 1;
        if let Some((_, line)) = self.lines.iter_mut().find(|(priority, _)| *priority == job.priority) {
            line.returned.remove(&(job.sequence, slot));
        }
        if self.count == 0 {
            self.lines.clear();
        }
    }
}
