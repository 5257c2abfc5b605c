//! Loads the ledger from the log at a start.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use flow::{
    clock::Millis,
    job::{JobState, last_failure},
    queue::QueueError,
};

use super::{
    Dirty, Ledger, REJOIN_MS, arena::Slot, commit::RecentEntries, queue_time::QueueTime, replay::Replay,
};
use crate::{
    error::storage_error,
    log::{Log, database::Database, usage::SLACK_BYTES, wal::Wal},
};

impl Ledger {
    /// Reads everything from a database's copy and the write-ahead log, makes a checkpoint, and replaces the
    /// database by the copy.
    ///
    /// # Errors
    /// Returns [`QueueError::Damaged`] if something is missing, damaged or of an unknown format, and
    /// [`QueueError::DiskFull`] or [`QueueError::Broken`] if the copy cannot be written. The database is left
    /// as it is in each case.
    pub fn load(database: Database, capacity: usize, wall_ms: Millis) -> Result<Self, QueueError> {
        let mut replay = Replay::default();
        let wal = Wal::of(database.directory(), database.durability);
        // sled reports some kinds of damage by panicking.
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| replay.read(&database, &wal)));
        read.unwrap_or_else(|_| Err(database.damaged("sled panicked while it read it")))?;
        let Replay {
            jobs, ended, lanes, sessions, usage, recent, settings, checkpoint, newest, renamed, ..
        } = replay;
        let slack_bytes = SLACK_BYTES;
        let mut ledger = Self {
            log: Log { database, wal, usage, slack_bytes, recent, settings, checkpoint, newest },
            queue_time: QueueTime::default(),
            now_ms: 0,
            opened_ms: 0,
            capacity: capacity as u64,
            jobs,
            ended,
            lanes,
            timers: Default::default(),
            sessions,
            renamed,
            cursors: BTreeMap::new(),
            unread_entries: 0,
            next_sequence: replay.next_sequence,
            retired_attempts: 0,
            highest_attempt: replay.highest_attempt,
            dirty: Dirty::default(),
            recent: RecentEntries::default(),
            rates: Default::default(),
            listing: None,
        };
        // First, since they hold the queue's time, which the checkpoint writes.
        let ahead_before_ms = ledger.load_settings()?;
        ledger.queue_time = QueueTime::from(replay.latest_ms, ahead_before_ms, wall_ms);
        ledger.now_ms = ledger.queue_time.at(wall_ms);
        ledger.opened_ms = ledger.now_ms;
        ledger.recent.dropped = replay.dropped;
        // Before anything changes: the checkpoint writes the jobs as they were read.
        ledger.switch(&replay.unfinished)?;
        ledger.index_all();
        ledger.adopt_leases()?;
        ledger.tick(ledger.now_ms)?;
        if let Some(ahead_ms) = ledger.queue_time.ahead_ms().filter(|ahead_ms| *ahead_ms != ahead_before_ms) {
            ledger.save_ahead(ahead_ms);
        }
        Ok(ledger)
    }

    /// Moves the write-ahead log to the copy, and replaces the database by it. `unfinished` are groups that a
    /// killed checkpoint has left.
    fn switch(&mut self, unfinished: &[(u64, u16)]) -> Result<(), QueueError> {
        // Before the checkpoint writes groups with the same numbers, which may have fewer chunks.
        for group in unfinished {
            self.log.database.move_checkpoint(self.log.checkpoint, [], &[*group])?;
        }
        self.recent.jobs = self.jobs.iter().map(|(slot, _)| slot).collect();
        self.recent.ended = self.ended.iter().map(|(_, ended)| ended.id).collect();
        self.checkpoint()?;
        self.log.database.switch(self.log.newest)?;
        let opened = self.log.wal.open(self.log.checkpoint);
        opened.map_err(|error| storage_error("open", self.log.database.directory(), &error))
    }

    /// Adds every job to the indexes of its state, in the order of pushes.
    fn index_all(&mut self) {
        let mut slots: Vec<(u64, Slot)> = self.jobs.iter().map(|(slot, job)| (job.sequence, slot)).collect();
        slots.sort_unstable();
        for (_, slot) in slots {
            let job = &self.jobs[slot];
            let lane = &mut self.lanes[job.lane.index()];
            // Pauses are stored with the jobs that caused them.
            if let Some(retry_state) = &job.retry_state {
                let (until_ms, why) = (retry_state.group_paused_until_ms, last_failure(&retry_state.history));
                lane.pause_group(job.group, until_ms, why);
            }
            if job.state == JobState::Leased {
                lane.record_claim(job.group, job.changed_ms);
            }
            self.enter(slot);
        }
        for (_, ended) in self.ended.iter() {
            *self.lanes[ended.lane.index()].stats.count_mut(ended.state) += 1;
        }
    }

    /// Returns the leases of dead processes, and gives live ones time to come back.
    fn adopt_leases(&mut self) -> Result<(), QueueError> {
        let now = self.now_ms;
        for session in self.sessions.all() {
            if session.is_dead() {
                self.end_session(session, now)?;
                continue;
            }
            for slot in self.sessions.leased_to(session) {
                let job = &mut self.jobs[slot];
                job.due_ms = now.saturating_add(REJOIN_MS);
                self.timers.set(slot, job);
            }
        }
        Ok(())
    }
}
