//! Adds jobs, and moves the cursors of their sources.

use flow::{
    job::{GROUP_BYTES_MAX, JobState, KEY_BYTES_MAX, NewJob, OnDuplicate, PAYLOAD_BYTES_MAX},
    lane::Lane,
    queue::{Cursor, CursorMove, Push, Pushed},
};

use super::{Model, job::Job};

/// A reason to refuse a request, as far as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Invalid,
    CursorMoved,
    Full(Lane),
    Stale,
}

/// The result of a request, or all reasons to refuse it: the contract does not say which of several comes
/// first.
pub(crate) type Expected<T> = Result<T, Vec<Refusal>>;

pub(super) fn is_valid(job: &NewJob) -> bool {
    (1..=KEY_BYTES_MAX).contains(&job.key.len())
        && job.group.as_ref().is_none_or(|group| group.0.len() <= GROUP_BYTES_MAX)
        && job.payload.len() <= PAYLOAD_BYTES_MAX
}

impl Model {
    pub(crate) fn push(&mut self, push: Push) -> Expected<Pushed> {
        if !push.jobs.iter().all(is_valid) {
            return Err(vec![Refusal::Invalid]);
        }
        let mut refusals = self.full_lanes(&push.jobs);
        if push.cursor.as_ref().is_some_and(|step| self.offset_of(&step.source) != step.from) {
            refusals.push(Refusal::CursorMoved);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let known = self.add(push.jobs.clone());
        if let Some(step) = push.cursor {
            self.move_cursor(step, known.len() as u64);
        }
        Ok(Pushed { new: (push.jobs.len() - known.len()) as u64, known })
    }

    fn full_lanes(&self, jobs: &[NewJob]) -> Vec<Refusal> {
        let is_over = |lane: &Lane| {
            let new = jobs.iter().filter(|job| job.lane == *lane && self.is_added(job));
            let mut ids: Vec<_> = new.map(NewJob::id).collect();
            ids.sort_unstable();
            ids.dedup();
            !ids.is_empty() && self.pending(*lane) + ids.len() as u64 > self.capacity
        };
        Lane::ALL.into_iter().filter(is_over).map(Refusal::Full).collect()
    }

    fn is_added(&self, new: &NewJob) -> bool {
        self.jobs.get(&new.id()).is_none_or(|job| {
            new.known == OnDuplicate::Renew && matches!(job.view.state, JobState::Done | JobState::Dead)
        })
    }

    /// Adds the jobs that are new, and returns the positions of the others.
    pub(super) fn add(&mut self, jobs: Vec<NewJob>) -> Vec<u32> {
        let mut known = Vec::new();
        for (position, new) in (0..).zip(jobs) {
            if !self.is_added(&new) {
                known.push(position);
                continue;
            }
            self.pushes += 1;
            self.count(new.lane, |rates| &mut rates.pushed);
            self.jobs.insert(new.id(), Job::new(new, self.pushes, self.now));
        }
        known
    }

    /// Returns the offset of a source's cursor.
    pub(crate) fn offset_of(&self, source: &str) -> Option<u64> {
        self.cursors.get(source).map(|cursor| cursor.offset)
    }

    fn move_cursor(&mut self, step: CursorMove, known: u64) {
        let skipped = known + self.cursors.get(&step.source).map_or(0, |cursor| cursor.skipped);
        let CursorMove { source, from: _, offset, entries, entries_total } = step;
        self.cursors.insert(source.clone(), Cursor { source, offset, entries, entries_total, skipped });
    }

    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }
}
