//! What people ask of the queue: counts, lists, another round, forgetting, pausing.

use std::collections::BTreeSet;

use flow::{
    clock::Millis,
    job::{Group, Happened, JobId, JobView, Priority, Selection, State},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, Pause, QueueError, QueueStats},
};

use super::{
    Ledger,
    jobs::{ContentAt, Ended, Job, Unwritten},
    origin_of, progress_of,
};
use crate::{
    log::EntryLocation,
    log::entry::{
        AsPushed, Content, Entries, Entry, Origin, Progress, RetryState, TOMBSTONE_BYTES, begin_group,
        decode_content,
    },
    log::wal::Fsync,
    session::SessionId,
};

/// A job, whole.
pub(super) struct Record {
    pub(super) view: JobView,
    /// The number of its latest attempt, as leases have it.
    pub(super) token: u32,
    /// That of the latest attempt that ended by `fail`.
    pub(super) failed_token: Option<u32>,
    attempts_before: u32,
    sequence: u64,
    retry_state: Option<Box<RetryState>>,
    /// Group, priority and payload before it was revised.
    as_pushed: Option<(Option<Group>, Priority, Vec<u8>)>,
}

/// The ids that a list goes through page by page, as long as nothing changes.
#[derive(Debug)]
pub(super) struct Listing {
    selection: Selection,
    ids: Vec<JobId>,
}

impl Ledger {
    /// See [`flow::queue::QueueAdmin::stats`].
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let lanes = Lane::ALL.map(|lane| {
            let mut stats = self.lanes[lane.index()].stats.clone();
            stats.workers = self.sessions.workers(lane);
            stats
        });
        let skipped = self.cursors.values().map(|cursor| cursor.skipped).sum();
        QueueStats { lanes, unfed: self.unfed, skipped }
    }

    /// See [`flow::queue::QueueAdmin::cursors`].
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    /// See [`flow::queue::QueueAdmin::list`]. The first page of a list looks at every job.
    ///
    /// # Errors
    /// [`QueueError::Broken`] where a job cannot be read.
    pub fn list(
        &mut self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        now: Millis,
    ) -> Result<Vec<JobView>, QueueError> {
        let listing = match self.listing.take() {
            Some(listing) if listing.selection == *selection => listing,
            _ => {
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
            let view = self.record(*id)?.map(|record| record.view);
            found.extend(view.filter(|view| selection.takes(view, now)));
        }
        self.listing = Some(listing);
        Ok(found)
    }

    /// Jobs that may be meant, as far as it shows without reading them, in no order. Where ids are given, only those are
    /// looked at.
    fn candidates(&self, selection: &Selection) -> Vec<JobId> {
        let Selection { ids, lane, state, reason, key, group, older_ms: _ } = selection;
        let may_be = |of: Lane, stands: State| {
            lane.is_none_or(|lane| lane == of) && state.is_none_or(|state| state == stands)
        };
        let named = key.as_ref().map(|key| Lane::ALL.map(|lane| JobId::of(lane, key)));
        let is_named = |id: JobId| named.as_ref().is_none_or(|named| named.contains(&id));
        let is_live = |job: &Job| {
            let group_fits = group.is_none() || self.lanes[job.lane.index()].group(job.group).name == *group;
            let has_failed = reason.is_none() || job.retry_state.is_some();
            may_be(job.lane, job.state) && group_fits && has_failed && is_named(job.id)
        };
        let has_ended = |ended: &Ended| may_be(ended.lane, ended.state) && is_named(ended.id);
        if ids.is_empty() {
            let live = self.jobs.live().filter(|(_, job)| is_live(job)).map(|(_, job)| job.id);
            let ended = self.jobs.all_ended().filter(|ended| has_ended(ended)).map(|ended| ended.id);
            return live.chain(ended).collect();
        }
        let ids: BTreeSet<JobId> = ids.iter().copied().collect();
        let is_meant = |id: &JobId| match self.jobs.find(*id).and_then(|slot| self.jobs.get(slot)) {
            Some(job) => is_live(job),
            None => self.jobs.ended(*id).is_some_and(has_ended),
        };
        ids.into_iter().filter(is_meant).collect()
    }

    fn selected(&self, selection: &Selection, now: Millis) -> Result<Vec<JobId>, QueueError> {
        let Selection { ids: _, lane: _, state: _, reason, key: _, group, older_ms } = selection;
        let by_record = reason.is_some() || group.is_some() || older_ms.is_some();
        let mut selected = self.candidates(selection);
        if by_record {
            let mut failure = None;
            selected.retain(|id| match self.record(*id) {
                Ok(record) => record.is_some_and(|record| selection.takes(&record.view, now)),
                Err(error) => {
                    failure = Some(error);
                    false
                }
            });
            failure.map_or(Ok(()), Err)?;
        }
        Ok(selected)
    }

    /// A job, wherever it lies.
    pub(super) fn record(&self, id: JobId) -> Result<Option<Record>, QueueError> {
        if let Some(slot) = self.jobs.find(id) {
            let Some(job) = self.jobs.get(slot) else { return Ok(None) };
            let name = self.lanes[job.lane.index()].group(job.group).name.as_ref();
            let origin = origin_of(job, name.map(|group| group.0.as_str()));
            let mut record = record(id, &origin, progress_of(job, self.phase(job)), &self.text(slot)?)?;
            let waits = matches!(job.state, State::Delayed | State::Leased);
            record.view.due_ms = waits.then_some(job.due_ms);
            return Ok(Some(record));
        }
        let Some(ended) = self.jobs.ended(id) else { return Ok(None) };
        let entry = match self.dirty.ended.get(&id) {
            Some(entry) => entry.clone(),
            None => self.log.read(ended.home, ended.offset, ended.home.bytes())?,
        };
        let group = [begin_group(0), entry].concat();
        let broken = |why: String| QueueError::Broken(format!("job {id} cannot be read: {why}"));
        match Entries::of(&group).map_err(broken)?.next() {
            Some(Ok((_, _, Entry::Full { origin, course, text, .. }))) => {
                record(id, &origin, course, text).map(Some)
            }
            other => Err(broken(format!("{other:?}"))),
        }
    }

    /// See [`flow::queue::QueueAdmin::retry`].
    pub fn retry(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        if selection.state.is_some_and(|state| state != State::Dead) {
            return Ok(0);
        }
        let dead = Selection { state: Some(State::Dead), ..selection.clone() };
        let ids = self.selected(&dead, now)?;
        for id in &ids {
            if let Some(record) = self.record(*id)? {
                self.revive(*id, record, now);
            }
        }
        self.dirty.force = Fsync::Yes;
        Ok(ids.len() as u64)
    }

    /// Makes a dead job ready, as it was pushed.
    fn revive(&mut self, id: JobId, record: Record, now: Millis) {
        let Record { view, sequence, attempts_before, retry_state, as_pushed, .. } = record;
        let (group, priority, payload) = as_pushed.unwrap_or((view.group, view.priority, view.payload));
        self.bury(id);
        let index = &mut self.lanes[view.lane.index()];
        let name = group.as_ref().map(|group| group.0.as_str());
        let text = Content { key: &view.key, payload: &payload, as_pushed: None };
        let mut job = Job {
            id,
            sequence,
            pushed_ms: now,
            changed_ms: now,
            due_ms: 0,
            whole: EntryLocation::default(),
            course: EntryLocation::default(),
            text: ContentAt::Memory(text.encode()),
            retry_state,
            group: index.id_of(name, now),
            stamp: 0,
            session: SessionId(0),
            attempts: view.attempts,
            attempts_before,
            priority,
            lane: view.lane,
            state: State::Ready,
            unwritten: Unwritten::Nothing,
        };
        let attempt = job.attempts;
        let retry_state = job.retry_state_mut();
        retry_state.reset();
        // Its group may be another one now than the one that was paused.
        retry_state.group_paused_until_ms = 0;
        retry_state.remember(now, attempt, Happened::Retried);
        let slot = self.jobs.insert(job);
        self.enter(slot);
        self.mark(slot, Unwritten::Full);
    }

    /// Takes an ended job out; its entry counts no longer.
    pub(super) fn bury(&mut self, id: JobId) {
        let Some(ended) = self.jobs.remove_ended(id) else { return };
        self.listing = None;
        self.dirty.ended.remove(&id);
        self.log.table.release(ended.home);
        *self.lanes[ended.lane.index()].stats.count_mut(ended.state) -= 1;
    }

    /// See [`flow::queue::QueueAdmin::drop_jobs`].
    pub fn drop_jobs(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        let mut dropped = 0;
        for id in self.selected(selection, now)? {
            if let Some(slot) = self.jobs.find(id) {
                if self.jobs.get(slot).is_none_or(|job| job.state == State::Leased) {
                    continue;
                }
                self.leave(slot);
                let Some(job) = self.jobs.remove(slot) else { continue };
                self.log.table.release(job.whole);
                self.log.table.release(job.course);
            } else {
                self.bury(id);
            }
            self.dirty.gone.insert(id);
            self.dirty.bytes += TOMBSTONE_BYTES as usize;
            dropped += 1;
        }
        if dropped > 0 {
            self.listing = None;
            self.use_up_attempts();
            self.dirty.force = Fsync::Yes;
        }
        Ok(dropped)
    }

    /// No job that comes from now on has a number of an attempt so far.
    pub(super) fn use_up_attempts(&mut self) {
        if self.attempts_used != self.attempts_max {
            self.attempts_used = self.attempts_max;
            self.set(vec![b'a'], &self.attempts_max.clone());
        }
    }

    /// See [`flow::queue::QueueAdmin::set_paused`].
    pub fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].stats.paused = pause == Pause::Paused;
        self.save_lane(lane);
    }
}

fn record(id: JobId, origin: &Origin<'_>, course: Progress, text: &[u8]) -> Result<Record, QueueError> {
    let text = decode_content(text).map_err(QueueError::Broken)?;
    let Progress { phase, changed_ms, attempts, retry_state } = course;
    let state = phase.state();
    let noted = retry_state.as_deref();
    let failed_attempt = noted.map_or(0, |retry_state| retry_state.failed_attempt);
    let view = JobView {
        id,
        lane: origin.lane,
        key: text.key.to_owned(),
        group: origin.group.map(|group| Group(group.to_owned())),
        priority: origin.priority,
        state,
        due_ms: None,
        attempts,
        failures: noted.map_or(0, |retry_state| retry_state.failures),
        pushed_ms: origin.pushed_ms,
        changed_ms,
        history: noted.map(|retry_state| retry_state.history.clone()).unwrap_or_default(),
        payload: text.payload.to_owned(),
    };
    Ok(Record {
        view,
        token: origin.attempts_before.saturating_add(attempts),
        failed_token: (failed_attempt > 0).then(|| origin.attempts_before.saturating_add(failed_attempt)),
        attempts_before: origin.attempts_before,
        sequence: origin.sequence,
        retry_state,
        as_pushed: text.as_pushed.map(|as_pushed| {
            let AsPushed { group, priority, payload } = as_pushed;
            (group.map(|group| Group(group.to_owned())), priority, payload.to_owned())
        }),
    })
}
