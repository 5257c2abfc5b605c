//! What people ask of the queue: counts, lists, another round, forgetting, pausing.

use std::ops::Bound;

use flow::{
    clock::Millis,
    job::{Happened, JobId, JobView, Selection, State},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, Pause, QueueError, QueueStats},
};

use super::{Body, Ledger, Slot};
use crate::record::Phase;

impl Ledger {
    /// See [`flow::queue::JobQueue::stats`].
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let lanes = Lane::ALL.map(|lane| {
            let mut stats = self.lanes[lane.index()].stats.clone();
            stats.workers = self.workers(lane);
            stats
        });
        let skipped = self.cursors.values().map(|cursor| cursor.skipped).sum();
        QueueStats { lanes, unfed: self.unfed(), skipped }
    }

    pub(super) fn unfed(&self) -> u64 {
        self.cursors.values().map(|cursor| cursor.entries_total.saturating_sub(cursor.entries)).sum()
    }

    /// See [`flow::queue::JobQueue::cursors`].
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    /// See [`flow::queue::JobQueue::list`].
    pub fn list(
        &self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        now: Millis,
    ) -> Result<Vec<JobView>, QueueError> {
        let mut found = Vec::new();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (id, _) in self
            .slots
            .range((from, Bound::Unbounded))
            .filter(|(id, slot)| may_be_meant(selection, **id, slot))
        {
            if found.len() == limit.min(BATCH_MAX) {
                break;
            }
            let view = self.record(*id)?.map(crate::record::Record::into_view);
            found.extend(view.filter(|view| selection.takes(view, now)));
        }
        Ok(found)
    }

    fn selected(&self, selection: &Selection, now: Millis) -> Result<Vec<JobId>, QueueError> {
        let mut ids = Vec::new();
        let Selection { ids: _, lane: _, state: _, reason, key, group, older_ms } = selection;
        let by_record = reason.is_some() || key.is_some() || group.is_some() || older_ms.is_some();
        for (id, _) in self.slots.iter().filter(|(id, slot)| may_be_meant(selection, **id, slot)) {
            if !by_record || self.record(*id)?.is_some_and(|record| selection.takes(&record.into_view(), now))
            {
                ids.push(*id);
            }
        }
        Ok(ids)
    }

    /// See [`flow::queue::JobQueue::retry`].
    pub fn retry(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        let dead = Selection { state: Some(State::Dead), ..selection.clone() };
        if selection.state.is_some_and(|state| state != State::Dead) {
            return Ok(0);
        }
        let ids = self.selected(&dead, now)?;
        for id in &ids {
            let Some(mut record) = self.record(*id)? else { continue };
            let Some(slot) = self.slots.remove(id) else { continue };
            self.lanes[record.lane.index()].leave(*id, &record);
            self.dirty.ended.remove(id);
            record.phase = Phase::Ready;
            record.restore();
            (record.pushed_ms, record.changed_ms) = (now, now);
            record.remember(now, Happened::Retried);
            self.admit(*id, record, slot.parts);
            self.dirty.jobs.insert(*id);
        }
        Ok(ids.len() as u64)
    }

    /// See [`flow::queue::JobQueue::drop_jobs`].
    pub fn drop_jobs(&mut self, selection: &Selection, now: Millis) -> Result<u64, QueueError> {
        let mut dropped = 0;
        for id in self.selected(selection, now)? {
            let Some(record) = self.record(id)? else { continue };
            if record.phase.state() == State::Leased {
                continue;
            }
            let Some(slot) = self.slots.remove(&id) else { continue };
            self.lanes[record.lane.index()].leave(id, &record);
            self.dirty.jobs.remove(&id);
            self.dirty.ended.remove(&id);
            self.dirty.removed.insert(id, slot.parts);
            dropped += 1;
        }
        Ok(dropped)
    }

    /// See [`flow::queue::JobQueue::set_paused`].
    pub fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].stats.paused = pause == Pause::Paused;
        self.dirty.lanes.insert(lane);
    }
}

/// Whether what is in memory of a job allows it to be meant.
fn may_be_meant(selection: &Selection, id: JobId, slot: &Slot) -> bool {
    let never_failed = match &slot.body {
        Body::Live(record) => record.history.is_empty(),
        Body::Ended(_) => false,
    };
    (selection.ids.is_empty() || selection.ids.contains(&id))
        && selection.lane.is_none_or(|lane| lane == slot.lane)
        && selection.state.is_none_or(|state| state == slot.state())
        && !(selection.reason.is_some() && never_failed)
}
