//! Lists, retries and drops jobs, pauses lanes, and counts.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{LaneState, Ledger};
use crate::{
    clock::Millis,
    job::{Group, JobEventKind, JobId, JobState, JobView, Selection},
    lane::Lane,
    queue::{
        Cursor, GROUPS_NAMED_MAX, GroupStats, LaneDetails, LaneStats, Pause, QueueDetails, QueueStats,
        RATES_WINDOW_MS,
    },
    testing::memory_queue::record::{Job, Place},
};

impl Ledger {
    pub(in crate::testing::memory_queue) fn pending_in(&self, lane: Lane, groups: &[Group]) -> Vec<u64> {
        let count = |group: &Group| {
            let is_there = |job: &&Job| job.lane == lane && job.group() == Some(group) && job.is_pending();
            self.jobs.values().filter(is_there).count() as u64
        };
        groups.iter().map(count).collect()
    }

    pub(in crate::testing::memory_queue) fn set_paused(&mut self, lane: Lane, pause: Pause) {
        self.lanes[lane.index()].paused = pause == Pause::Paused;
    }

    pub(in crate::testing::memory_queue) fn stats(&self) -> QueueStats {
        let mut stats = QueueStats {
            lanes: Lane::ALL.map(|lane| {
                let LaneState { retried, workers, paused } = self.lanes[lane.index()];
                LaneStats { retried, workers, paused, ..LaneStats::default() }
            }),
            unfed: self.unfed(),
            skipped: self.cursors.values().map(|cursor| cursor.skipped).sum(),
        };
        for job in self.jobs.values() {
            *stats.lanes[job.lane.index()].count_mut(job.state()) += 1;
        }
        stats
    }

    pub(in crate::testing::memory_queue) fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().cloned().collect()
    }

    pub(in crate::testing::memory_queue) fn details(&self, now_ms: Millis) -> QueueDetails {
        QueueDetails {
            owner_ms: now_ms - self.opened_ms,
            lanes: Lane::ALL.map(|lane| self.lane_details(lane, now_ms)),
        }
    }

    fn lane_details(&self, lane: Lane, now_ms: Millis) -> LaneDetails {
        let mut details = LaneDetails::default();
        for (_, _, count) in self.happened.iter().filter(|(at_ms, happened_in, _)| {
            *happened_in == lane && now_ms.saturating_sub(*at_ms) < RATES_WINDOW_MS
        }) {
            *count(&mut details.rates) += 1;
        }
        let mut groups: BTreeMap<Option<&Group>, GroupStats> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.lane == lane) {
            let pause = self.scheduler.pause_of(lane, job.group(), now_ms);
            let empty = GroupStats { group: job.group.clone(), ready: 0, delayed: 0, in_flight: 0, pause };
            let of_state = |stats: &mut GroupStats| match job.state() {
                JobState::Ready => stats.ready += 1,
                JobState::Delayed => stats.delayed += 1,
                JobState::Leased => stats.in_flight += 1,
                JobState::Done | JobState::Dead => {}
            };
            if !matches!(job.state(), JobState::Done | JobState::Dead) {
                of_state(groups.entry(job.group()).or_insert(empty));
                let age = now_ms.saturating_sub(job.pushed_ms);
                details.oldest_pending_ms = details.oldest_pending_ms.max(Some(age));
            }
        }
        // Counted before the list is cut.
        details.groups_total = groups.len() as u64;
        details.groups = groups.into_values().collect();
        // The sort is stable, so groups with the same counts stay in the order of their names.
        details.groups.sort_by_key(|stats| (Reverse(stats.in_flight), Reverse(stats.ready)));
        details.groups.truncate(GROUPS_NAMED_MAX);
        details
    }

    pub(in crate::testing::memory_queue) fn list(
        &self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        now_ms: Millis,
    ) -> Vec<JobView> {
        self.jobs
            .iter()
            // Pages are in the order of ids, which never changes, so no job is listed twice.
            .filter(|(id, _)| after.is_none_or(|after| **id > after))
            .map(|(id, job)| job.view(*id))
            .filter(|view| selection.takes(view, now_ms))
            .take(limit)
            .collect()
    }

    pub(in crate::testing::memory_queue) fn retry(&mut self, selection: &Selection, now_ms: Millis) -> u64 {
        let mut retried = 0;
        for (id, job) in &mut self.jobs {
            // A selection may include other states. Only dead jobs can be retried.
            if job.place == Place::Dead && selection.takes(&job.view(*id), now_ms) {
                job.record(JobEventKind::Retried, now_ms);
                job.restore();
                job.go(Place::Ready, now_ms);
                job.failures = 0;
                job.failing_since_ms = None;
                // The age of the job starts again, as after a push.
                job.pushed_ms = now_ms;
                retried += 1;
            }
        }
        retried
    }

    pub(in crate::testing::memory_queue) fn drop_jobs(
        &mut self,
        selection: &Selection,
        now_ms: Millis,
    ) -> u64 {
        let before = self.jobs.len();
        let attempts_used = &mut self.attempts_used;
        self.jobs.retain(|id, job| {
            // A leased job stays: its worker may be about to complete it.
            let stays = job.is_leased() || !selection.takes(&job.view(*id), now_ms);
            if !stays {
                // A job of the same key may be pushed again. Old leases must not be valid for it.
                *attempts_used = (*attempts_used).max(job.lease(*id).attempt);
            }
            stays
        });
        (before - self.jobs.len()) as u64
    }

    /// Returns the number of entries of source lists that are not yet in the queue.
    pub(super) fn unfed(&self) -> u64 {
        self.cursors.values().map(|cursor| cursor.entries_total.saturating_sub(cursor.entries)).sum()
    }
}
