//! Adds jobs, and moves the cursors of their sources.

use super::Ledger;
use crate::{
    clock::Millis,
    job::{GROUP_BYTES_MAX, KEY_BYTES_MAX, NewJob, OnDuplicate, PAYLOAD_BYTES_MAX},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, CursorMove, Push, Pushed, QueueError},
    testing::memory_queue::record::Job,
};

/// The longest name of a source, in bytes.
const SOURCE_BYTES_MAX: usize = 200;

impl Ledger {
    pub(in crate::testing::memory_queue) fn push(
        &mut self,
        push: Push,
        now_ms: Millis,
    ) -> Result<Pushed, QueueError> {
        // All checks come before the first change, so that a refused push changes nothing.
        check_batch(&push.jobs)?;
        push.cursor.as_ref().map_or(Ok(()), |step| self.check_cursor(step))?;
        self.check_room(&push.jobs)?;
        let known = self.add(push.jobs.clone(), now_ms);
        if let Some(step) = push.cursor {
            self.step(step, known.len() as u64);
        }
        Ok(Pushed { new: (push.jobs.len() - known.len()) as u64, known })
    }

    /// Adds the new jobs, and returns the positions of the others.
    pub(super) fn add(&mut self, jobs: Vec<NewJob>, now_ms: Millis) -> Vec<u32> {
        let mut known = Vec::new();
        for (at, new) in (0..).zip(jobs) {
            self.pushes += 1;
            if let Some(ended) = self.jobs.get(&new.id())
                && new.known == OnDuplicate::Renew
                && !ended.is_pending()
            {
                // Leases of the replaced job must not be valid for the new one.
                self.attempts_used = self.attempts_used.max(ended.lease(new.id()).attempt);
                self.jobs.remove(&new.id());
            }
            if self.jobs.contains_key(&new.id()) {
                known.push(at);
            } else {
                self.happened.push((now_ms, new.lane, |rates| &mut rates.pushed));
                self.jobs.insert(new.id(), Job::new(new, self.pushes, self.attempts_used, now_ms));
            }
        }
        known
    }

    fn check_room(&self, jobs: &[NewJob]) -> Result<(), QueueError> {
        let is_added = |new: &&NewJob| match self.jobs.get(&new.id()) {
            Some(job) => new.known == OnDuplicate::Renew && !job.is_pending(),
            None => true,
        };
        let mut new: Vec<_> = jobs.iter().filter(is_added).map(|job| (job.lane, job.id())).collect();
        // The same key may be in the push twice.
        new.sort_unstable();
        new.dedup();
        let stats = self.stats();
        let is_over = |lane: &Lane| {
            let more = new.iter().filter(|(of, _)| of == lane).count() as u64;
            // A push without new jobs for a lane is accepted even if the lane is full.
            more > 0 && stats.lane(*lane).pending() + more > self.lane_capacity
        };
        Lane::ALL.into_iter().find(is_over).map_or(Ok(()), |lane| Err(QueueError::Full(lane)))
    }

    fn check_cursor(&self, step: &CursorMove) -> Result<(), QueueError> {
        if step.source.is_empty() || step.source.len() > SOURCE_BYTES_MAX {
            return Err(QueueError::Invalid(format!("a source's name has 1 to {SOURCE_BYTES_MAX} bytes")));
        }
        let stands_at = self.cursors.get(&step.source).map(|cursor| cursor.offset);
        if stands_at == step.from { Ok(()) } else { Err(QueueError::CursorMoved(step.source.clone())) }
    }

    fn step(&mut self, step: CursorMove, known: u64) {
        let CursorMove { source, from: _, offset, entries, entries_total } = step;
        let skipped = known + self.cursors.get(&source).map_or(0, |cursor| cursor.skipped);
        self.cursors.insert(source.clone(), Cursor { source, offset, entries, entries_total, skipped });
    }
}

pub(super) fn check_batch(jobs: &[NewJob]) -> Result<(), QueueError> {
    if jobs.len() > BATCH_MAX {
        return Err(QueueError::Invalid(format!("{} jobs at once: the most is {BATCH_MAX}", jobs.len())));
    }
    jobs.iter().try_for_each(check)
}

pub(super) fn check(job: &NewJob) -> Result<(), QueueError> {
    let group_bytes = job.group.as_ref().map_or(0, |group| group.0.len());
    let wrong = if job.key.is_empty() || job.key.len() > KEY_BYTES_MAX {
        format!("a job's key has 1 to {KEY_BYTES_MAX} bytes")
    } else if group_bytes > GROUP_BYTES_MAX {
        format!("the group of job '{}' is over {GROUP_BYTES_MAX} bytes", job.key)
    } else if job.payload.len() > PAYLOAD_BYTES_MAX {
        format!("the payload of job '{}' is over {PAYLOAD_BYTES_MAX} bytes", job.key)
    } else {
        return Ok(());
    };
    Err(QueueError::Invalid(wrong))
}
