//! Delays and leases, by the time they end.

use std::{cmp::Reverse, collections::BinaryHeap};

use flow::{clock::Millis, job::State};

use super::jobs::{Job, Jobs, Slot};

/// Entries that were overtaken and may lie about before the heap is swept.
const STALE_MAX: usize = 1024;

/// A heap in which every delayed or leased job has one valid entry, and overtaken ones go as they are met, or when they
/// are most of it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Millis, u32, Slot)>>,
    next: u32,
}

impl Timers {
    /// Stamps a job that has entered a state: entries with earlier stamps are not meant for it any more.
    pub(super) const fn stamp(&mut self, job: &mut Job) {
        self.next = self.next.wrapping_add(1);
        job.stamp = self.next;
    }

    /// Stamps a job that is delayed or leased, and sets its wake-up.
    pub(super) fn set(&mut self, slot: Slot, job: &mut Job) {
        self.stamp(job);
        self.heap.push(Reverse((job.due_ms, job.stamp, slot)));
    }

    /// The next job whose time has come.
    pub(super) fn pop(&mut self, jobs: &Jobs, now: Millis) -> Option<Slot> {
        while let Some(&Reverse((at, stamp, slot))) = self.heap.peek() {
            if at > now {
                return None;
            }
            self.heap.pop();
            match due_ms(jobs, slot, stamp) {
                Some(due) if due <= now => return Some(slot),
                // The lease was extended meanwhile.
                Some(due) => self.heap.push(Reverse((due, stamp, slot))),
                None => {}
            }
        }
        None
    }

    /// When there may next be something to do.
    pub(super) fn next_ms(&self) -> Option<Millis> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Keeps the heap in proportion to what it is for.
    pub(super) fn sweep(&mut self, jobs: &Jobs, waiting: u64) {
        if self.heap.len() > STALE_MAX + 2 * usize::try_from(waiting).unwrap_or(usize::MAX / 4) {
            self.heap.retain(|Reverse((_, stamp, slot))| due_ms(jobs, *slot, *stamp).is_some());
            self.heap.shrink_to(STALE_MAX + 2 * self.heap.len());
        }
    }
}

fn due_ms(jobs: &Jobs, slot: Slot, stamp: u32) -> Option<Millis> {
    let job = jobs.get(slot).filter(|job| job.stamp == stamp)?;
    matches!(job.state, State::Delayed | State::Leased).then_some(job.due_ms)
}
