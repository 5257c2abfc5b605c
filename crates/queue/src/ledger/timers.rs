//! Finds the delays and leases that end next.

use std::{cmp::Reverse, collections::BinaryHeap};

use flow::{clock::Millis, job::JobState};

use super::{
    arena::{Arena, Slot},
    jobs::Job,
};

/// The number of stale entries that the heap may always hold. Below it, sweeping would cost more than it
/// saves.
const STALE_MAX: usize = 1024;

/// A heap in which every delayed or leased job has one valid entry. Stale entries are removed as they are
/// met, or when they are most of the heap.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Millis, u32, Slot)>>,
    last_stamp: u32,
}

impl Timers {
    /// Gives a new stamp to a job that has entered a state. Entries with earlier stamps are stale from now
    /// on.
    pub(super) const fn stamp(&mut self, job: &mut Job) {
        self.last_stamp = self.last_stamp.wrapping_add(1);
        job.stamp = self.last_stamp;
    }

    /// Stamps a job that is delayed or leased, and sets its timer.
    pub(super) fn set(&mut self, slot: Slot, job: &mut Job) {
        self.stamp(job);
        self.heap.push(Reverse((job.due_ms, job.stamp, slot)));
    }

    /// Removes and returns the next job whose time has come.
    pub(super) fn pop(&mut self, jobs: &Arena<Job>, now: Millis) -> Option<Slot> {
        while let Some(&Reverse((at, stamp, slot))) = self.heap.peek() {
            if at > now {
                return None;
            }
            self.heap.pop();
            match due_ms(jobs, slot, stamp) {
                Some(due) if due <= now => return Some(slot),
                // The lease was extended since, which moves no entry: workers extend leases all the time.
                Some(due) => self.heap.push(Reverse((due, stamp, slot))),
                None => {}
            }
        }
        None
    }

    /// Returns a time before which nothing is due.
    pub(super) fn next_ms(&self) -> Option<Millis> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Removes stale entries if they are most of the heap. `waiting` is the number of valid ones.
    pub(super) fn sweep(&mut self, jobs: &Arena<Job>, waiting: u64) {
        if self.heap.len() > STALE_MAX + 2 * usize::try_from(waiting).unwrap_or(usize::MAX / 4) {
            self.heap.retain(|Reverse((_, stamp, slot))| due_ms(jobs, *slot, *stamp).is_some());
            self.heap.shrink_to(STALE_MAX + 2 * self.heap.len());
        }
    }
}

/// Returns the time at which the job of an entry is due, or `None` if the entry is stale.
fn due_ms(jobs: &Arena<Job>, slot: Slot, stamp: u32) -> Option<Millis> {
    let job = jobs.get(slot).filter(|job| job.stamp == stamp)?;
    matches!(job.state, JobState::Delayed | JobState::Leased).then_some(job.due_ms)
}
