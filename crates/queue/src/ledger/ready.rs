//! Orders the ready jobs of one group: the higher priority first, then the earlier push.
//!
//! Pushed jobs arrive in the order of their pushes, so a queue is enough for them, and both of its ends take
//! constant time. Jobs that come back (failed, lost, delayed) belong before them and wait in a set. A dropped
//! job stays in the queue as a stale entry until its turn comes.

use std::collections::{BTreeSet, VecDeque};

use flow::job::{JobState, Priority};

use super::{
    arena::{Arena, Slot},
    jobs::Job,
};

/// The ready jobs of one group.
#[derive(Debug, Default)]
pub(super) struct ReadyJobs {
    /// By priority, the highest first. There is hardly ever more than one.
    queues: Vec<(Priority, ReadyQueue)>,
    /// The number of jobs in all queues, without stale entries.
    count: usize,
}

/// The ready jobs of one priority.
#[derive(Debug, Default)]
struct ReadyQueue {
    /// Jobs in the order of their pushes: the slot, and the stamp that tells stale entries.
    pushed: VecDeque<(Slot, u32)>,
    /// The sequence number of the last of them.
    last_sequence: u64,
    returned: BTreeSet<(u64, Slot)>,
}

impl ReadyQueue {
    fn insert(&mut self, slot: Slot, job: &Job) {
        // A job that was the last to be pushed has the last sequence number when it comes back.
        if self.pushed.is_empty() || self.last_sequence < job.sequence {
            self.pushed.push_back((slot, job.stamp));
            self.last_sequence = job.sequence;
        } else {
            self.returned.insert((job.sequence, slot));
        }
    }

    fn pop(&mut self, jobs: &Arena<Job>) -> Option<Slot> {
        let sequence_of = |(slot, stamp): (Slot, u32)| {
            let job = jobs.get(slot).filter(|job| job.state == JobState::Ready)?;
            (job.stamp == stamp).then_some(job.sequence)
        };
        let mut first_pushed = None;
        // Stale entries go here, at their turn. Removing them when their jobs leave would take a search.
        while let Some(entry) = self.pushed.front() {
            first_pushed = sequence_of(*entry);
            if first_pushed.is_some() {
                break;
            }
            self.pushed.pop_front();
        }
        match (self.returned.first(), first_pushed) {
            (Some((returned, _)), Some(pushed)) if pushed < *returned => {
                self.pushed.pop_front().map(|(slot, _)| slot)
            }
            (Some(_), _) => self.returned.pop_first().map(|(_, slot)| slot),
            (None, _) => self.pushed.pop_front().map(|(slot, _)| slot),
        }
    }

    fn is_empty(&self) -> bool {
        self.pushed.is_empty() && self.returned.is_empty()
    }
}

impl ReadyJobs {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, slot: Slot, job: &Job) {
        let at = match self.queues.iter().position(|(priority, _)| *priority <= job.priority) {
            Some(at) if self.queues[at].0 == job.priority => at,
            before => {
                let at = before.unwrap_or(self.queues.len());
                self.queues.insert(at, (job.priority, ReadyQueue::default()));
                at
            }
        };
        self.queues[at].1.insert(slot, job);
        self.count += 1;
    }

    /// Removes and returns the next job.
    pub(super) fn pop(&mut self, jobs: &Arena<Job>) -> Option<Slot> {
        while let Some((_, queue)) = self.queues.first_mut() {
            let slot = queue.pop(jobs);
            // Before the slot is looked at: a queue of stale entries only gives no job, and is empty now.
            if queue.is_empty() {
                self.queues.remove(0);
            }
            if slot.is_some() {
                self.count -= 1;
                return slot;
            }
        }
        None
    }

    /// Removes a job that is ready. If it was pushed, its entry stays and is stale from now on.
    pub(super) fn remove(&mut self, slot: Slot, job: &Job) {
        self.count -= 1;
        let queue = self.queues.iter_mut().find(|(priority, _)| *priority == job.priority);
        queue.expect("a ready job is in the queue of its priority").1.returned.remove(&(job.sequence, slot));
        // Only stale entries are left.
        if self.count == 0 {
            self.queues.clear();
        }
    }
}
