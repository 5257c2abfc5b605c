//! Rebuilds the jobs in memory from the commit groups of the log.

use std::{collections::BTreeMap, io::ErrorKind};

use flow::{
    clock::Millis,
    job::{JobId, JobState},
    queue::QueueError,
};
use hashbrown::HashMap;

use super::{
    CONTENT_IN_MEMORY_BYTES,
    arena::Arena,
    jobs::{ContentAt, EndedJob, Job},
    scheduler::LaneScheduler,
    sessions::Sessions,
};
use crate::{
    error::storage_error,
    log::{
        chunks::Joined,
        database::{Database, GroupChunks, StoredGroup},
        entry::{Entries, Entry, Origin, Phase, Progress, decode_content, offset_u32},
        usage::{EntryLocation, GroupPlace, Usage},
        wal::Wal,
    },
};

/// The result of the commit groups that were read so far.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) jobs: Arena<Job>,
    pub(super) ended: Arena<EndedJob>,
    pub(super) lanes: [LaneScheduler; 3],
    pub(super) sessions: Sessions,
    pub(super) usage: Usage,
    pub(super) next_sequence: u64,
    pub(super) latest_ms: Millis,
    pub(super) highest_attempt: u32,
    pub(super) recent: BTreeMap<u64, Vec<u8>>,
    pub(super) settings: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) checkpoint: u64,
    pub(super) newest: u64,
    /// The jobs that were dropped according to the write-ahead log.
    pub(super) dropped: Vec<JobId>,
    /// The present ids of jobs whose keys are not folded, by the ids that they had before keys were folded.
    spelled: HashMap<JobId, JobId>,
    /// The ids among them that entries name.
    pub(super) renamed: HashMap<JobId, JobId>,
    /// Groups that a killed checkpoint has left, with the number of their chunks.
    pub(super) unfinished: Vec<(u64, u16)>,
}

impl Replay {
    /// Reads the groups of the database, then those of the write-ahead log.
    ///
    /// # Errors
    /// Returns [`QueueError::Damaged`] if something is missing, damaged or of an unknown format, and
    /// [`QueueError::Broken`] if the files cannot be read.
    pub(super) fn read(&mut self, database: &Database, wal: &Wal) -> Result<(), QueueError> {
        // A new database would hide the jobs in the log, and the first checkpoint would overwrite them.
        if database.is_new() && wal.exists() {
            return Err(database.damaged("it is missing, but its write-ahead log 'tail' exists"));
        }
        let checkpoint = database.checkpoint()?;
        (self.checkpoint, self.newest) = (checkpoint, checkpoint);
        let mut checksums = BTreeMap::new();
        for stored in database.groups() {
            let StoredGroup { number, chunk_count, content } = stored?;
            let damaged = |why| database.damaged(&format!("commit group {number} cannot be read: {why}"));
            match content {
                // The write-ahead log holds what these hold.
                _ if number > checkpoint => self.unfinished.push((number, chunk_count)),
                Joined::Partial => return Err(damaged("it is incomplete".to_owned())),
                Joined::Complete(bytes, checksum) => {
                    checksums.insert(number, checksum);
                    let chunks = GroupChunks { count: chunk_count, checksum };
                    let place = GroupPlace::Database { bytes: offset_u32(bytes.len()), chunks };
                    self.usage.add_group(number, place);
                    self.group(number, &bytes).map_err(damaged)?;
                }
            }
        }
        // After all groups were read, since the manifest names all of them.
        database.check(checkpoint, &checksums)?;
        let recent = wal.read(checkpoint).map_err(|error| match error.kind() {
            ErrorKind::InvalidData => database.damaged(&error.to_string()),
            _ => storage_error("read", database.directory(), &error),
        })?;
        for (number, bytes) in recent {
            let damaged = |why| database.damaged(&format!("commit group {number} cannot be read: {why}"));
            self.usage.add_group(number, GroupPlace::Wal);
            self.group(number, &bytes).map_err(damaged)?;
            self.recent.insert(number, bytes);
            self.newest = number;
        }
        self.usage.review_all();
        Ok(())
    }

    fn group(&mut self, number: u64, bytes: &[u8]) -> Result<(), String> {
        let entries = Entries::of(bytes)?;
        self.latest_ms = self.latest_ms.max(entries.at_ms);
        for entry in entries {
            let (offset, bytes, entry) = entry?;
            let location = EntryLocation::new(number, bytes.len());
            match entry {
                Entry::Full { origin, progress, content_offset, content } => {
                    let at = Position { location, offset, content_offset };
                    self.full(at, &origin, progress, content)?;
                }
                Entry::Delta { id, progress } => self.delta(location, id, progress)?,
                Entry::Tombstone { id } => {
                    let id = self.present_id(id);
                    self.forget(id);
                    self.usage.count_tombstone(number);
                    // Tombstones in the database stay there until compaction.
                    if number > self.checkpoint {
                        self.dropped.push(id);
                    }
                }
                Entry::Setting { key, value } => {
                    self.settings.insert(key.to_owned(), value.to_owned());
                }
            }
        }
        Ok(())
    }

    fn full(
        &mut self,
        at: Position,
        origin: &Origin<'_>,
        progress: Progress,
        content: &[u8],
    ) -> Result<(), String> {
        let key = decode_content(content)?.key;
        let (id, before) = (JobId::of(origin.lane, key), JobId::of_spelling(origin.lane, key));
        // Entries of a queue from before keys were folded name the job by this id.
        if before != id {
            self.spelled.insert(before, id);
        }
        self.forget(id);
        self.usage.count(at.location);
        self.next_sequence = self.next_sequence.max(origin.sequence + 1);
        let attempts = origin.attempts_before.saturating_add(progress.attempts);
        self.highest_attempt = self.highest_attempt.max(attempts);
        let state = progress.phase.state();
        if matches!(state, JobState::Done | JobState::Dead) {
            let Position { location, offset, .. } = at;
            self.ended.insert(EndedJob { id, location, offset, lane: origin.lane, state });
            return Ok(());
        }
        let content = match content.len() {
            0..=CONTENT_IN_MEMORY_BYTES => ContentAt::Memory(content.into()),
            length => ContentAt::Log { offset: at.content_offset, length: offset_u32(length) },
        };
        let group = self.lanes[origin.lane.index()].id_of(origin.group, 0);
        let mut job = Job::new(id, origin, group, content);
        job.full_entry = at.location;
        set_progress(&mut job, progress, &mut self.sessions);
        let session = job.session;
        let slot = self.jobs.insert(job);
        if state == JobState::Leased {
            self.sessions.add_lease(session, slot);
        }
        Ok(())
    }

    fn delta(&mut self, location: EntryLocation, id: JobId, progress: Progress) -> Result<(), String> {
        if matches!(progress.phase, Phase::Done | Phase::Dead) {
            return Err("a job that has ended has only a delta".to_owned());
        }
        let id = self.present_id(id);
        // Compaction may have written the full entry to a later group. That one holds the progress too.
        let Some(slot) = self.jobs.find(id) else { return Ok(()) };
        let job = &mut self.jobs[slot];
        let attempts = job.attempts_before.saturating_add(progress.attempts);
        self.highest_attempt = self.highest_attempt.max(attempts);
        self.usage.uncount(job.delta_entry);
        self.usage.count(location);
        job.delta_entry = location;
        if job.state == JobState::Leased {
            self.sessions.remove_lease(job.session, slot);
        }
        set_progress(job, progress, &mut self.sessions);
        if job.state == JobState::Leased {
            self.sessions.add_lease(job.session, slot);
        }
        Ok(())
    }

    /// Returns the present id of a job from its id in an entry.
    fn present_id(&mut self, id: JobId) -> JobId {
        let Some(&present) = self.spelled.get(&id) else { return id };
        self.renamed.insert(id, present);
        present
    }

    /// Removes a job, if there is one, before a later entry replaces it.
    fn forget(&mut self, id: JobId) {
        if let Some(slot) = self.jobs.find(id) {
            let job = self.jobs.remove(slot);
            if job.state == JobState::Leased {
                self.sessions.remove_lease(job.session, slot);
            }
            self.usage.uncount(job.full_entry);
            self.usage.uncount(job.delta_entry);
        } else if let Some(ended) = self.ended.remove_by_id(id) {
            self.usage.uncount(ended.location);
        }
    }
}

/// The position of a full entry.
struct Position {
    location: EntryLocation,
    offset: u32,
    content_offset: u32,
}

fn set_progress(job: &mut Job, progress: Progress, sessions: &mut Sessions) {
    (job.changed_ms, job.attempts) = (progress.changed_ms, progress.attempts);
    job.retry_state = progress.retry_state;
    job.state = progress.phase.state();
    match progress.phase {
        Phase::Delayed { due_ms } => job.due_ms = due_ms,
        Phase::Leased { session } => job.session = sessions.id_of(session),
        Phase::Ready | Phase::Done | Phase::Dead => {}
    }
}

#[cfg(test)]
mod tests {
    use flow::{job::Priority, lane::Lane};

    use super::*;
    use crate::log::entry::{Content, begin_group, put_delta, put_full, put_tombstone};

    fn progress(phase: Phase, attempts: u32) -> Progress {
        Progress { phase, changed_ms: 1, attempts, retry_state: None }
    }

    fn put_job(group: &mut Vec<u8>, key: &str, phase: Phase) {
        let lane = Lane::Fetch;
        let (priority, sequence) = (Priority::default(), 1);
        let origin = Origin { lane, group: None, priority, sequence, pushed_ms: 1, attempts_before: 0 };
        put_full(
            group,
            &origin,
            &progress(phase, 0),
            &Content { key, payload: b"{}", as_pushed: None }.encode(),
        );
    }

    fn contains(replay: &Replay, key: &str) -> bool {
        let id = JobId::of(Lane::Fetch, key);
        replay.jobs.find(id).is_some() || replay.ended.find(id).is_some()
    }

    fn replayed(group: &[u8]) -> Replay {
        let mut replay = Replay::default();
        replay.usage.add_group(1, GroupPlace::Wal);
        replay.group(1, group).unwrap();
        replay
    }

    #[test]
    fn jobs_of_a_queue_from_before_keys_were_folded_are_found_by_every_spelling() {
        let mut group = begin_group(1);
        put_job(&mut group, "PG84", Phase::Done);
        put_job(&mut group, "Moby", Phase::Dead);
        let replay = replayed(&group);
        for key in ["PG84", "pg84", "Moby", "moby"] {
            assert!(contains(&replay, key), "{key}");
        }
        assert!(replay.renamed.is_empty(), "nothing names them by other ids");
    }

    #[test]
    fn entries_of_such_a_queue_that_name_a_job_by_its_id_still_apply_to_it() {
        let (moby, emma) = (JobId::of_spelling(Lane::Fetch, "Moby"), JobId::of_spelling(Lane::Fetch, "Emma"));
        let mut group = begin_group(1);
        put_job(&mut group, "Moby", Phase::Ready);
        put_job(&mut group, "Emma", Phase::Ready);
        put_delta(&mut group, moby, &progress(Phase::Delayed { due_ms: 9 }, 3));
        put_tombstone(&mut group, emma);
        let replay = replayed(&group);
        let slot = replay.jobs.find(JobId::of(Lane::Fetch, "moby")).expect("it is there");
        let job = &replay.jobs[slot];
        assert_eq!((job.state, job.attempts, job.due_ms), (JobState::Delayed, 3, 9));
        assert!(!contains(&replay, "Emma"), "it was dropped");
        assert_eq!(replay.dropped, [JobId::of(Lane::Fetch, "Emma")]);
        assert_eq!(replay.renamed.len(), 2);
    }

    /// A kill between the batches that remove dead groups leaves some of them.
    #[test]
    fn a_group_that_begins_with_what_a_dead_one_held_is_not_taken_for_dead() {
        let mut replay = Replay::default();
        for (number, keys) in [(1, &["moved"][..]), (2, &["moved", "other"])] {
            let mut group = begin_group(1);
            keys.iter().for_each(|key| put_job(&mut group, key, Phase::Ready));
            let chunks = GroupChunks { count: 1, checksum: 0 };
            let bytes = offset_u32(group.len());
            replay.usage.add_group(number, GroupPlace::Database { bytes, chunks });
            replay.group(number, &group).unwrap();
        }
        replay.usage.review_all();
        assert_eq!(replay.usage.checksums().into_keys().collect::<Vec<_>>(), [2]);
        assert!(replay.usage.counted_bytes(2) > 0);
    }
}
