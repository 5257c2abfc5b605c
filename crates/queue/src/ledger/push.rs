//! Adds jobs, and moves the cursors of their sources.

use flow::{
    clock::Millis,
    job::{JobId, JobState, NewJob, OnDuplicate},
    lane::Lane,
    queue::{Cursor, CursorMove, Push, Pushed, QueueError},
};

use super::{
    Ledger,
    jobs::{ContentAt, Job, Unwritten},
    validation::{check_cursor_move, check_jobs},
};
use crate::log::{
    entry::{Content, Origin},
    wal::Fsync,
};

impl Ledger {
    /// Adds jobs and moves a cursor, all or nothing. See [`flow::queue::QueueAdmin::push`].
    ///
    /// # Errors
    /// Returns [`QueueError::Invalid`] if a job, the batch or the source's name is over a bound,
    /// [`QueueError::CursorMoved`] if the cursor is not at the offset that the push names, and
    /// [`QueueError::Full`] if a lane has no room for all of the jobs.
    pub fn push(&mut self, push: Push, now: Millis) -> Result<Pushed, QueueError> {
        check_jobs(&push.jobs)?;
        if let Some(step) = &push.cursor {
            check_cursor_move(step)?;
            if self.cursors.get(&step.source).map(|cursor| cursor.offset) != step.from {
                return Err(QueueError::CursorMoved(step.source.clone()));
            }
        }
        self.check_room(&push.jobs)?;
        let mut pushed = Pushed::default();
        for (position, job) in (0..).zip(push.jobs) {
            if self.insert(job, now) {
                pushed.new += 1;
            } else {
                pushed.known.push(position);
            }
        }
        if let Some(step) = push.cursor {
            self.move_cursor(step, pushed.known.len() as u64);
        }
        self.dirty.fsync = Fsync::Yes;
        Ok(pushed)
    }

    fn check_room(&self, jobs: &[NewJob]) -> Result<(), QueueError> {
        let might_overflow = |lane: Lane| self.pending(lane) + jobs.len() as u64 > self.capacity;
        // Counting the jobs that are new takes much longer, and is hardly ever needed.
        if !Lane::ALL.into_iter().any(might_overflow) {
            return Ok(());
        }
        let added = jobs.iter().filter(|job| self.is_added(job));
        let mut new: Vec<(Lane, JobId)> = added.map(|job| (job.lane, job.id())).collect();
        // A batch may hold a job more than once, but it is added only once.
        new.sort_unstable();
        new.dedup();
        for lane in Lane::ALL {
            let count = new.iter().filter(|(of, _)| *of == lane).count() as u64;
            // Follow-up jobs may take a lane over its capacity. A push that adds none to it still succeeds.
            if count > 0 && self.pending(lane) + count > self.capacity {
                return Err(QueueError::Full(lane));
            }
        }
        Ok(())
    }

    /// Returns whether pushing this job adds one.
    fn is_added(&self, job: &NewJob) -> bool {
        match job.known {
            OnDuplicate::Absorb => !self.contains(job.id()),
            OnDuplicate::Renew => self.jobs.find(job.id()).is_none(),
        }
    }

    /// Adds a job. Returns `false` if it is absorbed, since it is known.
    pub(super) fn insert(&mut self, new: NewJob, now: Millis) -> bool {
        if !self.is_added(&new) {
            return false;
        }
        let id = new.id();
        if self.ended.by_id(id).is_some() {
            self.remove_ended(id);
            // The renewed job counts its attempts from 0, but the old one's leases must stay stale.
            self.retire_attempts();
        }
        let content = Content { key: &new.key, payload: &new.payload, as_pushed: None }.encode();
        let name = new.group.as_ref().map(|group| group.0.as_str());
        let origin = Origin {
            lane: new.lane,
            group: name,
            priority: new.priority,
            sequence: self.next_sequence,
            pushed_ms: now,
            attempts_before: self.retired_attempts,
        };
        let group = self.lanes[new.lane.index()].id_of(name, now);
        // A large content leaves memory once it is written.
        let mut job = Job::new(id, &origin, group, ContentAt::Memory(content));
        job.due_ms = now.saturating_add(new.delay_ms);
        job.state = if new.delay_ms == 0 { JobState::Ready } else { JobState::Delayed };
        self.next_sequence += 1;
        self.rates[new.lane.index()].at(now).pushed += 1;
        let slot = self.jobs.insert(job);
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
        true
    }

    fn move_cursor(&mut self, step: CursorMove, known: u64) {
        let skipped = self.cursors.get(&step.source).map_or(0, |cursor| cursor.skipped) + known;
        let CursorMove { source, from: _, offset, entries, entries_total } = step;
        let cursor = Cursor { source: source.clone(), offset, entries, entries_total, skipped };
        self.save_cursor(&cursor);
        self.cursors.insert(source, cursor);
        self.count_unread_entries();
    }

    pub(super) fn count_unread_entries(&mut self) {
        let unread = |cursor: &Cursor| cursor.entries_total.saturating_sub(cursor.entries);
        self.unread_entries = self.cursors.values().map(unread).sum();
    }
}
