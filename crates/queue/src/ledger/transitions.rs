//! Moves jobs from state to state, and keeps the indexes and the changes to write in step.

use std::borrow::Cow;

use flow::{
    clock::Millis,
    failure::{Failure, Reason},
    job::{JobEventKind, JobState},
    queue::QueueError,
};

use super::{
    LOST_MAX, Ledger,
    arena::Slot,
    jobs::{ContentAt, EndedJob, Job, Unwritten},
};
use crate::log::{
    entry::{Content, Origin, Phase, decode_content, put_full},
    usage::EntryLocation,
};

/// An estimate of the bytes of an entry besides its content.
const ENTRY_BYTES: usize = 64;

impl Ledger {
    /// Notes that a part of a live job is to be written.
    pub(super) fn mark(&mut self, slot: Slot, part: Unwritten) {
        let job = &mut self.jobs[slot];
        if job.unwritten == Unwritten::Nothing {
            self.dirty.jobs.push(slot);
        }
        self.dirty.bytes += match (&job.content, part) {
            (ContentAt::Memory(content), Unwritten::Full) => ENTRY_BYTES + content.len(),
            (ContentAt::Log { length, .. }, Unwritten::Full) => ENTRY_BYTES + *length as usize,
            (_, Unwritten::Delta | Unwritten::Nothing) => ENTRY_BYTES,
        };
        // A delta that is still to be written does not spare the full entry, and the other way round.
        job.unwritten = job.unwritten.max(part);
    }

    /// Adds a live job to the indexes of its state.
    pub(super) fn enter(&mut self, slot: Slot) {
        self.listing = None;
        let job = &mut self.jobs[slot];
        match job.state {
            JobState::Delayed => self.timers.set(slot, job),
            JobState::Leased => {
                self.timers.set(slot, job);
                self.sessions.add_lease(job.session, slot);
            }
            JobState::Ready => self.timers.stamp(job),
            JobState::Done | JobState::Dead => unreachable!("a job that has ended is not live"),
        }
        self.lanes[job.lane.index()].enter(slot, job);
    }

    /// Removes a live job from the indexes of its state.
    pub(super) fn leave(&mut self, slot: Slot) {
        let job = &self.jobs[slot];
        if job.state == JobState::Leased {
            self.sessions.remove_lease(job.session, slot);
        }
        self.lanes[job.lane.index()].leave(slot, job);
    }

    /// Changes the progress of a live job.
    pub(super) fn change(&mut self, slot: Slot, now: Millis, edit: impl FnOnce(&mut Job)) {
        self.leave(slot);
        let job = &mut self.jobs[slot];
        edit(job);
        job.changed_ms = now;
        self.enter(slot);
        self.mark(slot, Unwritten::Delta);
    }

    /// Ends a live job. `phase` is done or dead.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the job's content cannot be read; nothing has changed then.
    pub(super) fn end(&mut self, slot: Slot, phase: Phase, now: Millis) -> Result<(), QueueError> {
        let bytes = self.content(slot)?;
        let kept = if phase == Phase::Done {
            // The payload has served its purpose; the key is still needed to absorb a repeated push.
            let Content { key, .. } = decode_content(&bytes).map_err(QueueError::Broken)?;
            Content { key, payload: &[], as_pushed: None }.encode()
        } else {
            bytes.into()
        };
        self.leave(slot);
        self.listing = None;
        let mut job = self.jobs.remove(slot);
        job.changed_ms = now;
        self.log.usage.release(job.full_entry);
        self.log.usage.release(job.delta_entry);
        *self.lanes[job.lane.index()].stats.count_mut(phase.state()) += 1;
        let origin = self.origin(&job);
        let mut entry = Vec::with_capacity(ENTRY_BYTES + kept.len());
        put_full(&mut entry, &origin, &job.progress(phase), &kept);
        self.dirty.bytes += entry.len();
        self.dirty.ended.insert(job.id, entry);
        let (location, offset) = (EntryLocation::NONE, 0);
        self.ended.insert(EndedJob { id: job.id, location, offset, lane: job.lane, state: phase.state() });
        Ok(())
    }

    /// Returns the content of a live job, from memory or the log.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if it cannot be read.
    pub(super) fn content(&self, slot: Slot) -> Result<Cow<'_, [u8]>, QueueError> {
        let job = &self.jobs[slot];
        match &job.content {
            ContentAt::Memory(content) => Ok(Cow::Borrowed(content)),
            ContentAt::Log { offset, length } => {
                self.log.read(job.full_entry, *offset, *length).map(Cow::Owned)
            }
        }
    }

    /// Returns the stored form of a live job's state.
    pub(super) fn phase(&self, job: &Job) -> Phase {
        match job.state {
            JobState::Ready => Phase::Ready,
            JobState::Delayed => Phase::Delayed { due_ms: job.due_ms },
            JobState::Leased => Phase::Leased { session: self.sessions.session(job.session) },
            JobState::Done | JobState::Dead => unreachable!("a job that has ended is not live"),
        }
    }

    /// Returns the stored form of the part of a job that never changes.
    pub(super) fn origin(&self, job: &Job) -> Origin<'_> {
        let Job { lane, priority, sequence, pushed_ms, attempts_before, .. } = *job;
        let group = self.lanes[lane.index()].group(job.group).name();
        Origin { lane, group, priority, sequence, pushed_ms, attempts_before }
    }

    /// Makes a job ready again whose worker has died, or dead if that happened too often.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the job's content cannot be read.
    pub(super) fn reclaim(&mut self, slot: Slot, now: Millis) -> Result<(), QueueError> {
        let mut kills_workers = false;
        self.change(slot, now, |job| {
            let attempt = job.attempts;
            let retry_state = job.retry_state_mut();
            retry_state.lost += 1;
            retry_state.record(now, attempt, JobEventKind::Lost);
            kills_workers = retry_state.lost >= LOST_MAX;
            if kills_workers {
                let message = format!("its worker died {LOST_MAX} times while it had this job");
                retry_state.record(now, attempt, JobEventKind::Died(Failure::new(Reason::Internal, message)));
            }
            job.state = JobState::Ready;
        });
        if kills_workers { self.end(slot, Phase::Dead, now) } else { Ok(()) }
    }

    /// Ends the delays and leases whose time has come. Must be called before any other method that takes
    /// `now`.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if a job cannot be read.
    pub fn tick(&mut self, now: Millis) -> Result<(), QueueError> {
        self.now_ms = self.now_ms.max(now);
        while let Some(slot) = self.timers.pop(&self.jobs, now) {
            if self.jobs[slot].state == JobState::Leased {
                self.reclaim(slot, now)?;
            } else {
                // Nothing is written: the stored delay already says when the job is ready.
                self.leave(slot);
                let job = &mut self.jobs[slot];
                (job.state, job.changed_ms) = (JobState::Ready, job.due_ms);
                self.enter(slot);
            }
        }
        let waiting = self.lanes.iter().map(|lane| lane.stats.delayed + lane.stats.leased).sum();
        self.timers.sweep(&self.jobs, waiting);
        Ok(())
    }

    /// Returns a time of the queue's clock before which [`tick`](Self::tick) has nothing to do; it may be too
    /// early. `None` if no job is delayed or leased. The owner sleeps until then.
    #[must_use]
    pub fn next_wakeup_ms(&self) -> Option<Millis> {
        self.timers.next_ms()
    }
}
