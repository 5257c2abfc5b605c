//! Ends attempts: jobs are completed, tried again, given up, released, or moved to another group.

use flow::{
    clock::Millis,
    failure::Failure,
    job::{JobEventKind, JobState, Lease, NewJob},
    queue::{Nack, QueueError},
};

use super::{
    Ledger,
    arena::Slot,
    jobs::{ContentAt, Unwritten},
    validation::{check_jobs, check_nack},
};
use crate::log::{
    entry::{AsPushed, Content, Phase, decode_content},
    wal::Fsync,
};

impl Ledger {
    /// Ends a job as done and adds the jobs that follow. See [`flow::queue::JobQueue::complete`].
    ///
    /// # Errors
    /// Returns [`QueueError::Stale`] if the lease is no longer held, unless this attempt has completed the
    /// job before; [`QueueError::Invalid`] if one of the following jobs is over a bound;
    /// [`QueueError::Broken`] if the job cannot be read.
    pub fn complete(&mut self, lease: Lease, next: Vec<NewJob>, now: Millis) -> Result<(), QueueError> {
        check_jobs(&next)?;
        let Some(slot) = self.find_leased(lease) else {
            // The answer to the first request may have been lost.
            let is_repeated = self
                .stored_job(lease.id)?
                .is_some_and(|job| job.view.state == JobState::Done && job.attempt_number == lease.attempt);
            return if is_repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        };
        let lane = self.jobs[slot].lane;
        self.rates[lane.index()].at(now).done += 1;
        self.end(slot, Phase::Done, now)?;
        for job in next {
            self.insert(job, now);
        }
        self.dirty.fsync = Fsync::Yes;
        Ok(())
    }

    /// Ends an attempt without success. See [`flow::queue::JobQueue::fail`].
    ///
    /// # Errors
    /// Returns [`QueueError::Stale`] if the lease is no longer held, unless this attempt was the latest to
    /// fail; [`QueueError::Invalid`] if the nack is over a bound or names another job; [`QueueError::Broken`]
    /// if the job cannot be read.
    pub fn fail(&mut self, lease: Lease, nack: Nack, now: Millis) -> Result<(), QueueError> {
        let Some(slot) = self.find_leased(lease) else {
            // The answer to the first request may have been lost.
            let is_repeated =
                self.stored_job(lease.id)?.is_some_and(|job| job.failed_attempt == Some(lease.attempt));
            return if is_repeated { Ok(()) } else { Err(QueueError::Stale(lease)) };
        };
        check_nack(lease, &nack)?;
        self.dirty.fsync = Fsync::Yes;
        match nack {
            Nack::Retry { failure, after_ms, group_pause_ms, revised } => {
                self.retry_later(slot, failure, after_ms, group_pause_ms, now);
                revised.map_or(Ok(()), |new| self.revise(slot, &new, now))
            }
            Nack::Dead { failure } => {
                self.count_failure(slot, now);
                self.rates[self.jobs[slot].lane.index()].at(now).dead += 1;
                self.change(slot, now, |job| {
                    job.record_failed(now, JobEventKind::Died(failure)).failures += 1
                });
                self.end(slot, Phase::Dead, now)
            }
            Nack::Release => {
                self.change(slot, now, |job| {
                    job.retry_state_mut().failed_attempt = job.attempts;
                    job.state = JobState::Ready;
                });
                Ok(())
            }
            Nack::Move { why, revised } => {
                self.change(slot, now, |job| {
                    job.record_failed(now, JobEventKind::Moved(why));
                    job.state = JobState::Ready;
                });
                self.revise(slot, &revised, now)
            }
        }
    }

    fn count_failure(&mut self, slot: Slot, now: Millis) {
        self.rates[self.jobs[slot].lane.index()].at(now).failed += 1;
    }

    fn retry_later(
        &mut self,
        slot: Slot,
        failure: Failure,
        after_ms: Millis,
        group_pause_ms: Millis,
        now: Millis,
    ) {
        self.count_failure(slot, now);
        let (lane, group) = (self.jobs[slot].lane, self.jobs[slot].group);
        let paused_until_ms = if group_pause_ms > 0 { now.saturating_add(group_pause_ms) } else { 0 };
        self.lanes[lane.index()].pause_group(group, paused_until_ms, Some(&failure));
        self.lanes[lane.index()].stats.retried += 1;
        self.save_lane(lane);
        self.change(slot, now, |job| {
            let retry_state = job.record_failed(now, JobEventKind::Failed(failure));
            retry_state.failures += 1;
            retry_state.failing_since_ms.get_or_insert(now);
            retry_state.group_paused_until_ms = paused_until_ms;
            job.due_ms = now.saturating_add(after_ms);
            job.state = if after_ms == 0 { JobState::Ready } else { JobState::Delayed };
        });
    }

    /// Replaces group, priority and payload of a pending job. What it was pushed with is kept for a retry by
    /// hand.
    fn revise(&mut self, slot: Slot, new: &NewJob, now: Millis) -> Result<(), QueueError> {
        let bytes = self.content(slot)?.into_owned();
        let content = decode_content(&bytes).map_err(QueueError::Broken)?;
        self.leave(slot);
        let job = &mut self.jobs[slot];
        let lane = &mut self.lanes[job.lane.index()];
        let before = AsPushed {
            group: lane.group(job.group).name(),
            priority: job.priority,
            payload: content.payload,
        };
        // Only the first revision replaces what was pushed.
        let as_pushed = Some(content.as_pushed.unwrap_or(before));
        let revised = Content { key: content.key, payload: &new.payload, as_pushed }.encode();
        job.content = ContentAt::Memory(revised);
        let group = lane.id_of(new.group.as_ref().map(|group| group.0.as_str()), now);
        let left_group = std::mem::replace(&mut job.group, group) != group;
        job.priority = new.priority;
        let retry_state = job.retry_state_mut();
        retry_state.reset();
        if left_group {
            // The pause is of the group that the job has left.
            retry_state.group_paused_until_ms = 0;
        }
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
        Ok(())
    }
}
