//! Lists, retries and drops selected jobs, and pauses lanes.

use std::collections::BTreeSet;

use flow::{
    clock::Millis,
    job::{JobEventKind, JobId, JobState, JobView, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, Pause, QueueError},
};

use super::{
    Ledger,
    jobs::{ContentAt, EndedJob, Job, Unwritten},
    stored_job::StoredJob,
};
use crate::log::{
    entry::{Content, Origin, TOMBSTONE_BYTES},
    wal::Fsync,
};

/// The ids of a list that is read page by page. Kept as long as no job changes.
#[derive(Debug)]
pub(super) struct Listing {
    selection: Selection,
    ids: Vec<JobId>,
}

impl Ledger {
    /// Returns the cursors of all source lists, in order of their names: how far each has been read. See
    /// [`flow::queue::QueueAdmin::cursors`].
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    /// Lists selected jobs. See [`flow::queue::QueueAdmin::list`]. The first page of a list takes time in
    /// proportion to all jobs.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if a job cannot be read.
    pub fn list(
        &mut self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        now: Millis,
    ) -> Result<Vec<JobView>, QueueError> {
        let listing = match self.listing.take() {
            Some(listing) if listing.selection == *selection => listing,
            Some(_) | None => {
                let mut ids = self.candidates(selection);
                ids.sort_unstable();
                Listing { selection: selection.clone(), ids }
            }
        };
        let from = after.map_or(0, |after| listing.ids.partition_point(|id| *id <= after));
        let mut found = Vec::new();
        for id in &listing.ids[from..] {
            if found.len() >= limit.min(BATCH_MAX) {
                break;
            }
            let view = self.known_job(*id)?.view;
            if selection.takes(&view, now) {
                found.push(view);
            }
        }
        self.listing = Some(listing);
        Ok(found)
    }

    /// Returns the jobs that a selection may mean, as far as the indexes tell, in no particular order.
    fn candidates(&self, selection: &Selection) -> Vec<JobId> {
        let Selection { ids, lane, state, reason, key, group, older_ms: _ } = selection;
        let may_be = |of: Lane, stands: JobState| {
            lane.is_none_or(|lane| lane == of) && state.is_none_or(|state| state == stands)
        };
        let named = key.as_ref().map(|key| Lane::ALL.map(|lane| JobId::of(lane, key)));
        let is_named = |id: JobId| named.as_ref().is_none_or(|named| named.contains(&id));
        let is_live = |job: &Job| {
            let group_fits = group.is_none() || self.lanes[job.lane.index()].group(job.group).name == *group;
            let has_failed = reason.is_none() || job.retry_state.is_some();
            may_be(job.lane, job.state) && group_fits && has_failed && is_named(job.id)
        };
        let has_ended = |ended: &EndedJob| may_be(ended.lane, ended.state) && is_named(ended.id);
        if ids.is_empty() {
            let live = self.jobs.iter().filter(|(_, job)| is_live(job)).map(|(_, job)| job.id);
            let ended = self.ended.iter().filter(|(_, ended)| has_ended(ended)).map(|(_, ended)| ended.id);
            return live.chain(ended).collect();
        }
        let ids: BTreeSet<JobId> = ids.iter().copied().collect();
        let is_meant = |id: &JobId| match self.jobs.find(*id) {
            Some(slot) => is_live(&self.jobs[slot]),
            None => self.ended.by_id(*id).is_some_and(has_ended),
        };
        ids.into_iter().filter(is_meant).collect()
    }

    fn selected(&self, selection: &Selection, now: Millis) -> Result<Vec<JobId>, QueueError> {
        let Selection { ids: _, lane: _, state: _, reason, key: _, group, older_ms } = selection;
        let mut selected = self.candidates(selection);
        // For the rest of a selection the indexes decide, so no job is read.
        if reason.is_some() || group.is_some() || older_ms.is_some() {
            let mut meant = Vec::new();
            for id in selected {
                if selection.takes(&self.known_job(id)?.view, now) {
                    meant.push(id);
                }
            }
            selected = meant;
        }
        Ok(selected)
    }

    /// Makes selected dead jobs ready again, as they were pushed. Returns their number. See
    /// [`flow::queue::QueueAdmin::retry`].
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if a job cannot be read.
    pub fn retry(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        if selection.state.is_some_and(|state| state != JobState::Dead) {
            return Ok(0);
        }
        let dead = Selection { state: Some(JobState::Dead), ..selection.clone() };
        let ids = self.selected(&dead, now)?;
        for id in &ids {
            let job = self.known_job(*id)?;
            self.revive(job, now);
        }
        self.dirty.fsync = Fsync::Yes;
        Ok(ids.len() as u64)
    }

    /// Makes a dead job ready, as it was pushed.
    fn revive(&mut self, job: StoredJob, now: Millis) {
        let StoredJob { view, sequence, attempts_before, retry_state, as_pushed, .. } = job;
        let (group, priority, payload) = as_pushed.unwrap_or((view.group, view.priority, view.payload));
        self.remove_ended(view.id);
        let content = Content { key: &view.key, payload: &payload, as_pushed: None }.encode();
        let name = group.as_ref().map(|group| group.0.as_str());
        let (lane, pushed_ms) = (view.lane, now);
        let origin = Origin { lane, group: name, priority, sequence, pushed_ms, attempts_before };
        let group = self.lanes[lane.index()].id_of(name, now);
        let mut job = Job::new(view.id, &origin, group, ContentAt::Memory(content));
        (job.attempts, job.retry_state) = (view.attempts, retry_state);
        let retry_state = job.retry_state_mut();
        retry_state.reset();
        // The pause may be of a group that the job had before it was revised.
        retry_state.group_paused_until_ms = 0;
        retry_state.record(now, view.attempts, JobEventKind::Retried);
        let slot = self.jobs.insert(job);
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
    }

    /// Removes a job that has ended.
    pub(super) fn remove_ended(&mut self, id: JobId) {
        let ended = self.ended.remove_by_id(id).expect("the caller found it among the ended jobs");
        self.listing = None;
        self.dirty.ended.remove(&id);
        self.log.usage.release(ended.location);
        *self.lanes[ended.lane.index()].stats.count_mut(ended.state) -= 1;
    }

    /// Drops selected jobs that are not leased. Returns their number. See
    /// [`flow::queue::QueueAdmin::drop_jobs`].
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if a job cannot be read; nothing is dropped then.
    pub fn drop_jobs(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        let mut dropped = 0;
        for id in self.selected(selection, now)? {
            if let Some(slot) = self.jobs.find(id) {
                // A worker has it, and would complete a job that is not there.
                if self.jobs[slot].state == JobState::Leased {
                    continue;
                }
                self.leave(slot);
                let job = self.jobs.remove(slot);
                self.log.usage.release(job.full_entry);
                self.log.usage.release(job.delta_entry);
            } else {
                self.remove_ended(id);
            }
            self.dirty.dropped.insert(id);
            self.dirty.bytes += TOMBSTONE_BYTES as usize;
            dropped += 1;
        }
        if dropped > 0 {
            self.listing = None;
            // A job that is pushed with the id of a dropped one counts its attempts from 0, but the leases of
            // the dropped one must stay stale.
            self.retire_attempts();
            self.dirty.fsync = Fsync::Yes;
        }
        Ok(dropped)
    }

    /// Pauses a lane, or resumes it. See [`flow::queue::QueueAdmin::set_paused`].
    pub fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].stats.paused = pause == Pause::Paused;
        self.save_lane(lane);
    }
}
